//! How long may a piece of work take, and who may end it early?
//!
//! A run has a sign of its own to end: it is set when the caller's is, and when the plan's time for the system is over.
//! The loops of a backup look at one sign only, and afterwards this says which of the two it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::clock::Stopwatch;

/// How often the watcher looks.
const LOOK: Duration = Duration::from_millis(50);

/// One run's limit.
#[derive(Debug, Clone)]
pub struct Limit {
    stop: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    since: Stopwatch,
    longest: Duration,
}

impl Limit {
    /// What a run's loops look at.
    #[must_use]
    pub fn stop(&self) -> &Arc<AtomicBool> {
        &self.stop
    }

    /// Whether the run took longer than it may.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed) || self.left().is_zero()
    }

    /// What is left of the time.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.longest.saturating_sub(self.since.elapsed())
    }
}

/// Does `work`, for at most `longest` or until `outer` is set.
pub fn within<T>(longest: Duration, outer: &AtomicBool, work: impl FnOnce(&Limit) -> T) -> T {
    let limit = Limit {
        stop: Arc::new(AtomicBool::new(outer.load(Ordering::Relaxed))),
        over: Arc::default(),
        since: Stopwatch::start(),
        longest,
    };
    let (ended, watched) = channel::<()>();
    std::thread::scope(|scope| {
        let watching = limit.clone();
        scope.spawn(move || {
            while watched.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if watching.left().is_zero() {
                    watching.over.store(true, Ordering::Relaxed);
                }
                if watching.is_over() || outer.load(Ordering::Relaxed) {
                    watching.stop.store(true, Ordering::Relaxed);
                }
            }
        });
        let done = work(&limit);
        drop(ended);
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Until the sign is given; a broken watcher fails the test and does not hang it.
    fn until_stopped(limit: &Limit) -> bool {
        let watch = Stopwatch::start();
        while watch.elapsed() < Duration::from_secs(60) {
            if limit.stop().load(Ordering::Relaxed) {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    #[test]
    fn a_run_that_takes_too_long_is_told_to_end_and_knows_why() {
        let outer = AtomicBool::new(false);
        let (stopped, over) = within(Duration::from_millis(1), &outer, |limit| (until_stopped(limit), limit.is_over()));
        assert!(stopped && over && !outer.load(Ordering::Relaxed));
    }

    #[test]
    fn a_run_that_somebody_ends_did_not_take_too_long() {
        let outer = AtomicBool::new(false);
        let (stopped, over) = within(Duration::from_secs(3_600), &outer, |limit| {
            outer.store(true, Ordering::Relaxed);
            (until_stopped(limit), limit.is_over())
        });
        assert!(stopped && !over);
    }
}
