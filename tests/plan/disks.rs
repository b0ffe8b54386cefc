//! Disks as people handle them: as the README says it, changed by hand, found by a stranger.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::school::{FRIDAY, School};

/// Nothing else is on the device of a path that is named here.
const APART: &str =
    "\"school\" = \"device-1\"\n\"state\" = \"device-1\"\n\"nas\" = \"device-2\"\n\"offsite\" = \"device-3\"\n";

/// A school with two real disks, as it were, of which `disk-1` is loaded; what else is on which device is told.
pub fn with_disks(apart: &str) -> School {
    let school = School::new();
    school.devices(&format!("{apart}\"disks/disk-1\" = \"device-4\"\n\"disks/disk-2\" = \"device-5\"\n"));
    school.dr(&["init", "--recovery-key-out", "recovery.key"]).ended(0);
    for disk in ["disk-1", "disk-2"] {
        fs::create_dir(school.path("disks").join(disk)).unwrap();
        let by = ["--at", "2026-11-19T09:00:00Z", "--by", "oak", "media"];
        school.dr(&[&by[..], &["register", disk]].concat()).ended(0);
        school.dr(&[&by[..], &["init", disk]].concat()).ended(0);
    }
    school.dr(&["--at", "2026-11-19T09:10:00Z", "--by", "oak", "media", "load", "disk-1"]).ended(0);
    school
}

#[test]
fn the_readmes_own_lines_carry_a_disk_through_its_life() {
    let school = School::new();
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    let plan = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let plan = plan.replace("/mnt/", "").replace("nas/dr", "nas").replace("offsite/dr", "offsite");
    let plan = plan.replace("/srv/shares", "school").replace("/srv/mis/", "school/").replace("/srv/", "school/");
    school.write("dr.toml", plan.as_bytes());
    school.devices(&format!("{APART}\"disks/weekly-1\" = \"device-4\"\n"));
    fs::create_dir(school.path("disks/weekly-1")).unwrap();
    // What no inner system has is the file server's.
    school.write("school/timetable.txt", b"Mon");
    school.dr(&["plan", "check"]).ended(0);
    school.dr(&["--at", FRIDAY, "init", "--recovery-key-out", "recovery.key"]).ended(0);
    let lines: Vec<Vec<&str>> = readme
        .lines()
        .filter(|line| line.starts_with("    dr media ") || line.trim_end() == "    dr run")
        .map(|line| line.split('#').next().unwrap().split_whitespace().skip(1).collect())
        .collect();
    let verbs: Vec<&str> = lines.iter().filter_map(|words| words.get(1).copied()).collect();
    assert_eq!(verbs, ["register", "init", "load", "eject", "receive", "due"], "as the README has them");
    for words in &lines {
        let said = school.dr(words).ended(0);
        match words.get(1) {
            // It is still mounted.
            Some(&"eject") => assert!(said.stderr.contains("unmount and unplug it"), "{}", said.stderr),
            Some(&"due") => assert!(!said.stdout.contains("server -> server"), "{}", said.stdout),
            _ => {}
        }
        if words == &["run"] {
            assert!(said.stdout.contains("disks +"), "{}", said.stdout);
        }
    }
    fs::rename(school.path("disks/weekly-1"), school.path("hall")).unwrap();
    school.dr(&["--at", "2026-11-20T22:00:00Z", "run", "--due"]).ended(0);
    let status = school.dr(&["--json", "status"]);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    let copies = status["systems"][0]["copies"].as_array().unwrap();
    assert!(copies.iter().any(|copy| copy["offline"] == true), "{copies:#?}");
    // The plan names no place, so nobody said that the disk is in another building.
    let letter = school.dr(&["report", "weekly"]).ended(0).stdout;
    assert!(letter.contains("1 of 4 accounted for, 3 not registered yet"), "{letter}");
}

#[test]
fn a_disk_that_was_changed_by_hand_is_named_and_written_in_the_place_of_the_loaded_one() {
    let school = with_disks(APART);
    school.dr(&["--at", "2026-11-19T21:30:00Z", "run"]).ended(0);
    fs::rename(school.path("disks/disk-1"), school.path("pulled")).unwrap();
    let said = school.dr(&["--at", FRIDAY, "--json", "run", "admin"]).ended(0);
    let run = said.json();
    let copies = run["runs"][0]["targets"].as_array().unwrap();
    let disks = copies.iter().find(|copy| copy["target"] == "disks").unwrap();
    assert_eq!((disks["outcome"].as_str(), disks["medium"].as_str()), (Some("done"), Some("disk-2")));
    let told = run["runs"][0]["told"].to_string();
    assert!(
        told.contains("disk-2 is plugged in where disk-1 was to be") && told.contains("dr media load disk-2"),
        "{told}"
    );
    let status = school.dr(&["--json", "status"]).stdout;
    assert!(status.contains("disk-1/sight"), "where each is said to be and is not stays a finding: {status}");
    // One that is not trusted is never written.
    fs::rename(school.path("disks/disk-2"), school.path("hall")).unwrap();
    school.dr(&["--by", "oak", "media", "lost", "disk-2"]).ended(0);
    school.dr(&["--by", "oak", "media", "found", "disk-2"]).ended(0);
    fs::rename(school.path("hall"), school.path("disks/disk-2")).unwrap();
    let said = school.dr(&["--at", "2026-11-20T22:00:00Z", "run", "admin"]).ended(1);
    assert!(said.stderr.contains("there is disk-2"), "{}", said.stderr);
}

#[test]
fn no_word_sends_a_disk_from_the_server_to_the_server() {
    let school = with_disks(APART);
    school.dr(&["--at", "2026-11-19T21:30:00Z", "run"]).ended(0);
    let due = school.dr(&["--at", "2026-11-27T08:00:00Z", "media", "due"]).ended(0).stdout;
    assert!(due.contains("disk-2  beside the server: plug it in"), "{due}");
    assert!(!due.contains("server -> server") && !due.contains("the server -> the server"), "{due}");
}

#[test]
fn whoever_finds_a_disk_can_read_what_to_do_with_it() {
    let school = with_disks(APART);
    let marker = school.path("disks/disk-1/dr-medium.toml");
    assert_eq!(fs::metadata(&marker).unwrap().permissions().mode() & 0o777, 0o644);
    let text = fs::read_to_string(&marker).unwrap();
    assert!(text.contains("IF FOUND") && text.contains("encrypted") && text.contains("unplug it again"), "{text}");
    assert!(!text.contains("do not plug it in"), "{text}");
    // One of an older version is opened when the disk is loaded.
    school.dr(&["--by", "oak", "media", "eject", "disk-1"]).ended(0);
    fs::set_permissions(&marker, fs::Permissions::from_mode(0o600)).unwrap();
    school.dr(&["--by", "oak", "media", "load", "disk-1"]).ended(0);
    assert_eq!(fs::metadata(&marker).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn an_erasure_reaches_a_disk_that_is_plugged_in_and_not_loaded() {
    let school = with_disks(APART);
    school.dr(&["--at", "2026-11-19T21:30:00Z", "run"]).ended(0);
    let by = |words: &[&str]| school.dr(&[&["--at", "2026-11-20T14:00:00Z", "--by", "oak", "media"], words].concat());
    by(&["eject", "disk-1"]).ended(0);
    by(&["load", "disk-2"]).ended(0);
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    let letter = school.path("school/office/year 1/letter-1.txt");
    fs::remove_file(&letter).unwrap();
    let asked = ["--by", "oak", "--yes", "--json", "erase", "admin", "--because", "request", "--now", "--path"];
    let did = school.with_key(&[&asked[..], &[letter.to_str().unwrap()]].concat()).ended(0);
    let last = did.stdout.lines().rfind(|line| line.contains(r#""event":"erasure""#)).unwrap();
    let last: serde_json::Value = serde_json::from_str(last).unwrap();
    let states: Vec<_> = last["copies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|copy| (copy["medium"].as_str().unwrap_or("-"), copy["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [("disk-1", "gone"), ("disk-2", "gone"), ("-", "gone"), ("-", "gone")]);
}
