//! dr as a person at a terminal or a script meets it: words in, words, exit codes and repositories out.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare what it needs should stop there")]

mod alone;
mod answers;
#[path = "../bare.rs"]
mod bare;
mod bench;
mod capture;
mod copy;
mod erase;
mod faults;
#[path = "../soak/heavy/faulty.rs"]
mod faulty;
mod full;
mod interrupted;
mod keys;
mod letting_go;
mod look;
mod mending;
mod round_trip;
