//! Whose snapshots do the findings of a check cost something?

use std::collections::BTreeSet;

use dr_format::id::{PackId, SnapshotId, session_of_index};
use dr_log::fold::whole;

use crate::maintain::check::Finding;
use crate::read::repository::Repository;
use crate::read::touched::Touched;

impl Repository {
    /// The systems that findings of a check touch. `most`: so many lost names are listed of one at most.
    pub(crate) fn touched_by(&self, findings: &[Finding], most: usize) -> Touched {
        let mut out = Touched::default();
        for finding in findings {
            if !finding.lost.is_empty() && finding.lost.len() < most {
                let lost: BTreeSet<SnapshotId> = finding.lost.iter().map(|(id, _)| *id).collect();
                lost.into_iter().for_each(|id| out.add(self.system_of(id)));
            } else if let Some(packs) = self.packs_of(&finding.object) {
                out.join(self.relying_on(&packs));
            } else {
                out.any = true;
            }
        }
        out
    }

    /// The packs that an object is, or describes.
    fn packs_of(&self, object: &str) -> Option<BTreeSet<PackId>> {
        let named = PackId::from_object_name(object).map(|(_, id)| id);
        let healed = PackId::from_healed_name(object).map(|(_, id, _)| id);
        if let Some(id) = named.or(healed) {
            return Some(BTreeSet::from([id]));
        }
        let session = session_of_index(object)?;
        Some(self.log.state.packs.range(whole(session)).map(|(id, _)| *id).collect())
    }
}
