//! What did each copy do with its turns so far, and what is its system's work like?

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::{SystemId, TargetId};

/// What a copy last did. Slots are the times its turns were meant for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// The newest slot that was begun.
    pub started: Option<Timestamp>,
    /// The newest slot that was ended, well or badly.
    pub finished: Option<Timestamp>,
    /// The newest slot that was ended well.
    pub succeeded: Option<Timestamp>,
    /// When the newest attempt ended: a moment, not a slot.
    pub ended_at: Option<Timestamp>,
    /// How often the newest slot was tried and failed since it was last served.
    pub failures: u32,
    /// How long a run of the system takes as a rule.
    pub typical_run: Option<SignedDuration>,
    /// How many bytes the system had when it was last read, for whichever copy.
    pub size: Option<u64>,
}

impl Past {
    /// Whether this copy was never made: its first one carries everything.
    #[must_use]
    pub fn is_seeding(&self) -> bool {
        self.succeeded.is_none()
    }
}

/// Every turn of one copy that something was noted about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Turns {
    started: BTreeSet<Timestamp>,
    finished: BTreeMap<Timestamp, Ended>,
    succeeded: BTreeSet<Timestamp>,
}

/// How tries at one slot ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Ended {
    at: Option<Timestamp>,
    failures: u32,
}

impl Turns {
    /// What can have been by `now`. A slot or an end that lies ahead is no evidence of anything: the clock was wrong then,
    /// or is now, and a copy too many harms nobody.
    fn by(&self, now: Timestamp) -> Past {
        let newest = |slots: &BTreeSet<Timestamp>| slots.range(..=now).next_back().copied();
        let finished = self.finished.range(..=now).next_back();
        Past {
            started: newest(&self.started),
            finished: finished.map(|(slot, _)| *slot),
            succeeded: newest(&self.succeeded),
            ended_at: finished.and_then(|(_, ended)| ended.at).filter(|at| *at <= now),
            failures: finished.map_or(0, |(_, ended)| ended.failures),
            ..Past::default()
        }
    }
}

/// What every copy did with its turns. A copy that is not in it has never run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    copies: BTreeMap<SystemId, BTreeMap<TargetId, Turns>>,
    work: BTreeMap<SystemId, (Option<SignedDuration>, Option<u64>)>,
}

impl History {
    /// What this copy last did, whenever that is said to have been.
    #[must_use]
    pub fn of(&self, system: &SystemId, target: &TargetId) -> Past {
        self.by(system, target, Timestamp::MAX)
    }

    /// What this copy last did, as far as that can have been by `now`.
    #[must_use]
    pub fn by(&self, system: &SystemId, target: &TargetId, now: Timestamp) -> Past {
        let turns = self.copies.get(system).and_then(|targets| targets.get(target));
        let past = turns.map(|turns| turns.by(now)).unwrap_or_default();
        let (typical_run, size) = self.work.get(system).copied().unwrap_or_default();
        Past { typical_run, size, ..past }
    }

    fn entry(&mut self, system: &SystemId, target: &TargetId) -> &mut Turns {
        self.copies.entry(system.clone()).or_default().entry(target.clone()).or_default()
    }

    /// Notes that a slot was begun.
    pub fn started(&mut self, system: &SystemId, target: &TargetId, slot: Timestamp) {
        self.entry(system, target).started.insert(slot);
    }

    /// Notes that a slot was ended at `at`.
    pub fn finished(&mut self, system: &SystemId, target: &TargetId, slot: Timestamp, at: Timestamp, well: bool) {
        self.started(system, target, slot);
        let turns = self.entry(system, target);
        let ended = turns.finished.entry(slot).or_default();
        ended.at = ended.at.max(Some(at));
        ended.failures = if well { 0 } else { ended.failures.saturating_add(1) };
        if well {
            turns.succeeded.insert(slot);
        }
    }

    /// Notes how often the newest slot was tried and failed, where only the count is known.
    pub fn failed_times(&mut self, system: &SystemId, target: &TargetId, failures: u32) {
        if let Some(mut newest) = self.entry(system, target).finished.last_entry() {
            newest.get_mut().failures = failures;
        }
    }

    /// Notes what a system's work is like: how long a run takes as a rule, and how many bytes it last had.
    pub fn work(&mut self, system: &SystemId, typical_run: Option<SignedDuration>, size: Option<u64>) {
        self.work.insert(system.clone(), (typical_run, size));
    }
}
