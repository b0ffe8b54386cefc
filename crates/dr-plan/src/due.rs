//! What is due now, and what comes next: pure decisions over the plan and what already happened.
//!
//! A slot is one copy's turn: system, target and time. Only the newest slot of a copy can be due,
//! so a machine that slept for six weeks catches up once. What a copy did with its newest slot
//! decides:
//! - nothing, or it was only begun: it is due;
//! - it failed, or waited in vain for a medium: it is due again after [`RETRY_AFTER`];
//! - it succeeded: it is not due, ever again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::plan::Plan;
use crate::system::{CopyRule, System};
use crate::{SystemId, TargetId};

/// How long after a failed attempt the same slot is tried again.
pub const RETRY_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// What a copy last did. Slots are the times its turns were meant for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// The newest slot that was begun.
    pub started: Option<Timestamp>,
    /// The newest slot that was ended, well or badly.
    pub finished: Option<Timestamp>,
    /// The newest slot that was ended well.
    pub succeeded: Option<Timestamp>,
    /// When the newest attempt ended: a moment, not a slot.
    pub ended_at: Option<Timestamp>,
}

/// What every copy last did. A copy that is not in it has never run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History(BTreeMap<(SystemId, TargetId), Past>);

impl History {
    /// What this copy last did.
    #[must_use]
    pub fn of(&self, system: &SystemId, target: &TargetId) -> Past {
        self.0.get(&(system.clone(), target.clone())).cloned().unwrap_or_default()
    }

    fn entry(&mut self, system: &SystemId, target: &TargetId) -> &mut Past {
        self.0.entry((system.clone(), target.clone())).or_default()
    }

    /// Notes that a slot was begun.
    pub fn started(&mut self, system: &SystemId, target: &TargetId, slot: Timestamp) {
        let past = self.entry(system, target);
        past.started = past.started.max(Some(slot));
    }

    /// Notes that a slot was ended at `at`.
    pub fn finished(&mut self, system: &SystemId, target: &TargetId, slot: Timestamp, at: Timestamp, well: bool) {
        self.started(system, target, slot);
        let past = self.entry(system, target);
        past.finished = past.finished.max(Some(slot));
        past.ended_at = past.ended_at.max(Some(at));
        if well {
            past.succeeded = past.succeeded.max(Some(slot));
        }
    }
}

/// A copy whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which system.
    pub system: SystemId,
    /// On which target.
    pub target: TargetId,
    /// The time its turn was meant for.
    pub slot: Timestamp,
    /// Why it is due.
    pub because: String,
}

/// A copy whose turn will come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Which system.
    pub system: SystemId,
    /// On which target.
    pub target: TargetId,
    /// When.
    pub at: Timestamp,
    /// Why then.
    pub because: String,
}

/// Every copy of the plan, smallest tier first, then in the plan's order.
fn copies(plan: &Plan) -> Vec<(&System, &CopyRule)> {
    let mut systems: Vec<&System> = plan.systems.iter().collect();
    systems.sort_by_key(|system| system.tier);
    systems.into_iter().flat_map(|system| system.copies.iter().map(move |copy| (system, copy))).collect()
}

/// What is due at `now`, in the order in which to do it.
#[must_use]
pub fn due(plan: &Plan, history: &History, now: Timestamp) -> Vec<Due> {
    copies(plan)
        .into_iter()
        .filter_map(|(system, copy)| {
            let slot = copy.schedule.last_slot_at_or_before(now, &plan.school.timezone)?;
            let because = why_due(plan, copy, &history.of(&system.id, &copy.target), slot, now)?;
            Some(Due { system: system.id.clone(), target: copy.target.clone(), slot, because })
        })
        .collect()
}

/// Why `slot`, the copy's newest, is due; `None` if it is not.
fn why_due(plan: &Plan, copy: &CopyRule, past: &Past, slot: Timestamp, now: Timestamp) -> Option<String> {
    let schedule = &copy.schedule;
    let reached = |done: Option<Timestamp>| done.is_some_and(|done| done >= slot);
    if reached(past.succeeded) {
        return None;
    }
    if reached(past.finished) {
        let again = past.ended_at.and_then(|ended| ended.checked_add(RETRY_AFTER).ok());
        return again.is_none_or(|again| again <= now).then(|| format!("{schedule}: tried and not done, tried again"));
    }
    if reached(past.started) {
        return Some(format!("{schedule}: begun and never ended, resumed"));
    }
    let Some(last) = past.started else {
        return Some(format!("{schedule}: never run before"));
    };
    // Enough to tell one from many; a long sleep need not be counted slot by slot.
    let after = last.checked_add(SignedDuration::from_nanos(1)).ok()?;
    let since = after.max(now.checked_sub(COUNTED_BACK).unwrap_or(Timestamp::MIN));
    let missed = schedule.slots(since, slot, &plan.school.timezone).len();
    Some(match missed {
        0 => schedule.to_string(),
        _ if since > after => format!("{schedule}: missed since {}, caught up once", local(plan, last)),
        1 => format!("{schedule}: one turn was missed, caught up once"),
        _ => format!("{schedule}: {missed} turns were missed, caught up once"),
    })
}

/// How far back missed turns are counted.
const COUNTED_BACK: SignedDuration = SignedDuration::from_hours(24 * 92);

fn local(plan: &Plan, at: Timestamp) -> String {
    at.to_zoned(plan.school.timezone.clone()).strftime("%a %-d %b %Y %H:%M").to_string()
}

/// What is planned from `from` until just before `until`, in order of time. What is due at
/// `from` already is planned for `from`.
#[must_use]
pub fn next(plan: &Plan, history: &History, from: Timestamp, until: Timestamp) -> Vec<Planned> {
    if from >= until {
        return Vec::new();
    }
    let waiting = due(plan, history, from).into_iter().map(|due| Planned {
        system: due.system,
        target: due.target,
        at: from,
        because: due.because,
    });
    let coming = copies(plan).into_iter().flat_map(|(system, copy)| {
        let after = from.checked_add(SignedDuration::from_nanos(1)).unwrap_or(from);
        copy.schedule.slots(after, until, &plan.school.timezone).into_iter().map(|at| Planned {
            system: system.id.clone(),
            target: copy.target.clone(),
            at,
            because: copy.schedule.to_string(),
        })
    });
    let mut planned: Vec<Planned> = waiting.chain(coming).collect();
    // A stable sort: within one moment the order of doing stays.
    planned.sort_by_key(|planned| planned.at);
    planned
}
