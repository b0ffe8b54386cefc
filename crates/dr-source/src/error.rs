//! Why a source could not be captured, or a destination could not be prepared, at all.
//!
//! What goes wrong with a single entry is no error of this kind: it is an [`dr_entry::Unread`] on the way in
//! and an [`std::io::Error`] for that path on the way back.

use std::io;
use std::path::PathBuf;

/// Nothing was captured, or nothing can be put back there.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A path the plan names cannot be opened.
    #[error("{} cannot be opened: {why}", path.display())]
    Open {
        /// The path.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        why: io::Error,
    },
    /// An exclude pattern that means nothing.
    #[error("the exclude pattern {pattern:?} is wrong: {why}")]
    Pattern {
        /// As it was written.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// No paths were given.
    #[error("there is no path to capture")]
    NoPaths,
    /// The place to restore to holds something already.
    #[error("{} is not empty: nothing was written; choose an empty directory or restore in place", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// A link on the way to the place to restore to.
    #[error(
        "{} leads through a link to {}, and in place nothing is restored through a link, which others may have laid. Take it away, or restore to a folder of its own",
        path.display(), to.display()
    )]
    Link {
        /// The place to restore to.
        path: PathBuf,
        /// Where the link leads.
        to: PathBuf,
    },
    /// A database that SQLite cannot read.
    #[error("the database {} cannot be captured: {why}", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        why: rusqlite::Error,
    },
    /// A database that another program kept locked.
    #[error("the database {} was locked by another program for {seconds} s: nothing was captured", path.display())]
    Locked {
        /// The database.
        path: PathBuf,
        /// How long we waited.
        seconds: u64,
    },
    /// A program that was to write what is captured.
    #[error("{program}: {why}. Nothing was captured, earlier backups are untouched")]
    Program {
        /// Its name.
        program: String,
        /// What was wrong, with what it said itself: for the person at the screen.
        why: String,
    },
    /// What came back could not be loaded.
    #[error("{why}")]
    NotLoaded {
        /// What went wrong, and what is where now.
        why: String,
    },
    /// A kind of system that is not captured by this program.
    #[error("this version of dr does not capture systems of kind `{kind}`")]
    NoCapture {
        /// The plan's word for it.
        kind: &'static str,
    },
}

impl SourceError {
    /// What was wrong, without what it means for a capture: for who asks outside of one.
    pub(crate) fn alone(&self) -> String {
        match self {
            Self::Program { program, why } => format!("{program}: {why}"),
            other => other.to_string(),
        }
    }

    /// That a database was not loaded.
    pub(crate) fn not_loaded(why: impl std::fmt::Display) -> Self {
        Self::NotLoaded { why: why.to_string() }
    }

    /// The same while a database is loaded: what a program said, without the words for a capture.
    pub(crate) fn of_loading(self) -> Self {
        match self {
            Self::Program { .. } => Self::not_loaded(self.alone()),
            other => other,
        }
    }

    pub(crate) fn open(path: impl Into<PathBuf>, why: impl Into<io::Error>) -> Self {
        Self::Open { path: path.into(), why: why.into() }
    }
}
