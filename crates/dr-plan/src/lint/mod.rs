//! What is wrong with a plan that can be read: promises it cannot keep, and gaps nobody accepted.
//!
//! Pure: `today` is a value. What the state of the backups says is another question.

mod alerts;
mod exceptions;
mod objectives;
mod overlaps;
mod people;
mod runs;
#[cfg(test)]
mod tests;

use jiff::civil::Date;

use crate::plan::Plan;
use crate::system::System;
use crate::{PersonId, SystemId, references};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The plan cannot be kept.
    Error,
    /// Somebody should look at it.
    Warning,
}

/// One thing that is wrong, with who answers for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// Which rule is not met, as an exception names it.
    pub rule: &'static str,
    /// Whose, if it is one system's.
    pub system: Option<SystemId>,
    /// What and why, in words for people.
    pub reason: String,
    /// Who answers for it.
    pub answers: Option<PersonId>,
}

/// Collects findings about one plan, or about something that hangs on it, with whoever answers for each.
pub struct Found<'p> {
    plan: &'p Plan,
    today: Date,
    findings: Vec<Finding>,
}

impl<'p> Found<'p> {
    /// Nothing found yet, as of `today`.
    #[must_use]
    pub fn new(plan: &'p Plan, today: Date) -> Self {
        Self { plan, today, findings: Vec::new() }
    }

    /// Something wrong, and how bad.
    pub fn add(&mut self, severity: Severity, rule: &'static str, system: Option<&System>, reason: String) {
        let answers = self.plan.answers_for(system, self.today).cloned();
        self.findings.push(Finding { severity, rule, system: system.map(|system| system.id.clone()), reason, answers });
    }

    /// Something that must be put right first.
    pub fn error(&mut self, rule: &'static str, system: Option<&System>, reason: String) {
        self.add(Severity::Error, rule, system, reason);
    }

    /// Something that somebody should know.
    pub fn warning(&mut self, rule: &'static str, system: Option<&System>, reason: String) {
        self.add(Severity::Warning, rule, system, reason);
    }

    /// What was found, errors first.
    #[must_use]
    pub fn sorted(mut self) -> Vec<Finding> {
        self.findings.sort_by_key(|finding| finding.severity);
        self.findings
    }
}

/// Everything wrong with `plan` as of `today`, errors first.
#[must_use]
pub fn lint(plan: &Plan, today: Date) -> Vec<Finding> {
    let mut found = Found::new(plan, today);
    names(&mut found);
    objectives::look(&mut found);
    overlaps::look(&mut found);
    people::look(&mut found);
    runs::look(&mut found);
    alerts::look(&mut found);
    exceptions::look(&mut found);
    found.sorted()
}

/// A plan that was read has no unknown names; one that was put together may.
fn names(found: &mut Found<'_>) {
    for unknown in references::unknown(found.plan) {
        let meant = unknown.suggestion.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        let reason = format!(
            "{}.{} names `{}`, which is none of the plan's {}{meant}",
            unknown.path.join("."),
            unknown.key,
            unknown.name,
            unknown.kind
        );
        found.error("names", None, reason);
    }
}
