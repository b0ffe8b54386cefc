//! How dr stands beside other backup programs on the same data, on this machine, in one run.
//!
//! `cargo xtask bench` runs this; what happens is told in `side_by_side.rs`.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "this starts programs, times them and prints")]

#[path = "side_by_side.rs"]
mod side_by_side;

use std::process::ExitCode;

fn main() -> ExitCode {
    match side_by_side::main(std::env::args().skip(1)) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(sentence) => {
            println!("bench: {sentence}");
            ExitCode::FAILURE
        }
    }
}
