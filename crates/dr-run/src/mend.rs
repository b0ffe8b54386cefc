//! Looking at the copies for damage, and mending them: what the ledger hears of it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_ledger::{CheckKind, Event};
use dr_repo::{Checked, Repair, Repaired, RepoError, Repository, Tally, Told};
use dr_store::Shelf;
use dr_store::local::LocalStore;

use crate::error::RunError;
use crate::job::workplace;
use crate::kept::Opened;
use crate::school::School;
use crate::targets::Spot;

/// How copies are mended.
pub struct Mending<'a> {
    /// Only say what is lost.
    pub dry: bool,
    /// The other copies that can be reached.
    pub others: &'a [Repository],
    /// Set from outside to end early.
    pub stop: &'a AtomicBool,
    /// Progress.
    pub tally: &'a Tally,
}

/// Mends a copy, and writes into the ledger what came of it.
///
/// # Errors
/// What the repository says. What was mended counts.
pub fn mend(
    school: &School,
    one: &mut Opened,
    how: &Mending<'_>,
    each: &mut dyn FnMut(Told<'_>),
) -> Result<Repaired, RunError> {
    let (scratch, journal) = workplace(school, &one.repository)?;
    let clock = || school.clock.decided().as_millisecond();
    let options = Repair {
        now_ms: clock(),
        dry: how.dry,
        others: how.others,
        scratch: &scratch,
        journal: Some(&journal),
        clock: &clock,
        stop: how.stop,
        tally: how.tally,
    };
    let repaired = dr_repo::repair(&mut one.repository, &options, each)
        .map_err(|source| RunError::repository(one.spot.named(), source))?;
    if !repaired.mended.is_empty() {
        let text = format!("{} things were mended on {}", repaired.mended.len(), one.spot.named());
        school.record(Event::Note { text })?;
    }
    looked(school, &one.spot, repaired.after.as_ref().unwrap_or(&repaired.before))?;
    Ok(repaired)
}

/// Writes into the ledger that a copy was looked at, and what came of it. A look that could not follow the trees proves
/// no soundness, and only damage is worth an entry then.
///
/// # Errors
/// If the ledger cannot be written.
pub fn looked(school: &School, spot: &Spot, checked: &Checked) -> Result<(), RunError> {
    let ok = checked.findings.is_empty();
    if ok && checked.snapshots == 0 {
        return Ok(());
    }
    let (target, medium) = (spot.target.clone(), spot.medium.clone());
    school.record(Event::Verified { target, medium, system: None, snapshot: None, what: CheckKind::Check, ok })?;
    Ok(())
}

/// A copy's store, to write that it was read.
///
/// # Errors
/// What the store says.
pub fn writable(school: &School, spot: &Spot) -> Result<Shelf, RepoError> {
    let store = LocalStore::open(spot.folder.clone())?;
    Ok(Shelf::new(Arc::new(store), school.runtime.clone()))
}
