//! Folders for what must not outlive the process that made them: whose are they, and which are nobody's any more?
//!
//! What lies in one may be the school's data in the clear. The process that uses a folder holds a lock in it, which falls
//! with the process however that ends; so a folder whose lock can be taken was left behind, and goes. The lock of the
//! folder above keeps a sweep from seeing one that was just made and not locked yet.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use tempfile::TempDir;

/// The lock's name in each folder.
const LOCK: &str = ".in-use";

/// A folder of this process; goes with everything in it when this is dropped.
#[derive(Debug)]
pub struct Claim {
    made: TempDir,
    /// Held open for its lock.
    _lock: File,
}

impl Claim {
    /// Makes one in `above`, which must be there, whose name begins with `prefix`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn new(above: &Path, prefix: &str) -> io::Result<Self> {
        let _making = held(above, FlockOperation::LockShared);
        let made = TempDir::with_prefix_in(prefix, above)?;
        let lock = crate::lock(&made.path().join(LOCK))?;
        // Where nothing can be locked nobody sweeps either.
        let _ = flock(&lock, FlockOperation::LockExclusive);
        Ok(Self { made, _lock: lock })
    }

    /// The folder. The lock lies in it, so what must be empty at first is another folder in this one.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.made.path()
    }

    /// Removes it, and says so if that cannot be done.
    ///
    /// # Errors
    /// What the operating system says; then something is left.
    pub fn close(self) -> io::Result<()> {
        self.made.close()
    }
}

/// What in a folder nobody uses any more.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Leftovers {
    /// The folders.
    pub found: Vec<PathBuf>,
    /// Those of them that could not be removed, and why.
    pub stuck: Vec<(PathBuf, String)>,
}

/// Which folders in `above` nobody uses any more, of those that `is_ours` knows.
///
/// # Errors
/// That `above` is there and cannot be listed.
pub fn leftovers(above: &Path, is_ours: impl Fn(&Path) -> bool) -> io::Result<Leftovers> {
    sweep(above, is_ours, |_| Ok(()))
}

/// Has `remove` take away those folders in `above` that nobody uses any more, of those that `is_ours` knows.
///
/// # Errors
/// That `above` is there and cannot be listed.
pub fn sweep(
    above: &Path,
    is_ours: impl Fn(&Path) -> bool,
    remove: impl Fn(&Path) -> io::Result<()>,
) -> io::Result<Leftovers> {
    let mut out = Leftovers::default();
    let listed = match fs::read_dir(above) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(out),
        listed => listed?,
    };
    // Nobody is between making a folder and locking it.
    let _all = held(above, FlockOperation::LockExclusive);
    for entry in listed {
        let entry = entry?;
        let path = entry.path();
        if !entry.file_type()?.is_dir() || !is_ours(&path) || is_in_use(&path) {
            continue;
        }
        if let Err(why) = remove(&path) {
            out.stuck.push((path.clone(), why.to_string()));
        }
        out.found.push(path);
    }
    out.found.sort();
    Ok(out)
}

/// Whether a folder has, or had, a lock of ours in it.
#[must_use]
pub fn is_claimed(folder: &Path) -> bool {
    folder.join(LOCK).symlink_metadata().is_ok_and(|about| about.is_file())
}

/// Whether a living process holds the lock in a folder, as far as can be told. One without a lock is of a process that
/// died before it had one, or of a version that took none.
fn is_in_use(folder: &Path) -> bool {
    match crate::lock_there(&folder.join(LOCK)) {
        Ok(lock) => flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err(),
        Err(why) => why.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// The lock of a folder itself, held until this is dropped; none where folders cannot be locked.
fn held(folder: &Path, how: FlockOperation) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(CWD, folder, flags, Mode::empty()).ok()?;
    rustix::io::retry_on_intr(|| flock(&folder, how)).ok()?;
    Some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_is_spared_and_what_a_killed_process_left_goes() {
        let above = tempfile::tempdir().unwrap();
        let alive = Claim::new(above.path(), "rehearsal-").unwrap();
        fs::write(alive.path().join("f"), "x").unwrap();
        let old = above.path().join("dr-sqlite-of-an-old-version");
        fs::create_dir(&old).unwrap();
        fs::write(old.join("database"), "in the clear").unwrap();
        // As a killed process leaves it: the lock's file is there and nobody holds it.
        let killed = above.path().join("rehearsal-killed");
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join(LOCK), "").unwrap();
        fs::write(above.path().join("a-file"), "sealed").unwrap();
        assert_eq!(leftovers(above.path(), |_| true).unwrap().found, [old.clone(), killed.clone()]);
        assert_eq!(leftovers(above.path(), is_claimed).unwrap().found, std::slice::from_ref(&killed));
        let swept = sweep(above.path(), |_| true, |path| fs::remove_dir_all(path)).unwrap();
        assert_eq!(swept, Leftovers { found: vec![old.clone(), killed], stuck: vec![] });
        assert!(!old.exists() && alive.path().join("f").exists() && above.path().join("a-file").exists());
        let place = alive.path().to_owned();
        alive.close().unwrap();
        assert!(!place.exists());
        assert_eq!(leftovers(&above.path().join("absent"), |_| true).unwrap(), Leftovers::default());
    }

    #[test]
    fn what_cannot_be_removed_is_named() {
        let above = tempfile::tempdir().unwrap();
        fs::create_dir(above.path().join("stuck")).unwrap();
        let swept = sweep(above.path(), |_| true, |_| Err(io::ErrorKind::PermissionDenied.into())).unwrap();
        assert_eq!((swept.found.len(), swept.stuck.len()), (1, 1));
    }
}
