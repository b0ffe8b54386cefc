//! Does the plan still want what it wanted? What it asks for is written into the ledger whenever it changes, so that a
//! shorter retention or a copy that is gone can be told from one that was never there.

use std::collections::BTreeMap;

use dr_ledger::{Digest, Entry, Event, PlannedCopy};
use dr_plan::{Plan, Retention, show_full};

/// The event to write down, if the newest in `entries` is about another plan.
#[must_use]
pub fn changed(plan: &Plan, entries: &[Entry]) -> Option<Event> {
    let plan_blake3 = Digest::of(show_full(plan).as_bytes());
    let newest = entries.iter().rev().find_map(|entry| match &entry.event {
        Event::PlanRead { plan_blake3, .. } => Some(*plan_blake3),
        _ => None,
    });
    if newest == Some(plan_blake3) {
        return None;
    }
    let copies = plan.systems.iter().flat_map(|system| {
        system.copies.iter().map(|copy| PlannedCopy {
            system: system.id.clone(),
            target: copy.target.clone(),
            schedule: copy.schedule.to_string(),
            keep: keep(&copy.retention),
            within_hours: copy.retention.within.map(hours),
            max_age_hours: copy.retention.max_age.map(hours),
        })
    });
    Some(Event::PlanRead { plan_blake3, copies: copies.take(COPIES_MAX).collect() })
}

/// More than this would not fit a line of the ledger; the hash still tells that the plan is another.
const COPIES_MAX: usize = 4_000;

fn keep(retention: &Retention) -> BTreeMap<String, u32> {
    let Retention { last, hourly, daily, weekly, monthly, yearly, .. } = retention;
    [("last", last), ("hourly", hourly), ("daily", daily), ("weekly", weekly), ("monthly", monthly), ("yearly", yearly)]
        .into_iter()
        .filter(|(_, count)| **count > 0)
        .map(|(word, count)| (word.to_owned(), *count))
        .collect()
}

fn hours(period: dr_plan::Period) -> u64 {
    period.longest().as_hours().unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dr_ledger::{Authenticated, Body};

    const PLAN: &str = "school = 'S'\ncopies = { onsite = 'nas' }\n[systems]\nadmin = 'office'\n";

    #[test]
    fn a_plan_is_written_down_when_it_is_another() {
        let plan = dr_plan::parse(PLAN, "dr.toml").unwrap();
        let event = changed(&plan, &[]).unwrap();
        let at = "2026-11-20T19:00:00Z".parse().unwrap();
        let entry = Body { decided: at, real: at, by: None, authenticated: Authenticated::System, event }.numbered(1);
        assert_eq!(changed(&plan, std::slice::from_ref(&entry)), None);
        let other = PLAN.replace("'office'", "{ source = 'office', retention = { daily = 2 } }");
        let other = dr_plan::parse(&other, "dr.toml").unwrap();
        let Some(Event::PlanRead { copies, .. }) = changed(&other, &[entry]) else { panic!("the same plan") };
        assert_eq!(copies[0].keep, BTreeMap::from([("daily".to_owned(), 2)]));
    }
}
