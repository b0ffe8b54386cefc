//! The conductor: begins a school, runs what is due, brings systems back and rehearses that.
//!
//! Everything here does something to the world and writes down in the ledger that it did. It decides little: what is
//! due, who may carry a disk and what a schedule means are pure questions of the crates below. It prints nothing and
//! reads no environment; what it has to say is in the values that it returns.

pub mod anchors;
mod answered;
mod belongs;
mod capture;
pub mod clock;
mod copied;
mod copy;
mod devices;
mod due;
mod erase;
mod erasure;
mod erasures;
mod error;
mod folders;
mod hooks;
mod init;
mod job;
mod kept;
mod keys;
mod left_out;
mod limit;
mod location;
mod look;
mod marker;
mod meant;
pub mod media;
mod mend;
mod mountable;
mod named;
mod naming;
mod open_in;
mod others;
mod outcome;
mod own_names;
mod places;
mod probe;
mod purge;
mod rehearse;
mod replicate;
mod restore;
mod retain;
mod school;
mod scratch;
mod sealed;
mod sight;
mod sources;
mod spans;
mod started;
mod state;
mod subtree;
mod targets;
mod verify_destination;
mod watch;
mod workplace;

pub use belongs::{refuse_other_school, renamed};
pub use capture::seconds as entry_time;
pub use clock::Clock;
pub use due::{DueJob, asked, due, past};
pub use erase::{Carried, EraseOptions, ErasePlan, Erasure, begin, not_erased, plan_erase};
pub use erasures::{recall, unnamed};
pub use error::RunError;
pub use init::{Founded, GiveOut, Initialised, init};
pub use job::{Copy, Gap, GapKind, Run, Unwatched, Watch, note_killed, run};
pub use kept::{Closed, Kept, Opened, kept, open_all, open_to_write, open_whatever_is_there};
pub use keys::{KeyEnv, Variable, read_key, secret};
pub use left_out::{LeftOut, back_up_again, still_there};
pub use limit::{Limit, within};
pub use look::{Chosen, Looked, look};
pub use marker::{MARKER, Marker};
pub use meant::Meant;
pub use mend::{RepairOptions, RepairPlan, looked, plan_repair, remember};
pub use mountable::{FRAMES, Mountable, MountableSnapshot, MountableSystem, PAGES, ToMount, mountable};
pub use named::person;
pub use naming::{Asked, Naming};
pub use open_in::open_in;
pub use places::{Places, locked, refuse_if_others_can_write, refuse_open_state, seen_file};
pub use probe::Check;
pub use purge::purge;
pub use rehearse::{Ask, Part, Rehearsal, level_word, rehearse, written};
pub use replicate::{Replication, replicate};
pub use restore::{Approved, Restoration, SystemRestorePlan, Wanted, Which, approve, plan_restore};
pub use retain::{ForgetPlan, PruneOptions, PrunePlan, Retained, hold, plan_forget, plan_prune, put_back};
pub use school::{Actor, School, read_plan};
pub use scratch::{Wiped, left_in_scratch, sweep_scratch};
pub use sealed::{
    Left, STATUS_OLD, SealedStatus, read_status, read_status_at, read_status_key, status_key, status_key_file,
    write_status,
};
pub use sight::{Seen, see, shared};
pub use sources::{Beforehand, beforehand};
pub use started::starts;
pub use state::{STATE, Sealed, seal_state, state_system};
pub use subtree::SubtreeDestination;
pub use targets::{Availability, TargetLocation, address};
pub use workplace::Workplace;
