//! How does a restored website come into a closed room? As a copy that the room's account may read and write: what was
//! restored is not shown to it, so nothing there can change what is judged.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Copies folders, plain files and links as such, and nothing else. Nothing may run in `to` yet.
pub(super) fn copied(from: &Path, to: &Path, stop: &AtomicBool) -> io::Result<()> {
    let mut folders: Vec<(PathBuf, PathBuf)> = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = folders.pop() {
        fs::create_dir(&to)?;
        opened(&to, true)?;
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            if stop.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let (kind, inner, path) = (entry.file_type()?, to.join(entry.file_name()), entry.path());
            if kind.is_dir() {
                folders.push((path, inner));
            } else if kind.is_symlink() {
                std::os::unix::fs::symlink(fs::read_link(path)?, inner)?;
            } else if kind.is_file() {
                let (mut from, mut into) = (dr_open::plain(&path)?, fs::File::create_new(&inner)?);
                io::copy(&mut from, &mut into)?;
                opened(&inner, false)?;
            }
        }
    }
    Ok(())
}

/// For whoever is in the room; the room's own folder is closed to everybody else.
pub(super) fn opened(path: &Path, is_folder: bool) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(if is_folder { 0o777 } else { 0o666 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_links_and_what_nobody_may_read_can_be_read_in_the_copy() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("inner")).unwrap();
        fs::write(from.join("inner/wp-config.php"), "secret").unwrap();
        fs::set_permissions(from.join("inner/wp-config.php"), fs::Permissions::from_mode(0o400)).unwrap();
        std::os::unix::fs::symlink("/etc", from.join("link")).unwrap();
        copied(&from, &to, &AtomicBool::new(false)).unwrap();
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("/etc"));
        let file = fs::metadata(to.join("inner/wp-config.php")).unwrap();
        assert_eq!((file.permissions().mode() & 0o777, file.len()), (0o666, 6));
        assert!(copied(&from, &folder.path().join("other"), &AtomicBool::new(true)).is_err());
    }
}
