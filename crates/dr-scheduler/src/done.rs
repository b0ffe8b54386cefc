//! What came of one round.

use dr_ledger::{Ahead, RunId, RunOutcome};
use dr_run::anchors::Held;
use dr_run::{Run, School, Sealed, Seen, see};

use crate::error::RoundError;
use crate::looks::Looked;
use crate::rehearsal::Proved;
use crate::trouble::trouble;

use crate::notify::Notified;

/// What a round did.
#[derive(Default)]
pub struct Done {
    /// Runs that were found dead.
    pub killed: Vec<RunId>,
    /// Folders of dead processes that were removed from scratch.
    pub swept: usize,
    /// What a look at the places of the copies found, before the copies and after those that failed.
    pub seen: Vec<Seen>,
    /// What came of comparing the ledger with the copies, if it was time for that.
    pub held: Option<Held>,
    /// Copies.
    pub runs: Vec<Run>,
    /// What was said, before the copies and after them.
    pub said: Vec<Notified>,
    /// Where the ledger, the plan and the runbook were kept.
    pub sealed: Vec<Sealed>,
    /// The rehearsal that was due.
    pub proved: Option<Proved>,
    /// The copy that was looked at.
    pub looked: Option<Looked>,
    /// How many entries of the ledger lost their text, because its time was up.
    pub purged: usize,
    /// Another process makes the copies that are due.
    pub busy: bool,
    /// What is noted of a time that has not come, if no copy was made since, this round's included.
    pub ahead: Option<Ahead>,
    /// What could not be done, in words for whoever looks after the server. Each part goes on without the others.
    pub troubles: Vec<String>,
}

impl Done {
    /// Takes what came of one part, or notes its trouble.
    pub(super) fn take<T>(&mut self, what: &str, came: Result<T, RoundError>) -> Option<T> {
        came.inspect_err(trouble).map_err(|why| self.troubles.push(format!("{what}: {why}"))).ok()
    }

    /// Removes what killed processes left in scratch, in the clear.
    pub(super) fn swept(&mut self, school: &School) {
        let swept = dr_run::sweep_scratch(school).map_err(RoundError::from);
        let swept = self.take("what killed runs left in scratch", swept).unwrap_or_default();
        self.swept = swept.found.len() - swept.stuck.len();
        let stuck = swept.stuck.into_iter();
        self.troubles.extend(stuck.map(|(path, why)| {
            format!("{} is of a killed run, holds what that brought back, and cannot be removed: {why}", path.display())
        }));
    }

    /// Looks whether each copy is where it is said to be.
    pub(super) fn see(&mut self, school: &School) {
        let seen = self.take("the look at the places of the copies", see(school).map_err(RoundError::from));
        self.seen.extend(seen.unwrap_or_default());
    }

    /// Whether copies were found to be gone that were there before.
    #[must_use]
    pub fn found_gone(&self) -> bool {
        self.seen.iter().any(|seen| seen.changed && seen.is_gone())
    }

    /// Whether nothing failed.
    #[must_use]
    pub fn went_well(&self) -> bool {
        self.troubles.is_empty()
            && !self.seen.iter().any(Seen::is_gone)
            && self.runs.iter().all(|run| matches!(run.outcome, RunOutcome::Done | RunOutcome::Skipped))
            && self.proved.as_ref().is_none_or(|proved| proved.verdict == dr_ledger::RehearsalVerdict::Verified)
            && self.looked.as_ref().is_none_or(|looked| looked.sound != Some(false))
            && self.held.as_ref().is_none_or(|held| held.misfits.is_empty())
    }
}
