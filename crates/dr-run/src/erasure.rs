//! What a school decided to erase, and where that is done.

use dr_ledger::{ErasedCopy, ErasureState, Event};
use dr_plan::{PersonId, SystemId};
use dr_repo::EraseReport;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::location::TargetLocation;

/// What somebody asked for, and how it stands on each copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Its name in the ledger.
    pub id: String,
    /// Whose data.
    pub system: SystemId,
    /// Paths that go with everything below them, as they were typed.
    pub paths: Vec<String>,
    /// Patterns of what goes, as they were typed.
    pub globs: Vec<String>,
    /// Why.
    pub because: String,
    /// Who asked.
    pub by: PersonId,
    /// When.
    pub asked: Timestamp,
    /// How it stands.
    pub copies: Vec<ErasedCopy>,
}

/// No file of the register is longer.
pub(crate) const ERASURE_MAX: u64 = 16 << 20;

impl Erasure {
    /// Whether no copy has anything of it any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.copies.iter().all(|copy| copy.state == ErasureState::Gone)
    }

    /// Whether something of it may still be in snapshots of this copy.
    #[must_use]
    pub fn waits_for(&self, location: &TargetLocation) -> bool {
        self.copies
            .iter()
            .any(|copy| is_at(copy, location) && !matches!(copy.state, ErasureState::Gone | ErasureState::Unlisted))
    }

    /// What of it the ledger is told: never what was erased.
    pub(super) fn event(&self, copies: Vec<ErasedCopy>, erased: Option<&EraseReport>) -> Event {
        Event::Erasure {
            erasure: self.id.clone(),
            system: self.system.clone(),
            reason: self.because.clone(),
            entries: erased.map_or(0, |erased| erased.entries),
            bytes: erased.map_or(0, |erased| erased.bytes),
            copies,
        }
    }
}

pub(super) fn is_at(copy: &ErasedCopy, location: &TargetLocation) -> bool {
    copy.target == location.target && copy.medium == location.medium
}
