//! What is known about every system, copy and disk at one moment: the plan beside what the ledger says happened.
//!
//! Facts are not judged here. A run that failed leaves no fact behind but its failure: only a copy that was stored moves
//! a clock.

mod copies;
mod disks;
mod proof;

use dr_ledger::{Entry, Event, Head, History, SnapshotRef};
use dr_media::{Move, Register};
use dr_plan::{Calendar, Class, MediumId, PersonId, Plan, PoolId, SystemId, TargetId};
use dr_runbook::Runbook;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};

pub use proof::Proof;

/// Everything that a report is made from.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// What was promised.
    pub plan: &'a Plan,
    /// When people are there.
    pub calendar: &'a Calendar,
    /// The runbook, if the plan has one and it could be read.
    pub runbook: Option<&'a Runbook>,
    /// What happened.
    pub entries: &'a [Entry],
    /// The ledger's end.
    pub head: Head,
    /// Whether the ledger's chain holds.
    pub chain_holds: bool,
    /// The moment for which the report is made.
    pub now: Timestamp,
    /// Whether somebody chose that moment instead of the clock.
    pub clock_moved: bool,
}

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
    /// How many entries the newest run could not read.
    pub unreadable: u64,
    /// How much later than promised a copy may be before anybody is told.
    pub grace: SignedDuration,
    /// The oldest slot of any copy, since its last served one, that nothing served, not even a failed run.
    pub unserved: Option<Timestamp>,
    /// Each copy there is or should be: one for a target, one for each medium of a pool that holds it.
    pub copies: Vec<CopyFacts>,
}

/// One copy of one system.
#[derive(Debug, Clone)]
pub struct CopyFacts {
    /// On which target.
    pub target: TargetId,
    /// On which medium of a pool.
    pub medium: Option<MediumId>,
    /// In which sort of place.
    pub standing: Standing,
    /// Whether this version can make it.
    pub runs: bool,
    /// What it holds; nothing until the first one was stored.
    pub stored: Option<Stored>,
    /// Something on it was found damaged and has not been found sound since.
    pub damaged: Option<Timestamp>,
    /// When it was last found sound.
    pub verified: Option<Timestamp>,
    /// The moment whose data it holds that were looked at and found sound.
    pub verified_as_of: Option<Timestamp>,
}

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Which snapshot.
    pub snapshot: Option<SnapshotRef>,
    /// The moment whose data it holds.
    pub as_of: Timestamp,
    /// When it was stored.
    pub at: Timestamp,
    /// Nothing is missing from it.
    pub complete: bool,
}

/// In which sort of place a copy is. Computed, never declared for a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether it outlives the building.
    pub off_site: bool,
    /// Whether nothing that attacks the server can reach it.
    pub offline: bool,
    /// Its word in documents: `onsite`, `offsite`, `cloud`, or `offline` for an unplugged medium.
    pub class: &'static str,
}

/// One pool of disks.
#[derive(Debug, Clone)]
pub struct DiskFacts {
    /// Which pool.
    pub pool: PoolId,
    /// How many media the plan wants.
    pub wanted: u32,
    /// How many are registered.
    pub registered: usize,
    /// How many of those can be written to.
    pub usable: usize,
    /// Those that nobody can find, and since when.
    pub lost: Vec<(MediumId, Timestamp)>,
    /// Those that somebody holds who has left.
    pub with_leavers: Vec<(MediumId, PersonId)>,
    /// Who carries them, as long as they work here.
    pub custodians: Vec<PersonId>,
    /// What is to be moved next, and by when.
    pub moves: Vec<Move>,
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
            Event::Initialised { .. } | Event::RunStarted { .. } => Some(entry.decided),
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
            clock_moved: given.clock_moved || moved_since_letter(given.entries, &history),
        }
    }

    /// The facts about one system.
    #[must_use]
    pub fn system(&self, id: &SystemId) -> Option<&SystemFacts> {
        self.systems.iter().find(|system| system.id == *id)
    }
}

impl SystemFacts {
    /// Copies that are there and not known to be damaged.
    pub fn clean(&self) -> impl Iterator<Item = (&CopyFacts, &Stored)> {
        self.copies.iter().filter(|copy| copy.damaged.is_none()).filter_map(|copy| Some((copy, copy.stored.as_ref()?)))
    }

    /// The moment to which the newest clean copy leads back.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.clean().map(|(_, stored)| stored.as_of).max()
    }
}

impl Standing {
    /// Where a target with an address is.
    pub(crate) fn of_class(class: Class) -> Self {
        Self { off_site: matches!(class, Class::Offsite | Class::Cloud), offline: false, class: class.as_str() }
    }
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

fn moved_since_letter(entries: &[Entry], history: &History) -> bool {
    let since = history.last_letter().map_or(Timestamp::MIN, |letter| letter.at);
    let apart = |entry: &Entry| entry.decided.duration_since(entry.real).abs() > CLOCKS_APART;
    entries.iter().any(|entry| entry.decided >= since && apart(entry))
}
