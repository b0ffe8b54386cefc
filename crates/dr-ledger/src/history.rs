//! What the entries say about now: when each copy was last made, looked at and brought back, and what never finished.
//!
//! A pure fold. Times are the entries' `decided` ones, so that a history replayed under another clock gives the same
//! answers; only how long a run took comes from the real clock. "Successful" means a copy that was stored, also by a
//! run that could not read everything: how complete it was stands beside it. Which runs never ended is told by the order of
//! the entries; everything else only by those whose time has come ([`History::at`]).

use std::collections::{BTreeMap, BTreeSet};

use dr_plan::{MediumId, SystemId, TargetId};
use jiff::{SignedDuration, Timestamp};

use crate::entry::Entry;
use crate::event::{
    CheckKind, CopyOutcome, Event, LetterStatus, Noticed, RehearsalVerdict, RehearsedSystem, RestoreOutcome, RunCopy,
    RunOutcome,
};
use crate::id::{RunId, SnapshotRef};
use crate::time::{Now, counted};

/// Answers about the past, folded from the entries.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    copies: BTreeMap<(SystemId, TargetId), CopyHistory>,
    unfinished: BTreeMap<RunId, Unfinished>,
    durations: BTreeMap<SystemId, Vec<SignedDuration>>,
    last_runs: BTreeMap<SystemId, LastRun>,
    sizes: BTreeMap<SystemId, u64>,
    counts: BTreeMap<SystemId, BTreeMap<String, u64>>,
    checks: Vec<Check>,
    restores: BTreeMap<SystemId, Restore>,
    rehearsals: Vec<Rehearsal>,
    letter: Option<Letter>,
    initialised: BTreeSet<TargetId>,
}

/// One system on one target. Slots are the newest ones, whichever run served them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CopyHistory {
    /// The newest slot for which a run began.
    pub started_slot: Option<Timestamp>,
    /// The newest slot for which a run came to an end on this target, well or badly. Waiting for a medium is no end.
    pub finished_slot: Option<Timestamp>,
    /// How many attempts at that slot failed since it was last served.
    pub failures: u32,
    /// The newest slot whose copy was stored.
    pub successful_slot: Option<Timestamp>,
    /// The newest slot that waits, or waited, for a medium.
    pub awaited_slot: Option<Timestamp>,
    /// When the newest attempt ended, whatever came of it, a wait for a medium included: a moment, not a slot.
    pub ended_at: Option<Timestamp>,
    /// The newest copy.
    pub last_done: Option<Done>,
    /// The newest attempt that failed, and what it said.
    pub last_failed: Option<Failed>,
    /// The newest copy on each medium.
    pub by_medium: BTreeMap<MediumId, Done>,
    /// The newest look at this copy, good or bad. A look at a whole target counts for what was stored there by then.
    pub last_checked: Option<Check>,
    /// The newest look at this copy that found everything sound.
    pub last_verified: Option<Check>,
}

/// A copy that was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// By which run.
    pub run: RunId,
    /// How the run as a whole ended: `incomplete` means that entries are missing.
    pub run_outcome: RunOutcome,
    /// When the run ended.
    pub at: Timestamp,
    /// What the copy is "as of".
    pub capture_started: Option<Timestamp>,
    /// What was stored.
    pub snapshot: Option<SnapshotRef>,
    /// On which medium.
    pub medium: Option<MediumId>,
}

impl Done {
    /// The moment whose data this copy holds: the capture's start, or if nobody said, the end of the run.
    #[must_use]
    pub fn as_of(&self) -> Timestamp {
        self.capture_started.unwrap_or(self.at)
    }
}

/// A copy that was not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// When.
    pub at: Timestamp,
    /// What it said.
    pub error: Option<String>,
}

/// A run that began and never said how it ended: it was killed, or is still going.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Which run.
    pub run: RunId,
    /// Whose data.
    pub system: SystemId,
    /// When it began.
    pub since: Timestamp,
    /// When it began by the real clock.
    pub since_real: Timestamp,
    /// The slots that it meant to serve.
    pub slots: BTreeMap<TargetId, Timestamp>,
}

/// How a system's newest run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// Which run.
    pub run: RunId,
    /// When it ended.
    pub at: Timestamp,
    /// How.
    pub outcome: RunOutcome,
    /// How many entries flowed.
    pub entries: u64,
    /// How many bytes were read.
    pub bytes_read: u64,
    /// How many entries could not be read, or not with all that belongs to them.
    pub unreadable: u64,
    /// What else was noticed.
    pub noticed: Noticed,
}

/// One look at stored data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub target: TargetId,
    /// On which medium.
    pub medium: Option<MediumId>,
    /// One system only, if so.
    pub system: Option<SystemId>,
    /// One snapshot only, if so.
    pub snapshot: Option<SnapshotRef>,
    /// How thoroughly.
    pub what: CheckKind,
    /// Whether all was sound.
    pub ok: bool,
}

/// A restore that brought everything back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restore {
    /// When.
    pub at: Timestamp,
    /// From where.
    pub target: TargetId,
    /// From which snapshot.
    pub snapshot: SnapshotRef,
}

/// One rehearsal.
#[derive(Debug, Clone, PartialEq)]
pub struct Rehearsal {
    /// When.
    pub at: Timestamp,
    /// The worst of the systems' verdicts.
    pub verdict: RehearsalVerdict,
    /// `L1`, `L2` or `L3`.
    pub level: String,
    /// Each system's part.
    pub systems: Vec<RehearsedSystem>,
    /// Where the evidence is.
    pub evidence: String,
    /// Only so many files were brought back, instead of all.
    pub picked: Option<u64>,
}

/// The newest letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letter {
    /// Counting from 1.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// The word at its top.
    pub status: LetterStatus,
}

impl History {
    /// Folds `entries`, oldest first, all of which are evidence.
    #[must_use]
    pub fn of(entries: &[Entry]) -> Self {
        let mut history = Self::default();
        for entry in entries {
            history.take(entry);
        }
        history
    }

    /// Folds `entries`, oldest first, as they count for who asks now.
    #[must_use]
    pub fn at(entries: &[Entry], now: Now) -> Self {
        let mut history = Self::default();
        for (entry, counts) in entries.iter().zip(counted(entries, now)) {
            if counts { history.take(entry) } else { history.take_order(entry) }
        }
        history
    }

    /// Of an entry that is no evidence of its time: which runs began, and which ended.
    fn take_order(&mut self, entry: &Entry) {
        match &entry.event {
            Event::RunStarted { run, system, slots, .. } => self.begin(entry, run, system, slots),
            Event::RunKilled { run, .. } | Event::RunFinished { run, .. } => {
                self.unfinished.remove(run);
            }
            _ => {}
        }
    }

    fn begin(&mut self, entry: &Entry, run: &RunId, system: &SystemId, slots: &BTreeMap<TargetId, Timestamp>) {
        let (run, system, slots) = (run.clone(), system.clone(), slots.clone());
        let (since, since_real) = (entry.decided, entry.real);
        self.unfinished.insert(run.clone(), Unfinished { run, system, since, since_real, slots });
    }

    /// What is known about one system on one target.
    #[must_use]
    pub fn copy(&self, system: &SystemId, target: &TargetId) -> CopyHistory {
        self.copies.get(&(system.clone(), target.clone())).cloned().unwrap_or_default()
    }

    /// Every system and target that a run ever concerned.
    pub fn copies(&self) -> impl Iterator<Item = (&SystemId, &TargetId, &CopyHistory)> {
        self.copies.iter().map(|((system, target), copy)| (system, target, copy))
    }

    /// The system's newest copy on any target.
    #[must_use]
    pub fn last_backup(&self, system: &SystemId) -> Option<(&TargetId, &Done)> {
        let of_system = self.copies.iter().filter(|((s, _), _)| s == system);
        of_system.filter_map(|((_, t), copy)| Some((t, copy.last_done.as_ref()?))).max_by_key(|(_, done)| done.as_of())
    }

    /// How the system's newest run ended.
    #[must_use]
    pub fn last_run(&self, system: &SystemId) -> Option<&LastRun> {
        self.last_runs.get(system)
    }

    /// How big the system was when it was last captured, as its runs say.
    #[must_use]
    pub fn last_size(&self, system: &SystemId) -> Option<u64> {
        self.sizes.get(system).copied()
    }

    /// What the maker of the system's last export counted in it, as its runs say; see [`Counted::of`](crate::Counted::of).
    #[must_use]
    pub fn last_counts(&self, system: &SystemId) -> BTreeMap<String, u64> {
        self.counts.get(system).cloned().unwrap_or_default()
    }

    /// Runs that began and never ended, oldest first.
    #[must_use]
    pub fn unfinished(&self) -> Vec<&Unfinished> {
        let mut runs: Vec<_> = self.unfinished.values().collect();
        runs.sort_by_key(|run| run.since);
        runs
    }

    /// How long the system's finished runs took by the real clock, oldest first.
    #[must_use]
    pub fn durations(&self, system: &SystemId) -> &[SignedDuration] {
        self.durations.get(system).map_or(&[], Vec::as_slice)
    }

    /// Every look at stored data, oldest first.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The newest restore, by a person who needed it, that brought everything back.
    #[must_use]
    pub fn last_restored(&self, system: &SystemId) -> Option<&Restore> {
        self.restores.get(system)
    }

    /// The newest rehearsal that the system took part in, however it went.
    #[must_use]
    pub fn last_rehearsed(&self, system: &SystemId) -> Option<(&Rehearsal, &RehearsedSystem)> {
        self.rehearsals_of(system).next_back()
    }

    /// The newest rehearsal that brought the system back.
    #[must_use]
    pub fn last_proved(&self, system: &SystemId) -> Option<(&Rehearsal, &RehearsedSystem)> {
        self.rehearsals_of(system).rfind(|(_, part)| part.verdict == RehearsalVerdict::Verified)
    }

    /// Every rehearsal, oldest first.
    #[must_use]
    pub fn rehearsals(&self) -> &[Rehearsal] {
        &self.rehearsals
    }

    /// The newest letter.
    #[must_use]
    pub fn last_letter(&self) -> Option<Letter> {
        self.letter
    }

    /// Targets that have a repository.
    #[must_use]
    pub fn initialised(&self) -> &BTreeSet<TargetId> {
        &self.initialised
    }

    fn rehearsals_of(&self, system: &SystemId) -> impl DoubleEndedIterator<Item = (&Rehearsal, &RehearsedSystem)> {
        let parts = self.rehearsals.iter().flat_map(|r| r.systems.iter().map(move |part| (r, part)));
        parts.filter(move |(_, part)| part.system == *system)
    }

    fn take(&mut self, entry: &Entry) {
        let at = entry.decided;
        match &entry.event {
            Event::Initialised { targets } => self.initialised.extend(targets.iter().cloned()),
            Event::RunStarted { run, system, slots, .. } => {
                for (target, slot) in slots {
                    raise(&mut self.of_copy(system, target).started_slot, Some(*slot));
                }
                self.begin(entry, run, system, slots);
            }
            Event::RunKilled { run, .. } => {
                self.unfinished.remove(run);
            }
            Event::RunFinished {
                run,
                system,
                outcome,
                copies,
                capture_started,
                entries,
                bytes_read,
                size,
                unreadable,
                noticed,
            } => {
                if let Some(began) = self.unfinished.remove(run) {
                    let took = entry.real.duration_since(began.since_real);
                    // A clock that was put right while it ran says nothing of how long that took.
                    if (SignedDuration::ZERO..=LONGEST_RUN).contains(&took) {
                        self.durations.entry(system.clone()).or_default().push(took);
                    }
                }
                for copy in copies {
                    let done = Done {
                        run: run.clone(),
                        run_outcome: *outcome,
                        at,
                        capture_started: *capture_started,
                        snapshot: copy.snapshot.clone(),
                        medium: copy.medium.clone(),
                    };
                    self.of_copy(system, &copy.target).take(copy, done);
                }
                let (run, entries, bytes_read, unreadable) = (run.clone(), *entries, *bytes_read, *unreadable);
                if let Some(size) = size {
                    self.sizes.insert(system.clone(), *size);
                    let counts = noticed.counts.iter().map(|one| (one.of.clone(), one.count)).collect();
                    self.counts.insert(system.clone(), counts);
                }
                let (outcome, noticed) = (*outcome, noticed.clone());
                let last = LastRun { run, at, outcome, entries, bytes_read, unreadable, noticed };
                self.last_runs.insert(system.clone(), last);
            }
            Event::Verified { target, medium, system, snapshot, what, ok } => {
                let check = Check {
                    at,
                    target: target.clone(),
                    medium: medium.clone(),
                    system: system.clone(),
                    snapshot: snapshot.clone(),
                    what: *what,
                    ok: *ok,
                };
                for ((of, on), copy) in &mut self.copies {
                    if on == target && system.as_ref().is_none_or(|system| system == of) {
                        copy.look(&check);
                    }
                }
                self.checks.push(check);
            }
            // One that brought nothing back proves nothing.
            Event::Restored { system, target, snapshot, outcome: RestoreOutcome::Done, files: 1.., .. } => {
                let restore = Restore { at, target: target.clone(), snapshot: snapshot.clone() };
                self.restores.insert(system.clone(), restore);
            }
            Event::Rehearsed { verdict, level, systems, evidence, picked, .. } => {
                let (level, systems, evidence) = (level.clone(), systems.clone(), evidence.clone());
                self.rehearsals.push(Rehearsal { at, verdict: *verdict, level, systems, evidence, picked: *picked });
            }
            Event::LetterWritten { number, status, .. } => {
                self.letter = Some(Letter { number: *number, at, status: *status });
            }
            // Custody is folded by dr-media; decisions and notes answer no question here.
            _ => {}
        }
    }

    fn of_copy(&mut self, system: &SystemId, target: &TargetId) -> &mut CopyHistory {
        self.copies.entry((system.clone(), target.clone())).or_default()
    }
}

impl CopyHistory {
    fn take(&mut self, copy: &RunCopy, done: Done) {
        raise(&mut self.ended_at, Some(done.at));
        match copy.outcome {
            CopyOutcome::Awaited => return raise(&mut self.awaited_slot, copy.slot),
            CopyOutcome::Done => {
                self.failures = 0;
                raise(&mut self.successful_slot, copy.slot);
                // After a day with the clock behind, what it holds is older by its own words than what was there.
                let newer = |than: Option<&Done>| than.is_none_or(|than| done.as_of() >= than.as_of());
                if let Some(medium) = copy.medium.as_ref().filter(|medium| newer(self.by_medium.get(*medium))) {
                    self.by_medium.insert(medium.clone(), done.clone());
                }
                if newer(self.last_done.as_ref()) {
                    self.last_done = Some(done);
                }
            }
            CopyOutcome::Failed => {
                if copy.slot.is_some() && copy.slot >= self.finished_slot {
                    self.failures = if copy.slot > self.finished_slot { 1 } else { self.failures.saturating_add(1) };
                }
                self.last_failed = Some(Failed { at: done.at, error: copy.error.clone() });
            }
            CopyOutcome::Skipped => {}
        }
        raise(&mut self.finished_slot, copy.slot);
    }

    /// Takes note of a look at the target, unless this copy was not there yet.
    fn look(&mut self, check: &Check) {
        let there = match &check.medium {
            Some(medium) => self.by_medium.contains_key(medium),
            None => self.last_done.is_some(),
        };
        if there {
            self.last_checked = Some(check.clone());
            if check.ok {
                self.last_verified = Some(check.clone());
            }
        }
    }
}

/// No run takes longer: what lies between its two entries is a clock that was put right.
const LONGEST_RUN: SignedDuration = SignedDuration::from_hours(24 * 14);

fn raise(newest: &mut Option<Timestamp>, slot: Option<Timestamp>) {
    *newest = (*newest).max(slot);
}
