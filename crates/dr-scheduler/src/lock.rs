//! Is another process of this school at it already?

use std::fs::File;
use std::path::Path;

use dr_run::locked;

use crate::error::RoundError;

/// The letters, alerts and reminders: whoever writes them looks at what was written before.
pub(crate) const WORDS: &str = ".words.lock";
/// The copies that are due, and what follows from them. No system's id begins with a dot.
pub(crate) const COPIES: &str = ".copies.lock";

/// Takes it, if nobody has it.
pub(crate) fn take(state: &Path, name: &str) -> Result<Option<File>, RoundError> {
    Ok(locked(&state.join("locks").join(name))?)
}
