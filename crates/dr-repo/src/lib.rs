//! Sealed, deduplicated snapshots on a store: backup, restore, check.
//!
//! A repository does not know what a source is, nor what a plan, a path on this machine or a clock is. It pulls
//! entries ([`dr_entry::Entries`]), keeps them, and puts them back to a [`dr_entry::Destination`]. Bytes are
//! written once and never changed: packs first, then the index that says what is in them, then the log entry that
//! makes them count. `docs/format/repository.md` is the format, complete enough for a reader by a stranger.

#![expect(clippy::missing_errors_doc, reason = "`RepoError` names every cause, and each may come from any operation")]

// Also for tests, so that whoever changes a stage hears of it from the compiler.
mod abort;
#[cfg(any(test, feature = "bench"))]
#[doc(hidden)]
pub mod bench;
mod error;
pub mod keyfile;
mod maintain;
mod progress;
mod read;
#[cfg(test)]
mod tests;
mod work_queue;
mod write;

pub use dr_format::FormatError;
pub use dr_format::id::{Digest, FamilyId, HostId, RepoId, Secret, SnapshotId};
pub use dr_format::key::{FamilyKey, Key, PrunerKey, WriterKey};
pub use dr_format::snapshot::{Label, Shape};
pub use dr_format::status_object::{BadStatus, STATUS_FOLDER, STATUS_MAX, StatusKey};
pub use dr_log::error::PutBack;
pub use dr_log::log::OtherWriter;
pub use error::RepoError;
pub use maintain::check::{CheckOptions, CheckReport, Finding, ReadData, Stats, Unread, check};
pub use maintain::erase::{EraseOptions, ErasePlan, EraseReport, IsMeant, Judged, Ruling, plan_erase};
pub use maintain::forget::{ForgetPlan, ForgetReport, ForgetVerdict};
pub use maintain::prune::{PruneOptions, PrunePlan, PruneReport, Verdict, plan_prune};
pub use maintain::repair::{Mended, RepairOptions, RepairPlan, RepairReport, plan_repair};
pub use maintain::scrub::scrub;
pub use maintain::unfinished::{Life, Unfinished};
pub use progress::Tally;
pub use read::browse::{BrowsedCopy, BrowsedEntry, IsHidden, NextEntry, PageCache, SnapshotView};
pub use read::diff::{Amount, Aspect, Change, Compared, Diff, Difference, diff};
pub use read::find::{FindOptions, FindReport, Found, SnapshotPlaces, Version, find};
pub use read::known::{Known, is_exchanged, is_repository, known};
pub use read::labelled::Labelled;
pub use read::look::Tree;
pub use read::repository::{Fault, Repository, Snapshot, Unlock, create, create_with_writer, rewritten_same};
pub use read::restore::{Description, Listed, NotWhole, RestoreOptions, RestorePlan, RestoreReport, plan_restore};
pub use read::touched::Touched;
pub use write::backup::{BackupOptions, BackupReport, backup, new_snapshot_id};
pub use write::copy::{CopyOptions, CopyReport, Fate, Missing, copy};
pub use write::presence::Lacking;
