//! What one capture may take: of the process's descriptors, and of time for looking at something again.
//!
//! A name is never left out because too many files are open: less is kept open, and what needs a descriptor waits for
//! one. And a name that means something else than a moment ago is looked at again, for people save by renaming; but a
//! tree from which thousands of names vanish must not cost a pause for each.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::io::{Errno, Result};
use rustix::process::{Resource, getrlimit};

/// Directories that unopened contents may keep open in all, however many descriptors there are.
const MOST: usize = 256;
/// Levels of a walk that keep their directory open at most.
const LEVELS: usize = 64;
/// Directories that are open ahead of a walk at most.
const AHEAD: usize = 32;

/// How long somebody waits who is told that too many files are open.
const WAIT: Duration = Duration::from_millis(50);
/// So often in one capture: a minute. Whoever gets none then ends the capture, for no name may be missing for that.
const WAITS: u32 = 1_200;

/// Before a name is looked at again.
const PAUSES: [Duration; 8] = [
    Duration::ZERO,
    Duration::ZERO,
    Duration::ZERO,
    Duration::from_millis(1),
    Duration::from_millis(1),
    Duration::from_millis(5),
    Duration::from_millis(20),
    Duration::from_millis(50),
];
/// Real pauses of one capture.
const PAUSES_MAX: u32 = 2_000;

#[derive(Debug)]
pub(crate) struct Room {
    /// Directories that are open.
    pub(crate) open: AtomicUsize,
    /// How many may be.
    most: AtomicUsize,
    /// Pauses that are left.
    pauses: AtomicU32,
    /// Waits for a descriptor that are left since there was one.
    waits: AtomicU32,
}

impl Default for Room {
    fn default() -> Self {
        let limit = getrlimit(Resource::Nofile).current;
        Self::of(limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)))
    }
}

impl Room {
    /// In a process that may open so many files. A quarter is for this; the repository needs some, too.
    fn of(limit: usize) -> Self {
        let most = AtomicUsize::new((limit / 4).clamp(4, MOST));
        Self { open: AtomicUsize::new(0), most, pauses: AtomicU32::new(PAUSES_MAX), waits: AtomicU32::new(WAITS) }
    }

    /// Whether contents that nobody opened yet may keep their directory open.
    pub(crate) fn is_free(&self) -> bool {
        self.open.load(Ordering::Relaxed) < self.most.load(Ordering::Relaxed)
    }

    /// Levels of a walk that may keep their directory open.
    pub(crate) fn levels(&self) -> usize {
        (self.most.load(Ordering::Relaxed) / 4).clamp(1, LEVELS)
    }

    /// Directories that may be open ahead of a walk.
    pub(crate) fn ahead(&self) -> usize {
        (self.most.load(Ordering::Relaxed) / 8).min(AHEAD)
    }

    /// Asks until there is a descriptor, and has less kept open from now on where there was none.
    pub(crate) fn wait<T>(&self, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
        let mut waited = false;
        loop {
            match ask() {
                Err(why) if is_full(why) => {
                    let less = |most: usize| Some((most / 2).max(4));
                    let _ = self.most.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
                    let left = |left: u32| left.checked_sub(1);
                    if self.waits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_err() {
                        return Err(why);
                    }
                    waited = true;
                    std::thread::sleep(WAIT);
                }
                answer => {
                    if waited {
                        self.waits.store(WAITS, Ordering::Relaxed);
                    }
                    return answer;
                }
            }
        }
    }

    /// Asks again, a few times, where the answer says that what a name means was changed between two questions. `ask`
    /// gets the number of the attempt.
    pub(crate) fn again<T, E>(
        &self,
        is_moving: impl Fn(&E) -> bool,
        mut ask: impl FnMut(usize) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut attempt = 0;
        loop {
            match ask(attempt) {
                Err(why) if is_moving(&why) && attempt < PAUSES.len() && self.pause(PAUSES[attempt]) => attempt += 1,
                answer => return answer,
            }
        }
    }

    /// Waits, if it may.
    fn pause(&self, pause: Duration) -> bool {
        if pause.is_zero() {
            return true;
        }
        let less = |left: u32| left.checked_sub(1);
        let may = self.pauses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok();
        if may {
            std::thread::sleep(pause);
        }
        may
    }
}

/// Whether this says that too many files are open, in this process or on this machine.
pub(crate) fn is_full(why: Errno) -> bool {
    matches!(why, Errno::MFILE | Errno::NFILE)
}

/// Whether this says that a name means something else than a moment ago.
pub(crate) fn is_moving(why: &Errno) -> bool {
    matches!(*why, Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO | Errno::STALE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_descriptors_cost_open_directories_and_never_an_answer() {
        let room = |limit| {
            let room = Room::of(limit);
            (room.most.load(Ordering::Relaxed), room.levels(), room.ahead())
        };
        assert_eq!(room(1_048_576), (256, 64, 32));
        assert_eq!(room(1_024), (256, 64, 32));
        assert_eq!(room(64), (16, 4, 2));
        assert_eq!(room(16), (4, 1, 0));
        let room = Room::of(1_024);
        let mut full = vec![Err(Errno::NFILE), Err(Errno::MFILE)];
        assert_eq!(room.wait(|| full.pop().unwrap_or(Ok(7))), Ok(7));
        assert_eq!(room.most.load(Ordering::Relaxed), 64);
        assert_eq!(room.wait(|| Err::<u8, _>(Errno::ACCESS)), Err(Errno::ACCESS));
    }

    #[test]
    fn what_moves_is_asked_again_a_few_times_and_what_does_not_once() {
        let room = Room::of(1_024);
        assert_eq!(room.again(is_moving, |attempt| if attempt < 7 { Err(Errno::NOENT) } else { Ok(attempt) }), Ok(7));
        let mut asked = 0;
        let answer = room.again(is_moving, |_| {
            asked += 1;
            Err::<u8, _>(Errno::NOENT)
        });
        assert_eq!((answer, asked), (Err(Errno::NOENT), PAUSES.len() + 1));
        let mut asked = 0;
        let answer = room.again(is_moving, |_| {
            asked += 1;
            Err::<u8, _>(Errno::IO)
        });
        assert_eq!((answer, asked), (Err(Errno::IO), 1));
    }

    #[test]
    fn thousands_of_names_that_vanish_do_not_cost_a_pause_each() {
        let room = Room { pauses: AtomicU32::new(1), ..Room::of(1_024) };
        let mut asked = 0;
        for _ in 0..100 {
            let _ = room.again(is_moving, |_| {
                asked += 1;
                Err::<u8, _>(Errno::NOENT)
            });
        }
        // Three times at once, and the one pause there was.
        assert_eq!(asked, 401);
    }
}
