//! Which bodies' time is up? Activity goes after six months; evidence, and whatever still answers a question, stays.
//!
//! Activity is what `dr` did by itself: runs, reading back, plans read, alerts, messages, codes. Evidence is what people
//! did or signed, and what was proved: custody, decisions, rehearsals, restores, letters. Things that belong together go
//! together or not at all: a run's start without its end would look like a run that was killed.

use std::collections::{BTreeMap, BTreeSet};

use dr_plan::{MediumId, SystemId, TargetId};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::entry::Entry;
use crate::event::{CheckKind, CopyOutcome, Event};
use crate::id::RunId;

/// So many of a system's newest runs, and of its newest copies on each place, always stay: its norm is measured by
/// them.
const RUNS_KEPT: usize = 16;
/// So many of the newest plans always stay: each is compared with the one before.
const PLANS_KEPT: usize = 2;

/// The numbers of the entries whose bodies may be taken out at `now`, in order.
#[must_use]
pub fn purgeable(entries: &[Entry], now: Timestamp) -> Vec<u64> {
    let Ok(before) = now.to_zoned(TimeZone::UTC).checked_sub(Span::new().months(6)) else { return Vec::new() };
    let old = Old { entries, before: before.timestamp() };
    let mut gone: BTreeSet<u64> = BTreeSet::new();
    gone.extend(old.runs());
    gone.extend(old.looks());
    gone.extend(old.alone());
    gone.extend(old.alerts());
    gone.extend(old.messages());
    gone.into_iter().collect()
}

struct Old<'a> {
    entries: &'a [Entry],
    /// What is older may go.
    before: Timestamp,
}

/// A run's entries.
#[derive(Default)]
struct Whole {
    numbers: Vec<u64>,
    ended: bool,
    young: bool,
}

/// What a place of copies is: of one system, on one target, on one medium.
type Place<'a> = (&'a SystemId, &'a TargetId, Option<&'a MediumId>);

impl<'a> Old<'a> {
    /// Both times, so that a clock that was moved takes nothing away.
    fn is_old(&self, entry: &Entry) -> bool {
        entry.decided < self.before && entry.real < self.before
    }

    /// Runs that ended, all their entries old, and that answer nothing any more.
    fn runs(&self) -> Vec<u64> {
        let mut runs: BTreeMap<&RunId, Whole> = BTreeMap::new();
        for entry in self.entries {
            let (run, ends) = match &entry.event {
                Event::RunStarted { run, .. } => (run, false),
                Event::RunFinished { run, .. } | Event::RunKilled { run, .. } => (run, true),
                _ => continue,
            };
            let whole = runs.entry(run).or_default();
            whole.numbers.push(entry.n);
            whole.ended |= ends;
            whole.young |= !self.is_old(entry);
        }
        let asked = self.runs_that_answer();
        let gone = runs.into_iter().filter(|(run, whole)| whole.ended && !whole.young && !asked.contains(*run));
        gone.flat_map(|(_, whole)| whole.numbers).collect()
    }

    /// Runs without which the history would answer otherwise: for each place the first copy, which the looks since
    /// refer to, and the newest of each outcome and slot; for each system the newest.
    fn runs_that_answer(&self) -> BTreeSet<&'a RunId> {
        let mut keep: BTreeSet<&RunId> = BTreeSet::new();
        let mut first: BTreeMap<Place<'_>, &RunId> = BTreeMap::new();
        let mut newest: BTreeMap<(Place<'_>, Option<CopyOutcome>), &RunId> = BTreeMap::new();
        let mut slots: BTreeMap<(&SystemId, &TargetId, Option<CopyOutcome>), (Timestamp, &RunId)> = BTreeMap::new();
        let mut last: BTreeMap<&SystemId, Vec<&RunId>> = BTreeMap::new();
        let mut captured: BTreeMap<&SystemId, Vec<&RunId>> = BTreeMap::new();
        let mut copied: BTreeMap<Place<'_>, Vec<&RunId>> = BTreeMap::new();
        let mut sized: BTreeMap<&SystemId, &RunId> = BTreeMap::new();
        let mut raise = |key, slot: Option<Timestamp>, run: &'a RunId| {
            if let Some(slot) = slot {
                let best = slots.entry(key).or_insert((slot, run));
                if slot >= best.0 {
                    *best = (slot, run);
                }
            }
        };
        for entry in self.entries {
            match &entry.event {
                Event::RunStarted { run, system, slots, .. } => {
                    slots.iter().for_each(|(target, slot)| raise((system, target, None), Some(*slot), run));
                }
                Event::RunFinished { run, system, copies, size, .. } => {
                    if size.is_some() {
                        sized.insert(system, run);
                    }
                    last.entry(system).or_default().push(run);
                    if copies.iter().any(|copy| copy.outcome == CopyOutcome::Done) {
                        captured.entry(system).or_default().push(run);
                    }
                    for copy in copies {
                        // On a target that takes no media the two are one place, and one copy must not count twice.
                        let on_a_medium = copy.medium.as_ref().map(|medium| (system, &copy.target, Some(medium)));
                        for place in on_a_medium.into_iter().chain([(system, &copy.target, None)]) {
                            if copy.outcome == CopyOutcome::Done {
                                first.entry(place).or_insert(run);
                                copied.entry(place).or_default().push(run);
                            }
                            newest.insert((place, Some(copy.outcome)), run);
                            newest.insert((place, None), run);
                        }
                        raise((system, &copy.target, Some(copy.outcome)), copy.slot, run);
                    }
                }
                _ => {}
            }
        }
        keep.extend(first.into_values());
        keep.extend(newest.into_values());
        keep.extend(sized.into_values());
        keep.extend(slots.into_values().map(|(_, run)| run));
        keep.extend(last.values().filter_map(|runs| runs.first().copied()));
        let newest = last.into_values().chain(captured.into_values()).chain(copied.into_values());
        keep.extend(newest.flat_map(|runs| runs.into_iter().rev().take(RUNS_KEPT)));
        keep
    }

    /// What was read back right after it was written, but for the newest good and the newest bad look at each place.
    fn looks(&self) -> Vec<u64> {
        let mut newest: BTreeMap<_, u64> = BTreeMap::new();
        for entry in self.entries {
            if let Event::Verified { target, medium, system, ok, .. } = &entry.event {
                newest.insert((target, medium, system, ok), entry.n);
            }
        }
        let keep: BTreeSet<u64> = newest.into_values().collect();
        let read_back = |entry: &&Entry| matches!(entry.event, Event::Verified { what: CheckKind::ReadBack, .. });
        let old = self.entries.iter().filter(|entry| self.is_old(entry)).filter(read_back);
        old.map(|entry| entry.n).filter(|n| !keep.contains(n)).collect()
    }

    /// Plans read, states sealed and codes: each stands alone, and the newest of a kind stays.
    fn alone(&self) -> Vec<u64> {
        let plans = self.entries.iter().filter(|entry| matches!(entry.event, Event::PlanRead { .. }));
        let mut keep: BTreeSet<u64> = plans.map(|entry| entry.n).rev().take(PLANS_KEPT).collect();
        let mut sealed = BTreeMap::new();
        for entry in self.entries {
            if let Event::StateSealed { target, medium, .. } = &entry.event {
                sealed.insert((target, medium), entry.n);
            }
        }
        keep.extend(sealed.into_values());
        let over = |entry: &&Entry| match &entry.event {
            Event::PlanRead { .. } | Event::StateSealed { .. } => true,
            Event::CodeIssued { until, .. } => *until < self.before,
            _ => false,
        };
        let old = self.entries.iter().filter(|entry| self.is_old(entry)).filter(over);
        old.map(|entry| entry.n).filter(|n| !keep.contains(n)).collect()
    }

    /// Of each alert, everything up to its last end, as far back as all of it is old: what is open stays open.
    fn alerts(&self) -> Vec<u64> {
        let mut told: BTreeMap<&str, Vec<(&Entry, bool)>> = BTreeMap::new();
        for entry in self.entries {
            match &entry.event {
                Event::AlertRaised { alert, .. } => told.entry(alert).or_default().push((entry, false)),
                Event::AlertEnded { alert } => told.entry(alert).or_default().push((entry, true)),
                _ => {}
            }
        }
        let mut gone = Vec::new();
        for events in told.into_values() {
            let old = events.iter().take_while(|(entry, _)| self.is_old(entry)).count();
            let end = events[..old].iter().rposition(|(_, ends)| *ends).map_or(0, |last| last + 1);
            gone.extend(events[..end].iter().map(|(entry, _)| entry.n));
        }
        gone
    }

    /// Messages that went out by some way or were given up, with all that was said of them.
    fn messages(&self) -> Vec<u64> {
        let mut told: BTreeMap<&str, Whole> = BTreeMap::new();
        for entry in self.entries {
            let (message, ends) = match &entry.event {
                Event::MessageQueued { message, .. } => (message, false),
                Event::MessageSent { message, .. } => (message, true),
                Event::MessageFailed { message, given_up, .. } => (message, *given_up),
                _ => continue,
            };
            let whole = told.entry(message).or_default();
            whole.numbers.push(entry.n);
            whole.ended |= ends;
            whole.young |= !self.is_old(entry);
        }
        told.into_values().filter(|whole| whole.ended && !whole.young).flat_map(|whole| whole.numbers).collect()
    }
}
