//! By the plan: what is lost on a copy is stored again by the next run, which says so; a host that only writes looks at
//! its copies, too; and the status names whom damage touches until the copy was mended.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::school::{School, files};

const EVENING: &str = "2026-11-20T22:30:00Z";
const SATURDAY: &str = "2026-11-21T21:30:00Z";
const SUNDAY: &str = "2026-11-22T21:30:00Z";

fn largest(below: &Path) -> PathBuf {
    files(below).into_iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap()
}

/// Looks at a target other than read-backs: whose, how, and what came of it.
fn looks(school: &School, target: &str) -> Vec<(Option<String>, String, bool)> {
    let entries = school.dr(&["--json", "ledger"]).ended(0).json();
    let events = entries.as_array().unwrap().iter().map(|entry| &entry["event"]);
    let of = events.filter(|event| event["type"] == "verified" && event["target"] == target);
    let all = of.filter(|event| event["what"] != "read-back");
    let word = |event: &Value, key: &str| event[key].as_str().map(str::to_owned);
    all.map(|event| (word(event, "system"), word(event, "what").unwrap(), event["ok"] == true)).collect()
}

/// The systems of which the status says that a copy is damaged.
fn damaged(school: &School, at: &str) -> Vec<String> {
    let status = school.dr(&["--at", at, "--json", "status"]).json();
    let systems = status["systems"].as_array().unwrap().iter();
    let is_damaged = |system: &&Value| system["reasons"].to_string().contains("damaged");
    systems.filter(is_damaged).map(|system| system["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn repair_and_the_next_run_bring_back_what_the_source_still_has() {
    let school = School::backed_up();
    // The same data are lost on both copies; the files still lie on the server.
    for target in ["nas", "offsite"] {
        fs::remove_file(largest(&school.path(target).join("data"))).unwrap();
        fs::remove_dir_all(school.path(target).join("ecc")).unwrap();
    }
    let said = school.dr(&["--at", SATURDAY, "run"]).ended(0);
    let told = format!("{}{}", said.stdout, said.stderr);
    for target in ["nas", "offsite"] {
        assert!(told.contains(&format!("missing or damaged on {target}")), "{told}");
        assert!(told.contains(&format!("dr repair --target {target}")), "{told}");
        assert_eq!(looks(&school, target), [(Some("admin".into()), "objects".into(), false)]);
    }
    assert_eq!(damaged(&school, SATURDAY), ["admin"]);
    // Said once, not every night.
    school.dr(&["--at", SUNDAY, "run"]).ended(0);
    assert_eq!(looks(&school, "nas").len(), 1);

    // Every backup is whole on each copy, and lists are made again by a repair that reads.
    for target in ["nas", "offsite"] {
        let to = format!("back-{target}");
        school.with_key(&["restore", "admin", "--as-of", EVENING, "--target", target, "--to", &to]).ended(0);
        let found = school.with_key(&["--at", SUNDAY, "--json", "check", target, "--read-data"]).ended(3).json();
        assert!(
            found[0]["findings"].as_array().unwrap().iter().all(|one| one["lost"] == serde_json::json!([])),
            "{found}"
        );
    }
    assert_eq!(damaged(&school, SUNDAY), ["admin"]);
    school.with_key(&["--at", SUNDAY, "repair"]).ended(0);
    assert_eq!(damaged(&school, SUNDAY), [""; 0]);
    let quiet = school.dr(&["--at", "2026-11-23T21:30:00Z", "run"]).ended(0);
    assert!(!format!("{}{}", quiet.stdout, quiet.stderr).contains("missing or damaged"));
}

#[test]
fn a_check_without_a_key_that_reads_says_what_it_looked_at_and_finds_what_is_missing() {
    let school = School::backed_up();
    let told = school.dr(&["--at", EVENING, "check", "nas"]).ended(0);
    let told = format!("{}{}", told.stdout, told.stderr);
    assert!(told.contains("none of them read") && told.contains("was not opened"), "{told}");
    assert!(!told.contains("ok: ") && !told.contains("0 snapshots"), "{told}");
    assert_eq!(looks(&school, "nas"), [], "that proves nothing");
    school.dr(&["--at", EVENING, "check", "nas", "--read-data"]).ended(0);
    assert_eq!(looks(&school, "nas"), [(None, "objects".into(), true)]);
    let pack = largest(&school.path("nas/data"));
    fs::remove_file(&pack).unwrap();
    let found = school.dr(&["--at", EVENING, "check", "nas"]).ended(3);
    let named = pack.strip_prefix(school.path("nas")).unwrap().to_str().unwrap();
    assert!(found.stdout.contains(named), "{}", found.stdout);
    let told = format!("{}{}", found.stdout, found.stderr);
    assert!(!told.contains("within a day") && told.contains("1 thing is damaged"), "{told}");
    // The log says whose it was.
    assert_eq!(looks(&school, "nas")[1..], [(Some("admin".into()), "objects".into(), false)]);
    assert_eq!(damaged(&school, EVENING), ["admin"]);
}

#[test]
fn one_damaged_pack_touches_the_systems_that_rely_on_it_and_no_other() {
    let school = School::backed_up();
    let pack = largest(&school.path("nas/data"));
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 0x40;
    fs::write(&pack, &bytes).unwrap();
    school.with_key(&["--at", EVENING, "check", "nas", "--read-data"]).ended(3);
    let mut looked = looks(&school, "nas");
    looked.retain(|(system, ..)| system.as_deref() != Some("dr-state"));
    let of = |system: &str, ok| (Some(system.to_owned()), "check".to_owned(), ok);
    assert_eq!(looked, [of("admin", false), of("email", true), of("mis", true)]);
    assert_eq!(damaged(&school, EVENING), ["admin"]);
    // The next run does not rely on it, whether or not it was mended.
    let said = school.dr(&["--at", SATURDAY, "run", "admin"]).ended(0);
    assert!(format!("{}{}", said.stdout, said.stderr).contains("missing or damaged on nas"), "{}", said.stderr);
    school.with_key(&["--at", SATURDAY, "repair", "--target", "nas"]).ended(0);
    assert_eq!(damaged(&school, SATURDAY), [""; 0]);
}

#[test]
fn a_host_that_only_writes_looks_at_its_copies_at_night() {
    let school = School::backed_up();
    // One copy a round, and each once a night.
    for at in [EVENING, "2026-11-20T22:35:00Z", "2026-11-20T22:40:00Z"] {
        let _ = school.dr(&["--at", at, "run", "--due"]);
    }
    for target in ["nas", "offsite"] {
        assert_eq!(looks(&school, target), [(None, "objects".into(), true)]);
    }
    // A pack rots: the next night finds it, and the next run stores it again.
    let pack = largest(&school.path("nas/data"));
    let mut bytes = fs::read(&pack).unwrap();
    bytes[1_000] ^= 1;
    fs::write(&pack, bytes).unwrap();
    for at in [SATURDAY, "2026-11-21T22:35:00Z"] {
        let _ = school.dr(&["--at", at, "run", "--due"]);
    }
    let mut looked = looks(&school, "nas");
    looked.retain(|(system, _, ok)| !ok && system.as_deref() != Some("dr-state"));
    assert_eq!(looked, [(Some("admin".into()), "objects".into(), false)]);
    assert_eq!(damaged(&school, "2026-11-21T23:00:00Z"), ["admin"]);
    let said = school.dr(&["--at", SUNDAY, "run", "admin"]).ended(0);
    assert!(format!("{}{}", said.stdout, said.stderr).contains("missing or damaged on nas"), "{}", said.stderr);
}
