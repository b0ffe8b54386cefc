//! `dr diff`: what is different between two snapshots of a system.

use clap::Args;
use dr_run::Which;

use super::differ::Manner;
use super::{From, View};
use crate::args::World;
use crate::command::opened::{question, told};
use crate::exit::{Cause, Failure, Outcome};

/// Say what is different between two snapshots of a system
///
/// `+` added, `-` removed, `M` other contents, `m` other metadata only, `T` another type, `R` renamed. Parts that are
/// equal in both are not read.
#[derive(Args)]
pub struct Diff {
    /// A system of the plan
    #[arg(value_name = "SYSTEM")]
    system: String,
    /// A snapshot's id, its first 8 digits or more, or latest
    #[arg(value_name = "A")]
    a: String,
    /// The one to compare it with
    #[arg(value_name = "B", default_value = "latest")]
    b: String,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    from: From,
}

impl Diff {
    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        let school = question(world)?;
        let looked = self.from.open(&self.system, &school, world)?;
        let which = |name: &str| if name == "latest" { Which::Latest } else { Which::Id(name.to_owned()) };
        let (chosen, to) = looked.two(&which(&self.a), &which(&self.b)).map_err(|e| told(e, world))?;
        let view = View::of(&chosen, &school, world);
        let uncertain = view.is_uncertain(&[&self.a, &self.b]);
        Ok(self.manner.compare(&view, &chosen.tree, &to)?.with(uncertain, Cause::Missing))
    }
}
