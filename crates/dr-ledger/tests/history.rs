//! What the history answers about an invented week.

mod school;

use std::collections::BTreeMap;

use dr_ledger::{
    CheckKind, CopyOutcome, Digest, Entry, Event, History, LetterStatus, RehearsalVerdict, RehearsedSystem,
    RestoreOutcome, RunCopy, RunOutcome, SnapshotRef,
};
use jiff::SignedDuration;
use school::{medium, run, said, system, target, time};

fn entries(events: Vec<(i64, Event)>) -> Vec<Entry> {
    (1..).zip(events).map(|(n, (minute, event))| said(minute, event).numbered(n)).collect()
}

fn started(name: &str, of: &str, slots: &[(&str, i64)]) -> Event {
    let slots: BTreeMap<_, _> = slots.iter().map(|(t, minute)| (target(t), time(*minute))).collect();
    Event::RunStarted { run: run(name), system: system(of), slots, because: "due".to_owned() }
}

fn copy(on: &str, outcome: CopyOutcome, slot: i64) -> RunCopy {
    let snapshot = (outcome == CopyOutcome::Done).then(|| SnapshotRef(format!("of-{slot}")));
    let error = (outcome == CopyOutcome::Failed).then(|| "no space".to_owned());
    RunCopy { target: target(on), medium: None, outcome, snapshot, slot: Some(time(slot)), bytes_stored: 9, error }
}

fn finished(name: &str, of: &str, captured: i64, copies: Vec<RunCopy>) -> Event {
    Event::RunFinished {
        run: run(name),
        system: system(of),
        outcome: RunOutcome::Done,
        copies,
        capture_started: Some(time(captured)),
        entries: 7,
        bytes_read: 70,
        size: None,
        unreadable: 0,
        noticed: dr_ledger::Noticed::default(),
    }
}

fn looked(on: &str, of: Option<&str>, ok: bool) -> Event {
    let (system, what) = (of.map(system), CheckKind::ReadData);
    Event::Verified { target: target(on), medium: None, system, snapshot: None, what, ok }
}

#[test]
fn each_copy_has_its_own_newest_slots() {
    let history = History::of(&entries(vec![
        (0, started("a", "mis", &[("nas", 0), ("cloud", 0)])),
        (5, finished("a", "mis", 1, vec![copy("nas", CopyOutcome::Done, 0), copy("cloud", CopyOutcome::Failed, 0)])),
        (60, started("b", "mis", &[("nas", 60), ("disks", 60)])),
        (
            65,
            finished(
                "b",
                "mis",
                61,
                vec![copy("nas", CopyOutcome::Failed, 60), copy("disks", CopyOutcome::Awaited, 60)],
            ),
        ),
    ]));
    let (nas, cloud) = (history.copy(&system("mis"), &target("nas")), history.copy(&system("mis"), &target("cloud")));
    assert_eq!(nas.started_slot, Some(time(60)));
    assert_eq!((nas.finished_slot, nas.successful_slot), (Some(time(60)), Some(time(0))));
    assert_eq!((cloud.finished_slot, cloud.successful_slot), (Some(time(0)), None));
    assert_eq!(cloud.last_failed.unwrap().error.as_deref(), Some("no space"));
    let disks = history.copy(&system("mis"), &target("disks"));
    assert_eq!((disks.started_slot, disks.finished_slot, disks.awaited_slot), (Some(time(60)), None, Some(time(60))));
    assert_eq!(disks.ended_at, Some(time(65)));
    let (on, done) = history.last_backup(&system("mis")).unwrap();
    assert_eq!((on, done.as_of()), (&target("nas"), time(1)));
    assert_eq!(history.durations(&system("mis")), [SignedDuration::from_mins(5), SignedDuration::from_mins(5)]);
    assert_eq!(history.last_run(&system("mis")).unwrap().entries, 7);
    assert_eq!(history.last_backup(&system("email")), None);
}

#[test]
fn a_run_that_never_finished_is_known_by_name() {
    let history = History::of(&entries(vec![
        (0, started("a", "mis", &[("nas", 0)])),
        (1, started("b", "email", &[("nas", 0)])),
        (2, finished("a", "mis", 0, vec![copy("nas", CopyOutcome::Done, 0)])),
    ]));
    let killed: Vec<_> = history.unfinished().iter().map(|run| (run.system.clone(), run.since)).collect();
    assert_eq!(killed, [(system("email"), time(1))]);
}

#[test]
fn a_look_at_a_target_counts_for_what_was_stored_by_then_and_a_bad_one_proves_nothing() {
    let history = History::of(&entries(vec![
        (0, finished("a", "mis", 0, vec![copy("nas", CopyOutcome::Done, 0)])),
        (1, looked("nas", None, true)),
        (2, finished("b", "email", 2, vec![copy("nas", CopyOutcome::Done, 2)])),
        (3, looked("nas", Some("mis"), false)),
    ]));
    let mis = history.copy(&system("mis"), &target("nas"));
    assert_eq!(mis.last_verified.unwrap().at, time(1));
    assert_eq!(mis.last_checked.map(|check| (check.at, check.ok)), Some((time(3), false)));
    assert_eq!(history.copy(&system("email"), &target("nas")).last_checked, None);
    assert_eq!(history.checks().len(), 2);
}

#[test]
fn a_look_at_one_medium_counts_only_for_what_is_on_it() {
    let on = |disk: &str, slot| RunCopy { medium: Some(medium(disk)), ..copy("disks", CopyOutcome::Done, slot) };
    let look = |disk: &str| match looked("disks", None, true) {
        Event::Verified { target, system, snapshot, what, ok, .. } => {
            Event::Verified { target, medium: Some(medium(disk)), system, snapshot, what, ok }
        }
        other => other,
    };
    let history = History::of(&entries(vec![
        (0, finished("a", "mis", 0, vec![on("disk-1", 0)])),
        (1, finished("b", "email", 1, vec![on("disk-2", 1)])),
        (2, look("disk-1")),
    ]));
    assert!(history.copy(&system("mis"), &target("disks")).last_verified.is_some());
    assert!(history.copy(&system("email"), &target("disks")).last_verified.is_none());
}

#[test]
fn restores_rehearsals_and_letters_are_remembered() {
    let restored = |outcome| Event::Restored {
        system: system("mis"),
        target: target("nas"),
        snapshot: SnapshotRef("of-0".to_owned()),
        files: 1,
        bytes: 1,
        outcome,
    };
    let rehearsed = |verdict| Event::Rehearsed {
        verdict,
        level: "L2".to_owned(),
        systems: vec![RehearsedSystem {
            system: system("mis"),
            verdict,
            seconds: 1.5,
            recovery_point: None,
            source_blake3: None,
        }],
        evidence: "evidence/1.json".to_owned(),
        evidence_blake3: Digest::of(b"evidence"),
        picked: None,
    };
    let (text_blake3, subject) = (Digest::of(b"letter"), "Backups".to_owned());
    let history = History::of(&entries(vec![
        (0, Event::Initialised { targets: vec![target("nas")] }),
        (1, restored(RestoreOutcome::Done)),
        (2, restored(RestoreOutcome::Failed)),
        (3, rehearsed(RehearsalVerdict::Verified)),
        (4, rehearsed(RehearsalVerdict::CouldNotVerify)),
        (5, Event::LetterWritten { number: 3, status: LetterStatus::Amber, subject, text_blake3, html_blake3: None }),
    ]));
    assert_eq!(history.last_restored(&system("mis")).unwrap().at, time(1));
    assert_eq!(history.last_rehearsed(&system("mis")).unwrap().0.at, time(4));
    assert_eq!(history.last_proved(&system("mis")).unwrap().0.at, time(3));
    assert_eq!(history.last_letter().map(|letter| letter.number), Some(3));
    assert!(history.initialised().contains(&target("nas")));
}
