//! Why is there no export that counts, or what spoiled the one that was read?

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dr_entry::Time;

use crate::SourceError;

/// Why there is no export to keep. Names of files are for the person at the screen only.
#[derive(Debug, thiserror::Error)]
pub enum NoExport {
    /// Not a file that the pattern names.
    #[error("the export is missing: no file `{name}` is in {}", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
        /// The pattern.
        name: String,
    },
    /// It stopped coming.
    #[error("the export is stale: the newest file is {} and {} h old, which is more than the plan allows", newest.display(), age / 3600)]
    Stale {
        /// The newest file.
        newest: PathBuf,
        /// When that was written.
        at: Time,
        /// How many seconds ago that is.
        age: i64,
    },
    /// It has not stood still for long enough, or changed while it was read.
    #[error("the export is still being written: {} changed just now", file.display())]
    Writing {
        /// Which file.
        file: PathBuf,
    },
    /// What says that it is whole is not there.
    #[error(
        "the export is not finished: its marker is missing: no file `{marker}` is beside {}. Whoever makes the export writes \
         that when it is whole: look how that job ended, and let it run again",
        file.display()
    )]
    Unmarked {
        /// The export.
        file: PathBuf,
        /// The name of its marker.
        marker: String,
    },
    /// What says that it is whole was written before it.
    #[error(
        "the export is not finished: its marker `{marker}` is older than {}. Whoever makes the export writes that when it \
         is whole: look how that job ended, and let it run again",
        file.display()
    )]
    MarkedBefore {
        /// The export.
        file: PathBuf,
        /// The name of its marker.
        marker: String,
    },
    /// Databases that the plan names have not come.
    #[error(
        "the export lacks {}: no file of that night has its name, and each database takes a file of its own. Look how the job \
         ended that backs it up",
        missing.join(", ")
    )]
    Lacking {
        /// Which.
        missing: Vec<String>,
        /// How many the plan names.
        of: usize,
    },
    /// Nothing is in it.
    #[error("the export is empty: {} has no bytes", file.display())]
    Empty {
        /// Which file.
        file: PathBuf,
    },
    /// It is something else inside.
    #[error("the export is not of the expected type: {} is not {expected} inside", file.display())]
    WrongType {
        /// Which file.
        file: PathBuf,
        /// What it should be, as the plan writes it.
        expected: &'static str,
    },
    /// It is much smaller than the last.
    #[error(
        "the export shrank by {percent} % ({last} bytes before, {now} bytes now), which is more than the plan allows. If that is right, raise `shrink` for one run"
    )]
    Shrunk {
        /// By how much.
        percent: u64,
        /// The last one's size.
        last: u64,
        /// This one's.
        now: u64,
    },
    /// What its maker counted in it cannot be known.
    #[error(
        "the export has no facts that can be used: {}: {why}. They are an object or a list of whole numbers, as \
         `SELECT count(*) … FOR JSON PATH` gives it",
        facts.display()
    )]
    NoFacts {
        /// Where they should be.
        facts: PathBuf,
        /// What is wrong with them.
        why: String,
    },
    /// Its maker counted much less in it than in the last.
    #[error(
        "the export counts {percent} % less than the last ({what}: {last} before, {now} now), which is more than the plan \
         allows. If that is right, raise `shrink` for one run"
    )]
    Fewer {
        /// What was counted.
        what: String,
        /// By how much it is less.
        percent: u64,
        /// How many there were in the last.
        last: u64,
        /// How many there are in this.
        now: u64,
    },
    /// Its maker no longer counts what was counted in the last.
    #[error(
        "the export's facts lack {gone} of the {of} counts that the last one had. If that is right, write `shrink = 100` for \
         one run"
    )]
    Uncounted {
        /// How many are gone.
        gone: usize,
        /// Of how many.
        of: usize,
    },
    /// It could not be read.
    #[error("the export could not be read: {}: {why}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the operating system said.
        why: String,
    },
    /// The pattern means nothing.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Why a capture that had begun must not be kept.
#[derive(Clone)]
pub struct Spoiled {
    pub(super) why: Arc<Mutex<Option<NoExport>>>,
    pub(super) stop: Arc<AtomicBool>,
}

impl Spoiled {
    /// The reason, if there is one.
    #[must_use]
    pub fn take(&self) -> Option<NoExport> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn set(&self, why: NoExport) {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        self.stop.store(true, Ordering::Relaxed);
    }
}
