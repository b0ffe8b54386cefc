//! Does every name in the plan name something that is in the plan?

use crate::plan::Plan;
use crate::problem::nearest;

/// A name that names nothing.
pub(crate) struct Unknown {
    /// The tables under which it stands.
    pub(crate) path: Vec<String>,
    /// The key under which it stands.
    pub(crate) key: &'static str,
    /// The name.
    pub(crate) name: String,
    /// What it should name, in the plural.
    pub(crate) kind: &'static str,
    /// The names there are.
    pub(crate) known: Vec<String>,
    /// What was perhaps meant.
    pub(crate) suggestion: Option<String>,
}

/// What the plan names, by kind.
struct Names {
    people: Vec<String>,
    places: Vec<String>,
    targets: Vec<String>,
    pools: Vec<String>,
    systems: Vec<String>,
}

/// Every name that names nothing.
pub(crate) fn unknown(plan: &Plan) -> Vec<Unknown> {
    let names = Names {
        people: plan.people.keys().map(ToString::to_string).collect(),
        places: plan.places.keys().map(ToString::to_string).collect(),
        targets: plan.targets.keys().map(ToString::to_string).collect(),
        pools: plan.pools.keys().map(ToString::to_string).collect(),
        systems: plan.systems.iter().map(|system| system.id.to_string()).collect(),
    };
    let mut found = Vec::new();
    let mut ask = |path: &[&str], key: &'static str, name: &str, kind: &'static str| {
        let known = match kind {
            "people" => &names.people,
            "places" => &names.places,
            "targets" => &names.targets,
            "pools" => &names.pools,
            _ => &names.systems,
        };
        if known.iter().all(|known| known != name) {
            found.push(Unknown {
                path: path.iter().map(|step| (*step).to_owned()).collect(),
                key,
                name: name.to_owned(),
                kind,
                known: known.clone(),
                suggestion: nearest(name, known.iter().map(String::as_str)),
            });
        }
    };
    for (id, person) in &plan.people {
        if let Some(deputy) = &person.deputy {
            ask(&["people", id.as_str()], "deputy", deputy.as_str(), "people");
        }
    }
    for (id, place) in &plan.places {
        for keyholder in &place.keyholders {
            ask(&["places", id.as_str()], "keyholders", keyholder.as_str(), "people");
        }
    }
    for (id, target) in &plan.targets {
        if let Some(pool) = target.pool() {
            ask(&["targets", id.as_str()], "pool", pool.as_str(), "pools");
        }
    }
    for (id, pool) in &plan.pools {
        let path: &[&str] = &["pools", id.as_str()];
        for custodian in &pool.custodians {
            ask(path, "custodians", custodian.as_str(), "people");
        }
        if let Some(place) = &pool.place {
            ask(path, "place", place.as_str(), "places");
        }
    }
    for system in &plan.systems {
        let path: &[&str] = &["systems", system.id.as_str()];
        if let Some(owner) = &system.owner {
            ask(path, "owner", owner.as_str(), "people");
        }
        if let Some(maker) = system.source.maker() {
            ask(&["systems", system.id.as_str(), "source"], "maker", maker.as_str(), "people");
        }
        for copy in &system.copies {
            // It stands under `targets`, or under `copies` as `target`.
            ask(path, "target", copy.target.as_str(), "targets");
        }
    }
    for reader in &plan.report.to {
        ask(&["report"], "to", reader.as_str(), "people");
    }
    for told in &plan.alerts.to {
        ask(&["alerts"], "to", told.as_str(), "people");
    }
    for exception in &plan.exceptions {
        ask(&["exceptions"], "system", exception.system.as_str(), "systems");
        ask(&["exceptions"], "approver", exception.approver.as_str(), "people");
    }
    found
}
