//! How do the files of a caller come to their places, and go again, without touching anybody else's?

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{Caller, MARKER, Written};

/// Why a file was not written or removed.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It is somebody else's.
    #[error("{} is there and was not written by dr, so it is left alone. Move it away first.", .0.display())]
    NotOurs(PathBuf),
    /// The operating system says no.
    #[error("{} cannot be {what}: {why}", path.display())]
    Io {
        /// What was to be done.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        why: io::Error,
    },
}

/// What is in the place of a file of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum There {
    /// No file.
    Nothing,
    /// A file that dr wrote.
    Ours,
    /// Somebody else's file.
    Others,
}

/// Looks at one place.
pub fn there(path: &Path) -> There {
    match fs::symlink_metadata(path) {
        Err(_) => There::Nothing,
        Ok(about) if !about.is_file() => There::Others,
        Ok(_) => match fs::read_to_string(path) {
            Ok(text) if text.starts_with(MARKER) => There::Ours,
            _ => There::Others,
        },
    }
}

/// Which callers are installed below `root`.
pub fn installed(root: &Path) -> Vec<Caller> {
    let whole = |caller: &Caller| caller.paths().iter().all(|path| there(&root.join(path)) == There::Ours);
    // Who calls beside another calls nothing that must not be missed.
    Caller::ALL.into_iter().filter(|caller| *caller != Caller::Rehearsals).filter(whole).collect()
}

/// Writes all files, or none if one place holds somebody else's. Returns where they are.
///
/// # Errors
/// [`PlaceError`].
pub fn write(root: &Path, files: &[Written]) -> Result<Vec<PathBuf>, PlaceError> {
    let places: Vec<PathBuf> = files.iter().map(|file| root.join(file.path)).collect();
    if let Some(path) = places.iter().find(|path| there(path) == There::Others) {
        return Err(PlaceError::NotOurs(path.clone()));
    }
    for (path, file) in places.iter().zip(files) {
        replace(path, &file.text).map_err(|why| PlaceError::Io { what: "written", path: path.clone(), why })?;
    }
    Ok(places)
}

/// The whole new text or the whole old one is there, whenever the power goes.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    // cron reads no file with a dot in its name, systemd none with this ending.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = folder.join(format!(".{name}.dr-new"));
    let _ = fs::remove_file(&new);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(&new)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written?;
    fs::File::open(folder)?.sync_all()
}

/// Removes the files of `caller` that are ours. Returns those.
///
/// # Errors
/// [`PlaceError`].
pub fn remove(root: &Path, caller: Caller) -> Result<Vec<PathBuf>, PlaceError> {
    let places = caller.paths().iter().map(|path| root.join(path));
    let ours: Vec<PathBuf> = places.filter(|path| there(path) == There::Ours).collect();
    for path in &ours {
        fs::remove_file(path).map_err(|why| PlaceError::Io { what: "removed", path: path.clone(), why })?;
    }
    Ok(ours)
}
