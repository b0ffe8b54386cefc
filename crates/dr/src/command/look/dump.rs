//! `dr dump`: one file of a system's snapshot on standard output.

use std::path::PathBuf;

use clap::Args;

use super::{From, View, pour};
use crate::args::World;
use crate::command::opened::{question, told};
use crate::exit::{Cause, Failure, Outcome};

/// Write one file of a system's snapshot to standard output
#[derive(Args)]
pub struct Dump {
    /// A system of the plan
    #[arg(value_name = "SYSTEM")]
    system: String,
    /// The file, as it was called on the source or in the backup
    #[arg(value_name = "PATH")]
    path: PathBuf,
    #[command(flatten)]
    moment: super::Moment,
    #[command(flatten)]
    from: From,
}

impl Dump {
    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        let school = question(world)?;
        let looked = self.from.open(&self.system, &school, world)?;
        let chosen = looked.one(&self.moment.which(&school)?).map_err(|e| told(e, world))?;
        let view = View::of(&chosen, &school, world);
        let uncertain = self.moment.is_uncertain(&view);
        Ok(pour::pour(&view, &chosen.tree, &self.path)?.with(uncertain, Cause::Missing))
    }
}
