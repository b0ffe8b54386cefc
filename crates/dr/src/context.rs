//! What every command is given.

use std::ffi::OsString;

use tokio::runtime::Handle;

use crate::exit::Failure;
use crate::options::Global;
use crate::output::Screen;
use crate::signals::Signals;

/// What every command is given.
pub struct Context<'a> {
    pub global: &'a Global,
    pub screen: &'a Screen,
    pub signals: Signals,
    /// For [`dr_store::BlockingStore`].
    pub runtime: Handle,
    /// For the few commands that speak of all of them.
    pub line: Line,
}

/// The whole command line, as a value: a command that imported it would import itself.
#[derive(Clone, Copy)]
pub struct Line {
    /// All commands, with their options.
    pub commands: fn() -> clap::Command,
    /// Does what was typed, and keeps the answer.
    pub types: fn(Vec<OsString>, &Context<'_>) -> Result<Answered, Failure>,
}

/// What a command answered that another one typed.
pub struct Answered {
    /// What it printed.
    pub printed: Vec<u8>,
    /// Its exit code.
    pub code: u8,
}
