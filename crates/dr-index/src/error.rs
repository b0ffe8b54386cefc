//! What can go wrong with the index on this host.

use std::error::Error;

/// Why a question to the index has no answer.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Tables cannot be kept or made again, or nothing describes a pack any more.
    #[error("{object} is damaged: {what}")]
    Damaged {
        /// Of what.
        object: String,
        /// What is wrong with it.
        what: String,
    },
    /// Whoever reads index objects for it could not.
    #[error(transparent)]
    Describe(Box<dyn Error + Send + Sync>),
}

impl IndexError {
    pub fn damaged(object: impl ToString, what: impl ToString) -> Self {
        Self::Damaged { object: object.to_string(), what: what.to_string() }
    }

    /// What kept somebody from describing an object.
    pub fn describe(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Describe(Box::new(error))
    }
}

pub fn mended_in_vain() -> IndexError {
    IndexError::damaged("the index on this host", "its disk gives back other bytes than were written")
}

pub fn no_room(error: &std::io::Error) -> IndexError {
    IndexError::damaged("the index on this host", format!("there is no place to keep it: {error}"))
}
