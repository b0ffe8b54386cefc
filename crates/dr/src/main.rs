//! The front door: words in, words out, exit codes.
//!
//! The binary owns what there is one of: the async runtime, the signals, the screen. Everything else is asked of
//! the crates below. Only this crate prints, reads the environment and ends the process.

mod args;
mod cache;
mod command;
mod context;
mod env;
mod exit;
mod failure_text;
mod hostname;
mod limits;
mod log;
mod moment;
mod observe;
mod options;
mod output;
mod place;
mod quickstart;
mod shown;
mod signals;
mod unlock;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::args::{Dr, LINE};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::output::Screen;

fn main() -> ExitCode {
    // Before anything else: whoever makes namespaces must have one thread.
    if let Some(words) = env::room_to_enter() {
        return ExitCode::from(room(words));
    }
    output::tell_of_panics();
    limits::set();
    let code = std::panic::catch_unwind(run).unwrap_or(Cause::Failed.code());
    ExitCode::from(code)
}

/// What dr started itself for, to run a program that may be hostile.
fn room(words: impl Iterator<Item = OsString>) -> u8 {
    dr_process::room::entered(words).unwrap_or_else(|why| {
        output::no_room(&why);
        Cause::Failed.code()
    })
}

fn run() -> u8 {
    let known = command::examples::with(Dr::command());
    let typed = command::meant::help(&known, std::env::args_os().collect());
    let typed = known.try_get_matches_from(typed);
    let read = typed.and_then(|typed| Ok((Dr::from_arg_matches(&typed)?, log::name_of(&typed))));
    let (dr, name) = match read {
        Ok(read) => read,
        // Help and the version are answers, not mistakes. Nobody may be there to read either.
        Err(said) => {
            let said = command::meant::answered(&Dr::command(), said);
            let _ = said.print();
            if !said.use_stderr() {
                return 0;
            }
            output::usage_for_scripts(&said.render().to_string());
            return Cause::Usage.code();
        }
    };
    if let Some(words) = env::var(dr_switch::VARIABLE) {
        dr_switch::turn_on(&words.to_string_lossy());
    }
    let screen = Screen::new(&dr.global);
    log::begin(&dr.global, &screen);
    let span = log::command(&name);
    let outcome = span.in_scope(|| work(&dr, &screen));
    if let Err(failure) = &outcome {
        screen.failure(failure);
    }
    let mut causes = match outcome {
        Ok(outcome) => outcome.into_causes(),
        Err(failure) => vec![failure.cause],
    };
    if let Err(why) = screen.close() {
        screen.error(&format!("the answer could not be written to the end: {why}"));
        causes.push(Cause::Failed);
    }
    let code = exit::code(&causes);
    span.record("code", code);
    code
}

fn work(dr: &Dr, screen: &Screen) -> Result<Outcome, Failure> {
    // Two threads: objects travel on the callers' own threads, these only wait.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|why| Failure::new(Cause::Failed, format!("the operating system gives dr no threads: {why}")))?;
    let signals = signals::listen(runtime.handle())
        .map_err(|why| Failure::new(Cause::Failed, format!("dr cannot listen for signals: {why}")))?;
    let context = Context { global: &dr.global, screen, signals, runtime: runtime.handle().clone(), line: LINE };
    let outcome = dr.command.run(&context);
    // A thread that waits for a hung disk must not keep the process.
    runtime.shutdown_background();
    outcome
}
