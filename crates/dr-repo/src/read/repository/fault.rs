//! What is wrong with an object that was read, in words.

use dr_store::StoreError;

use crate::error::RepoError;

/// Something that is wrong with an object, found while opening or checking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Name of the object.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
}

/// What is wrong, without naming the object a second time.
pub(crate) fn fault_text(error: &RepoError) -> String {
    match error {
        RepoError::Damaged { what, .. } => what.clone(),
        RepoError::Store(StoreError::NotFound { .. }) => "it is missing".to_owned(),
        RepoError::Store(StoreError::Short { .. }) => "it is cut off".to_owned(),
        RepoError::Store(StoreError::TooLarge { .. }) => "it is too large".to_owned(),
        other => other.to_string(),
    }
}
