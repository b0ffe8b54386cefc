//! The walk itself: one directory after the other, depth first, in entry order, as far as it is asked for. What other
//! threads saw ahead of it (`ahead.rs`) saves it questions.
//!
//! Invariants: paths come out strictly ascending; the innermost directory of the stack is open unless it was
//! lost, and then each name left in it is reported; no more levels hold a descriptor than [`Room::levels`], however
//! deep the tree. A question that fails costs its answer, which is named, and never what is in the entry or below it.

mod examine;
mod rules;
mod step;

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dr_entry::{Entry, EntryPath, Kind, Meta, Unread};
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use super::ahead::{Ahead, Here, Upcoming};
use super::attributes::AttributeReader;
use super::directory::{Directory, Identity, descend, look_at};
use super::filter::{Filter, Verdict};
use super::links::LinkGroups;
use super::metadata::OwnerNames;
use super::names;
use super::room::{Room, is_full, is_moving};

use examine::{enter, entry, examine, names_of, not_there, unread};
pub(crate) use rules::{Opened, Plain, Rules, Special, Start};
use step::{Level, NoRoom, Opening, Place, Step, Tools};

pub(crate) struct Walker {
    root: Arc<Directory>,
    start: Option<Start>,
    levels: Vec<Level>,
    rules: Rules,
    filter: Arc<Filter>,
    tools: Tools,
    ahead: Option<Ahead>,
    /// What could not be read of the entry that was yielded last, and what else is to be named.
    pending: VecDeque<Unread>,
}

impl Walker {
    pub(crate) fn new(root: OwnedFd, start: Start, mut rules: Rules) -> Self {
        let room = Arc::<Room>::default();
        let exclude = std::mem::take(&mut rules.exclude);
        let (prefix, named) = (std::mem::take(&mut rules.prefix), std::mem::take(&mut rules.named));
        let filter = Arc::new(Filter { exclude, prefix, named });
        Self {
            root: Directory::new(root, &room),
            start: Some(start),
            levels: Vec::new(),
            rules,
            filter,
            tools: Tools {
                owners: OwnerNames::default(),
                attributes: AttributeReader::new(),
                links: LinkGroups::default(),
                buffer: names::buffer(),
                room,
            },
            ahead: None,
            pending: VecDeque::new(),
        }
    }

    /// Has other threads look ahead: for plain files that nobody removes meanwhile.
    pub(crate) fn looking_ahead(mut self) -> Self {
        self.ahead = Some(Ahead::new(&self.tools.room, self.rules.started));
        self
    }

    /// Asks for what comes after the name of this number in the innermost directory.
    fn look_ahead(&mut self, number: usize) {
        let (Some(ahead), Some((level, outer))) = (&self.ahead, self.levels.split_last_mut()) else { return };
        let (Some(directory), None) = (&level.directory, &level.wanted) else { return };
        let (path, names) = (&*level.path, &level.names);
        let stay = self.rules.one_file_system.then_some(level.device);
        let here = Here { directory, path, names, stay, filter: &self.filter };
        if level.upcoming.ask(ahead, &here, number) {
            // The outermost is needed last.
            let _ = outer.iter_mut().any(|level| level.upcoming.release());
        }
    }

    /// Does not go into the directory that was yielded last.
    pub(crate) fn skip_contents(&mut self, path: &EntryPath) {
        if self.levels.last().is_some_and(|level| *level.path == *path) {
            self.leave();
        }
    }

    fn begin(&mut self, start: Start) -> Option<Entry> {
        let path = EntryPath::root();
        let root = Arc::clone(&self.root);
        let stat = look_at(root.as_fd()).ok();
        let device = stat.as_ref().map_or(0, |stat| Identity::of(stat).device);
        match start {
            Start::Whole => {
                let found = Opening { directory: root, stat, listed: None };
                let step = enter(&mut self.tools, &mut self.rules, path, found, None, device);
                self.take(step)
            }
            Start::Parts(wanted, missing) => {
                self.pending.extend(missing.into_iter().map(|path| not_there(path, Errno::NOENT)));
                match names_of(&wanted) {
                    Ok(names) => self.levels.push(Level {
                        path: Arc::new(path),
                        directory: Some(root),
                        identity: stat.as_ref().map(Identity::of),
                        names: Arc::new(names),
                        next: 0,
                        upcoming: Upcoming::default(),
                        wanted: Some(wanted),
                        device,
                    }),
                    Err(why) => self.pending.push_back(unread(path, why)),
                }
                None
            }
        }
    }

    fn take(&mut self, step: Step) -> Option<Entry> {
        match step {
            Step::LeftOut => None,
            Step::Entry(entry, lacking, level) => {
                self.pending.extend(lacking.into_iter().map(|why| Unread { path: entry.path.clone(), why }));
                if let Some(level) = level {
                    self.levels.push(*level);
                    // Level 0 is the root, which stays open anyway.
                    if let Some(outer) = self.levels.len().checked_sub(self.tools.room.levels() + 1) {
                        // One each time, unless there is less room than there was.
                        let outer = self.levels.iter_mut().take(outer + 1).skip(1).rev();
                        outer.take_while(|level| level.directory.is_some()).for_each(|level| level.directory = None);
                    }
                }
                self.rules.special.passed(&entry);
                Some(*entry)
            }
        }
    }

    /// Leaves the innermost directory and sees to it that the one outside it is open.
    fn leave(&mut self) {
        let Some(inner) = self.levels.pop() else {
            return;
        };
        let Some(outer) = self.levels.last_mut() else {
            return;
        };
        if outer.directory.is_some() {
            return;
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let room = &self.tools.room;
        let up =
            inner.directory.and_then(|inner| room.wait(|| openat(inner.as_fd(), c"..", flags, Mode::empty())).ok());
        let of = |fd: &OwnedFd| look_at(fd.as_fd()).ok().map(|stat| Identity::of(&stat));
        let is_it = |fd: &OwnedFd| outer.identity.is_some() && of(fd) == outer.identity;
        // Another directory that has its path now is as good, if no other file system was put there.
        let as_good = |fd: &OwnedFd| of(fd).is_none_or(|now| now.device == outer.device || outer.identity.is_none());
        let by_path = || room.wait(|| descend(self.root.as_fd(), &outer.path)).ok().filter(as_good);
        let found = up.filter(is_it).or_else(by_path);
        outer.directory = found.map(|fd| Directory::new(fd, room));
    }
}

impl Iterator for Walker {
    type Item = Result<Entry, Unread>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(start) = self.start.take()
            && let Some(first) = self.begin(start)
        {
            return Some(Ok(first));
        }
        loop {
            if let Some(unread) = self.pending.pop_front() {
                return Some(Err(unread));
            }
            let level = self.levels.last_mut()?;
            let index = level.next;
            level.next += 1;
            self.look_ahead(index);
            let level = self.levels.last_mut()?;
            let Some(name) = level.names.get(index) else {
                self.leave();
                continue;
            };
            let path = match level.path.join(name.to_bytes()) {
                Ok(path) => path,
                Err(why) => {
                    let why = format!("{}: {why}", name.to_bytes().escape_ascii());
                    return Some(Err(Unread { path: (*level.path).clone(), why }));
                }
            };
            let wanted = level.wanted.as_mut().map(|wanted| wanted.below.remove(name.to_bytes()).unwrap_or_default());
            let called = level.names.listed(index);
            if wanted.is_none() && self.filter.verdict(&level.path, name, called) == Verdict::LeftOut {
                self.rules.tally.excluded.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let step = match level.directory.clone() {
                Some(directory) => {
                    let mut place = Place {
                        root: &self.root,
                        parent: &level.path,
                        filter: &self.filter,
                        directory,
                        device: level.device,
                        wanted: wanted.as_ref(),
                        called,
                        stat: level.upcoming.stat(index),
                        seen: level.upcoming.directory(index),
                        pinned: None,
                    };
                    let (tools, rules) = (&mut self.tools, &mut self.rules);
                    let room = Arc::clone(&tools.room);
                    room.again(is_moving, |attempt| examine(tools, rules, &mut place, name, &path, attempt))
                }
                None => Err(Errno::STALE),
            };
            let was_removed = matches!(step, Err(Errno::NOENT)) && level.names.is_earlier(index);
            match step {
                Ok(step) => {
                    if let Some(entry) = self.take(step) {
                        return Some(Ok(entry));
                    }
                }
                // A later listing of its directory knew it no more.
                Err(_) if was_removed => {}
                // No name is left out for that: whoever asks for the contents is told, and ends the capture.
                Err(why) if is_full(why) => {
                    let mut entry = entry(path, Meta::plain(Kind::File, 0o600));
                    entry.body = Some(Box::new(NoRoom(why)));
                    return Some(Ok(entry));
                }
                Err(why) => match wanted {
                    Some(wanted) => wanted.each(&path, &mut |path| self.pending.push_back(not_there(path, why))),
                    None => return Some(Err(unread(path, why))),
                },
            }
        }
    }
}
