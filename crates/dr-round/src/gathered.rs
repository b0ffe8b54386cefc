//! Everything that a report about the school is made from, read once.

use dr_ledger::Contents;
use dr_report::Given;
use dr_run::{RunError, School};
use dr_runbook::Runbook;

/// The ledger as it was read, and the runbook if the plan has one that can be read.
pub struct Gathered<'r> {
    /// The ledger.
    pub contents: Contents,
    /// The runbook.
    pub runbook: Option<&'r Runbook>,
}

impl<'r> Gathered<'r> {
    /// As of now.
    ///
    /// # Errors
    /// If the ledger is there and cannot be read.
    pub fn of(school: &School, runbook: Option<&'r Runbook>) -> Result<Self, RunError> {
        Ok(Self { contents: school.ledger.read()?, runbook })
    }

    /// For `dr-report`.
    #[must_use]
    pub fn given<'a>(&'a self, school: &'a School) -> Given<'a> {
        Given {
            plan: &school.plan,
            calendar: &school.calendar,
            runbook: self.runbook,
            entries: &self.contents.entries,
            head: self.contents.verdict.head(),
            chain_holds: self.contents.verdict.is_ok(),
            now: school.clock.decided(),
            clock_moved: school.clock.is_moved(),
        }
    }
}
