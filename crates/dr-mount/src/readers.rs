//! Who reads, so that nobody waits for good? A few threads of their own: whoever asks waits for them up to a limit.
//!
//! What a disk that hangs keeps waiting is one of these threads, and what comes of it when it comes is nobody's any more.
//! Once all of them wait so, whoever asks is told at once, until one comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded, unbounded};

type ReadJob = Box<dyn FnOnce() + Send>;

/// How often somebody who waits looks whether all is to end.
const TICK: Duration = Duration::from_millis(200);
const WAITED_FOR: u8 = 0;
const DONE: u8 = 1;
const GIVEN_UP: u8 = 2;

/// The threads that read.
pub(crate) struct ReadingThreads {
    jobs: Sender<ReadJob>,
    count: usize,
    /// What was given up and has not come back.
    late: Arc<AtomicUsize>,
    limit: Duration,
    /// All is to end.
    ending: Arc<AtomicBool>,
}

/// Nothing came within the limit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoAnswer;

impl ReadingThreads {
    /// # Errors
    /// If the operating system gives no threads.
    pub(crate) fn new(count: usize, limit: Duration, ending: Arc<AtomicBool>) -> std::io::Result<Self> {
        let (jobs, queue) = unbounded::<ReadJob>();
        for number in 0..count {
            let queue = queue.clone();
            // Nobody joins them: one may wait for a disk that never comes back, and ends with the process.
            std::thread::Builder::new()
                .name(format!("reader-{number}"))
                .spawn(move || queue.iter().for_each(|job| job()))?;
        }
        Ok(Self { jobs, count, late: Arc::default(), limit, ending })
    }

    /// What `work` comes to.
    ///
    /// # Errors
    /// If that takes longer than the limit.
    pub(crate) fn ask<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, NoAnswer> {
        if self.late.load(Ordering::SeqCst) >= self.count || self.ending.load(Ordering::SeqCst) {
            return Err(NoAnswer);
        }
        let (answer, answered) = bounded(1);
        let state = Arc::new(AtomicU8::new(WAITED_FOR));
        let (its, late) = (Arc::clone(&state), Arc::clone(&self.late));
        let job = move || {
            if its.load(Ordering::SeqCst) == WAITED_FOR {
                let _ = answer.send(work());
            }
            if its.swap(DONE, Ordering::SeqCst) == GIVEN_UP {
                late.fetch_sub(1, Ordering::SeqCst);
            }
        };
        self.jobs.send(Box::new(job)).map_err(|_| NoAnswer)?;
        let mut waited = Duration::ZERO;
        loop {
            match answered.recv_timeout(TICK) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) => waited += TICK,
                // It panicked.
                Err(RecvTimeoutError::Disconnected) => return Err(NoAnswer),
            }
            if waited >= self.limit || self.ending.load(Ordering::SeqCst) {
                // Counted before it is said, so that it cannot come back uncounted.
                self.late.fetch_add(1, Ordering::SeqCst);
                if state.swap(GIVEN_UP, Ordering::SeqCst) == DONE {
                    self.late.fetch_sub(1, Ordering::SeqCst);
                    return answered.try_recv().map_err(|_| NoAnswer);
                }
                return Err(NoAnswer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_waits_up_to_the_limit_and_what_comes_late_is_nobodys() {
        let readers = ReadingThreads::new(2, TICK, Arc::default()).unwrap();
        assert_eq!(readers.ask(|| 7), Ok(7));
        let (go, waits) = bounded::<()>(0);
        for _ in 0..2 {
            let waits = waits.clone();
            assert_eq!(readers.ask(move || waits.recv().is_ok()), Err(NoAnswer));
        }
        assert_eq!(readers.late.load(Ordering::SeqCst), 2);
        // At once now: this would never be done.
        assert_eq!(readers.ask(|| 8), Err(NoAnswer));
        go.send(()).unwrap();
        go.send(()).unwrap();
        while readers.late.load(Ordering::SeqCst) > 0 {
            std::thread::yield_now();
        }
        assert_eq!(readers.ask(|| 9), Ok(9));
    }

    #[test]
    fn nobody_waits_once_all_is_to_end() {
        let ending = Arc::new(AtomicBool::new(false));
        let readers = ReadingThreads::new(1, Duration::from_secs(3600), Arc::clone(&ending)).unwrap();
        let (_never, waits) = bounded::<()>(0);
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| readers.ask(move || waits.recv().is_ok()));
            ending.store(true, Ordering::SeqCst);
            assert_eq!(asked.join().unwrap(), Err(NoAnswer));
        });
    }
}
