//! Everything that a report about the school is made from, read once.

use dr_ledger::{Contents, Entry};
use dr_report::Given;
use dr_run::{RunError, School};
use dr_runbook::Runbook;

/// The ledger as it was read, and the runbook if the plan has one that can be read.
pub struct Gathered<'r> {
    /// The ledger.
    pub contents: Contents,
    /// What of it is evidence now, if not all of it is.
    evidence: Option<Vec<Entry>>,
    /// The runbook.
    pub runbook: Option<&'r Runbook>,
    /// Erasures that wait without words.
    unnamed_erasures: Vec<String>,
}

impl<'r> Gathered<'r> {
    /// As of now.
    ///
    /// # Errors
    /// If the ledger is there and cannot be read.
    pub fn of(school: &School, runbook: Option<&'r Runbook>) -> Result<Self, RunError> {
        let contents = school.ledger.read()?;
        // A register that cannot be read says as little as none.
        let waiting = || dr_ledger::wanted(&contents.entries).into_iter().filter(dr_ledger::Wanted::waits).collect();
        let unnamed: Vec<_> = dr_run::unnamed(school, &contents.entries).unwrap_or_else(|_| waiting());
        let unnamed_erasures = unnamed.into_iter().map(|one| one.erasure).collect();
        Ok(Self { evidence: school.evidence(&contents.entries), contents, runbook, unnamed_erasures })
    }

    /// For `dr-report`.
    #[must_use]
    pub fn given<'a>(&'a self, school: &'a School) -> Given<'a> {
        Given {
            plan: &school.plan,
            calendar: &school.calendar,
            runbook: self.runbook,
            entries: self.evidence.as_deref().unwrap_or(&self.contents.entries),
            all: &self.contents.entries,
            head: self.contents.verdict.head(),
            chain_holds: self.contents.verdict.is_ok(),
            now: school.clock.decided(),
            clock_moved: school.clock.is_moved(),
            unnamed_erasures: &self.unnamed_erasures,
        }
    }
}
