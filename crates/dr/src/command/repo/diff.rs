//! `dr repo diff`: what is different between two snapshots.

use clap::Args;

use crate::command::look::View;
use crate::command::look::differ::Manner;
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::place::{self, Access, Place};

/// Say what is different between two snapshots
///
/// `+` added, `-` removed, `M` other contents, `m` other metadata only, `T` another type, `R` renamed. Parts that are
/// equal in both are not read.
#[derive(Args)]
pub struct Diff {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
    /// A snapshot's id, its first 8 digits or more, or latest
    #[arg(value_name = "A")]
    a: String,
    /// The one to compare it with
    #[arg(value_name = "B", default_value = "latest")]
    b: String,
    #[command(flatten)]
    manner: Manner,
}

impl Diff {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let repository = self.place.open(Access::Read, context)?;
        let view = View::local(&repository, context);
        let (from, to) = (view.tree(&self.a)?, view.tree(&self.b)?);
        let uncertain = view.is_uncertain(&[&self.a, &self.b]);
        Ok(self.manner.compare(&view, &from, &to)?.with(uncertain, Cause::Missing))
    }
}
