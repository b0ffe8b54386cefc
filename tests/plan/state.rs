//! What is left of a school when its server is gone: the state in its targets, and its status beside it.

use std::fs;

use std::sync::atomic::AtomicBool;

use dr_ledger::{Authenticated, Body, Event, Ledger, LetterStatus};
use dr_repo::StatusKey;
use dr_run::{Actor, Clock, Places, Unwatched};
use tokio::runtime::Runtime;

use crate::school::{FRIDAY, School, files};

/// The same school as the crates below the program see it.
pub fn opened(school: &School, runtime: &Runtime, at: &str) -> dr_run::School {
    let file = school.path("dr.toml");
    let (plan, calendar) = dr_run::read_plan(&file).unwrap();
    let state = school.path("state");
    dr_run::School {
        ledger: Ledger::in_state(&state),
        places: Places { plan: file, state, cache: school.path("cache") },
        clock: Clock::moved_to(at.parse().unwrap()),
        actor: Actor { by: None, authenticated: Authenticated::System },
        runtime: runtime.handle().clone(),
        hostname: "beech".into(),
        variable: |_| None,
        workers: 1,
        plan,
        calendar,
    }
}

/// What a round does after its runs.
fn seal(school: &School) -> Vec<dr_run::Sealed> {
    let runtime = Runtime::new().unwrap();
    let school = opened(school, &runtime, FRIDAY);
    let sealed = dr_run::seal_state(&school, &Unwatched::default(), &AtomicBool::new(false)).unwrap();
    assert!(sealed.iter().all(|one| one.error.is_none()), "{sealed:?}");
    sealed
}

#[test]
fn the_server_is_gone_and_the_ledger_and_the_plan_come_back_from_one_target() {
    let school = School::backed_up();
    seal(&school);
    let head = school.dr(&["--json", "ledger", "--verify"]).ended(0).json();
    // Two entries came after what is sealed: that it was sealed, on each target.
    let through = head["entries"].as_u64().unwrap() - 2;
    let ledger = fs::read_to_string(school.path("state/ledger.jsonl")).unwrap();
    let plan = fs::read(school.path("dr.toml")).unwrap();
    for gone in ["state", "dr.toml", "school", "offsite", "cache"] {
        let gone = school.path(gone);
        if gone.is_dir() { fs::remove_dir_all(gone).unwrap() } else { fs::remove_file(gone).unwrap() }
    }
    let kept = school.with_key(&["--json", "repo", "snapshots", "nas"]).ended(0).json();
    let kept = kept.as_array().unwrap().iter().find(|one| one["system"] == "dr-state").unwrap().clone();
    school.with_key(&["repo", "restore", "nas", kept["id"].as_str().unwrap(), "--to", "back"]).ended(0);
    assert_eq!(fs::read(school.path("back/dr.toml")).unwrap(), plan);
    let restored = fs::read_to_string(school.path("back/ledger.jsonl")).unwrap();
    assert!(ledger.starts_with(&restored) && restored.lines().count() as u64 == through);
    assert!(!files(&school.path("back")).iter().any(|path| path.to_string_lossy().contains("key")));
    let plan = school.path("back/dr.toml").to_string_lossy().into_owned();
    let back = school.path("back").to_string_lossy().into_owned();
    let said = school.dr(&["--json", "--plan", &plan, "--state", &back, "ledger", "--verify"]).ended(0).json();
    assert_eq!((said["verdict"].as_str(), said["entries"].as_u64()), (Some("ok"), Some(through)));
}

#[test]
fn the_state_is_listed_and_restored_by_its_reserved_name_and_never_over_itself() {
    let school = School::backed_up();
    seal(&school);
    let kept = school.dr(&["--json", "snapshots", "dr-state"]).ended(0).json();
    assert_eq!(kept.as_array().unwrap().len(), 2);
    school.with_key(&["restore", "dr-state", "--to", "out"]).ended(0);
    assert!(school.path("out/ledger.jsonl").exists());
    let said = school.with_key(&["--yes", "restore", "dr-state", "--in-place"]);
    assert!(said.code != Some(0) && said.stderr.contains("would be lost from the ledger"), "{}", said.stderr);
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    school.write("dr.toml", plan.replace("[systems.email]", "[systems.dr-state]").as_bytes());
    let said = school.dr(&["plan", "check"]).ended(64);
    assert!(said.stderr.contains("reserved"), "{}", said.stderr);
}

#[test]
fn a_target_that_has_it_all_is_not_sealed_again() {
    let school = School::backed_up();
    let sealed = || school.ledger().iter().filter(|line| line.starts_with("state-sealed")).count();
    for _ in 0..3 {
        seal(&school);
        assert_eq!(sealed(), 2);
    }
    school.dr(&["--at", FRIDAY, "run", "mis"]).ended(0);
    seal(&school);
    assert_eq!(sealed(), 4);
}

/// Leaves this word on the targets at that time; on how many it was written.
fn leave(school: &School, at: &str, word: &str) -> usize {
    let runtime = Runtime::new().unwrap();
    let school = opened(school, &runtime, at);
    let json = format!("{{\"school\":\"Beech Lane\",\"as_of\":\"{at}\",\"overall\":\"{word}\",\"systems\":[]}}");
    let written = dr_run::write_status(&school, json.as_bytes()).unwrap();
    written.into_iter().filter(|(_, done)| *done.as_ref().unwrap()).count()
}

#[test]
fn a_trust_reads_how_a_school_does_without_a_key_to_its_backups() {
    let school = School::backed_up();
    assert_eq!(leave(&school, FRIDAY, "green"), 2, "one on each target with an address");
    assert_eq!(leave(&school, "2026-11-21T09:30:00Z", "green"), 0, "the same word within twenty hours");
    assert_eq!(leave(&school, "2026-11-21T10:00:00Z", "amber"), 2);
    assert_eq!(leave(&school, "2026-11-22T06:30:00Z", "amber"), 2, "the same word a day later");
    let (key, nas) = (school.path("state/keys/status.key"), school.path("nas"));
    let sealed = |at: &str, key: &std::path::Path, place: &std::path::Path| {
        let (key, place) = (key.to_str().unwrap(), place.to_str().unwrap());
        school.dr(&["--json", "--at", at, "status", "--sealed", place, "--status-key", key])
    };
    let said = sealed("2026-11-22T07:00:00Z", &key, &nas).ended(0).json();
    assert_eq!((said["overall"].as_str(), said["school"].as_str()), (Some("amber"), Some("Beech Lane")));
    // It fell silent: two days later nobody knows.
    let said = sealed("2026-11-24T07:00:00Z", &key, &nas).ended(2).json();
    assert_eq!(said["overall"], "not-known");
    fs::write(school.path("other.key"), StatusKey::generate().to_text().as_bytes()).unwrap();
    sealed("2026-11-22T07:00:00Z", &school.path("other.key"), &nas).ended(12);
    sealed("2026-11-22T07:00:00Z", &key, &school.path("school")).ended(10);
    // The objects are in nobody's way.
    let checked = school.with_key(&["--json", "repo", "check", "nas", "--read-data"]).ended(0).json();
    assert_eq!(checked["verdict"], "ok");
    assert_eq!(checked["findings"].as_array().unwrap().len(), 0, "{checked}");
    // The key opens no backup, and an old word does not come back under a new name.
    let objects = files(&nas.join("status"));
    assert_eq!(objects.len(), 3);
    fs::copy(&objects[0], nas.join("status/00000009999999999999")).unwrap();
    let said = sealed("2026-11-22T07:00:00Z", &key, &nas).ended(0).json();
    assert_eq!(said["overall"], "amber");
}

#[test]
fn what_is_purged_is_on_record_and_the_ledger_still_holds() {
    let school = School::begun();
    let runtime = Runtime::new().unwrap();
    let opened = opened(&school, &runtime, FRIDAY);
    let at: jiff::Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();
    for n in 0..40 {
        let event = if n % 2 == 0 {
            Event::AlertRaised {
                alert: "rpo/mis".into(),
                rule: "rpo".into(),
                system: None,
                status: LetterStatus::Red,
                cause: "late".into(),
                to: vec![],
                step: 0,
                systems: Vec::new(),
                of: None,
            }
        } else {
            Event::AlertEnded { alert: "rpo/mis".into() }
        };
        let body = Body { decided: at, real: at, by: None, authenticated: Authenticated::System, event };
        opened.ledger.append(&body).unwrap();
    }
    assert_eq!(dr_run::purge(&opened).unwrap(), 40);
    assert_eq!(dr_run::purge(&opened).unwrap(), 0);
    let said = school.dr(&["--json", "ledger", "--verify"]).ended(0).json();
    assert_eq!(said["entries"], 44);
    assert_eq!(school.ledger(), ["initialised", "target-seen nas", "target-seen offsite", "bodies-purged"]);
}
