//! Is a session of this host alive? A running one holds a lock on a file of its name, beside this host's notes about
//! the repository; when the process ends, however it ends, the lock is gone.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::id::SessionId;

/// The lock on a session.
pub(crate) struct Claim {
    path: PathBuf,
    _lock: File,
}

impl Claim {
    /// Claims a session: a new one, or one whose process is dead. `None` if that is alive, or if there is no place for
    /// notes, or it knows no locks: then nobody knows, and nothing of the session may be touched.
    pub(crate) fn of(journal: Option<&Path>, session: SessionId) -> Option<Self> {
        let folder = folder(journal?);
        std::fs::create_dir_all(&folder).ok()?;
        Self::on(folder.join(session.to_string()))
    }

    fn on(path: PathBuf) -> Option<Self> {
        let lock = File::options().create(true).truncate(false).write(true).open(&path).ok()?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(Self { path, _lock: lock })
    }

    /// Clears away what dead processes left.
    pub(crate) fn tidy(journal: &Path) {
        let left = std::fs::read_dir(folder(journal)).into_iter().flatten().flatten();
        left.for_each(|entry| drop(Self::on(entry.path())));
    }
}

fn folder(journal: &Path) -> PathBuf {
    journal.join("sessions")
}

impl Drop for Claim {
    fn drop(&mut self) {
        // At worst an empty file stays, which the next run clears away.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_claimed_once_and_what_is_dead_is_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Some(folder.path());
        let (alive, dead) = (SessionId([1; 16]), SessionId([2; 16]));
        let claim = Claim::of(journal, alive).unwrap();
        assert!(Claim::of(journal, alive).is_none());
        File::create(folder.path().join("sessions").join(dead.to_string())).unwrap();
        Claim::tidy(folder.path());
        assert_eq!(std::fs::read_dir(folder.path().join("sessions")).unwrap().count(), 1);
        drop(claim);
        assert!(Claim::of(journal, alive).is_some());
        assert!(Claim::of(None, alive).is_none());
    }
}
