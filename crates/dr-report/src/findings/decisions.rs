//! What did people decide about a finding, and until when does that hold?
//!
//! A gap that is accepted in the ledger counts as one that is accepted in the plan. It is somebody's, it ends, and it
//! ends within a term.

use dr_ledger::{Decision, Entry, Event};
use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::Date;

use crate::facts::Given;

/// Every acceptance of the ledger that still holds: of what, until when, by whom.
pub(crate) fn exceptions<'g>(given: &Given<'g>) -> Vec<(&'g str, Date, Option<&'g dr_plan::PersonId>)> {
    let today = given.now.to_zoned(given.plan.school.timezone.clone()).date();
    let mut found: Vec<(&str, Date, Option<&dr_plan::PersonId>)> = Vec::new();
    for entry in given.entries.iter().rev() {
        let Some((about, until)) = excepts(given, entry) else { continue };
        // The newest word about a thing counts.
        if found.iter().all(|(other, ..)| *other != about) {
            found.push((about, until, entry.by.as_ref()));
        }
    }
    found.retain(|(_, until, _)| *until >= today);
    found
}

fn excepts<'g>(given: &Given<'_>, entry: &'g Entry) -> Option<(&'g str, Date)> {
    let Event::Accepted { decision: Decision::Excepted, about, until: Some(until), .. } = &entry.event else {
        return None;
    };
    entry.by.as_ref()?;
    let zone = &given.plan.school.timezone;
    let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
    let longest = day(entry.decided).checked_add(dr_plan::LONGEST_GAP_DAYS.days()).ok()?;
    Some((about, day(*until).min(longest)))
}

/// Whether anybody decided anything about the finding `key` since.
pub(super) fn decided_since(given: &Given<'_>, key: &str, since: Timestamp) -> bool {
    given.entries.iter().any(|entry| {
        entry.decided >= since
            && entry.by.is_some()
            && matches!(&entry.event, Event::Accepted { about, .. } if about == key)
    })
}
