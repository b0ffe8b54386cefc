//! Whom to remind this morning: who carries which disk, and who makes which export?
//!
//! A reminder goes out on the morning on which it matters, from seven o'clock on a day when somebody is there, to whoever
//! is to act and to one who stands in; nobody else is troubled. What is not done is asked for again one, two and five
//! days in school later, each time of one person more. A reminder that stands in the ledger as queued is not written
//! twice.

mod disks;
mod exports;
mod ladder;
mod reminder;

use std::collections::BTreeSet;

use dr_ledger::Event;

use crate::facts::{Facts, Given};

pub use reminder::Reminder;

/// The reminders to be sent at `given.now`; empty at night and on days when nobody is there.
#[must_use]
pub fn reminders(given: &Given<'_>) -> Vec<Reminder> {
    let local = given.now.to_zoned(given.plan.school.timezone.clone());
    if local.time() < jiff::civil::time(7, 0, 0, 0) || !given.calendar.is_operating_day(local.date()) {
        return Vec::new();
    }
    let facts = Facts::of(given);
    let written: BTreeSet<&str> = given
        .entries
        .iter()
        .filter(|entry| entry.has_come(given.now))
        .filter_map(|entry| match &entry.event {
            Event::MessageQueued { about, .. } => Some(about.as_str()),
            _ => None,
        })
        .collect();
    let mut reminders = disks::reminders(given, &facts);
    reminders.extend(exports::reminders(given, &facts));
    reminders.retain(|reminder| !written.contains(reminder.about.as_str()) && !reminder.to.is_empty());
    reminders
}
