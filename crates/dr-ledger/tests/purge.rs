//! After six months what people did at their work is gone, and every question about now has the answer that it had.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod school;

use std::collections::BTreeMap;

use dr_ledger::{
    CheckKind, CopyOutcome, Decision, Digest, Entry, Event, History, Ledger, LetterStatus, MessageKind, RunCopy,
    RunOutcome, SnapshotRef, purgeable, suspicion,
};
use dr_plan::PersonId;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use school::{medium, note, run, said, system, target, time};

/// So many runs over more than a year: each a system, an outcome on each of its targets, and how it ended.
type Told = Vec<(bool, u8, u8, u8)>;

fn outcome(of: u8) -> CopyOutcome {
    [CopyOutcome::Done, CopyOutcome::Done, CopyOutcome::Failed, CopyOutcome::Awaited, CopyOutcome::Skipped]
        [usize::from(of) % 5]
}

fn entries(told: &Told) -> Vec<Entry> {
    let mut events = Vec::new();
    let minutes = 430 * 24 * 60 / i64::try_from(told.len()).unwrap().max(1);
    for (at, (mis, nas, disks, end)) in (0_i64..).zip(told) {
        let (at, name) = (at * minutes, system(if *mis { "mis" } else { "admin" }));
        let id = run(&format!("r{at}"));
        let slots: BTreeMap<_, _> = [(target("nas"), time(at)), (target("disks"), time(at))].into();
        let because = "due".to_owned();
        events.push((at, Event::RunStarted { run: id.clone(), system: name.clone(), slots, because }));
        match end % 9 {
            0 => events.push((at + 1, Event::RunKilled { run: id, system: name })),
            1 => {}
            _ => events.extend(finished(at, &id, &name, *nas, *disks)),
        }
        if end % 5 == 0 {
            let alert = format!("rpo/{}", end % 2);
            let raised = Event::AlertRaised {
                alert: alert.clone(),
                rule: "rpo".into(),
                system: None,
                status: LetterStatus::Red,
                cause: "late".into(),
                to: vec![],
                step: 0,
                systems: vec![],
                of: None,
            };
            events.push((at + 3, if end % 3 == 0 { Event::AlertEnded { alert } } else { raised }));
        }
    }
    (1..).zip(events).map(|(n, (minute, event))| said(minute, event).numbered(n)).collect()
}

fn finished(at: i64, id: &dr_ledger::RunId, name: &dr_plan::SystemId, nas: u8, disks: u8) -> Vec<(i64, Event)> {
    let copy = |on: &str, of: u8| RunCopy {
        target: target(on),
        medium: (on == "disks").then(|| medium(&format!("weekly-{}", of % 3))),
        outcome: outcome(of),
        snapshot: None,
        slot: (!of.is_multiple_of(4)).then(|| time(at)),
        bytes_stored: u64::from(of),
        error: None,
    };
    let copies = vec![copy("nas", nas), copy("disks", disks)];
    let looked = |copy: &RunCopy| {
        let look = Event::Verified {
            target: copy.target.clone(),
            medium: copy.medium.clone(),
            system: Some(name.clone()),
            snapshot: None,
            what: CheckKind::ReadBack,
            ok: !nas.is_multiple_of(7),
        };
        (copy.outcome == CopyOutcome::Done).then_some((at + 2, look))
    };
    let looks: Vec<_> = copies.iter().filter_map(looked).collect();
    let run = Event::RunFinished {
        run: id.clone(),
        system: name.clone(),
        outcome: RunOutcome::Done,
        copies,
        capture_started: Some(time(at)),
        entries: 100 + u64::from(nas),
        bytes_read: 7,
        size: disks.is_multiple_of(2).then_some(1_000),
        unreadable: 0,
        noticed: dr_ledger::Noticed::default(),
    };
    let mut all = vec![(at + 1, run)];
    all.extend(looks);
    all
}

/// Since when is told by the runs that are left.
fn unlike(entries: &[Entry], id: &dr_plan::SystemId) -> Option<(dr_ledger::SuspicionKind, u32)> {
    suspicion(entries, id).map(|found| (found.kind, found.percent))
}

/// Every answer that a status is made of.
fn answers(entries: &[Entry]) -> impl PartialEq + std::fmt::Debug {
    let history = History::of(entries);
    let copies: Vec<_> = history.copies().map(|(s, t, copy)| (s.clone(), t.clone(), copy.clone())).collect();
    let systems: Vec<_> = ["mis", "admin"]
        .map(|name| {
            let id = system(name);
            (history.last_run(&id).cloned(), history.last_size(&id), unlike(entries, &id))
        })
        .into();
    let unfinished: Vec<_> = history.unfinished().into_iter().cloned().collect();
    let mut open = std::collections::BTreeSet::new();
    for entry in entries {
        match &entry.event {
            Event::AlertRaised { alert, .. } => drop(open.insert(alert.clone())),
            Event::AlertEnded { alert } => drop(open.remove(alert)),
            _ => {}
        }
    }
    (copies, systems, unfinished, open)
}

fn after(days: i64) -> Timestamp {
    time(0) + SignedDuration::from_hours(24 * days)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_purge_changes_no_answer_about_now(told in prop::collection::vec(any::<(bool, u8, u8, u8)>(), 1..150), days in 150_i64..700) {
        let entries = entries(&told);
        let gone = purgeable(&entries, after(days));
        let left: Vec<_> = entries.iter().filter(|entry| !gone.contains(&entry.n)).cloned().collect();
        prop_assert_eq!(format!("{:?}", answers(&entries)), format!("{:?}", answers(&left)));
        prop_assert_eq!(purgeable(&left, after(days)), Vec::<u64>::new(), "a purge is done when it is done");
        let young = entries.iter().filter(|entry| entry.decided >= after(days - 181)).map(|entry| entry.n);
        prop_assert!(young.into_iter().all(|n| !gone.contains(&n)));
    }
}

#[test]
fn the_norm_of_a_target_without_media_outlives_a_purge() {
    // Every other run reaches the NAS, the others a disk. The oldest of the eight copies that make the norm of the NAS tips
    // the median to 25.
    let nas = |n: u8| [5, 5, 25, 25, 5, 5][usize::from(n / 4)];
    let quiet = (0..24_u8).map(|n| if n % 2 == 1 { (true, 2, 5, 2) } else { (true, nas(n), 7, 2) });
    let told: Told = quiet.chain([(true, 90, 7, 2)]).collect();
    let all = entries(&told);
    let gone = purgeable(&all, after(620));
    let left: Vec<_> = all.iter().filter(|entry| !gone.contains(&entry.n)).cloned().collect();
    assert!(gone.len() > 5, "{gone:?}");
    // 90 is much beside 5, and not beside 25.
    assert_eq!((unlike(&all, &system("mis")), unlike(&left, &system("mis"))), (None, None));
}

#[test]
fn evidence_stays_and_activity_goes_and_the_chain_holds() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::in_state(state.path());
    let about = || "letter/1".to_owned();
    let (oak, check) = (PersonId::new("oak").unwrap(), Digest::of(b""));
    let evidence = [
        Event::Initialised { targets: vec![target("nas")] },
        Event::MediumLoaded { medium: medium("weekly-1") },
        Event::LetterWritten {
            number: 1,
            status: LetterStatus::Green,
            subject: String::new(),
            text_blake3: check,
            html_blake3: None,
        },
        Event::Accepted { decision: Decision::Acknowledged, about: about(), reason: None, until: None },
    ];
    let activity = [
        Event::MessageQueued { message: "1".into(), kind: MessageKind::Letter, about: about(), to: vec![oak.clone()] },
        Event::MessageSent { message: "1".into(), channel: dr_ledger::ChannelKind::Smtp, attempts: 1 },
        Event::CodeIssued {
            check,
            person: oak,
            decision: Decision::Approved,
            about: about(),
            until: time(9),
            reason: None,
            lapses: None,
        },
        Event::StateSealed { target: target("nas"), medium: None, snapshot: SnapshotRef("a".into()), through: 1 },
        Event::StateSealed { target: target("nas"), medium: None, snapshot: SnapshotRef("b".into()), through: 8 },
    ];
    for event in evidence.into_iter().chain(activity) {
        ledger.append(&said(0, event)).unwrap();
    }
    let entries = ledger.read().unwrap().entries;
    assert_eq!(purgeable(&entries, after(100)), Vec::<u64>::new());
    let gone = purgeable(&entries, after(190));
    assert_eq!(gone, [5, 6, 7, 8], "all activity but the newest of its kind");
    let mut announcement = note("");
    announcement.event = Event::BodiesPurged { entries: gone, because: "six months".into() };
    ledger.purge(&announcement).unwrap();
    let contents = ledger.read().unwrap();
    assert!(contents.verdict.is_ok());
    assert_eq!(contents.entries.len(), 6);
}
