//! Looking into a system's copies by the plan, and bringing one target level with another.

use std::fs;

use school::{FRIDAY, School, files};
use serde_json::json;

use crate::school;

#[test]
fn a_system_is_looked_into_on_the_freshest_copy_with_a_key_that_reads() {
    let school = School::backed_up();
    school.dr(&["ls", "admin"]).ended(12);
    let listed = school.with_key(&["--json", "ls", "admin", "year 1"]).ended(0);
    let all: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!((all.as_array().unwrap().len(), all[0]["path"].as_str()), (11, Some("year 1")));
    assert!(listed.stderr.contains("nas"), "{}", listed.stderr);
    let on = school.with_key(&["ls", "admin", "--target", "offsite", "year 1"]).ended(0);
    assert!(on.stderr.contains("offsite"), "{}", on.stderr);
    school.with_key(&["dump", "admin", "year 1/gone"]).ended(1);
    school.with_key(&["ls", "nobody"]).ended(64);
    school.with_key(&["ls", "admin", "--snapshot", "ffffffffff"]).ended(1);

    school.write("school/office/year 1/letter-1.txt", b"written again");
    school.write("school/office/year 2/new.txt", b"new");
    school.dr(&["--at", "2026-11-21T21:30:00Z", "run", "admin"]).ended(0);
    let dumped = school.with_key(&["dump", "admin", "year 1/letter-1.txt"]).ended(0);
    assert_eq!(dumped.stdout, "written again");
    let kept = school.with_key(&["--json", "snapshots", "admin", "--target", "nas"]).ended(0).json();
    let first = kept[1]["id"].as_str().unwrap();
    let diff = school.with_key(&["--json", "diff", "admin", first]).ended(0);
    let diff: serde_json::Value = serde_json::from_str(&diff.stdout).unwrap();
    let paths: Vec<_> = diff["changes"].as_array().unwrap().iter().map(|c| c["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["year 1/letter-1.txt", "year 2/new.txt"]);
    let found = school.with_key(&["--json", "find", "admin", "letter-1.txt"]).ended(0);
    let found: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(found[0]["versions"].as_array().unwrap().len(), 2, "{found}");
    let old = school.with_key(&["--json", "find", "admin", "letter-2.txt"]).ended(0);
    let old: serde_json::Value = serde_json::from_str(&old.stdout).unwrap();
    assert_eq!(old[0]["versions"][0]["snapshots"], json!(2));
}

#[test]
fn names_of_a_sensitive_system_are_for_two_people() {
    let school = School::backed_up();
    school.plan_with("Admin files", "sensitive = true");
    for args in [vec!["ls", "admin"], vec!["find", "admin", "*"], vec!["dump", "admin", "year 1/letter-1.txt"]] {
        let said = school.with_key(&[&["--by", "oak"], args.as_slice()].concat()).ended(64);
        assert!(said.stderr.contains("second person") && said.stdout.is_empty(), "{}", said.stderr);
    }
    school.with_key(&["--by", "oak", "ls", "admin", "--approved-by", "ash"]).ended(0);
    assert!(school.ledger().iter().any(|line| line.starts_with("accepted")));
}

#[test]
fn a_target_is_replicated_from_another() {
    let school = School::begun();
    fs::rename(school.path("offsite"), school.path("away")).unwrap();
    school.dr(&["--at", FRIDAY, "run"]).ended(1);
    fs::rename(school.path("away"), school.path("offsite")).unwrap();
    school.dr(&["copy", "--from", "nas", "--to", "offsite"]).ended(12);
    let copied = school.with_key(&["--json", "copy", "--from", "nas", "--to", "offsite", "admin"]).ended(0).json();
    assert_eq!(copied["copied"], 1);
    let rest = school.with_key(&["--json", "copy", "--from", "nas", "--to", "offsite"]).ended(0).json();
    assert!(rest["copied"].as_u64().unwrap() >= 2 && rest["there"].as_u64() >= Some(1), "{rest}");
    let ids = |target: &str| {
        let kept = school.with_key(&["--json", "snapshots", "--target", target]).ended(0).json();
        let mut ids: Vec<_> = kept.as_array().unwrap().iter().map(|one| one["id"].to_string()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids("nas"), ids("offsite"));
    school.with_key(&["restore", "admin", "--target", "offsite", "--to", "back"]).ended(0);
    assert_eq!(files(&school.path("back")).len(), 40);
    assert!(school.ledger().iter().any(|line| line.starts_with("note")));
    school.with_key(&["copy", "--from", "nas", "--to", "nas"]).ended(64);
    school.with_key(&["copy", "--from", "nas", "--to", "nowhere"]).ended(64);
    school.with_key(&["copy", "--from", "nas", "--to", "disks"]).ended(1);
    // The next run there goes on as ever.
    school.dr(&["--at", "2026-11-21T21:30:00Z", "run"]).ended(0);
}
