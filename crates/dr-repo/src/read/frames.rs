//! Which frames are open: a few, shared by everybody who reads, so that none is fetched twice for neighbours.
//!
//! A frame is opened by the first who asks; others wait for that. It may also be asked for early, and opened by somebody
//! who has nothing else to do. One that could not be opened is tried again by whoever asks next: the error is theirs.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::RepoError;

/// Pack and frame, by their numbers in the index.
pub(crate) type FrameKey = (u32, u16);

/// Frames that stay open for one reader; each more reader adds a few. A frame is 1 MiB, seldom up to 4.
const KEPT: usize = 12;
const KEPT_MORE: usize = 4;
/// So many stay open where they are asked for again and again: a file that was edited in thirty places on each of thirty
/// days lies in thirty frames at a time.
const KEPT_MOST: usize = 64;
/// So many stay open where their bytes are counted instead.
const KEPT_BY_BYTES: usize = 1_024;
/// Frames that were let go of a moment ago.
const GONE: usize = 256;

/// The open frames, the one that was used longest ago in front.
pub(crate) struct Frames {
    kept: Mutex<Kept>,
}

struct Kept {
    frames: VecDeque<Wanted>,
    /// How many stay open.
    most: usize,
    /// How many bytes of them do, if that is what counts.
    most_bytes: Option<usize>,
    /// Those that were let go of last.
    gone: VecDeque<FrameKey>,
}

/// A frame that somebody wants.
#[derive(Clone)]
pub(crate) struct Wanted {
    key: FrameKey,
    slot: Arc<Slot>,
}

struct Slot {
    state: Mutex<State>,
    settled: Condvar,
}

enum State {
    /// Not open, and nobody is at it.
    Shut,
    /// Somebody is opening it.
    Opening,
    Open(Arc<Vec<u8>>),
}

impl Frames {
    pub(crate) fn new(readers: usize) -> Self {
        let most = KEPT + KEPT_MORE * readers.saturating_sub(1);
        Self::of(most, None)
    }

    /// As many as take so many bytes, for who reads here and there for long. The one that is asked for stays in any case.
    pub(crate) fn within(bytes: usize) -> Self {
        Self::of(KEPT_BY_BYTES, Some(bytes))
    }

    fn of(most: usize, most_bytes: Option<usize>) -> Self {
        Self { kept: Mutex::new(Kept { frames: VecDeque::new(), most, most_bytes, gone: VecDeque::new() }) }
    }

    /// The frame, opened by `open` if it is not, or not yet.
    pub(crate) fn get(
        &self,
        key: FrameKey,
        open: impl FnOnce() -> Result<Vec<u8>, RepoError>,
    ) -> Result<Arc<Vec<u8>>, RepoError> {
        let (wanted, is_new) = self.wanted(key);
        let frame = wanted.get(open);
        if is_new {
            self.trim();
        }
        frame
    }

    /// Closes those that were used longest ago, where all together are too large.
    fn trim(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(most) = kept.most_bytes else { return };
        let (mut sum, mut stay) = (0usize, 0);
        for frame in kept.frames.iter().rev() {
            sum = sum.saturating_add(frame.len());
            if sum > most && stay > 0 {
                break;
            }
            stay += 1;
        }
        let gone = kept.frames.len() - stay;
        kept.frames.drain(..gone);
    }

    /// The frame's slot, to be opened early; none if somebody has it on the list already.
    pub(crate) fn want(&self, key: FrameKey) -> Option<Wanted> {
        let (wanted, is_new) = self.wanted(key);
        is_new.then_some(wanted)
    }

    /// Whether somebody is at opening it.
    pub(crate) fn is_opening(&self, key: FrameKey) -> bool {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.frames.iter().rev().find(|one| one.key == key).is_some_and(|one| matches!(*one.state(), State::Opening))
    }

    fn wanted(&self, key: FrameKey) -> (Wanted, bool) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // Neighbours ask for what was used last.
        if let Some(at) = kept.frames.iter().rposition(|one| one.key == key)
            && let Some(found) = kept.frames.remove(at)
        {
            kept.frames.push_back(found.clone());
            return (found, false);
        }
        // One that is wanted again after it was let go of says that too few stay.
        if kept.most < KEPT_MOST && kept.gone.contains(&key) {
            kept.most += 1;
        }
        if kept.frames.len() >= kept.most
            && let Some(gone) = kept.frames.pop_front()
        {
            if kept.gone.len() == GONE {
                kept.gone.pop_front();
            }
            kept.gone.push_back(gone.key);
        }
        let slot = Arc::new(Slot { state: Mutex::new(State::Shut), settled: Condvar::new() });
        let wanted = Wanted { key, slot };
        kept.frames.push_back(wanted.clone());
        (wanted, true)
    }
}

impl Wanted {
    /// The bytes that it takes.
    fn len(&self) -> usize {
        if let State::Open(frame) = &*self.state() { frame.len() } else { 0 }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.slot.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, open: impl FnOnce() -> Result<Vec<u8>, RepoError>) -> Result<Arc<Vec<u8>>, RepoError> {
        let mut state = self.state();
        loop {
            match &*state {
                State::Open(frame) => return Ok(Arc::clone(frame)),
                State::Opening => state = self.slot.settled.wait(state).unwrap_or_else(PoisonError::into_inner),
                State::Shut => break,
            }
        }
        *state = State::Opening;
        drop(state);
        self.settle(open())
    }

    /// Opens it, if nobody has begun to. An error is left to whoever needs it.
    pub(crate) fn open(&self, open: impl FnOnce(FrameKey) -> Result<Vec<u8>, RepoError>) {
        let mut state = self.state();
        if matches!(*state, State::Shut) {
            *state = State::Opening;
            drop(state);
            let _ = self.settle(open(self.key));
        }
    }

    fn settle(&self, opened: Result<Vec<u8>, RepoError>) -> Result<Arc<Vec<u8>>, RepoError> {
        let opened = opened.map(Arc::new);
        *self.state() = opened.as_ref().map_or(State::Shut, |frame| State::Open(Arc::clone(frame)));
        self.slot.settled.notify_all();
        opened
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_frame_is_opened_once_however_many_ask() {
        let (frames, opened) = (Frames::new(4), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..8 {
                        let frame = frames.get((0, number), || {
                            opened.fetch_add(1, Ordering::Relaxed);
                            Ok(vec![number as u8])
                        });
                        assert_eq!(*frame.unwrap(), [number as u8]);
                    }
                });
            }
        });
        assert_eq!(opened.into_inner(), 8);
    }

    #[test]
    fn one_that_did_not_open_is_tried_again_and_the_oldest_are_dropped() {
        let frames = Frames::new(1);
        assert!(frames.get((0, 0), || Err(RepoError::CannotRead)).is_err());
        assert_eq!(*frames.get((0, 0), || Ok(vec![7])).unwrap(), [7]);
        for number in 1..=KEPT as u16 {
            frames.get((0, number), || Ok(vec![])).unwrap();
        }
        assert!(frames.want((0, 1)).is_none(), "still there");
        assert!(frames.want((0, 0)).is_some(), "dropped");
    }

    #[test]
    fn where_bytes_count_the_oldest_are_dropped_and_the_one_that_is_asked_for_stays() {
        let frames = Frames::within(100);
        let open = |number: u16, len: usize| frames.get((0, number), || Ok(vec![0; len])).unwrap().len();
        for number in 0..10 {
            open(number, 30);
        }
        assert_eq!(frames.kept.lock().unwrap().frames.len(), 3);
        assert_eq!(open(9, 0), 30, "still there");
        assert_eq!(open(0, 31), 31, "dropped");
        assert_eq!(open(20, 1_000), 1_000);
        assert_eq!(frames.kept.lock().unwrap().frames.len(), 1);
    }

    #[test]
    fn what_is_wanted_again_and_again_stays_open_up_to_a_bound() {
        let opened = |of: u16| {
            let (frames, opened) = (Frames::new(1), AtomicUsize::new(0));
            for _ in 0..100 {
                for number in 0..of {
                    let open = || {
                        opened.fetch_add(1, Ordering::Relaxed);
                        Ok(vec![])
                    };
                    frames.get((0, number), open).unwrap();
                }
            }
            (opened.into_inner(), frames.kept.into_inner().unwrap().most)
        };
        assert_eq!(opened(10), (10, KEPT));
        let (thirty, most) = opened(30);
        assert!(thirty < 90 && most <= 31, "{thirty} {most}");
        assert_eq!(opened(100), (10_000, KEPT_MOST));
    }
}
