//! The append-only record of what happened, and questions about it.
//!
//! Everything that `dr` does or is told becomes one [`Event`] in one line of one file, chained by hashes so that an
//! edit, a removal or a reordering shows. The rest of `dr` never keeps "last time" in a variable or a side file: it
//! asks [`History`], which is a fold over the entries. Times are always passed in; nothing here reads a clock.
//!
//! `event` says what can happen, `entry` who said so and when, `file` appends, `verify` audits, `history` answers, and
//! `time` tells which entries are evidence at all; `unheld` says in what the ledger and the copies disagree, `erasures`
//! what still waits to be erased.

mod answered;
mod emptied;
mod entry;
mod erasures;
mod event;
mod file;
mod history;
mod id;
mod line;
mod purge;
mod purgeable;
mod sights;
mod suspicion;
mod time;
mod unheld;
mod verify;

pub use answered::{last_answers, missed_answers};
pub use emptied::{Emptied, damaged_since, emptied};
pub use entry::{Authenticated, Body, Entry};
pub use erasures::{Wanted, wanted};
pub use event::{
    ChannelKind, CheckKind, CopyOutcome, Counted, Decision, ErasedCopy, ErasureState, Event, Held, LetterStatus,
    MediumKind, MessageKind, Misfit, MisfitKind, Missed, NotedAnswer, Noticed, PlaceState, PlannedCopy,
    RehearsalVerdict, RehearsedSystem, RestoreOutcome, RunCopy, RunOutcome,
};
pub use file::{Appended, FILE_NAME, Ledger, LedgerError, verify};
pub use history::{Check, CopyHistory, Done, Failed, History, LastRun, Letter, Rehearsal, Restore, Unfinished};
pub use id::{BadDigest, Digest, RunId, SnapshotRef};
pub use line::LINE_MAX;
pub use purgeable::purgeable;
pub use sights::{SOURCES, STATE, Sight, Sights, of_medium, of_target};
pub use suspicion::{Shape, Suspicion, SuspicionKind, shapes, suspicion, unlike};
pub use time::{Ahead, CLOCK_SLACK, Now, ahead, borne_out, counted, evidence};
pub use unheld::{ACCEPTED_COPY, ACCEPTED_UP_TO, Accepted, unheld};
pub use verify::{Break, Contents, Head, Verdict};
