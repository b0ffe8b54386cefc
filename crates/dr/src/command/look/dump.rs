//! `dr dump`: one file of a system's snapshot on standard output.

use std::path::PathBuf;

use clap::Args;

use super::{From, View, pour};
use crate::command::named::{Moment, OneSystem};
use crate::command::opened::{question, run_failure};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};

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
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let school = question(context)?;
        let looked = self.from.open(&self.of.system, &school, context)?;
        let chosen = looked.one(&self.moment.which(&school)?).map_err(|e| run_failure(e, context))?;
        let view = View::of(&chosen, &school, context);
        let uncertain = view.is_uncertain(&[&self.moment.snapshot]);
        Ok(pour::pour(&view, &chosen.tree, &self.path)?.with(uncertain, Cause::Missing))
    }
}
