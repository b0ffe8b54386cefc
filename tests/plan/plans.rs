//! Each plan of `schedules/` is begun and run once, with a few small files where it says its data is.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use dr_plan::{Plan, Source};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::school::{FRIDAY, School};

/// A folder with the plan, its calendar and its runbook where they stand in the project, and its sources.
fn place(name: &str) -> (School, Plan) {
    let school = School::new();
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for folder in ["schedules", "runbooks"] {
        for entry in fs::read_dir(project.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let file = format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap());
            school.write(&file, &fs::read(&path).unwrap());
        }
        // Whatever the umask: a plan in a folder that others can write is refused.
        fs::set_permissions(school.path(folder), Permissions::from_mode(0o755)).unwrap();
    }
    let text = fs::read_to_string(school.path(&format!("schedules/{name}"))).unwrap();
    let plan = dr_plan::parse(&text, name).unwrap();
    for system in &plan.systems {
        for path in system.source.paths() {
            source(&school, &system.source, &format!("schedules/{}", path.display()));
        }
    }
    (school, plan)
}

fn source(school: &School, source: &Source, path: &str) {
    match source {
        Source::Sqlite { .. } => {
            fs::create_dir_all(school.path(path).parent().unwrap()).unwrap();
            let database = rusqlite::Connection::open(school.path(path)).unwrap();
            database.execute_batch("CREATE TABLE booking (amount); INSERT INTO booking VALUES (1), (2), (3)").unwrap();
        }
        Source::Maildir { .. } => {
            for folder in ["new", "tmp"] {
                fs::create_dir_all(school.path(&format!("{path}/{folder}"))).unwrap();
            }
            school.write(&format!("{path}/cur/1763550001.M1.host:2,S"), b"Subject: trip\r\n\r\nYes.\r\n");
        }
        Source::Drop { .. } => {
            let export = format!("{path}/mis-2026-11-20.zip");
            school.write(&export, &[b"PK\x03\x04".as_slice(), &[7; 400]].concat());
            // It was put there two hours before, by the clock that the run is given.
            let then = FRIDAY.parse::<Timestamp>().unwrap() - SignedDuration::from_hours(2);
            File::options().write(true).open(school.path(&export)).unwrap().set_modified(then.into()).unwrap();
            // What its maker says of it, where a plan asks.
            school.write(&format!("{export}.facts.json"), br#"{"pupils":450}"#);
            school.write(&format!("{export}.ok"), b"");
        }
        _ => {
            for n in 0..3 {
                school.write(&format!("{path}/letter-{n}.txt"), format!("letter {n} of {path}").as_bytes());
            }
        }
    }
}

/// Each system's outcome, and each of its copies' in the plan's order.
fn outcomes(run: &Value) -> Vec<String> {
    let word = |value: &Value| value["outcome"].as_str().unwrap_or_default().to_owned();
    let mut shown: Vec<String> = Vec::new();
    for run in run["runs"].as_array().unwrap() {
        let copies: Vec<String> = run["targets"].as_array().unwrap().iter().map(word).collect();
        shown.push(format!("{} {}: {}", run["system"].as_str().unwrap(), word(run), copies.join(" ")));
    }
    shown
}

#[track_caller]
fn check(name: &str, code: i32, expected: &[&str]) {
    let (school, plan) = place(name);
    let file = format!("schedules/{name}");
    let dr = |args: &[&str]| school.dr(&[&["--plan", &file, "--state", "state", "--at", FRIDAY], args].concat());
    dr(&["plan", "check"]).ended(0);
    // A target that this version cannot write to is named, and so is what it could not read.
    dr(&["init", "--recovery-key-out", "recovery.key"]).ended(code);
    // What a plan's programs and servers would give is not here.
    let failed = expected.iter().any(|line| line.contains(" failed:"));
    let run = dr(&["--json", "run"]).ended(if failed { 1 } else { code });
    assert_eq!(outcomes(&run.json()), expected, "{name}: {}{}", run.stdout, run.stderr);
    assert_eq!(dr(&["--json", "ledger", "--verify"]).ended(0).json()["verdict"], "ok");
    // What was copied is there to be brought back; a system of which nothing was read is not.
    for system in plan.systems.iter().map(|system| system.id.as_str()) {
        let made = expected.iter().any(|line| line.starts_with(&format!("{system} done")));
        let kept = dr(&["--json", "snapshots", system]).json();
        assert_eq!(kept.as_array().is_some_and(|kept| !kept.is_empty()), made, "{system}: {kept}");
    }
}

#[test]
fn the_ten_lines_run() {
    check(
        "ten-lines.toml",
        0,
        &[
            "mis done: done done awaited",
            "admin done: done done awaited",
            "email done: done done awaited",
            "curriculum done: done done awaited",
            "file-server done: done done awaited",
            "website done: done done awaited",
        ],
    );
}

#[test]
fn the_junior_school_with_one_rotator_runs() {
    check(
        "one-rotator.toml",
        0,
        &[
            "mis done: done done awaited",
            "admin done: done done awaited",
            "email done: done done awaited",
            "curriculum done: done done awaited",
            "file-server done: done done awaited",
            "website done: done done",
        ],
    );
}

#[test]
fn the_school_whose_disks_four_people_rotate_runs() {
    check("four-rotators.toml", 0, &["administration done: done awaited", "curriculum done: done awaited"]);
}

#[test]
fn the_trusts_school_runs_and_names_what_this_version_cannot_read() {
    check(
        "trust.toml",
        3,
        &[
            "mis done: done done skipped awaited",
            "finance done: done done awaited",
            "safeguarding done: done done awaited",
            "email done: done done",
            "file-server done: done done skipped",
            "directory failed: failed failed",
            "library failed: failed failed",
            "website skipped: skipped skipped",
            "learning skipped: skipped skipped",
        ],
    );
}
