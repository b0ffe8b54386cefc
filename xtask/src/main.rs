//! What a person building `dr` can ask for besides `cargo build`: tests and the checks on the house itself.
//!
//! `cargo xtask` lists the commands. Each has a file of its own, with one function from the root of the checkout
//! and the remaining arguments to success or the sentence to print; a new one is a line in [`COMMANDS`].

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "this starts compilers and talks to whoever called it; none of it is part of `dr`"
)]

mod begin_at;
mod bench;
mod checkout;
mod circles;
mod counts;
mod dates;
mod fences;
mod fresh;
mod homonyms;
mod install;
mod modules;
mod named;
mod soak;
mod test;
mod tidy;
mod tokens;
mod words;

use std::path::Path;
use std::process::ExitCode;

/// One thing that can be asked for.
struct Command {
    name: &'static str,
    about: &'static str,
    run: fn(root: &Path, arguments: &[String]) -> Result<(), String>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        about: "install what the tests need and run them all, with --at TIME those through the binary at that time",
        run: test::run,
    },
    Command { name: "fences", about: "compare the crates' dependencies with the table of edges", run: fences::run },
    Command {
        name: "tidy",
        about: "check files: subject, size, words, circles, and that named tests exist",
        run: tidy::run,
    },
    Command {
        name: "bench",
        about: "time dr beside other backup programs that are on the search path",
        run: bench::run,
    },
    Command {
        name: "counts",
        about: "count the instructions of the hot loops and compare with benches/counts.toml",
        run: counts::run,
    },
    Command {
        name: "soak",
        about: "run the whole counts that do not fit into CI; without a name it lists them",
        run: soak::run,
    },
    Command {
        name: "install",
        about: "install dr for this machine's people, small, with its debug lines beside it",
        run: install::run,
    },
    Command { name: "begin-at", about: "become a program for which it is that time now", run: begin_at::begin_at },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("usage: cargo xtask COMMAND");
        for command in COMMANDS {
            eprintln!("  {:8} {}", command.name, command.about);
        }
        return ExitCode::from(2);
    };
    match (command.run)(&checkout::root(), &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("xtask {name}: {sentence}");
            ExitCode::FAILURE
        }
    }
}
