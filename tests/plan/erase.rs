//! By the plan: what is erased goes from every copy, waits for the disk that is away, and is written down without its
//! name.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use school::{FRIDAY, School};
use serde_json::{Value, json};

use crate::school;

const MONDAY: &str = "2026-11-23T09:00:00Z";

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What an erasure said at its end: each copy and how it stands there.
fn standing(text: &str) -> Vec<(String, String)> {
    let last = events(text).into_iter().rfind(|event| event["event"] == "erasure").unwrap();
    let word = |copy: &Value, key: &str| copy[key].as_str().unwrap().to_owned();
    last["copies"].as_array().unwrap().iter().map(|copy| (word(copy, "target"), word(copy, "state"))).collect()
}

fn is(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(target, state)| ((*target).to_owned(), (*state).to_owned())).collect()
}

impl School {
    fn found(&self, system: &str, pattern: &str) -> usize {
        self.found_on(&["--json", "find", system, pattern])
    }

    /// Its answer is a list over several lines.
    fn found_on(&self, asked: &[&str]) -> usize {
        let said = self.with_key(asked);
        let found: Value = serde_json::from_str(&said.stdout).unwrap();
        let count = found.as_array().unwrap().len();
        said.ended(i32::from(count == 0));
        count
    }

    fn ledger_text(&self) -> String {
        fs::read_to_string(self.path("state/ledger.jsonl")).unwrap()
    }
}

#[test]
fn an_erasure_waits_for_the_disk_that_is_away_and_is_written_down_without_its_name() {
    let school = School::begun();
    let by_oak = |at: &str, words: &[&str]| {
        school.dr(&[&["--at", at, "--by", "oak", "media"], words].concat()).ended(0);
    };
    by_oak("2026-11-19T09:00:00Z", &["register", "disk-1", "--kind", "directory"]);
    by_oak("2026-11-19T09:05:00Z", &["init", "disk-1"]);
    by_oak("2026-11-19T09:10:00Z", &["load", "disk-1"]);
    school.dr(&["--at", "2026-11-19T21:30:00Z", "run"]).ended(0);
    by_oak("2026-11-20T14:00:00Z", &["eject", "disk-1"]);
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    let letter = school.path("school/office/year 1/letter-1.txt");
    fs::remove_file(&letter).unwrap();
    let letter = letter.to_str().unwrap();
    assert_eq!(school.found("admin", "letter-1.txt"), 1);

    let asked = ["--at", MONDAY, "--json", "erase", "admin", "--path", letter];
    let more = |words: &[&str]| school.with_key(&[&asked[..], words].concat());
    assert!(more(&["--because", "x", "--yes"]).ended(64).stderr.contains("--by"));
    assert!(more(&["--by", "oak", "--yes"]).ended(64).stderr.contains("--because"));
    assert!(more(&["--by", "oak", "--because", "x"]).ended(64).stderr.contains("--yes"));
    school.dr(&[&asked[..], &["--by", "oak", "--because", "x", "--yes"]].concat()).ended(12);
    let before = school.ledger_text();
    let would = more(&["--by", "oak", "--dry-run"]).ended(0);
    assert_eq!(school.ledger_text(), before);
    assert!(!school.path("state/erasures").exists());

    let did = more(&["--by", "oak", "--because", "request 2026-14", "--yes", "--now"]).ended(0);
    let verdicts =
        |text: &str| -> Vec<Value> { events(text).into_iter().filter(|event| event["event"] == "verdict").collect() };
    assert_eq!(verdicts(&would.stdout), verdicts(&did.stdout));
    let here = [("disks", "pending"), ("nas", "gone"), ("offsite", "gone")];
    assert_eq!(standing(&did.stdout), is(&here));
    assert_eq!(school.found("admin", "letter-1.txt"), 0);
    assert_eq!(school.found("admin", "letter-2.txt"), 1);

    // What it was called is known here alone, to nobody else.
    let files = school::files(&school.path("state/erasures"));
    assert_eq!(files.len(), 1);
    assert_eq!(fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    let waiting = school.dr(&["--json", "erase", "--pending"]).ended(0).json();
    assert_eq!((&waiting[0]["paths"][0], &waiting[0]["by"]), (&json!(letter), &json!("oak")));
    assert!(school.dr(&["erase", "--pending"]).ended(0).stdout.contains("disks (disk-1)"));
    let told = school.ledger_text();
    assert!(told.contains("request 2026-14") && !told.contains("letter-1"), "the ledger names no file");
    assert_eq!(told.matches("\"type\":\"erasure\"").count(), 3, "asked for, and done on two copies");
    school.dr(&["ledger", "--verify"]).ended(0);

    // The disk comes back with all that it had, which must not come back from it.
    by_oak("2026-11-24T09:00:00Z", &["load", "disk-1"]);
    let tuesday = "2026-11-24T10:00:00Z";
    let copied = school.with_key(&["--at", tuesday, "copy", "--from", "disks", "--to", "nas"]).ended(3);
    assert!(copied.stderr.contains("dr erase --pending"), "{}", copied.stderr);
    assert_eq!(school.found("admin", "letter-1.txt"), 1, "the disk alone");
    let old = school.with_key(&["restore", "admin", "--target", "disks", "--to", "early"]).ended(0);
    assert!(old.stderr.contains("was to be erased"), "{}", old.stderr);
    let new = school.with_key(&["restore", "admin", "--as-of", "2026-11-19T23:00:00Z", "--to", "right"]).ended(0);
    assert!(!new.stderr.contains("was to be erased") && !school.path("right/year 1/letter-1.txt").exists());
    let done = school.with_key(&["--at", tuesday, "--json", "--by", "ash", "erase", "--pending", "--do"]).ended(0);
    assert_eq!(standing(&done.stdout), is(&[("disks", "unlisted"), ("nas", "gone"), ("offsite", "gone")]));
    assert_eq!(school.found("admin", "letter-1.txt"), 0);
    assert!(school.ledger_text().contains("\"until\":\"2026-11-26T10:0"), "two steps of a day");
    for day in ["25", "26", "27"] {
        let at = format!("2026-11-{day}T11:00:00Z");
        school.with_key(&["--at", &at, "erase", "--pending", "--do"]).ended(0);
    }
    assert_eq!(school.dr(&["--json", "erase", "--pending"]).ended(0).json(), json!([]));
    assert_eq!(school::files(&school.path("state/erasures")), Vec::<std::path::PathBuf>::new());
    assert_eq!(school.ledger_text().matches("\"state\":\"gone\"").count(), 3);
    school.with_key(&["restore", "admin", "--target", "disks", "--to", "back"]).ended(0);
    assert!(!school.path("back/year 1/letter-1.txt").exists() && school.path("back/year 1/letter-5.txt").exists());
    school.with_key(&["--at", "2026-11-27T12:00:00Z", "copy", "--from", "disks", "--to", "nas"]).ended(0);
    assert_eq!(school.found("admin", "letter-1.txt"), 0);
    school.dr(&["ledger", "--verify"]).ended(0);
}

#[test]
fn what_was_erased_and_still_lies_there_is_named_and_left_out_until_somebody_says_otherwise() {
    let school = School::backed_up();
    let (letter, folder) = (school.path("school/office/year 1/letter-1.txt"), school.path("school/office/year 2"));
    let (letter, folder) = (letter.to_str().unwrap(), folder.to_str().unwrap());
    let erase = |system: &str, what: &[&str]| {
        let asked =
            ["--at", MONDAY, "--by", "ash", "--yes", "--json", "erase", system, "--now", "--because", "request"];
        school.with_key(&[&asked[..], what].concat()).ended(0)
    };
    let said = erase("admin", &["--path", letter, "--path", folder]);
    assert!(
        said.stderr.contains("it still lies where it is backed up from") && said.stderr.contains("letter-1.txt"),
        "{}",
        said.stderr
    );
    let said = erase("email", &["--glob", "*.M7.host*"]);
    assert!(said.stderr.contains(".M7.host"), "{}", said.stderr);
    // Every run leaves it out and says so, on the screen and nowhere else.
    for at in ["2026-11-23T19:30:00Z", "2026-11-24T19:30:00Z"] {
        let run = school.dr(&["--at", at, "run"]).ended(0);
        assert!(run.stderr.contains("still lies where it is backed up from, and was left out"), "{}", run.stderr);
        assert!(
            run.stderr.contains("letter-1.txt") && run.stderr.contains("dr erase --back-up-again"),
            "{}",
            run.stderr
        );
        assert_eq!(school.found("admin", "letter-1.txt"), 0);
        assert_eq!(school.found("admin", "letter-2.txt"), 0, "in the folder");
        assert_eq!(school.found("admin", "letter-3.txt"), 1);
        assert_eq!(school.found("email", "*.M7.host*"), 0);
    }
    assert!(!school.ledger_text().contains("letter-1"), "the ledger names no file");
    let listed = school.dr(&["erase", "--pending"]).ended(0).stdout;
    assert!(listed.contains("left out of every run of admin") && listed.contains("letter-1.txt"), "{listed}");
    // A mailbox with a message fewer is still the mailbox that was captured.
    school.with_key(&["restore", "--rehearse", "email", "admin"]).ended(0);
    // Gone from there: nothing need be remembered any more.
    fs::remove_file(school.path("school/mail/cur/1763550007.M7.host:2,S")).unwrap();
    school.dr(&["--at", "2026-11-25T19:30:00Z", "run", "email"]).ended(0);
    assert_eq!(school::files(&school.path("state/left-out")).len(), 1);
    // Somebody says otherwise.
    let id =
        serde_json::from_slice::<Value>(&fs::read(&school::files(&school.path("state/left-out"))[0]).unwrap()).unwrap();
    let id = id["id"].as_str().unwrap();
    school.dr(&["erase", "--back-up-again", id, "--because", "x"]).ended(64);
    school.dr(&["--by", "ash", "erase", "--back-up-again", id]).ended(64);
    school.dr(&["--by", "ash", "erase", "--back-up-again", "nothing", "--because", "x"]).ended(64);
    school.dr(&["--by", "ash", "erase", "--back-up-again", id, "--because", "consent was given"]).ended(0);
    school.dr(&["--at", "2026-11-26T19:30:00Z", "run", "admin"]).ended(0);
    assert_eq!(school.found("admin", "letter-1.txt"), 1);
    assert!(school.ledger_text().contains("consent was given"));
    school.dr(&["ledger", "--verify"]).ended(0);
}

#[test]
fn one_message_of_a_mailbox_goes_and_one_that_is_held_stays_and_is_named() {
    let school = School::backed_up();
    let ids = school.with_key(&["--json", "snapshots", "email", "--target", "nas"]).ended(0).json();
    let id = ids[0]["id"].as_str().unwrap();
    school.with_key(&["--at", MONDAY, "hold", id, "--until", "2027-01-01", "--target", "nas"]).ended(0);
    let asked = ["--at", MONDAY, "--by", "ash", "--yes", "--json", "erase", "email", "--glob", "*.M7.host*", "--now"];
    let did = school.with_key(&[&asked[..], &["--because", "sent to the wrong people"]].concat()).ended(3);
    assert!(did.stderr.contains("held"), "{}", did.stderr);
    assert_eq!(standing(&did.stdout), is(&[("nas", "held"), ("offsite", "gone")]));
    let found = |target: &str| school.found_on(&["--json", "find", "email", "*.M7.host*", "--target", target]);
    assert_eq!((found("nas"), found("offsite")), (1, 0));
    assert_eq!(school.found_on(&["--json", "find", "email", "*.host*", "--target", "offsite"]), 39);
    school.with_key(&["--at", MONDAY, "hold", id, "--until", "2026-11-01", "--target", "nas"]).ended(0);
    school.with_key(&["--at", MONDAY, "--by", "ash", "erase", "--pending", "--do", "--now"]).ended(0);
    assert_eq!(found("nas"), 0);
    assert_eq!(school.dr(&["--json", "erase", "--pending"]).ended(0).json(), json!([]));
}

#[test]
fn an_erasure_that_waits_outlives_the_server_and_is_taken_up_again() {
    let school = School::begun();
    let by_oak = |at: &str, words: &[&str]| {
        school.dr(&[&["--at", at, "--by", "oak", "media"], words].concat()).ended(0);
    };
    by_oak("2026-11-19T09:00:00Z", &["register", "disk-1", "--kind", "directory"]);
    by_oak("2026-11-19T09:05:00Z", &["init", "disk-1"]);
    by_oak("2026-11-19T09:10:00Z", &["load", "disk-1"]);
    school.dr(&["--at", "2026-11-19T21:30:00Z", "run"]).ended(0);
    by_oak("2026-11-20T14:00:00Z", &["eject", "disk-1"]);
    let letter = school.path("school/office/year 1/letter-1.txt");
    fs::remove_file(&letter).unwrap();
    let asked = ["--at", MONDAY, "--by", "oak", "--yes", "erase", "admin", "--path", letter.to_str().unwrap()];
    school.with_key(&[&asked[..], &["--because", "request 2026-14", "--now"]].concat()).ended(0);
    let status = || school.dr(&["--json", "--at", "2026-11-23T09:30:00Z", "status"]).json();
    let waiting = |known: bool| {
        let all = status()["erasures"].clone();
        assert_eq!((&all[0]["waits"], &all[0]["known"]), (&json!(["disk disk-1"]), &json!(known)), "{all}");
    };
    waiting(true);
    let told = school.dr(&["--at", "2026-11-23T09:30:00Z", "status"]).stdout;
    assert!(
        told.contains("To be erased: something of Admin files, asked for on 2026-11-23, is on disk disk-1"),
        "{told}"
    );
    let letter = school.dr(&["--json", "--at", "2026-11-23T09:30:00Z", "report", "weekly"]).ended(0).json();
    assert!(letter["text"].as_str().unwrap().contains("Erasures   1 waits for disk disk-1."), "{letter}");

    // The server is gone. Of what it knew the ledger alone is put back at first.
    fs::remove_dir_all(school.path("state")).unwrap();
    school.with_key(&["init"]).ended(0);
    school.with_key(&["restore", "dr-state", "--to", "back"]).ended(0);
    assert_eq!(school::files(&school.path("back/erasures")).len(), 1);
    fs::copy(school.path("back/ledger.jsonl"), school.path("state/ledger.jsonl")).unwrap();
    let listed = school.dr(&["--json", "erase", "--pending"]).ended(3);
    assert_eq!(listed.json()[0]["paths"], Value::Null);
    assert!(listed.stderr.contains("does not know what it was to take out"), "{}", listed.stderr);
    waiting(false);
    let findings = status()["findings"].to_string();
    assert!(findings.contains("does not know what it was to take out"), "{findings}");
    by_oak("2026-11-24T09:00:00Z", &["load", "disk-1"]);
    let old = school.with_key(&["restore", "admin", "--target", "disks", "--to", "early"]).ended(0);
    assert!(old.stderr.contains("What it was is not known on this host"), "{}", old.stderr);
    let tuesday = "2026-11-24T10:00:00Z";
    school.with_key(&["--at", tuesday, "copy", "--from", "disks", "--to", "nas"]).ended(3);
    let done = school.with_key(&["--at", tuesday, "--by", "ash", "erase", "--pending", "--do", "--now"]).ended(0);
    assert!(done.stdout.contains("taken up again from the sealed state"), "{}", done.stdout);
    assert_eq!(school.found("admin", "letter-1.txt"), 0);
    assert_eq!(school.dr(&["--json", "erase", "--pending"]).ended(0).json(), json!([]));
    // The whole state put back, it goes on by itself.
    let plan = school.path("dr.toml");
    let (plan, back) = (plan.to_str().unwrap(), school.path("back"));
    let waits = school.dr(&["--json", "--plan", plan, "--state", back.to_str().unwrap(), "erase", "--pending"]);
    assert_eq!(waits.ended(0).json()[0]["by"], "oak");
}
