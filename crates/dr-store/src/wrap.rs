//! Stores around stores, for tests: [`faulty`] fails when told to, [`recording`] remembers what it was asked.

pub mod faulty;
pub mod recording;
