//! Keys as files, read and written for whoever opens a repository.

use dr_format::key::Key;
use dr_format::key_text;
pub use dr_format::key_text::to_text;

use crate::error::RepoError;

/// Reads the text of a key file.
///
/// # Errors
/// [`RepoError::WrongKey`] says what is wrong with it, never what is in it.
pub fn from_text(text: &str) -> Result<Key, RepoError> {
    Ok(key_text::from_text(text)?)
}
