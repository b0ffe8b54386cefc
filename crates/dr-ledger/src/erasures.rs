//! What was to be erased, and on which copies does it still wait? As the ledger tells it: without what it was called.

use std::collections::BTreeMap;

use dr_plan::{MediumId, PersonId, SystemId, TargetId};
use jiff::Timestamp;

use crate::entry::Entry;
use crate::event::{ErasedCopy, ErasureState, Event};

/// An erasure that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub erasure: String,
    /// Whose data.
    pub system: SystemId,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub by: Option<PersonId>,
    /// When.
    pub asked: Timestamp,
    /// How it stands on each copy.
    pub copies: Vec<ErasedCopy>,
}

impl Wanted {
    /// Whether some copy has something of it still.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.copies.iter().any(|copy| copy.state != ErasureState::Gone)
    }

    /// Whether something of it may still be in snapshots of this copy.
    #[must_use]
    pub fn waits_for(&self, target: &TargetId, medium: Option<&MediumId>) -> bool {
        let here = |copy: &&ErasedCopy| copy.target == *target && copy.medium.as_ref() == medium;
        self.copies.iter().filter(here).any(|copy| !matches!(copy.state, ErasureState::Gone | ErasureState::Unlisted))
    }
}

/// Every erasure that was ever asked for, in that order.
#[must_use]
pub fn wanted(entries: &[Entry]) -> Vec<Wanted> {
    let (mut all, mut places): (Vec<Wanted>, BTreeMap<&str, usize>) = (Vec::new(), BTreeMap::new());
    for entry in entries {
        let Event::Erasure { erasure, system, reason, copies, .. } = &entry.event else { continue };
        let place = *places.entry(erasure).or_insert(all.len());
        if place == all.len() {
            all.push(Wanted {
                erasure: erasure.clone(),
                system: system.clone(),
                reason: reason.clone(),
                by: entry.by.clone(),
                asked: entry.decided,
                copies: Vec::new(),
            });
        }
        let Some(known) = all.get_mut(place) else { continue };
        for copy in copies {
            match known.copies.iter_mut().find(|one| one.target == copy.target && one.medium == copy.medium) {
                Some(one) => *one = copy.clone(),
                None => known.copies.push(copy.clone()),
            }
        }
    }
    all
}
