//! Why a file could not be restored: here, or on this copy.

use crate::error::RepoError;
use crate::read::restore::NotWhole;

/// Whether a failure concerns one file or the whole restore.
pub(super) enum Failed {
    Here(NotWhole),
    /// The place says that it has no room; whether that is so for everything, it is asked.
    Full(std::io::Error),
    All(RepoError),
}

/// That not a byte can be written any more.
pub(super) fn full(why: std::io::Error) -> RepoError {
    RepoError::Local { what: "the place to restore to is full".into(), source: why }
}

/// What was stored says something that cannot be.
pub(super) fn impossible(what: impl Into<String>) -> Failed {
    Failed::Here(NotWhole::Snapshot(what.into()))
}

impl From<RepoError> for Failed {
    fn from(error: RepoError) -> Self {
        match error {
            RepoError::CannotRead | RepoError::Interrupted => Self::All(error),
            other => Self::Here(NotWhole::Copy(other.to_string())),
        }
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full(error),
            _ => Self::Here(error.into()),
        }
    }
}
