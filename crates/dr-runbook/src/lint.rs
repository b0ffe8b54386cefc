//! What would go wrong on the bad day, as far as paper can show it.
//!
//! Pure: `today` is a value. Names that name nothing and circles come first, since nothing else can be said of such a
//! runbook.

use std::collections::BTreeSet;
use std::path::Path;

use dr_plan::{Finding, Found, Plan, SecretRef, Severity, System, SystemId};
use jiff::ToSpan;
use jiff::civil::Date;

use crate::bind::{Bound, bind};
use crate::name::StepId;
use crate::path::{critical_path, order};
use crate::runbook::{Kind, Role, Runbook};

/// A number that nobody tried for longer than a term is a guess.
const CONTACT_DAYS: i64 = 17 * 7;
/// Before the review is overdue it is said this long.
const REVIEW_DAYS: i64 = 30;
/// Who plays more parts than this cannot play them all at once.
const PARTS_MAX: usize = 3;

/// Everything wrong with `runbook` as of `today`, errors first.
#[must_use]
pub fn lint(runbook: &Runbook, plan: &Plan, today: Date) -> Vec<Finding> {
    let mut found = Found::new(plan, today);
    document(&mut found, runbook, today);
    match bind(runbook, plan) {
        Err(problems) => {
            for problem in problems {
                let rule = if problem.expected.contains("circle") { "cycle" } else { "names" };
                let reason = format!("line {}: {}: expected {}", problem.line, problem.words, problem.expected);
                found.error(rule, None, reason);
            }
        }
        Ok(bound) => {
            roles(&mut found, &bound, today);
            systems(&mut found, &bound);
            decisions(&mut found, &bound);
            depends_on_itself(&mut found, &bound);
            outside(&mut found, &bound, today);
        }
    }
    found.sorted()
}

fn document(found: &mut Found<'_>, runbook: &Runbook, today: Date) {
    let document = &runbook.document;
    let soon = today.checked_add(REVIEW_DAYS.days()).unwrap_or(today);
    if document.review_date < today {
        found.error("review", None, format!("the runbook was to be reviewed by {}", document.review_date));
    } else if document.review_date < soon {
        found.warning("review", None, format!("the runbook is to be reviewed by {}", document.review_date));
    }
    if document.date_adopted < document.date_issued {
        let (adopted, issued) = (document.date_adopted, document.date_issued);
        found.warning("document", None, format!("it was adopted on {adopted}, before it was issued on {issued}"));
    }
}

/// Every part needs two people who work here.
fn roles(found: &mut Found<'_>, bound: &Bound<'_>, today: Date) {
    let employed = |id| bound.plan.people.get(id).is_some_and(|person| person.is_employed(today));
    for role in &bound.runbook.roles {
        if !employed(&role.holder) {
            found.error("role", None, format!("role {}: {} does not work here on {today}", role.id, role.holder));
        }
        if !role.deputies.iter().any(|deputy| *deputy != role.holder && employed(deputy)) {
            let why = "name a deputy who is somebody else and works here";
            found.error("deputy", None, format!("role {}: nobody stands in for {}: {why}", role.id, role.holder));
        }
    }
    for (id, person) in &bound.plan.people {
        let parts: Vec<&str> = played(&bound.runbook.roles, id).map(|role| role.id.as_str()).collect();
        if parts.len() > PARTS_MAX {
            let parts = parts.join(", ");
            found.warning("parts", None, format!("{} plays {parts}: too much for one person on one day", person.name));
        }
        let named = bound.runbook.roles.iter().any(|role| role.holder == *id || role.deputies.contains(id));
        if named && person.phone.is_none() && person.phone_ooh.is_none() {
            let reason = format!("{} has a part in the runbook and no telephone number in the plan", person.name);
            found.add(reach(bound), "phone", None, reason);
        }
    }
}

fn played<'r>(roles: &'r [Role], id: &dr_plan::PersonId) -> impl Iterator<Item = &'r Role> {
    roles.iter().filter(move |role| role.holder == *id)
}

/// Who can only be reached by email cannot be reached while email is what must come back.
fn reach(bound: &Bound<'_>) -> Severity {
    let mail = |system: &System| system.source.is_mail();
    if bound.plan.systems.iter().any(mail) { Severity::Error } else { Severity::Warning }
}

fn systems(found: &mut Found<'_>, bound: &Bound<'_>) {
    for system in &bound.plan.systems {
        let workaround = bound.runbook.workarounds.contains_key(&system.id);
        match critical_path(bound, &system.id) {
            None if system.tier == 1 && !workaround => {
                let reason = format!("{} is tier 1, and no step brings it back", system.title);
                found.error("steps", Some(system), reason);
            }
            None => found.warning("steps", Some(system), format!("no step brings {} back", system.title)),
            Some(path) => {
                if let Some(rto) = system.rto.filter(|rto| path.expect > rto.longest()) {
                    let minutes = path.expect.as_mins();
                    let (hours, minutes) = (minutes / 60, minutes % 60);
                    found.error("rto", Some(system), format!(
                        "{} is promised back after {rto}, but its steps take {hours} h {minutes} min one after the other ({} of them): the runbook cannot meet its own target",
                        system.title, path.steps.len(),
                    ));
                }
            }
        }
    }
}

fn decisions(found: &mut Found<'_>, bound: &Bound<'_>) {
    for decision in &bound.runbook.decisions {
        if decision.if_no_answer.is_none() {
            let reason =
                format!("decision {}: nobody knows what holds if nobody answers: write if-no-answer", decision.id);
            found.error("decision", None, reason);
        }
        let asked = |kind: &Kind| matches!(kind, Kind::Decision(id) if *id == decision.id);
        if !bound.steps.iter().any(|bound| asked(&bound.step.kind)) {
            found.warning("decision", None, format!("decision {}: no step asks for it", decision.id));
        }
    }
}

/// Steps that need what they are to bring back: said with `uses`, or seen in where a program, a key or software lies.
fn depends_on_itself(found: &mut Found<'_>, bound: &Bound<'_>) {
    for system in &bound.plan.systems {
        let before: Vec<_> = order(bound, std::slice::from_ref(&system.id));
        let within = |path: &str| system.source.paths().into_iter().any(|source| Path::new(path).starts_with(source));
        for step in before.iter().map(|bound| bound.step) {
            let own = step.system.as_ref() == Some(&system.id);
            if step.uses.contains(&system.id) && comes_before_back(bound, &system.id, &step.id) {
                let reason = format!("step {} uses {}, which is not back by then", step.id, system.title);
                found.error("itself", Some(system), reason);
            }
            let program = step.command().first().filter(|program| program.contains('/'));
            if let Some(program) = program.filter(|program| own && within(program)) {
                let reason = format!("step {} runs {program}, which lies on the system that it restores", step.id);
                found.error("itself", Some(system), reason);
            }
        }
        for asset in bound.runbook.assets.iter().filter(|asset| asset.systems.contains(&system.id)) {
            if asset.install.as_ref().is_some_and(|install| within(install)) {
                let reason =
                    format!("asset {}: its software lies on {}, which it is needed for", asset.id, system.title);
                found.error("itself", Some(system), reason);
            }
        }
        if let Some(SecretRef::File(file)) = &bound.plan.keys.unlock
            && system.source.paths().into_iter().any(|source| file.starts_with(source))
        {
            let reason =
                format!("the key that unlocks the backups lies on {}, which needs it to come back", system.title);
            found.error("itself", Some(system), reason);
        }
    }
}

/// Whether `step` is done while `system` is not back: some restoring or earlier step of the system needs it, or is it.
fn comes_before_back(bound: &Bound<'_>, system: &SystemId, step: &StepId) -> bool {
    // What people do with the system once it is there (validate, resume) may use it.
    let restores = bound
        .steps
        .iter()
        .map(|bound| bound.step)
        .filter(|step| step.system.as_ref() == Some(system) && step.phase <= crate::runbook::Phase::Restore);
    let mut open: Vec<&StepId> = restores.map(|step| &step.id).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if id == step {
            return true;
        }
        if seen.insert(id)
            && let Some(step) = bound.runbook.step(id)
        {
            open.extend(&step.needs);
        }
    }
    false
}

/// People and cover outside the school.
fn outside(found: &mut Found<'_>, bound: &Bound<'_>, today: Date) {
    let long_ago = today.checked_sub(CONTACT_DAYS.days()).unwrap_or(today);
    for contact in &bound.runbook.contacts {
        if contact.phone.is_none() && contact.phone_ooh.is_none() {
            let reason = format!("contact {}: only an email address, which may be what is broken", contact.id);
            found.add(reach(bound), "phone", None, reason);
        }
        match contact.verified_on {
            Some(date) if date >= long_ago => {}
            Some(date) => {
                let reason = format!("contact {} was last tried on {date}, more than a term ago", contact.id);
                found.warning("contact", None, reason);
            }
            None => found.warning("contact", None, format!("contact {} was never tried", contact.id)),
        }
    }
    for asset in &bound.runbook.assets {
        if let Some(date) = asset.cover_expires.filter(|date| *date < today) {
            found.warning("insurance", None, format!("asset {} is not insured since {date}", asset.id));
        }
    }
}
