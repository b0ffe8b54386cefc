//! Can each system be read, and are the programs there that the plan calls?

use std::path::Path;

use dr_plan::{Plan, System};
use dr_run::{School, beforehand, entry_time};
use dr_source::driver;
use dr_source::driver::{Hands, Secrets};
use jiff::Timestamp;
use rustix::fs::{Access, access};

use super::judge::{Check, Verdict, could_not, fail, ok, warn};

/// Each system's source, and what is to be said of it before a run.
pub fn sources(school: &School, secrets: Secrets<'_>) -> Vec<Check> {
    let now = school.clock.decided();
    let mut checks = Vec::new();
    let mut before = beforehand(school);
    for system in &school.plan.systems {
        let check = source(school, system, now, secrets);
        let (of, rest): (Vec<_>, Vec<_>) = before.into_iter().partition(|one| one.system == system.id);
        before = rest;
        // That it cannot be read is said once.
        if check.verdict != Verdict::Ok || of.is_empty() {
            checks.push(check);
        }
        let about = format!("source {}", system.id);
        checks.extend(of.into_iter().map(|one| match one.is_error {
            true => fail(about.clone(), one.reason, "Correct the plan: the next run fails."),
            false => warn(about.clone(), one.reason, "Say in the plan what is meant: `dr plan check`."),
        }));
    }
    checks
}

fn source(school: &School, system: &System, now: Timestamp, secrets: Secrets<'_>) -> Check {
    let (about, source) = (format!("source {}", system.id), &system.source);
    match (source.supplier(), driver(source)) {
        (Some(supplier), _) => ok(about, format!("held by {}: there is nothing here to read", supplier.name)),
        (None, Err(_)) => could_not(
            about,
            format!("this version cannot read a {} source", source.kind()),
            "Let it be dumped into a folder, and write drop:FOLDER.",
        ),
        (None, Ok(driver)) => {
            match driver.probe(entry_time(now), &Hands { secrets, scratch: &school.places.scratch() }) {
                Ok(seen) => ok(about, seen),
                Err(obstacle) => fail(about, obstacle.why, obstacle.next),
            }
        }
    }
}

/// Every program that the plan calls can be found.
pub fn programs(plan: &Plan, search: &str) -> Vec<Check> {
    let hooks = plan.systems.iter().flat_map(|system| system.before.iter().chain(&system.after).map(|hook| &hook.run));
    let sources = plan.systems.iter().filter_map(|system| system.source.program().first());
    let mut names: Vec<&String> = hooks
        .chain(plan.alerts.command.iter().map(|hook| &hook.run))
        .filter_map(|run| run.first())
        .chain(sources)
        .collect();
    names.sort();
    names.dedup();
    let check = |name: &String| match found(name, search) {
        true => ok(format!("program {name}"), "found"),
        false => fail(
            format!("program {name}"),
            "not found, or not to be run",
            "Install it, or write its whole path in the plan.",
        ),
    };
    names.into_iter().map(check).collect()
}

fn found(name: &str, search: &str) -> bool {
    let runs = |path: &Path| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    if name.contains('/') {
        return runs(Path::new(name));
    }
    search.split(':').any(|folder| runs(&Path::new(folder).join(name)))
}
