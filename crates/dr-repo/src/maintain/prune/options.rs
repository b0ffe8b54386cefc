//! What a prune is asked for, and what it did.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use dr_format::format::{META_PACK_TARGET, PACK_TARGET};
use dr_format::id::{PackId, PackKind, SessionId};

use crate::maintain::unfinished::Unfinished;
use crate::progress::Tally;

/// How a prune is to run. All of it is the caller's to decide.
#[derive(Clone, Copy)]
pub struct PruneOptions<'a> {
    /// Now, in milliseconds since 1970 UTC.
    pub now_ms: i64,
    /// What was forgotten less than so many milliseconds ago keeps its data, so that it can be put back.
    pub undo_ms: i64,
    /// So many milliseconds pass from one step of letting a pack go to the next.
    pub settle_ms: i64,
    /// So much of what stays may be unused, as a part of what is used.
    pub waste: f64,
    /// What is left of runs that were surely cut off is not kept for them to go on with.
    pub unfinished: bool,
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

pub(super) const DAY_MS: i64 = 24 * 3_600_000;

impl<'a> PruneOptions<'a> {
    /// As one is usually wanted: what was forgotten in the last seven days can be put back, packs go in three steps a
    /// day apart, and a twentieth of what is used may be unused beside it: less would cost more moving than it frees.
    /// `at_once`: it waits for none of this.
    #[must_use]
    pub fn usual(
        now_ms: i64,
        at_once: bool,
        scratch: &'a Path,
        clock: &'a (dyn Fn() -> i64 + Sync),
        stop: &'a AtomicBool,
        tally: &'a Tally,
    ) -> Self {
        let (undo_ms, settle_ms) = if at_once { (0, 0) } else { (7 * DAY_MS, DAY_MS) };
        Self { now_ms, undo_ms, settle_ms, waste: 0.05, unfinished: false, scratch, journal: None, clock, stop, tally }
    }
}

/// What a prune did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PruneReport {
    /// Packs that were looked at, and their bytes.
    pub packs: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// About how many of these are needed.
    pub live: u64,
    /// Packs that are not needed as they are: they go, now or when their time has come.
    pub removable: u64,
    /// Packs among them whose remains were rewritten.
    pub rewritten: u64,
    /// Objects that were deleted.
    pub deleted: u64,
    /// Bytes of them.
    pub bytes_deleted: u64,
    /// Bytes of new objects.
    pub bytes_stored: u64,
    /// Packs that are on their way out and wait for their time.
    pub waiting: u64,
    /// Chunks of contents that snapshots need and nobody has.
    pub lost: u64,
    /// Packs that stay as they are, half used, because something in them is damaged.
    pub damaged: Vec<String>,
    /// Packs that stay as they are, half used, because there is no room to rewrite what is needed of them.
    pub no_room: u64,
    /// Bytes that would go if runs that never came to their end did not rely on earlier packs.
    pub held: u64,
    /// What is left of runs that never came to their end, and is kept.
    pub unfinished: Vec<Unfinished>,
    /// The same of those of which nothing is kept any more.
    pub dropped: Vec<Unfinished>,
}

pub(super) fn target(kind: PackKind) -> u64 {
    match kind {
        PackKind::Data => PACK_TARGET,
        PackKind::Meta => META_PACK_TARGET,
    }
}

/// What became of packs that are half used.
#[derive(Default)]
pub(super) struct Rewritten {
    /// The session that rewrote what is needed of them, if it was one.
    pub(super) session: Option<SessionId>,
    pub(super) packs: BTreeSet<PackId>,
    /// These stay: something in them cannot be read.
    pub(super) damaged: BTreeMap<PackId, String>,
}
