//! Is whoever the plan relies on still here, and will they be when they are needed?
//!
//! A leaving date is known beforehand, so it is told beforehand: amber for a month, and red for the last two weeks if
//! nobody is named to go on with what cannot wait: who leads IT, heads the school, or carries the disks.

use dr_media::{Holder, Register};
use dr_plan::{Person, PersonId, Plan, Role};
use jiff::ToSpan;
use jiff::civil::Date;

use super::{Found, Said};
use crate::judgement::Status;
use crate::words;

/// A leaving date is told so long before.
const NOTICE_DAYS: i64 = 30;
/// So long before it is red that nobody follows.
const URGENT_DAYS: i64 = 14;
/// A turn of the disks is looked ahead for so long.
const AHEAD_DAYS: i64 = 7;

pub(super) fn look(found: &mut Found<'_>) {
    let register = Register::of(found.given.entries);
    let plan = found.given.plan;
    for (id, person) in &plan.people {
        if let Some(leaves) = person.leaves {
            leaver(found, &register, id, person, leaves);
        }
    }
    absent(found);
}

/// Something that the plan relies on a person for.
struct Duty {
    what: String,
    /// Why it cannot wait, if it cannot and nobody else does it.
    risk: Option<&'static str>,
}

fn leaver(found: &mut Found<'_>, register: &Register, id: &PersonId, person: &Person, leaves: Date) {
    let today = found.facts.today;
    let soon = |days: i64| today.checked_add(days.days()).is_ok_and(|day| leaves <= day);
    if !soon(NOTICE_DAYS) {
        return;
    }
    let left = leaves < today;
    let after = leaves.tomorrow().unwrap_or(leaves).max(today);
    let duties = duties(found.given.plan, register, id, person, after, left);
    if duties.is_empty() {
        return;
    }
    let urgent = duties.iter().find_map(|duty| duty.risk);
    let name = words::plain(&person.name);
    let day = words::short_day(leaves, today);
    let what: Vec<&str> = duties.iter().map(|duty| duty.what.as_str()).collect();
    let what = words::list(&what, what.len());
    let cause = match left {
        true => format!("{name} left on {day} and by the plan still {what}"),
        false => format!("{name} leaves on {day} and {what}"),
    };
    let owner = successor_names(found.given.plan, id, today);
    found.add_about(
        id.as_str(),
        owner,
        None,
        Said {
            rule: "leaver",
            status: if urgent.is_some() && soon(URGENT_DAYS) { Status::Red } else { Status::Amber },
            short: if left { "left" } else { "leaves soon" },
            cause,
            risk: urgent.unwrap_or("the plan relies on somebody who will not be there"),
            next: format!("name in the plan who follows {name}"),
        },
    );
    if !left {
        found.until(leaves);
    }
}

/// What the plan relies on somebody for, from `after` on.
fn duties(plan: &Plan, register: &Register, id: &PersonId, person: &Person, after: Date, left: bool) -> Vec<Duty> {
    let there = |other: &PersonId| other != id && plan.people.get(other).is_some_and(|one| one.is_employed(after));
    let others = |roles: &[Role]| roles.iter().flat_map(|role| plan.with_role(*role)).any(|(other, _)| there(other));
    let has = |roles: &[Role]| person.roles.iter().any(|role| roles.contains(role));
    let mut duties = Vec::new();
    let mut add = |what: String, risk: Option<&'static str>| duties.push(Duty { what, risk });
    let (it, head) = ([Role::ItLead, Role::ItProvider], [Role::Head, Role::DeputyHead]);
    if has(&it) {
        let alone = !others(&it);
        let what = if alone { "leads IT, and nobody else does" } else { "leads IT" };
        add(what.to_owned(), alone.then_some("nobody looks after the backups, and nobody is told when they fail"));
    }
    if person.roles.contains(&Role::Head) {
        let alone = !others(&head);
        add("heads the school".to_owned(), alone.then_some("nobody decides what the plan leaves to the head"));
    }
    for (pool, of) in plan.pools.iter().filter(|(_, pool)| pool.custodians.contains(id)) {
        let deputies = of.custodians.iter().filter_map(|one| plan.people.get(one)?.deputy.as_ref());
        let mut rest: Vec<&PersonId> = of.custodians.iter().chain(deputies).filter(|other| there(other)).collect();
        rest.sort();
        rest.dedup();
        let what = match rest.as_slice() {
            [] => format!("carries the disks of {pool}, and nobody else does"),
            [one] => {
                format!("carries the disks of {pool}, and then only {} does", words::plain(&words::name(plan, one)))
            }
            _ => format!("carries the disks of {pool}"),
        };
        add(what, (rest.len() < 2).then_some("in an absence no disk changes place"));
    }
    // With somebody who has left, it is a finding of its own.
    if !left {
        for medium in register.media().values().filter(|medium| medium.holder == Holder::Person(id.clone())) {
            add(format!("has disk {}", medium.id), Some("the school does not have it when it needs it"));
        }
    }
    let own = plan.systems.iter().filter(|system| system.owner.as_ref() == Some(id));
    let own: Vec<&str> = own.map(|system| system.title.as_str()).collect();
    if !own.is_empty() {
        add(format!("answers for {}", words::plain(&words::list(&own, own.len()))), None);
    }
    for (other, of) in plan.people.iter().filter(|(_, of)| of.deputy.as_ref() == Some(id)) {
        if there(other) {
            add(format!("stands in for {}", words::plain(&of.name)), None);
        }
    }
    for place in plan.places.values().filter(|place| place.keyholders.contains(id)) {
        let alone = !place.keyholders.iter().any(there);
        let risk = "nobody can open the place where the disks are";
        add(format!("has a key of {}", words::plain(&place.name)), alone.then_some(risk));
    }
    duties
}

/// Who names a successor: the head, else who stands in for the head, else who answers for the backups.
fn successor_names(plan: &Plan, leaver: &PersonId, today: Date) -> Option<PersonId> {
    let there = |id: &PersonId| id != leaver && plan.people.get(id).is_some_and(|person| person.is_employed(today));
    let roles = [Role::Head, Role::DeputyHead, Role::Approver, Role::DigitalLead, Role::Governor];
    let named = roles.into_iter().flat_map(|role| plan.with_role(role)).map(|(id, _)| id).find(|id| there(id));
    named.or_else(|| plan.answers_for(None, today)).cloned()
}

/// A turn of the disks is near, and of those who carry them nobody will be there.
fn absent(found: &mut Found<'_>) {
    let facts = found.facts;
    let soon = facts.now.saturating_add(jiff::SignedDuration::from_hours(24 * AHEAD_DAYS)).unwrap_or(facts.now);
    for disks in facts.disks.iter().filter(|disks| !disks.custodians.is_empty()) {
        let near = |turn: &&dr_media::Move| turn.custodian.is_none() && facts.now <= turn.by && turn.by <= soon;
        let Some(turn) = disks.moves.iter().find(near) else { continue };
        let day = words::day(turn.by.to_zoned(found.given.plan.school.timezone.clone()).date());
        let head = found.given.plan.with_role(Role::Head).next().map(|(id, _)| id.clone());
        found.add_about(
            turn.medium.as_str(),
            head,
            None,
            Said {
                rule: "custodian",
                status: Status::Amber,
                short: "nobody to carry",
                cause: format!("on {day} nobody is there to carry the disks"),
                risk: "the offline copies grow old",
                next: "ask somebody to carry them that day, and name them in the plan".into(),
            },
        );
        found.until(turn.by.to_zoned(found.given.plan.school.timezone.clone()).date());
    }
}
