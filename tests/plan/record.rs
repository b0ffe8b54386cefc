//! The ledger and the copies tell the same story, or somebody hears of it: cut, rewritten, put back, and the papers.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::school::{FRIDAY, School};

const SATURDAY: &str = "2026-11-21T21:30:00Z";
const SUNDAY: &str = "2026-11-22T21:30:00Z";

impl School {
    fn verify(&self, code: i32) -> Value {
        self.dr(&["--json", "ledger", "--verify"]).ended(code).json()
    }

    /// The rules of the findings that are no system's.
    fn of_the_school(&self, at: &str) -> Vec<String> {
        let said = self.dr(&["--json", "--at", at, "status"]).json();
        let all = said["findings"].as_array().unwrap();
        let rules = all.iter().filter(|one| one.get("system").is_none()).map(|one| one["key"].as_str().unwrap());
        rules.map(str::to_owned).collect()
    }

    fn states(&self) -> usize {
        self.dr(&["--json", "snapshots", "dr-state"]).ended(0).json().as_array().unwrap().len()
    }
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let there = to.join(path.file_name().unwrap());
        if path.is_dir() { copied(&path, &there) } else { fs::copy(&path, &there).map(drop).unwrap() }
    }
}

#[test]
fn a_ledger_that_was_cut_to_before_a_failed_rehearsal_is_found_and_the_newer_one_is_put_back() {
    let school = School::backed_up();
    let ledger = school.path("state/ledger.jsonl");
    let before = fs::read(&ledger).unwrap();
    let rehearse = ["--at", SATURDAY, "restore", "--rehearse", "admin", "--target", "nas"];
    let good = school.path("kept");
    copied(&school.path("nas"), &good);
    school.damage("nas");
    school.with_key(&rehearse).ended(1);
    fs::remove_dir_all(school.path("nas")).unwrap();
    fs::rename(&good, school.path("nas")).unwrap();
    school.dr(&["--at", SATURDAY, "run", "admin"]).ended(0);
    assert_eq!(school.verify(0)["compared"], json!([{ "target": "nas" }, { "target": "offsite" }]));
    let states = school.states();

    fs::write(&ledger, &before).unwrap();
    let said = school.verify(1);
    assert_eq!((&said["verdict"], &said["why"]), (&json!("broken"), &json!("ledger-ends-before")));
    let of: Vec<&Value> = said["misfits"].as_array().unwrap().iter().map(|one| &one["target"]).collect();
    assert_eq!(of, [&json!("nas"), &json!("offsite")]);
    let words = school.dr(&["check"]).ended(1).stderr;
    assert!(words.contains("the ledger ends at entry ") && words.contains("knows entry "), "{words}");

    // The copies are made all the same, and none of them says that the ledger ends here.
    let ran = school.dr(&["--at", SUNDAY, "run", "mis"]).ended(1);
    assert!(ran.stdout.contains("done"), "{}", ran.stdout);
    assert_eq!(school.states(), states, "a ledger that is cut is not sealed over the one that is whole");
    assert!(school.of_the_school(SUNDAY).contains(&"school/ledger".to_owned()));
    let told = school.dr(&["--at", SUNDAY, "status"]).ended(1).stdout;
    assert!(told.contains("end of the record is missing: it ended at entry "), "{told}");
    let rounded = school.dr(&["--json", "--at", "2026-11-22T21:31:00Z", "run", "--due"]).ended(1);
    assert!(rounded.stdout.contains("\"alert\":\"school/ledger\""), "{}", rounded.stdout);

    let snapshot = said["misfits"][0]["snapshot"].as_str().unwrap();
    assert!(words.contains(&format!("dr restore dr-state --snapshot {snapshot} --target ")), "{words}");
    school.with_key(&["restore", "dr-state", "--snapshot", snapshot, "--target", "nas", "--to", "back"]).ended(0);
    fs::copy(school.path("back/ledger.jsonl"), &ledger).unwrap();
    assert_eq!(school.verify(0)["misfits"], json!([]));
    assert!(!school.of_the_school(SUNDAY).contains(&"school/ledger".to_owned()));
    assert!(school.ledger().iter().any(|line| line.starts_with("rehearsed")));
    school.dr(&["--at", "2026-11-22T21:40:00Z", "run", "mis"]).ended(0);
}

#[test]
fn a_ledger_that_was_cut_to_before_its_targets_were_founded_again_is_found_by_what_they_know() {
    let school = School::backed_up();
    let ledger = school.path("state/ledger.jsonl");
    let before = fs::read(&ledger).unwrap();
    for target in ["nas", "offsite"] {
        fs::remove_dir_all(school.path(target)).unwrap();
        school.dr(&["--at", SATURDAY, "init", "--new-target", target]).ended(0);
    }
    school.dr(&["--at", SATURDAY, "run", "admin"]).ended(0);
    let whole = fs::read(&ledger).unwrap();

    // By this ledger other repositories belong there. They know what it lacks.
    fs::write(&ledger, &before).unwrap();
    let said = school.verify(1);
    let of: Vec<_> = said["misfits"].as_array().unwrap().iter().map(|one| (&one["target"], &one["what"])).collect();
    assert_eq!(of, [(&json!("nas"), &json!("ledger-ends-before")), (&json!("offsite"), &json!("ledger-ends-before"))]);
    school.dr(&["--at", SUNDAY, "run", "admin"]).ended(1);
    assert!(school.of_the_school(SUNDAY).contains(&"school/ledger".to_owned()));

    fs::write(&ledger, &whole).unwrap();
    assert_eq!(school.verify(0)["misfits"], json!([]));
}

#[test]
fn another_ledger_in_its_place_is_found_and_a_person_takes_it_on_by_name() {
    let school = School::backed_up();
    fs::remove_file(school.path("state/ledger.jsonl")).unwrap();
    school.dr(&["--at", SATURDAY, "init"]).ended(0);
    let said = school.verify(1);
    let newest = said["misfits"][0]["entry"].as_u64().unwrap().to_string();
    let accept = |by: &[&str], what: &str| {
        school.dr(&[&["--at", SATURDAY], by, &["ledger", "--accept", what, "--because", "the disk died"]].concat())
    };
    accept(&[], &newest).ended(64);
    let more = accept(&["--by", "oak"], "99999").ended(64);
    assert!(more.stderr.contains(&newest), "{}", more.stderr);
    accept(&["--by", "oak"], "nas").ended(64);
    accept(&["--by", "oak"], &newest).ended(0);
    school.verify(0);
    let told = school.dr(&["--at", SATURDAY, "status"]).stdout;
    assert!(told.contains("J. Oak accepted"), "{told}");
    assert!(!school.of_the_school(SATURDAY).contains(&"school/ledger".to_owned()));
    // It is held again from here on, this time to what it says itself.
    school.dr(&["--at", SUNDAY, "run"]).ended(0);
    let ledger = school.path("state/ledger.jsonl");
    let text = fs::read_to_string(&ledger).unwrap();
    let accepted = text.lines().position(|line| line.contains("the disk died")).unwrap();
    let cut: String = text.lines().take(accepted + 2).map(|line| format!("{line}\n")).collect();
    fs::write(&ledger, cut).unwrap();
    school.verify(1);
}

#[test]
fn backups_that_a_copy_has_lost_are_named_without_any_memory_of_it() {
    let school = School::backed_up();
    copied(&school.path("nas"), &school.path("old"));
    school.dr(&["--at", SATURDAY, "run"]).ended(0);
    fs::remove_dir_all(school.path("nas")).unwrap();
    fs::rename(school.path("old"), school.path("nas")).unwrap();
    fs::remove_dir_all(school.path("state/seen")).unwrap();
    let said = school.verify(1);
    assert_eq!(said["misfits"].as_array().unwrap().len(), 1, "{said}");
    let misfit = &said["misfits"][0];
    let three_and_the_state = (&json!("nas"), &json!("snapshots-missing"), &json!(4));
    assert_eq!((&misfit["target"], &misfit["what"], &misfit["snapshots"]), three_and_the_state);
    let ran = school.dr(&["--at", SUNDAY, "run"]).ended(1);
    assert!(
        ran.stderr.contains("4 backups that the ledger says were stored on nas are not in its log"),
        "{}",
        ran.stderr
    );
    assert!(school.of_the_school(SUNDAY).contains(&"nas/put-back".to_owned()));
    let accept = |what: &str| school.dr(&["--at", SUNDAY, "--by", "ash", "ledger", "--accept", what, "--because", "x"]);
    accept("offsite").ended(64);
    accept("nas").ended(0);
    school.verify(0);
    assert!(!school.of_the_school(SUNDAY).contains(&"nas/put-back".to_owned()));
}

#[test]
fn what_was_forgotten_pruned_and_erased_is_not_missed() {
    let school = School::backed_up();
    school.dr(&["--at", SATURDAY, "run"]).ended(0);
    let kept = school.dr(&["--json", "snapshots", "mis", "--target", "nas"]).ended(0).json();
    let id = kept[0]["id"].as_str().unwrap();
    school.with_key(&["repo", "forget", "nas", id]).ended(0);
    school.with_key(&["--at", SUNDAY, "prune", "--target", "nas", "--now"]).ended(0);
    let erase = ["--at", SUNDAY, "--by", "oak", "--yes", "erase", "admin", "--glob", "letter-1.txt", "--because", "x"];
    school.with_key(&[&erase[..], &["--now"]].concat()).ended(0);
    assert_eq!(school.verify(0)["misfits"], json!([]));
}

#[test]
fn another_host_of_the_school_keeps_a_ledger_of_its_own() {
    let school = School::backed_up();
    school.with_key(&["--state", "second", "init"]).ended(0);
    for state in ["second", "state", "second"] {
        school.dr(&["--state", state, "--at", SATURDAY, "run", "admin"]).ended(0);
    }
    for state in ["second", "state"] {
        school.dr(&["--state", state, "ledger", "--verify"]).ended(0);
    }
}

#[test]
fn evidence_that_was_changed_is_found_in_each_of_its_papers() {
    let school = School::backed_up();
    school.with_key(&["--at", FRIDAY, "restore", "--rehearse", "admin"]).ended(0);
    let paper = |end: &str| school.path(&format!("state/evidence/rehearsal-0001.{end}"));
    let verdicts = |said: &Value| -> Vec<String> {
        said["papers"].as_array().unwrap().iter().map(|one| one["verdict"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(verdicts(&school.verify(0)), ["ok", "ok", "ok"]);
    for (end, shown) in [
        ("json", ["changed", "not-held", "not-held"]),
        ("html", ["ok", "changed", "ok"]),
        ("txt", ["ok", "ok", "changed"]),
    ] {
        let was = fs::read_to_string(paper(end)).unwrap();
        fs::write(paper(end), was.replacen("Admin files", "All systems", 1)).unwrap();
        let said = school.verify(1);
        assert_eq!((said["verdict"].as_str(), verdicts(&said)), (Some("broken"), shown.map(str::to_owned).to_vec()));
        let told = school.dr(&["ledger", "--verify"]).ended(1).stderr;
        assert!(told.contains(&format!("rehearsal-0001.{end} was changed")), "{told}");
        fs::write(paper(end), was).unwrap();
    }
    fs::copy(paper("json"), school.path("state/evidence/rehearsal-0002.json")).unwrap();
    assert_eq!(verdicts(&school.verify(3)), ["ok", "ok", "ok", "unknown"]);
    fs::remove_file(school.path("state/evidence/rehearsal-0002.json")).unwrap();
    fs::remove_file(paper("txt")).unwrap();
    let said = school.verify(3);
    assert_eq!(
        (said["verdict"].as_str(), &*verdicts(&said)),
        (Some("ok"), &["ok", "ok", "missing"].map(str::to_owned)[..])
    );
}

#[test]
fn a_letter_that_was_changed_is_found() {
    let school = School::backed_up();
    let _ = school.dr(&["--at", "2026-11-27T08:00:00Z", "run", "--due"]);
    let letter = school.path("state/letters/letter-0001.html");
    let was = fs::read_to_string(&letter).unwrap();
    school.verify(0);
    fs::write(&letter, was.replace("RED", "GREEN").replace("AMBER", "GREEN") + " ").unwrap();
    school.verify(1);
}

#[test]
fn a_rehearsal_of_an_empty_disk_could_not_verify_and_colours_nothing() {
    let school = School::backed_up();
    for verb in ["register", "init", "load"] {
        let more: &[&str] = if verb == "register" { &["--kind", "directory"] } else { &[] };
        school.dr(&[&["--at", FRIDAY, "--by", "oak", "media", verb, "disk-1"], more].concat()).ended(0);
    }
    school.with_key(&["--at", FRIDAY, "restore", "--rehearse"]).ended(0);
    let word = || {
        let said = school.dr(&["--json", "--at", "2026-11-20T22:30:00Z", "status"]).json();
        let row = said["systems"].as_array().unwrap().iter().find(|row| row["id"] == "admin").unwrap().clone();
        (row["status"].clone(), row["reasons"].clone(), row["last_restored"].clone())
    };
    let before = word();
    let rehearse = |system: &str, target: &str, code: i32| {
        let words = ["--json", "--at", "2026-11-20T22:00:00Z", "restore", "--rehearse", system, "--target", target];
        let said = school.with_key(&words).ended(code).json();
        (said["verdict"].as_str().unwrap().to_owned(), said["systems"][0]["because"].as_str().unwrap_or("").to_owned())
    };
    let unknown = "could-not-verify".to_owned();
    assert_eq!(rehearse("admin", "disks", 2), (unknown.clone(), "no copy of Admin files on disk-1 yet".to_owned()));
    assert_eq!(rehearse("mis", "disks", 2), (unknown.clone(), "the plan keeps no copy of MIS on disks".to_owned()));
    // A target that is away says as little.
    fs::rename(school.path("offsite"), school.path("away")).unwrap();
    assert_eq!(rehearse("admin", "offsite", 2).0, unknown);
    fs::rename(school.path("away"), school.path("offsite")).unwrap();
    assert_eq!(word(), before);
}

#[test]
fn what_was_empty_when_it_was_captured_is_not_proved_and_not_failed() {
    let school = School::begun();
    for folder in ["school/office", "school/mail/cur"] {
        let _ = fs::remove_dir_all(school.path(folder));
        fs::create_dir_all(school.path(folder)).unwrap();
    }
    school.write("school/office/nothing in it.txt", b"");
    school.write("school/mail/dovecot-uidlist", b"3 V1 N1\n");
    fs::remove_file(school.path("school/mis.db")).unwrap();
    let database = rusqlite::Connection::open(school.path("school/mis.db")).unwrap();
    database.execute_batch("PRAGMA user_version = 3").unwrap();
    drop(database);
    let _ = school.dr(&["--at", FRIDAY, "run"]);
    let said = school.with_key(&["--json", "--at", FRIDAY, "restore", "--rehearse"]).ended(2).json();
    for part in said["systems"].as_array().unwrap() {
        if part["id"] == "admin" {
            assert_eq!((&part["verdict"], &part["bytes"]), (&json!("verified"), &json!(0)), "{part}");
            continue;
        }
        assert_eq!(part["verdict"], "could-not-verify", "{part}");
        let why = part["because"].as_str().unwrap();
        assert!(why.contains("as when it was captured"), "{why}");
    }
    let told = school.with_key(&["--at", FRIDAY, "restore", "--rehearse", "mis"]).ended(2).stdout;
    assert!(told.contains("no tables to count, as when it was captured; the file opens and is sound"), "{told}");
    assert!(!told.contains("0 rows in 0 tables"), "{told}");
}
