//! A school lives its year: every night's copies, every disk carried by whoever is there, every letter on its day.
//!
//! In process, with the time passed in: nothing waits. People act on what `media due` says, the server is off for some
//! weeks, and at the end every slot of the plan was served exactly once, and on no day was the status red.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_ledger::{Authenticated, CopyOutcome, Event, Ledger, LetterStatus, MediumKind, MessageKind};
use dr_media::{Holder, Register};
use dr_plan::{MediumId, PersonId, Plan, SecretRef, Source, SystemId, TargetId};
use dr_post::Ways;
use dr_run::media::NewMedium;
use dr_run::{Actor, Clock, DueJob, GiveOut, KeyEnv, Places, School, Unwatched, media, read_plan, run};
use dr_scheduler::{Gathered, Round, round};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use tempfile::TempDir;

use crate::ground::count;

/// A school and its folder.
struct Life {
    folder: TempDir,
    plan: PathBuf,
    runtime: tokio::runtime::Runtime,
}

/// What a year was like.
#[derive(Default)]
struct Year {
    words: BTreeMap<String, u32>,
    moved: u32,
    troubles: BTreeSet<String>,
}

impl Life {
    /// The plan `name` of `schedules/`, with something in each of its sources.
    fn of(name: &str) -> Self {
        let folder = TempDir::with_prefix("year-").unwrap();
        let schedules = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../schedules"));
        for entry in fs::read_dir(schedules).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        let plan = folder.path().join(name);
        let life =
            Self { plan, runtime: tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap(), folder };
        let read = life.read();
        for system in &read.systems {
            life.fill(&system.source);
        }
        life
    }

    fn read(&self) -> Plan {
        read_plan(&self.plan).unwrap().0
    }

    fn fill(&self, source: &Source) {
        let inside = |path: &Path| assert!(path.starts_with(self.folder.path()), "{}", path.display());
        match source {
            Source::Files { paths, .. } => {
                for path in paths {
                    inside(path);
                    fs::create_dir_all(path).unwrap();
                    fs::write(path.join("register.txt"), "present, present, late\n".repeat(50)).unwrap();
                }
            }
            Source::Sqlite { path } => {
                inside(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let database = rusqlite::Connection::open(path).unwrap();
                database.execute_batch("CREATE TABLE pupil (name TEXT); INSERT INTO pupil VALUES ('one')").unwrap();
            }
            Source::Maildir { path } => {
                inside(path);
                for folder in ["cur", "new", "tmp"] {
                    fs::create_dir_all(path.join(folder)).unwrap();
                }
                fs::write(path.join("cur/1.M1.host:2,S"), "From: a@b.example\r\nSubject: trip\r\n\r\nYes.\r\n")
                    .unwrap();
            }
            other => panic!("the year has no {} source", other.kind()),
        }
    }

    /// The school at a moment, with somebody or nobody acting.
    fn school(&self, at: Timestamp, by: Option<&PersonId>) -> School {
        let (plan, calendar) = read_plan(&self.plan).unwrap();
        let state = plan.state.clone().unwrap_or_else(|| self.folder.path().join("state"));
        School {
            calendar,
            places: Places { plan: self.plan.clone(), state: state.clone(), cache: self.folder.path().join("cache") },
            ledger: Ledger::in_state(&state),
            clock: Clock::moved_to(at),
            actor: Actor { by: by.cloned(), authenticated: Authenticated::NamedNotAuthenticated },
            runtime: self.runtime.handle().clone(),
            hostname: "server".to_owned(),
            variable: |_| None,
            workers: 2,
            plan,
        }
    }

    fn begin(&self, at: Timestamp) {
        // Disks and targets are folders here, and each stands for a device of its own.
        dr_switch::turn_on("any-time devices");
        let school = self.school(at, None);
        let key = self.folder.path().join("recovery.key");
        dr_run::init(&school, GiveOut::File(&key), None, &BTreeSet::new()).unwrap();
        let custodians: Vec<PersonId> = school.plan.pools.values().flat_map(|pool| pool.custodians.clone()).collect();
        for (pool, about) in &school.plan.pools {
            fs::create_dir_all(&about.mount).unwrap();
            let school = self.school(at, custodians.first());
            for number in 1..=about.media {
                let label = MediumId::new(format!("{pool}-{number}")).unwrap();
                let new = NewMedium {
                    label: label.clone(),
                    pool: Some(pool.clone()),
                    kind: MediumKind::Directory,
                    serial: None,
                    asset: None,
                };
                media::register(&school, new).unwrap();
                media::init(&school, &label, None).unwrap();
            }
            media::load(&school, &MediumId::new(format!("{pool}-1")).unwrap()).unwrap();
        }
    }

    fn round(&self, at: Timestamp, year: &mut Year) {
        let school = self.school(at, None);
        let around = KeyEnv { key_file: Some(self.folder.path().join("recovery.key")), ..KeyEnv::default() };
        let secrets = |from: &SecretRef| dr_run::secret(from, &around);
        let ways = Ways::new(&school.plan.alerts, &|_| true, &secrets, &school.runtime);
        let (watch, stop) = (Unwatched::default(), Arc::new(AtomicBool::new(false)));
        let done = round(Round {
            school: &school,
            runbook: None,
            around: &around,
            ways: &ways,
            conduct: &mut |turn: &DueJob| run(&school, turn, &watch, &stop),
            stop: &stop,
        })
        .unwrap();
        year.troubles.extend(done.troubles);
    }

    /// What `media due` asks of people this afternoon.
    fn carry(&self, at: Timestamp, year: &mut Year) {
        let moves = media::moves(&self.school(at, None)).unwrap();
        let today = |by: Timestamp| by <= at + SignedDuration::from_hours(2);
        // What goes makes room for what comes.
        let (come, go): (Vec<_>, Vec<_>) =
            moves.into_iter().filter(|one| today(one.by)).partition(|one| one.to == Holder::Server);
        for one in go.iter().chain(&come) {
            let Some(who) = &one.custodian else { continue };
            let school = self.school(at, Some(who));
            let register = Register::of(&school.entries().unwrap());
            let connected = register.medium(&one.medium).unwrap().state.is_connected();
            match &one.to {
                Holder::Server => {
                    if !connected {
                        media::load(&school, &one.medium).unwrap();
                    }
                }
                Holder::Place(place) => {
                    if connected {
                        media::eject(&school, &one.medium).unwrap();
                    }
                    media::receive(&school, &one.medium, Some(place.clone())).unwrap();
                }
                Holder::Person(_) => {}
            }
            year.moved += 1;
        }
    }

    fn status(&self, at: Timestamp) -> dr_report::StatusReport {
        let school = self.school(at, None);
        let gathered = Gathered::of(&school, None).unwrap();
        dr_report::status(&gathered.given(&school))
    }
}

/// Lives `weeks` from a Monday in September; off from `off`, if the year gets that far.
fn live(name: &str, weeks: i64, off: Option<(Date, Date)>) {
    let life = Life::of(name);
    let zone = life.read().school.timezone.clone();
    let first: Date = "2026-09-07".parse().unwrap();
    let moment =
        |day: Date, hour: i8, minute: i8| day.at(hour, minute, 0, 0).to_zoned(zone.clone()).unwrap().timestamp();
    let begun = moment(first, 9, 0);
    life.begin(begun);
    let mut year = Year::default();
    let is_off = |day: Date| off.is_some_and(|(from, until)| from <= day && day <= until);
    let last = first.checked_add((weeks * 7).days()).unwrap();
    let mut day = first;
    while day < last {
        if !is_off(day) {
            for (hour, minute) in [(7, 31), (14, 40), (15, 5), (17, 5), (20, 0), (21, 5), (23, 50)] {
                let at = moment(day, hour, minute);
                if (hour, minute) == (14, 40) {
                    life.carry(at, &mut year);
                }
                if at > begun {
                    life.round(at, &mut year);
                }
            }
            let report = life.status(moment(day, 23, 55));
            *year.words.entry(format!("{:?}", report.overall)).or_default() += 1;
            let known = !matches!(report.overall, LetterStatus::Red | LetterStatus::NotKnown);
            assert!(known, "{name} on {day}: {:?}", report.findings.iter().map(|f| &f.cause).collect::<Vec<_>>());
        }
        day = day.tomorrow().unwrap();
    }
    let end = moment(last.yesterday().unwrap(), 23, 50);
    nothing_lost_or_doubled(&life, begun, end, &is_off);
    let letters = letters(&life);
    println!(
        "year: {name}: {weeks} weeks from {first}: every slot served once, {letters} letters, {} disks carried, days by word {:?}, \
         troubles {:?}",
        year.moved, year.words, year.troubles
    );
}

/// Every slot of every copy was served once; of those that the server slept through, the newest was.
fn nothing_lost_or_doubled(life: &Life, begun: Timestamp, end: Timestamp, is_off: &dyn Fn(Date) -> bool) {
    let plan = life.read();
    let zone = &plan.school.timezone;
    let mut served: BTreeMap<(SystemId, TargetId), Vec<Timestamp>> = BTreeMap::new();
    for entry in life.school(end, None).entries().unwrap() {
        if let Event::RunFinished { system, copies, .. } = entry.event {
            for copy in copies.into_iter().filter(|copy| copy.outcome == CopyOutcome::Done) {
                served.entry((system.clone(), copy.target)).or_default().extend(copy.slot);
            }
        }
    }
    for system in &plan.systems {
        for copy in &system.copies {
            let slots = copy.schedule.slots(begun, end, zone);
            let slept = |slot: &Timestamp| is_off(slot.to_zoned(zone.clone()).date());
            // The first run serves the slot before the beginning, a catch-up the newest of those slept through.
            let newest_slept = slots.iter().rfind(|slot| slept(slot));
            let wanted: Vec<Timestamp> =
                slots.iter().filter(|slot| !slept(slot) || Some(*slot) == newest_slept).copied().collect();
            let mut got = served.remove(&(system.id.clone(), copy.target.clone())).unwrap_or_default();
            got.retain(|slot| *slot >= begun);
            got.sort_unstable();
            assert_eq!(got, wanted, "{} on {}", system.id, copy.target);
        }
    }
}

/// How many letters were written, no two for one day.
fn letters(life: &Life) -> usize {
    let end: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
    let entries = life.school(end, None).entries().unwrap();
    let days: Vec<Date> = entries
        .iter()
        .filter(|entry| matches!(&entry.event, Event::MessageQueued { kind: MessageKind::Letter, .. }))
        .map(|entry| entry.decided.to_zoned(life.read().school.timezone.clone()).date())
        .collect();
    let different: BTreeSet<&Date> = days.iter().collect();
    assert_eq!(different.len(), days.len(), "two letters on one day");
    days.len()
}

#[test]
fn a_school_with_one_rotator_lives_its_year() {
    live("one-rotator.toml", weeks(), Some(("2027-07-26".parse().unwrap(), "2027-08-22".parse().unwrap())));
}

#[test]
fn a_school_with_four_rotators_lives_its_year() {
    live("four-rotators.toml", weeks(), None);
}

/// A few in CI, a year and a little by `cargo xtask soak year`.
fn weeks() -> i64 {
    i64::try_from(count(4)).unwrap()
}
