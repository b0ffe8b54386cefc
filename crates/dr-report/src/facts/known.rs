//! What is known of one copy and of one disk, and what it is computed from.

use dr_ledger::{Entry, Head, PlaceState, SnapshotRef};
use dr_media::{Holder, Move};
use dr_plan::{Calendar, MediumId, PersonId, Plan, PoolId, TargetId};
use dr_runbook::Runbook;
use jiff::Timestamp;

/// Everything that a report is made from.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// What was promised.
    pub plan: &'a Plan,
    /// When people are there.
    pub calendar: &'a Calendar,
    /// The runbook, if the plan has one and it could be read.
    pub runbook: Option<&'a Runbook>,
    /// What happened, as far as it is evidence now: nothing of a time that has not come (`dr_ledger::evidence`).
    pub entries: &'a [Entry],
    /// Everything that is written down, whenever that is said to have been.
    pub all: &'a [Entry],
    /// The ledger's end.
    pub head: Head,
    /// Whether the ledger's chain holds.
    pub chain_holds: bool,
    /// The moment for which the report is made.
    pub now: Timestamp,
    /// Whether somebody chose that moment instead of the clock.
    pub clock_moved: bool,
    /// Names of erasures that wait, and of which nobody knows on this host what they were to take out.
    pub unnamed_erasures: &'a [String],
}

/// One copy of one system.
#[derive(Debug, Clone)]
pub struct CopyFacts {
    /// On which target.
    pub target: TargetId,
    /// On which medium of a pool.
    pub medium: Option<MediumId>,
    /// In which sort of place.
    pub standing: Standing,
    /// Whether this version can make it.
    pub runs: bool,
    /// What it holds; nothing until the first one was stored.
    pub stored: Option<Stored>,
    /// Something on it was found damaged and has not been found sound since.
    pub damaged: Option<Timestamp>,
    /// Its place was looked at and does not hold it any more: what was found there, and since when.
    pub gone: Option<(PlaceState, Timestamp)>,
    /// What else lies on its device, as the ledger calls it.
    pub same_as: Vec<String>,
    /// It lies on the device of another copy of this system, and is no second one.
    pub twin: bool,
    /// When it was last found sound.
    pub verified: Option<Timestamp>,
    /// The moment whose data it holds that were looked at and found sound.
    pub verified_as_of: Option<Timestamp>,
}

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Which snapshot.
    pub snapshot: Option<SnapshotRef>,
    /// The moment whose data it holds.
    pub as_of: Timestamp,
    /// When it was stored.
    pub at: Timestamp,
    /// Nothing is missing from it.
    pub complete: bool,
}

/// In which sort of place a copy is. Computed, never declared for a disk; and looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether it outlives the building.
    pub off_site: bool,
    /// Whether nothing that attacks the server can reach it.
    pub offline: bool,
    /// It is said to outlive the building, and on what it lies could not be told.
    pub maybe_off_site: bool,
    /// It is said to be unplugged, and nobody has looked, or on what it lies could not be told.
    pub maybe_offline: bool,
    /// Its word in documents: `onsite`, `offsite`, `cloud`, or `offline` for an unplugged medium.
    pub class: &'static str,
}

/// One pool of disks.
#[derive(Debug, Clone)]
pub struct DiskFacts {
    /// Which pool.
    pub pool: PoolId,
    /// How many media the plan wants.
    pub wanted: u32,
    /// How many are registered.
    pub registered: usize,
    /// How many of those can be written to.
    pub usable: usize,
    /// Those that nobody can find, and since when.
    pub lost: Vec<(MediumId, Timestamp)>,
    /// Those that somebody holds who has left.
    pub with_leavers: Vec<(MediumId, PersonId)>,
    /// Those that are in sight though they are said to be elsewhere, since when, and where they are said to be.
    pub in_sight: Vec<(MediumId, Timestamp, Holder)>,
    /// Those that are said to be in the server and are not in sight, since when.
    pub out_of_sight: Vec<(MediumId, Timestamp)>,
    /// Who carries them, as long as they work here.
    pub custodians: Vec<PersonId>,
    /// What is to be moved next, and by when.
    pub moves: Vec<Move>,
}
