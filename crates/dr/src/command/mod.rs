//! What dr can be asked for: one file per verb, holding what is typed, its help, and what is done.

mod repo;

use clap::Subcommand;

use crate::args::World;
use crate::exit::{Failure, Outcome};

/// The verbs.
#[derive(Subcommand)]
pub enum Command {
    Repo(repo::Repo),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// [`Failure`], for a person to read.
    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        match self {
            Self::Repo(args) => args.run(world),
        }
    }
}
