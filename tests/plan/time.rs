//! A round, or a command, at a time that has not come: what it stops, and what is refused.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::bare;
use crate::school::School;

const AHEAD: &str = "2030-06-03T21:30:00Z";

/// How many copies this round made.
fn made(school: &School, at: &str) -> usize {
    let said = school.dr(&["--at", at, "--json", "run", "--due"]).ended(0);
    let runs = said.json()["runs"].as_array().unwrap().clone();
    let copies = runs.iter().flat_map(|run| run["targets"].as_array().unwrap().clone());
    copies.filter(|copy| copy["outcome"] == "done").count()
}

/// What dr says that has these switches.
fn with_switches(school: &School, switches: &str, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = bare::dr(switches);
    command.args(args).current_dir(school.path("."));
    command.env("HOME", school.path("home")).env("DR_CACHE", school.path("cache")).env("DR_PLAN", "dr.toml");
    command.env("DR_KEY_FILE", school.path("recovery.key"));
    let said = command.output().unwrap();
    (said.status.code(), String::from_utf8(said.stdout).unwrap(), String::from_utf8(said.stderr).unwrap())
}

#[test]
fn a_round_of_a_time_to_come_stops_no_later_round() {
    let school = School::begun();
    assert_eq!(made(&school, "2026-11-20T21:30:00Z"), 6);
    school.write("school/office/note.txt", b"2030");
    assert_eq!(made(&school, AHEAD), 6);
    for day in ["21", "22"] {
        school.write("school/office/note.txt", day.as_bytes());
        assert_eq!(made(&school, &format!("2026-11-{day}T21:30:00Z")), 6, "{day}");
        assert_eq!(made(&school, &format!("2026-11-{day}T21:40:00Z")), 0, "each is made once");
    }
    let status: Value = school.dr(&["--at", "2026-11-22T21:45:00Z", "--json", "status"]).json();
    for row in status["systems"].as_array().unwrap() {
        for clock in ["last_backup", "last_verified"] {
            assert!(row[clock].as_str().unwrap().starts_with("2026-11-22"), "{row}");
        }
    }
    // The newest is the last of the log; who names a moment goes by the clock.
    let kept = school.with_key(&["--json", "snapshots", "admin", "--target", "nas"]).ended(0).json();
    let times: Vec<&str> = kept.as_array().unwrap().iter().map(|one| &one["time"].as_str().unwrap()[..10]).collect();
    assert_eq!(times, ["2026-11-22", "2026-11-21", "2030-06-03", "2026-11-20"]);
    let back = |more: &[&str], to: &str| {
        school.with_key(&[&["restore", "admin", "--to", to], more].concat()).ended(0);
        fs::read_to_string(school.path(to).join("note.txt")).unwrap()
    };
    assert_eq!(back(&[], "latest"), "22");
    assert_eq!(back(&["--as-of", "2026-11-21T23:00"], "as-of"), "21");
    // What is dated ahead stays, and takes no other one's place.
    school.plan_with("Admin files", "retention = { last = 3 }");
    let said = school.with_key(&["--json", "forget", "admin", "--target", "nas", "--dry-run"]).ended(0);
    let verdicts: Vec<Value> = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let verdicts: Vec<_> = verdicts.iter().filter(|one| one["event"] == "verdict").collect();
    assert!(verdicts.len() == 4 && verdicts.iter().all(|one| one["keep"] == true), "{verdicts:?}");
    assert!(verdicts.iter().any(|one| one["because"].as_str().unwrap().contains("future")), "{verdicts:?}");
}

#[test]
fn the_old_fault_can_be_planted_again() {
    let school = School::begun();
    assert_eq!(made(&school, "2026-11-20T21:30:00Z"), 6);
    assert_eq!(made(&school, AHEAD), 6);
    let round = ["--at", "2026-11-21T21:30:00Z", "run", "--due"];
    let (code, said, why) = with_switches(&school, "any-time devices fault:future-counts", &round);
    assert_eq!((code, said.contains("done")), (Some(0), false), "{said} {why}");
    assert_eq!(made(&school, "2026-11-21T21:35:00Z"), 6);
}

#[test]
fn a_letter_of_a_time_to_come_keeps_none_from_being_written_and_no_number_is_given_out_twice() {
    let school = School::begun();
    assert_eq!(made(&school, "2026-11-20T21:30:00Z"), 6);
    made(&school, AHEAD);
    made(&school, "2026-11-27T07:35:00Z");
    let entries = school.dr(&["--json", "ledger"]).ended(0).json();
    let written = entries.as_array().unwrap().iter().filter(|entry| entry["event"]["type"] == "letter-written");
    let of = |entry: &Value| {
        (entry["decided"].as_str().unwrap()[..10].to_owned(), entry["event"]["number"].as_u64().unwrap())
    };
    let letters: Vec<_> = written.map(of).collect();
    assert_eq!(letters.last().unwrap().0, "2026-11-27", "{letters:?}");
    let numbers: BTreeSet<_> = letters.iter().map(|(_, number)| *number).collect();
    assert!(letters.len() >= 2 && numbers.len() == letters.len(), "{letters:?}");
}

#[test]
fn no_command_that_writes_is_decided_beyond_tomorrow() {
    let school = School::begun();
    let ask = |args: &[&str]| {
        let (code, _, why) = with_switches(&school, "", &[&["--at", "2999-01-01T12:00:00Z"], args].concat());
        (code, why)
    };
    let before = fs::read(school.path("state/ledger.jsonl")).unwrap();
    let writes: [&[&str]; 16] = [
        &["run"],
        &["run", "--due"],
        &["daemon"],
        &["init"],
        &["check"],
        &["repair"],
        &["forget"],
        &["prune"],
        &["hold", "admin", "--until", "2999-02-01"],
        &["copy", "--from", "nas", "--to", "offsite"],
        &["restore", "admin", "--to", "back"],
        &["restore", "admin", "--rehearse"],
        &["ack", "red", "--by", "ash"],
        &["report", "weekly", "--out", "letters"],
        &["media", "register", "disk-1", "--by", "oak"],
        &["erase", "admin", "--path", "note.txt", "--because", "asked", "--by", "ash", "--yes"],
    ];
    for args in writes {
        let (code, why) = ask(args);
        assert!(code == Some(64) && why.contains("is beyond tomorrow"), "{args:?} {code:?} {why}");
    }
    let asks: [&[&str]; 8] = [
        &["status"],
        &["plan", "next", "--until", "2999-01-03T00:00"],
        &["media", "due"],
        &["report", "weekly"],
        &["forget", "--dry-run"],
        &["prune", "--dry-run"],
        &["snapshots"],
        &["ledger"],
    ];
    for args in asks {
        let (code, why) = ask(args);
        assert!(code != Some(64), "{args:?} {why}");
    }
    assert!(fs::read(school.path("state/ledger.jsonl")).unwrap() == before, "nothing was written down");
    // A sample school lives at chosen times.
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    school.write("dr.toml", plan.replace("[school]", "[school]\nsample = true").as_bytes());
    let (code, why) = ask(&["run", "admin"]);
    assert_eq!(code, Some(0), "{why}");
}
