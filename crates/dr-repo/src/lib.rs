//! Sealed, deduplicated snapshots on a store: backup, restore, check.
//!
//! A repository does not know what a source is, nor what a plan, a path on this machine or a clock is. It pulls
//! entries ([`dr_entry::Entries`]), keeps them, and puts them back to a [`dr_entry::Destination`]. Bytes are
//! written once and never changed: packs first, then the index that says what is in them, then the log entry that
//! makes them count. `docs/format/repository.md` is the format, complete enough for a reader by a stranger.

#![expect(clippy::missing_errors_doc, reason = "`RepoError` names every cause, and each may come from any operation")]

mod adopt;
mod anew;
mod backup;
// Also for tests, so that whoever changes a stage hears of it from the compiler.
#[cfg(any(test, feature = "bench"))]
#[doc(hidden)]
pub mod bench;
mod cache;
mod check;
mod claim;
mod committer;
mod copies;
mod copy;
mod diff;
mod erase;
mod error;
mod fetch;
mod find;
mod forget;
mod frames;
mod fuse;
pub mod keyfile;
mod known;
mod labelled;
mod look;
mod marked;
mod moving;
mod notes;
mod pack_writer;
mod packer;
mod presence;
mod progress;
mod prove;
mod prune;
mod repair;
mod repository;
mod restore;
mod scrub;
mod session;
mod spares;
#[cfg(test)]
mod tests;
mod touched;
mod turns;
mod unfinished;

pub use backup::{Capture, Summary, backup, new_snapshot_id};
pub use check::{Check, Checked, Finding, ReadData, Stats, Unread, check};
pub use copy::{Copied, Copying, Fate, Missing, copy};
pub use diff::{Amount, Aspect, Change, Compared, Diff, Difference, diff};
pub use dr_format::FormatError;
pub use dr_format::id::{Digest, FamilyId, HostId, RepoId, Secret, SnapshotId};
pub use dr_format::key::{FamilyKey, Key, PrunerKey, WriterKey};
pub use dr_format::snapshot::{Label, Shape};
pub use dr_format::status_object::{BadStatus, STATUS_FOLDER, STATUS_MAX, StatusKey};
pub use dr_log::error::PutBack;
pub use dr_log::log::OtherWriter;
pub use erase::{Erase, Erased, IsMeant, Judged, Ruling, erase};
pub use error::RepoError;
pub use find::{Find, Found, Searched, SnapshotPlaces, Version, find};
pub use known::{Known, is_exchanged, is_repository, known};
pub use labelled::Labelled;
pub use look::Tree;
pub use presence::Lacking;
pub use progress::Tally;
pub use prune::{Prune, Pruned, Verdict, prune};
pub use repair::{Mended, Repair, Repaired, Told, repair};
pub use repository::{Fault, Repository, Snapshot, Unlock, create, create_with_writer, written_anew};
pub use restore::{Description, Listed, NotWhole, Restore, Restored, restore};
pub use scrub::scrub;
pub use touched::Touched;
pub use unfinished::{Life, Unfinished};
