//! What can be shown as folders: the snapshots of each system, each with the copies that hold it.
//!
//! Whoever sees them reads in the clear, so of a system that is marked sensitive two people decide it, as for a restore,
//! and it stands in the ledger. What was to be erased and is in a copy still is not shown.

use std::sync::Arc;

use dr_entry::EntryPath;
use dr_ledger::{Event, SnapshotRef};
use dr_plan::{PersonId, System, SystemId, TargetId};
use dr_repo::{BrowsedCopy, IsHidden, PageCache, RepoError, SnapshotView, Tree};
use jiff::Timestamp;

use crate::erasure::Erasure;
use crate::erasures::unnamed;
use crate::error::RunError;
use crate::kept::{Closed, Kept, kept, open_all};
use crate::keys::KeyEnv;
use crate::location::TargetLocation;
use crate::meant::Meant;
use crate::restore::{Which, choose, second_person};
use crate::school::School;

/// So many bytes of opened frames stay in memory, over all copies.
pub const FRAMES: usize = 64 << 20;
/// And so many of decoded pages.
pub const PAGES: usize = 32 << 20;

/// A snapshot that can be shown.
pub struct MountableSnapshot {
    /// When its capture began.
    pub started: Timestamp,
    /// What is in it. Nothing of it was read.
    pub view: SnapshotView,
}

/// A system of which something can be shown.
pub struct MountableSystem {
    /// Which.
    pub id: SystemId,
    /// The newest first; at least one.
    pub snapshots: Vec<MountableSnapshot>,
}

/// What can be shown.
pub struct Mountable {
    /// In the order of the plan.
    pub systems: Vec<MountableSystem>,
    /// Systems that are marked sensitive and that nobody else agreed to show.
    pub withheld: Vec<SystemId>,
    /// Copies that should be here and were not asked, and what else a person must know.
    pub notes: Vec<String>,
    /// Why it could not be written down.
    pub unrecorded: Option<String>,
}

/// What is to be shown.
pub struct ToMount<'a> {
    /// One system; every one of the plan if none is named.
    pub system: Option<&'a str>,
    /// One snapshot of it; every one if none is named.
    pub which: Option<&'a Which>,
    /// From this target only.
    pub target: Option<&'a str>,
    /// Who else agrees.
    pub second: Option<&'a PersonId>,
}

/// Opens the copies, and writes down that it is shown.
///
/// # Errors
/// If there is no such system, target or key, nothing that can be shown, or a second person must agree.
pub fn mountable(school: &School, wanted: &ToMount<'_>, around: &KeyEnv<'_>) -> Result<Mountable, RunError> {
    let mut systems = Vec::new();
    match wanted.system {
        Some(name) => systems.push(school.system_or_state(name)?.into_owned()),
        None => systems.extend(school.plan.systems.iter().cloned()),
    }
    let target = wanted.target.map(|name| school.target(name)).transpose()?;
    let (mut withheld, mut unrecorded) = (Vec::new(), None);
    // Before anything of it is looked at.
    let mut agreed = Vec::new();
    for system in systems {
        match second_person(school, &system, wanted.second, "mount") {
            Ok(()) => agreed.push(system),
            Err(RunError::SecondPerson { .. }) if wanted.system.is_none() => withheld.push(system.id),
            // As for a restore: whoever has the key and a second person is not kept from the data by a disk that is full.
            Err(why @ (RunError::Ledger(_) | RunError::Local { .. })) => {
                unrecorded = Some(why.to_string());
                agreed.push(system);
            }
            Err(why) => return Err(why),
        }
    }
    let key = school.reading_key(around)?;
    let (opened, closed) = open_all(school, &key, wanted.target)?;
    let of_systems =
        |closed: &&Closed| agreed.iter().any(|system| system.copies.iter().any(|copy| copy.target == closed.target));
    let away = closed.iter().filter(|closed| closed.error.is_some()).filter(of_systems);
    let mut notes: Vec<String> =
        away.map(|closed| format!("{} was not asked: {}", closed.target, closed.why)).collect();
    let mut chosen = Vec::new();
    for system in agreed {
        let of_it = match wanted.which {
            Some(which) => vec![of_one(&choose(&system, which, &opened, &closed)?)],
            None if wanted.system.is_some() => by_run(choose(&system, &Which::Latest, &opened, &closed)?),
            None => by_run(kept(&opened, Some(&system.id))),
        };
        if !of_it.is_empty() {
            notes.extend(opened.iter().filter_map(|one| not_known(school, &system.id, &one.location)));
            chosen.push((system, of_it));
        }
    }
    if chosen.is_empty() {
        return Err(nothing(school, &withheld, &closed));
    }
    let erasures = school.waiting_erasures().unwrap_or_default();
    let waits = |system: &SystemId, kept: &Kept| -> Vec<Meant> {
        let at = opened.get(kept.copy).map(|one| &one.location);
        let waits = |erasure: &&Erasure| erasure.system == *system && at.is_some_and(|at| erasure.waits_for(at));
        let of_it = erasures.iter().filter(waits);
        of_it.filter_map(|erasure| Meant::new(&erasure.paths, &erasure.globs).ok()).collect()
    };
    let hidden: Vec<Vec<Option<Box<IsHidden>>>> = chosen
        .iter()
        .map(|(system, of_it)| {
            let of_one = |copies: &Vec<Kept>| {
                let all: Vec<Meant> = copies.iter().flat_map(|kept| waits(&system.id, kept)).collect();
                hides(all)
            };
            of_it.iter().map(of_one).collect()
        })
        .collect();
    for (system, of_it) in &chosen {
        let snapshot = wanted.which.and_then(|_| of_it.first()?.first()).map(|kept| kept.id.to_string());
        if let Err(why) = record(school, system, target.clone(), snapshot) {
            unrecorded = Some(why.to_string());
        }
    }
    let pages = Arc::new(PageCache::new(PAGES));
    let each = FRAMES / opened.len().max(1);
    let copies: Vec<Arc<BrowsedCopy>> =
        opened.into_iter().map(|one| Arc::new(BrowsedCopy::new(one.repository, each))).collect();
    let systems = chosen.into_iter().zip(hidden).map(|((system, of_it), hidden)| {
        let snapshots = of_it.into_iter().zip(hidden).filter_map(|(of_one, hidden)| {
            let first = of_one.first()?;
            let (id, started) = (first.id, first.started);
            let held = of_one.iter().filter_map(|kept| copies.get(kept.copy).cloned()).collect();
            Some(MountableSnapshot { started, view: SnapshotView::new(id, held, Arc::clone(&pages), hidden) })
        });
        MountableSystem { id: system.id, snapshots: snapshots.collect() }
    });
    let systems = systems.collect();
    Ok(Mountable { systems, withheld, notes, unrecorded })
}

/// The snapshots one by one, each on every copy that holds it: of one run the best copy's.
fn by_run(all: Vec<Kept>) -> Vec<Vec<Kept>> {
    let mut runs: Vec<Vec<Kept>> = Vec::new();
    for kept in all {
        match runs.last_mut() {
            Some(run) if run.first().is_some_and(|first| first.run == kept.run) => run.push(kept),
            _ => runs.push(vec![kept]),
        }
    }
    runs.iter().map(|run| of_one(run)).filter(|of_one| !of_one.is_empty()).collect()
}

/// The first of them, on every copy that holds it. What was rewritten without something stands for what it was before.
fn of_one(all: &[Kept]) -> Vec<Kept> {
    let Some(first) = all.first() else { return Vec::new() };
    let rewritten = all.iter().find(|kept| kept.run == first.run && kept.id != kept.run);
    let id = rewritten.unwrap_or(first).id;
    all.iter().filter(|kept| kept.id == id).cloned().collect()
}

/// What is not to be shown of a snapshot.
fn hides(all: Vec<Meant>) -> Option<Box<IsHidden>> {
    if all.is_empty() {
        return None;
    }
    Some(Box::new(move |tree: &Tree, path: &EntryPath| {
        let (roots, shape) = (&tree.label.paths, tree.shape);
        all.iter().any(|meant| meant.entries(roots, shape).contains(path) || meant.matches(path, roots, shape))
    }))
}

/// What a person must know where something was to be erased and nobody here knows what.
fn not_known(school: &School, system: &SystemId, at: &TargetLocation) -> Option<String> {
    let all = school.entries().and_then(|entries| unnamed(school, &entries));
    let waits = match all {
        Ok(all) => all.iter().any(|one| one.system == *system && one.waits_for(&at.target, at.medium.as_ref())),
        Err(why) => return Some(format!("whether something of {system} was to be erased is not known: {why}")),
    };
    waits.then(|| {
        format!(
            "something of {system} was to be erased and is in {} still, and is shown. What it was is not known on this host: \
             `dr erase --pending --do`, with the recovery key, looks for that in the sealed state",
            at.named()
        )
    })
}

fn nothing(school: &School, withheld: &[SystemId], closed: &[Closed]) -> RunError {
    if let Some(system) = withheld.first() {
        return RunError::SecondPerson { system: system.clone() };
    }
    let said = |is: fn(&RepoError) -> bool| move |closed: &Closed| matches!(&closed.error, Some(RunError::Repository { source, .. }) if is(source));
    let away: Vec<_> = closed.iter().map(|closed| format!("{}: {}", closed.target, closed.why)).collect();
    let away = if away.is_empty() { String::new() } else { format!(" (not asked: {})", away.join("; ")) };
    match school.plan.systems.first() {
        Some(system) => RunError::NoCopy {
            system: system.id.clone(),
            why: format!("nor of another system: there is no snapshot on any copy that can be read now{away}"),
            wrong_key: closed.iter().any(said(|e| matches!(e, RepoError::WrongKey(_) | RepoError::CannotRead))),
            no_repository: closed.iter().any(said(|e| matches!(e, RepoError::NoRepository(_)))),
        },
        None => RunError::UnknownSystem { name: String::new(), known: Vec::new(), instead: String::new() },
    }
}

fn record(
    school: &School,
    system: &System,
    target: Option<TargetId>,
    snapshot: Option<String>,
) -> Result<(), RunError> {
    let event = Event::Mounted { system: system.id.clone(), target, snapshot: snapshot.map(SnapshotRef) };
    school.record(event).map(|_| ())
}
