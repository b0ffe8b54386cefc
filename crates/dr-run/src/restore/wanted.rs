//! What is to be restored, and in which state.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_repo::Tally;
use dr_source::files::Owners;
use jiff::Timestamp;

/// Which moment is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The newest there is.
    Latest,
    /// The snapshot of this id, or of a beginning of one.
    Id(String),
    /// The newest whose capture began by then.
    AsOf(Timestamp),
}

/// What is wanted back.
pub struct Wanted<'a> {
    /// Whose data.
    pub system: &'a str,
    /// Which moment.
    pub which: Which,
    /// No other target than this.
    pub target: Option<&'a str>,
    /// Only these paths: below the system's folder, or as they were on the source; empty for everything.
    pub paths: &'a [PathBuf],
    /// Into this folder, absent or empty; `None`: where it came from.
    pub to: Option<&'a Path>,
    /// As a new one of this address on a server, instead of a folder.
    pub onto: Option<&'a str>,
    /// By this account of a server.
    pub account: Option<&'a str>,
    /// Whether and how owners are set.
    pub owners: Owners,
    /// In place: what the snapshot does not have is removed.
    pub delete: bool,
    /// Progress.
    pub tally: &'a Tally,
    /// Set from outside to end early.
    pub stop: &'a Arc<AtomicBool>,
}
