//! A program's output is kept whole or not at all.

use std::fs;
use std::time::Duration;

use crate::bare;
use crate::school::{FRIDAY, Said, School};
use crate::{LATER, founded, snapshots, told};

/// A school with one system whose data this script writes.
fn with(script: &str, more: &str) -> School {
    let school = School::new();
    school.write("dump.sh", script.as_bytes());
    let run = format!(r#"kind = "command", run = ["sh", "{}"], name = "mis.sql""#, school.path("dump.sh").display());
    founded(school, &run, r#""nas""#, more)
}

/// dr on a repository that no plan knows.
fn alone(school: &School, args: &[&str]) -> Said {
    let mut command = bare::dr("");
    command.args(args).current_dir(school.path("")).env("HOME", school.path("home"));
    command.env("PATH", "/usr/bin:/bin").env("DR_CACHE", school.path("cache")).env("DR_PASSWORD", "kestrel-9-pepper");
    Said::of(command)
}

fn fails(school: &School, script: &str, words: &str) -> Said {
    school.write("dump.sh", script.as_bytes());
    let before = snapshots(school);
    let said = told(school.dr(&["--at", LATER, "run", "mis"]).ended(1), words);
    assert_eq!(snapshots(school), before, "{script}");
    said
}

#[test]
fn a_program_that_fails_in_any_way_leaves_the_last_snapshot_the_newest() {
    let school = with("echo 'create table pupil (name text);'; cat dr.toml", "");
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    assert_eq!(snapshots(&school).len(), 1);
    let half = "echo create table; head -c 3000000 /dev/zero | tr '\\0' a;";
    fails(&school, &format!("{half} kill -9 $$"), "signal: 9");
    told(fails(&school, &format!("{half} echo no more disk >&2; exit 3"), "exit status: 3"), "no more disk");
    fails(&school, "exit 0", "wrote nothing");
    told(fails(&school, "echo password wrong >&2; exit 0", "wrote nothing"), "password wrong");
    // Something that it started holds on to its output.
    fails(&school, "echo table; sleep 60 & exit 0", "still held its output");
    // What it says beside is no failure, and not in the copy.
    school.write("dump.sh", b"echo whole; echo a warning >&2");
    school.dr(&["--at", LATER, "run", "mis"]).ended(0);
    assert_eq!(snapshots(&school).len(), 2);
    school.with_key(&["restore", "mis", "--to", "back"]).ended(0);
    assert_eq!(fs::read_to_string(school.path("back/mis.sql")).unwrap(), "whole\n");
    told(school.with_key(&["restore", "mis", "--in-place", "--yes"]).ended(64), "--to DIR");
    school.with_key(&["restore", "--rehearse", "--level", "L2"]).ended(0);
    // The ledger names neither the program nor what it said.
    let ledger = fs::read_to_string(school.path("state/ledger.jsonl")).unwrap();
    assert!(ledger.contains("the program that was to write what is captured failed"));
    assert!(!ledger.contains("password wrong") && !ledger.contains("dump.sh"));
}

#[test]
fn a_program_that_hangs_is_ended_with_all_that_it_started() {
    let school = with("echo begin; sleep 300 & echo $! > sleeping; wait", "timeout = \"2s\"");
    told(school.dr(&["--at", FRIDAY, "run"]).ended(1), "took longer than");
    let sleeping = fs::read_to_string(school.path("sleeping")).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", sleeping.trim())).unwrap_or_default();
    assert!(status.is_empty() || status.contains("State:\tZ"), "{status}");
    assert_eq!(snapshots(&school), Vec::<String>::new());
}

#[test]
fn dr_killed_in_the_middle_of_a_dump_leaves_the_last_snapshot_the_newest() {
    let school = with("echo whole", "");
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    let before = snapshots(&school);
    school.write("dump.sh", b"echo begin; echo > begun; sleep 1; echo end");
    let mut child = school.start(&["--at", LATER, "run", "mis"]);
    while !school.path("begun").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(snapshots(&school), before);
    school.write("dump.sh", b"echo whole again");
    school.dr(&["--at", LATER, "run", "mis"]).ended(0);
    assert_eq!(snapshots(&school).len(), 2);
}

#[test]
fn what_a_program_writes_is_backed_up_without_a_plan_if_it_ends_well() {
    let school = with("exit 1", "");
    let repo = school.path("alone").display().to_string();
    let dr = |args: &[&str]| alone(&school, args);
    dr(&["repo", "init", &repo]).ended(0);
    let backup = |args: &[&str]| dr(&[&["repo", "backup", &repo, "--stdin", "x.sql", "--"], args].concat());
    told(backup(&["sh", "-c", "echo half; exit 3"]).ended(1), "exit status: 3");
    told(told(backup(&["sh", "-c", "echo sorry >&2"]).ended(1), "wrote nothing"), "sorry");
    told(backup(&["no-such-program"]).ended(1), "could not be started");
    assert_eq!(dr(&["repo", "snapshots", "--json", &repo]).ended(0).json(), serde_json::json!([]));
    backup(&["printf", "%s-", "a b", "--stdin"]).ended(0);
    dr(&["repo", "restore", &repo, "latest", "--to", "out"]).ended(0);
    assert_eq!(fs::read_to_string(school.path("out/x.sql")).unwrap(), "a b---stdin-");
}
