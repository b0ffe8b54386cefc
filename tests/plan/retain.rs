//! By the plan: what is kept on which copy, what is held, and giving the room of the rest back.

use school::{FRIDAY, School};
use serde_json::Value;

use crate::school;

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn verdicts(text: &str) -> Vec<Value> {
    events(text).into_iter().filter(|event| event["event"] == "verdict").collect()
}

impl School {
    fn kept(&self, system: &str, target: &str) -> Vec<String> {
        let kept = self.with_key(&["--json", "snapshots", system, "--target", target]).ended(0).json();
        kept.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn the_plan_says_what_is_kept_where_and_what_is_held_stays_beyond_it() {
    let school = School::begun();
    school.plan_with("Admin files", "retention = { last = 2 }");
    for day in ["20", "21", "22", "23"] {
        school.write("school/office/note.txt", day.as_bytes());
        school.dr(&["--at", &format!("2026-11-{day}T21:30:00Z"), "run", "admin"]).ended(0);
    }
    assert_eq!(school.kept("admin", "nas").len(), 4);
    let monday = "2026-11-23T22:00:00Z";
    school.dr(&["--at", monday, "forget"]).ended(12);
    let oldest = school.kept("admin", "nas").last().unwrap().clone();
    school.with_key(&["--at", monday, "hold", &oldest, "--until", "2027-01-01"]).ended(0);
    school.with_key(&["--at", monday, "hold", "ffffffff", "--until", "2027-01-01"]).ended(1);

    let would = school.with_key(&["--at", monday, "--json", "forget", "--dry-run"]).ended(0);
    let did = school.with_key(&["--at", monday, "--json", "forget"]).ended(0);
    assert_eq!(verdicts(&would.stdout), verdicts(&did.stdout));
    let held: Vec<_> = verdicts(&did.stdout).into_iter().filter(|one| one["snapshot"] == oldest.as_str()).collect();
    assert!(!held.is_empty() && held.iter().all(|one| one["keep"] == true), "{held:?}");
    assert_eq!(held[0]["because"], "it is held until 2027-01-01");
    assert_eq!(school.kept("admin", "nas").len(), 3, "the two newest, and the one that is held");
    // What no rule speaks of stays.
    assert!(verdicts(&did.stdout).iter().filter(|one| one["system"] != "admin").all(|one| one["keep"] == true));

    let gone = verdicts(&did.stdout).into_iter().find(|one| one["keep"] == false).unwrap();
    let gone = gone["snapshot"].as_str().unwrap();
    school.with_key(&["--at", monday, "forget", "--undo", gone]).ended(0);
    assert_eq!(school.kept("admin", "nas").len(), 4);
    school.with_key(&["--at", monday, "forget"]).ended(0);
    let pruned = school.with_key(&["--at", monday, "--json", "prune", "--target", "nas", "--now"]).ended(0);
    assert!(events(&pruned.stdout).iter().any(|one| one["event"] == "summary" && one["deleted"].as_u64() > Some(0)));
    school.with_key(&["--at", monday, "forget", "--undo", gone, "--target", "nas"]).ended(1);
    school.with_key(&["restore", "admin", "--target", "nas", "--to", "back"]).ended(0);
    assert!(school.ledger().iter().filter(|line| line.starts_with("note")).count() >= 4);
    school.dr(&["ledger", "--verify"]).ended(0);
    school.dr(&["--at", "2026-11-24T21:30:00Z", "run"]).ended(0);
}

#[test]
fn nothing_of_a_system_goes_whose_newest_run_was_unlike_the_others() {
    let school = School::begun_at("2026-11-09T08:00:00Z");
    school.plan_with("Admin files", "retention = { last = 1 }");
    for day in 10..19 {
        school.write("school/office/note.txt", day.to_string().as_bytes());
        school.dr(&["--at", &format!("2026-11-{day}T21:30:00Z"), "run", "admin"]).ended(0);
    }
    for name in school::files(&school.path("school/office")) {
        if !name.ends_with("note.txt") {
            std::fs::remove_file(school.path("school/office").join(name)).unwrap();
        }
    }
    school.dr(&["--at", FRIDAY, "run", "admin"]).ended(0);
    let said = school.with_key(&["--at", FRIDAY, "--json", "forget", "admin"]).ended(0);
    let verdicts = verdicts(&said.stdout);
    assert!(verdicts.len() >= 10 && verdicts.iter().all(|one| one["keep"] == true), "{verdicts:?}");
    assert!(verdicts[0]["because"].as_str().unwrap().contains("unlike the others"), "{verdicts:?}");
}
