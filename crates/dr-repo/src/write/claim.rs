//! Is a session of this host alive? A running one holds a lock on a file of its name, beside this host's notes about
//! the repository, and on another among the temporary files of a store that has such: two programs of one host may keep
//! their notes apart. When the process ends, however it ends, the locks are gone.

use std::fs::File;
use std::path::{Path, PathBuf};

use dr_format::id::SessionId;
use rustix::fs::{FlockOperation, flock};

/// A run registers something every half a minute. One that was silent for a day is dead, and what it held may go.
pub(crate) const DEAD_MS: i64 = 24 * 3_600_000;

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
        let lock = dr_open::lock(&path).ok()?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(Self { path, _lock: lock })
    }

    /// Claims a session that begins, among the temporary files of its store.
    pub(crate) fn beside(staging: &Path, session: SessionId) -> Option<Self> {
        Self::on(staging.join(session.to_string()))
    }

    /// Whether a process of this host holds the lock on a file, as far as can be seen from here.
    fn is_held(path: &Path) -> bool {
        // Over NFS a lock needs a file that can be written; a medium may be read-only.
        match dr_open::lock_there(path).or_else(|_| dr_open::plain(path)) {
            // In the moment in which a process looks it holds the lock itself, and lets go of it.
            Ok(lock) => flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err(),
            // Whose file cannot be opened may be at work.
            Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => false,
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        }
    }

    /// Clears away what dead processes left.
    pub(crate) fn tidy(journal: &Path) {
        let left = std::fs::read_dir(folder(journal)).into_iter().flatten().flatten();
        left.for_each(|entry| drop(Self::on(entry.path())));
    }
}

/// Whether a process of this host is at work on a session; `None`: there is nothing from which that could be told.
pub(crate) fn is_running(journal: Option<&Path>, staging: Option<&Path>, session: SessionId) -> Option<bool> {
    let in_notes = journal.map(|journal| folder(journal).join(session.to_string()));
    let in_store = staging.map(|staging| staging.join(session.to_string()));
    let mut seen = in_notes.iter().chain(&in_store).map(|path| Claim::is_held(path)).peekable();
    seen.peek()?;
    Some(seen.any(|held| held))
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
