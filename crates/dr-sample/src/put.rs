//! How a made file gets onto the disk with its time, and how much has been put there so far.

use crate::{Error, Result, at};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How many files and bytes were made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Regular files.
    pub files: u64,
    /// Their lengths, added up.
    pub bytes: u64,
}

impl Size {
    pub(crate) fn count(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

impl std::ops::AddAssign for Size {
    fn add_assign(&mut self, other: Size) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

/// Seconds since 1970, before or after, as the standard library wants them.
pub(crate) fn system_time(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
}

pub(crate) fn directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(at(path))
}

/// Writes a file whose directory exists, and gives it its time. A file that was there is written over.
pub(crate) fn file(path: &Path, bytes: &[u8], modified: i64) -> Result<()> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.set_modified(system_time(modified))
    };
    write().map_err(at(path))
}

/// As office programs save: a new file beside the old one, renamed over it.
pub(crate) fn save_again(path: &Path, bytes: &[u8], modified: i64) -> Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".saving");
    let beside = PathBuf::from(beside);
    file(&beside, bytes, modified)?;
    fs::rename(&beside, path).map_err(at(path))
}

/// Regular files below `dir`, relative to it, in the order of their bytes.
pub(crate) fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).map_err(at(&next))? {
            let entry = entry.map_err(at(&next))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(at(&path))?;
            if kind.is_dir() {
                waiting.push(path);
            } else if kind.is_file() {
                let below =
                    path.strip_prefix(dir).map_err(|_| Error::Unfit { path: path.clone(), lacks: "its directory" })?;
                found.push(below.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(at(path))
}

pub(crate) fn extension(path: &Path) -> &str {
    path.extension().and_then(|e| e.to_str()).unwrap_or("")
}
