//! What time is it? The only place of the whole workspace that asks.
//!
//! `--at` moves the time that decisions are made with, and never the real one: events keep both, so that a moved
//! clock shows. While a command runs the moved time goes on like any other.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// The time on this machine's clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Two times: what decisions are made with, and what the clock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    moved: SignedDuration,
}

impl Clock {
    /// Both are the same.
    #[must_use]
    pub fn real() -> Self {
        Self { moved: SignedDuration::ZERO }
    }

    /// Decisions are made as if it were `at` now.
    #[must_use]
    pub fn moved_to(at: Timestamp) -> Self {
        Self { moved: at.duration_since(now()) }
    }

    /// The time that decisions are made with.
    #[must_use]
    pub fn decided(&self) -> Timestamp {
        let real = now();
        real.checked_add(self.moved).unwrap_or(real)
    }

    /// The time on the clock.
    #[must_use]
    pub fn at_real(&self) -> Timestamp {
        now()
    }

    /// Whether the two differ.
    #[must_use]
    pub fn is_moved(&self) -> bool {
        self.moved != SignedDuration::ZERO
    }
}

/// How long something takes.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// From now on.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Since then.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
