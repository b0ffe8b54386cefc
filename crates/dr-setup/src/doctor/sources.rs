//! Can each system be read, and are the programs there that the plan calls?

use std::fs;
use std::io::Read as _;
use std::path::Path;

use dr_plan::{Plan, Source, System};
use dr_run::{School, beforehand};
use jiff::{SignedDuration, Timestamp};
use rustix::fs::{Access, access};

use super::judge::{Check, Verdict, could_not, fail, ok, warn};
use dr_report::shown;

/// How many names of a folder are tried; a sample, not a backup.
const SAMPLE: usize = 200;

/// Each system's source, and what is to be said of it before a run.
pub fn sources(school: &School) -> Vec<Check> {
    let now = school.clock.decided();
    let mut checks = Vec::new();
    let mut before = beforehand(school);
    for system in &school.plan.systems {
        let check = source(system, now);
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

fn source(system: &System, now: Timestamp) -> Check {
    let about = format!("source {}", system.id);
    match &system.source {
        Source::Saas { supplier, .. } => {
            return ok(about, format!("held by {supplier}: there is nothing here to read"));
        }
        Source::Command { .. } => {}
        other if !other.runs() => {
            return could_not(
                about,
                format!("this version cannot read a {} source", other.kind()),
                "Let it be dumped into a folder, and write drop:FOLDER.",
            );
        }
        _ => {}
    }
    for path in system.source.paths() {
        if let Err(why) = sampled(path) {
            return fail(
                about,
                format!("{}: {why}", shown::path(path)),
                "Mount it, or correct the plan: the next run fails.",
            );
        }
    }
    match &system.source {
        Source::Drop { path, fresh, .. } => fresh_enough(about, path, fresh.longest(), now),
        Source::Sqlite { path } if !is_sqlite(path) => fail(
            about,
            format!("{} is not an SQLite database", shown::path(path)),
            "Fix the path in the plan, or find out what happened to the file.",
        ),
        _ => ok(about, "there, and what was tried of it can be read"),
    }
}

/// The folder or file can be opened, and the first names in it too.
fn sampled(path: &Path) -> Result<(), String> {
    let about = fs::metadata(path).map_err(|why| why.to_string())?;
    if !about.is_dir() {
        return dr_open::named(path).map(|_| ()).map_err(|why| why.to_string());
    }
    let names: Vec<_> = fs::read_dir(path).map_err(|why| why.to_string())?.take(SAMPLE).flatten().collect();
    if names.is_empty() {
        return Err("it is empty".to_owned());
    }
    let readable = |name: &fs::DirEntry| match name.file_type() {
        Ok(kind) if kind.is_file() => access(name.path(), Access::READ_OK).is_ok(),
        Ok(kind) if kind.is_dir() => access(name.path(), Access::READ_OK | Access::EXEC_OK).is_ok(),
        _ => true,
    };
    let closed = names.iter().filter(|name| !readable(name)).count();
    match closed {
        0 => Ok(()),
        _ => Err(format!("{closed} of the first {} names in it cannot be read by this account", names.len())),
    }
}

/// The newest file of an export's folder is not too old.
fn fresh_enough(about: String, folder: &Path, fresh: SignedDuration, now: Timestamp) -> Check {
    let times =
        fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|name| name.metadata().ok()?.modified().ok());
    let newest = times.max().and_then(|time| Timestamp::try_from(time).ok());
    match newest {
        Some(newest) if now.duration_since(newest) <= fresh => ok(about, "the newest export is fresh"),
        Some(newest) => fail(
            about,
            format!("the newest export is {} h old", now.duration_since(newest).as_hours()),
            "Ask whoever makes it: until a new one comes, the system is not backed up.",
        ),
        None => fail(about, "there is no export", "Ask whoever makes it."),
    }
}

fn is_sqlite(path: &Path) -> bool {
    let mut magic = [0; 16];
    dr_open::named(path).is_ok_and(|mut file| file.read_exact(&mut magic).is_ok() && &magic == b"SQLite format 3\0")
}

/// Every program that the plan calls can be found.
pub fn programs(plan: &Plan, search: &str) -> Vec<Check> {
    let hooks = plan.systems.iter().flat_map(|system| system.before.iter().chain(&system.after).map(|hook| &hook.run));
    let sources = plan.systems.iter().filter_map(|system| match &system.source {
        Source::Command { run, .. } => Some(run),
        _ => None,
    });
    let mut names: Vec<&String> = hooks
        .chain(sources)
        .chain(plan.alerts.command.iter().map(|hook| &hook.run))
        .filter_map(|run| run.first())
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
