//! Is this text a plan, and which? Reads the ten-line form and the long form alike, and fills in
//! every default; what is wrong is told all at once.

mod calendar;
mod defaults;
mod ics;
pub(crate) mod keys;
#[cfg(test)]
mod malformed;
mod people;
pub(crate) mod rest;
mod sources;
mod systems;
mod targets;
#[cfg(test)]
mod tests;
pub(crate) mod values;

use std::collections::BTreeMap;

use crate::reader::{Doc, Node, Section};

use crate::BadName;
use crate::plan::{Plan, School};
use crate::problem::Problem;
use crate::references;

pub use calendar::parse_calendar;
pub use defaults::grace;

/// Reads a plan. `file_name` is only for messages.
///
/// # Errors
/// Everything that is wrong with it, by line. A text that is not TOML is told as such first,
/// since what it means cannot be told before.
pub fn parse(text: &str, file_name: &str) -> Result<Plan, Vec<Problem>> {
    let doc = Doc::new(file_name, text, "the plan");
    let Some(table) = doc.toml() else {
        return Err(doc.problems());
    };
    let root = doc.root(&table, keys::PLAN);
    let plan = plan(&root);
    if let Some(plan) = &plan {
        for unknown in references::unknown(plan) {
            // What is declared but could not be read was told already, where it stands.
            let short = unknown.kind == "targets" && root.declares("copies", &unknown.name);
            if short || root.declares(unknown.kind, &unknown.name) {
                continue;
            }
            let expected = format!("one of the plan's {}: {}", unknown.kind, list(&unknown.known));
            // A target is named in `target` of a copy, or in the list `targets`.
            let find = |key: &str| root.find(&unknown.path, key, &unknown.name);
            match find(unknown.key).or_else(|| find(&format!("{}s", unknown.key))) {
                Some(node) => node.wrong(expected, unknown.suggestion),
                None => root.missing(&format!("`{}` among its {}", unknown.name, unknown.kind)),
            }
        }
    }
    let problems = doc.problems();
    match plan {
        Some(plan) if problems.is_empty() => Ok(plan),
        _ => Err(problems),
    }
}

fn list(known: &[String]) -> String {
    if known.is_empty() { "there are none".to_owned() } else { known.join(", ") }
}

fn plan(root: &Section<'_>) -> Option<Plan> {
    if let Some(node) = root.get("version") {
        node.count(1..=1);
    }
    let school = root.need("school").and_then(rest::school);
    let people = root.get("people").map(people::people).unwrap_or_default();
    let mut places = root.get("places").map(|node| named(node, people::place)).unwrap_or_default();
    let mut pools =
        root.get("pools").map(|node| named(node, |_, node| targets::pool(node, &people))).unwrap_or_default();
    let mut targets = root.get("targets").map(|node| named(node, |_, node| targets::target(node))).unwrap_or_default();
    match (root.get("copies"), root.get("targets")) {
        (Some(node), Some(_)) => node.wrong_unshown("either `copies`, the short form, or [targets], not both"),
        (Some(node), None) => targets::copies(node, &people, &mut targets, &mut pools),
        (None, Some(node)) => {
            if let Some(table) = node.names().filter(|table| table.entries().is_empty()) {
                table.missing("any target");
            }
        }
        (None, None) => root.missing("`copies` or [targets]"),
    }
    if root.get("places").is_none() && !pools.is_empty() {
        places.extend(defaults::kept());
    }
    let systems = root.need("systems").map(|node| systems::systems(node, &targets)).unwrap_or_default();
    let report = rest::report(root.get("report"), &people.all);
    let people = people.all;
    let keys = rest::keys(root.get("keys"));
    let alerts = rest::alerts(root.get("alerts"), &people);
    let checks = rest::checks(root.get("checks"));
    let rehearsals = rest::rehearsals(root.get("rehearsals"));
    let runbook = rest::runbook(root.get("runbook"));
    let exceptions = root.get("exceptions").map(rest::exceptions).unwrap_or_default();
    let document = root.get("document").map(rest::document).unwrap_or_default();
    let state = root.get("state").and_then(values::path);
    let school: School = school?;
    Some(Plan {
        state,
        school,
        keys,
        people,
        places,
        targets,
        pools,
        systems,
        report,
        alerts,
        checks,
        rehearsals,
        runbook,
        exceptions,
        document,
    })
}

/// A table whose keys are ids.
fn named<I, T>(node: &Node<'_>, mut read: impl FnMut(&str, &Node<'_>) -> Option<T>) -> BTreeMap<I, T>
where
    I: TryFrom<String, Error = BadName> + Ord,
{
    let Some(table) = node.names() else {
        return BTreeMap::new();
    };
    let mut all = BTreeMap::new();
    for (key, node) in table.entries() {
        match I::try_from((*key).to_owned()) {
            Ok(id) => all.extend(read(key, node).map(|value| (id, value))),
            Err(_) => table.wrong_key(key, values::NAME, None),
        }
    }
    all
}
