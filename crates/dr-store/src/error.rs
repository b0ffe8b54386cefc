//! What can go wrong with named bytes.

use std::io;

use crate::Key;

/// Why a store did not do as asked. `place` is [`crate::Store::place`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No object of that name.
    #[error("{key} is not in {place}")]
    NotFound {
        /// The object.
        key: Key,
        /// The store.
        place: String,
    },
    /// The object is larger than the reader will take.
    #[error("{key} in {place} is {size} bytes, more than the {limit} expected at most")]
    TooLarge {
        /// The object.
        key: Key,
        /// The store.
        place: String,
        /// Its size.
        size: u64,
        /// What the caller would take.
        limit: u64,
    },
    /// The object ends before the range that was asked for.
    #[error("{key} in {place} ends before byte {end}")]
    Short {
        /// The object.
        key: Key,
        /// The store.
        place: String,
        /// End of the range.
        end: u64,
    },
    /// No space left for new objects.
    #[error("{place} is full")]
    Full {
        /// The store.
        place: String,
    },
    /// One process at a time may write there ([`crate::Store::single_writer`]), and another one is at it.
    #[error("{place} is locked by {who}")]
    Busy {
        /// The store.
        place: String,
        /// Who is writing, in its own words.
        who: String,
    },
    /// Nothing there could keep two writers from replacing each other's objects.
    #[error(
        "{place} supports neither exclusive create nor file locks, so two writers could overwrite each other; nothing was \
         written"
    )]
    NoLocks {
        /// The store.
        place: String,
    },
    /// The operating system or the network said no.
    #[error("{what} {place}: {source}")]
    Io {
        /// "cannot write to", "cannot read from", …
        what: &'static str,
        /// The store.
        place: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl StoreError {
    /// Which kind of error it is, for a log: no name of an object or a place.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not-found",
            Self::TooLarge { .. } => "too-large",
            Self::Short { .. } => "short",
            Self::Full { .. } => "full",
            Self::Busy { .. } => "busy",
            Self::NoLocks { .. } => "no-locks",
            Self::Io { .. } => "io",
        }
    }

    /// Whether no store is there at all: what was opened is not at its address.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether the same request may succeed in a moment: interrupted, timed out, connection lost.
    #[must_use]
    pub fn may_be_retried(&self) -> bool {
        matches!(self, Self::Io { source, .. } if matches!(
            source.kind(),
            io::ErrorKind::Interrupted | io::ErrorKind::TimedOut | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe | io::ErrorKind::WouldBlock
        ))
    }
}
