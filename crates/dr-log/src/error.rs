//! What can go wrong with the log of a repository.

use dr_format::error::FormatError;
use dr_format::id::Digest;
use dr_store::StoreError;

/// Why the log could not be read, or nothing was added to it.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Bytes and values do not go together.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A later program wrote this, and this one must not go on.
    #[error("{object}: {what}; use a newer dr")]
    Newer {
        /// Name of the object.
        object: String,
        /// What is not known here.
        what: String,
    },
    /// This key may do something here, but not that.
    #[error("nothing was written: {0}")]
    KeyMayNot(&'static str),
    /// Something there cannot be read, so nobody knows what it said. Unknown means keep.
    #[error("nothing was written: {object} {what}")]
    NotUnderstood {
        /// Name of the object.
        object: String,
        /// What is wrong with it, and what follows from that.
        what: String,
    },
    /// One host alone may write there, and another one does.
    #[error("{place} accepts one writing host, currently {host}; nothing was written")]
    OtherHost {
        /// The store.
        place: String,
        /// The host that committed last, took over since, or has begun.
        host: String,
    },
    /// Any host may write there, so that none can take another one's place.
    #[error("{0} takes several writers at once, so there is nothing to take over; nothing was written")]
    SeveralWriters(String),
    /// What somebody else wrote meanwhile leaves no room for it.
    #[error("the repository changed meanwhile: {0}; run again")]
    Outrun(&'static str),
    /// The log ends before what this host has seen of it, or another history stands there.
    #[error("{0}. Nothing was written")]
    RolledBack(Box<PutBack>),
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl LogError {
    pub fn damaged(object: impl ToString, what: impl ToString) -> Self {
        FormatError::damaged(object, what).into()
    }

    pub fn too_much(what: impl ToString) -> Self {
        FormatError::TooMuch(what.to_string()).into()
    }
}

/// What tells that a repository was put back, or exchanged.
#[derive(Debug)]
pub struct PutBack {
    /// The newest entry that was seen: its number and BLAKE3.
    pub seen: (u64, Digest),
    /// The newest entry that is there.
    pub found: (u64, Digest),
    /// Where the repository is.
    pub place: String,
}

impl std::fmt::Display for PutBack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ((found, there), (seen, before)) = (&self.found, &self.seen);
        write!(
            f,
            "the log ends with entry {found} ({there}), and this host has seen entry {seen} ({before}): the repository was \
             put back to an earlier state, or exchanged for another"
        )
    }
}
