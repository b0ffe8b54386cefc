//! How does a capture go back to where it was taken from?

use std::io;
use std::path::{Path, PathBuf};

use dr_entry::{Destination, EntryPath};

use crate::SourceError;
use crate::files::PutBack;
use crate::maildir::IntoMailboxes;

/// A place on this machine to put entries back to.
pub trait Place: Destination {
    /// What is put back, on this machine.
    fn put_back(&self) -> &PutBack;
}

impl Place for PutBack {
    fn put_back(&self) -> &PutBack {
        self
    }
}

impl Place for IntoMailboxes {
    fn put_back(&self) -> &PutBack {
        self.inner()
    }
}

/// The way back of one kind.
pub enum InPlace<'a> {
    /// Entry by entry, below the paths that the plan names today.
    Paths,
    /// Entry by entry, to one place that people go on using.
    Into {
        /// What of the capture goes there.
        top: EntryPath,
        /// Where.
        to: PathBuf,
        /// Why nothing that came since is removed there.
        no_delete: &'static str,
        /// Why whatever is not below `top` does not belong there.
        no_part: &'static str,
    },
    /// Not at all by dr, for this reason.
    Refused(&'static str),
    /// Whole: made beside the old one, then put in its place.
    Whole(&'a dyn Whole),
}

/// What goes back whole.
pub trait Whole {
    /// What the plan calls it.
    fn named(&self) -> &Path;

    /// What is exchanged, which a link may stand for.
    ///
    /// # Errors
    /// If nothing can be put there.
    fn stands_at(&self) -> Result<PathBuf, SourceError>;

    /// What of a capture that was restored to `folder` goes there.
    ///
    /// # Errors
    /// What is wrong with it, in words for people.
    fn made(&self, folder: &Path) -> Result<PathBuf, String>;

    /// Puts `new` in the place of what stands at `old`. Its size.
    ///
    /// # Errors
    /// Before anything of the old one is gone, or between.
    fn exchange(&self, new: &Path, old: &Path) -> Result<u64, NotExchanged>;
}

/// Why a system was not exchanged as a whole.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {why}")]
pub struct NotExchanged {
    /// What could not be done.
    pub what: &'static str,
    /// What the operating system said.
    #[source]
    pub why: io::Error,
}
