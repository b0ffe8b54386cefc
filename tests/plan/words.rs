//! What is right, and is to be understood: whose fault a failure is, what to type next, and silence when all is well.

use std::fs;

use crate::bare;
use crate::school::{FRIDAY, School};

#[test]
fn a_source_that_is_not_there_is_no_failure_of_the_targets() {
    let school = School::begun();
    fs::rename(school.path("school/office"), school.path("elsewhere")).unwrap();
    let said = school.dr(&["--at", FRIDAY, "run", "admin"]).ended(1);
    assert!(!said.stdout.contains("nas failed"), "{}", said.stdout);
    assert!(said.stdout.contains("nothing was captured"), "{}", said.stdout);
    assert_eq!(said.stderr.matches("the source is missing").count(), 1, "{}", said.stderr);
    let run = school.dr(&["--json", "run", "admin"]).ended(1).json();
    assert_eq!(run["runs"][0]["targets"][0]["outcome"], "failed", "as the contract has it");
    assert_eq!(run["runs"][0]["targets"][0]["of_source"], true);
    // The fault of a target is still the target's.
    fs::rename(school.path("elsewhere"), school.path("school/office")).unwrap();
    fs::rename(school.path("nas"), school.path("pulled")).unwrap();
    let said = school.dr(&["run", "admin"]).ended(1);
    assert!(said.stdout.contains("nas failed, offsite +"), "{}", said.stdout);
}

#[test]
fn quiet_prints_nothing_of_what_went_well() {
    let school = School::new();
    let quiet = |words: &[&str]| {
        let said = school.dr(&[&["-q"], words].concat()).ended(0);
        assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""), "{words:?}");
    };
    quiet(&["--at", "2026-11-19T08:00:00Z", "init", "--recovery-key-out", "recovery.key"]);
    quiet(&["--at", "2026-11-19T08:05:00Z", "--by", "oak", "media", "register", "disk-1", "--kind", "directory"]);
    quiet(&["--by", "oak", "media", "init", "disk-1"]);
    quiet(&["--by", "oak", "media", "load", "disk-1"]);
    quiet(&["--at", FRIDAY, "run"]);
    quiet(&["--at", "2026-11-20T22:00:00Z", "run", "--due"]);
    quiet(&["ledger", "--verify"]);
    let id = school.dr(&["--json", "snapshots", "admin"]).ended(0).json()[0]["id"].as_str().unwrap().to_owned();
    for words in [
        &["restore", "--rehearse", "admin"][..],
        &["check"],
        &["hold", &id, "--until", "2027-01-01"],
        &["forget"],
        &["prune"],
        &["repair"],
    ] {
        let said = school.with_key(&[&["-q"], words].concat());
        assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{words:?}: {}", said.stderr);
    }
    // What is wrong is said.
    fs::rename(school.path("nas"), school.path("pulled")).unwrap();
    let said = school.dr(&["-q", "run", "admin"]).ended(1);
    assert!(said.stdout.contains("admin") && said.stderr.contains("nas"), "{}{}", said.stdout, said.stderr);
}

#[test]
fn who_has_no_plan_yet_is_told_how_to_get_one() {
    let home = bare::folder("no-plan-");
    let mut command = bare::dr("any-time");
    let said = command.arg("run").current_dir(home.path()).env("HOME", home.path()).output().unwrap();
    let said_err = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(64));
    // A machine may have a plan of its own.
    if said_err.contains("there is no plan") {
        assert!(said_err.contains("dr plan new") && said_err.contains("dr quickstart"), "{said_err}");
    }
}

#[test]
fn a_name_that_begins_with_a_dash_can_be_asked_for() {
    let school = School::new();
    school.write("school/office/-rf", b"precious");
    school.dr(&["init", "--recovery-key-out", "recovery.key"]).ended(0);
    school.dr(&["--at", FRIDAY, "run", "admin"]).ended(0);
    school.with_key(&["restore", "admin", "--path", "-rf", "--to", "back"]).ended(0);
    assert_eq!(fs::read(school.path("back/-rf")).unwrap(), b"precious");
}

#[test]
fn a_search_that_finds_nothing_ends_with_one_and_names_what_to_type() {
    let school = School::backed_up();
    let said = school.with_key(&["find", "letter-1"]).ended(1);
    assert!(said.stderr.contains("*letter-1*"), "{}", said.stderr);
    let found = school.with_key(&["find", "-i", "*LETTER-1.*"]).ended(0);
    assert!(found.stdout.contains("admin") && found.stdout.contains("letter-1.txt"), "{}", found.stdout);
}
