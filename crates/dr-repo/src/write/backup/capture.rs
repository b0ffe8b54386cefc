//! What is backed up, and what came of it.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use dr_entry::{EntryPath, Unread};
use dr_format::id::SnapshotId;
use dr_format::snapshot::{Label, Shape};

use crate::error::RepoError;
use crate::progress::Tally;
use crate::read::repository::Fault;
use crate::read::touched::Touched;
use crate::write::presence::Lacking;

/// How a capture is to be kept. All of it is the caller's to decide.
pub struct BackupOptions<'a> {
    /// The snapshot's id; the same on every target.
    pub snapshot: SnapshotId,
    /// What lists will show; counts and the end are filled in here.
    pub label: Label,
    /// Whether the entries are one directory's or stand under absolute paths.
    pub shape: Shape,
    /// A file of its own for the file cache of this source on this repository; its folder exists.
    pub cache: Option<&'a Path>,
    /// A folder for private notes of this host about this repository: the journal of packs, the run's lock.
    pub journal: Option<&'a Path>,
    /// Where packs are written before they have a name, if the store has no place for that.
    pub scratch: &'a Path,
    /// zstd level, 1 to 19. `None`: from 1 upwards while the target is what everybody waits for.
    pub level: Option<i32>,
    /// Worker threads.
    pub workers: usize,
    /// Tells the time, in milliseconds since 1970 UTC.
    pub clock: &'a (dyn Fn() -> i64 + Sync),
    /// Set from outside to end early, with everything stored so far registered.
    pub stop: &'a AtomicBool,
    /// Progress.
    pub tally: &'a Tally,
    /// Read everything back afterwards with the session's key, before that is wiped.
    pub prove: bool,
}

/// What a backup did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// Entries kept.
    pub entries: u64,
    /// Files among them.
    pub files: u64,
    /// Bytes of contents kept, holes included.
    pub bytes: u64,
    /// Bytes read from the source.
    pub bytes_read: u64,
    /// Bytes of new objects.
    pub bytes_stored: u64,
    /// New objects.
    pub objects: u64,
    /// What could not be captured.
    pub unreadable: Vec<Unread>,
    /// What was captured without everything that belongs to it: an attribute that could not be read, say.
    pub partial: Vec<Unread>,
    /// Files that changed while they were read; what is kept is what was read.
    pub unsettled: Vec<EntryPath>,
    /// Packs of an interrupted run that were taken up.
    pub adopted: u64,
    /// New chunks that were read back and compared, if that was asked for.
    pub proved: Option<u64>,
    /// The first entry of the log that cannot be read, if one cannot. Then nobody knows what was let go, no duplicate was
    /// looked for in what others stored, and the backup took the room of a first one. A repair ends that.
    pub distrusted: Option<Fault>,
    /// Why the file cache could not be written, if so: the next run will read everything again.
    pub cache_failed: Option<String>,
    /// Packs that earlier snapshots rely on and that are missing, cut off or known to be damaged. What the source still
    /// has of them was stored again, so that this snapshot is whole; what it has not is missing from earlier ones.
    pub lacking: Vec<Lacking>,
    /// Whose earlier snapshots rely on them.
    pub touched: Touched,
}

impl BackupReport {
    /// Of a snapshot of which nothing was kept so far.
    pub(super) fn begun(snapshot: SnapshotId, lacking: Vec<Lacking>, touched: Touched) -> Self {
        Self {
            snapshot,
            entries: 0,
            files: 0,
            bytes: 0,
            bytes_read: 0,
            bytes_stored: 0,
            objects: 0,
            unreadable: Vec::new(),
            partial: Vec::new(),
            unsettled: Vec::new(),
            adopted: 0,
            proved: None,
            distrusted: None,
            cache_failed: None,
            lacking,
            touched,
        }
    }

    pub(super) fn no_cache(&mut self, error: &RepoError) {
        self.cache_failed.get_or_insert(error.to_string());
    }
}
