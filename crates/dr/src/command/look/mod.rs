//! Looking into snapshots: what `dr ls`, `find`, `diff` and `dump` show, of a system of the plan or of one repository.

pub mod differ;
pub mod listed;
pub mod paths;
pub mod pour;
pub mod query;

mod diff;
mod dump;
mod find;
mod ls;

pub use diff::Diff;
pub use dump::Dump;
pub use find::Find;
pub use ls::Ls;

use clap::Args;
use dr_plan::PersonId;
use dr_repo::{RepoError, Repository, Tree};
use dr_run::{Chosen, Looked, RunError, School, look};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::named::{ApprovedBy, FromTarget};
use super::opened::{key_env, run_failure};
use crate::context::Context;
use crate::exit::Failure;
use crate::failure_text::{self, Operation};

/// Into what is looked.
pub struct View<'a> {
    pub repository: &'a Repository,
    pub context: &'a Context<'a>,
    /// In which times are shown and understood.
    pub zone: TimeZone,
    /// When words such as `yesterday` are said.
    pub now: Timestamp,
}

impl<'a> View<'a> {
    /// A repository without a plan: times are this machine's.
    pub fn local(repository: &'a Repository, context: &'a Context<'a>) -> Self {
        Self { repository, context, zone: TimeZone::system(), now: dr_run::clock::now() }
    }

    /// The copy of a system that was chosen; says which, and what was wrong with others.
    pub fn of(chosen: &Chosen<'a>, school: &School, context: &'a Context<'a>) -> Self {
        let zone = school.plan.school.timezone.clone();
        for note in &chosen.notes {
            context.screen.warning(note);
        }
        let id = chosen.tree.id.to_string();
        let at = crate::shown::at(chosen.tree.label.started_ms, &zone);
        context.screen.note(&format!("{}, snapshot {} of {at}", chosen.from.location.named(), &id[..8]));
        Self { repository: &chosen.from.repository, context, zone, now: school.clock.decided() }
    }

    /// How a fault of the repository is told.
    pub fn told(&self, error: RepoError) -> Failure {
        failure_text::repo(&error, Operation::Reading, &self.context.signals)
    }

    /// The snapshot that a person means.
    ///
    /// # Errors
    /// [`Failure`], for a person to read.
    pub fn tree(&self, name: &str) -> Result<Tree, Failure> {
        let snapshot = self.repository.find(name).map_err(|e| self.told(e))?;
        self.repository.tree(snapshot.id).map_err(|e| self.told(e))
    }

    /// Says if nobody knows whether this is the newest. Such an answer is not whole.
    pub fn is_uncertain(&self, names: &[&str]) -> bool {
        let uncertain = names.contains(&"latest") && self.repository.latest_is_uncertain();
        if uncertain {
            self.context
                .screen
                .warning("the newest log entry cannot be read: there may be a later snapshot than this one");
        }
        uncertain
    }
}

/// Which copies are looked into, and who agrees.
#[derive(Args, Clone)]
pub struct From {
    #[command(flatten)]
    on: FromTarget,
    #[command(flatten)]
    approved_by: ApprovedBy,
}

impl From {
    /// Opens the copies of a system.
    ///
    /// # Errors
    /// [`Failure`], for a person to read.
    pub fn open<'a>(&self, system: &str, school: &'a School, context: &Context<'_>) -> Result<Looked<'a>, Failure> {
        let second = self.approved_by.person(&school.plan, context)?;
        let looked = self.ask(system, second.as_ref(), school).map_err(|e| run_failure(e, context))?;
        for note in &looked.notes {
            context.screen.note(note);
        }
        Ok(looked)
    }

    /// Opens the copies of a system, and says nothing of what was not asked.
    ///
    /// # Errors
    /// As `dr_run::look`.
    pub fn ask<'a>(&self, system: &str, second: Option<&PersonId>, school: &'a School) -> Result<Looked<'a>, RunError> {
        look(school, system, self.on.target.as_deref(), second, &key_env())
    }

    /// Who agrees.
    ///
    /// # Errors
    /// [`Failure`] with whom the plan knows.
    pub fn second(&self, school: &School, context: &Context<'_>) -> Result<Option<PersonId>, Failure> {
        self.approved_by.person(&school.plan, context)
    }
}
