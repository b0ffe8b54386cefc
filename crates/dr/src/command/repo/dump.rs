//! `dr repo dump`: one file of a snapshot on standard output.

use std::path::PathBuf;

use clap::Args;

use crate::command::look::{View, pour};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::place::{self, Access, Place};

/// Write one file of a snapshot to standard output
#[derive(Args)]
pub struct Dump {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
    /// A snapshot's id, its first 8 digits or more, or the newest one
    #[arg(value_name = "ID|latest")]
    snapshot: String,
    /// The file, as it was called on the machine or in the snapshot
    #[arg(value_name = "PATH")]
    path: PathBuf,
}

impl Dump {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let repository = self.place.open(Access::Read, context)?;
        let view = View::local(&repository, context);
        let tree = view.tree(&self.snapshot)?;
        let uncertain = view.is_uncertain(&[&self.snapshot]);
        Ok(pour::pour(&view, &tree, &self.path)?.with(uncertain, Cause::Missing))
    }
}
