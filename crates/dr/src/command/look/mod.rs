//! Looking into snapshots: what `dr ls`, `find`, `diff` and `dump` show, of a system of the plan or of one repository.

pub mod differ;
pub mod listed;
pub mod paths;
pub mod pour;
pub mod sought;

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
use dr_run::{Chosen, Looked, RunError, School, Which, look};
use jiff::tz::TimeZone;

use super::opened::{as_of, surroundings, told as run_told};
use crate::args::World;
use crate::exit::Failure;
use crate::told::{self, Doing};

/// Into what is looked.
pub struct View<'a> {
    pub repository: &'a Repository,
    pub world: &'a World<'a>,
    /// In which times are shown and understood.
    pub zone: TimeZone,
}

impl<'a> View<'a> {
    /// A repository without a plan: times are this machine's.
    pub fn local(repository: &'a Repository, world: &'a World<'a>) -> Self {
        Self { repository, world, zone: TimeZone::system() }
    }

    /// The copy of a system that was chosen; says which, and what was wrong with others.
    pub fn of(chosen: &Chosen<'a>, school: &School, world: &'a World<'a>) -> Self {
        let zone = school.plan.school.timezone.clone();
        for note in &chosen.notes {
            world.screen.warning(note);
        }
        let id = chosen.tree.id.to_string();
        let at = crate::shown::at(chosen.tree.label.started_ms, &zone);
        world.screen.note(&format!("{}, snapshot {} of {at}", chosen.from.spot.named(), &id[..8]));
        Self { repository: &chosen.from.repository, world, zone }
    }

    /// How a fault of the repository is told.
    pub fn told(&self, error: RepoError) -> Failure {
        told::repo(&error, Doing::Reading, &self.world.signals)
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
            self.world
                .screen
                .warning("the newest log entry cannot be read: there may be a later snapshot than this one");
        }
        uncertain
    }
}

/// Which copies are looked into, and who agrees.
#[derive(Args, Clone)]
pub struct From {
    /// On this target and no other; else the freshest copy that can be read, on-site first
    #[arg(long, value_name = "T")]
    target: Option<String>,
    /// Who else agrees, for a system that the plan marks as sensitive
    #[arg(long, value_name = "PERSON")]
    approved_by: Option<String>,
}

impl From {
    /// Opens the copies of a system.
    ///
    /// # Errors
    /// [`Failure`], for a person to read.
    pub fn open<'a>(&self, system: &str, school: &'a School, world: &World<'_>) -> Result<Looked<'a>, Failure> {
        if let Some(why) = self.approved_by.as_ref().and_then(|person| PersonId::new(person.as_str()).err()) {
            return Err(Failure::usage(why.to_string()));
        }
        let looked = self.ask(system, school).map_err(|e| run_told(e, world))?;
        for note in &looked.notes {
            world.screen.note(note);
        }
        Ok(looked)
    }
}

impl From {
    /// Opens the copies of a system, and says nothing of what was not asked.
    ///
    /// # Errors
    /// As `dr_run::look`.
    pub fn ask<'a>(&self, system: &str, school: &'a School) -> Result<Looked<'a>, RunError> {
        let second = self.approved_by.as_ref().and_then(|person| PersonId::new(person.as_str()).ok());
        look(school, system, self.target.as_deref(), second.as_ref(), &surroundings())
    }
}

/// Which moment is looked at.
#[derive(Args)]
pub struct Moment {
    /// Which snapshot: its id, the first 8 digits or more of it, or the newest
    #[arg(long, value_name = "ID|latest", default_value = "latest", conflicts_with = "as_of")]
    snapshot: String,
    /// The newest snapshot whose capture began by then
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
}

impl Moment {
    /// As it is meant.
    ///
    /// # Errors
    /// [`Failure`] for a time that is none.
    pub fn which(&self, school: &School) -> Result<Which, Failure> {
        Ok(match &self.as_of {
            Some(text) => Which::AsOf(as_of(text, school)?),
            None if self.snapshot == "latest" => Which::Latest,
            None => Which::Id(self.snapshot.clone()),
        })
    }

    /// As [`View::is_uncertain`].
    pub fn is_uncertain(&self, view: &View<'_>) -> bool {
        view.is_uncertain(&[&self.snapshot])
    }
}
