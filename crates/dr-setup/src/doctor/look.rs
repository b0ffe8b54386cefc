//! What is there on this machine: plan, state, ledger, key, targets, scratch, callers?

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use dr_ledger::{Contents, History};
use dr_media::Register;
use dr_plan::{Severity, lint};
use dr_run::{Availability, School};
use rustix::fs::{Access, access, statvfs};

use super::judge::{self, Check, Room, could_not, fail, ok, warn};
use crate::service::place;
use dr_report::shown;

/// The plan, which has been read by now, and what belongs to it.
pub fn plan(school: &School) -> Vec<Check> {
    let findings = lint(&school.plan, school.today());
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.len() - errors;
    let said = |n: usize, one, many| shown::count(n as u64, one, many);
    let mut checks = vec![match (errors, warnings) {
        (0, 0) => ok("plan", "readable, closed to others' writing, nothing wrong with it"),
        (0, _) => warn("plan", said(warnings, "warning", "warnings"), "Look at them: `dr plan check`."),
        _ => fail("plan", said(errors, "error", "errors"), "It cannot be kept as it is: `dr plan check`."),
    }];
    checks.push(match &school.plan.school.calendar {
        None => ok("calendar", "none: every week counts"),
        Some(_) => ok("calendar", "readable"),
    });
    checks.push(match &school.plan.runbook {
        None => warn("runbook", "none", "Write down what to do on the bad day, and name it: [runbook] file."),
        Some(path) => match dr_open::text_named(path, 16 << 20)
            .map(|text| dr_runbook::parse(&text, &path.to_string_lossy()))
        {
            Ok(Ok(_)) => ok("runbook", "readable"),
            Ok(Err(problems)) => fail(
                "runbook",
                shown::count(problems.len() as u64, "mistake in it", "mistakes in it"),
                "On the bad day nobody can follow it: correct what `dr status` names.",
            ),
            Err(why) => {
                fail("runbook", format!("cannot be read: {why}"), "Put it where the plan says, or correct the plan.")
            }
        },
    });
    checks
}

/// Who this is run as.
pub fn account() -> Check {
    match rustix::process::geteuid().is_root() {
        true => ok("account", "root: every file can be read"),
        false => warn(
            "account",
            "not root: only what this account may read is backed up",
            "Run dr as root, unless the account may read everything in the plan.",
        ),
    }
}

/// The state, and what is in it.
pub fn state(school: &School, contents: Result<&Contents, String>) -> Vec<Check> {
    let folder = &school.places.state;
    let about = match fs::metadata(folder) {
        Ok(about) if about.is_dir() => about,
        _ => return vec![fail("state", format!("{} is not there", shown::path(folder)), "Begin with `dr init`.")],
    };
    let mut checks = vec![match () {
        () if access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err() => fail(
            "state",
            format!("{} cannot be written", shown::path(folder)),
            "Run dr as the account that ran `dr init`, on a disk that is not read only.",
        ),
        () if about.mode() & 0o077 != 0 => warn(
            "state",
            format!("others can look into {} (mode {:03o})", shown::path(folder), about.mode() & 0o777),
            "chmod 700 it: keys are in there.",
        ),
        () => ok("state", "there, writable, closed to others"),
    }];
    checks.push(room_of("room for the state", folder));
    checks.push(match contents {
        Err(why) => fail("ledger", why, "Nothing is recorded until it can be read: see to the disk."),
        Ok(contents) if contents.verdict.is_ok() => ok(
            "ledger",
            format!("the chain holds over {}", shown::count(contents.entries.len() as u64, "entry", "entries")),
        ),
        Ok(_) => {
            fail("ledger", "the chain is broken", "Somebody or something changed it: `dr ledger --verify` says where.")
        }
    });
    checks.push(match school.host_key() {
        Ok(_) => match fs::metadata(school.places.host_key()) {
            Ok(about) => Check { about: "host key".into(), ..judge::closed("host key", about.mode()) },
            Err(why) => could_not("host key", format!("cannot be looked at: {why}"), "See to the state's folder."),
        },
        Err(why) => fail(
            "host key",
            why.to_string(),
            "Without it nothing is backed up: `dr init`, with the recovery key in DR_KEY_FILE.",
        ),
    });
    checks
}

/// What has been, and who calls.
pub fn rounds(school: &School, contents: &Contents) -> Vec<Check> {
    let callers = place::installed(Path::new("/"));
    let now = school.clock.at_real();
    let ahead = dr_ledger::ahead(&contents.entries, now);
    // What is noted of a time that has not come says nothing about when anybody last called.
    let come = contents.entries.iter().map(|entry| entry.real);
    let newest = come.filter(|at| at.duration_since(now) <= dr_ledger::CLOCK_SLACK).max();
    vec![judge::clock(ahead.as_ref()), judge::rounds(now, newest, &callers)]
}

/// Each target: reached, a repository of ours there, writable, room.
pub fn targets(school: &School, contents: &Contents) -> Vec<Check> {
    let register = Register::of(&contents.entries);
    let mut checks = Vec::new();
    for id in school.plan.targets.keys() {
        let about = format!("target {id}");
        let location = match school.reach(&register, id) {
            Availability::Here(location) => location,
            Availability::Awaited { who, overdue: false } => {
                checks.push(ok(about, format!("waits for {who}")));
                continue;
            }
            Availability::Awaited { who, overdue: true } => {
                checks.push(warn(about, format!("waits too long for {who}"), "Bring the disk: `dr media due`."));
                continue;
            }
            Availability::CannotRun(why) => {
                checks.push(fail(about, why, "No copy is ever made there: name a folder instead."));
                continue;
            }
            Availability::Gone(why) => {
                checks.push(fail(about, why, "Its copies fail until it is back; the others go on."));
                continue;
            }
        };
        let folder = location.address.folder();
        let opened = school.host_key().and_then(|key| school.open(&location, key, false));
        checks.push(match opened {
            Err(why) if location.founded => fail(
                about.as_str(),
                why.to_string(),
                "Look whether what it is on is switched on and mounted. A new repository there would not bring the copies \
                 back: do not run `dr init`.",
            ),
            Err(why) => {
                fail(about.as_str(), why.to_string(), "Mount it if it is not mounted, or make it with `dr init`.")
            }
            Ok(_) if folder.is_some_and(|folder| access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err()) => fail(
                about.as_str(),
                "the repository is there, but nothing can be written",
                "Look how it is mounted, and whose folder it is.",
            ),
            Ok(repository) if let Some(other) = repository.other_writer() => fail(
                about.as_str(),
                format!("it accepts one writing host, currently {}", shown::name(other.to_string().as_bytes())),
                "If this host replaces that one for good: `dr repo take-over`, with the recovery key. Else name another \
                 target.",
            ),
            Ok(repository) if repository.single_writer() => ok(
                about.as_str(),
                "the repository is there and can be written, by this host alone and one process at a time \
                 (single-writer mode)",
            ),
            Ok(_) => ok(about.as_str(), "the repository is there and can be written"),
        });
        if let Some(folder) = folder.filter(|folder| folder.is_dir()) {
            checks.push(room_of(&format!("room on {id}"), folder));
        }
    }
    match dr_run::shared(school) {
        Ok(shared) => checks.extend(shared.into_iter().map(|(id, what, is_error)| {
            let (about, next) = (format!("device of {id}"), "Give each copy a device of its own.");
            if is_error { fail(about, what, next) } else { warn(about, what, next) }
        })),
        Err(why) => checks.push(could_not("devices", why.to_string(), "See to the state's folder.")),
    }
    checks
}

/// Room for rehearsals.
pub fn scratch(school: &School, contents: &Contents) -> Check {
    let history = History::of(&contents.entries);
    let largest = school.plan.systems.iter().filter_map(|system| history.last_size(&system.id)).max();
    let there = school.places.cache.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    match room(there) {
        Ok(room) => judge::scratch(room, largest),
        Err(why) => could_not("scratch", format!("the disk of the cache says nothing: {why}"), "See to that disk."),
    }
}

/// What killed runs left in scratch.
pub fn leftovers(school: &School) -> Check {
    const ABOUT: &str = "leftovers";
    match dr_run::left_in_scratch(school) {
        Ok(left) if left.is_empty() => ok(ABOUT, "nothing of killed runs lies in scratch"),
        Ok(left) => warn(
            ABOUT,
            format!(
                "{} of killed runs in scratch, with what they had brought back or copied, readable: {}",
                shown::count(left.len() as u64, "folder", "folders"),
                left.iter().map(|path| shown::path(path).to_string()).collect::<Vec<_>>().join(", ")
            ),
            "The next `dr run` removes them.",
        ),
        Err(why) => could_not(ABOUT, why.to_string(), "See to that disk."),
    }
}

fn room_of(about: &str, folder: &Path) -> Check {
    match room(folder) {
        Ok(room) => judge::room(about, room),
        Err(why) => could_not(about, format!("the disk says nothing: {why}"), "See to that disk."),
    }
}

fn room(folder: &Path) -> rustix::io::Result<Room> {
    let about = statvfs(folder)?;
    let block = about.f_frsize;
    Ok(Room {
        free: about.f_bavail.saturating_mul(block),
        total: about.f_blocks.saturating_mul(block),
        names_free: about.f_favail,
        names: about.f_files,
    })
}
