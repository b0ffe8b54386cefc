//! What can be asked of every kind of source, whatever it is: what it needs, a look beforehand, a capture, the way back
//! and a proof.
//!
//! Each kind answers in a `driver.rs` of its own folder, and [`crate::driver()`] finds it. So the doctor, the service's units,
//! `plan check`, runs, restores and rehearsals know a new kind as soon as it has a driver.

mod back;
mod capture;
mod check;
mod correction;
mod look;
mod question;
mod start;

use std::path::{Path, PathBuf};

use dr_entry::{EntryPath, Time};

pub use back::{Feed, InPlace, Load, Loaded, NotExchanged, NotFed, Onto, Place, Whole};
pub use capture::{Begun, CaptureError, Moment, Size};
pub(crate) use capture::{something, there};
pub use check::{Check, Verdict};
pub use correction::Correction;
pub use look::{Around, Finding, Hands, Obstacle, Secrets};
pub(crate) use look::{READABLE, sampled, shown};
pub use question::{QuestionAnswers, Questions};
pub use start::{NotStarted, Scene, StartRestored, StartedSystem};

use crate::SourceError;
use crate::files::{Captured, FsRestorer, RestoreMode};

/// What a source needs of the machine: the service's units let a run reach this and no more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Files and folders that are read.
    pub read: Vec<PathBuf>,
    /// Folders that are written in, though only to read.
    pub write: Vec<PathBuf>,
}

/// How the entries of a capture are called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// They stand under their whole paths, instead of below the one folder that was captured.
    pub whole_paths: bool,
    /// What of the capture is the place that the plan names, if it is not the top: the facts stand beside it.
    pub top: Option<EntryPath>,
}

/// One kind of source.
pub trait Driver {
    /// What it needs of the machine.
    fn needs(&self) -> Needs;

    /// What can be said of it before a run, by names, links and mounts alone.
    fn preflight(&self, around: &Around<'_>) -> Vec<Finding>;

    /// Whether it can be read at `now`, tried on a sample, or asked of its server with what is at hand: what was seen.
    ///
    /// # Errors
    /// What is in the way, and what to do.
    fn probe(&self, now: Time, hands: &Hands<'_>) -> Result<&'static str, Obstacle>;

    /// Begins to capture it.
    ///
    /// # Errors
    /// Why nothing of it is captured. A source that is empty or gone is one.
    fn capture(&self, moment: &Moment<'_>) -> Result<Begun, CaptureError>;

    /// Its entries for whoever wants their names alone; `None` where contents would have to be read for them.
    ///
    /// # Errors
    /// As [`Driver::capture`].
    fn names(&self, _moment: &Moment<'_>) -> Result<Option<Captured>, SourceError> {
        Ok(None)
    }

    /// How the entries of a capture that is made now are called.
    fn layout(&self) -> Layout;

    /// What is its own besides the paths that the plan names, such as a log that lies beside it.
    fn beside(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// How its facts stay true when entries are left out of a capture, because they were erased; `None`: they count nothing.
    fn correction(&self) -> Option<Correction> {
        None
    }

    /// How it goes back to where it was captured. Into a folder of its own every capture goes back as plain files.
    fn in_place(&self) -> InPlace<'_>;

    /// How it is loaded into a server, if that is its way back.
    fn loads(&self) -> Option<Box<dyn Load + '_>> {
        None
    }

    /// What a person does next with what was restored to `folder`, a line to paste each.
    fn next_steps(&self, _folder: &Path) -> Vec<String> {
        Vec::new()
    }

    /// The place for what goes back entry by entry below `folder`, which the plan names; only looked at unless `write`.
    ///
    /// # Errors
    /// If nothing can be put back there.
    fn place(&self, folder: &Path, mode: RestoreMode, write: bool) -> Result<Box<dyn Place>, SourceError> {
        Ok(Box::new(FsRestorer::of_plan(folder, mode, write)?))
    }

    /// Files that no program may have open while it is put back in its place; the first is what people call it.
    fn must_be_closed(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// What its kind lets one ask of a capture that was restored to `root`. That names, sizes and contents are those of the
    /// copy is asked of every kind, elsewhere.
    fn verify(&self, root: &Path) -> Vec<Check>;

    /// How it is started, or opened as those would who use it, and asked; `None`: this version does not know how.
    fn starts(&self) -> Option<Box<dyn StartRestored + '_>> {
        None
    }
}
