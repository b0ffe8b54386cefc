//! The disks: taken in, written, carried, and never mistaken for one another.

use std::fs;

use crate::school::{FRIDAY, School};

/// A school with two disks, the first loaded.
fn with_disks() -> School {
    let school = School::begun();
    for disk in ["disk-1", "disk-2"] {
        school
            .dr(&["--at", "2026-11-19T09:00:00Z", "--by", "oak", "media", "register", disk, "--kind", "directory"])
            .ended(0);
        school.dr(&["--at", "2026-11-19T09:05:00Z", "--by", "oak", "media", "init", disk]).ended(0);
    }
    school.dr(&["--at", "2026-11-19T09:10:00Z", "--by", "oak", "media", "load", "disk-1"]).ended(0);
    school
}

#[test]
fn a_disk_is_written_carried_away_and_the_next_one_asked_for() {
    let school = with_disks();
    let run = school.dr(&["--json", "--at", "2026-11-19T21:30:00Z", "run", "--due"]).ended(0).json();
    let admin = run["runs"].as_array().unwrap().iter().find(|run| run["system"] == "admin").unwrap();
    let disks = admin["targets"].as_array().unwrap().iter().find(|copy| copy["target"] == "disks").unwrap();
    assert_eq!((disks["outcome"].as_str(), disks["medium"].as_str()), (Some("done"), Some("disk-1")));
    let act = |by: &str, words: &[&str]| {
        school.dr(&[&["--at", "2026-11-20T14:00:00Z", "--by", by, "media"], words].concat()).ended(0);
    };
    act("oak", &["eject", "disk-1"]);
    act("oak", &["handover", "disk-1", "--to", "elm"]);
    act("elm", &["receive", "disk-1"]);
    let due = school.dr(&["--json", "--at", FRIDAY, "media", "due"]).ended(0).json();
    assert_eq!(due[0]["medium"], "disk-2");
    assert_eq!((due[0]["custodian"].as_str(), due[0]["to"].as_str()), (Some("oak"), Some("server")));
    // The disk at the annexe cannot be read from here; the others can.
    let kept = school.dr(&["--json", "snapshots", "admin"]).ended(0).json();
    assert_eq!(kept.as_array().unwrap().len(), 2);
}

#[test]
fn a_move_needs_a_person() {
    let school = with_disks();
    let said = school.dr(&["media", "eject", "disk-1"]).ended(64);
    assert!(said.stderr.contains("--by"), "{}", said.stderr);
    school.dr(&["--by", "stranger", "media", "eject", "disk-1"]).ended(64);
    school.dr(&["--by", "oak", "media", "receive", "disk-1"]).ended(1);
}

#[test]
fn a_disk_with_anything_on_it_is_not_initialised() {
    let school = School::begun();
    school.dr(&["--by", "oak", "media", "register", "disk-9", "--kind", "directory"]).ended(0);
    school.write("disks/disk-9/holiday.jpg", b"precious");
    school.dr(&["--by", "oak", "media", "init", "disk-9"]).ended(1);
    assert_eq!(fs::read_dir(school.path("disks/disk-9")).unwrap().count(), 1);
}

#[test]
fn a_disk_under_another_disks_label_is_not_written() {
    let school = with_disks();
    school.dr(&["--by", "oak", "media", "eject", "disk-1"]).ended(0);
    let marker = fs::read_to_string(school.path("disks/disk-1/dr-medium.toml")).unwrap();
    fs::remove_file(school.path("disks/disk-2/dr-medium.toml")).unwrap();
    school.write("disks/disk-2/dr-medium.toml", marker.as_bytes());
    // Two folders say that they are disk-1; and disk-2 is nowhere.
    let said = school.dr(&["--by", "oak", "media", "load", "disk-1"]).ended(1);
    assert!(said.stderr.contains("two folders"), "{}", said.stderr);
    school.dr(&["--by", "oak", "media", "load", "disk-2"]).ended(1);
    // The marker of one with the repository of the other.
    fs::rename(school.path("disks/disk-1"), school.path("gone")).unwrap();
    let said = school.dr(&["--by", "oak", "media", "load", "disk-1"]).ended(1);
    assert!(said.stderr.contains("not the one that the ledger knows"), "{}", said.stderr);
}

#[test]
fn a_disk_that_was_pulled_without_a_word_fails_its_copy_and_no_other() {
    let school = with_disks();
    fs::rename(school.path("disks/disk-1"), school.path("pulled")).unwrap();
    let run = school.dr(&["--json", "--at", FRIDAY, "run", "admin"]).ended(1).json();
    let outcomes: Vec<_> = run["runs"][0]["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|copy| copy["outcome"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(outcomes, ["done", "done", "failed"]);
}

#[test]
fn a_disk_that_is_overdue_fails_the_run_and_is_named_with_who_brings_it() {
    let school = with_disks();
    school.dr(&["--at", "2026-11-19T21:30:00Z", "run", "--due"]).ended(0);
    school.dr(&["--at", "2026-11-20T14:00:00Z", "--by", "oak", "media", "eject", "disk-1"]).ended(0);
    school.dr(&["--at", "2026-11-26T21:30:00Z", "run", "--due"]).ended(0);
    let said = school.dr(&["--at", "2026-11-27T16:00:00Z", "run", "--due"]).ended(1);
    assert!(said.stdout.contains("disk-2 from J. Oak by Fri 27 Nov 15:00"), "{}", said.stdout);
}
