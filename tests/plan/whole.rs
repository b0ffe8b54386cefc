//! The main path on one small school.

use std::fs;

use school::{FRIDAY, School, contents};

use crate::school;

#[test]
fn a_school_is_begun_backed_up_brought_back_rehearsed_and_told() {
    let school = School::backed_up();
    for (system, from, restored) in
        [("admin", "school/office", "out-admin"), ("email", "school/mail", "out-email/Maildir")]
    {
        let to = format!("out-{system}");
        let back = school.with_key(&["--json", "restore", system, "--to", &to]).ended(0).json();
        assert_eq!((back["target"].as_str(), back["failed"].as_array().map(Vec::len)), (Some("nas"), Some(0)));
        assert!(contents(&school.path(from)) == contents(&school.path(restored)), "{system}");
    }
    let proof =
        school.with_key(&["--json", "--at", FRIDAY, "restore", "--rehearse", "--evidence", "evidence"]).ended(0).json();
    assert_eq!(proof["verdict"], "verified");
    let systems: Vec<_> =
        proof["systems"].as_array().unwrap().iter().map(|part| part["id"].as_str().unwrap()).collect();
    assert_eq!(systems, ["mis", "admin", "email"]);
    assert!(fs::metadata(proof["evidence"].as_str().unwrap()).is_ok());
    let checks = proof["systems"][0]["checks"].as_array().unwrap();
    assert!(checks.iter().any(|check| check["actual"] == "45 rows in 2 tables"), "{checks:?}");
    let checks = proof["systems"][2]["checks"].as_array().unwrap();
    assert!(checks.iter().any(|check| check["actual"] == "40 messages in 1 mailboxes"), "{checks:?}");
    assert_eq!(fs::read_dir(school.path("cache/scratch")).unwrap().count(), 0, "scratch is wiped");

    let letter = school.dr(&["--json", "--at", FRIDAY, "report", "weekly", "--out", "report"]).ended(0).json();
    assert_eq!((letter["number"].as_u64(), letter["files"].as_array().unwrap().len()), (Some(1), 3));
    let status = school.dr(&["--json", "--at", FRIDAY, "status"]).ended(0).json();
    let last = status["systems"][0]["last_backup"].as_str().unwrap();
    assert!(last.starts_with("2026-11-20T21:30"), "{last}");
    let verdict = school.dr(&["--json", "ledger", "--verify"]).ended(0).json();
    assert_eq!(verdict["verdict"], "ok");
}

#[test]
fn one_job_walks_from_started_over_every_copy_to_finished_and_verified() {
    let school = School::begun();
    school.dr(&["--at", FRIDAY, "run", "admin"]).ended(0);
    assert_eq!(
        school.ledger(),
        [
            "initialised",
            "target-seen nas",
            "target-seen offsite",
            "run-started admin",
            "run-finished admin done nas=done offsite=done disks=awaited",
            "verified admin nas",
            "verified admin offsite",
            "state-sealed nas",
            "state-sealed offsite",
        ]
    );
}

#[test]
fn a_snapshot_has_one_id_on_every_copy_and_carries_the_ledgers_head() {
    let school = School::begun();
    let run = school.dr(&["--json", "--at", FRIDAY, "run", "mis"]).ended(0).json();
    let ids: Vec<_> = run["runs"][0]["targets"].as_array().unwrap().iter().map(|copy| &copy["snapshot"]).collect();
    assert!(ids[0].is_string() && ids[0] == ids[1]);
    let kept = school.dr(&["--json", "snapshots", "mis"]).ended(0).json();
    assert_eq!(kept.as_array().unwrap().len(), 2);
    let anchor = kept[0]["tags"]["ledger"].as_str().unwrap();
    school.dr(&["ledger", "--verify", "--anchor", anchor]).ended(0);
}

#[test]
fn a_second_init_changes_nothing() {
    let school = School::begun();
    let state = || (contents(&school.path("state")), contents(&school.path("nas")), contents(&school.path("offsite")));
    let before = state();
    school.dr(&["init"]).ended(0);
    assert!(before == state());
    fs::remove_dir_all(school.path("offsite")).unwrap();
    let made = school.dr(&["--json", "init", "--new-target", "offsite"]).ended(0);
    assert!(
        made.stdout.contains(r#""outcome":"made""#) && made.stdout.contains(r#""outcome":"there""#),
        "{}",
        made.stdout
    );
}

#[test]
fn a_write_only_host_cannot_read_what_it_wrote_and_says_who_can() {
    let school = School::backed_up();
    let said = school.dr(&["restore", "admin", "--to", "out"]).ended(12);
    assert!(said.stderr.contains("DR_KEY_FILE"), "{}", said.stderr);
    assert!(!school.path("out").exists());
    school.dr(&["restore", "--rehearse"]).ended(12);
}

#[test]
fn as_of_takes_the_newest_snapshot_that_had_begun_by_then() {
    let school = School::backed_up();
    school.write("school/office/new.txt", b"later");
    school.dr(&["--at", "2026-11-21T19:30:00Z", "run", "admin"]).ended(0);
    school.with_key(&["restore", "admin", "--as-of", "2026-11-21T12:00:00Z", "--to", "then"]).ended(0);
    school.with_key(&["restore", "admin", "--to", "now"]).ended(0);
    assert!(!school.path("then/new.txt").exists() && school.path("now/new.txt").exists());
    school.with_key(&["restore", "admin", "--as-of", "2026-11-01T12:00:00Z", "--to", "never"]).ended(1);
}

#[test]
fn a_lost_file_a_database_and_mail_come_back_in_their_places() {
    let school = School::backed_up();
    let before = contents(&school.path("school/office"));
    fs::remove_dir_all(school.path("school/office/year 1")).unwrap();
    school.with_key(&["restore", "admin", "--in-place"]).ended(64);
    school.with_key(&["--yes", "restore", "admin", "--in-place", "--path", "year 1"]).ended(0);
    assert!(before == contents(&school.path("school/office")));

    school.write("school/mis.db", b"this was a database");
    school.with_key(&["--yes", "restore", "mis", "--in-place"]).ended(0);
    let database = rusqlite::Connection::open(school.path("school/mis.db")).unwrap();
    assert_eq!(database.query_row("SELECT count(*) FROM pupil", [], |row| row.get::<_, i64>(0)).unwrap(), 45);

    let mail = contents(&school.path("school/mail"));
    fs::remove_dir_all(school.path("school/mail/cur")).unwrap();
    school.with_key(&["--yes", "restore", "email", "--in-place"]).ended(0);
    assert!(mail == contents(&school.path("school/mail")));
    assert!(!school.path("school/mail/dr-facts.json").exists());
}

#[test]
fn full_mode_and_an_unlock_in_the_plan_read_without_being_asked() {
    let school = School::backed_up();
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    school.write("dr.toml", format!("{plan}[keys]\nunlock = \"file:recovery.key\"\n").as_bytes());
    school.dr(&["restore", "admin", "--to", "unlocked"]).ended(0);

    let school = School::new();
    school.write("dr.toml", format!("{plan}[keys]\nmode = \"full\"\n").as_bytes());
    school.dr(&["init", "--recovery-key-out", "recovery.key"]).ended(0);
    school.dr(&["--at", FRIDAY, "run", "admin"]).ended(0);
    school.dr(&["restore", "admin", "--to", "out"]).ended(0);
    assert!(contents(&school.path("school/office")) == contents(&school.path("out")));
}

#[test]
fn a_sensitive_system_comes_back_only_with_a_second_person() {
    let school = School::backed_up();
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    let plan = plan.replace("title = \"Admin files\"", "title = \"Admin files\"\nsensitive = true");
    school.write("dr.toml", plan.as_bytes());
    school.with_key(&["restore", "admin", "--to", "out"]).ended(64);
    school.with_key(&["--by", "oak", "restore", "admin", "--to", "out", "--approved-by", "oak"]).ended(64);
    assert!(!school.path("out").exists());
    school.with_key(&["--by", "oak", "restore", "admin", "--to", "out", "--approved-by", "ash"]).ended(0);
    assert!(school.ledger().iter().any(|line| line == "accepted"));
}

#[test]
fn a_new_host_takes_the_school_over_with_the_recovery_key() {
    let school = School::backed_up();
    fs::remove_dir_all(school.path("state")).unwrap();
    let said = school.dr(&["init", "--recovery-key-out", "other.key"]).ended(12);
    assert!(said.stderr.contains("holds a repository already"), "{}", said.stderr);
    assert!(!school.path("other.key").exists() && !school.path("state/keys").exists());
    school.with_key(&["init"]).ended(0);
    school.dr(&["--at", "2026-11-21T19:30:00Z", "run", "admin"]).ended(0);
    let kept = school.dr(&["--json", "snapshots", "admin"]).ended(0).json();
    assert_eq!(kept.as_array().unwrap().len(), 4);
}

/// `cargo xtask test --at TIME` is worth nothing if the programs that tests start do not hear of it.
#[test]
#[expect(clippy::disallowed_methods, reason = "what the clock says is the question")]
fn what_dr_reads_off_its_clock_is_what_the_test_reads_off_its_own() {
    let school = School::begun();
    let own = jiff::Timestamp::now();
    let entries = school.dr(&["--json", "ledger"]).ended(0).json();
    let read: jiff::Timestamp = entries[0]["real"].as_str().unwrap().parse().unwrap();
    assert!(own.duration_since(read).abs() < jiff::SignedDuration::from_mins(10), "{own} and {read}");
    if let Ok(shift) = std::env::var("FAKETIME") {
        let shift: i64 = shift.trim_end_matches('s').parse().unwrap();
        let file = fs::metadata(school.path("state/ledger.jsonl")).unwrap().modified().unwrap();
        let written = jiff::Timestamp::try_from(file).unwrap();
        let apart = own.duration_since(written).as_secs();
        assert!((apart - shift).abs() < 600, "the time was not shifted by {shift} s, but by {apart}");
    }
}
