//! What a status says after a clock was wrong for a day: ahead by years, ahead by a day, behind by years.
#![allow(clippy::unwrap_used)]

mod world;

use dr_ledger::{CopyOutcome, Entry, Event, LetterStatus, Now, evidence};
use dr_report::{StatusReport, alerts};
use jiff::Timestamp;
use world::{SYSTEMS, World, at};

const AFTER: &str = "2026-11-20T07:20";
const CLOCK: &str = "school/clock";

/// The autumn, and then these nights in this order, whatever their dates.
fn then(nights: &[&str]) -> World {
    let mut world = World::autumn();
    for date in nights {
        let before = world.entries.clone();
        world.night(date.parse().unwrap(), &SYSTEMS, CopyOutcome::Done);
        // They are sorted in by time; the ledger has them at its end.
        let more: Vec<Entry> = world.entries.iter().filter(|entry| is_new(&before, entry)).cloned().collect();
        world.entries = [before, more].concat();
    }
    for (n, entry) in world.entries.iter_mut().enumerate() {
        entry.n = n as u64 + 1;
    }
    world
}

fn is_new(before: &[Entry], entry: &Entry) -> bool {
    before.iter().all(|other| (other.decided, &other.event) != (entry.decided, &entry.event))
}

fn asked(world: &World, now: Timestamp) -> (StatusReport, Vec<String>) {
    let counts = evidence(&world.entries, Now::at(now)).unwrap_or_else(|| world.entries.clone());
    let mut given = world.given(AFTER);
    (given.now, given.all, given.entries) = (now, &world.entries, &counts);
    let told = alerts(&given).begin.into_iter().map(|alert| alert.key).collect();
    (dr_report::status(&given), told)
}

fn backed_up(report: &StatusReport) -> Vec<String> {
    report.systems.iter().map(|row| row.last_backup.clone().unwrap_or_default()[..10].to_owned()).collect()
}

fn has_clock(report: &StatusReport) -> bool {
    report.findings.iter().any(|finding| finding.key == CLOCK)
}

#[test]
fn what_is_noted_of_a_time_to_come_moves_no_clock_and_is_told_until_a_copy_is_made() {
    let (report, told) = asked(&then(&["2030-06-03"]), at(AFTER));
    assert!(backed_up(&report).iter().all(|date| date == "2026-11-19"), "{:?}", backed_up(&report));
    let verified = |row: &dr_report::SystemStatus| row.last_verified.clone().unwrap_or_default();
    assert!(report.systems.iter().all(|row| verified(row).as_str() < "2026-11-20"));
    assert_eq!(report.overall, LetterStatus::NotKnown);
    let finding = report.findings.iter().find(|finding| finding.key == CLOCK).unwrap();
    assert!(finding.cause.contains("was wrong then, or is wrong now"), "{}", finding.cause);
    assert!(!finding.next.starts_with("set"), "the clock may be right: {}", finding.next);
    assert_eq!(told, [CLOCK]);

    let (report, told) = asked(&then(&["2030-06-03", "2026-11-20"]), at("2026-11-20T23:30"));
    assert!(!has_clock(&report) && told.is_empty(), "{told:?}");
    assert!(backed_up(&report).iter().all(|date| date == "2026-11-20"));
    assert!(report.clock_moved, "the letter says it once");
}

#[test]
fn a_copy_of_a_clock_that_was_a_day_ahead_is_not_that_days_when_it_comes() {
    let world = then(&["2026-11-21", "2026-11-20"]);
    let (report, _) = asked(&world, at("2026-11-21T23:30"));
    assert!(backed_up(&report).iter().all(|date| date == "2026-11-20"), "{:?}", backed_up(&report));
}

#[test]
fn after_a_day_in_2020_the_status_is_what_it_was() {
    let (before, _) = asked(&then(&[]), at(AFTER));
    let world = then(&["2020-01-08"]);
    let (during, told) = asked(&world, at("2020-01-08T23:30"));
    assert_eq!(during.overall, LetterStatus::NotKnown);
    assert!(has_clock(&during), "a run does not make that clock right");
    assert_eq!(told, [CLOCK]);
    assert!(backed_up(&during).iter().all(|date| date == "2020-01-08"));
    let (after, told) = asked(&world, at(AFTER));
    assert_eq!(told, [] as [&str; 0]);
    let shown = |report: &StatusReport| serde_json::to_value(&report.systems).unwrap();
    assert_eq!(shown(&after), shown(&before));
    assert_eq!(after.overall, before.overall);
}

#[test]
fn a_decision_and_a_letter_of_a_time_to_come_are_none_now() {
    let mut world = then(&[]);
    let until = Some(at("2030-08-01T00:00"));
    world.decide("2030-06-03T10:00", "ash", dr_ledger::Decision::Excepted, "website/offline", until);
    let letter = Event::LetterWritten {
        number: 9,
        status: LetterStatus::Green,
        subject: String::new(),
        text_blake3: dr_ledger::Digest::ZERO,
        html_blake3: None,
    };
    world.add(at("2030-06-03T10:05"), letter);
    let (report, _) = asked(&world, at(AFTER));
    assert!(report.findings.iter().all(|finding| finding.accepted.is_none()));
    assert!(has_clock(&report) && report.clock_moved);
}
