//! What can happen to a school's backups, as it is written down for good.
//!
//! The JSON is for strangers: an auditor reads it in ten years with none of our code (`docs/format/ledger.md`). So a
//! field is never renamed and never changes its meaning; new ones are optional. Counts are written, file names never:
//! the ledger outlives what was backed up, and people who may read the ledger may not read the systems.

use std::collections::BTreeMap;

use dr_plan::{MediumId, PersonId, PlaceId, PoolId, SystemId, TargetId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{Digest, RunId, SnapshotRef};

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
    pub answers: Vec<Answered>,
}

/// What one question of the plan was answered in the moment of a capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
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
fn is_zero(count: &u64) -> bool {
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
}

impl RehearsedSystem {
    /// Whether anything was there to be tried. A copy that is away, or a disk that is still empty, says nothing of any
    /// other copy.
    #[must_use]
    pub fn was_tried(&self) -> bool {
        self.verdict != RehearsalVerdict::CouldNotVerify || self.recovery_point.is_some() || self.seconds > 0.0
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// The word in the file and in every document.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}

words! {
    /// How a run ended.
    RunOutcome {
        /// Everything was stored on every target that was there.
        Done = "done",
        /// Stored, but entries are missing.
        Incomplete = "incomplete",
        /// At least one target has nothing.
        Failed = "failed",
        /// Not attempted.
        Skipped = "skipped",
    }
    /// How one copy ended.
    CopyOutcome {
        /// Stored.
        Done = "done",
        /// Not stored.
        Failed = "failed",
        /// No medium is loaded; somebody is to bring one.
        Awaited = "awaited",
        /// Not attempted.
        Skipped = "skipped",
    }
    /// What was found at the place of a target, or where media of a pool appear.
    PlaceState {
        /// The repository that is known there, or the first one.
        Here = "here",
        /// No repository, though there was one; or the place is not there or cannot be read.
        Gone = "gone",
        /// Another repository than the one that is known.
        Other = "other",
        /// The known repository, but it ends before what this host has seen of it.
        Older = "older",
        /// Something of a repository that does not say which it is.
        Damaged = "damaged",
        /// The medium is nowhere in sight.
        Away = "away",
    }
    /// How thoroughly stored data were looked at.
    CheckKind {
        /// What was just written was read from the device again.
        ReadBack = "read-back",
        /// Sealed objects: each is there and of its length, and those that were read have the digest that they should. What
        /// is in them was not opened.
        Objects = "objects",
        /// Structure: everything that should be there is there.
        Check = "check",
        /// Every byte was read and its hash compared.
        ReadData = "read-data",
    }
    /// How a restore ended.
    RestoreOutcome {
        /// Everything came back.
        Done = "done",
        /// Something is missing.
        Incomplete = "incomplete",
        /// Nothing came back.
        Failed = "failed",
    }
    /// How a rehearsal ended.
    RehearsalVerdict {
        /// It came back and the probes agree.
        Verified = "verified",
        /// It did not.
        Failed = "failed",
        /// Nothing is known.
        CouldNotVerify = "could-not-verify",
        /// Not attempted.
        Skipped = "skipped",
        /// Talked through. Never counts as proof.
        Simulated = "simulated",
    }
    /// What a medium is.
    MediumKind {
        /// A spinning disk.
        Hdd = "hdd",
        /// A solid-state disk.
        Ssd = "ssd",
        /// A USB stick.
        Stick = "stick",
        /// A tape.
        Tape = "tape",
        /// A directory that stands in for a disk, in samples and tests.
        Directory = "directory",
    }
    /// The word at the top of the letter.
    LetterStatus {
        /// All evidence present and in date.
        Green = "green",
        /// Something is over its objective.
        Amber = "amber",
        /// Something is wrong.
        Red = "red",
        /// The evidence is missing.
        NotKnown = "not-known",
    }
    /// What a message is.
    MessageKind {
        /// The weekly letter.
        Letter = "letter",
        /// Something that people must know at once.
        Alert = "alert",
        /// Who is to carry which disk this day.
        Disk = "disk",
        /// An export that somebody is to make.
        Export = "export",
        /// A code by which one person can decide something.
        Code = "code",
        /// A trial.
        Test = "test",
    }
    /// A way by which messages go out.
    ChannelKind {
        /// Mail.
        Smtp = "smtp",
        /// An address that takes JSON.
        Webhook = "webhook",
        /// A program of the school's.
        Command = "command",
    }
    /// How an erasure stands on one copy.
    ErasureState {
        /// Nothing was done yet: the copy could not be reached.
        Pending = "pending",
        /// In no snapshot any more; its bytes go when what is unneeded there is deleted.
        Unlisted = "unlisted",
        /// Its bytes were deleted too.
        Gone = "gone",
        /// Some of it is in snapshots that are held.
        Held = "held",
        /// It could not be done, or not wholly.
        Failed = "failed",
    }
    /// In what the ledger and a copy disagree.
    MisfitKind {
        /// The copy knows entries after the ledger's end: its tail was cut off.
        LedgerEndsBefore = "ledger-ends-before",
        /// The copy knows an entry of that number with another hash: the ledger was rewritten, or an older one went on.
        LedgerDiffers = "ledger-differs",
        /// Snapshots that the ledger says were stored there are not in the copy's log: it was put back or exchanged.
        SnapshotsMissing = "snapshots-missing",
    }
    /// What kind of decision a person took.
    Decision {
        /// Knows of something red.
        Acknowledged = "acknowledged",
        /// Lets something happen.
        Approved = "approved",
        /// Lives with a finding until a date.
        Excepted = "excepted",
    }
}
