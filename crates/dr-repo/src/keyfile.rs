//! Keys as files, read and written for whoever opens a repository.

pub use crate::key_text::to_text;

use crate::error::RepoError;
use crate::key::Key;
use crate::key_text;

/// Reads the text of a key file.
///
/// # Errors
/// [`RepoError::WrongKey`] says what is wrong with it, never what is in it.
pub fn from_text(text: &str) -> Result<Key, RepoError> {
    Ok(key_text::from_text(text)?)
}
