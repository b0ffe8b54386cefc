//! What is known about every system, copy and disk at one moment: the plan beside what the ledger says happened.
//!
//! Facts are not judged here. A run that failed leaves no fact behind but its failure: only a copy that was stored moves
//! a clock.

mod copies;
mod disks;
mod known;
mod proof;

use std::collections::BTreeSet;

use dr_ledger::{Entry, Event, History, Noticed, PlaceState};
use dr_media::Register;
use dr_plan::{SystemId, TargetId};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
pub use known::{CopyFacts, DiskFacts, Given, Standing, Stored};
pub use proof::Proof;

/// What is known at one moment.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The moment.
    pub now: Timestamp,
    /// The day of it at the school.
    pub today: Date,
    /// When the first repositories were made.
    pub began: Option<Timestamp>,
    /// Until when copies may still be on their way for the first time.
    pub seeding_until: Option<Date>,
    /// One for each row of the plan's table, in its order.
    pub systems: Vec<SystemFacts>,
    /// One for each pool of the plan.
    pub disks: Vec<DiskFacts>,
    /// Targets that lie on the device of something else, and what that is, as the ledger calls it.
    pub beside: Vec<(TargetId, Vec<String>)>,
    /// Entries were decided under another clock than the real one since the last letter, or this report is.
    pub clock_moved: bool,
}

/// One system.
#[derive(Debug, Clone)]
pub struct SystemFacts {
    /// Which.
    pub id: SystemId,
    /// The moment whose data the newest stored copy holds: its capture's start.
    pub last_backup: Option<Timestamp>,
    /// When a copy of it was last looked at and found sound.
    pub last_verified: Option<Timestamp>,
    /// When it was last brought back, in need or as a rehearsal.
    pub last_restored: Option<Timestamp>,
    /// What rehearsals proved.
    pub proof: Proof,
    /// How many entries the newest run could not read, or not with all that belongs to them.
    pub unreadable: u64,
    /// What else the newest run noticed of its source.
    pub noticed: Noticed,
    /// How much later than promised a copy may be before anybody is told.
    pub grace: SignedDuration,
    /// The oldest slot of any copy, since its last served one, that nothing served, not even a failed run.
    pub unserved: Option<Timestamp>,
    /// Each copy there is or should be: one for a target, one for each medium of a pool that holds it.
    pub copies: Vec<CopyFacts>,
}

/// New copies and first proofs may take this long before they are missed.
const SEEDING_DAYS: i64 = 21;

impl Facts {
    /// What is known at `given.now`.
    #[must_use]
    pub fn of(given: &Given<'_>) -> Self {
        let zone = &given.plan.school.timezone;
        let today = given.now.to_zoned(zone.clone()).date();
        let history = History::of(given.entries);
        let register = Register::of(given.entries);
        let began = given.entries.iter().find_map(|entry| match &entry.event {
            Event::Initialised { .. } | Event::RunStarted { .. } if entry.has_come(given.now) => Some(entry.decided),
            _ => None,
        });
        let seeding_until = began.and_then(|began| {
            let first = began.to_zoned(zone.clone()).date();
            first.checked_add(SEEDING_DAYS.days()).ok().filter(|until| *until >= today)
        });
        let kept = copies::Kept::of(given.entries);
        let systems = given.plan.systems.iter().map(|system| {
            let copies = copies::of_system(given.plan, &kept, &register, system);
            let proof = Proof::of(&history, system);
            let grace = dr_plan::grace(median(history.durations(&system.id)));
            let restored = history.last_restored(&system.id).map(|restore| restore.at);
            SystemFacts {
                id: system.id.clone(),
                last_backup: history.last_backup(&system.id).map(|(_, done)| done.as_of()),
                last_verified: copies.iter().filter_map(|copy| copy.verified).max(),
                last_restored: restored.max(proof.proved),
                unreadable: history.last_run(&system.id).map_or(0, |run| run.unreadable),
                noticed: history.last_run(&system.id).map(|run| run.noticed.clone()).unwrap_or_default(),
                unserved: unserved(given, &history, began, system),
                proof,
                grace,
                copies,
            }
        });
        Self {
            now: given.now,
            today,
            began,
            seeding_until,
            systems: systems.collect(),
            disks: disks::of_pools(given, &register, today),
            beside: beside(given, &register),
            clock_moved: given.clock_moved || moved_since_letter(given),
        }
    }

    /// The facts about one system.
    #[must_use]
    pub fn system(&self, id: &SystemId) -> Option<&SystemFacts> {
        self.systems.iter().find(|system| system.id == *id)
    }
}

impl SystemFacts {
    /// Copies that are where they were when somebody last looked, and not known to be damaged.
    pub fn clean(&self) -> impl Iterator<Item = (&CopyFacts, &Stored)> {
        let there = self.copies.iter().filter(|copy| copy.damaged.is_none() && copy.gone.is_none());
        there.filter_map(|copy| Some((copy, copy.stored.as_ref()?)))
    }

    /// How many of them there are: what lies on one device is one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.clean().filter(|(copy, _)| !copy.twin).count()
    }

    /// Whether one of them is outside the building, in a word for people.
    #[must_use]
    pub fn off_site(&self) -> &'static str {
        self.word(|standing| standing.off_site, |standing| standing.maybe_off_site)
    }

    /// Whether one of them is out of an attacker's reach, in a word for people.
    #[must_use]
    pub fn offline(&self) -> &'static str {
        self.word(|standing| standing.offline, |standing| standing.maybe_offline)
    }

    fn word(&self, yes: fn(&Standing) -> bool, maybe: fn(&Standing) -> bool) -> &'static str {
        let any = |test: fn(&Standing) -> bool| self.clean().any(|(copy, _)| test(&copy.standing));
        match (any(yes), any(maybe)) {
            (true, _) => "yes",
            (false, true) => "unknown",
            (false, false) => "NO",
        }
    }

    /// The moment to which the newest clean copy leads back.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.clean().map(|(_, stored)| stored.as_of).max()
    }
}

/// Targets that are there, and not by themselves.
fn beside(given: &Given<'_>, register: &Register) -> Vec<(TargetId, Vec<String>)> {
    let sights = register.sights();
    let of = |id: &TargetId| {
        let sight = sights.target(id).filter(|sight| sight.state == Some(PlaceState::Here))?;
        (!sight.same_as.is_empty()).then(|| (id.clone(), sight.same_as.clone()))
    };
    given.plan.targets.keys().filter_map(of).collect()
}

fn median(durations: &[SignedDuration]) -> Option<SignedDuration> {
    let mut sorted = durations.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).copied()
}

/// The oldest slot since the last served one for which no run of a copy ever began. A copy on disks counts as well: its
/// run begins, and then awaits the disk.
fn unserved(
    given: &Given<'_>,
    history: &History,
    began: Option<Timestamp>,
    system: &dr_plan::System,
) -> Option<Timestamp> {
    let zone = &given.plan.school.timezone;
    let of_copy = |copy: &dr_plan::CopyRule| {
        let past = history.copy(&system.id, &copy.target);
        let served = past.started_slot.max(past.finished_slot).max(past.awaited_slot);
        let from = served.map(|served| served + SignedDuration::from_nanos(1)).or(began)?;
        // The first one decides; a machine that slept for years need not be counted slot by slot.
        let until = given.now.min(from.saturating_add(LONGEST_SLOT).ok()?);
        copy.schedule.slots(from, until, zone).into_iter().next()
    };
    if !system.source.runs() {
        return None;
    }
    system.copies.iter().filter_map(of_copy).min()
}

/// No schedule lets more than a year pass between two slots that a plan would rely on.
const LONGEST_SLOT: SignedDuration = SignedDuration::from_hours(24 * 366);

/// Between decision and clock lie minutes; a run of a night is decided when it begins.
const CLOCKS_APART: SignedDuration = SignedDuration::from_hours(12);

/// Whether anything since the newest letter was noted under a clock that somebody moved, or that was wrong: of a time that
/// has not come, or that a later entry contradicts.
fn moved_since_letter(given: &Given<'_>) -> bool {
    let is_letter = |entry: &&Entry| matches!(entry.event, Event::LetterWritten { .. });
    let letter = given.entries.iter().rev().find(is_letter).map_or(0, |letter| letter.n);
    let counts: BTreeSet<u64> = given.entries.iter().map(|entry| entry.n).filter(|n| *n > letter).collect();
    let apart = |entry: &Entry| entry.decided.duration_since(entry.real).abs() > CLOCKS_APART;
    given.all.iter().filter(|entry| entry.n > letter).any(|entry| apart(entry) || !counts.contains(&entry.n))
}
