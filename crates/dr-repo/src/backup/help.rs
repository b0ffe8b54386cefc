//! Who compresses a frame: whoever filled it, unless another worker has nothing to do.
//!
//! One large file is read and cut by one worker. Without this the others would watch it compress.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded, select};

use super::Job;
use crate::pack::{Others, RawFrame};

/// One worker's side of it.
pub(super) struct Help {
    /// None once this worker fills no more frames; when all have come so far, waiting for frames ends.
    give: Option<Sender<RawFrame>>,
    take: Receiver<RawFrame>,
    /// Emptied frames on their way back, so that their buffers are used again.
    spare_in: Sender<RawFrame>,
    spare: Receiver<RawFrame>,
    idle: Arc<AtomicUsize>,
}

/// What a worker does next.
pub(super) enum Next {
    Job(Job),
    Frame(RawFrame),
}

impl Help {
    /// One for each worker. Frames that wait for somebody are as many as workers at most.
    pub(super) fn for_all(workers: usize) -> Vec<Self> {
        let (give, take) = bounded(workers);
        let (spare_in, spare) = bounded(workers * 2);
        let idle = Arc::new(AtomicUsize::new(0));
        (0..workers)
            .map(|_| Self {
                give: Some(give.clone()),
                take: take.clone(),
                spare_in: spare_in.clone(),
                spare: spare.clone(),
                idle: Arc::clone(&idle),
            })
            .collect()
    }

    /// A job of one's own before another's frame; none when there are no more jobs.
    pub(super) fn next(&self, jobs: &Receiver<Job>) -> Option<Next> {
        match jobs.try_recv() {
            Ok(job) => return Some(Next::Job(job)),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        self.waiting(|| {
            select! {
                recv(jobs) -> job => job.ok().map(Next::Job),
                recv(self.take) -> frame => frame.ok().map(Next::Frame),
            }
        })
    }

    /// This worker fills no more frames.
    pub(super) fn no_more(&mut self) {
        self.give = None;
    }

    /// The next frame of somebody else; none when nobody fills any more.
    pub(super) fn frame(&self) -> Option<RawFrame> {
        self.waiting(|| self.take.recv().ok())
    }

    /// An emptied frame, to be filled again by whoever gives one away.
    pub(super) fn give_back(&self, empty: RawFrame) {
        // One too many is dropped.
        let _ = self.spare_in.try_send(empty);
    }

    fn waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.idle.fetch_add(1, Ordering::Relaxed);
        let got = wait();
        self.idle.fetch_sub(1, Ordering::Relaxed);
        got
    }
}

impl Others for Help {
    fn offer(&self, frame: RawFrame) -> Result<RawFrame, RawFrame> {
        let Some(give) = self.give.as_ref().filter(|_| self.idle.load(Ordering::Relaxed) > 0) else {
            return Err(frame);
        };
        match give.try_send(frame) {
            Ok(()) => Ok(self.spare.try_recv().unwrap_or_default()),
            Err(TrySendError::Full(frame) | TrySendError::Disconnected(frame)) => Err(frame),
        }
    }
}
