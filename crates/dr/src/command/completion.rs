//! `dr completion`: what a shell needs to complete commands and options.

use clap::Args;
use clap_complete::Shell;

use crate::context::Context;
use crate::exit::{Failure, Outcome};

/// Print what a shell needs to complete `dr`'s commands and options
#[derive(Args)]
pub struct Completion {
    /// Which shell
    shell: Shell,
}

impl Completion {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut (context.line.commands)(), "dr", &mut script);
        context.screen.print(&script);
        Ok(Outcome::done())
    }
}
