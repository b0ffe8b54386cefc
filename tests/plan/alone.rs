//! By the plan, onto a folder where one process of one host alone may write.

use std::fs;
use std::sync::atomic::AtomicBool;

use dr_ledger::Event;
use dr_run::Unwatched;
use tokio::runtime::Runtime;

use crate::school::{FRIDAY, School};
use crate::state::opened;

#[test]
fn a_school_whose_target_takes_one_writer_lives_as_others_do() {
    let school = School::new();
    school.write("nas/.tmp/single-writer", b"");
    school.dr(&["init", "--recovery-key-out", "recovery.key"]).ended(0);
    school.plan_with("Admin files", "retention = { last = 1 }");
    for day in ["20", "21", "22"] {
        school.write("school/office/note.txt", day.as_bytes());
        let run = school.dr(&["--at", &format!("2026-11-{day}T21:30:00Z"), "run"]).ended(0);
        assert!(run.stdout.contains("(single-writer mode)"), "{}", run.stdout);
    }
    let monday = "2026-11-23T22:00:00Z";
    let doctor = school.dr(&["--at", monday, "doctor"]);
    assert!(doctor.stdout.contains("single-writer mode"), "{}{}", doctor.stdout, doctor.stderr);
    let checked = school.with_key(&["--at", monday, "check", "--budget", "1GiB"]).ended(0);
    assert!(checked.stdout.contains("nas: single-writer mode"), "{}", checked.stdout);
    assert!(!checked.stdout.contains("not remembered"), "{}", checked.stdout);
    // The recovery key maintains on the host that writes, and the host's own key goes on afterwards.
    school.with_key(&["--at", monday, "forget"]).ended(0);
    school.with_key(&["--at", monday, "prune", "--now"]).ended(0);
    let note = school.path("school/office/note.txt");
    let erase = ["--at", monday, "erase", "admin", "--path", note.to_str().unwrap()];
    school.with_key(&[&erase[..], &["--because", "request 14", "--by", "ash", "--yes"]].concat()).ended(0);
    school.dr(&["--at", "2026-11-24T21:30:00Z", "run", "--due"]).ended(0);
    school.dr(&["--at", "2026-11-25T21:30:00Z", "run"]).ended(0);
    school.with_key(&["restore", "admin", "--target", "nas", "--to", "back"]).ended(0);
    school.with_key(&["check"]).ended(0);
}

#[test]
fn after_a_fire_a_server_of_another_name_takes_over_and_backs_up_where_the_old_one_did() {
    let school = School::new();
    school.write("nas/.tmp/single-writer", b"");
    school.dr(&["init", "--recovery-key-out", "recovery.key"]).ended(0);
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    // The old server's name was beech, and its state went into both targets last, since there was news.
    let runtime = Runtime::new().unwrap();
    let seal = |at: &str| {
        let beech = opened(&school, &runtime, at);
        beech.record(Event::Initialised { targets: Vec::new() }).unwrap();
        dr_run::seal_state(&beech, &Unwatched::default(), &AtomicBool::new(false)).unwrap()
    };
    let sealed = seal(FRIDAY);
    assert!(sealed.len() == 2 && sealed.iter().all(|one| one.error.is_none()), "{sealed:?}");
    fs::rename(school.path("state"), school.path("burnt")).unwrap();
    fs::remove_dir_all(school.path("cache")).unwrap();

    let saturday = "2026-11-21T21:30:00Z";
    school.with_key(&["--at", saturday, "init"]).ended(0);
    let doctor = school.dr(&["--at", saturday, "doctor"]);
    assert!(doctor.stdout.contains("currently beech (host "), "{}{}", doctor.stdout, doctor.stderr);
    let run = school.dr(&["--at", saturday, "run"]).ended(1);
    assert!(
        run.stderr.contains("currently beech (host ") && run.stderr.contains("`dr repo take-over "),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("Other targets are not affected"), "{}", run.stderr);
    let asked = school.with_key(&["repo", "take-over", "nas"]).ended(64);
    assert!(asked.stderr.contains("beech (host ") && asked.stderr.contains("last on 2026-11-20"), "{}", asked.stderr);
    school.dr(&["--at", saturday, "run"]).ended(1);
    let done = school.with_key(&["--json", "--yes", "repo", "take-over", "nas"]).ended(0).json();
    assert_eq!(done["from_hostname"], "beech");

    // From here on as on any day, by the host's own key and by the recovery key.
    let sunday = "2026-11-22T21:30:00Z";
    school.write("school/office/note.txt", b"the new server");
    school.dr(&["--at", sunday, "run"]).ended(0);
    school.plan_with("Admin files", "retention = { last = 1 }");
    school.with_key(&["--at", sunday, "forget"]).ended(0);
    school.with_key(&["--at", sunday, "prune", "--now"]).ended(0);
    school.dr(&["--at", "2026-11-23T21:30:00Z", "run"]).ended(0);
    school.with_key(&["restore", "admin", "--target", "nas", "--to", "back"]).ended(0);
    school.with_key(&["check"]).ended(0);
    let doctor = school.dr(&["--at", "2026-11-23T22:00:00Z", "doctor"]);
    assert!(!doctor.stdout.contains("accepts one writing host"), "{}", doctor.stdout);

    // The old one was not burnt after all, and is told who writes there now.
    fs::rename(school.path("state"), school.path("new")).unwrap();
    fs::rename(school.path("burnt"), school.path("state")).unwrap();
    let errors: Vec<_> = seal("2026-11-24T21:30:00Z").into_iter().filter_map(|one| one.error).collect();
    assert!(errors.len() == 1 && errors[0].contains("accepts one writing host"), "{errors:?}");
}
