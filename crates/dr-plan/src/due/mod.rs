//! What is due now, and what comes next: pure decisions over the plan and what already happened.
//!
//! A slot is one copy's turn: system, target and time. Only the newest slot of a copy can be due,
//! so a machine that slept for six weeks catches up once. What a copy did with its newest slot
//! decides:
//! - nothing, or it was only begun: it is due;
//! - it failed: it is due again after [`retry_after`], until the copy's next turn takes its place;
//! - it succeeded: it is not due, ever again.
//!
//! A slot whose time has not come was served by nobody, whatever was noted under a clock that was wrong.
//!
//! Heavy work that was meant for another time is held back while the school is open. Who asks for a run is not held
//! back: that serves every slot of [`unserved`].

mod again;
mod held;
mod past;

use jiff::{SignedDuration, Timestamp};

use crate::calendar::Calendar;
use crate::plan::Plan;
use crate::system::{CopyRule, System};
use crate::target::Class;
use crate::{SystemId, TargetId};

pub use again::{RETRY_FIRST, RETRY_LONGEST, retry_after};
pub use held::HEAVY;
pub use past::{History, Past};

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

/// A copy whose newest slot nobody served yet.
struct Waiting<'p> {
    system: &'p System,
    copy: &'p CopyRule,
    past: Past,
    /// The time its turn was meant for.
    slot: Timestamp,
    /// From when on it is due.
    from: Timestamp,
    /// Until when it is held back, if it is.
    held: Option<Timestamp>,
}

/// Every copy of the plan, smallest tier first, then in the plan's order.
fn copies(plan: &Plan) -> Vec<(&System, &CopyRule)> {
    let mut systems: Vec<&System> = plan.systems.iter().collect();
    systems.sort_by_key(|system| system.tier);
    systems.into_iter().flat_map(|system| system.copies.iter().map(move |copy| (system, copy))).collect()
}

/// Everything whose newest slot nobody served yet, in the order in which to do it: what was made before first, for it
/// is quick and must not wait for days behind a first copy; then what is seeded, the most important first, on-site
/// before elsewhere, the smaller first, so that the small and important are the first that can be restored.
/// Without a calendar nothing is held back.
fn waiting<'p>(plan: &'p Plan, calendar: Option<&Calendar>, history: &History, now: Timestamp) -> Vec<Waiting<'p>> {
    let mut waiting: Vec<Waiting<'p>> = copies(plan)
        .into_iter()
        .filter_map(|(system, copy)| {
            let slot = copy.schedule.last_slot_at_or_before(now, &plan.school.timezone)?;
            let past = history.by(&system.id, &copy.target, now);
            if past.succeeded.is_some_and(|done| done >= slot) {
                return None;
            }
            let from = tried_again(system, copy, &past, now).filter(|_| reached(past.finished, slot)).unwrap_or(slot);
            let until = |calendar| held::held_until(plan, calendar, copy, &past, slot, from.max(now));
            let held = calendar.and_then(until);
            Some(Waiting { system, copy, past, slot, from: held.unwrap_or(from), held })
        })
        .collect();
    waiting.sort_by_key(|waiting| {
        let seeding = waiting.past.is_seeding();
        let elsewhere = plan.targets.get(&waiting.copy.target).is_none_or(|target| target.class != Class::Onsite);
        let size = waiting.past.size.unwrap_or(u64::MAX);
        // Its tier stands first already among those that were made before, and then the plan's order.
        (seeding, waiting.system.tier, seeding && elsewhere, if seeding { size } else { 0 })
    });
    waiting
}

fn reached(done: Option<Timestamp>, slot: Timestamp) -> bool {
    done.is_some_and(|done| done >= slot)
}

/// When a slot that failed is tried again. An end that lies ahead of `now` is a clock that was wrong.
fn tried_again(system: &System, copy: &CopyRule, past: &Past, now: Timestamp) -> Option<Timestamp> {
    let (ended, slot) = (past.ended_at.filter(|ended| *ended <= now)?, past.finished?);
    ended.checked_add(retry_after(&system.id, &copy.target, slot, past.failures)).ok()
}

/// What is due at `now`, in the order in which to do it.
#[must_use]
pub fn due(plan: &Plan, calendar: &Calendar, history: &History, now: Timestamp) -> Vec<Due> {
    let waiting = waiting(plan, Some(calendar), history, now);
    waiting.iter().filter(|waiting| waiting.from <= now).map(|waiting| waiting.due(plan, now)).collect()
}

/// Every copy's newest slot that nobody served yet, also those that wait for another try or for the school to close:
/// what is served when somebody asks for a run.
#[must_use]
pub fn unserved(plan: &Plan, history: &History, now: Timestamp) -> Vec<Due> {
    waiting(plan, None, history, now).iter().map(|waiting| waiting.due(plan, now)).collect()
}

impl Waiting<'_> {
    fn due(&self, plan: &Plan, now: Timestamp) -> Due {
        let (system, target) = (self.system.id.clone(), self.copy.target.clone());
        Due { system, target, slot: self.slot, because: self.because(plan, now) }
    }

    /// Why it is due, or will be.
    fn because(&self, plan: &Plan, now: Timestamp) -> String {
        let schedule = &self.copy.schedule;
        let why = if reached(self.past.finished, self.slot) {
            match self.past.failures {
                0 | 1 => format!("{schedule}: tried and not done, tried again"),
                times => format!("{schedule}: tried {times} times and not done, tried again"),
            }
        } else if reached(self.past.started, self.slot) {
            format!("{schedule}: begun and never ended, resumed")
        } else {
            match self.past.started {
                None => format!("{schedule}: never run before"),
                Some(last) => missed(plan, self.copy, last, self.slot, now),
            }
        };
        match self.held {
            Some(until) if until > now => {
                format!("{why}; held back while the school is open, until {}", local(plan, until))
            }
            _ => why,
        }
    }
}

/// How many turns lie between the `last` that was begun and `slot`, in words.
fn missed(plan: &Plan, copy: &CopyRule, last: Timestamp, slot: Timestamp, now: Timestamp) -> String {
    let schedule = &copy.schedule;
    // Enough to tell one from many; a long sleep need not be counted slot by slot.
    let after = last.checked_add(SignedDuration::from_nanos(1)).unwrap_or(last);
    let since = after.max(now.checked_sub(COUNTED_BACK).unwrap_or(Timestamp::MIN));
    let missed = schedule.slots(since, slot, &plan.school.timezone).len();
    match missed {
        0 => schedule.to_string(),
        _ if since > after => format!("{schedule}: missed since {}, caught up once", local(plan, last)),
        1 => format!("{schedule}: one turn was missed, caught up once"),
        _ => format!("{schedule}: {missed} turns were missed, caught up once"),
    }
}

/// How far back missed turns are counted.
const COUNTED_BACK: SignedDuration = SignedDuration::from_hours(24 * 92);

fn local(plan: &Plan, at: Timestamp) -> String {
    at.to_zoned(plan.school.timezone.clone()).strftime("%a %-d %b %Y %H:%M").to_string()
}

/// What is planned from `from` until just before `until`, in order of time, if nothing is done in between. What is due
/// at `from` already is planned for `from`; what must wait for another try, or for the school to close, for then, unless
/// the copy's next turn comes first.
#[must_use]
pub fn next(plan: &Plan, calendar: &Calendar, history: &History, from: Timestamp, until: Timestamp) -> Vec<Planned> {
    if from >= until {
        return Vec::new();
    }
    let zone = &plan.school.timezone;
    let waiting = waiting(plan, Some(calendar), history, from).into_iter().filter_map(|waiting| {
        let at = waiting.from.max(from);
        let overtaken = || waiting.copy.schedule.next_after(from, zone).is_some_and(|next| next <= at);
        if at >= until || (at > from && overtaken()) {
            return None;
        }
        let Due { system, target, because, .. } = waiting.due(plan, from);
        Some(Planned { system, target, at, because })
    });
    let after = from.checked_add(SignedDuration::from_nanos(1)).unwrap_or(from);
    let coming = copies(plan).into_iter().flat_map(|(system, copy)| {
        copy.schedule.slots(after, until, zone).into_iter().map(|at| Planned {
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
