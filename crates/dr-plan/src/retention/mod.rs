//! Which snapshots are kept, and why: every verdict carries its reason.

mod judge;
mod last;
mod periodic;
#[cfg(test)]
mod tests;
mod within;

use crate::period::Period;

pub use judge::{Snapshot, Verdict, judge};

/// What to keep. A snapshot that any rule keeps stays, unless it is older than `max_age`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// The newest so many.
    pub last: u32,
    /// The newest of each of so many hours that have one.
    pub hourly: u32,
    /// The newest of each of so many days that have one.
    pub daily: u32,
    /// The newest of each of so many weeks, Monday to Sunday, that have one.
    pub weekly: u32,
    /// The newest of each of so many months that have one.
    pub monthly: u32,
    /// The newest of each of so many years that have one.
    pub yearly: u32,
    /// Everything younger than this.
    pub within: Option<Period>,
    /// Nothing older than this, whatever the other rules say. The system's `max-age` caps it too.
    pub max_age: Option<Period>,
}
