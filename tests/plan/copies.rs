//! A target that was there and is not: gone in the same round, told apart from one that never was, and back when it is back.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::school::{FRIDAY, School};

/// Minutes after everything was backed up, when nothing is due.
const LATER: &str = "2026-11-20T21:50:00Z";

/// Each copy of a system on a target, as the status has it.
fn copy(school: &School, at: &str, system: &str, target: &str) -> Value {
    let status = school.dr(&["--json", "--at", at, "status"]).json();
    let system = status["systems"].as_array().unwrap().iter().find(|row| row["id"] == system).unwrap().clone();
    system["copies"].as_array().unwrap().iter().find(|copy| copy["target"] == target).unwrap().clone()
}

/// Whether the status says that a copy is gone.
fn is_gone(school: &School, at: &str) -> bool {
    let status = school.dr(&["--json", "--at", at, "status"]).json();
    status["findings"].as_array().unwrap().iter().any(|finding| finding["key"].as_str().unwrap().ends_with("/gone"))
}

fn overall(school: &School, at: &str) -> String {
    school.dr(&["--json", "--at", at, "status"]).json()["overall"].as_str().unwrap().to_owned()
}

#[test]
fn a_target_that_was_deleted_is_gone_in_the_same_round() {
    let school = School::backed_up();
    fs::remove_dir_all(school.path("nas")).unwrap();
    fs::remove_dir_all(school.path("offsite")).unwrap();
    let said = school.dr(&["--at", LATER, "run", "--due"]).ended(1);
    assert!(said.stderr.contains("is not there") && said.stderr.contains("on, and mounted"), "{}", said.stderr);
    assert!(said.stderr.contains("/gone: "), "{}", said.stderr);
    assert_eq!(overall(&school, LATER), "red");
    let status = school.dr(&["--at", LATER, "status"]).ended(1).stdout;
    assert!(
        status.contains("every copy of them that there was is gone") && !status.contains("never set up"),
        "{status}"
    );
    let nas = copy(&school, LATER, "mis", "nas");
    assert_eq!(
        (nas["gone"].as_bool(), nas["snapshot"].as_str(), nas["off_site"].as_bool()),
        (Some(true), None, Some(false))
    );
    // Said once, and not every few minutes.
    let again = school.dr(&["--at", "2026-11-20T21:55:00Z", "run", "--due"]);
    assert!(!again.stderr.contains("on, and mounted"), "{}", again.stderr);
}

#[test]
fn an_empty_mount_point_is_gone_too_and_what_comes_back_counts_again() {
    let school = School::backed_up();
    fs::rename(school.path("nas"), school.path("unmounted")).unwrap();
    fs::create_dir(school.path("nas")).unwrap();
    school.dr(&["--at", LATER, "run", "--due"]).ended(1);
    assert!(is_gone(&school, LATER));
    assert_eq!(copy(&school, LATER, "mis", "nas")["gone"], true);
    assert_eq!(fs::read_dir(school.path("nas")).unwrap().count(), 0, "an empty mount point stays empty");
    fs::remove_dir(school.path("nas")).unwrap();
    fs::rename(school.path("unmounted"), school.path("nas")).unwrap();
    let back = "2026-11-20T22:00:00Z";
    school.dr(&["--at", back, "run", "--due"]).ended(0);
    assert!(!is_gone(&school, back));
    assert_eq!(copy(&school, back, "mis", "nas")["gone"], false);
}

#[test]
fn a_check_writes_down_that_a_target_is_gone() {
    let school = School::backed_up();
    fs::rename(school.path("offsite"), school.path("away")).unwrap();
    school.dr(&["--at", LATER, "check"]).ended(3);
    assert_eq!(overall(&school, LATER), "red");
    assert!(is_gone(&school, LATER));
}

#[test]
fn a_run_by_hand_tells_at_once_of_a_target_that_it_does_not_even_use() {
    let school = School::backed_up();
    fs::rename(school.path("offsite"), school.path("away")).unwrap();
    let said = school.dr(&["--at", LATER, "run", "admin"]).ended(1);
    assert!(said.stderr.contains("/gone: "), "{}", said.stderr);
}

#[test]
fn a_target_that_is_not_mounted_is_not_founded_again_unless_somebody_insists() {
    let school = School::backed_up();
    fs::rename(school.path("nas"), school.path("unmounted")).unwrap();
    let said = school.dr(&["--at", LATER, "init"]).ended(1);
    assert!(said.stdout.contains("mounted") && said.stdout.contains("--new-target nas"), "{}", said.stdout);
    assert!(!school.path("nas").exists());
    let doctor = school.dr(&["--at", LATER, "doctor"]).stdout;
    assert!(doctor.contains("do not run `dr init`"), "{doctor}");
    school.dr(&["--at", LATER, "init", "--new-target", "nowhere"]).ended(64);
    school.dr(&["--at", LATER, "init", "--new-target", "nas"]).ended(0);
    // What was in the old one counts no more, and the new one is empty.
    assert_eq!(copy(&school, LATER, "mis", "nas")["snapshot"], Value::Null);
    assert!(!is_gone(&school, LATER));
    // The old one in its place is now another.
    fs::rename(school.path("nas"), school.path("new")).unwrap();
    fs::rename(school.path("unmounted"), school.path("nas")).unwrap();
    let said = school.dr(&["--at", "2026-11-20T22:00:00Z", "run", "mis"]).ended(1);
    assert!(said.stderr.contains("another repository"), "{}", said.stderr);
}

#[test]
fn a_target_put_back_to_an_earlier_state_is_no_copy() {
    let school = School::begun();
    copied(&school.path("nas"), &school.path("yesterday"));
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    fs::remove_dir_all(school.path("nas")).unwrap();
    fs::rename(school.path("yesterday"), school.path("nas")).unwrap();
    let said = school.dr(&["--at", LATER, "run", "--due"]).ended(1);
    assert!(said.stderr.contains("put back to an earlier state"), "{}", said.stderr);
    let command = said.stderr.split('`').find(|words| words.starts_with("dr repo accept-rollback")).unwrap().to_owned();
    assert!(command.contains("nas") && command.contains(" --seen "), "{command}");
    assert_eq!(copy(&school, LATER, "mis", "nas")["gone"], true);
    // By the state of the plan this host knows the number by itself; and the command works as it is told.
    let words: Vec<&str> = command.split_whitespace().skip(1).collect();
    school.with_key(&words).ended(0);
    // The ledger still misses backups there, and the copy is made.
    let said = school.dr(&["--at", "2026-11-20T22:30:00Z", "run", "mis"]).ended(1);
    assert!(said.stdout.contains("nas +"), "{}", said.stdout);
    school.with_key(&words[..3]).ended(64);
}

/// A look was held only to what had been noted by its own clock, and the status to all of it: so a target that had been gone
/// before that time, was back after it and was deleted now was no news, and its copies counted.
#[test]
fn under_a_clock_that_is_behind_a_target_is_what_it_is() {
    let school = School::backed_up();
    fs::rename(school.path("nas"), school.path("away")).unwrap();
    school.dr(&["--at", LATER, "run", "--due"]).ended(1);
    fs::rename(school.path("away"), school.path("nas")).unwrap();
    let (behind, right) = ("2026-11-20T22:00:00Z", "2026-11-20T23:00:00Z");
    let _ = school.dr(&["--at", right, "run", "--due"]);
    assert_eq!(copy(&school, right, "mis", "nas")["gone"], false);
    fs::remove_dir_all(school.path("nas")).unwrap();
    let said = school.dr(&["--at", behind, "run", "--due"]).ended(1);
    assert!(said.stderr.contains("is not there"), "{}", said.stderr);
    assert_eq!(copy(&school, behind, "mis", "nas")["gone"], true);
    // What is founded there when the clock is right again is no stranger the next time that it is behind.
    school.dr(&["--at", right, "init", "--new-target", "nas"]).ended(0);
    let said = school.dr(&["--at", behind, "run", "--due"]);
    assert!(!said.stderr.contains("another repository"), "{}", said.stderr);
    assert_eq!(copy(&school, behind, "mis", "nas")["gone"], false);
    // Noted once, not with each look.
    let seen = |school: &School| school.ledger().iter().filter(|line| line.starts_with("target-seen")).count();
    let before = seen(&school);
    let _ = school.dr(&["--at", behind, "run", "--due"]);
    assert_eq!(seen(&school), before);
}

/// Somebody put a target back, another server went on from there, and the newest state came back the next day: or the other
/// way round. That was called damage, and the repair that was named for it refused.
#[test]
fn a_target_on_which_somebody_went_on_from_an_earlier_state_is_no_copy_until_that_is_accepted() {
    let school = School::begun();
    for name in ["nas", "state"] {
        copied(&school.path(name), &school.path(&format!("{name}.yesterday")));
    }
    let run = |at: &str, code: i32| school.dr(&["--at", at, "run"]).ended(code);
    run(FRIDAY, 0);
    for name in ["nas", "state"] {
        fs::rename(school.path(name), school.path(&format!("{name}.seen"))).unwrap();
        fs::rename(school.path(&format!("{name}.yesterday")), school.path(name)).unwrap();
    }
    // As long as the one that was seen, and longer.
    for at in [FRIDAY, "2026-11-20T21:40:00Z"] {
        let _ = school.dr(&["--at", at, "run"]);
    }
    fs::remove_dir_all(school.path("state")).unwrap();
    fs::rename(school.path("state.seen"), school.path("state")).unwrap();
    let said = school.dr(&["--at", LATER, "run", "--due"]).ended(1);
    assert!(said.stderr.contains("put back to an earlier state"), "{}", said.stderr);
    let nas = copy(&school, LATER, "mis", "nas");
    assert_eq!((&nas["gone"], &nas["damaged"]), (&Value::Bool(true), &Value::Bool(false)));
    let checked = school.dr(&["--at", LATER, "check", "nas"]);
    let said = format!("{}{}", checked.stdout, checked.stderr);
    assert!(said.contains("accept-rollback") && !said.contains("dr repair --target nas"), "{said}");
    let (place, seen) = (school.path("nas"), said.split("--seen ").nth(1).unwrap().split('`').next().unwrap());
    school.with_key(&["repo", "accept-rollback", place.to_str().unwrap(), "--seen", seen]).ended(0);
    let _ = school.dr(&["--at", LATER, "run"]);
    assert_eq!(copy(&school, LATER, "mis", "nas")["gone"], false);
}

#[test]
fn another_schools_repository_in_the_place_of_ours_is_never_written() {
    let (school, other) = (School::backed_up(), School::backed_up());
    fs::remove_dir_all(school.path("nas")).unwrap();
    copied(&other.path("nas"), &school.path("nas"));
    let said = school.dr(&["--at", LATER, "run", "mis"]).ended(1);
    assert!(said.stderr.contains("another repository"), "{}", said.stderr);
    assert_eq!(copy(&school, LATER, "mis", "nas")["gone"], true);
}

#[test]
fn one_repository_under_two_names_is_one_copy_and_an_error() {
    let school = School::backed_up();
    fs::remove_dir_all(school.path("offsite")).unwrap();
    symlink("nas", school.path("offsite")).unwrap();
    let check = school.dr(&["plan", "check"]).ended(64);
    assert!(check.stdout.contains("one and the same copy under two names"), "{}", check.stdout);
    let said = school.dr(&["--at", LATER, "run", "mis"]).ended(1);
    assert!(said.stderr.contains("it is that of nas"), "{}", said.stderr);
    let offsite = copy(&school, LATER, "mis", "offsite");
    assert_eq!((offsite["gone"].as_bool(), offsite["off_site"].as_bool()), (Some(true), Some(false)));
    let row = school.dr(&["--at", LATER, "status"]).stdout;
    assert!(row.lines().any(|line| line.starts_with("MIS") && line.contains(" 1 ") && line.contains("NO")), "{row}");
}

#[test]
fn a_link_to_another_target_is_not_founded() {
    let school = School::new();
    symlink("nas", school.path("offsite")).unwrap();
    fs::create_dir(school.path("nas")).unwrap();
    let said = school.dr(&["init", "--recovery-key-out", "recovery.key"]).ended(1);
    assert!(said.stdout.contains("one copy under two names"), "{}", said.stdout);
    school.dr(&["doctor"]).ended(1);
}

#[test]
fn a_repository_without_its_description_is_mended_and_not_founded_over() {
    let school = School::backed_up();
    let contents = crate::school::files(&school.path("nas")).len();
    fs::remove_file(school.path("nas/repo.json")).unwrap();
    let said = school.dr(&["--at", LATER, "run", "mis"]).ended(0);
    assert!(said.stderr.contains("`dr repair --target nas` mends it"), "{}", said.stderr);
    school.dr(&["--at", LATER, "init"]).ended(0);
    assert!(!school.path("nas/repo.json").exists(), "nothing was made over it");
    school.with_key(&["--at", LATER, "repair", "--target", "nas"]).ended(0);
    assert!(school.path("nas/repo.json").exists());
    // Both lost: still no place to make a new one.
    fs::remove_file(school.path("nas/repo.json")).unwrap();
    fs::remove_file(school.path("nas/ecc/copy/repo.json")).unwrap();
    let said = school.dr(&["--at", LATER, "init"]).ended(1);
    assert!(said.stdout.contains("damaged"), "{}", said.stdout);
    let said = school.dr(&["--at", LATER, "run", "mis"]).ended(1);
    assert!(said.stderr.contains("`dr repair --target nas`"), "{}", said.stderr);
    assert!(crate::school::files(&school.path("nas")).len() >= contents - 2);
}

#[test]
fn two_schools_never_share_a_state() {
    let school = School::backed_up();
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    school.write("elm/dr.toml", plan.replace("Beech Lane", "Elm Road").replace("\"state\"", "\"../state\"").as_bytes());
    let elm = |args: &[&str]| school.dr(&[&["--plan", "elm/dr.toml"], args].concat());
    for args in
        [&["init", "--recovery-key-out", "elm.key"][..], &["status"], &["run"], &["run", "--due"], &["snapshots"]]
    {
        let said = elm(args).ended(64);
        assert!(said.stderr.contains("Beech Lane") && said.stderr.contains("Elm Road"), "{}", said.stderr);
        assert!(said.stderr.contains("state ="), "{}", said.stderr);
    }
    assert!(!school.path("elm.key").exists());
    // A school that has a new name says so.
    school.write("dr.toml", plan.replace("Beech Lane", "Elm Road").as_bytes());
    school.dr(&["status"]).ended(64);
    school.dr(&["init", "--renamed", "Oak Street School"]).ended(64);
    school.dr(&["init", "--renamed", "Beech Lane Infant School"]).ended(0);
    assert_ne!(school.dr(&["status"]).code, Some(64));
}

#[test]
fn a_recovery_key_that_is_not_written_is_no_success() {
    let school = School::begun();
    let said = school.dr(&["init", "--recovery-key-out", "rk2"]).ended(64);
    assert!(said.stderr.contains("no recovery key was written"), "{}", said.stderr);
    assert!(!school.path("rk2").exists());
    // The same command once more names the key that there is.
    school.dr(&["init", "--recovery-key-out", "recovery.key"]).ended(0);
    fs::remove_dir_all(school.path("state")).unwrap();
    school.with_key(&["init", "--recovery-key-out", "rk2"]).ended(64);
    assert!(!school.path("rk2").exists());
}

/// Copies a folder.
fn copied(from: &std::path::Path, to: &std::path::Path) {
    for file in crate::school::files(from) {
        let there = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(there.parent().unwrap()).unwrap();
        fs::copy(&file, there).unwrap();
    }
}
