//! What can be said to every command.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

/// What holds for every command.
#[derive(Args)]
pub struct Global {
    /// The plan; default $DR_PLAN, ./dr.toml, /etc/dr/dr.toml (as root /etc first)
    #[arg(long = "plan", value_name = "FILE", global = true, action = ArgAction::Append)]
    pub plans: Vec<PathBuf>,
    /// The folder for what dr must not forget; default: the plan's, $DR_STATE, /var/lib/dr or XDG
    #[arg(long, value_name = "DIR", global = true)]
    pub state: Option<PathBuf>,
    /// Answer in JSON: one document for a question, one object a line for an activity
    #[arg(long, global = true)]
    pub json: bool,
    /// Say only what is wrong
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more; twice: also what is done, request by request (docs/logs.md)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Add what is done to this file, a JSON object a line, without names of files or people
    #[arg(long, value_name = "FILE", global = true)]
    pub log: Option<PathBuf>,
    /// Colours in messages
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto", hide_possible_values = false)]
    pub color: Color,
    /// Yes to what a destructive command asks
    #[arg(long, global = true)]
    pub yes: bool,
    /// Who acts: id or name in the plan
    #[arg(long, value_name = "PERSON", global = true)]
    pub by: Option<String>,
    /// Decide as if it were this time; beyond tomorrow only to ask
    #[arg(long, value_name = "TIME", global = true)]
    pub at: Option<String>,
}

/// When messages have colours.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless $NO_COLOR is set.
    Auto,
    Always,
    Never,
}
