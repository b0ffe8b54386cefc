//! What an erasure asks for, and what it means for each snapshot.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use dr_entry::{EntryPath, Meta};
use dr_format::id::SnapshotId;
use dr_format::snapshot::Shape;

use crate::progress::Tally;
use crate::read::look::Tree;

/// Whether an entry of a tree is meant.
pub type IsMeant<'a> = dyn Fn(&Tree, &EntryPath, &Meta) -> bool + 'a;

/// What is to be erased. All of it is the caller's to decide.
#[derive(Clone, Copy)]
pub struct EraseOptions<'a> {
    /// Now, in milliseconds since 1970 UTC.
    pub now_ms: i64,
    /// Only in snapshots of this system; in all of them if none is named.
    pub system: Option<&'a str>,
    /// The entries that are meant in a tree, each with everything below it.
    pub paths: &'a dyn Fn(&Tree) -> Vec<EntryPath>,
    /// Others that are meant, each with everything below it. Whoever gives this has every page read.
    pub also: Option<&'a IsMeant<'a>>,
    /// What was asked for, in bytes that are the same whenever the same is asked for: the new snapshots' ids come of it,
    /// so that they are the same on every target.
    pub asked: &'a [u8],
    /// Where packs are written before they have a name, if the store has no place for that.
    pub scratch: &'a Path,
    /// The folder of this host's notes about this repository, as a backup has it.
    pub journal: Option<&'a Path>,
    /// Tells the time, in milliseconds since 1970 UTC.
    pub clock: &'a (dyn Fn() -> i64 + Sync),
    /// Set from outside to end early. What was done counts.
    pub stop: &'a AtomicBool,
    /// Progress: bytes and objects stored.
    pub tally: &'a Tally,
}

/// What becomes of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// Nothing of what is meant is in it.
    Untouched,
    /// It is written again without it, under this id.
    Rewrite(SnapshotId),
    /// It was written again before, under this id, and is still on the list: it goes.
    RewrittenBefore(SnapshotId),
    /// Nothing but what is meant, and directories, is in it: it goes as a whole.
    Whole,
    /// It was forgotten and could be put back; it no longer can.
    Forgotten,
    /// It stays: it is held until then, in milliseconds since 1970 UTC, and a hold outranks an erasure.
    Held(i64),
    /// It stays: it cannot be looked through, and why.
    Unread(String),
}

impl Ruling {
    /// Whether the snapshot stays as it is.
    #[must_use]
    pub fn stays(&self) -> bool {
        matches!(self, Self::Untouched | Self::Held(_) | Self::Unread(_))
    }
}

/// What becomes of one snapshot, and how much of what is meant is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Which.
    pub snapshot: SnapshotId,
    /// Of which system, as it says; empty without one.
    pub system: String,
    /// When its capture began, in milliseconds since 1970 UTC; `None` if it cannot be read.
    pub started_ms: Option<i64>,
    /// What becomes of it.
    pub ruling: Ruling,
    /// Entries that are meant.
    pub entries: u64,
    /// Bytes of their contents.
    pub bytes: u64,
}

/// Whether a path is one of these or below one. They are in order, and none is below another.
pub(super) fn is_gone(gone: &[EntryPath], path: &EntryPath) -> bool {
    let at = gone.partition_point(|one| one <= path);
    at.checked_sub(1).and_then(|at| gone.get(at)).is_some_and(|one| path.is_within(one))
}

/// Whether a page with the paths behind `behind` up to `last` may hold some of these, or what is below one.
pub(super) fn may_touch(gone: &[EntryPath], behind: Option<&EntryPath>, last: Option<&EntryPath>) -> bool {
    let from = behind.map_or(0, |behind| gone.partition_point(|one| one <= behind));
    let in_it = gone.get(from).is_some_and(|one| last.is_none_or(|last| one <= last));
    in_it || behind.is_some_and(|behind| is_gone(gone, behind))
}

/// Snapshots with others of the same source, which say the same of what a path means.
pub(super) fn series<T>(all: Vec<T>, tree: impl Fn(&T) -> &Tree) -> Vec<Vec<T>> {
    let mut out: BTreeMap<_, Vec<T>> = BTreeMap::new();
    for one in all {
        let Tree { label, shape, .. } = tree(&one);
        let of = (label.system.clone(), label.hostname.clone(), label.paths.clone(), *shape == Shape::Directory);
        out.entry(of).or_default().push(one);
    }
    out.into_values().collect()
}
