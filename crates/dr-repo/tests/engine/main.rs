//! The engine on memory stores: what goes in comes out, and what is damaged is noticed.

#![expect(clippy::unwrap_used, reason = "tests")]
#![allow(missing_docs, reason = "tests")]

mod alone;
mod blind;
mod checkpoints;
mod copy;
mod days;
mod erase;
mod faults;
mod flips;
mod look;
mod matrix;
mod prune;
mod relied;
mod repair;
mod round_trip;
mod support;
mod take_over;
mod walk;
mod write_only;
