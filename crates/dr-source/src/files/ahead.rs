//! Looking ahead of a walk: other threads open and list the directories that come next, and look at the names of large
//! ones, so that a disk or a share that answers slowly is asked several things at once.
//!
//! What was seen ahead is a shortcut and nothing else. The walk takes it where it is there, waits where somebody is at
//! it, and looks for itself where nobody has begun or anything went wrong: entries, order and errors are the same.
//! Bounded whatever the tree: so many directories, and of each so many names.

use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use dr_entry::{EntryPath, Time};
use rustix::fs::{FileType, OFlags, Statx, StatxAttributes};
use rustix::io::{Errno, Result};

use super::attributes::{Read, of_open};
use super::directory::{Directory, Identity, look, look_at, open_quietly};
use super::filter::{Filter, Verdict};
use super::names::{self, Names};
use super::room::Room;

/// Threads that look: they wait for the disk, not for the processor.
const THREADS: usize = 4;
/// Looks that wait for a thread.
const WAITING: usize = 32;
/// Directories that are looked for ahead in one level.
const NEXT: usize = 4;
/// Names that are searched for the next directories.
const SEARCHED: usize = 1_024;
/// Names that are looked at in one go.
const BATCH: usize = 128;
/// Batches of one level that are under way.
const BATCHES: usize = 2;
/// Smaller directories are not worth another thread.
const WORTH: usize = 64;

/// Each thread keeps its buffer from one look to the next.
type Job = Box<dyn FnOnce(&mut names::Buffer) + Send>;

enum State<T> {
    Waiting,
    Busy,
    Done(Option<T>),
    /// Nobody wants it any more.
    Dropped,
}

struct Slot<T> {
    state: Mutex<State<T>>,
    settled: Condvar,
}

impl<T> Slot<T> {
    fn set(&self, from: fn(&State<T>) -> bool, to: State<T>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_so = from(&state);
        if is_so {
            *state = to;
        }
        drop(state);
        self.settled.notify_all();
        is_so
    }
}

/// Whatever becomes of the thread that looks, nobody waits for ever.
struct Looking<'a, T>(&'a Slot<T>);

impl<T> Drop for Looking<'_, T> {
    fn drop(&mut self) {
        self.0.set(|state| matches!(state, State::Busy), State::Done(None));
    }
}

/// Something that may be seen before it is needed.
struct Coming<T>(Arc<Slot<T>>);

impl<T: Send + 'static> Coming<T> {
    /// Has `see` done by whoever has nothing to do. None if all are busy, and enough waits for them.
    fn ask(jobs: &SyncSender<Job>, see: impl FnOnce(&mut names::Buffer) -> Option<T> + Send + 'static) -> Option<Self> {
        let slot = Arc::new(Slot { state: Mutex::new(State::Waiting), settled: Condvar::new() });
        let ours = Arc::clone(&slot);
        let job = Box::new(move |buffer: &mut names::Buffer| {
            if !ours.set(|state| matches!(state, State::Waiting), State::Busy) {
                return;
            }
            let _looking = Looking(&ours);
            let seen = see(buffer);
            ours.set(|state| matches!(state, State::Busy), State::Done(seen));
        });
        jobs.try_send(job).ok().map(|()| Self(slot))
    }

    /// What was seen.
    fn take(self) -> Option<T> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match std::mem::replace(&mut *state, State::Dropped) {
                State::Busy => {
                    *state = State::Busy;
                    state = self.0.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                State::Done(seen) => return seen,
                State::Waiting | State::Dropped => return None,
            }
        }
    }
}

impl<T> Drop for Coming<T> {
    fn drop(&mut self) {
        self.0.set(|_| true, State::Dropped);
    }
}

/// An open directory.
pub(crate) struct Entered {
    pub(crate) directory: Arc<Directory>,
    /// Of what is open.
    pub(crate) stat: Statx,
    /// What is in it, if it was looked at ahead.
    pub(crate) listed: Option<Listed>,
}

/// What was seen of a directory ahead.
pub(crate) struct Listed {
    pub(crate) attributes: Read,
    pub(crate) names: Names,
    /// Why there may be more names.
    pub(crate) failed: Option<Errno>,
    /// Of its first names, in their order.
    pub(crate) stats: Vec<Option<Statx>>,
    _counted: Counted,
}

/// One of the directories that are open ahead.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The threads that look ahead. They end with it.
pub(crate) struct Ahead {
    jobs: SyncSender<Job>,
    directories: Arc<AtomicUsize>,
    room: Arc<Room>,
    started: Time,
}

impl Ahead {
    /// `room` counts the directories that a walk holds open.
    pub(crate) fn new(room: &Arc<Room>, started: Time) -> Self {
        let (jobs, taken) = sync_channel::<Job>(WAITING);
        let taken = Arc::new(Mutex::new(taken));
        for _ in 0..THREADS {
            let taken: Arc<Mutex<Receiver<Job>>> = Arc::clone(&taken);
            std::thread::spawn(move || {
                let mut buffer = names::buffer();
                let next = || taken.lock().unwrap_or_else(PoisonError::into_inner).recv();
                while let Ok(job) = next() {
                    job(&mut buffer);
                }
            });
        }
        Self { jobs, directories: Arc::default(), room: Arc::clone(room), started }
    }

    fn is_full(&self) -> bool {
        self.directories.load(Ordering::Relaxed) >= self.room.ahead()
    }

    /// Has a directory opened and listed. With `stay` only if it is on that device and nothing has to be mounted.
    fn directory(&self, here: &Here<'_>, name: &CStr) -> Option<Coming<Entered>> {
        let path = here.path.join(name.to_bytes()).ok()?;
        let look = Look {
            parent: Arc::clone(here.directory),
            name: name.to_owned(),
            path,
            stay: here.stay,
            filter: Arc::clone(here.filter),
            started: self.started,
            room: Arc::clone(&self.room),
            counted: Counted::new(&self.directories),
        };
        Coming::ask(&self.jobs, move |buffer| look.see(buffer).ok().flatten())
    }

    fn stats(&self, here: &Here<'_>, from: usize) -> Option<Coming<Vec<Option<Statx>>>> {
        let (directory, names) = (Arc::clone(here.directory), Arc::clone(here.names));
        let (filter, path) = (Arc::clone(here.filter), here.path.clone());
        Coming::ask(&self.jobs, move |_| Some(look_at_names(&directory, &names, from, &filter, &path)))
    }
}

/// A directory to be looked at.
struct Look {
    parent: Arc<Directory>,
    name: CString,
    path: EntryPath,
    stay: Option<u64>,
    filter: Arc<Filter>,
    started: Time,
    room: Arc<Room>,
    counted: Counted,
}

impl Look {
    fn see(self, buffer: &mut names::Buffer) -> Result<Option<Entered>> {
        let Self { parent, name, path, stay, filter, started, room, counted } = self;
        let stat = look(parent.as_fd(), &name)?;
        let is_directory = FileType::from_raw_mode(u32::from(stat.stx_mode)) == FileType::Directory;
        let is_elsewhere = stay.is_some_and(|device| device != Identity::of(&stat).device);
        if !is_directory || is_elsewhere || stat.stx_attributes.contains(StatxAttributes::AUTOMOUNT) {
            return Ok(None);
        }
        let directory = Directory::new(open_quietly(parent.as_fd(), &name, OFlags::DIRECTORY)?, &room);
        let stat = look_at(directory.as_fd())?;
        let attributes = of_open(directory.as_fd(), Identity::of(&stat).device);
        let (names, failed) = Names::read_settled(directory.as_fd(), &stat, started, buffer);
        let stats = look_at_names(&directory, &names, 0, &filter, &path);
        let listed = Some(Listed { attributes, names, failed, stats, _counted: counted });
        Ok(Some(Entered { directory, stat, listed }))
    }
}

/// Of those that are to be captured. A mount whose server is gone may hang whoever looks at it, so nobody looks at what
/// is left out by its name.
fn look_at_names(
    directory: &Directory,
    names: &Names,
    from: usize,
    filter: &Filter,
    path: &EntryPath,
) -> Vec<Option<Statx>> {
    let numbered = (from..from + BATCH).map_while(|index| names.get(index).map(|name| (index, name)));
    let look = |(index, name): (usize, &CStr)| match filter.verdict(path, name, names.listed(index)) {
        Verdict::Kept => look(directory.as_fd(), name).ok(),
        Verdict::LeftOut | Verdict::OfItsKind => None,
    };
    numbered.map(look).collect()
}

/// What is coming in one directory of a walk.
#[derive(Default)]
pub(crate) struct Upcoming {
    directories: VecDeque<(usize, Coming<Entered>)>,
    /// Names before this one were searched for directories.
    searched: usize,
    batches: VecDeque<(usize, Coming<Vec<Option<Statx>>>)>,
    /// Names before this one were looked at, or somebody is at it.
    looked: usize,
    /// The first name of the batch at hand, and what was seen of each.
    at_hand: (usize, Vec<Option<Statx>>),
}

/// The directory in which a walk stands.
pub(crate) struct Here<'a> {
    pub(crate) directory: &'a Arc<Directory>,
    pub(crate) path: &'a EntryPath,
    pub(crate) names: &'a Arc<Names>,
    /// The device to stay on, if the walk does.
    pub(crate) stay: Option<u64>,
    pub(crate) filter: &'a Arc<Filter>,
}

impl Upcoming {
    /// Of a directory whose first names were looked at already.
    pub(crate) fn of(stats: Vec<Option<Statx>>) -> Self {
        Self { looked: stats.len(), at_hand: (0, stats), ..Self::default() }
    }

    /// Asks for what comes after the name of this number. Whether directories are wanted and too many are open.
    pub(crate) fn ask(&mut self, ahead: &Ahead, here: &Here<'_>, number: usize) -> bool {
        let many = here.names.len();
        if many >= WORTH {
            self.looked = self.looked.max(number);
            while self.batches.len() < BATCHES && self.looked < many {
                let Some(batch) = ahead.stats(here, self.looked) else { break };
                self.batches.push_back((self.looked, batch));
                self.looked += BATCH;
            }
        }
        self.searched = self.searched.max(number + 1);
        while self.directories.len() < NEXT && self.searched < many.min(number + SEARCHED) {
            if let Some(name) = here.names.directory(self.searched)
                && here.filter.verdict(here.path, name, names::Listed::Directory) == Verdict::Kept
            {
                if ahead.is_full() {
                    return true;
                }
                let Some(coming) = ahead.directory(here, name) else { break };
                self.directories.push_back((self.searched, coming));
            }
            self.searched += 1;
        }
        false
    }

    /// What was seen of the name of this number. Numbers only grow.
    pub(crate) fn stat(&mut self, number: usize) -> Option<Statx> {
        while let Some((from, batch)) = self.batches.pop_front_if(|(from, _)| *from <= number) {
            self.at_hand = (from, batch.take().unwrap_or_default());
        }
        let (from, stats) = &self.at_hand;
        stats.get(number.checked_sub(*from)?).copied().flatten()
    }

    /// The directory of this number, if it was seen. Numbers only grow.
    pub(crate) fn directory(&mut self, number: usize) -> Option<Entered> {
        while let Some((at, coming)) = self.directories.pop_front_if(|(at, _)| *at <= number) {
            if at == number {
                return coming.take();
            }
        }
        None
    }

    /// Lets go of the directory that is needed last; whether there was one.
    pub(crate) fn release(&mut self) -> bool {
        let last = self.directories.pop_back();
        // It can be asked for again.
        if let Some((number, _)) = &last {
            self.searched = *number;
        }
        last.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_began_or_what_broke_is_nothing_and_is_not_waited_for() {
        let (jobs, taken) = sync_channel::<Job>(2);
        let begun = Coming::ask(&jobs, |_| -> Option<u8> { panic!("the thread that looks breaks") }).unwrap();
        let waiting = Coming::ask(&jobs, |_| Some(2)).unwrap();
        assert!(Coming::ask(&jobs, |_| Some(3)).is_none(), "enough wait");
        assert_eq!(waiting.take(), None);
        let looks = std::thread::spawn(move || {
            taken.recv().unwrap()(&mut names::buffer());
        });
        assert!(looks.join().is_err());
        assert_eq!(begun.take(), None);
    }

    #[test]
    fn what_was_seen_is_there_once_it_was_and_is_waited_for_meanwhile() {
        let ahead = Ahead::new(&Arc::default(), Time::default());
        let (go, wait) = sync_channel::<()>(0);
        let coming = Coming::ask(&ahead.jobs, move |_| wait.recv().ok().map(|()| 5)).unwrap();
        // It has begun once it takes this.
        go.send(()).unwrap();
        assert_eq!(coming.take(), Some(5));
    }
}
