//! How a log says that a part of the round could not be done.

use tracing::warn;

use crate::error::RoundError;

/// A part of the round that could not be done.
pub(crate) fn trouble(why: &RoundError) {
    warn!(event = "trouble", error = why.kind());
}
