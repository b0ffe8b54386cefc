//! What is wrong with a plan: one finding after the other, each with whoever answers for it.

use jiff::civil::Date;

use crate::plan::Plan;
use crate::system::System;
use crate::{PersonId, SystemId};

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
    pub(super) plan: &'p Plan,
    pub(super) today: Date,
    pub(super) findings: Vec<Finding>,
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
