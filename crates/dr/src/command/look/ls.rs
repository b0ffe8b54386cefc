//! `dr ls`: what a system's snapshot holds.

use std::path::PathBuf;

use clap::Args;

use super::{From, View, listed};
use crate::command::named::{Moment, OneSystem};
use crate::command::opened::{question, run_failure};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};

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
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let school = question(context)?;
        let looked = self.from.open(&self.of.system, &school, context)?;
        let chosen = looked.one(&self.moment.which(&school)?).map_err(|e| run_failure(e, context))?;
        let view = View::of(&chosen, &school, context);
        let uncertain = view.is_uncertain(&[&self.moment.snapshot]);
        Ok(listed::list(&view, &chosen.tree, &self.paths)?.with(uncertain, Cause::Missing))
    }
}
