//! When was the last round? A note beside the ledger, which has nothing to say about rounds that found nothing to do.
//!
//! It may be lost at any moment: then the next round thinks that the machine slept.

use std::path::Path;

use dr_run::School;
use jiff::{SignedDuration, Timestamp};

use crate::error::RoundError;

const NAME: &str = "last-round";
/// Rounds come every few minutes; a pause longer than this was a sleep.
const SLEEP: SignedDuration = SignedDuration::from_hours(2);

/// The time that the last round decided with.
fn last_round(state: &Path) -> Option<Timestamp> {
    dr_open::text(&state.join(NAME), 1 << 10).ok()?.trim().parse().ok()
}

/// Whether no round was made for so long that the machine must have been off, or nobody called.
pub(crate) fn slept(school: &School) -> bool {
    let now = school.clock.decided();
    last_round(&school.places.state).is_none_or(|last| now.duration_since(last) > SLEEP)
}

pub(crate) fn note(school: &School) -> Result<(), RoundError> {
    let path = school.places.state.join(NAME);
    dr_open::note(&path, format!("{}\n", school.clock.decided()).as_bytes())
        .map_err(RoundError::local("cannot write", &path))
}
