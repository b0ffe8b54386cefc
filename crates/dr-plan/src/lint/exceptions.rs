//! Are the gaps that somebody accepted real ones, for a while only, and accepted by somebody who may?

use jiff::ToSpan;

use super::Found;
use crate::gap::LONGEST_GAP_DAYS;
use crate::plan::Exception;
use crate::problem::nearest;

/// What is not met, in the words of the reports: the rules an exception may name.
const RULES: [&str; 40] = [
    "asked",
    "check",
    "clock",
    "complete",
    "contract",
    "copies",
    "custodian",
    "damaged",
    "declared",
    "document",
    "erasure",
    "export",
    "failed",
    "idle",
    "keys",
    "killed",
    "late",
    "leaver",
    "ledger",
    "lock",
    "lost",
    "maker",
    "max-age",
    "media",
    "not-run",
    "off-site",
    "offline",
    "overlap",
    "proof",
    "report",
    "retention",
    "review",
    "rotation",
    "rpo",
    "rto",
    "runbook",
    "same-device",
    "sensitive",
    "suspicious",
    "unsent",
];

pub(super) fn look(found: &mut Found<'_>) {
    let plan = found.plan;
    for exception in &plan.exceptions {
        one(found, exception);
    }
}

fn one(found: &mut Found<'_>, exception: &Exception) {
    let (plan, today) = (found.plan, found.today);
    let Exception { rule, until, reason, .. } = exception;
    let system = plan.system(&exception.system);
    if *until < today {
        found.warning("exception", system, format!("the gap `{rule}` was accepted until {until} only: {reason}"));
    }
    if !RULES.contains(&rule.as_str()) {
        let meant = nearest(rule, RULES).map(|rule| format!("; did you mean `{rule}`?")).unwrap_or_default();
        let reason = format!("an exception names the rule `{rule}`, which nothing is measured by{meant}");
        return found.error("exception", system, reason);
    }
    if let Some(system) = system.filter(|system| system.cannot_do_without(rule)) {
        let reason = format!(
            "the gap `{rule}` of {} is accepted in the plan, but never honoured: it is needed first, and cannot do without",
            system.title
        );
        return found.error("exception", Some(system), reason);
    }
    if today.checked_add(LONGEST_GAP_DAYS.days()).is_ok_and(|end| *until > end) {
        let reason = format!(
            "the gap `{rule}` is accepted until {until}, which is longer than a term: look at it again each term"
        );
        found.warning("exception", system, reason);
    }
    if let Some(person) = plan.people.get(&exception.approver)
        && !person.roles.iter().any(|role| role.may_accept_gaps())
    {
        let reason = format!(
            "{} accepted the gap `{rule}` but has no role that may: head, deputy-head, digital-lead, governor or approver",
            person.name
        );
        found.warning("exception", system, reason);
    }
}
