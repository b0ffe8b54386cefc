//! How a run ends that does not end by itself, and what the commands around it mean.

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use jiff::SignedDuration;

use crate::school::{FRIDAY, School};

/// A run that is in the middle of a command of its plan that takes so many seconds; and that command.
fn in_the_middle(school: &School, seconds: u32) -> (Child, Pid) {
    let says_so_and_waits = format!("echo $$ > waiting.tmp; mv waiting.tmp waiting; exec sleep {seconds}");
    school.plan_with("Admin files", &format!("before = [{{ run = [\"sh\", \"-c\", \"{says_so_and_waits}\"] }}]"));
    let _ = fs::remove_file(school.path("waiting"));
    let child = school.start(&["--json", "--at", FRIDAY, "run", "admin"]);
    #[expect(clippy::disallowed_methods, reason = "a deadline for a test, not a decision")]
    let begun = Instant::now();
    let command = loop {
        if let Ok(text) = fs::read_to_string(school.path("waiting")) {
            break Pid::from_raw(text.trim().parse().unwrap()).unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the run did not come to its command");
        std::thread::yield_now();
    };
    (child, command)
}

#[test]
fn a_run_that_is_told_to_end_writes_down_how_and_the_next_goes_on() {
    let school = School::begun();
    // Long enough for a signal to arrive.
    let (child, _) = in_the_middle(&school, 2);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let said = School::waited(child).ended(143);
    assert!(said.stderr.contains("a rerun goes on from there"), "{}", said.stderr);
    let ledger = school.ledger();
    assert!(ledger.last().unwrap().starts_with("run-finished admin failed nas=failed"), "{ledger:?}");
    // Its slot is still due.
    school.plan_with("Admin files", "");
    let run = school.dr(&["--json", "--at", FRIDAY, "run", "--due"]).ended(0).json();
    let admin = run["runs"].as_array().unwrap().iter().find(|run| run["system"] == "admin").unwrap();
    assert_eq!(admin["outcome"], "done");
}

#[test]
fn a_killed_run_is_seen_as_killed_at_the_next_start_and_resumed() {
    let school = School::begun();
    let (mut child, command) = in_the_middle(&school, 100);
    child.kill().unwrap();
    kill_process(command, Signal::KILL).unwrap();
    child.wait().unwrap();
    assert_eq!(school.ledger().last().unwrap(), "run-started admin");
    school.plan_with("Admin files", "");
    let run = school.dr(&["--json", "--at", FRIDAY, "run", "--due"]).ended(0).json();
    let admin = run["runs"].as_array().unwrap().iter().find(|run| run["system"] == "admin").unwrap();
    assert_eq!(admin["outcome"], "done");
    let killed = || school.ledger().iter().filter(|line| line.starts_with("run-killed admin")).count();
    assert_eq!(killed(), 1);
    school.dr(&["--at", FRIDAY, "run", "admin"]).ended(0);
    assert_eq!(killed(), 1, "it is said once");
}

#[test]
fn a_run_that_takes_longer_than_its_limit_fails_and_says_so() {
    let school = School::begun();
    let hooks = "timeout = \"1s\"\nbefore = [{ run = [\"sleep\", \"100\"], timeout = \"5m\" }]";
    school.plan_with("Admin files", hooks);
    let said = school.dr(&["--at", FRIDAY, "run", "admin"]).ended(1);
    assert!(said.stderr.contains("longer than 1s"), "{}", said.stderr);
    let ledger = fs::read_to_string(school.path("state/ledger.jsonl")).unwrap();
    assert!(ledger.contains("took longer than its limit"), "{ledger}");
}

#[test]
fn an_optional_command_that_fails_is_told_and_the_run_is_done() {
    let school = School::begun();
    let hooks = "before = [{ run = [\"false\"], optional = true }]\nafter = [{ run = [\"false\"], optional = true }]";
    school.plan_with("Admin files", hooks);
    let run = school.dr(&["--json", "--at", FRIDAY, "run", "admin"]).ended(0).json();
    assert_eq!(run["runs"][0]["outcome"], "done");
    assert_eq!(run["runs"][0]["told"].as_array().unwrap().len(), 2);
    assert!(school.ledger().iter().any(|line| line.starts_with("run-finished admin done")));
}

#[test]
fn the_command_after_a_run_runs_also_when_the_one_before_failed() {
    let school = School::begun();
    let hooks = "before = [{ run = [\"false\"] }]\nafter = [{ run = [\"touch\", \"resumed\"] }]";
    school.plan_with("Admin files", hooks);
    school.dr(&["--at", FRIDAY, "run", "admin"]).ended(1);
    assert!(school.path("resumed").exists());
}

/// The Friday's plan with one more system: what somebody else exports. The file is so many hours old.
fn exported(school: &School, name: &str, bytes: &[u8], hours: i64) {
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    if !plan.contains("[systems.roll]") {
        let more = "[systems.roll]\nsource = { kind = \"drop\", path = \"school/drop\", name = \"*.csv\", fresh = \"26h\", settled = \"5m\" }\nschedule = \"daily at 19:30\"\ntargets = [\"nas\", \"offsite\"]\n";
        school.write("dr.toml", format!("{plan}{more}").as_bytes());
    }
    let _ = fs::remove_dir_all(school.path("school/drop"));
    school.write(&format!("school/drop/{name}"), bytes);
    let friday: jiff::Timestamp = FRIDAY.parse().unwrap();
    let at = std::time::SystemTime::from(friday - SignedDuration::from_hours(hours));
    fs::File::options().append(true).open(school.path("school/drop").join(name)).unwrap().set_modified(at).unwrap();
}

#[test]
fn an_export_that_is_there_fresh_and_whole_is_kept_and_comes_back() {
    let school = School::begun();
    exported(&school, "roll.csv", b"name,form\nA. Ash,3b\n", 2);
    school.dr(&["--at", FRIDAY, "run", "roll"]).ended(0);
    school.with_key(&["restore", "roll", "--to", "out"]).ended(0);
    assert_eq!(fs::read(school.path("out/roll.csv")).unwrap(), b"name,form\nA. Ash,3b\n");
    school.with_key(&["--at", FRIDAY, "restore", "--rehearse", "roll"]).ended(0);
}

#[test]
fn an_export_that_is_not_as_it_should_be_is_never_a_good_copy() {
    let school = School::begun();
    exported(&school, "roll.csv", &b"name,form\n".repeat(100), 2);
    school.dr(&["--at", FRIDAY, "run", "roll"]).ended(0);
    let kept = || school.dr(&["--json", "snapshots", "roll"]).ended(0).json().as_array().unwrap().len();
    assert_eq!(kept(), 2);
    let table = b"name,form\n".repeat(100);
    let bad: [(&str, &[u8], i64, &str); 5] = [
        ("roll.zip", b"PK", 2, "the export is missing"),
        ("roll.csv", &table, 27, "the export is stale: newest of 19 Nov 2026"),
        ("roll.csv", b"", 2, "the export is empty"),
        ("roll.csv", b"<!DOCTYPE html><title>Log in</title>", 2, "the export is not of the expected type"),
        ("roll.csv", &table[..300], 2, "the export shrank by 70 %"),
    ];
    for (name, bytes, hours, noted) in bad {
        exported(&school, name, bytes, hours);
        school.dr(&["--at", FRIDAY, "run", "roll"]).ended(1);
        let ledger = fs::read_to_string(school.path("state/ledger.jsonl")).unwrap();
        let last = ledger.lines().rfind(|line| line.contains("run-finished")).unwrap();
        assert!(last.contains(noted) && !last.contains("csv"), "{noted}: {last}");
        assert_eq!(kept(), 2, "{noted}");
    }
    exported(&school, "roll.csv", &table, 2);
    school.dr(&["--at", FRIDAY, "run", "roll"]).ended(0);
    assert_eq!(kept(), 4);
}
