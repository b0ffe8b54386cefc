//! Who watches copies being made.

use dr_plan::SystemId;
use dr_repo::Tally;

use crate::location::TargetLocation;

/// For whoever watches.
pub trait Watch: Sync {
    /// A copy begins.
    fn copying(&self, system: &SystemId, location: &TargetLocation);
    /// Counts of the copy under way.
    fn tally(&self) -> &Tally;
}

/// Watches nothing, for callers that do not care.
#[derive(Debug, Default)]
pub struct Unwatched(pub(super) Tally);

impl Watch for Unwatched {
    fn copying(&self, _: &SystemId, _: &TargetLocation) {}

    fn tally(&self) -> &Tally {
        &self.0
    }
}
