//! Who compresses a frame: whoever filled it, unless another worker has nothing to do.

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Job;
use crate::work_queue::{Next, WorkQueue};
use crate::write::packer::{Others, RawFrame};

/// One worker's side of it.
pub(super) struct Help {
    work_queue: WorkQueue<RawFrame>,
    /// Emptied frames on their way back, so that their buffers are used again.
    spare_in: Sender<RawFrame>,
    spare: Receiver<RawFrame>,
}

impl Help {
    /// One for each worker. Frames that wait for somebody are as many as workers at most.
    pub(super) fn for_all(workers: usize) -> Vec<Self> {
        let (spare_in, spare) = bounded(workers * 2);
        let work_queue = WorkQueue::for_all(workers, workers).into_iter();
        work_queue.map(|work_queue| Self { work_queue, spare_in: spare_in.clone(), spare: spare.clone() }).collect()
    }

    /// A job of one's own before another's frame; none when there are no more jobs.
    pub(super) fn next(&self, jobs: &Receiver<Job>) -> Option<Next<Job, RawFrame>> {
        self.work_queue.next(jobs)
    }

    /// This worker fills no more frames.
    pub(super) fn no_more(&mut self) {
        self.work_queue.no_more();
    }

    /// The next frame of somebody else; none when nobody fills any more.
    pub(super) fn frame(&self) -> Option<RawFrame> {
        self.work_queue.piece()
    }

    /// An emptied frame, to be filled again by whoever gives one away.
    pub(super) fn give_back(&self, empty: RawFrame) {
        // One too many is dropped.
        let _ = self.spare_in.try_send(empty);
    }
}

impl Others for Help {
    fn offer(&self, frame: RawFrame) -> Result<RawFrame, RawFrame> {
        self.work_queue.offer(frame).map(|()| self.spare.try_recv().unwrap_or_default())
    }
}
