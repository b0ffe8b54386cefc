//! What did people decide about a finding, and until when does that hold?
//!
//! A gap that is accepted in the ledger counts as one that is accepted in the plan. It is somebody's, it ends, and it
//! ends within a term.

use dr_ledger::{Decision, Entry, Event};
use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::Date;

use crate::facts::Given;

/// The longest that a gap can be accepted: a term.
const LONGEST_DAYS: i64 = 125;

/// The last day of the newest acceptance of the finding `key`.
pub(super) fn excepted(given: &Given<'_>, key: &str) -> Option<Date> {
    given
        .entries
        .iter()
        .rev()
        .find_map(|entry| excepts(given, entry).filter(|(about, _)| *about == key))
        .map(|(_, until)| until)
}

fn excepts<'g>(given: &Given<'_>, entry: &'g Entry) -> Option<(&'g str, Date)> {
    let Event::Accepted { decision: Decision::Excepted, about, until: Some(until), .. } = &entry.event else {
        return None;
    };
    entry.by.as_ref()?;
    let zone = &given.plan.school.timezone;
    let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
    let longest = day(entry.decided).checked_add(LONGEST_DAYS.days()).ok()?;
    Some((about, day(*until).min(longest)))
}
