//! What did each copy do with its turns so far, and what is its system's work like?

use std::collections::BTreeMap;

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
    /// What of it can have been by `now`. A slot or an end that lies ahead is no evidence of anything: the clock was
    /// wrong then, or is now, and a copy too many harms nobody.
    pub(super) fn by(self, now: Timestamp) -> Self {
        let come = |slot: Option<Timestamp>| slot.filter(|slot| *slot <= now);
        let failures = if self.finished > Some(now) { 0 } else { self.failures };
        Self {
            started: come(self.started),
            finished: come(self.finished),
            succeeded: come(self.succeeded),
            ended_at: come(self.ended_at),
            failures,
            ..self
        }
    }

    /// Whether this copy was never made: its first one carries everything.
    #[must_use]
    pub fn is_seeding(&self) -> bool {
        self.succeeded.is_none()
    }
}

/// What every copy last did. A copy that is not in it has never run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    copies: BTreeMap<SystemId, BTreeMap<TargetId, Past>>,
    work: BTreeMap<SystemId, (Option<SignedDuration>, Option<u64>)>,
}

impl History {
    /// What this copy last did.
    #[must_use]
    pub fn of(&self, system: &SystemId, target: &TargetId) -> Past {
        let past = self.copies.get(system).and_then(|targets| targets.get(target)).cloned().unwrap_or_default();
        let (typical_run, size) = self.work.get(system).copied().unwrap_or_default();
        Past { typical_run, size, ..past }
    }

    fn entry(&mut self, system: &SystemId, target: &TargetId) -> &mut Past {
        self.copies.entry(system.clone()).or_default().entry(target.clone()).or_default()
    }

    /// Notes that a slot was begun.
    pub fn started(&mut self, system: &SystemId, target: &TargetId, slot: Timestamp) {
        let past = self.entry(system, target);
        past.started = past.started.max(Some(slot));
    }

    /// Notes that a slot was ended at `at`.
    pub fn finished(&mut self, system: &SystemId, target: &TargetId, slot: Timestamp, at: Timestamp, well: bool) {
        self.started(system, target, slot);
        let past = self.entry(system, target);
        if Some(slot) >= past.finished {
            past.failures = match well {
                true => 0,
                false if past.finished == Some(slot) => past.failures.saturating_add(1),
                false => 1,
            };
        }
        past.finished = past.finished.max(Some(slot));
        past.ended_at = past.ended_at.max(Some(at));
        if well {
            past.succeeded = past.succeeded.max(Some(slot));
        }
    }

    /// Notes how often the newest slot was tried and failed, where only the count is known.
    pub fn failed_times(&mut self, system: &SystemId, target: &TargetId, failures: u32) {
        self.entry(system, target).failures = failures;
    }

    /// Notes what a system's work is like: how long a run takes as a rule, and how many bytes it last had.
    pub fn work(&mut self, system: &SystemId, typical_run: Option<SignedDuration>, size: Option<u64>) {
        self.work.insert(system.clone(), (typical_run, size));
    }
}
