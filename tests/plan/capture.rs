//! What a run says of a source that cannot be read, not wholly, or that changes while it is read.

use std::fs;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::school::{FRIDAY, Said, School};

const SATURDAY: &str = "2026-11-21T21:30:00Z";

fn run_of<'a>(summary: &'a Value, system: &str) -> &'a Value {
    summary["runs"].as_array().unwrap().iter().find(|run| run["system"] == system).unwrap()
}

fn paths(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one.as_str().or(one["path"].as_str()).unwrap()).collect()
}

/// What the status says of a system.
fn status(school: &School, at: &str, system: &str) -> Value {
    let status = school.dr(&["--json", "--at", at, "status"]).json();
    status["systems"].as_array().unwrap().iter().find(|row| row["id"] == system).unwrap().clone()
}

#[track_caller]
fn failed_and_kept_nothing(school: &School, said: Said, system: &str, below: &str) {
    let summary = said.ended(1).json();
    let run = run_of(&summary, system);
    assert_eq!(run["outcome"], "failed");
    let root = school.path(below).to_str().unwrap().to_owned();
    let named = paths(&run["unreadable"]);
    assert!(!named.is_empty() && named.iter().all(|path| path.starts_with(&root)), "{named:?}");
    let line = school.ledger().into_iter().rfind(|line| line.starts_with(&format!("run-finished {system}")));
    let line = line.unwrap();
    assert!(line.starts_with(&format!("run-finished {system} failed nas=failed offsite=failed")), "{line}");
}

#[test]
fn a_run_of_which_nothing_could_be_read_fails_and_the_last_copy_stays_the_newest() {
    let school = School::backed_up();
    let before = status(&school, SATURDAY, "admin")["last_backup"].clone();
    let snapshots = || school.dr(&["--json", "snapshots", "admin"]).json().as_array().unwrap().len();
    let copies = snapshots();
    // The list of names is refused, as by a mount of which only the top is there; or every file of another folder.
    let said = school.refusing("school/office", "getdents64", &["--json", "--at", SATURDAY, "run", "admin"]);
    failed_and_kept_nothing(&school, said, "admin", "school/office");
    fs::remove_dir_all(school.path("cache")).unwrap();
    let said = school.refusing("school/office", "pread64", &["--json", "--at", SATURDAY, "run", "admin"]);
    failed_and_kept_nothing(&school, said, "admin", "school/office");
    assert_eq!((snapshots(), &status(&school, SATURDAY, "admin")["last_backup"]), (copies, &before));
    // Mail brings facts of its own, which are not the mail.
    let said = school.refusing("school/mail", "pread64", &["--json", "--at", SATURDAY, "run", "email"]);
    failed_and_kept_nothing(&school, said, "email", "school/mail");
}

#[test]
fn what_a_run_keeps_without_all_that_belongs_to_it_is_named_and_the_run_incomplete() {
    let school = School::backed_up();
    let said = school.refusing("school/office", "flistxattr", &["--json", "--at", SATURDAY, "run", "admin"]);
    let summary = said.ended(3).json();
    let run = run_of(&summary, "admin");
    assert_eq!((&run["outcome"], &run["unreadable"]), (&"incomplete".into(), &serde_json::json!([])));
    let top = school.path("school/office").to_str().unwrap().to_owned();
    assert!(paths(&run["partial"]).contains(&&*top), "{run}");
    assert!(school.ledger().iter().any(|line| line.starts_with("run-finished admin incomplete nas=done")));
    assert!(status(&school, SATURDAY, "admin")["unreadable"].as_u64().unwrap() > 0);
    // And everything comes back.
    let back = school.with_key(&["restore", "admin", "--to", "back", "--no-owner"]);
    assert!(matches!(back.code, Some(0 | 3)), "{}", back.stderr);
    assert_eq!(crate::school::contents(&school.path("school/office")), crate::school::contents(&school.path("back")));
}

#[test]
fn what_changes_while_a_run_reads_it_is_named_counted_and_in_the_status() {
    let school = School::begun();
    let growing = school.path("school/office/outlook.pst");
    fs::write(&growing, vec![7; 20_000_000]).unwrap();
    let until = AtomicBool::new(false);
    let said = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = fs::File::options().append(true).open(&growing).unwrap();
            while !until.load(Ordering::Relaxed) {
                file.write_all(b"x").unwrap();
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        let said = school.dr(&["--json", "-v", "--at", FRIDAY, "run", "admin"]);
        until.store(true, Ordering::Relaxed);
        said
    });
    let name = growing.to_str().unwrap();
    assert!(said.stderr.contains(&format!("changed while it was read: {name}")), "{}", said.stderr);
    assert!(said.stderr.contains("1 file changed while read"), "{}", said.stderr);
    let summary = said.ended(0).json();
    let run = run_of(&summary, "admin");
    assert_eq!((&run["changed_while_read"], paths(&run["changed"])), (&1.into(), vec![name]));
    let entries = school.dr(&["--json", "ledger"]).json();
    let noticed =
        entries.as_array().unwrap().iter().rev().find_map(|entry| entry["event"]["noticed"]["changed"].as_u64());
    assert_eq!(noticed, Some(1));
    assert!(!entries.to_string().contains("outlook"), "the ledger names no file");
    assert_eq!(status(&school, FRIDAY, "admin")["changed"], 1);
    let text = school.dr(&["--at", FRIDAY, "status"]).stdout;
    assert!(text.contains("Admin files: 1 file changed while the newest backup read them"), "{text}");
}
