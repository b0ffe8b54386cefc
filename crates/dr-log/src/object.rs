//! How does the name of an object become a key of its store?

use dr_store::Key;

use crate::error::LogError;

/// An object name that this crate made up.
pub fn key(name: &str) -> Result<Key, LogError> {
    Key::new(name).map_err(|e| LogError::damaged(&e.0, "it is not the name of an object"))
}
