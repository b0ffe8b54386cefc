//! The invented school of `schedules/` and a ledger of its autumn, night by night.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use dr_ledger::{
    Authenticated, Body, CheckKind, CopyOutcome, Digest, Entry, Event, Head, MediumKind, PlaceState, RehearsalVerdict,
    RehearsedSystem, RunCopy, RunId, RunOutcome, SnapshotRef,
};
use dr_plan::{Calendar, Plan, SystemId, TargetId, parse_calendar, show_source};
use dr_report::{Given, StatusReport};
use dr_runbook::Runbook;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

pub const SYSTEMS: [&str; 6] = ["mis", "admin", "email", "curriculum", "file-server", "website"];

pub struct World {
    pub plan: Plan,
    pub calendar: Calendar,
    pub runbook: Option<Runbook>,
    pub entries: Vec<Entry>,
    pub chain_holds: bool,
}

pub fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// A moment of the school's own clock.
pub fn at(text: &str) -> Timestamp {
    text.parse::<jiff::civil::DateTime>().unwrap().in_tz("Europe/London").unwrap().timestamp()
}

pub fn on(date: Date, time: &str) -> Timestamp {
    at(&format!("{date}T{time}"))
}

pub fn system(id: &str) -> SystemId {
    SystemId::new(id).unwrap()
}

pub fn medium(id: &str) -> dr_plan::MediumId {
    dr_plan::MediumId::new(id).unwrap()
}

pub fn target(id: &str) -> TargetId {
    TargetId::new(id).unwrap()
}

impl World {
    /// Before anything has run. `change` edits the plan's text.
    pub fn new(change: impl Fn(String) -> String) -> Self {
        // As a real school's: that it is a sample is for the quickstart.
        let text = change(read("schedules/hazel-bank.toml").replace("sample = true\n", ""));
        let plan = dr_plan::parse(&text, "hazel-bank.toml").unwrap_or_else(|problems| panic!("{problems:#?}"));
        let calendar = parse_calendar(&read("schedules/hazel-bank.calendar.toml"), "calendar.toml").unwrap();
        let runbook = dr_runbook::parse(&read("runbooks/hazel-bank.toml"), "hazel-bank.toml").unwrap();
        Self { plan, calendar, runbook: Some(runbook), entries: Vec::new(), chain_holds: true }
    }

    /// From 5 October until the night of 19 November: nightly runs, a disk every week, a rehearsal on the 12th.
    pub fn autumn() -> Self {
        Self::autumn_of(|text| text)
    }

    pub fn autumn_of(change: impl Fn(String) -> String) -> Self {
        let mut world = Self::new(change);
        world.began("2026-10-05");
        world.until("2026-10-05", "2026-11-19");
        world.rehearse("2026-11-12T10:00", &SYSTEMS, RehearsalVerdict::Verified);
        world
    }

    pub fn began(&mut self, date: &str) {
        let date: Date = date.parse().unwrap();
        let targets = self.plan.targets.keys().cloned().collect();
        self.add(on(date, "09:00"), Event::Initialised { targets });
        for id in self.plan.targets.keys().cloned().collect::<Vec<_>>() {
            if self.plan.pool_of(&id).is_none() {
                self.seen(on(date, "09:00"), id.as_str(), None, PlaceState::Here);
            }
        }
        if self.plan.pools.is_empty() {
            return;
        }
        for n in 1..=4 {
            let (medium, pool) = (format!("disk-{n}").try_into().unwrap(), "weekly".to_owned().try_into().unwrap());
            let serial = Some(format!("CANARY-SERIAL-{n}"));
            self.add(
                on(date, "09:10"),
                Event::MediumRegistered { medium, pool, kind: MediumKind::Hdd, serial, asset: None },
            );
            let medium = format!("disk-{n}").try_into().unwrap();
            self.add(on(date, "09:20"), Event::MediumInitialised { medium, repository: "canary-repository".into() });
            self.seen(on(date, "09:20"), "disks", Some(&format!("disk-{n}")), PlaceState::Here);
        }
        self.load(1, on(date, "09:30"));
    }

    /// Every night's runs, and every Friday's disk, both days included.
    pub fn until(&mut self, from: &str, until: &str) {
        let (mut date, until): (Date, Date) = (from.parse().unwrap(), until.parse().unwrap());
        while date <= until {
            if self.calendar.shift(date, dr_plan::Shift::Next) == Some(date) && self.turns(date) {
                self.turn(date);
            }
            self.night(date, &SYSTEMS, CopyOutcome::Done);
            date = date.tomorrow().unwrap();
        }
    }

    /// Whether a disk is changed on this day: Fridays, or the last school day before.
    fn turns(&self, date: Date) -> bool {
        let Some(pool) = self.plan.pools.values().next() else { return false };
        let (from, until) = (on(date, "00:00"), on(date.tomorrow().unwrap(), "00:00"));
        !pool.rotations(&self.calendar, from, until, &self.plan.school.timezone).is_empty()
    }

    /// The disk in the server goes to the annexe, the next comes.
    pub fn turn(&mut self, date: Date) {
        let loaded = self.entries.iter().filter(|entry| matches!(entry.event, Event::MediumLoaded { .. })).count();
        let n = (loaded + 3) % 4 + 1;
        let medium = || -> dr_plan::MediumId { format!("disk-{n}").try_into().unwrap() };
        let person = |id: &str| id.to_owned().try_into().unwrap();
        let place = || "annexe".to_owned().try_into().unwrap();
        self.add(on(date, "14:00"), Event::MediumEjected { medium: medium() });
        self.seen(on(date, "14:05"), "disks", Some(medium().as_str()), PlaceState::Away);
        let over = Event::MediumHandedOver {
            medium: medium(),
            from: person("oak"),
            to: person("elm"),
            to_place: Some(place()),
        };
        self.add(on(date, "14:10"), over);
        self.add(on(date, "14:40"), Event::MediumReceived { medium: medium(), by: person("elm"), place: place() });
        self.load(n % 4 + 1, on(date, "15:00"));
    }

    /// Somebody looked at the place of a target, or for a medium.
    pub fn seen(&mut self, at: Timestamp, on: &str, disk: Option<&str>, state: PlaceState) {
        let name = disk.unwrap_or(on);
        let here = state == PlaceState::Here;
        let repository = here.then(|| if disk.is_some() { "canary-repository".into() } else { format!("of {name}") });
        let event = Event::TargetSeen {
            target: target(on),
            medium: disk.map(medium),
            state,
            repository,
            devices: here.then(|| vec![format!("disk canary-device-{name}")]),
            file_system: here.then(|| "canary-file-system".into()),
            same_as: Vec::new(),
            not_told_from: Vec::new(),
        };
        self.add(at, event);
    }

    pub fn load(&mut self, n: usize, at: Timestamp) {
        self.add(at, Event::MediumLoaded { medium: format!("disk-{n}").try_into().unwrap() });
    }

    /// One night's runs of `systems`; on Thursdays also to the disk that is loaded.
    pub fn night(&mut self, date: Date, systems: &[&str], outcome: CopyOutcome) {
        for id in systems {
            let rule = self.plan.system(&system(id)).unwrap().clone();
            for copy in &rule.copies {
                let slots = copy.schedule.slots(
                    on(date, "00:00"),
                    on(date.tomorrow().unwrap(), "00:00"),
                    &self.plan.school.timezone,
                );
                for slot in slots {
                    self.run(id, copy.target.as_str(), slot, outcome);
                }
            }
        }
    }

    /// A run that failed and noted why.
    pub fn fail(&mut self, id: &str, on: &str, slot: Timestamp, noted: &str) {
        let before = self.entries.len();
        self.run(id, on, slot, CopyOutcome::Failed);
        for entry in &mut self.entries {
            if let Event::RunFinished { run, copies, .. } = &mut entry.event
                && *run == RunId(format!("run-{before}"))
            {
                copies[0].error = Some(noted.to_owned());
            }
        }
    }

    pub fn run(&mut self, id: &str, on: &str, slot: Timestamp, outcome: CopyOutcome) {
        let run = RunId(format!("run-{}", self.entries.len()));
        let end = slot + jiff::SignedDuration::from_mins(3);
        let slots = BTreeMap::from([(target(on), slot)]);
        let because = "canary-because /srv/canary".into();
        self.add(slot, Event::RunStarted { run: run.clone(), system: system(id), slots, because });
        let medium = self.plan.pool_of(&target(on)).map(|_| self.loaded());
        let done = outcome == CopyOutcome::Done;
        let copy = RunCopy {
            target: target(on),
            medium: medium.clone(),
            outcome,
            snapshot: done.then(|| SnapshotRef(format!("{id}-{slot}"))),
            slot: Some(slot),
            bytes_stored: 1000,
            error: (!done).then(|| "canary-error: cannot open /srv/canary/Pupil-Canary.docx on canary-host".into()),
        };
        let outcome = match outcome {
            CopyOutcome::Done => RunOutcome::Done,
            CopyOutcome::Failed => RunOutcome::Failed,
            CopyOutcome::Awaited | CopyOutcome::Skipped => RunOutcome::Skipped,
        };
        let snapshot = copy.snapshot.clone();
        self.add(
            end,
            Event::RunFinished {
                run,
                system: system(id),
                outcome,
                copies: vec![copy],
                capture_started: Some(slot),
                entries: 10,
                bytes_read: 1000,
                size: None,
                unreadable: 0,
                noticed: dr_ledger::Noticed::default(),
            },
        );
        if done {
            self.look(on, medium, Some(id), snapshot, CheckKind::ReadBack, end, true);
        }
    }

    fn loaded(&self) -> dr_plan::MediumId {
        let loaded = self.entries.iter().rev().find_map(|entry| match &entry.event {
            Event::MediumLoaded { medium } => Some(medium.clone()),
            _ => None,
        });
        loaded.unwrap()
    }

    #[allow(clippy::too_many_arguments)]
    pub fn look(
        &mut self,
        on: &str,
        medium: Option<dr_plan::MediumId>,
        id: Option<&str>,
        snapshot: Option<SnapshotRef>,
        what: CheckKind,
        at: Timestamp,
        ok: bool,
    ) {
        self.add(at, Event::Verified { target: target(on), medium, system: id.map(system), snapshot, what, ok });
    }

    pub fn rehearse(&mut self, moment: &str, systems: &[&str], verdict: RehearsalVerdict) {
        self.rehearse_of(moment, systems, verdict, None);
    }

    /// A rehearsal of the data of `point`.
    pub fn rehearse_of(&mut self, moment: &str, systems: &[&str], verdict: RehearsalVerdict, point: Option<Timestamp>) {
        let part = |id: &&str| RehearsedSystem {
            system: system(id),
            verdict,
            seconds: 31.5,
            recovery_point: point,
            source_blake3: self.plan.system(&system(id)).map(|one| Digest::of(show_source(one).as_bytes())),
        };
        let event = Event::Rehearsed {
            verdict,
            level: "L2".into(),
            systems: systems.iter().map(part).collect(),
            evidence: "/srv/canary/evidence.json".into(),
            evidence_blake3: Digest::ZERO,
            picked: None,
        };
        self.add(at(moment), event);
    }

    /// A decision of a person.
    pub fn decide(
        &mut self,
        moment: &str,
        by: &str,
        decision: dr_ledger::Decision,
        about: &str,
        until: Option<Timestamp>,
    ) {
        let event = Event::Accepted { decision, about: about.to_owned(), reason: None, until };
        self.add(at(moment), event);
        let place = self.entries.partition_point(|entry| entry.decided <= at(moment));
        self.entries[place - 1].by = Some(by.to_owned().try_into().unwrap());
    }

    /// Keeps the entries in order of time.
    pub fn add(&mut self, at: Timestamp, event: Event) {
        let body = Body { decided: at, real: at, by: None, authenticated: Authenticated::System, event };
        let place = self.entries.partition_point(|entry| entry.decided <= at);
        self.entries.insert(place, body.numbered(0));
        for (n, entry) in self.entries.iter_mut().enumerate() {
            entry.n = n as u64 + 1;
        }
    }

    /// What is known at `now`: nothing of what happens later.
    pub fn given(&self, now: &str) -> Given<'_> {
        let known = self.entries.partition_point(|entry| entry.decided <= at(now));
        Given {
            plan: &self.plan,
            calendar: &self.calendar,
            runbook: self.runbook.as_ref(),
            entries: &self.entries[..known],
            all: &self.entries[..known],
            head: Head { n: known as u64, hash: Digest::of(b"the head") },
            chain_holds: self.chain_holds,
            now: at(now),
            clock_moved: false,
            unnamed_erasures: &[],
        }
    }

    pub fn status(&self, now: &str) -> StatusReport {
        dr_report::status(&self.given(now))
    }

    /// The word of one system, and the school's.
    pub fn words(&self, id: &str, now: &str) -> (String, String) {
        let report = self.status(now);
        let row = report.systems.iter().find(|row| row.id == system(id)).unwrap();
        (format!("{} {}", row.status.word(), row.short).trim_end().to_owned(), report.overall.to_string())
    }
}

/// The day after, as text.
pub fn days_later(date: &str, days: i64) -> Date {
    date.parse::<Date>().unwrap().checked_add(days.days()).unwrap()
}
