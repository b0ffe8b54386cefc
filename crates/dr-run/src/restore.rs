//! How a system comes back: from the freshest copy that is whole, on-site first, and from another where one is damaged.
//!
//! A snapshot has the same id on every copy, so what one copy has lost is taken from the next that holds the same one;
//! two snapshots are never mixed. Every chunk is proved by its name on the way. That it was done stands in the ledger, and
//! where the ledger cannot be written the data come back all the same.

mod above;
mod before;
mod bring;
mod fed;
mod wanted;
mod within;

use std::borrow::Cow;
use std::path::PathBuf;

use dr_entry::{EntryPath, Unread};
use dr_ledger::{Decision, Event, RestoreOutcome, SnapshotRef};
use dr_plan::{PersonId, System, SystemId};
use dr_repo::{RepoError, RestoreReport, SnapshotId};
use dr_source::driver::Loaded;
use jiff::Timestamp;

use crate::erasures::unnamed;
use crate::error::RunError;
use crate::kept::{Closed, Kept, Opened, kept, open_all};
use crate::keys::KeyEnv;
use crate::location::TargetLocation;
use crate::named::person;
use crate::naming::Naming;
use crate::own_names::STATE;
use crate::school::School;
pub(crate) use above::above_resolved;
use bring::Back;
pub use wanted::{Wanted, Which};

/// What came back.
#[derive(Debug)]
pub struct Restoration {
    /// From where.
    pub location: TargetLocation,
    /// Which snapshot.
    pub snapshot: SnapshotId,
    /// When its capture began.
    pub recovery_point: Timestamp,
    /// To where.
    pub to: PathBuf,
    /// What it is called on its server, if it was loaded into one.
    pub loaded: Option<Loaded>,
    /// Counts, and what did not come back.
    pub restored: RestoreReport,
    /// How its entries are called.
    pub naming: Naming,
    /// How much of what was wanted could not be captured when the snapshot was made: it is not in it.
    pub never_captured: u64,
    /// The names of that, and why; at most 10,000.
    pub not_in_it: Vec<(EntryPath, String)>,
    /// What was asked for and is not there, a sentence each.
    pub not_there: Vec<String>,
    /// What lies outside the plan's paths and was left out.
    pub left_out: Vec<EntryPath>,
    /// Names that were removed, or would be.
    pub removed: u64,
    /// The first of them, on this machine.
    pub removed_names: Vec<PathBuf>,
    /// What was not removed although the snapshot does not have it, on this machine.
    pub spared: Vec<Unread>,
    /// Why it could not be written down that this was done.
    pub unrecorded: Option<String>,
    /// Everything that a person should know: copies that were damaged or away, and what was done instead.
    pub notes: Vec<String>,
    /// What a person does next with what came back, a line to paste each.
    pub next: Vec<String>,
    /// Whether a newer snapshot may exist that cannot be seen.
    pub uncertain: bool,
}

/// That a system may come back in the clear: what executing a plan takes.
pub struct Approved {
    system: SystemId,
    /// Why that could not be written down.
    unrecorded: Option<String>,
}

/// Approves that a system is brought back; of one that is marked sensitive two people do. `second`: who else agrees.
///
/// # Errors
/// [`RunError::SecondPerson`] if it takes another one.
pub fn approve(school: &School, system: &str, second: Option<&PersonId>) -> Result<Approved, RunError> {
    let system = school.system_or_state(system)?;
    let unrecorded = match second_person(school, &system, second, "restore") {
        // Whoever has the key and a second person is not kept from the data because the disk with the state is full.
        Err(why @ (RunError::Ledger(_) | RunError::Local { .. })) => Some(why.to_string()),
        other => other.map(|()| None)?,
    };
    Ok(Approved { system: system.id.clone(), unrecorded })
}

/// The snapshots of which a system is to come back, opened, before anything is written.
pub struct SystemRestorePlan<'a> {
    school: &'a School,
    system: Cow<'a, System>,
    wanted: &'a Wanted<'a>,
    opened: Vec<Opened>,
    /// To be tried one after another, the best first.
    choices: Vec<Kept>,
    notes: Vec<String>,
    unrecorded: Option<String>,
    uncertain: bool,
}

/// Looks for the snapshots that are wanted, on every copy that can be read now.
///
/// # Errors
/// If there is none, or nothing may be put where it is wanted.
pub fn plan_restore<'a>(
    school: &'a School,
    wanted: &'a Wanted<'a>,
    around: &KeyEnv<'_>,
) -> Result<SystemRestorePlan<'a>, RunError> {
    let system = school.system_or_state(wanted.system)?;
    if wanted.to.is_none() && wanted.onto.is_none() && system.id.as_str() == STATE {
        let why = "what happened since would be lost from the ledger";
        return Err(RunError::NotInPlace { system: system.id.clone(), why });
    }
    let mut notes: Vec<String> = Vec::new();
    let mut unrecorded = None;
    if let Err(why) = school.everything() {
        unrecorded = Some(why.to_string());
        notes.push(format!("the ledger cannot be read, so disks and pending erasures are not known: {why}"));
    }
    let key = school.reading_key(around)?;
    let (opened, closed) = open_all(school, &key, wanted.target)?;
    let choices = choose(&system, &wanted.which, &opened, &closed)?;
    let of_system = |closed: &&Closed| system.copies.iter().any(|copy| copy.target == closed.target);
    // That a disk is away is how it should be.
    for closed in closed.iter().filter(|closed| closed.error.is_some()).filter(of_system) {
        notes.push(format!("{} was not asked: {}", closed.target, closed.why));
    }
    let uncertain = matches!(wanted.which, Which::Latest | Which::AsOf(_))
        && opened.iter().any(|one| one.repository.latest_is_uncertain());
    Ok(SystemRestorePlan { school, system, wanted, opened, choices, notes, unrecorded, uncertain })
}

impl SystemRestorePlan<'_> {
    /// Says what would come back, and of a place that stands already what would be replaced there; nothing is written.
    ///
    /// # Errors
    /// If nothing could be read.
    pub fn compare(self) -> Result<Restoration, RunError> {
        self.run(None)
    }

    /// Brings the system back, and writes that into the ledger.
    ///
    /// # Errors
    /// If nothing could be read, there is nowhere to put it, or another system was approved.
    pub fn execute(self, approved: Approved) -> Result<Restoration, RunError> {
        self.run(Some(approved))
    }

    fn run(self, approved: Option<Approved>) -> Result<Restoration, RunError> {
        let Self { school, system, wanted, opened, choices, mut notes, unrecorded, uncertain } = self;
        let (system, compares) = (&*system, approved.is_none());
        if approved.as_ref().is_some_and(|approved| approved.system != system.id) {
            return Err(RunError::SecondPerson { system: system.id.clone() });
        }
        let unrecorded = unrecorded.or(approved.and_then(|approved| approved.unrecorded));
        for choice in &choices {
            let from = &opened[choice.copy];
            let described = match from.repository.describe(choice.id) {
                Ok(described) => described,
                Err(why) => {
                    notes.push(format!("{}: snapshot {} cannot be read: {why}", from.location.named(), choice.id));
                    continue;
                }
            };
            notes.extend(to_be_erased(school, &system.id, &from.location));
            let driver = dr_source::driver(&system.source).ok();
            let (opened, choices) = (&opened[..], &choices[..]);
            let back = Back { school, system, driver, wanted, compares, opened, choices, choice, described };
            let brought = back.bring(&mut notes)?;
            let next = match (&back.driver, wanted.to) {
                (Some(driver), Some(to)) if !compares => driver.next_steps(to),
                _ => Vec::new(),
            };
            let mut outcome = Restoration {
                location: from.location.clone(),
                snapshot: choice.id,
                recovery_point: choice.started,
                to: brought.to,
                loaded: brought.loaded,
                restored: brought.restored,
                naming: brought.naming,
                never_captured: brought.never_captured,
                not_in_it: brought.not_in_it,
                not_there: brought.not_there,
                left_out: brought.left_out,
                removed: brought.removal.removed,
                removed_names: brought.removed_names,
                spared: brought.removal.spared,
                unrecorded,
                notes,
                next,
                uncertain,
            };
            if !compares && let Err(why) = record(school, system, &outcome) {
                outcome.unrecorded = Some(why.to_string());
            }
            return Ok(outcome);
        }
        let why = notes.join("; ");
        Err(RunError::NoCopy { system: system.id.clone(), why, wrong_key: false, no_repository: false })
    }
}

/// What a person must know who restores from a copy on which something still waits to be erased. It keeps nobody from it:
/// on the bad day the rest is what counts.
fn to_be_erased(school: &School, system: &SystemId, location: &TargetLocation) -> Option<String> {
    let not_known = |why| Some(format!("whether something of it was to be erased is not known: {why}"));
    let waits = match school.waiting_erasures() {
        Ok(all) => all.iter().any(|erasure| erasure.system == *system && erasure.waits_for(location)),
        Err(why) => return not_known(why),
    };
    let unnamed = match school.entries().and_then(|entries| unnamed(school, &entries)) {
        Ok(all) => {
            all.iter().any(|one| one.system == *system && one.waits_for(&location.target, location.medium.as_ref()))
        }
        Err(why) => return not_known(why),
    };
    if unnamed {
        return Some(format!(
            "something of {system} was to be erased and is in this copy still. What it was is not known on this host: \
             `dr erase --pending --do`, with the recovery key, looks for that in the sealed state; then erase it from \
             what was restored"
        ));
    }
    waits.then(|| {
        format!(
            "something of {system} was to be erased and is in this copy still: erase it from what was restored, as \
             `dr erase --pending` says"
        )
    })
}

/// Names and contents of a sensitive system are for two people together.
pub(crate) fn second_person(
    school: &School,
    system: &System,
    approved_by: Option<&PersonId>,
    to: &str,
) -> Result<(), RunError> {
    if !system.sensitive {
        return Ok(());
    }
    let Some(second) = approved_by else { return Err(RunError::SecondPerson { system: system.id.clone() }) };
    person(&school.plan, second.as_str())?;
    if school.actor.by.as_ref().is_none_or(|by| by == second) {
        return Err(RunError::SecondPerson { system: system.id.clone() });
    }
    let about = format!("{to} {}", system.id);
    let reason = Some(format!("{second} agreed, named and not authenticated"));
    school.record(Event::Accepted { decision: Decision::Approved, about, reason, until: None }).map(|_| ())
}

/// The snapshots to try, best first; all of one run before those of the next.
pub(crate) fn choose(
    system: &System,
    which: &Which,
    opened: &[Opened],
    closed: &[Closed],
) -> Result<Vec<Kept>, RunError> {
    let all = kept(opened, Some(&system.id));
    let away = || {
        let away: Vec<_> = closed.iter().map(|closed| format!("{}: {}", closed.target, closed.why)).collect();
        if away.is_empty() { String::new() } else { format!(" (not asked: {})", away.join("; ")) }
    };
    if opened.is_empty() {
        let said = |is: fn(&RepoError) -> bool| move |closed: &Closed| matches!(&closed.error, Some(RunError::Repository { source, .. }) if is(source));
        return Err(RunError::NoCopy {
            system: system.id.clone(),
            why: format!("no copy can be read now{}", away()),
            wrong_key: closed.iter().any(said(|e| matches!(e, RepoError::WrongKey(_) | RepoError::CannotRead))),
            no_repository: closed.iter().any(said(|e| matches!(e, RepoError::NoRepository(_)))),
        });
    }
    let none = |why: String| Err(RunError::NoSnapshot { system: system.id.clone(), why });
    let chosen: Vec<Kept> = match which {
        Which::Latest => all,
        Which::AsOf(then) => as_of(all, *then),
        Which::Id(name) if name.len() < 8 => {
            return none(format!("`{name}` is too short: give at least 8 digits of a snapshot's id, or `latest`"));
        }
        Which::Id(name) => {
            let found: Vec<_> = all.into_iter().filter(|kept| kept.id.to_string().starts_with(name.as_str())).collect();
            if found.iter().any(|kept| kept.id != found[0].id) {
                return none(format!("several snapshots begin with `{name}`"));
            }
            found
        }
    };
    if chosen.is_empty() {
        let what = match which {
            Which::Latest => "there is no snapshot of it yet".to_owned(),
            Which::Id(name) => format!("there is no snapshot `{name}` of it"),
            Which::AsOf(then) => format!("no snapshot of it was begun by {}", then.strftime("%Y-%m-%d %H:%M UTC")),
        };
        return none(format!("{what} on any copy that can be read now{}", away()));
    }
    Ok(chosen)
}

/// Those whose capture began by `then`, newest first by their own times: who names a moment goes by the clock.
fn as_of(all: Vec<Kept>, then: Timestamp) -> Vec<Kept> {
    let began = |one: &Kept| all.iter().filter(|kept| kept.run == one.run).map(|kept| kept.started).min();
    let mut by_then: Vec<_> =
        all.iter().filter(|kept| kept.started <= then).map(|kept| (began(kept), kept.clone())).collect();
    by_then.sort_by(|(a, _), (b, _)| b.cmp(a));
    by_then.into_iter().map(|(_, kept)| kept).collect()
}

fn record(school: &School, system: &System, outcome: &Restoration) -> Result<(), RunError> {
    let restored = &outcome.restored;
    let whole = restored.failed.is_empty() && outcome.not_there.is_empty() && outcome.left_out.is_empty();
    let how = match restored.entries {
        // Something was to come back, and did not.
        0 if !restored.failed.is_empty() || outcome.never_captured > 0 => RestoreOutcome::Failed,
        _ if whole && outcome.never_captured == 0 => RestoreOutcome::Done,
        _ => RestoreOutcome::Incomplete,
    };
    let event = Event::Restored {
        system: system.id.clone(),
        target: outcome.location.target.clone(),
        snapshot: SnapshotRef(outcome.snapshot.to_string()),
        files: restored.files,
        bytes: restored.bytes,
        outcome: how,
    };
    school.record(event).map(|_| ())
}
