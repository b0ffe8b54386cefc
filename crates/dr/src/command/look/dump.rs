//! `dr dump`: one file of a system's snapshot on standard output.

use std::path::PathBuf;

use clap::Args;

use super::{From, View, pour};
use crate::command::named::{Moment, OneSystem};
use crate::command::opened::{question, told};
use crate::exit::{Cause, Failure, Outcome};
use crate::world::World;

/// Write one file of a system's snapshot to standard output
#[derive(Args)]
pub struct Dump {
    #[command(flatten)]
    of: OneSystem,
    /// The file, as it was called on the source or in the backup
    #[arg(value_name = "PATH")]
    path: PathBuf,
    #[command(flatten)]
    moment: Moment,
    #[command(flatten)]
    from: From,
}

impl Dump {
    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        let school = question(world)?;
        let looked = self.from.open(&self.of.system, &school, world)?;
        let chosen = looked.one(&self.moment.which(&school)?).map_err(|e| told(e, world))?;
        let view = View::of(&chosen, &school, world);
        let uncertain = view.is_uncertain(&[&self.moment.snapshot]);
        Ok(pour::pour(&view, &chosen.tree, &self.path)?.with(uncertain, Cause::Missing))
    }
}
