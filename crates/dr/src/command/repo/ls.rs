//! `dr repo ls`: what is in a snapshot.

use std::path::PathBuf;

use clap::Args;

use crate::command::look::{View, listed};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::place::{self, Access, Place};

/// List what is in a snapshot
#[derive(Args)]
pub struct Ls {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
    /// A snapshot's id, or its first 8 digits or more
    #[arg(value_name = "ID|latest", default_value = "latest")]
    snapshot: String,
    /// Only these and what is below them
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl Ls {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let repository = self.place.open(Access::Read, context)?;
        let view = View::local(&repository, context);
        let tree = view.tree(&self.snapshot)?;
        let uncertain = view.is_uncertain(&[&self.snapshot]);
        Ok(listed::list(&view, &tree, &self.paths)?.with(uncertain, Cause::Missing))
    }
}
