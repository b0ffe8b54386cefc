//! Looking at the copies for damage, and mending them: what the ledger hears of it.

use std::sync::atomic::AtomicBool;

use dr_ledger::{CheckKind, Entry, Event};
use dr_plan::{MediumId, SystemId, TargetId};
use dr_repo::{CheckReport, Finding, Key, Mended, RepairReport, Repository, Tally, Touched, Unread};

use crate::error::RunError;
use crate::folders::workplace;
use crate::kept::Opened;
use crate::location::TargetLocation;
use crate::school::School;
use crate::workplace::Workplace;

/// How copies are mended.
#[derive(Clone, Copy)]
pub struct RepairOptions<'a> {
    /// The other copies that can be reached.
    pub others: &'a [Repository],
    /// Set from outside to end early.
    pub stop: &'a AtomicBool,
    /// Progress.
    pub tally: &'a Tally,
}

/// What is damaged on a copy, before anything is done.
pub struct RepairPlan<'a> {
    plan: dr_repo::RepairPlan<'a>,
}

/// Reads everything on a copy.
///
/// # Errors
/// What the repository says.
pub fn plan_repair<'a>(
    work: &'a Workplace<'_>,
    one: &mut Opened,
    how: &RepairOptions<'a>,
) -> Result<RepairPlan<'a>, RunError> {
    let Workplace { scratch, journal, clock } = work;
    let options = dr_repo::RepairOptions {
        now_ms: clock(),
        others: how.others,
        scratch,
        journal: Some(journal),
        clock,
        stop: how.stop,
        tally: how.tally,
    };
    let plan = dr_repo::plan_repair(&mut one.repository, &options);
    Ok(RepairPlan { plan: plan.map_err(|source| RunError::repository(one.location.named(), source))? })
}

impl RepairPlan<'_> {
    /// What is damaged.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        self.plan.findings()
    }

    /// Leaves it at the look, and writes into the ledger what came of that. `one`: the copy of which it was made.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn only_looked(self, school: &School, one: &Opened) -> Result<RepairReport, RunError> {
        let found = self.plan.report().clone();
        looked(school, &one.location, &found.before)?;
        Ok(found)
    }

    /// Mends, and writes into the ledger what came of it. `one`: the copy of which it was made.
    ///
    /// # Errors
    /// What the repository says. What was mended counts.
    pub fn execute(
        self,
        school: &School,
        one: &mut Opened,
        each: &mut dyn FnMut(&Mended),
    ) -> Result<RepairReport, RunError> {
        let repaired = self.plan.execute(&mut one.repository, each);
        let repaired = repaired.map_err(|source| RunError::repository(one.location.named(), source))?;
        if !repaired.mended.is_empty() {
            let text = format!("{} things were mended on {}", repaired.mended.len(), one.location.named());
            school.record(Event::Note { text })?;
        }
        looked(school, &one.location, repaired.after.as_ref().unwrap_or(&repaired.before))?;
        Ok(repaired)
    }
}

/// Writes into the ledger that a copy was looked at, and what came of it: damage for the systems that it touches, where
/// that can be told, and not for others. A look that opened nothing and read nothing proves no soundness, and only damage
/// is worth an entry then.
///
/// # Errors
/// If the ledger cannot be written.
pub fn looked(school: &School, location: &TargetLocation, checked: &CheckReport) -> Result<(), RunError> {
    let (what, proves) = match checked.follows_trees() {
        // Whoever read every byte also takes back what a rehearsal found.
        true if checked.unread == Unread::Nothing && checked.packs_read > 0 => {
            (CheckKind::ReadData, checked.snapshots > 0 && checked.trees_left == 0)
        }
        true => (CheckKind::Check, checked.snapshots > 0 && checked.trees_left == 0),
        false => (CheckKind::Objects, checked.packs_read > 0),
    };
    let place = (&location.target, location.medium.as_ref());
    let touched = &checked.touched;
    if checked.findings.is_empty() {
        return if proves { note(school, place, None, what, true) } else { Ok(()) };
    }
    if touched.any {
        return note(school, place, None, what, false);
    }
    // One by one, so that nothing in the ledger says more than was found.
    for name in checked.systems.union(&touched.systems) {
        let is_touched = touched.systems.contains(name);
        if let Ok(system) = SystemId::new(name.as_str())
            && (is_touched || proves)
        {
            note(school, place, Some(system), what, !is_touched)?;
        }
    }
    Ok(())
}

type Place<'a> = (&'a TargetId, Option<&'a MediumId>);

fn note(
    school: &School,
    (target, medium): Place<'_>,
    system: Option<SystemId>,
    what: CheckKind,
    ok: bool,
) -> Result<(), RunError> {
    let (target, medium) = (target.clone(), medium.cloned());
    school.record(Event::Verified { target, medium, system, snapshot: None, what, ok }).map(|_| ())
}

/// Writes into the ledger that a run came upon packs that earlier backups rely on and nobody can: once, until a look finds
/// the copy sound.
pub(crate) fn harmed(school: &School, place: Place<'_>, touched: &Touched) -> Result<(), RunError> {
    let (entries, what) = (school.entries()?, CheckKind::Objects);
    let planned = school.plan.systems.iter().map(|system| &system.id);
    if touched.any {
        let mut planned = planned;
        let is_known = planned.all(|system| is_known_damaged(&entries, place, system));
        return if is_known { Ok(()) } else { note(school, place, None, what, false) };
    }
    for system in planned.filter(|system| touched.systems.contains(system.as_str())) {
        if !is_known_damaged(&entries, place, system) {
            note(school, place, Some(system.clone()), what, false)?;
        }
    }
    Ok(())
}

/// Whether the newest look at all that a system has there found damage.
fn is_known_damaged(entries: &[Entry], (on, disk): Place<'_>, of: &SystemId) -> bool {
    let newest = entries.iter().rev().find_map(|entry| match &entry.event {
        Event::Verified { target, medium, system, snapshot: None, what, ok }
            if target == on
                && medium.as_ref() == disk
                && *what >= CheckKind::Objects
                && system.as_ref().is_none_or(|system| system == of) =>
        {
            Some(!ok)
        }
        Event::MediumInitialised { medium, .. } if Some(medium) == disk => Some(false),
        _ => None,
    });
    newest.unwrap_or(false)
}

/// Remembers what a look has read and what it found damaged: in the copy's log, so that the next look reads other parts
/// and nobody relies on damage where the key may say so; and among this host's notes, so that its next run stores again
/// what lay there.
///
/// # Errors
/// What the repository says.
pub fn remember(school: &School, location: &TargetLocation, key: Key, checked: &CheckReport) -> Result<(), RunError> {
    if checked.packs_read == 0 && checked.findings.is_empty() {
        return Ok(());
    }
    let named = |source| RunError::repository(location.named(), source);
    let mut repository = school.open(location, key, true)?;
    let (_, journal) = workplace(school, &repository)?;
    let now_ms = school.clock.decided().as_millisecond();
    repository.remember_damage(checked, Some(&journal), now_ms).map_err(named)?;
    repository.remember_read(checked, now_ms).map_err(named).map(|_| ())
}
