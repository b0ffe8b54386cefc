//! Who is told of an alert: those who are there, and for those who are away whoever stands in.

use dr_plan::{PersonId, Plan, Role};
use jiff::civil::Date;

use crate::facts::{Facts, Given};

/// Those to be told at this step, without repetition.
pub(super) fn people(given: &Given<'_>, facts: &Facts, rule: &str, step: u8) -> Vec<PersonId> {
    let plan = given.plan;
    let asked: Vec<PersonId> = match step {
        0 => {
            let mut asked = plan.alerts.to.clone();
            // A lost disk may be a breach of personal data, and that is theirs to judge.
            if rule == "lost" {
                asked.extend(with_roles(plan, &[Role::Head, Role::Dpo]));
            }
            // Who leaves cannot be the only one who is told of it.
            if matches!(rule, "leaver" | "custodian") {
                asked.extend(with_roles(plan, &[Role::Head]));
            }
            asked
        }
        1 => deputy_head(plan),
        _ => with_roles(plan, &[Role::Governor]),
    };
    let present = present(plan, &asked, facts.today);
    if step > 0 || !present.is_empty() {
        return present;
    }
    // Nobody at all is named, or there: whoever answers for the school's backups is told, present or not.
    plan.answers_for(None, facts.today).into_iter().chain(&asked).take(1).cloned().collect()
}

/// Each of them who is there, and the deputies of those who are not. Who has left is told nothing.
pub(crate) fn present(plan: &Plan, asked: &[PersonId], today: Date) -> Vec<PersonId> {
    let mut told: Vec<PersonId> = Vec::new();
    for id in asked {
        let there = |id: &PersonId| plan.people.get(id).is_some_and(|person| person.is_present(today));
        let deputy = || plan.people.get(id).and_then(|person| person.deputy.clone()).filter(there);
        let person = if there(id) { Some(id.clone()) } else { deputy() };
        if let Some(person) = person.filter(|person| !told.contains(person)) {
            told.push(person);
        }
    }
    told
}

fn deputy_head(plan: &Plan) -> Vec<PersonId> {
    let deputies = with_roles(plan, &[Role::DeputyHead]);
    if !deputies.is_empty() {
        return deputies;
    }
    let stands_in = |head: PersonId| plan.people.get(&head)?.deputy.clone();
    let named: Vec<PersonId> = with_roles(plan, &[Role::Head]).into_iter().filter_map(stands_in).collect();
    // A school without a deputy head: the head is told again.
    if named.is_empty() { with_roles(plan, &[Role::Head]) } else { named }
}

fn with_roles(plan: &Plan, roles: &[Role]) -> Vec<PersonId> {
    roles.iter().flat_map(|role| plan.with_role(*role)).map(|(id, _)| id.clone()).collect()
}

/// Those of `told` to whom a message can go in person, and those to whom none can, each with the reason. Somebody else
/// may read what is posted to an address, and nobody knows who.
pub(super) fn reachable<'p>(
    plan: &Plan,
    told: &'p [PersonId],
) -> (Vec<&'p PersonId>, Vec<(&'p PersonId, &'static str)>) {
    let ways = plan.alerts.smtp.is_some() || plan.alerts.command.is_some();
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for id in told {
        match plan.people.get(id).and_then(|person| person.email.as_deref()) {
            _ if !ways => bad.push((id, "the plan has no way to mail anybody")),
            None => bad.push((id, "the plan has no mail address")),
            Some(email) if !dr_plan::may_mail(plan, email) => {
                bad.push((id, "the plan allows no mail to that address's domain"));
            }
            Some(_) => good.push(id),
        }
    }
    (good, bad)
}
