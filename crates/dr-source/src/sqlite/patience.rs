//! How long one waits for a database, and what is one.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::SourceError;

/// How long a writer that holds the database may keep us waiting.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// SQLite opens whatever has the name, and waits for ever at a pipe. The file is not opened to look: closing it would
/// drop the locks of a connection that this process may have.
pub(super) fn only_a_file(path: &Path) -> Result<(), SourceError> {
    match path.symlink_metadata() {
        Ok(about) if about.is_file() => Ok(()),
        Ok(_) => Err(SourceError::open(path, io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file"))),
        Err(why) => Err(SourceError::open(path, why)),
    }
}
