//! What lives and would be gone is captured once more before something else comes in its place.

use std::sync::atomic::AtomicBool;

use dr_ledger::CopyOutcome;
use dr_plan::{System, SystemId};
use dr_repo::Tally;
use dr_source::SourceError;

use crate::error::RunError;
use crate::job::run;
use crate::location::TargetLocation;
use crate::school::School;
use crate::watch::Watch;

/// Counts, and says nothing of where they come from.
struct TallyOnly<'a>(&'a Tally);

impl Watch for TallyOnly<'_> {
    fn copying(&self, _system: &SystemId, _location: &TargetLocation) {}

    fn tally(&self) -> &Tally {
        self.0
    }
}

/// Runs the system's copies; one at least must be made. What was done, for a person.
pub(super) fn captured(school: &School, system: &System, tally: &Tally, stop: &AtomicBool) -> Result<String, RunError> {
    let not = |why: String| SourceError::NotLoaded {
        why: format!(
            "what lives now could not be backed up first ({why}), so nothing was touched; load it beside, under another name, \
             or see to the backup"
        ),
    };
    // Each copy carries the end of the ledger, and the ledger is held to the copies first.
    crate::anchors::hold(school)?;
    let only = std::slice::from_ref(&system.id);
    let turns = crate::due::asked(&school.plan, &school.history()?, only, school.clock.decided());
    let Some(turn) = turns.first() else { return Err(not("the plan has no copy of it".to_owned()).into()) };
    let done = run(school, turn, &TallyOnly(tally), stop)?;
    let whole = |copy: &&crate::job::Copy| copy.outcome == CopyOutcome::Done && copy.snapshot.is_some();
    let Some(copy) = done.copies.iter().find(whole) else {
        let why = done.copies.iter().find_map(|copy| copy.error.clone()).or(done.error);
        return Err(not(why.unwrap_or_else(|| "no copy of it was made".to_owned())).into());
    };
    let snapshot = copy.snapshot.map(|id| id.to_string()).unwrap_or_default();
    let short = snapshot.get(..8).unwrap_or_default();
    Ok(format!("what lived before was backed up first: snapshot {short} on {}", copy.target))
}
