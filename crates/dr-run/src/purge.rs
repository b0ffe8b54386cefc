//! Takes out of the ledger what people need not be reminded of any more: the bodies of activity older than six months.

use dr_ledger::{Event, purgeable};

use crate::error::RunError;
use crate::school::School;

/// So many numbers are announced at once; their line is far below the longest that a ledger takes.
const AT_ONCE: usize = 20_000;

/// Takes out every body whose time is up, and says how many. The chain still verifies, and what the history answers
/// about now stays the same.
///
/// # Errors
/// If the ledger is broken, or cannot be read or written: then what was announced and not done is done next time.
pub fn purge(school: &School) -> Result<usize, RunError> {
    // A clock that was moved forward, or leapt, must not take away what is young.
    let now = school.age_time()?.0.min(school.clock.at_real());
    let numbers = purgeable(&school.entries()?, now);
    for entries in numbers.chunks(AT_ONCE) {
        let because = "activity is kept for six months".to_owned();
        school.ledger.purge(&school.said(Event::BodiesPurged { entries: entries.to_vec(), because }))?;
    }
    Ok(numbers.len())
}
