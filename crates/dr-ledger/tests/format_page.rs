//! The page that strangers read says what the code writes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod school;

use std::collections::BTreeSet;
use std::path::Path;

use dr_ledger::{Digest, Event, Ledger};
use school::note;

const PAGE: &str = include_str!("../../../docs/format/ledger.md");
const EVENTS: &str = include_str!("../src/event.rs");

#[test]
fn every_example_on_the_page_is_read_and_written_byte_for_byte() {
    for line in PAGE.lines().filter(|line| line.starts_with("{\"type\":")) {
        let event: Event = serde_json::from_str(line).unwrap();
        assert!(!matches!(event, Event::Unknown(_)), "not understood: {line}");
        assert_eq!(serde_json::to_string(&event).unwrap(), line);
    }
}

#[test]
fn every_event_has_an_example_on_the_page() {
    let body = EVENTS.split("pub enum Event {").nth(1).unwrap().split("\n}").next().unwrap();
    let variant = |line: &str| {
        let name = line.strip_prefix("    ")?.strip_suffix(" {")?;
        name.chars().next()?.is_ascii_uppercase().then(|| name.to_owned())
    };
    let kebab = |name: String| {
        let lower = |c: char| {
            if c.is_uppercase() { format!("-{}", c.to_lowercase()) } else { c.to_string() }
        };
        name.chars().map(lower).collect::<String>().trim_start_matches('-').to_owned()
    };
    let declared: BTreeSet<String> = body.lines().filter_map(variant).map(kebab).collect();
    let example = |line: &str| Some(line.strip_prefix("{\"type\":\"")?.split('"').next()?.to_owned());
    assert_eq!(declared, PAGE.lines().filter_map(example).collect());
    assert_eq!(declared.len(), 31);
}

#[test]
fn a_line_has_the_bytes_that_the_page_promises() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::in_state(state.path());
    ledger.append(&note("first")).unwrap();
    let head = ledger.append(&note("second")).unwrap().head;
    let body = |text: &str| {
        let when =
            r#""decided":"2026-11-20T19:00:00Z","real":"2026-11-20T19:00:00Z","by":"oak","authenticated":"login""#;
        format!("{{{when},\"event\":{{\"type\":\"note\",\"text\":\"{text}\"}}}}")
    };
    let mut file = String::new();
    let mut prev = [0; 32];
    for (n, text) in [(1_u64, "first"), (2, "second")] {
        let body_hash = blake3::derive_key("dr 2026 ledger body v1", body(text).as_bytes());
        let (p, b) = (Digest(prev), Digest(body_hash));
        file += &format!("{{\"n\":{n},\"prev\":\"{p}\",\"body_hash\":\"{b}\",\"body\":{}}}\n", body(text));
        prev = blake3::derive_key("dr 2026 ledger entry v1", &[&prev[..], &n.to_le_bytes(), &body_hash].concat());
    }
    assert_eq!(std::fs::read_to_string(ledger.path()).unwrap(), file);
    assert_eq!(head.hash, Digest(prev));
    assert!(Path::new(ledger.path()).ends_with("ledger.jsonl"));
}
