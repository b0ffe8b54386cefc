//! What is appended stays, whoever else appends and whenever the power goes.

mod school;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use dr_ledger::{Body, Break, Event, Ledger, LedgerError, Verdict};
use school::{damages, ledger_of, lines, note, time, verdict};

#[test]
fn a_ledger_that_is_not_there_yet_is_empty() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::in_state(state.path());
    assert_eq!(ledger.read().unwrap().entries, []);
    assert_eq!(ledger.head().unwrap().to_string(), format!("0:{}", "0".repeat(64)));
    assert!(!ledger.path().exists(), "a question makes no file");
}

#[test]
fn only_its_owner_can_read_it() {
    let (_state, ledger) = ledger_of(1);
    assert_eq!(fs::metadata(ledger.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_append_that_was_killed_at_any_byte_leaves_a_ledger_that_goes_on() {
    let (_state, ledger) = ledger_of(3);
    let whole = fs::read(ledger.path()).unwrap();
    let anchor = ledger.head().unwrap();
    let last = lines(ledger.path())[2].len();
    for kept in 0..=last {
        let state = tempfile::tempdir().unwrap();
        let ledger = Ledger::in_state(state.path());
        fs::write(ledger.path(), &whole[..whole.len() - last + kept]).unwrap();
        // The newline alone may be missing: then the entry is there and stays.
        let there = if kept + 1 >= last { 3 } else { 2 };
        let before = ledger.read().unwrap();
        assert!(before.verdict.is_ok(), "{kept}");
        assert_eq!((before.entries.len(), ledger.head().unwrap().n), (there, there as u64), "{kept}");
        let appended = ledger.append(&note("after the kill")).unwrap();
        assert_eq!(appended.head.n, there as u64 + 1, "{kept}");
        let aside = (kept > 0 && there == 2).then(|| whole[whole.len() - last..][..kept].to_vec());
        assert_eq!(appended.set_aside.map(|path| fs::read(path).unwrap()), aside, "{kept}");
        let after = ledger.read().unwrap();
        assert!(after.verdict.is_ok() && after.torn_bytes == 0, "{kept}");
        assert_eq!(after.entries[..there], before.entries, "{kept}");
        assert_eq!(verdict(ledger.path(), Some(anchor)).is_ok(), there == 3, "{kept}");
    }
}

#[test]
fn a_ledger_that_was_read_before_says_what_a_fresh_reading_says() {
    let (_state, ledger) = ledger_of(3);
    let whole = fs::read(ledger.path()).unwrap();
    let same = |what: &str| {
        let fresh = Ledger::in_state(ledger.path().parent().unwrap());
        // Twice, since what was just read is remembered.
        assert_eq!(ledger.read().unwrap(), fresh.read().unwrap(), "{what}");
        assert_eq!(ledger.read().unwrap(), fresh.read().unwrap(), "{what}, again");
    };
    same("whole");
    ledger.append(&note("one more")).unwrap();
    same("longer");
    for kept in (0..whole.len()).rev().step_by(7).chain([whole.len()]) {
        fs::write(ledger.path(), &whole[..kept]).unwrap();
        same("cut");
        fs::write(ledger.path(), &whole).unwrap();
        same("whole again");
    }
    for damage in damages() {
        fs::write(ledger.path(), damage.lines.concat()).unwrap();
        same(damage.name);
        fs::write(ledger.path(), &whole).unwrap();
        same("mended");
    }
    fs::remove_file(ledger.path()).unwrap();
    same("gone");
}

#[test]
fn remains_of_several_kills_are_all_kept() {
    let (state, ledger) = ledger_of(2);
    for n in 1..=3 {
        let torn = format!("{{\"n\":{n} and then the power went");
        let mut bytes = fs::read(ledger.path()).unwrap();
        bytes.extend(torn.bytes());
        fs::write(ledger.path(), bytes).unwrap();
        ledger.append(&note("on we go")).unwrap();
        assert_eq!(fs::read_to_string(state.path().join(format!("ledger.torn-{n}"))).unwrap(), torn);
    }
    assert_eq!(ledger.read().unwrap().entries.len(), 5);
}

#[test]
fn nothing_is_added_after_a_damaged_last_line() {
    let (_state, ledger) = ledger_of(2);
    let mut bytes = fs::read(ledger.path()).unwrap();
    bytes.extend(b"whole, but no entry\n");
    fs::write(ledger.path(), &bytes).unwrap();
    assert!(matches!(ledger.append(&note("x")), Err(LedgerError::DamagedEnd { .. })));
    assert_eq!(fs::read(ledger.path()).unwrap(), bytes);
    assert!(matches!(ledger.read().unwrap().verdict, Verdict::Broken { line: 3, why: Break::NotAnEntry, .. }));
}

#[test]
fn threads_and_handles_that_append_at_once_lose_nothing_and_keep_their_order() {
    let state = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let ledger = Ledger::in_state(state.path());
            scope.spawn(move || {
                for n in 0..20 {
                    ledger.append(&note(&format!("{thread} {n:02}"))).unwrap();
                    assert!(ledger.read().unwrap().verdict.is_ok());
                }
            });
        }
    });
    let contents = Ledger::in_state(state.path()).read().unwrap();
    assert!(contents.verdict.is_ok());
    assert_eq!(contents.entries.len(), 160);
    for thread in 0..8 {
        let own = |body: &dr_ledger::Entry| match &body.event {
            Event::Note { text } => text.strip_prefix(&format!("{thread} ")).map(str::to_owned),
            _ => None,
        };
        let own: Vec<_> = contents.entries.iter().filter_map(own).collect();
        assert_eq!(own, (0..20).map(|n| format!("{n:02}")).collect::<Vec<_>>());
    }
}

#[test]
fn appending_goes_on_while_bodies_are_purged() {
    let (state, _) = ledger_of(10);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let ledger = Ledger::in_state(state.path());
            scope.spawn(move || (0..20).for_each(|_| drop(ledger.append(&note("meanwhile")).unwrap())));
        }
        let ledger = Ledger::in_state(state.path());
        for n in 1..=10 {
            let event = Event::BodiesPurged { entries: vec![n], because: "time is up".to_owned() };
            ledger.purge(&school::said(0, event)).unwrap();
        }
    });
    let contents = Ledger::in_state(state.path()).read().unwrap();
    assert!(contents.verdict.is_ok());
    assert_eq!((contents.entries.len(), contents.purged.len()), (90, 10));
}

#[test]
fn an_entry_longer_than_a_line_may_be_is_refused_and_the_longest_is_kept() {
    let (_state, ledger) = ledger_of(1);
    let long = |n: usize| note(&"x".repeat(n));
    assert!(matches!(ledger.append(&long(dr_ledger::LINE_MAX)), Err(LedgerError::TooLong { .. })));
    let frame = {
        let before = fs::metadata(ledger.path()).unwrap().len();
        ledger.append(&long(0)).unwrap();
        usize::try_from(fs::metadata(ledger.path()).unwrap().len() - before).unwrap()
    };
    for _ in 0..3 {
        ledger.append(&long(dr_ledger::LINE_MAX - frame)).unwrap();
    }
    assert_eq!(ledger.read().unwrap().verdict.head(), ledger.head().unwrap());
    assert_eq!(ledger.head().unwrap().n, 5);
}

#[test]
fn what_a_later_version_wrote_is_kept_and_chained() {
    let (_state, ledger) = ledger_of(1);
    let later = r#"{"type":"medium-weighed","medium":"disk-1","grams":1e-7,"of":{"b":1,"a":[]}}"#;
    let body = Body { event: serde_json::from_str(later).unwrap(), ..note("") };
    assert!(matches!(&body.event, Event::Unknown(value) if value["medium"] == "disk-1"));
    ledger.append(&body).unwrap();
    let contents = ledger.read().unwrap();
    assert!(contents.verdict.is_ok());
    assert_eq!(contents.entries[1].event, body.event);
}

#[test]
fn a_known_event_with_a_word_of_a_later_version_is_kept_as_unknown() {
    let later = r#"{"type":"letter-written","number":1,"status":"mauve","subject":"x","text_blake3":"00"}"#;
    assert!(matches!(serde_json::from_str(later).unwrap(), Event::Unknown(_)));
    let body = r#"{"decided":"2026-11-20T19:00:00Z","real":"2026-11-20T19:00:00Z","authenticated":"retina","event":{"type":"note","text":"x"}}"#;
    let body: Body = serde_json::from_str(body).unwrap();
    assert_eq!((body.decided, body.authenticated), (time(0), dr_ledger::Authenticated::Other));
}
