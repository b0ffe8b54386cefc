//! How hard to compress: harder while the target is what everybody waits for, lighter while the processor is.
//!
//! Each worker says, whenever it hands over a finished pack, how long it worked on that pack and how long it then
//! waited until somebody took it. A worker that waits has time to compress better, which is also what shortens its
//! wait: fewer bytes go over the slow line.

use std::sync::atomic::{AtomicI32, Ordering};

/// The lightest level of zstd that is chosen by itself.
const LIGHTEST: i32 = 1;
/// The hardest one. Above it zstd takes several times the time for a few per cent.
const HARDEST: i32 = 9;

/// The level of a whole backup, for all its workers.
pub(crate) struct Effort {
    level: AtomicI32,
    adapts: bool,
}

impl Effort {
    /// A fixed level, or one that follows the target's speed.
    pub(crate) fn new(fixed: Option<i32>) -> Self {
        Self { level: AtomicI32::new(fixed.unwrap_or(LIGHTEST)), adapts: fixed.is_none() }
    }

    /// zstd's level for the next frame.
    pub(crate) fn level(&self) -> i32 {
        self.level.load(Ordering::Relaxed)
    }

    /// A pack took so many milliseconds to make and then waited so many.
    pub(crate) fn note(&self, worked_ms: i64, waited_ms: i64) {
        if self.adapts {
            self.level.store(next(self.level(), worked_ms, waited_ms), Ordering::Relaxed);
        }
    }
}

/// One level up when more than a quarter of the work was waited for, one down when less than a twentieth was.
fn next(level: i32, worked_ms: i64, waited_ms: i64) -> i32 {
    let (worked, waited) = (worked_ms.max(0), waited_ms.max(0));
    let step = match () {
        () if waited > worked / 4 => 1,
        () if waited < worked / 20 => -1,
        () => 0,
    };
    (level + step).clamp(LIGHTEST, HARDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_target_is_compressed_for_harder_and_a_fast_one_lightly() {
        let effort = Effort::new(None);
        assert_eq!(effort.level(), LIGHTEST);
        (0..20).for_each(|_| effort.note(300, 900));
        assert_eq!(effort.level(), HARDEST);
        effort.note(1_000, 100);
        assert_eq!(effort.level(), HARDEST, "neither is waited for");
        (0..20).for_each(|_| effort.note(1_000, 3));
        assert_eq!(effort.level(), LIGHTEST);
    }

    #[test]
    fn a_level_that_somebody_asked_for_stays() {
        let effort = Effort::new(Some(3));
        effort.note(1, 1_000);
        assert_eq!(effort.level(), 3);
    }

    #[test]
    fn a_clock_that_is_set_back_changes_nothing_much() {
        assert_eq!(next(5, -1_000, -50), 5);
    }
}
