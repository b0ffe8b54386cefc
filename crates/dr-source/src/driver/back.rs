//! How does a capture go back to where it was taken from?

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_entry::{Destination, EntryPath};

use super::look::Hands;
use crate::SourceError;
use crate::files::FsRestorer;
use crate::maildir::IntoMailboxes;

/// A place on this machine to put entries back to.
pub trait Place: Destination {
    /// What is put back, on this machine.
    fn put_back(&self) -> &FsRestorer;
}

impl Place for FsRestorer {
    fn put_back(&self) -> &FsRestorer {
        self
    }
}

impl Place for IntoMailboxes {
    fn put_back(&self) -> &FsRestorer {
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
        /// What of it stays when what came since is to be removed there, because captures leave it out; or why nothing is
        /// removed.
        delete: Result<&'a [String], &'static str>,
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

/// Where something is loaded.
#[derive(Debug, Clone, Copy)]
pub struct Onto<'a> {
    /// As a new one of this address; `None`: in the place of the one that the plan names, which is kept under another name.
    pub url: Option<&'a str>,
    /// By this account of the server, if the plan's or the address's is not meant.
    pub account: Option<&'a str>,
    /// What the name of one that is kept aside ends in.
    pub moment: &'a str,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What it is called on its server.
    pub name: String,
    /// Its tables, each of which has the rows that it had when it was captured.
    pub tables: u64,
    /// All of these rows.
    pub rows: u64,
    /// What else a person should know.
    pub said: Vec<String>,
}

/// What a program reads: one file of a capture, from front to back.
pub type Feed = Box<dyn io::Write + Send>;

/// Why a file could not be fed to a program.
#[derive(Debug, thiserror::Error)]
pub enum NotFed {
    /// The copy does not give it.
    #[error("{0}")]
    Lost(String),
    /// The program takes no more.
    #[error("{0}")]
    Refused(io::Error),
}

/// What comes back by being loaded into a server.
pub trait Load {
    /// The name of the one that lives, which somebody has to type before it is set aside.
    ///
    /// # Errors
    /// If the plan's address is wrong.
    fn live(&self) -> Result<String, SourceError>;

    /// What becomes of the one that lives when another comes in its place, as the end of a sentence.
    fn in_its_place(&self) -> &'static str;

    /// How the address of a new one is written.
    fn new_one(&self) -> &'static str;

    /// Whether one lives whose contents are nowhere else once another has come in its place, so that it has to be captured
    /// before.
    ///
    /// # Errors
    /// If its server does not say.
    fn would_be_lost(&self, _onto: &Onto<'_>, _hands: &Hands<'_>) -> Result<bool, SourceError> {
        Ok(false)
    }

    /// What of the capture is no part of the database and goes back as files.
    fn beside(&self) -> Option<EntryPath> {
        None
    }

    /// The file of a capture that is fed to a program, and never lies on disk.
    ///
    /// # Errors
    /// If the plan's address is wrong.
    fn fed(&self) -> Result<EntryPath, SourceError>;

    /// Loads a capture of which everything else was restored to `folder`, whole or not at all. `feed` writes the file.
    ///
    /// # Errors
    /// What went wrong, and what is where then.
    fn load(
        &self,
        folder: &Path,
        feed: &dyn Fn(Feed) -> Result<(), NotFed>,
        onto: &Onto<'_>,
        hands: &Hands<'_>,
        stop: &Arc<AtomicBool>,
    ) -> Result<Loaded, SourceError>;
}
