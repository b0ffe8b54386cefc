//! What a printed runbook says, in words, whichever way it is printed.

use dr_plan::{Plan, SystemId};

use crate::bind::{Bound, BoundStep};
use crate::path::{critical_path, order};
use crate::print::Stamp;
use crate::runbook::{Kind, Phase};

/// A whole printed runbook.
#[derive(serde::Serialize)]
pub(super) struct View {
    pub(super) title: String,
    pub(super) school: String,
    pub(super) marking: Option<String>,
    pub(super) foot: String,
    pub(super) control: Vec<(&'static str, String)>,
    pub(super) people: Table,
    pub(super) contacts: Table,
    pub(super) scenarios: Vec<Part>,
    pub(super) systems: Table,
    pub(super) steps: Vec<Group>,
    pub(super) decisions: Vec<Part>,
    pub(super) notify: Table,
    pub(super) assets: Table,
}

/// A table with its head.
#[derive(serde::Serialize)]
pub(super) struct Table {
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
}

/// A heading with lines below it.
#[derive(serde::Serialize)]
pub(super) struct Part {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
}

/// The steps of one phase.
#[derive(serde::Serialize)]
pub(super) struct Group {
    pub(super) title: String,
    pub(super) steps: Vec<StepView>,
}

/// One step, with a box to tick and room for the time.
#[derive(serde::Serialize)]
pub(super) struct StepView {
    pub(super) id: String,
    pub(super) who: String,
    pub(super) how: String,
    pub(super) expect: String,
    pub(super) text: String,
    pub(super) command: Option<String>,
    pub(super) after: String,
    pub(super) proof: Option<String>,
}

fn dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| text.to_string())
}

fn list<T: ToString>(of: impl IntoIterator<Item = T>) -> String {
    let list: Vec<String> = of.into_iter().map(|one| one.to_string()).collect();
    if list.is_empty() { "-".to_owned() } else { list.join(", ") }
}

impl View {
    pub(super) fn of(bound: &Bound<'_>, stamp: &Stamp) -> Self {
        let (runbook, document) = (bound.runbook, &bound.runbook.document);
        let control = vec![
            ("Version", document.version.clone()),
            ("Date issued", document.date_issued.to_string()),
            ("Committee", document.committee.clone()),
            ("Date adopted", document.date_adopted.to_string()),
            ("Minute no", document.minute_no.clone()),
            ("Review date", document.review_date.to_string()),
        ];
        Self {
            title: document.title.clone(),
            school: bound.plan.school.name.clone(),
            marking: document.marking.clone(),
            foot: super::foot(bound, stamp),
            control,
            people: people(bound),
            contacts: contacts(bound),
            scenarios: scenarios(bound),
            systems: systems(bound, stamp),
            steps: steps(bound),
            decisions: decisions(bound),
            notify: notify(bound),
            assets: Table {
                head: vec!["What", "Where", "For", "Software from", "Licence", "Insured until", "Replaced in"],
                rows: runbook
                    .assets
                    .iter()
                    .map(|asset| {
                        vec![
                            asset.what.clone(),
                            dash(asset.location.as_ref()),
                            list(asset.systems.iter().map(|id| title(bound.plan, id))),
                            dash(asset.install.as_ref()),
                            dash(asset.licence_ref.as_ref()),
                            dash(asset.cover_expires),
                            dash(asset.replacement_days.map(|days| format!("{days} days"))),
                        ]
                    })
                    .collect(),
            },
        }
    }
}

fn title(plan: &Plan, id: &SystemId) -> String {
    plan.system(id).map_or_else(|| id.to_string(), |system| system.title.clone())
}

fn people(bound: &Bound<'_>) -> Table {
    let reach = |id| match bound.plan.people.get(id) {
        Some(person) => {
            let numbers = [person.phone.as_ref(), person.phone_ooh.as_ref()];
            let numbers: Vec<&str> = numbers.into_iter().flatten().map(String::as_str).collect();
            format!("{} {}", person.name, numbers.join(" or ")).trim_end().to_owned()
        }
        None => id.to_string(),
    };
    let rows = bound.runbook.roles.iter().map(|role| {
        vec![role.id.to_string(), reach(&role.holder), list(role.deputies.iter().map(reach)), role.duties.clone()]
    });
    Table { head: vec!["Part", "Who", "Stands in", "Does"], rows: rows.collect() }
}

fn contacts(bound: &Bound<'_>) -> Table {
    let rows = bound.runbook.contacts.iter().map(|contact| {
        let numbers = [&contact.phone, &contact.phone_ooh, &contact.email];
        vec![
            contact.org.clone(),
            contact.purpose.clone(),
            list(numbers.into_iter().flatten()),
            dash(contact.hours.as_ref()),
            dash(contact.contract_ref.as_ref()),
            dash(contact.verified_on),
        ]
    });
    let head = vec!["Who", "For", "Reached at", "Hours", "Say", "Last tried"];
    Table { head, rows: rows.collect() }
}

fn scenarios(bound: &Bound<'_>) -> Vec<Part> {
    let part = |scenario: &crate::Scenario| {
        let ids = list(&scenario.steps);
        let systems = match scenario.systems.as_slice() {
            [] => "all systems".to_owned(),
            some => list(some.iter().map(|id| title(bound.plan, id))),
        };
        let lines = vec![scenario.text.clone(), format!("First: {ids}. Then bring back: {systems}.")];
        Part { title: scenario.title.clone(), lines }
    };
    bound.runbook.scenarios.iter().map(part).collect()
}

fn systems(bound: &Bound<'_>, stamp: &Stamp) -> Table {
    let mut systems: Vec<_> = bound.plan.systems.iter().collect();
    systems.sort_by_key(|system| system.tier);
    let rows = systems.into_iter().map(|system| {
        let takes = critical_path(bound, &system.id).map(|path| {
            let minutes = path.expect.as_mins();
            if minutes < 60 { format!("{minutes} min") } else { format!("{} h {:02} min", minutes / 60, minutes % 60) }
        });
        let owner = bound.plan.answers_for(Some(system), stamp.printed).and_then(|id| bound.plan.people.get(id));
        vec![
            system.tier.to_string(),
            system.title.clone(),
            dash(owner.map(|person| person.name.as_str())),
            dash(takes),
            dash(system.rto),
            dash(system.mtpd),
            dash(bound.runbook.workarounds.get(&system.id).map(|(text, _)| text)),
        ]
    });
    let head = vec!["Tier", "System", "Owner", "Steps take", "Promised", "At most", "Until then"];
    Table { head, rows: rows.collect() }
}

/// All steps in the order in which they can be done, phase by phase.
fn steps(bound: &Bound<'_>) -> Vec<Group> {
    let all: Vec<SystemId> = bound.plan.systems.iter().map(|system| system.id.clone()).collect();
    let of_systems = order(bound, &all);
    let place = |step: &BoundStep<'_>| of_systems.iter().position(|other| other.step.id == step.step.id);
    let groups = Phase::ALL.iter().map(|(word, phase)| {
        let mut steps: Vec<_> = bound.steps.iter().filter(|bound| bound.step.phase == *phase).collect();
        steps.sort_by_key(|step| place(step));
        let mut title = (*word).to_owned();
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Group { title, steps: steps.into_iter().map(|step| view(bound, step)).collect() }
    });
    groups.filter(|group| !group.steps.is_empty()).collect()
}

fn view(bound: &Bound<'_>, of: &BoundStep<'_>) -> StepView {
    let step = of.step;
    let how = match (&step.kind, of.system) {
        (kind, Some(system)) => format!("{}, {}", kind.as_str(), system.title),
        (kind, None) => kind.as_str().to_owned(),
    };
    let text = match &step.kind {
        Kind::Decision(id) => match bound.runbook.decision(id) {
            Some(decision) => format!("{} Decide: {}", step.text, decision.asks),
            None => step.text.clone(),
        },
        _ => step.text.clone(),
    };
    StepView {
        id: step.id.to_string(),
        who: format!("{} ({})", of.role.id, of.holder.1.name),
        how,
        expect: step.expect.to_string(),
        text,
        command: (!step.command().is_empty()).then(|| step.command().join(" ")),
        after: list(&step.needs),
        proof: step.proof.clone(),
    }
}

fn decisions(bound: &Bound<'_>) -> Vec<Part> {
    let part = |decision: &crate::Decision| {
        let mut lines = vec![format!("Decided by: {}.", decision.decider)];
        lines.push(format!("One of: {}.", decision.options.join(" / ")));
        lines.extend(decision.criteria.as_ref().map(|criteria| format!("By what: {criteria}")));
        lines.extend(decision.if_no_answer.as_ref().map(|answer| format!("If nobody answers: {answer}.")));
        lines.push("Decided, when, by whom, why: ________________________________".to_owned());
        Part { title: decision.asks.clone(), lines }
    };
    bound.runbook.decisions.iter().map(part).collect()
}

fn notify(bound: &Bound<'_>) -> Table {
    let rows = bound.runbook.notify.iter().map(|notify| {
        let whom = bound.runbook.contact(&notify.contact).map_or_else(String::new, |contact| contact.org.clone());
        vec![whom, notify.when.clone(), notify.within.to_string(), notify.role.to_string()]
    });
    Table { head: vec!["Whom", "When", "Within", "By"], rows: rows.collect() }
}
