//! What an event says of several things of a kind: copies of a run, systems of a rehearsal, misfits.

use std::collections::BTreeMap;

use dr_plan::{MediumId, SystemId, TargetId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::words::{CopyOutcome, ErasureState, MisfitKind, RehearsalVerdict};
use crate::id::{Digest, SnapshotRef};

/// What a run did on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCopy {
    /// Where.
    pub target: TargetId,
    /// Which medium was loaded, if the target is a pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<MediumId>,
    /// How it ended.
    pub outcome: CopyOutcome,
    /// What was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotRef>,
    /// The slot that it serves; absent if somebody asked for a run outside the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Timestamp>,
    /// New bytes on the target.
    pub bytes_stored: u64,
    /// What went wrong, in words without file names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a run noticed of its source beside what it could not read. No name of a file or a folder is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noticed {
    /// Names that the plan's patterns left out; what is in a folder that was left out is not counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub excluded: u64,
    /// File systems that are mounted inside and were not gone into, though the plan does not leave them out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mounts: u64,
    /// Databases that report damage of themselves.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub damaged: u64,
    /// Files that changed while they were read, so that what was kept may be half of one state and half of another.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub changed: u64,
    /// What each path of the plan held, where it names several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<Held>,
    /// What the maker of an export counted in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<Counted>,
    /// What the questions of the plan were answered, as numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<NotedAnswer>,
}

/// What one question of the plan was answered in the moment of a capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotedAnswer {
    /// The beginning of a hash of the question, so that it is known again.
    pub of: String,
    /// The answer, if it is a number, or a moment in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    /// The last right answer, where this one was held to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
    /// Why it is not right, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<Missed>,
}

/// Why an answer is not right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missed {
    /// There was none, or none that is a number.
    Unanswered,
    /// It is less than the plan says.
    Few,
    /// It is another one than the plan says.
    Other,
    /// It is an older moment than the plan allows.
    Old,
    /// It differs from the last one by more than the plan allows.
    Changed,
}

/// One thing that the maker of an export counted in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The beginning of a hash of what was counted, so that it is known again.
    pub of: String,
    /// How many there were.
    pub count: u64,
}

/// What one path of the plan held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The beginning of a hash of the path, so that it is known again.
    pub path: String,
    /// Entries below it that are no directories, whether they could be read or not.
    pub entries: u64,
}

impl Noticed {
    /// Whether nothing was noticed.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// How an erasure stands on one copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedCopy {
    /// Where.
    pub target: TargetId,
    /// On which medium, if the target is a pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<MediumId>,
    /// How it stands.
    pub state: ErasureState,
    /// The bytes may lie there until then at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What is in the way, in words without file names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// In what the ledger and a copy disagree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Misfit {
    /// Where.
    pub target: TargetId,
    /// On which medium, if the target is a pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<MediumId>,
    /// What does not fit.
    pub what: MisfitKind,
    /// The newest entry that the copy knows and the ledger does not have, or not so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// How many snapshots are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<u64>,
    /// The sealed state there that holds the most of what the ledger lacks, or the newest snapshot that is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotRef>,
}

/// One copy that a plan asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCopy {
    /// Whose data.
    pub system: SystemId,
    /// Where.
    pub target: TargetId,
    /// How often, as the plan writes it.
    pub schedule: String,
    /// How many of each kind are kept: `last`, `hourly`, `daily`, `weekly`, `monthly`, `yearly`; those that are not
    /// zero. All absent: everything is kept.
    pub keep: BTreeMap<String, u32>,
    /// Everything younger than so many hours is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_hours: Option<u64>,
    /// Nothing older than so many hours is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_hours: Option<u64>,
}

/// One system's part in a rehearsal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RehearsedSystem {
    /// Which.
    pub system: SystemId,
    /// How it went.
    pub verdict: RehearsalVerdict,
    /// How long the restore took.
    pub seconds: f64,
    /// The moment whose data came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_point: Option<Timestamp>,
    /// The hash of what the plan said of its source then: what is said otherwise since is not proved by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_blake3: Option<Digest>,
}

impl RehearsedSystem {
    /// Whether anything was there to be tried. A copy that is away, or a disk that is still empty, says nothing of any
    /// other copy.
    #[must_use]
    pub fn was_tried(&self) -> bool {
        self.verdict != RehearsalVerdict::CouldNotVerify || self.recovery_point.is_some() || self.seconds > 0.0
    }
}
