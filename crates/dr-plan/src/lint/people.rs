//! Are the people the plan relies on there, and are there enough of them?

use jiff::ToSpan;

use super::Found;
use crate::PersonId;

/// A leaving date is told this long before.
const NOTICE_DAYS: i64 = 30;

pub(super) fn look(found: &mut Found<'_>) {
    let (plan, today) = (found.plan, found.today);
    let soon = today.checked_add(NOTICE_DAYS.days()).unwrap_or(today);
    for (id, person) in &plan.people {
        let duties = duties(found, id);
        if duties.is_empty() {
            continue;
        }
        let duties = duties.join(", ");
        match person.leaves {
            Some(leaves) if leaves < today => {
                found.error(
                    "leaver",
                    None,
                    format!("{} left on {leaves} and still is {duties}: name somebody else", person.name),
                );
            }
            Some(leaves) if leaves <= soon => {
                found.warning(
                    "leaver",
                    None,
                    format!("{} leaves on {leaves} and is {duties}: name somebody else by then", person.name),
                );
            }
            _ => {}
        }
    }
    for (id, pool) in &plan.pools {
        let mut people: Vec<&PersonId> = pool.custodians.iter().collect();
        people.extend(pool.custodians.iter().filter_map(|id| plan.people.get(id)?.deputy.as_ref()));
        people.retain(|id| plan.people.get(*id).is_some_and(|person| person.is_employed(today)));
        people.sort();
        people.dedup();
        match people.as_slice() {
            [] => found.error("custodian", None, format!("nobody carries the disks of pool {id}")),
            [one] => {
                found.warning("custodian", None, format!("only {one} carries the disks of pool {id}: name a deputy"))
            }
            _ => {}
        }
        if pool.media < 2 {
            found.warning("media", None, format!("pool {id} has one medium: while it is in the drive, none is away"));
        }
    }
    if plan.report.to.is_empty() {
        found.warning("report", None, "nobody gets the weekly letter: name people in report.to".to_owned());
    }
    for id in &plan.report.to {
        if let Some(person) = plan.people.get(id).filter(|person| person.email.is_none()) {
            found.warning(
                "report",
                None,
                format!("{} gets the weekly letter but has no email address in the plan", person.name),
            );
        }
    }
    let mut logins: Vec<&str> = plan.people.values().filter_map(|person| person.login.as_deref()).collect();
    logins.sort_unstable();
    if let Some(pair) = logins.windows(2).find(|pair| pair[0] == pair[1]) {
        found.error("login", None, format!("two people share the login `{}`: it would not tell who acts", pair[0]));
    }
}

/// What the plan relies on somebody for.
fn duties(found: &Found<'_>, id: &PersonId) -> Vec<String> {
    let plan = found.plan;
    let mut duties: Vec<String> = plan
        .people
        .get(id)
        .map(|person| person.roles.iter().map(|role| role.as_str().to_owned()).collect())
        .unwrap_or_default();
    duties.extend(
        plan.systems
            .iter()
            .filter(|system| system.owner.as_ref() == Some(id))
            .map(|system| format!("owner of {}", system.title)),
    );
    duties.extend(
        plan.pools
            .iter()
            .filter(|(_, pool)| pool.custodians.contains(id))
            .map(|(pool, _)| format!("custodian of pool {pool}")),
    );
    duties.extend(
        plan.places
            .values()
            .filter(|place| place.keyholders.contains(id))
            .map(|place| format!("keyholder of {}", place.name)),
    );
    duties
}
