//! A copy is elsewhere, or out of reach, only where somebody looked and saw that it is.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::school::{FRIDAY, School};

const APART: &str =
    "\"nas\" = \"device-1\"\n\"offsite\" = \"device-2\"\n\"state\" = \"device-3\"\n\"school\" = \"device-3\"\n";

/// The columns of a system in the status of that moment.
fn row(school: &School, at: &str, title: &str) -> String {
    let status = school.dr(&["--at", at, "status"]).stdout;
    status.lines().find(|line| line.starts_with(title)).unwrap().to_owned()
}

fn finding(school: &School, at: &str, key: &str) -> Option<Value> {
    let status = school.dr(&["--json", "--at", at, "status"]).json();
    status["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["key"].as_str().unwrap().ends_with(key))
        .cloned()
}

/// Whether a copy on a medium is off site, and offline.
fn on_disk(school: &School, at: &str, medium: &str) -> (bool, bool) {
    let status = school.dr(&["--json", "--at", at, "status"]).json();
    let rows = status["systems"].as_array().unwrap().clone();
    let copies = rows.iter().flat_map(|row| row["copies"].as_array().unwrap().clone());
    let copy = copies.into_iter().find(|copy| copy["medium"] == medium).unwrap();
    (copy["off_site"].as_bool().unwrap(), copy["offline"].as_bool().unwrap())
}

#[test]
fn a_copy_on_the_disk_of_another_is_not_off_site() {
    let school = School::new();
    school.devices(&APART.replace("device-2", "device-1"));
    school.dr(&["init", "--recovery-key-out", "recovery.key"]).ended(0);
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    let status = row(&school, FRIDAY, "MIS");
    assert!(status.contains(" 1 ") && status.contains(" NO "), "{status}");
    let found = finding(&school, FRIDAY, "offsite/same-device").unwrap();
    assert!(found["cause"].as_str().unwrap().contains("the copy on site"), "{found}");
    let letter = school.dr(&["--at", FRIDAY, "report", "weekly"]).stdout;
    assert!(letter.contains("Lose the building tonight: all 3 systems are lost"), "{letter}");
    let check = school.dr(&["plan", "check"]).stdout;
    assert!(check.contains("does not count as off-site"), "{check}");
    let doctor = school.dr(&["doctor"]).stdout;
    assert!(doctor.contains("same device as nas"), "{doctor}");
}

#[test]
fn a_copy_on_the_disk_of_what_it_was_made_of_is_said_to_be() {
    let school = School::new();
    school.devices(&APART.replace("device-2", "device-3"));
    school.dr(&["init", "--recovery-key-out", "recovery.key"]).ended(0);
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    assert!(row(&school, FRIDAY, "MIS").contains(" NO "));
    let found = finding(&school, FRIDAY, "offsite/same-device").unwrap();
    assert!(found["cause"].as_str().unwrap().contains("the data that it was made of"), "{found}");
}

#[test]
fn what_cannot_be_told_is_not_known_and_never_off_site() {
    for unknown in ["device-2", "device-3"] {
        let school = School::new();
        school.devices(&APART.replace(unknown, "unknown"));
        school.dr(&["init", "--recovery-key-out", "recovery.key"]).ended(0);
        school.dr(&["--at", FRIDAY, "run"]).ended(0);
        let status = row(&school, FRIDAY, "MIS");
        assert!(status.contains(" unknown "), "{status}");
        let found = finding(&school, FRIDAY, "/off-site-unknown").unwrap();
        assert!(found["cause"].as_str().unwrap().contains("is not known"), "{found}");
    }
}

#[test]
fn a_target_that_moves_to_the_disk_of_the_data_stops_to_be_off_site_in_the_next_round() {
    let school = School::new();
    school.devices(APART);
    school.dr(&["init", "--recovery-key-out", "recovery.key"]).ended(0);
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    assert!(row(&school, FRIDAY, "MIS").contains(" yes "));
    school.devices(&APART.replace("device-2", "device-3"));
    let later = "2026-11-20T21:50:00Z";
    school.dr(&["--at", later, "run", "--due"]).ended(0);
    assert!(row(&school, later, "MIS").contains(" NO "));
}

/// Found by the accidents: once the copy that it lay beside was deleted, nothing was left to compare it with.
#[test]
fn a_copy_on_the_disk_of_another_stays_so_when_that_one_is_deleted() {
    let school = School::new();
    school.devices(&APART.replace("device-2", "device-1"));
    school.dr(&["init", "--recovery-key-out", "recovery.key"]).ended(0);
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    fs::remove_dir_all(school.path("nas")).unwrap();
    let later = "2026-11-20T21:50:00Z";
    school.dr(&["--at", later, "run", "--due"]).ended(1);
    assert!(row(&school, later, "MIS").contains(" NO "), "{}", row(&school, later, "MIS"));
}

#[test]
fn folders_of_this_machine_are_neither_off_site_nor_offline() {
    let school = School::new();
    school.on_this_machine(&["init", "--recovery-key-out", "recovery.key"]).ended(0);
    for words in [&["register", "disk-1", "--kind", "directory"][..], &["init", "disk-1"], &["load", "disk-1"]] {
        school.on_this_machine(&[&["--at", "2026-11-20T09:00:00Z", "--by", "oak", "media"], words].concat()).ended(0);
    }
    school.on_this_machine(&["--at", FRIDAY, "run"]).ended(0);
    let said = school.on_this_machine(&["--at", FRIDAY, "--by", "oak", "media", "eject", "disk-1"]).ended(0);
    assert!(said.stderr.contains("never count as offline"), "{}", said.stderr);
    school.on_this_machine(&["--at", "2026-11-20T21:50:00Z", "run", "--due"]).ended(0);
    let status = school.on_this_machine(&["--at", "2026-11-20T21:50:00Z", "status"]).stdout;
    let admin = status.lines().find(|line| line.starts_with("Admin")).unwrap();
    assert!(!admin.contains(" yes "), "{status}");
    // The same with the old faults: this is what was said before.
    let old = school.planted("same-device", &["--at", "2026-11-20T21:55:00Z", "run", "--due"]);
    assert_eq!(old.code, Some(0));
    assert!(row(&school, "2026-11-20T21:55:00Z", "MIS").contains(" yes "));
}

/// A school with two real disks, as it were, of which the first was written.
fn with_written_disks() -> School {
    let school = crate::disks::with_disks(APART);
    school.dr(&["--at", "2026-11-19T21:30:00Z", "run"]).ended(0);
    school
}

#[test]
fn a_disk_is_offline_once_it_is_out_of_sight_and_not_because_somebody_says_so() {
    let school = with_written_disks();
    let by = |at: &str, who: &str, words: &[&str]| {
        school.dr(&[&["--at", at, "--by", who, "media"], words].concat()).ended(0)
    };
    let said = by("2026-11-20T14:00:00Z", "oak", &["eject", "disk-1"]);
    assert!(said.stderr.contains("unmount and unplug it"), "{}", said.stderr);
    by("2026-11-20T14:05:00Z", "oak", &["handover", "disk-1", "--to", "elm"]);
    by("2026-11-20T14:10:00Z", "elm", &["receive", "disk-1"]);
    let still = "2026-11-20T14:15:00Z";
    school.dr(&["--at", still, "run", "--due"]).ended(0);
    assert_eq!(on_disk(&school, still, "disk-1"), (false, false));
    let found = finding(&school, still, "disk-1/sight").unwrap();
    assert!(found["cause"].as_str().unwrap().contains("is plugged into the server"), "{found}");
    fs::rename(school.path("disks/disk-1"), school.path("annexe")).unwrap();
    let away = "2026-11-20T14:20:00Z";
    school.dr(&["--at", away, "run", "--due"]).ended(0);
    assert_eq!(on_disk(&school, away, "disk-1"), (true, true));
    assert!(finding(&school, away, "disk-1/sight").is_none());
    // Plugged in again without a word.
    fs::rename(school.path("annexe"), school.path("disks/disk-1")).unwrap();
    let back = "2026-11-20T14:25:00Z";
    let said = school.dr(&["--at", back, "run", "--due"]).ended(0);
    assert!(said.stderr.contains("is said to be at"), "{}", said.stderr);
    assert_eq!(on_disk(&school, back, "disk-1"), (false, false));
    // As it was before.
    school.planted("in-sight-offline", &["--at", "2026-11-20T14:30:00Z", "run", "--due"]).ended(0);
    assert_eq!(on_disk(&school, "2026-11-20T14:30:00Z", "disk-1"), (true, true));
}

#[test]
fn a_disk_that_was_pulled_without_a_word_is_told_before_its_next_copy() {
    let school = with_written_disks();
    fs::rename(school.path("disks/disk-1"), school.path("pulled")).unwrap();
    let at = "2026-11-20T09:00:00Z";
    let said = school.dr(&["--at", at, "run", "--due"]).ended(0);
    assert!(said.stderr.contains("is not in sight"), "{}", said.stderr);
    assert!(finding(&school, at, "disk-1/sight").is_some());
    assert_eq!(on_disk(&school, at, "disk-1"), (false, false));
}

#[test]
fn a_slot_without_a_disk_holds_none() {
    let school = School::begun();
    school.devices("");
    let by = |words: &[&str]| school.dr(&[&["--by", "oak", "media"], words].concat());
    by(&["register", "disk-1"]).ended(0);
    fs::create_dir(school.path("disks/disk-1")).unwrap();
    let said = by(&["init", "disk-1"]).ended(1);
    assert!(
        said.stderr.contains("no disk is mounted there") && said.stderr.contains("dr media lost"),
        "{}",
        said.stderr
    );
    assert_eq!(fs::read_dir(school.path("disks/disk-1")).unwrap().count(), 0);
    // With the disk in it; and then only its folder is left, as before a mount.
    school.devices("\"disks/disk-1\" = \"device-4\"\n");
    by(&["init", "disk-1"]).ended(0);
    school.devices("");
    let said = by(&["load", "disk-1"]).ended(1);
    assert!(said.stderr.contains("no disk is mounted there"), "{}", said.stderr);
}

#[test]
fn a_link_is_no_slot_and_no_disk() {
    let school = School::begun();
    let by = |words: &[&str]| school.dr(&[&["--by", "oak", "media"], words].concat());
    by(&["register", "disk-1", "--kind", "directory"]).ended(0);
    fs::create_dir(school.path("server")).unwrap();
    symlink("../server", school.path("disks/disk-1")).unwrap();
    let said = by(&["init", "disk-1"]).ended(1);
    assert!(said.stderr.contains("is a link"), "{}", said.stderr);
    fs::remove_file(school.path("disks/disk-1")).unwrap();
    by(&["init", "disk-1"]).ended(0);
    fs::rename(school.path("disks/disk-1/dr"), school.path("server/dr")).unwrap();
    symlink("../../server/dr", school.path("disks/disk-1/dr")).unwrap();
    let said = by(&["load", "disk-1"]).ended(1);
    assert!(said.stderr.contains("is a link"), "{}", said.stderr);
}
