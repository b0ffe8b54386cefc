//! `dr diff`: what is different between two snapshots of a system.

use clap::Args;

use super::differ::Manner;
use super::{From, View};
use crate::command::named::{OneSystem, snapshot};
use crate::command::opened::{question, run_failure};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};

/// Say what is different between two snapshots of a system
///
/// `+` added, `-` removed, `M` other contents, `m` other metadata only, `T` another type, `R` renamed. Parts that are
/// equal in both are not read.
#[derive(Args)]
pub struct Diff {
    #[command(flatten)]
    of: OneSystem,
    /// A snapshot: its id, the first 8 digits or more of it, latest, or the newest of a time such as yesterday
    #[arg(value_name = "A")]
    a: String,
    /// The one to compare it with, named in the same way
    #[arg(value_name = "B", default_value = "latest")]
    b: String,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    from: From,
}

impl Diff {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let school = question(context)?;
        let looked = self.from.open(&self.of.system, &school, context)?;
        let (a, b) = (snapshot(&self.a, &school), snapshot(&self.b, &school));
        let (chosen, to) = looked.two(&a, &b).map_err(|e| run_failure(e, context))?;
        let view = View::of(&chosen, &school, context);
        let uncertain = view.is_uncertain(&[&self.a, &self.b]);
        Ok(self.manner.compare(&view, &chosen.tree, &to)?.with(uncertain, Cause::Missing))
    }
}
