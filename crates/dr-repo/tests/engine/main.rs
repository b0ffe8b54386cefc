//! The engine on memory stores: what goes in comes out, and what is damaged is noticed.

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "tests break repositories on purpose")]
#![allow(missing_docs, reason = "tests")]

mod browse;
mod checkpoints;
mod copy;
mod days;
mod erase;
mod faults;
mod flips;
mod init;
mod keyless;
mod look;
mod matrix;
mod places;
mod plans;
mod prune;
mod relied;
mod repair;
mod room;
mod round_trip;
mod single_writer;
mod strays;
mod support;
mod take_over;
mod unfinished;
mod walk;
mod write_only;
