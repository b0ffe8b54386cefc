//! A pool of disks at an invented school, told day by day.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use dr_ledger::{Authenticated, Body, CopyOutcome, Entry, Event, MediumKind, RunCopy, RunId, RunOutcome};
use dr_media::{Ends, PoolFacts, Presence, Register, Scheme, Slot, Staff};
use dr_plan::{MediumId, PersonId, PlaceId, PoolId, SystemId, TargetId};
use jiff::{SignedDuration, Timestamp};

pub fn medium(n: usize) -> MediumId {
    MediumId::new(format!("disk-{n}")).unwrap()
}

pub fn person(name: &str) -> PersonId {
    PersonId::new(name).unwrap()
}

pub fn place(name: &str) -> PlaceId {
    PlaceId::new(name).unwrap()
}

pub fn pool() -> PoolId {
    PoolId::new("weekly").unwrap()
}

/// Hours after Friday 2 January 2026, 15:00: the first slot of the weekly pool.
pub fn hour(hours: i64) -> Timestamp {
    let start: Timestamp = "2026-01-02T15:00:00Z".parse().unwrap();
    start + SignedDuration::from_hours(hours)
}

pub const WEEK: i64 = 7 * 24;

#[derive(Default)]
pub struct Story {
    pub entries: Vec<Entry>,
}

impl Story {
    /// `count` registered and initialised disks, a day before the first slot.
    pub fn with_disks(count: usize) -> Self {
        let mut story = Self::default();
        for n in 1..=count {
            story.tell(-24, registered(n));
            story.tell(-24, initialised(n));
        }
        story
    }

    pub fn tell(&mut self, hours: i64, event: Event) {
        let (at, n) = (hour(hours), self.entries.len() as u64 + 1);
        let body = Body { decided: at, real: at, by: None, authenticated: Authenticated::System, event };
        self.entries.push(body.numbered(n));
    }

    pub fn register(&self) -> Register {
        Register::of(&self.entries)
    }
}

pub fn registered(n: usize) -> Event {
    Event::MediumRegistered { medium: medium(n), pool: pool(), kind: MediumKind::Hdd, serial: None, asset: None }
}

pub fn initialised(n: usize) -> Event {
    Event::MediumInitialised { medium: medium(n), repository: format!("repository-{n}") }
}

pub fn loaded(n: usize) -> Event {
    Event::MediumLoaded { medium: medium(n) }
}

pub fn ejected(n: usize) -> Event {
    Event::MediumEjected { medium: medium(n) }
}

pub fn handed(n: usize, from: &str, to: &str) -> Event {
    Event::MediumHandedOver { medium: medium(n), from: person(from), to: person(to), to_place: Some(place("annexe")) }
}

pub fn received(n: usize, by: &str, at: &str) -> Event {
    Event::MediumReceived { medium: medium(n), by: person(by), place: place(at) }
}

pub fn lost(n: usize, by: &str) -> Event {
    Event::MediumLost { medium: medium(n), by: person(by) }
}

pub fn found(n: usize, by: &str) -> Event {
    Event::MediumFound { medium: medium(n), by: person(by) }
}

pub fn copied(n: usize) -> Event {
    let copy = RunCopy {
        target: TargetId::new("disks").unwrap(),
        medium: Some(medium(n)),
        outcome: CopyOutcome::Done,
        snapshot: None,
        slot: None,
        bytes_stored: 1,
        error: None,
    };
    Event::RunFinished {
        run: RunId("run".to_owned()),
        system: SystemId::new("mis").unwrap(),
        outcome: RunOutcome::Done,
        copies: vec![copy],
        capture_started: None,
        entries: 1,
        bytes_read: 1,
        size: None,
        unreadable: 0,
        noticed: dr_ledger::Noticed::default(),
    }
}

/// ash, elm and oak are here; rowan is absent, birch has left, fir begins next term. elm has the key of the annexe.
pub fn staff() -> Staff {
    let people = [
        ("ash", Presence::Here),
        ("birch", Presence::Left),
        ("elm", Presence::Here),
        ("fir", Presence::NotYet),
        ("oak", Presence::Here),
        ("rowan", Presence::Absent),
    ];
    Staff {
        people: people.into_iter().map(|(name, presence)| (person(name), presence)).collect(),
        places: [(place("annexe"), [person("elm")].into()), (place("office"), [].into())].into(),
        custodians: [(pool(), vec![person("elm"), person("rowan"), person("oak")])].into(),
    }
}

/// The weekly pool with a slot each week from the first Friday.
pub fn weekly(scheme: Scheme, ends: impl Fn(i64) -> Ends) -> PoolFacts {
    let slots = (0..60).map(|week| Slot { at: hour(week * WEEK), ends: ends(week) }).collect();
    let (id, custodians) = (pool(), vec![person("elm"), person("oak")]);
    PoolFacts { id, scheme, slots, custodians, kept_at: Some(place("annexe")) }
}
