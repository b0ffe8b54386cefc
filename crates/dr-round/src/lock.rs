//! Is another process of this school at it already? Locks that go with the process, however that ends.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::error::RoundError;

/// The letters, alerts and reminders: whoever writes them looks at what was written before.
pub(crate) const WORDS: &str = ".words.lock";
/// The copies that are due, and what follows from them. No system's id begins with a dot.
pub(crate) const COPIES: &str = ".copies.lock";

/// Takes it, if nobody has it.
pub(crate) fn take(state: &Path, name: &str) -> Result<Option<File>, RoundError> {
    let folder = state.join("locks");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(RoundError::local("cannot make the folder", &folder))?;
    let path = folder.join(name);
    let failed = |why| RoundError::local("cannot lock", &path)(why);
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(why)) => Err(failed(why)),
    }
}
