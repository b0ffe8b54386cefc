//! The log: what dr does, for whoever looks after the machine. Which lines go where?
//!
//! Crates below describe what they do with `tracing`, in ids, counts and kinds of errors. Here it becomes lines: JSON in
//! `--log FILE`, plain ones on standard error with `-vv`, and in the journal for what runs unattended. `docs/logs.md` has
//! every field; what is not in that table is not written (`fields.rs`). A log that cannot be written fails nothing.

mod fields;
mod layer;
mod line;
mod sink;

use std::os::fd::AsFd;
use std::path::Path;

use clap::ArgMatches;
use rustix::fs::fstat;
use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::{Span, debug_span};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::options::Global;
use crate::output::Screen;
use crate::{env, shown};
use layer::Log;
use line::Style;
use sink::Sink;

/// Begins to write what was asked for. Where nothing was, nothing is listened to.
pub fn begin(global: &Global, screen: &Screen) {
    let mut sinks = Vec::new();
    if let Some(path) = &global.log {
        match dr_open::to_add(path) {
            Ok(file) => sinks.push(Sink::file(file)),
            Err(why) => screen.warning(&no_log(path, &why)),
        }
    }
    let wants_all = global.verbose > 1;
    if is_journal(std::io::stderr()) {
        let most = if wants_all { LevelFilter::DEBUG } else { LevelFilter::INFO };
        sinks.push(Sink::stderr(most, Style::Journal));
    } else if wants_all {
        sinks.push(Sink::stderr(LevelFilter::DEBUG, Style::Plain));
    }
    if !sinks.is_empty() {
        // Nobody has set another one: this is called once, before anything else is done.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Log::to(sinks)));
    }
}

fn no_log(path: &Path, why: &std::io::Error) -> String {
    format!("there is no log in {}: {why}; dr goes on without it", shown::path(path))
}

/// What one call of dr does, from beginning to end.
pub fn command(name: &str) -> Span {
    debug_span!("command", command = name, code = Empty)
}

/// How what was typed is called: `run`, `repo-check`.
pub fn name_of(typed: &ArgMatches) -> String {
    let mut names = Vec::new();
    let mut at = typed;
    while let Some((name, below)) = at.subcommand() {
        names.push(name);
        at = below;
    }
    names.join("-")
}

/// Whether systemd reads what is written there into its journal. It says which stream that is, since programs that a
/// service starts have the variable too, and often another standard error.
fn is_journal(stream: impl AsFd) -> bool {
    let Some(said) = env::var("JOURNAL_STREAM") else { return false };
    fstat(stream).is_ok_and(|about| said.to_str() == Some(format!("{}:{}", about.st_dev, about.st_ino).as_str()))
}
