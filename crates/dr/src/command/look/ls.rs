//! `dr ls`: what a system's snapshot holds.

use std::path::PathBuf;

use clap::Args;

use super::{From, View, listed};
use crate::command::named::{Moment, OneSystem};
use crate::command::opened::{question, told};
use crate::exit::{Cause, Failure, Outcome};
use crate::world::World;

/// List what a snapshot of a system holds
#[derive(Args)]
pub struct Ls {
    #[command(flatten)]
    of: OneSystem,
    /// Only these and what is below them, as they were called on the source or in the backup
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    moment: Moment,
    #[command(flatten)]
    from: From,
}

impl Ls {
    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        let school = question(world)?;
        let looked = self.from.open(&self.of.system, &school, world)?;
        let chosen = looked.one(&self.moment.which(&school)?).map_err(|e| told(e, world))?;
        let view = View::of(&chosen, &school, world);
        let uncertain = view.is_uncertain(&[&self.moment.snapshot]);
        Ok(listed::list(&view, &chosen.tree, &self.paths)?.with(uncertain, Cause::Missing))
    }
}
