//! What is checked, and how much of it is read.

use std::sync::atomic::AtomicBool;

use crate::progress::Tally;

/// How much to read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ReadData {
    /// Names and lengths only.
    None,
    /// About this part of the packs (0 to 1), chosen by `seed`.
    Part {
        /// 0 to 1.
        part: f64,
        /// Chooses which.
        seed: u64,
    },
    /// Those packs that nobody has read for longest, until so many bytes were read; one at least.
    Oldest {
        /// Bytes.
        bytes: u64,
    },
    /// Everything.
    All,
}

/// How a check is to run.
pub struct CheckOptions<'a> {
    /// How much to read.
    pub read_data: ReadData,
    /// Now, in milliseconds since 1970 UTC.
    pub now_ms: i64,
    /// Asked at each page of a tree and before each pack: whether enough was looked at. Trees come first then. What was
    /// found by then counts.
    pub enough: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// Set from outside to end early; the check then knows nothing.
    pub stop: &'a AtomicBool,
    /// Progress: bytes read.
    pub tally: &'a Tally,
}

pub(super) const LOST_MAX: usize = 1_000;
