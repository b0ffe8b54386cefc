//! What can be typed before and after every command, and what every command is given.

use std::ffi::OsString;

use clap::{CommandFactory as _, Parser};

use crate::command::Command;
use crate::context::{Answered, Context, Line};
use crate::exit::{self, Cause, Failure};
use crate::options::Global;
use crate::output::Screen;

/// Backup and disaster recovery that a school can prove.
#[derive(Parser)]
#[command(name = "dr", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Dr {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// The whole command line, for commands that speak of it.
pub const LINE: Line = Line { commands: Dr::command, types };

/// Does what was typed in the context of the command that typed it, and keeps the answer.
fn types(line: Vec<OsString>, context: &Context<'_>) -> Result<Answered, Failure> {
    let dr = Dr::try_parse_from(line).map_err(|why| Failure::new(Cause::Failed, why.to_string()))?;
    let screen = Screen::kept(&dr.global);
    let inner = Context {
        global: &dr.global,
        screen: &screen,
        signals: context.signals.clone(),
        runtime: context.runtime.clone(),
        line: context.line,
    };
    let outcome = dr.command.run(&inner)?;
    let code = exit::code(&outcome.into_causes());
    Ok(Answered { printed: screen.into_kept(), code })
}
