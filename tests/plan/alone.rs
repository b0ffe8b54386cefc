//! By the plan, onto a folder where one process of one host alone may write.

use crate::school::School;

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
