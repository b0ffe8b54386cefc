//! What is repaired, and what came of it so far.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use dr_format::id::{HostId, SessionId};

use crate::error::RepoError;
use crate::maintain::check::{CheckOptions, CheckReport, ReadData, check};
use crate::progress::Tally;
use crate::read::repository::Repository;

/// How a repair is to run.
#[derive(Clone, Copy)]
pub struct RepairOptions<'a> {
    /// Now, in milliseconds since 1970 UTC.
    pub now_ms: i64,
    /// Repositories of the same family, from which lost chunks are fetched.
    pub others: &'a [Repository],
    /// Where packs are written before they have a name, if the store has no place for that.
    pub scratch: &'a Path,
    /// The folder of this host's notes about this repository, as a backup has it.
    pub journal: Option<&'a Path>,
    /// Tells the time, in milliseconds since 1970 UTC.
    pub clock: &'a (dyn Fn() -> i64 + Sync),
    /// Set from outside to end early. What was mended counts.
    pub stop: &'a AtomicBool,
    /// Progress: bytes read and stored.
    pub tally: &'a Tally,
}

/// Something that was mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// Name of the object.
    pub object: String,
    /// How, in words.
    pub how: String,
}

/// What a repair did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepairReport {
    /// What was damaged before.
    pub before: CheckReport,
    /// What was mended.
    pub mended: Vec<Mended>,
    /// What a check found afterwards; none if nothing was to be done.
    pub after: Option<CheckReport>,
}

/// What the steps share.
pub(super) struct Mending<'a> {
    pub(super) options: &'a RepairOptions<'a>,
    pub(super) done: Vec<Mended>,
    /// Sessions whose snapshots need lists of what they use again, as their index objects were rewritten or said too little.
    pub(super) unlisted: BTreeSet<(HostId, SessionId)>,
    pub(super) each: &'a mut dyn FnMut(&Mended),
}

impl Mending<'_> {
    pub(super) fn mended(&mut self, object: impl Into<String>, how: impl Into<String>) {
        let mended = Mended { object: object.into(), how: how.into() };
        (self.each)(&mended);
        self.done.push(mended);
    }

    pub(super) fn may_go_on(&self) -> Result<(), RepoError> {
        if self.options.stop.load(Ordering::Relaxed) { Err(RepoError::Interrupted) } else { Ok(()) }
    }
}

/// Everything that is there, read and compared.
pub(super) fn look(repository: &Repository, options: &RepairOptions<'_>) -> Result<CheckReport, RepoError> {
    let RepairOptions { now_ms, stop, tally, .. } = *options;
    check(repository, &CheckOptions { read_data: ReadData::All, now_ms, enough: None, stop, tally })
}
