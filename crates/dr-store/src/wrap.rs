//! Stores around stores: [`throttled`] takes its time; for tests, [`faulty`] fails when told to and [`recording`]
//! remembers what it was asked.

pub mod faulty;
pub mod recording;
pub mod throttled;
