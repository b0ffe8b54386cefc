//! Which answers of a system does the record hold: the last right one of each question, and the newest that are not right?

use std::collections::BTreeMap;

use dr_plan::SystemId;
use jiff::Timestamp;

use crate::emptied::{decided, runs};
use crate::entry::Entry;
use crate::event::{Missed, NotedAnswer};

/// What each question was last answered rightly, as a number, by [`NotedAnswer::of`]. A change that somebody accepted is right.
#[must_use]
pub fn last_answers(entries: &[Entry], system: &SystemId) -> BTreeMap<String, i64> {
    let mut last = BTreeMap::new();
    for (at, noticed) in runs(entries, system) {
        for answer in &noticed.answers {
            let stands = answer.missed != Some(Missed::Changed) || decided(entries, system, at);
            if let Some(number) = answer.number.filter(|_| stands) {
                last.insert(answer.of.clone(), number);
            }
        }
    }
    last
}

/// The answers of the newest run that are not right, and since when each is not, until somebody decided about it.
#[must_use]
pub fn missed_answers(entries: &[Entry], system: &SystemId) -> Vec<(NotedAnswer, Timestamp)> {
    let runs: Vec<_> = runs(entries, system).collect();
    let Some((_, newest)) = runs.last() else { return Vec::new() };
    let missed = newest.answers.iter().filter(|answer| answer.missed.is_some()).filter_map(|answer| {
        let is_missed = |noticed: &crate::event::Noticed| {
            noticed.answers.iter().any(|other| other.of == answer.of && other.missed.is_some())
        };
        let (since, _) = runs.iter().rev().take_while(|(_, noticed)| is_missed(noticed)).last()?;
        Some((answer.clone(), *since))
    });
    missed.filter(|(_, since)| !decided(entries, system, *since)).collect()
}
