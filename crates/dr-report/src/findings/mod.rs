//! What is wrong, what that means, whose turn it is, and what would put it right?
//!
//! No red by design: what is merely not there yet in the first weeks is seeding; what people must do is overdue only on
//! a morning when they are there; the age of a proof is amber however old, and a gap of the plan itself is amber too.
//! Amber that somebody could have put right and did not for two weeks becomes red.

mod answers;
mod causes;
mod cuts;
mod decisions;
mod ended;
mod erasures;
mod found;
mod late;
mod messages;
mod own;
mod people;
mod places;
mod record;
mod runs;
mod school;
mod sight;
mod suppliers;
mod systems;

use std::collections::BTreeMap;

use dr_plan::{Exception, Plan};
use jiff::civil::Date;

use crate::facts::{Facts, Given};
use crate::judgement::Status;

pub use causes::{Cause, causes};
pub(crate) use decisions::exceptions;
pub(crate) use erasures::places as erasure_places;
pub use found::Finding;
pub(crate) use found::{Found, Said};
pub(crate) use messages::unsent;
pub(crate) use places::place_of;

/// Amber for longer than this is red.
const AMBER_DAYS: i64 = 14;

/// Everything that is wrong, worst first, each system's in the order of the plan.
#[must_use]
pub fn findings(given: &Given<'_>, facts: &Facts) -> Vec<Finding> {
    let runs = ended::Runs::of_all(given.entries);
    let mut found = Found { given, facts, runs, findings: Vec::new() };
    for (system, of) in given.plan.systems.iter().zip(&facts.systems) {
        systems::look(&mut found, system, of);
    }
    school::look(&mut found);
    people::look(&mut found);
    let mut findings = found.findings;
    let excepted: BTreeMap<&str, Date> = exceptions(given).into_iter().map(|(key, until, _)| (key, until)).collect();
    for finding in &mut findings {
        let old =
            finding.since.is_some_and(|since| since < facts.now - jiff::SignedDuration::from_hours(24 * AMBER_DAYS));
        if finding.status == Status::Amber && old {
            finding.status = Status::Red;
        }
        finding.accepted = accepted(given.plan, &excepted, finding, facts.today);
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.status));
    findings
}

/// Until when somebody accepted this, in the plan or by the ledger.
fn accepted(plan: &Plan, in_ledger: &BTreeMap<&str, Date>, finding: &Finding, today: Date) -> Option<Date> {
    if !acceptable(plan, finding) {
        return None;
    }
    // What concerns the whole school can be accepted under any system's name.
    let fits = |exception: &&Exception| {
        exception.rule == finding.rule && finding.system.as_ref().is_none_or(|system| *system == exception.system)
    };
    let in_plan = plan.exceptions.iter().filter(fits).map(|exception| exception.until).max();
    let until = in_plan.max(in_ledger.get(finding.key.as_str()).copied())?;
    (until >= today).then_some(until)
}

/// Whether somebody may live with this until a date. What a system that is needed first cannot do without is never
/// accepted, and neither is what the whole school relies on.
pub(crate) fn acceptable(plan: &Plan, finding: &Finding) -> bool {
    let system = finding.system.as_ref().and_then(|id| plan.system(id));
    if system.is_some_and(|system| system.cannot_do_without(finding.rule)) {
        return false;
    }
    if matches!(finding.status, Status::Declared | Status::Seeding(_)) || finding.rule == "gone" {
        return false;
    }
    finding.system.is_some() || ["custodian", "same-device"].contains(&finding.rule)
}
