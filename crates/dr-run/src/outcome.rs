//! What came of one run, copy by copy.

use std::path::PathBuf;

use dr_entry::{EntryPath, Unread};
use dr_ledger::{CopyOutcome, Noticed, RunId, RunOutcome};
use dr_plan::{MediumId, System, SystemId, TargetId};
use dr_repo::{SnapshotId, Touched};
use dr_source::driver::QuestionAnswers;
use jiff::Timestamp;

use crate::copy;
use crate::copy::NoCopy;
use crate::due::DueJob;
use crate::location::{Availability, TargetLocation};
use crate::naming::Naming;

/// What a run did.
#[derive(Debug, Clone)]
pub struct Run {
    /// Whose data.
    pub system: SystemId,
    /// The ledger's name of it; none if it was not written down, because nothing was tried.
    pub run: Option<RunId>,
    /// The worst of what happened.
    pub outcome: RunOutcome,
    /// Each target of the turn.
    pub copies: Vec<Copy>,
    /// Why the run as a whole did not come to its copies.
    pub error: Option<String>,
    /// Entries that flowed, of the first copy that was made.
    pub entries: u64,
    /// Bytes read from the source for all copies.
    pub bytes_read: u64,
    /// Bytes of everything that was captured, of the first copy that was made.
    pub size: Option<u64>,
    /// What the person at the screen should know though the run is as good as it says: a command of the plan that may
    /// fail and did, a copy that took two attempts.
    pub told: Vec<String>,
    /// What else is known of what was captured, for a person who asks for more.
    pub details: Vec<String>,
    /// What somebody should do something about, though the copies are made: what was erased and is still there, a disk in
    /// another's place.
    pub warned: Vec<String>,
    /// What could not be captured for one copy or another. For the person at the screen: the ledger gets counts alone.
    pub unreadable: Vec<Unread>,
    /// What was captured without all that belongs to it.
    pub partial: Vec<Unread>,
    /// Files that changed while they were read.
    pub changed: Vec<EntryPath>,
    /// What is not in the copies, or is less than it was, though everything that was looked at could be read.
    pub gaps: Vec<Gap>,
    /// How the entries are called on the machine.
    pub naming: Naming,
    /// What the ledger gets of all that.
    pub noticed: Noticed,
    /// What the questions of the plan were answered.
    pub(crate) answers: QuestionAnswers,
}

/// Something that the copies lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Of what kind.
    pub kind: GapKind,
    /// Where on the machine.
    pub path: PathBuf,
    /// What that means and what to do, for a person.
    pub why: String,
}

/// Why the copies lack something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapKind {
    /// Another file system is mounted there.
    Mount,
    /// A path of the plan is empty and was not before.
    Empty,
}

impl GapKind {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mount => "mount",
            Self::Empty => "empty",
        }
    }
}

/// One copy of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Where.
    pub target: TargetId,
    /// On which medium.
    pub medium: Option<MediumId>,
    /// How it ended.
    pub outcome: CopyOutcome,
    /// The slot that it serves.
    pub slot: Option<Timestamp>,
    /// What was stored.
    pub snapshot: Option<SnapshotId>,
    /// When its capture began.
    pub capture_started: Option<Timestamp>,
    /// New bytes on the target.
    pub bytes_stored: u64,
    /// One process of one host alone may write there.
    pub single_writer: bool,
    /// Chunks that were read back and compared; `None`: nothing was.
    pub proved: Option<u64>,
    /// Whether what was read back was not what was written.
    pub proof_failed: bool,
    /// Packs of earlier backups that are missing, cut off or known to be damaged there. What the source still has of them
    /// was stored again.
    pub lacking: u64,
    /// Whose earlier backups that may cost something.
    pub touched: Touched,
    /// How often it was tried: once more at once where that may help.
    pub attempts: u32,
    /// Whether somebody should have brought a medium by now.
    pub overdue: bool,
    /// What went wrong, or who is awaited, for the person at the screen.
    pub error: Option<String>,
    /// The same for the ledger: no name of a file, a folder or a host.
    pub noted: Option<String>,
    /// Whether it failed because there was nothing to copy: the target had no part in that.
    pub of_source: bool,
}

impl Run {
    pub(super) fn empty(system: &System) -> Self {
        Self {
            system: system.id.clone(),
            run: None,
            outcome: RunOutcome::Skipped,
            copies: Vec::new(),
            error: None,
            entries: 0,
            bytes_read: 0,
            size: None,
            told: Vec::new(),
            details: Vec::new(),
            warned: Vec::new(),
            unreadable: Vec::new(),
            partial: Vec::new(),
            changed: Vec::new(),
            gaps: Vec::new(),
            naming: Naming::default(),
            noticed: Noticed::default(),
            answers: QuestionAnswers::default(),
        }
    }

    pub(super) fn skipped(system: &System, turn: &DueJob, why: &str) -> Self {
        let copies = turn.targets.iter().map(|(target, slot)| Copy::empty(target, *slot, CopyOutcome::Skipped));
        Self { error: Some(why.to_owned()), copies: copies.collect(), ..Self::empty(system) }
    }
}

impl Copy {
    pub(super) fn empty(target: &TargetId, slot: Option<Timestamp>, outcome: CopyOutcome) -> Self {
        Self {
            target: target.clone(),
            medium: None,
            outcome,
            slot,
            snapshot: None,
            capture_started: None,
            bytes_stored: 0,
            single_writer: false,
            proved: None,
            proof_failed: false,
            lacking: 0,
            touched: Touched::default(),
            attempts: 0,
            overdue: false,
            error: None,
            noted: None,
            of_source: false,
        }
    }

    /// What it means that packs are lacking there, and what to do: told by the runs of the systems that it touches.
    pub(super) fn lacks(&self, system: &SystemId) -> Option<String> {
        let (target, whose) = (&self.target, &self.touched);
        if !whose.any && !whose.systems.contains(system.as_str()) {
            return None;
        }
        let packs = match self.lacking {
            1 => "1 pack of earlier backups is".to_owned(),
            more => format!("{more} packs of earlier backups are"),
        };
        let systems: Vec<_> = whose.systems.iter().map(String::as_str).collect();
        let of = if whose.any { "any system".to_owned() } else { systems.join(", ") };
        Some(format!(
            "{packs} missing or damaged on {target}. This copy is whole: what was lost of it was stored again. Earlier backups of {of} may lack files there: run `dr repair --target {target}` with the recovery key"
        ))
    }

    pub(super) fn not_made(target: &TargetId, slot: Option<Timestamp>, reach: Availability) -> Self {
        let (outcome, why, overdue) = match reach {
            Availability::Awaited { who, overdue } => (CopyOutcome::Awaited, who, overdue),
            Availability::CannotRun(why) => (CopyOutcome::Skipped, why, false),
            Availability::Gone(why) => (CopyOutcome::Failed, why, false),
            Availability::Here(location) => (CopyOutcome::Failed, format!("{} was not tried", location.named()), false),
        };
        let noted = match outcome {
            CopyOutcome::Failed => "the medium that should be loaded is not there".to_owned(),
            _ => why.clone(),
        };
        Self { error: Some(why), noted: Some(noted), overdue, ..Self::empty(target, slot, outcome) }
    }

    pub(super) fn tried(location: TargetLocation, slot: Option<Timestamp>, done: &Result<copy::Done, NoCopy>) -> Self {
        let outcome = if done.is_ok() { CopyOutcome::Done } else { CopyOutcome::Failed };
        let mut copy = Self { medium: location.medium.clone(), ..Self::empty(&location.target, slot, outcome) };
        match done {
            Ok(done) => {
                copy.snapshot = Some(done.summary.snapshot);
                copy.capture_started = Some(done.capture_started);
                copy.bytes_stored = done.summary.bytes_stored;
                copy.single_writer = done.single_writer;
                copy.proved = done.summary.proved;
                copy.lacking = done.summary.lacking.len() as u64;
                copy.touched = done.summary.touched.clone();
                if let Some(fault) = &done.summary.distrusted {
                    let what = "nothing of what was there was relied on, and this copy took the room of a first one";
                    let noted = format!("{} in {}: {}; {what}", fault.object, location.named(), fault.what);
                    copy.error = Some(format!(
                        "{noted}. `dr repair --target {}` with the recovery key ends that",
                        location.target
                    ));
                    copy.noted = Some(noted);
                }
            }
            Err(why) => {
                copy.proof_failed = matches!(why, NoCopy::Unproved { .. });
                if matches!(why, NoCopy::Interrupted) {
                    // It ends no slot, so that the next run takes it up at once and not after an hour.
                    copy.slot = None;
                }
                if let NoCopy::Unproved { snapshot, .. } = why {
                    copy.snapshot = Some(*snapshot);
                }
                copy.of_source = matches!(why, NoCopy::Capture(_) | NoCopy::Hook(_));
                copy.error = Some(why.to_string());
                copy.noted = Some(why.noted());
            }
        }
        copy
    }
}
