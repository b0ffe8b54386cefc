//! Since when is a copy late?

use dr_plan::{CopyRule, System};
use jiff::Timestamp;

use crate::facts::SystemFacts;
use crate::findings::Found;

/// Since when a copy is several turns late that was made once. Waiting for a disk is the disk's finding, not the copy's.
pub(super) fn late_since(
    found: &Found<'_>,
    system: &System,
    of: &SystemFacts,
    rule: &CopyRule,
    newest: Timestamp,
) -> Option<Timestamp> {
    let mut on = of.copies.iter().filter(|copy| copy.target == rule.target);
    let limit = newest + rule.schedule.interval() + system.rpo.longest() + of.grace;
    let waits_for_people = on.all(|copy| copy.medium.is_some() && copy.standing.offline);
    // If all copies are late, the promise to the users says it better.
    let all_late = of.newest().is_some_and(|newest| found.facts.now > newest + system.rpo.longest() + of.grace);
    (!waits_for_people && !all_late && found.facts.now > limit).then_some(limit)
}
