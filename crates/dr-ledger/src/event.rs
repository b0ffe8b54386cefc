//! What can happen to a school's backups, as it is written down for good.
//!
//! The JSON is for strangers: an auditor reads it in ten years with none of our code (`docs/format/ledger.md`). So a
//! field is never renamed and never changes its meaning; new ones are optional. Counts are written, file names never:
//! the ledger outlives what was backed up, and people who may read the ledger may not read the systems.

mod parts;
mod words;

use std::collections::BTreeMap;

use dr_plan::{MediumId, PersonId, PlaceId, PoolId, SystemId, TargetId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{Digest, RunId, SnapshotRef};

pub use parts::{
    Counted, ErasedCopy, Held, Misfit, Missed, NotedAnswer, Noticed, PlannedCopy, RehearsedSystem, RunCopy,
};
pub use words::{
    ChannelKind, CheckKind, CopyOutcome, Decision, ErasureState, LetterStatus, MediumKind, MessageKind, MisfitKind,
    PlaceState, RehearsalVerdict, RestoreOutcome, RunOutcome,
};

/// One thing that happened. In JSON an object whose `type` is the variant's name in kebab-case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Event {
    /// Keys and repositories were made for these targets.
    Initialised {
        /// Targets that have a repository from now on.
        targets: Vec<TargetId>,
    },
    /// The place of a target, or a medium of it, was looked at and is otherwise than was known, or was never looked at
    /// before. What is the same as before is not written down again.
    TargetSeen {
        /// Which target.
        target: TargetId,
        /// Which medium, if the target is a pool.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        medium: Option<MediumId>,
        /// What was found there.
        state: PlaceState,
        /// The repository that was found, as it prints its id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repository: Option<String>,
        /// The devices on which it lies; absent if that could not be told, or nothing was there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        devices: Option<Vec<String>>,
        /// The kind of file system and its mark.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file_system: Option<String>,
        /// What else lies on one of these devices: `sources`, `state`, `target NAME`, `medium NAME`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        same_as: Vec<String>,
        /// What of the same may lie there too: that could not be told.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        not_told_from: Vec<String>,
    },
    /// A run began. Without a finish of the same `run` it was killed.
    RunStarted {
        /// Which run.
        run: RunId,
        /// Whose data.
        system: SystemId,
        /// The slot that the run serves, for each target that it means to write.
        slots: BTreeMap<TargetId, Timestamp>,
        /// Why now, in words for people.
        because: String,
    },
    /// A run ended and this is what came of it.
    RunFinished {
        /// Which run.
        run: RunId,
        /// Whose data.
        system: SystemId,
        /// The worst of what happened.
        outcome: RunOutcome,
        /// One for each target that was tried or awaited.
        copies: Vec<RunCopy>,
        /// When the source was frozen or first read: what the copies are "as of". Absent if it never came to that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        capture_started: Option<Timestamp>,
        /// How many entries flowed.
        entries: u64,
        /// How many bytes were read from the source.
        bytes_read: u64,
        /// How big everything is that was captured, read or known from before; of an export, the newest one. Absent
        /// if nothing was captured, or in entries from before this was written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        /// How many entries could not be read, or not with all that belongs to them.
        unreadable: u64,
        /// What else was noticed of the source, as counts.
        #[serde(default, skip_serializing_if = "Noticed::is_nothing")]
        noticed: Noticed,
    },
    /// Stored data were looked at again.
    Verified {
        /// Where.
        target: TargetId,
        /// On which medium, if the target is a pool.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        medium: Option<MediumId>,
        /// One system only, if so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        system: Option<SystemId>,
        /// One snapshot only, if so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snapshot: Option<SnapshotRef>,
        /// How thoroughly.
        what: CheckKind,
        /// Whether everything that was looked at is sound.
        ok: bool,
    },
    /// Data went back to where people use them.
    Restored {
        /// Whose data.
        system: SystemId,
        /// From where.
        target: TargetId,
        /// From which snapshot.
        snapshot: SnapshotRef,
        /// Files put back.
        files: u64,
        /// Bytes put back.
        bytes: u64,
        /// How it ended.
        outcome: RestoreOutcome,
    },
    /// What is stored was shown as a folder, to be read in the clear.
    Mounted {
        /// Whose data.
        system: SystemId,
        /// From one target only, if so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<TargetId>,
        /// One snapshot only, if so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snapshot: Option<SnapshotRef>,
    },
    /// The runbook was carried out on scratch.
    Rehearsed {
        /// The worst of the systems' verdicts.
        verdict: RehearsalVerdict,
        /// `L1`, `L2` or `L3`.
        level: String,
        /// One for each system that was tried.
        systems: Vec<RehearsedSystem>,
        /// Where the evidence was written.
        evidence: String,
        /// BLAKE3 of the evidence document.
        evidence_blake3: Digest,
        /// So many files of systems of files were picked and brought back, instead of all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        picked: Option<u64>,
    },
    /// The school owns a new medium.
    MediumRegistered {
        /// Its label.
        medium: MediumId,
        /// The pool that it rotates in.
        pool: PoolId,
        /// What it is.
        kind: MediumKind,
        /// The maker's serial number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        serial: Option<String>,
        /// The school's asset number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asset: Option<String>,
    },
    /// A medium got an empty repository of its own.
    MediumInitialised {
        /// Which.
        medium: MediumId,
        /// The repository's id, as the repository prints it.
        repository: String,
    },
    /// A medium is plugged in.
    MediumLoaded {
        /// Which.
        medium: MediumId,
    },
    /// A medium is unplugged and lies beside the server.
    MediumEjected {
        /// Which.
        medium: MediumId,
    },
    /// One person gave a medium to another.
    MediumHandedOver {
        /// Which.
        medium: MediumId,
        /// Who had it.
        from: PersonId,
        /// Who has it now.
        to: PersonId,
        /// Where it is to go.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to_place: Option<PlaceId>,
    },
    /// Who carried a medium put it where it is to be kept.
    MediumReceived {
        /// Which.
        medium: MediumId,
        /// Who says so.
        by: PersonId,
        /// Where it is now.
        place: PlaceId,
    },
    /// Nobody knows where a medium is.
    MediumLost {
        /// Which.
        medium: MediumId,
        /// Who says so.
        by: PersonId,
    },
    /// A lost medium turned up. It is not trusted until it was initialised again or checked.
    MediumFound {
        /// Which.
        medium: MediumId,
        /// Who has it.
        by: PersonId,
    },
    /// The weekly letter was written.
    LetterWritten {
        /// Counting from 1.
        number: u64,
        /// The word at its top.
        status: LetterStatus,
        /// Its subject line.
        subject: String,
        /// BLAKE3 of its plain text.
        text_blake3: Digest,
        /// BLAKE3 of its page. Absent in entries from before this was written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        html_blake3: Option<Digest>,
    },
    /// A person took a decision upon themselves. Who, is the entry's `by`.
    Accepted {
        /// Which kind of decision.
        decision: Decision,
        /// What was decided about, as the command named it.
        about: String,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// When it lapses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// A run that said that it began was found dead: nobody held its lock any more. It stored nothing that counts
    /// but what it had registered, and the next run goes on from there.
    RunKilled {
        /// Which run.
        run: RunId,
        /// Whose data.
        system: SystemId,
    },
    /// The plan is another than the one before: what it wants copied and how long that is kept.
    PlanRead {
        /// BLAKE3 of the plan with everything filled in.
        plan_blake3: Digest,
        /// Every copy that it asks for.
        copies: Vec<PlannedCopy>,
    },
    /// The ledger, the plan and the runbook were sealed into a target as the reserved system `dr-state`.
    StateSealed {
        /// Where.
        target: TargetId,
        /// On which medium, if the target is a pool.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        medium: Option<MediumId>,
        /// What was stored.
        snapshot: SnapshotRef,
        /// The newest entry that it holds.
        through: u64,
    },
    /// The ledger was compared with what the copies know of it, and the answer was another than the time before.
    LedgerCompared {
        /// Where the ledger ended.
        ends: u64,
        /// What does not fit; nothing: the ledger and the copies agree.
        misfits: Vec<Misfit>,
    },
    /// Something that people must know at once began.
    AlertRaised {
        /// Its name, the same as long as it lasts: rule, and what it is about.
        alert: String,
        /// Which rule is not met.
        rule: String,
        /// Whose, if it is one system's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        system: Option<SystemId>,
        /// How bad.
        status: LetterStatus,
        /// What is the case, in words without names of files, hosts or places of storage.
        cause: String,
        /// Who is told.
        to: Vec<PersonId>,
        /// 0 for the first time, 1 and 2 when nobody answered and the next in line are told.
        step: u8,
        /// Every system that has it, where one cause is several systems'.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        systems: Vec<SystemId>,
        /// The cause's name, the same however many systems have it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<String>,
    },
    /// It ended.
    AlertEnded {
        /// Its name.
        alert: String,
    },
    /// A message is to go out. From here on it cannot go missing unseen.
    MessageQueued {
        /// Its name in the outbox.
        message: String,
        /// What it is.
        kind: MessageKind,
        /// What it is about, so that it is written once: an alert, a letter's number, a disk's move.
        about: String,
        /// Who gets it.
        to: Vec<PersonId>,
    },
    /// A message went out by one way.
    MessageSent {
        /// Its name.
        message: String,
        /// Which way.
        channel: ChannelKind,
        /// At which attempt.
        attempts: u32,
    },
    /// A message could not go out by one way. Written at the first failure and when it is given up, not each time.
    MessageFailed {
        /// Its name.
        message: String,
        /// Which way.
        channel: ChannelKind,
        /// Why, in words without addresses and secrets.
        error: String,
        /// So many attempts.
        attempts: u32,
        /// Whether it is given up.
        given_up: bool,
        /// Whom it does not reach, if it reaches others.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        persons: Vec<PersonId>,
    },
    /// A person without a shell was given a code by which they can decide something once.
    CodeIssued {
        /// What the code is checked with; it does not give the code.
        check: Digest,
        /// Whose.
        person: PersonId,
        /// What they may decide.
        decision: Decision,
        /// About what.
        about: String,
        /// Until when the code is good.
        until: Timestamp,
        /// Why somebody asks for the decision.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// When what is decided lapses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lapses: Option<Timestamp>,
    },
    /// Somebody had something taken out of every snapshot of a system: once when it is asked for, with every copy that may
    /// hold it, and once more for each copy with which something was done about it. What it was called is written nowhere.
    Erasure {
        /// Which: the same in all of its events.
        erasure: String,
        /// Whose data.
        system: SystemId,
        /// Why, in the words of who asked.
        reason: String,
        /// Different entries that were taken out; in the first event, before anything was looked at, 0.
        entries: u64,
        /// Bytes of their contents.
        bytes: u64,
        /// How it stands on these copies.
        copies: Vec<ErasedCopy>,
    },
    /// Bodies of earlier entries were taken out because their time was up; their hashes stay.
    BodiesPurged {
        /// The numbers of those entries.
        entries: Vec<u64>,
        /// Why.
        because: String,
    },
    /// Something worth keeping that has no shape of its own.
    Note {
        /// The words.
        text: String,
    },
    /// What this version cannot read: kept as it stands in the file, printed as it is, left out of every answer.
    #[serde(untagged)]
    Unknown(serde_json::Value),
}

impl Event {
    /// The medium that a custody event is about; `None` for every other event.
    #[must_use]
    pub fn medium(&self) -> Option<&MediumId> {
        match self {
            Self::MediumRegistered { medium, .. }
            | Self::MediumInitialised { medium, .. }
            | Self::MediumLoaded { medium }
            | Self::MediumEjected { medium }
            | Self::MediumHandedOver { medium, .. }
            | Self::MediumReceived { medium, .. }
            | Self::MediumLost { medium, .. }
            | Self::MediumFound { medium, .. } => Some(medium),
            _ => None,
        }
    }
}
