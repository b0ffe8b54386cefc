//! Which snapshots does the plan still keep on each copy, and why? And forgetting the others.

use std::collections::{BTreeMap, BTreeSet};

use dr_ledger::{Event, damaged_since, emptied, suspicion};
use dr_plan::{Retention, Snapshot as Judged, System, SystemId, TargetId, judge};
use dr_repo::{ForgetVerdict, PruneReport, Snapshot, SnapshotId, Tally, Verdict, rewritten_same};
use jiff::Timestamp;
use std::sync::atomic::AtomicBool;

use crate::error::RunError;
use crate::kept::Opened;
use crate::location::TargetLocation;
use crate::own_names::STATE;
use crate::school::School;
use crate::workplace::Workplace;

/// What the plan says of one snapshot on one copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// Which of the opened copies.
    pub copy: usize,
    /// Which snapshot.
    pub id: SnapshotId,
    /// Of which system, as its label says; empty if that does not open.
    pub system: String,
    /// When its capture began, as its label says.
    pub started: Option<Timestamp>,
    /// Whether it stays.
    pub keep: bool,
    /// Why, in words for people.
    pub because: String,
}

/// The ledger, plan and runbook of a month of days, and of some months and years: each holds all of the ledger before it.
const OF_STATE: Retention =
    Retention { last: 0, hourly: 0, daily: 30, weekly: 0, monthly: 24, yearly: 10, within: None, max_age: None };

/// What is forgotten on the opened copies, and what stays, before anything is done.
#[derive(Debug)]
pub struct ForgetPlan {
    verdicts: Vec<Retained>,
}

impl ForgetPlan {
    /// What becomes of each snapshot, and why.
    #[must_use]
    pub fn verdicts(&self) -> &[Retained] {
        &self.verdicts
    }

    /// How many snapshots go.
    #[must_use]
    pub fn removes(&self) -> u64 {
        self.verdicts.iter().filter(|one| !one.keep).count() as u64
    }

    /// Takes what goes off the list of its copy, and writes that into the ledger; how many went. They can be put back until
    /// a prune. `opened`: those of which it was made.
    ///
    /// # Errors
    /// What the repository says; those of the copies before it are forgotten then, and the ledger says so.
    pub fn execute(self, school: &School, opened: &mut [Opened]) -> Result<u64, RunError> {
        let now_ms = school.clock.decided().as_millisecond();
        let mut all = 0;
        for (copy, one) in opened.iter_mut().enumerate() {
            let of_copy = self.verdicts.iter().filter(|verdict| verdict.copy == copy);
            let verdict = |one: &Retained| ForgetVerdict { id: one.id, keep: one.keep, because: one.because.clone() };
            let plan = dr_repo::ForgetPlan::new(of_copy.map(verdict).collect());
            let done = plan.execute(&mut one.repository, now_ms);
            let forgotten = done.map_err(|source| RunError::repository(one.location.named(), source))?.forgotten;
            all += forgotten;
            if forgotten > 0 {
                let text = format!("{forgotten} snapshots were forgotten on {}", one.location.named());
                school.record(Event::Note { text })?;
            }
        }
        Ok(all)
    }
}

/// Judges every snapshot on the opened copies by what the plan says of its system there; `systems`: only theirs, all if
/// empty. Whatever is not understood stays. `now`: the time by which ages are judged, see [`School::age_time`].
///
/// # Errors
/// If the ledger cannot be read.
pub fn plan_forget(
    school: &School,
    opened: &[Opened],
    systems: &BTreeSet<String>,
    now: Timestamp,
) -> Result<ForgetPlan, RunError> {
    let entries = school.entries()?;
    let odd = |system: &SystemId| {
        if damaged_since(&entries, system).is_some() {
            return Some("found damage in its database");
        }
        let unlike = suspicion(&entries, system).is_some() || !emptied(&entries, system, None).is_empty();
        unlike.then_some("was unlike the others")
    };
    let mut out = Vec::new();
    for (copy, one) in opened.iter().enumerate() {
        let mut of_system: BTreeMap<String, Vec<Snapshot>> = BTreeMap::new();
        for snapshot in one.repository.snapshots() {
            let system = snapshot.label.as_ref().map(|label| label.system.clone()).unwrap_or_default();
            if systems.is_empty() || systems.contains(&system) {
                of_system.entry(system).or_default().push(snapshot);
            }
        }
        for (system, snapshots) in of_system {
            let rule = rule(school, &system, &one.location.target, now, &odd);
            let verdicts = verdicts(school, &snapshots, rule, now);
            out.extend(snapshots.into_iter().zip(verdicts).map(|(snapshot, (keep, because))| Retained {
                copy,
                id: snapshot.id,
                system: system.clone(),
                started: started(&snapshot),
                keep,
                because,
            }));
        }
    }
    Ok(ForgetPlan { verdicts: out })
}

fn started(snapshot: &Snapshot) -> Option<Timestamp> {
    Timestamp::from_millisecond(snapshot.label.as_ref()?.started_ms).ok()
}

/// What is kept of a system on a target, or why all of it is.
fn rule(
    school: &School,
    name: &str,
    target: &TargetId,
    now: Timestamp,
    odd: &dyn Fn(&SystemId) -> Option<&'static str>,
) -> Result<Retention, String> {
    if name == STATE {
        return Ok(OF_STATE);
    }
    let Some(system) = school.plan.systems.iter().find(|system| system.id.as_str() == name) else {
        return Err(format!("the plan has no system `{name}`"));
    };
    let Some(copy) = system.copies.iter().find(|copy| copy.target == *target) else {
        return Err(format!("the plan makes no copies of {name} here"));
    };
    if let Some(what) = odd(&system.id) {
        return Err(format!("the newest run of {name} {what}, so nothing of it goes until that is over"));
    }
    Ok(capped(school, system, &copy.retention, now))
}

/// The shorter of the two `max-age` holds.
fn capped(school: &School, system: &System, retention: &Retention, now: Timestamp) -> Retention {
    let zone = &school.plan.school.timezone;
    let ages = [retention.max_age, system.max_age].into_iter().flatten();
    Retention { max_age: ages.max_by_key(|age| age.before(now, zone)), ..retention.clone() }
}

/// Whether each of these stays, and why.
fn verdicts(
    school: &School,
    snapshots: &[Snapshot],
    rule: Result<Retention, String>,
    now: Timestamp,
) -> Vec<(bool, String)> {
    let rewritten_same = rewritten_same(snapshots);
    let fixed = |snapshot: &Snapshot| match (started(snapshot), snapshot.held_until_ms) {
        (None, _) => Some("its label does not open, so nobody knows when it was made".to_owned()),
        (Some(_), Some(until)) if until > now.as_millisecond() => Some(held(school, until)),
        _ if rewritten_same.contains(&snapshot.id) => {
            Some("an erasure rewrote it and was cut off: run it again".to_owned())
        }
        _ => None,
    };
    let rule = match rule {
        Ok(rule) => rule,
        Err(why) => {
            return snapshots.iter().map(|snapshot| (true, fixed(snapshot).unwrap_or_else(|| why.clone()))).collect();
        }
    };
    let judged: Vec<Judged> = snapshots
        .iter()
        .filter(|snapshot| fixed(snapshot).is_none())
        .filter_map(|snapshot| {
            Some(Judged { id: snapshot.id.to_string(), time: started(snapshot)?, number: snapshot.number })
        })
        .collect();
    let verdicts: BTreeMap<String, (bool, String)> = judge(&judged, &rule, now, &school.plan.school.timezone)
        .into_iter()
        .map(|verdict| (verdict.id, (verdict.keep, verdict.because)))
        .collect();
    let of = |snapshot: &Snapshot| match fixed(snapshot) {
        Some(why) => (true, why),
        None => verdicts.get(&snapshot.id.to_string()).cloned().unwrap_or((true, "nobody judged it".to_owned())),
    };
    snapshots.iter().map(of).collect()
}

fn held(school: &School, until_ms: i64) -> String {
    let until = Timestamp::from_millisecond(until_ms).unwrap_or(Timestamp::MAX);
    format!("it is held until {}", until.to_zoned(school.plan.school.timezone.clone()).strftime("%Y-%m-%d"))
}

/// Puts a snapshot back on every opened copy on which it was forgotten; on how many.
///
/// # Errors
/// What a repository says.
pub fn put_back(school: &School, opened: &mut [Opened], name: &str) -> Result<Vec<(usize, SnapshotId)>, RunError> {
    let now_ms = school.clock.decided().as_millisecond();
    let mut back = Vec::new();
    for (copy, one) in opened.iter_mut().enumerate() {
        let Ok(snapshot) = one.repository.find_forgotten(name) else { continue };
        let failed = |source| RunError::repository(one.location.named(), source);
        one.repository.unforget(&[snapshot.id], now_ms).map_err(failed)?;
        school.record(Event::Note {
            text: format!("snapshot {} was put back on {}", snapshot.id, one.location.named()),
        })?;
        back.push((copy, snapshot.id));
    }
    Ok(back)
}

/// Keeps snapshots from being forgotten before a time.
///
/// # Errors
/// What a repository says.
pub fn hold(
    school: &School,
    opened: &mut [Opened],
    held: &[(usize, SnapshotId)],
    until: Timestamp,
) -> Result<(), RunError> {
    let now_ms = school.clock.decided().as_millisecond();
    for (copy, one) in opened.iter_mut().enumerate() {
        let ids: Vec<SnapshotId> = held.iter().filter(|(of, _)| *of == copy).map(|(_, id)| *id).collect();
        if ids.is_empty() {
            continue;
        }
        let failed = |source| RunError::repository(one.location.named(), source);
        one.repository.hold(&ids, until.as_millisecond(), now_ms).map_err(failed)?;
        let text = format!("{} snapshots on {} are held until {until}", ids.len(), one.location.named());
        school.record(Event::Note { text })?;
    }
    Ok(())
}

/// How a prune of a copy is to run.
#[derive(Clone, Copy)]
pub struct PruneOptions<'a> {
    /// Wait for nothing: what goes is gone at once, and nothing can be put back.
    pub at_once: bool,
    /// Somebody says that the clock is right, though it leapt and the ledger does not bear that out yet.
    pub clock_is_right: bool,
    /// Nothing is kept of runs that were surely cut off.
    pub unfinished: bool,
    /// Set from outside to end early.
    pub stop: &'a AtomicBool,
    /// Progress.
    pub tally: &'a Tally,
}

impl PruneOptions<'_> {
    /// Whether anything may go by the clock as it is.
    ///
    /// # Errors
    /// [`RunError::ClockLeapt`]; and if the ledger cannot be read.
    pub fn check_clock(&self, school: &School) -> Result<(), RunError> {
        // What was forgotten can be put back for a week, by a clock that went through it.
        match school.age_time()? {
            (since, true) if !(self.at_once || self.clock_is_right) => {
                Err(RunError::ClockLeapt { since, now: school.clock.decided() })
            }
            _ => Ok(()),
        }
    }
}

/// What becomes of every pack on a copy, and why, before anything is done.
pub struct PrunePlan<'a> {
    plan: dr_repo::PrunePlan<'a>,
    how: PruneOptions<'a>,
}

/// Plans what no snapshot on this copy needs any more.
///
/// # Errors
/// What the repository says.
pub fn plan_prune<'a>(
    work: &'a Workplace<'_>,
    one: &mut Opened,
    how: &PruneOptions<'a>,
) -> Result<PrunePlan<'a>, RunError> {
    let Workplace { scratch, journal, clock } = work;
    let options = dr_repo::PruneOptions {
        unfinished: how.unfinished,
        journal: Some(journal),
        ..dr_repo::PruneOptions::usual(clock(), how.at_once, scratch, clock, how.stop, how.tally)
    };
    let plan = dr_repo::plan_prune(&mut one.repository, &options)
        .map_err(|source| RunError::repository(one.location.named(), source))?;
    Ok(PrunePlan { plan, how: *how })
}

impl PrunePlan<'_> {
    /// What becomes of each pack.
    #[must_use]
    pub fn verdicts(&self) -> &[Verdict] {
        self.plan.verdicts()
    }

    /// What it would come to.
    #[must_use]
    pub fn report(&self) -> &PruneReport {
        self.plan.report()
    }

    /// Gives back the room of what nothing needs, and writes that into the ledger. `one`: the copy of which it was made.
    ///
    /// # Errors
    /// [`RunError::ClockLeapt`], and what the repository says. What was done counts.
    pub fn execute(self, school: &School, one: &mut Opened) -> Result<PruneReport, RunError> {
        self.how.check_clock(school)?;
        let pruned = self.plan.execute(&mut one.repository);
        let pruned = pruned.map_err(|source| RunError::repository(one.location.named(), source))?;
        deleted(school, &one.location, &pruned)?;
        Ok(pruned)
    }
}

/// Writes down that a prune deleted something.
pub(crate) fn deleted(school: &School, location: &TargetLocation, pruned: &PruneReport) -> Result<(), RunError> {
    if pruned.deleted > 0 {
        let text = format!("{} objects were deleted on {} that nothing needed", pruned.deleted, location.named());
        school.record(Event::Note { text })?;
    }
    Ok(())
}
