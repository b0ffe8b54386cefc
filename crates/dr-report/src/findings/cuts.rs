//! Does the plan protect less than it did two weeks ago?
//!
//! Whoever attacks a school, and whoever means well and mistypes, can make backups worthless by asking for fewer of
//! them. So a plan that keeps less, copies less often or leaves a copy out is told at once, and stays amber until
//! somebody accepts it or two weeks have passed.

use std::collections::BTreeMap;

use dr_ledger::{Event, PlannedCopy};
use dr_plan::{Schedule, SystemId, TargetId};
use jiff::{SignedDuration, Timestamp};

use super::decisions::decided_since;
use super::{Found, Said};
use crate::judgement::Status;
use crate::words;

/// So long a change of the plan is told.
const TOLD: SignedDuration = SignedDuration::from_hours(24 * 14);

/// What one copy lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Gone,
    Rarer,
    Fewer,
    Shorter,
}

impl Cut {
    /// What it says of several systems.
    fn of_several(self) -> &'static str {
        match self {
            Self::Gone => "copies of them are no longer made",
            Self::Rarer => "they are copied less often",
            Self::Fewer => "fewer old copies of them are kept",
            Self::Shorter => "old copies of them are kept for a shorter time",
        }
    }
}

pub(super) fn look(found: &mut Found<'_>) {
    let mut plans: Vec<(Timestamp, &[PlannedCopy])> = Vec::new();
    for entry in found.given.entries {
        if let Event::PlanRead { copies, .. } = &entry.event {
            plans.push((entry.decided, copies));
        }
    }
    let Some((_, newest)) = plans.last().copied() else { return };
    let mut cuts: BTreeMap<(SystemId, &str), (Timestamp, Vec<Cut>)> = BTreeMap::new();
    for pair in plans.windows(2) {
        let ((_, before), (at, after)) = (pair[0], pair[1]);
        if found.given.now.duration_since(at) > TOLD {
            continue;
        }
        for old in before {
            // What was put back since is no cut.
            let still = |of: &[PlannedCopy]| cut(old, find(of, &old.system, &old.target));
            let (Some(cut), Some(_)) = (still(after), still(newest)) else { continue };
            let rule = if matches!(cut, Cut::Gone | Cut::Rarer) { "disabled" } else { "retention" };
            let known = cuts.entry((old.system.clone(), rule)).or_insert((at, Vec::new()));
            known.0 = at;
            if !known.1.contains(&cut) {
                known.1.push(cut);
            }
        }
    }
    for ((system, rule), (at, what)) in cuts {
        if !decided_since(found.given, &format!("{system}/{rule}"), at) {
            say(found, &system, rule, at, &what);
        }
    }
}

fn find<'c>(copies: &'c [PlannedCopy], system: &SystemId, target: &TargetId) -> Option<&'c PlannedCopy> {
    copies.iter().find(|copy| copy.system == *system && copy.target == *target)
}

/// What `new` protects less than `old`.
fn cut(old: &PlannedCopy, new: Option<&PlannedCopy>) -> Option<Cut> {
    let Some(new) = new else { return Some(Cut::Gone) };
    if rarer(&old.schedule, &new.schedule) {
        return Some(Cut::Rarer);
    }
    let sooner = match (old.max_age_hours, new.max_age_hours) {
        (None, Some(_)) => true,
        (Some(old), Some(new)) => new < old,
        (_, None) => false,
    };
    if sooner {
        return Some(Cut::Shorter);
    }
    let everything = |copy: &PlannedCopy| copy.keep.is_empty() && copy.within_hours.is_none();
    if everything(new) {
        return None;
    }
    let fewer = old.keep.iter().any(|(kind, count)| new.keep.get(kind).is_none_or(|kept| kept < count));
    if everything(old) || fewer {
        return Some(Cut::Fewer);
    }
    let shorter = old.within_hours.is_some_and(|old| new.within_hours.is_none_or(|new| new < old));
    shorter.then_some(Cut::Shorter)
}

/// Whether `new` leaves more time between two copies. What cannot be read is told: it is not known to be as good.
fn rarer(old: &str, new: &str) -> bool {
    if old == new {
        return false;
    }
    match (Schedule::parse(old), Schedule::parse(new)) {
        (Ok(old), Ok(new)) => new.interval() > old.interval(),
        _ => true,
    }
}

fn say(found: &mut Found<'_>, system: &SystemId, rule: &'static str, at: Timestamp, what: &[Cut]) {
    let when = found.moment(at);
    let said: Vec<&str> = what
        .iter()
        .map(|cut| match cut {
            Cut::Gone => "a copy of it is no longer made",
            Cut::Rarer => "it is copied less often",
            Cut::Fewer => "fewer old copies of it are kept",
            Cut::Shorter => "old copies of it are kept for a shorter time",
        })
        .collect();
    let cause = format!("the plan was changed, noticed on {when}: {}", words::list(&said, 4));
    let (short, risk) = match rule {
        "disabled" => ("copy switched off", "one accident more can take what is left"),
        _ => ("less is kept", "what was deleted some time ago may not come back"),
    };
    let next = "see who changed the plan and why; put it back, or accept it".to_owned();
    let said = Said { rule, status: Status::Amber, short, cause, risk, next };
    match found.given.plan.system(system) {
        Some(system) => {
            found.add(Some(system), None, None, said);
            let several: Vec<&str> = what.iter().map(|cut| cut.of_several()).collect();
            let together = format!("the plan was changed, noticed on {when}: {}", words::list(&several, 4));
            found.shared(format!("plan/{rule}"), together);
        }
        // The whole system is no longer in the plan.
        None => {
            let cause = format!("{system} is no longer in the plan, noticed on {when}");
            found.add_about(system.as_str(), None, None, Said { cause, ..said });
        }
    }
}
