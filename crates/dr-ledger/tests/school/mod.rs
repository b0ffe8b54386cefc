//! Entries of an invented school, for tests that need a ledger.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::path::{Path, PathBuf};

use dr_ledger::{Authenticated, Body, Event, Head, Ledger, RunId, Verdict};
use dr_plan::{MediumId, PersonId, PoolId, SystemId, TargetId};
use jiff::{SignedDuration, Timestamp};

pub fn time(minute: i64) -> Timestamp {
    let start: Timestamp = "2026-11-20T19:00:00Z".parse().unwrap();
    start + SignedDuration::from_mins(minute)
}

pub fn system(name: &str) -> SystemId {
    SystemId::new(name).unwrap()
}

pub fn target(name: &str) -> TargetId {
    TargetId::new(name).unwrap()
}

pub fn medium(name: &str) -> MediumId {
    MediumId::new(name).unwrap()
}

pub fn pool(name: &str) -> PoolId {
    PoolId::new(name).unwrap()
}

pub fn run(name: &str) -> RunId {
    RunId(name.to_owned())
}

/// `event`, as `dr` itself records it on schedule.
pub fn said(minute: i64, event: Event) -> Body {
    let at = time(minute);
    Body { decided: at, real: at, by: None, authenticated: Authenticated::System, event }
}

pub fn note(text: &str) -> Body {
    let by = Some(PersonId::new("oak").unwrap());
    Body { by, authenticated: Authenticated::Login, ..said(0, Event::Note { text: text.to_owned() }) }
}

/// A ledger of `count` notes in a directory of its own.
pub fn ledger_of(count: u64) -> (tempfile::TempDir, Ledger) {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::in_state(state.path());
    for n in 1..=count {
        ledger.append(&note(&format!("note {n} – Ünïcode \"quoted\"\nline"))).unwrap();
    }
    (state, ledger)
}

pub fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap().split_inclusive('\n').map(str::to_owned).collect()
}

pub fn verdict(path: &Path, anchor: Option<Head>) -> Verdict {
    dr_ledger::verify(path, anchor).unwrap()
}

/// One way to damage a ledger, by name, and the first line that should be blamed.
pub struct Damage {
    pub name: &'static str,
    pub lines: Vec<String>,
    pub anchor: Option<Head>,
    pub line: Option<u64>,
}

/// A ledger of 6 entries, whole and damaged in every way that matters.
pub fn damages() -> Vec<Damage> {
    let (_state, ledger) = ledger_of(6);
    let whole = lines(ledger.path());
    let third = {
        let (_other, short) = ledger_of(3);
        short.head().unwrap()
    };
    let head = ledger.head().unwrap();
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = whole.clone();
        change(&mut lines);
        lines
    };
    let damage = |name, line, anchor, lines| Damage { name, lines, anchor, line };
    vec![
        damage("whole", None, None, whole.clone()),
        damage("whole with anchor", None, Some(head), whole.clone()),
        damage("whole with an old anchor", None, Some(third), whole.clone()),
        damage("empty", None, None, vec![]),
        damage("torn", None, None, with(&|l| l.push(l[5][..60].to_owned()))),
        damage(
            "without its last newline",
            None,
            Some(head),
            with(&|l| {
                l[5].pop();
            }),
        ),
        damage("edited", Some(3), None, with(&|l| l[2] = l[2].replace("note 3", "note 9"))),
        damage("renamed person", Some(2), None, with(&|l| l[1] = l[1].replace("oak", "elm"))),
        damage(
            "removed",
            Some(4),
            None,
            with(&|l| {
                l.remove(3);
            }),
        ),
        damage(
            "first removed",
            Some(1),
            None,
            with(&|l| {
                l.remove(0);
            }),
        ),
        damage("exchanged", Some(2), None, with(&|l| l.swap(1, 4))),
        damage(
            "doubled",
            Some(3),
            None,
            with(&|l| {
                let twice = l[1].clone();
                l.insert(2, twice);
            }),
        ),
        damage("blank line", Some(3), None, with(&|l| l.insert(2, "\n".to_owned()))),
        damage("spaces", Some(5), None, with(&|l| l[4] = l[4].replace("\"n\":5", "\"n\": 5"))),
        damage("not UTF-8 text", Some(5), None, with(&|l| l[4] = "\u{0}\u{0}\n".to_owned())),
        damage("number edited", Some(5), None, with(&|l| l[4] = l[4].replace("\"n\":5", "\"n\":7"))),
        damage(
            "quietly emptied",
            Some(2),
            None,
            with(&|l| {
                let end = l[1].find(",\"body\":").unwrap();
                l[1].replace_range(end.., "}\n");
            }),
        ),
        damage("edited and hashed again", Some(4), None, with(&|l| l[2] = rehashed(&l[2]))),
        damage("cut", Some(5), Some(head), with(&|l| l.truncate(4))),
        damage("cut in an entry", Some(6), Some(head), with(&|l| l[5].truncate(99))),
        damage("cut to nothing", Some(1), Some(head), vec![]),
        damage("cut, no anchor: cannot be seen", None, None, with(&|l| l.truncate(4))),
        damage("rewritten", Some(3), Some(third), {
            let (_s, other) = another();
            lines(&other)
        }),
    ]
}

/// The line with another text and the hash that fits it: what a careful forger of one line does.
fn rehashed(line: &str) -> String {
    let (before, body) = line.trim_end().split_once(",\"body\":").unwrap();
    let body = body.strip_suffix('}').unwrap().replace("note", "tone");
    let hash = blake3::Hash::from(blake3::derive_key("dr 2026 ledger body v1", body.as_bytes())).to_hex();
    let keep = before.find("\"body_hash\":\"").unwrap() + "\"body_hash\":\"".len();
    format!("{}{hash}\",\"body\":{body}}}\n", &before[..keep])
}

fn another() -> (tempfile::TempDir, PathBuf) {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::in_state(state.path());
    for n in 1..=6 {
        ledger.append(&note(&format!("another history {n}"))).unwrap();
    }
    let path = ledger.path().to_owned();
    (state, path)
}
