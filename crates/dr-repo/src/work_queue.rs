//! What a worker does next: a job of its own, else a piece of what another one has on its hands.
//!
//! Work comes in jobs, and one job may be as large as everything else together: one disk image, one dump. So whoever is
//! at a large one may offer pieces of it, which are taken only if somebody waits for work.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, select};
use dr_format::id::wipe_stack;

use crate::error::RepoError;

/// One worker's side of it.
pub(crate) struct WorkQueue<T> {
    /// None once this worker has no more pieces to give; when all have come so far, waiting for pieces ends.
    give: Option<Sender<T>>,
    take: Receiver<T>,
    /// Workers without a job of their own: they wait, or are at another's piece and will take the next.
    idle: Arc<AtomicUsize>,
    is_idle: Cell<bool>,
}

/// What a worker does next.
pub(crate) enum Next<J, T> {
    Job(J),
    Piece(T),
}

impl<T> WorkQueue<T> {
    /// One for each worker. So many pieces wait for somebody at most.
    pub(crate) fn for_all(workers: usize, waiting: usize) -> Vec<Self> {
        let (give, take) = bounded(waiting);
        let idle = Arc::new(AtomicUsize::new(0));
        (0..workers)
            .map(|_| Self {
                give: Some(give.clone()),
                take: take.clone(),
                idle: Arc::clone(&idle),
                is_idle: Cell::new(false),
            })
            .collect()
    }

    /// A job before another's piece; none when there are no more jobs.
    pub(crate) fn next<J>(&self, jobs: &Receiver<J>) -> Option<Next<J, T>> {
        let next = match jobs.try_recv() {
            Ok(job) => Some(Next::Job(job)),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                self.idle(true);
                select! {
                    recv(jobs) -> job => job.ok().map(Next::Job),
                    recv(self.take) -> piece => piece.ok().map(Next::Piece),
                }
            }
        };
        if !matches!(next, Some(Next::Piece(_))) {
            self.idle(false);
        }
        next
    }

    /// Gives a piece away if somebody has no job; back it comes if nobody has, or if enough wait to be taken.
    pub(crate) fn offer(&self, piece: T) -> Result<(), T> {
        match &self.give {
            Some(give) if self.idle.load(Ordering::Relaxed) > 0 => give.try_send(piece).map_err(|e| e.into_inner()),
            _ => Err(piece),
        }
    }

    /// Whether somebody has no job.
    pub(crate) fn somebody_waits(&self) -> bool {
        self.give.is_some() && self.idle.load(Ordering::Relaxed) > 0
    }

    /// A piece that waits to be taken, without waiting for one.
    pub(crate) fn spare(&self) -> Option<T> {
        self.take.try_recv().ok()
    }

    /// This worker has no more pieces to give.
    pub(crate) fn no_more(&mut self) {
        self.give = None;
    }

    /// The next piece of somebody else; none when nobody has any more to give.
    pub(crate) fn piece(&self) -> Option<T> {
        self.idle(true);
        self.take.recv().ok()
    }

    fn idle(&self, now: bool) {
        match (self.is_idle.replace(now), now) {
            (false, true) => self.idle.fetch_add(1, Ordering::Relaxed),
            (true, false) => self.idle.fetch_sub(1, Ordering::Relaxed),
            _ => return,
        };
    }
}

/// So many whole packs are held in memory at once, at most; more readers would only wait for the target.
const PACKS_AT_ONCE: usize = 2;

/// Does `each` for every item, two at a time, and gives the results in the items' order; the first error ends it.
pub(crate) fn two_at_a_time<T: Sync, R: Send>(
    items: &[T],
    each: impl Fn(&T) -> Result<R, RepoError> + Sync,
) -> Result<Vec<R>, RepoError> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        let mut done = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(number) else { break };
            let result = each(item);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.push((number, result));
        }
        wipe_stack();
        done
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..PACKS_AT_ONCE.min(items.len())).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(_) => done.push((0, Err(RepoError::WorkerFailed))),
            }
        }
        done
    });
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_an_error_ends_it() {
        let items: Vec<u32> = (0..100).collect();
        assert_eq!(two_at_a_time(&items, |n| Ok(n * 2)).unwrap(), items.iter().map(|n| n * 2).collect::<Vec<_>>());
        assert!(two_at_a_time(&items, |n| if *n == 50 { Err(RepoError::CannotRead) } else { Ok(()) }).is_err());
        assert!(two_at_a_time(&[], |n: &u32| Ok(*n)).unwrap().is_empty());
    }

    #[test]
    fn pieces_are_kept_while_nobody_waits_and_none_is_lost_when_somebody_does() {
        let mut work_queue = WorkQueue::<u32>::for_all(2, 2);
        let (jobs_in, jobs) = bounded::<()>(1);
        let (mut helper, giver) = (work_queue.remove(1), work_queue.remove(0));
        assert_eq!(giver.offer(1), Err(1), "nobody waits");
        drop(jobs_in);
        let done = std::thread::scope(|scope| {
            let helping = scope.spawn(move || {
                assert!(helper.next(&jobs).is_none());
                helper.no_more();
                std::iter::from_fn(|| helper.piece()).collect::<Vec<_>>()
            });
            let mut mine = Vec::new();
            for piece in 0..1_000 {
                if let Err(back) = giver.offer(piece) {
                    mine.push(back);
                }
            }
            // Whoever waits may not have come to what it was given last: then it comes back once more.
            while giver.offer(1_000).is_err() {
                std::thread::yield_now();
            }
            drop(giver);
            mine.extend(helping.join().unwrap());
            mine
        });
        let mut done = done;
        done.sort_unstable();
        assert_eq!(done, (0..=1_000).collect::<Vec<_>>());
    }
}
