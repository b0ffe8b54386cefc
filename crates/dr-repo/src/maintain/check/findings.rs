//! What did a check find?

use std::collections::BTreeSet;

use dr_entry::EntryPath;
use dr_format::id::{HostId, PackId, SessionId, SnapshotId};

use crate::maintain::unfinished::Unfinished;
use crate::read::touched::Touched;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Name of the object.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
    /// Which files of which snapshots it costs; at most 1,000.
    pub lost: Vec<(SnapshotId, EntryPath)>,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckReport {
    /// Everything that is wrong. Empty is good.
    pub findings: Vec<Finding>,
    /// Packs there are.
    pub packs: u64,
    /// Packs read whole.
    pub packs_read: u64,
    /// Packs that were read whole and are as they should be.
    pub(crate) sound: Vec<(PackId, HostId)>,
    /// Packs that are missing, damaged or described by nothing.
    pub(crate) unsound: Vec<(PackId, HostId)>,
    /// Those of them that are there, and were read.
    pub(crate) rotten: Vec<(PackId, HostId)>,
    /// Sessions of snapshots that use more than their lists say.
    pub(crate) short: BTreeSet<(HostId, SessionId)>,
    /// Whether the sound ones were opened as well, and each of their chunks named again.
    pub(crate) opened: bool,
    /// Since when, in milliseconds since 1970 UTC, the packs that were not read now were read by nobody else either: of
    /// the one that waits longest. A pack counts as read when it was stored.
    pub unread: Unread,
    /// Packs for which no parity is kept although the repository keeps it, and small objects without their second copy:
    /// `repair` makes both.
    pub without_parity: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Snapshots whose trees were followed.
    pub snapshots: u64,
    /// Snapshots that are listed, whether or not the key reads them.
    pub listed: u64,
    /// The systems of those, by the names that they carry.
    pub systems: BTreeSet<String>,
    /// Whose snapshots the damage costs something.
    pub touched: Touched,
    /// Snapshots of which the tree was not followed to its end, because the time was over.
    pub trees_left: u64,
    /// What is left of runs that never came to their end.
    pub unfinished: Vec<Unfinished>,
    /// What was not looked at, for the report.
    pub not_checked: Vec<String>,
}

impl CheckReport {
    /// Whether what is sealed was opened and the trees followed; else objects were looked at from outside.
    #[must_use]
    pub fn follows_trees(&self) -> bool {
        self.opened
    }

    /// How many packs are missing or damaged, or nothing describes them.
    #[must_use]
    pub fn unsound_packs(&self) -> u64 {
        self.unsound.len() as u64
    }
}

/// How long the part of a repository has waited that nobody has read for longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unread {
    /// Every byte was read just now, or there is none.
    #[default]
    Nothing,
    /// Since then, in milliseconds since 1970 UTC.
    Since(i64),
    /// A time in the future was noted for it: a clock was wrong, and nobody knows.
    Unknown,
}

impl Unread {
    /// The same with one more pack.
    pub(crate) fn with(self, since: Option<i64>) -> Self {
        match (self, since) {
            (Self::Unknown, _) | (_, None) => Self::Unknown,
            (Self::Nothing, Some(since)) => Self::Since(since),
            (Self::Since(oldest), Some(since)) => Self::Since(oldest.min(since)),
        }
    }
}
