//! The walk itself: one directory after the other, depth first, in entry order, as far as it is asked for. What other
//! threads saw ahead of it (`ahead.rs`) saves it questions.
//!
//! Invariants: paths come out strictly ascending; the innermost directory of the stack is open unless it was
//! lost, and then each name left in it is reported; no more levels hold a descriptor than [`Room::levels`], however
//! deep the tree. A question that fails costs its answer, which is named, and never what is in the entry or below it.

use std::collections::{HashSet, VecDeque};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dr_entry::{Body, Content, Entry, EntryPath, Kind, Meta, Profile, Stamp, Time, Unread};
use rustix::fs::{Mode, OFlags, Statx, StatxAttributes, openat, readlinkat};
use rustix::io::Errno;

use super::Tally;
use super::ahead::{Ahead, Entered, Here, Listed, Upcoming};
use super::attributes::{AttributeReader, Read, of_open};
use super::body::{self, FileBody};
use super::content::UNSEEN;
use super::directory::{Directory, Identity, descend, look, look_at, open_quietly, pin};
use super::exclude::Exclude;
use super::filter::{Filter, Verdict};
use super::links::LinkGroups;
use super::metadata::{OwnerNames, kind, meta, stamp, trusted};
use super::names::{self, Listed as Called, Names};
use super::room::{Room, is_full, is_moving};
use super::roots::Wanted;

/// What a walk is to leave out and note.
pub(crate) struct Rules {
    /// Paths that the plan names, absolute and without links: gone into wherever they are.
    pub(crate) named: HashSet<Vec<u8>>,
    pub(crate) exclude: Exclude,
    /// Absolute path of the root without a slash at the end, for patterns.
    pub(crate) prefix: Vec<u8>,
    pub(crate) one_file_system: bool,
    pub(crate) started: Time,
    pub(crate) tally: Arc<Tally>,
    pub(crate) special: Box<dyn Special>,
}

/// What one kind of tree does otherwise than plain files.
pub(crate) trait Special: Send {
    /// The names in a directory that was just opened, and why there may be more.
    fn names(&mut self, at: &Opened<'_>, buffer: &mut names::Buffer) -> (Names, Option<Errno>) {
        Names::read_settled(at.directory.as_fd(), at.stat, at.started, buffer)
    }

    /// Where a file that was listed as `name` can be found now that it is gone: directory and name.
    fn renamed(&mut self, _directory: &Directory, _path: &EntryPath, _name: &CStr) -> Option<(OwnedFd, CString)> {
        None
    }

    /// How the contents of a file should be cut.
    fn profile(&self, _path: &EntryPath) -> Profile {
        Profile::Auto
    }

    /// A file is about to be yielded.
    fn passed(&mut self, _entry: &Entry) {}
}

/// A directory as [`Special::names`] sees it.
pub(crate) struct Opened<'a> {
    pub(crate) path: &'a EntryPath,
    pub(crate) directory: &'a Directory,
    /// The directory it is in; none for the root.
    pub(crate) parent: Option<&'a Directory>,
    /// As it was when it was opened.
    pub(crate) stat: &'a Statx,
    /// When the capture began.
    pub(crate) started: Time,
}

/// Plain files: nothing special.
pub(crate) struct Plain;

impl Special for Plain {}

/// Where a walk begins.
pub(crate) enum Start {
    /// The root and everything in it.
    Whole,
    /// What is asked for below the root; the root itself is no entry. And what is asked for inside of that, and is not
    /// there.
    Parts(Wanted, Vec<EntryPath>),
}

struct Level {
    path: Arc<EntryPath>,
    directory: Option<Arc<Directory>>,
    /// None if nobody could look at it.
    identity: Option<Identity>,
    names: Arc<Names>,
    next: usize,
    upcoming: Upcoming,
    /// Above what was asked for: only these names.
    wanted: Option<Wanted>,
    /// The device that `one_file_system` stays on.
    device: u64,
}

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

/// What is asked for every entry and kept from one to the next.
struct Tools {
    owners: OwnerNames,
    attributes: AttributeReader,
    links: LinkGroups,
    buffer: names::Buffer,
    room: Arc<Room>,
}

/// What became of one name.
enum Step {
    LeftOut,
    /// An entry, what of it could not be read, and the directory to go into.
    Entry(Box<Entry>, Vec<String>, Option<Box<Level>>),
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

/// What there is no descriptor for.
struct NoRoom(Errno);

impl Body for NoRoom {
    fn open(self: Box<Self>) -> std::io::Result<Box<dyn Content>> {
        Err(self.0.into())
    }
}

/// Where a name stands.
struct Place<'a> {
    root: &'a Arc<Directory>,
    parent: &'a Arc<EntryPath>,
    filter: &'a Filter,
    directory: Arc<Directory>,
    device: u64,
    wanted: Option<&'a Wanted>,
    /// What its directory calls it.
    called: Called,
    /// What was seen of it ahead. Good once: whoever asks again wants to know how it is now.
    stat: Option<Statx>,
    seen: Option<Entered>,
    /// What the name meant when it was looked at again: from then on it is that which is asked, not the name.
    pinned: Option<OwnedFd>,
}

impl Place<'_> {
    /// Whether nothing at all is known of the kind but that it is left out if it is a directory.
    fn goes_by_its_kind(&self, name: &CStr) -> bool {
        self.wanted.is_none() && self.filter.verdict(self.parent, name, self.called) == Verdict::OfItsKind
    }
}

/// A directory that is open.
struct Opening {
    directory: Arc<Directory>,
    /// None if nobody could look at it.
    stat: Option<Statx>,
    listed: Option<Listed>,
}

impl From<Entered> for Opening {
    fn from(Entered { directory, stat, listed }: Entered) -> Self {
        Self { directory, stat: Some(stat), listed }
    }
}

/// What a name means now.
fn examine(
    tools: &mut Tools,
    rules: &mut Rules,
    place: &mut Place<'_>,
    name: &CStr,
    path: &EntryPath,
    attempt: usize,
) -> rustix::io::Result<Step> {
    let by_kind = place.goes_by_its_kind(name);
    let looked = match (attempt, place.stat.take()) {
        (0, Some(stat)) => Ok(stat),
        (0, None) => look(place.directory.as_fd(), name),
        _ => look_again(tools, place, name),
    };
    let (stat, name, moved) = match looked {
        Ok(stat) => (stat, name.to_owned(), None),
        Err(Errno::NOENT) => {
            let (now, name) = rules.special.renamed(&place.directory, path, name).ok_or(Errno::NOENT)?;
            let now = Directory::new(now, &tools.room);
            (look(now.as_fd(), &name)?, name, Some(now))
        }
        Err(why) if is_moving(&why) => return Err(why),
        // Where it is not known whether it is a directory the name counts.
        Err(_) if by_kind => return Ok(left_out(rules)),
        Err(why) => match look_again(tools, place, name) {
            Ok(stat) => (stat, name.to_owned(), None),
            Err(full) if is_full(full) => return Err(full),
            Err(_) => return unseen(tools, rules, place, name, path, why),
        },
    };
    let held = moved.as_ref().unwrap_or(&place.directory);
    let directory = held.as_fd();
    let kind = kind(&stat).ok_or(Errno::NOTSUP)?;
    let is_directory = kind == Kind::Directory;
    if by_kind && is_directory {
        return Ok(left_out(rules));
    }
    if is_directory {
        return go_in(tools, rules, place, &name, path.clone(), Some(stat));
    }
    if place.wanted.is_some_and(|wanted| !wanted.whole) {
        return Err(Errno::NOTDIR);
    }
    let identity = Identity::of(&stat);
    let mut meta = meta(&stat, kind, &mut tools.owners);
    let mut lacking = Vec::new();
    if let Kind::Symlink(text) = &mut meta.kind {
        let read = || match &place.pinned {
            Some(pinned) => readlinkat(pinned, c"", Vec::new()),
            None => readlinkat(directory, &name, Vec::new()),
        };
        // What is no link any more is no argument for that question.
        let read = read().or_else(|_| read()).map_err(|why| if why == Errno::INVAL { Errno::LOOP } else { why });
        *text = read?.into_bytes();
    }
    // Those of a file are read once it is open: of one that did not change nobody asks.
    if meta.kind != Kind::File {
        let read = tools.attributes.of_name(directory, &name, identity.device, false);
        (meta.xattrs, lacking) = (read.found, read.lacking);
    }
    if stat.stx_nlink > 1 {
        meta.link = Some(tools.links.group(identity, stat.stx_nlink, path));
    }
    let mut entry = entry(path.clone(), meta);
    if entry.meta.kind == Kind::File {
        let stamp = stamp(&stat);
        entry.stamp = trusted(stamp, rules.started);
        entry.profile = rules.special.profile(&entry.path);
        let held = (moved.is_some() || tools.room.is_free()).then(|| Arc::clone(held));
        let link = entry.meta.link;
        entry.body = Some(Box::new(contents(tools, place, held, name, Some(identity), stamp, link)));
    }
    Ok(Step::Entry(Box::new(entry), lacking, None))
}

/// Looks at a name once more, and holds what it means.
fn look_again(tools: &Tools, place: &mut Place<'_>, name: &CStr) -> rustix::io::Result<Statx> {
    let pinned = tools.room.wait(|| pin(place.directory.as_fd(), name))?;
    look_at(place.pinned.insert(pinned).as_fd())
}

fn left_out(rules: &Rules) -> Step {
    rules.tally.excluded.fetch_add(1, Ordering::Relaxed);
    Step::LeftOut
}

fn entry(path: EntryPath, meta: Meta) -> Entry {
    Entry { path, meta, stamp: None, profile: Profile::Auto, body: None }
}

fn contents(
    tools: &Tools,
    place: &Place<'_>,
    directory: Option<Arc<Directory>>,
    name: CString,
    identity: Option<Identity>,
    stamp: Stamp,
    link: Option<u64>,
) -> FileBody {
    let place = body::Place { directory, root: Arc::clone(place.root), path: Arc::clone(place.parent) };
    FileBody { place, name, identity, stamp, link, room: Arc::clone(&tools.room) }
}

/// What nobody can look at: its contents may be readable for all that, if its directory knows what it is.
fn unseen(
    tools: &mut Tools,
    rules: &mut Rules,
    place: &mut Place<'_>,
    name: &CStr,
    path: &EntryPath,
    why: Errno,
) -> rustix::io::Result<Step> {
    match place.called {
        Called::Directory => go_in(tools, rules, place, name, path.clone(), None).map_err(|_| why),
        Called::File if place.wanted.is_none() => {
            let held = Some(Arc::clone(&place.directory));
            let mut entry = entry(path.clone(), Meta::plain(Kind::File, 0o600));
            entry.profile = rules.special.profile(path);
            let stamp = Stamp { size: 0, mtime: Time::default(), ctime: Time::default(), inode: 0 };
            // What it is said to lack is said by its contents, which may be able to look.
            entry.body = Some(Box::new(contents(tools, place, held, name.to_owned(), None, stamp, None)));
            Ok(Step::Entry(Box::new(entry), Vec::new(), None))
        }
        _ => Err(why),
    }
}

/// A directory by name: opened if we are to go in, else only described.
fn go_in(
    tools: &mut Tools,
    rules: &mut Rules,
    place: &mut Place<'_>,
    name: &CStr,
    path: EntryPath,
    stat: Option<Statx>,
) -> rustix::io::Result<Step> {
    let is_a_strangers = |stat: &Statx| place.filter.exclude.is_a_strangers(Identity::of(stat));
    if place.wanted.is_none() && stat.as_ref().is_some_and(is_a_strangers) {
        return Ok(left_out(rules));
    }
    // What was asked for by name sets the file system to stay on, and is never elsewhere.
    let named = place.wanted.is_some() || place.filter.is_named(&path);
    let above = place.wanted.filter(|wanted| !wanted.whole);
    let mut device = place.device;
    if let Some(stat) = &stat {
        let identity = Identity::of(stat);
        device = if named { identity.device } else { place.device };
        let elsewhere = identity.device != device;
        if rules.one_file_system && (elsewhere || stat.stx_attributes.contains(StatxAttributes::AUTOMOUNT)) {
            rules.tally.not_entered(&path, place.filter.empties(&path));
            return Ok(described(tools, place, name, path, stat, None));
        }
        // Seen ahead, and still what the name means: it is open and listed.
        let seen = place.seen.take().filter(|seen| above.is_none() && Identity::of(&seen.stat) == identity);
        if let Some(seen) = seen {
            return Ok(enter(tools, rules, path, seen.into(), Some(&*place.directory), device));
        }
    }
    let (inside, called) = match &place.pinned {
        Some(pinned) => (pinned.as_fd(), c"."),
        None => (place.directory.as_fd(), name),
    };
    let opened = tools.room.wait(|| match above {
        // Passing through asks for no right to read the directory.
        Some(_) => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            openat(inside, called, flags, Mode::empty())
        }
        None => open_quietly(inside, called, OFlags::DIRECTORY),
    });
    let fd = match (opened, &stat) {
        (Ok(fd), _) => fd,
        // It is there, and what is in it is not for us to know.
        (Err(why), Some(stat)) if above.is_none() && !is_moving(&why) && !is_full(why) => {
            let why = format!("what is in it: {}", std::io::Error::from(why));
            return Ok(described(tools, place, name, path, stat, Some(why)));
        }
        (Err(why), _) => return Err(why),
    };
    let directory = Directory::new(fd, &tools.room);
    // What we are in now is what is described, whatever the name meant a moment ago.
    let stat = look_at(directory.as_fd()).ok().or(stat);
    let identity = stat.as_ref().map(Identity::of);
    let device = identity.filter(|_| named).map_or(device, |identity| identity.device);
    match above {
        None => {
            let found = Opening { directory, stat, listed: None };
            Ok(enter(tools, rules, path, found, Some(&*place.directory), device))
        }
        Some(wanted) => {
            let names = Arc::new(names_of(wanted)?);
            let (mut meta, mut lacking) = of_directory(tools, stat.as_ref());
            if let Some(identity) = identity {
                let read = tools.attributes.of_name(place.directory.as_fd(), name, identity.device, true);
                meta.xattrs = read.found;
                lacking.extend(read.lacking);
            }
            let level = Level {
                path: Arc::new(path.clone()),
                directory: Some(directory),
                identity,
                names,
                next: 0,
                upcoming: Upcoming::default(),
                wanted: Some(wanted.clone()),
                device,
            };
            Ok(Step::Entry(Box::new(entry(path, meta)), lacking, Some(Box::new(level))))
        }
    }
}

/// A directory that nobody goes into.
fn described(
    tools: &mut Tools,
    place: &Place<'_>,
    name: &CStr,
    path: EntryPath,
    stat: &Statx,
    why: Option<String>,
) -> Step {
    let mut meta = meta(stat, Kind::Directory, &mut tools.owners);
    let Read { found, lacking } =
        tools.attributes.of_name(place.directory.as_fd(), name, Identity::of(stat).device, true);
    meta.xattrs = found;
    // One that may not be opened is named for that alone where its attributes are read by opening it.
    let lacking = why.into_iter().chain(lacking).collect();
    Step::Entry(Box::new(entry(path, meta)), lacking, None)
}

/// An open directory with all that is in it.
fn enter(
    tools: &mut Tools,
    rules: &mut Rules,
    path: EntryPath,
    Opening { directory, stat, listed }: Opening,
    parent: Option<&Directory>,
    device: u64,
) -> Step {
    let identity = stat.as_ref().map(Identity::of);
    let (mut meta, mut lacking) = of_directory(tools, stat.as_ref());
    let (attributes, names, failed, upcoming) = match listed {
        Some(Listed { attributes, names, failed, stats, .. }) => (attributes, names, failed, Upcoming::of(stats)),
        None => {
            let attributes = of_open(directory.as_fd(), identity.map_or(0, |identity| identity.device));
            let (names, failed) = match &stat {
                Some(stat) => {
                    let opened = Opened { path: &path, directory: &directory, parent, stat, started: rules.started };
                    rules.special.names(&opened, &mut tools.buffer)
                }
                None => match Names::read(directory.as_fd(), &mut tools.buffer) {
                    Ok(names) => (names, None),
                    Err(why) => (Names::default(), Some(why)),
                },
            };
            (attributes, names, failed, Upcoming::default())
        }
    };
    meta.xattrs = attributes.found;
    lacking.extend(attributes.lacking);
    lacking.extend(failed.map(|why| {
        format!("the list of what is in it, so that something may be missing: {}", std::io::Error::from(why))
    }));
    let level = Level {
        path: Arc::new(path.clone()),
        directory: Some(directory),
        identity,
        names: Arc::new(names),
        next: 0,
        upcoming,
        wanted: None,
        device,
    };
    Step::Entry(Box::new(entry(path, meta)), lacking, Some(Box::new(level)))
}

/// What a directory is, and what of that could not be read.
fn of_directory(tools: &mut Tools, stat: Option<&Statx>) -> (Meta, Vec<String>) {
    match stat {
        Some(stat) => (meta(stat, Kind::Directory, &mut tools.owners), Vec::new()),
        None => (Meta::plain(Kind::Directory, 0o700), vec![UNSEEN.to_owned()]),
    }
}

fn names_of(wanted: &Wanted) -> rustix::io::Result<Names> {
    let mut names = Names::default();
    for name in wanted.below.keys() {
        names.add(&CString::new(&name[..]).map_err(|_| Errno::INVAL)?)?;
    }
    names.sort();
    Ok(names)
}

fn unread(path: EntryPath, why: Errno) -> Unread {
    let why = match why {
        Errno::NOENT => "it was gone before it could be captured".to_owned(),
        Errno::STALE => "its directory was moved away during the capture".to_owned(),
        Errno::NOTSUP => "it is of a kind that cannot be captured".to_owned(),
        why if is_moving(&why) => "it was something else each time that it was looked at".to_owned(),
        other => std::io::Error::from(other).to_string(),
    };
    Unread { path, why }
}

/// Of a path that was asked for by name.
fn not_there(path: EntryPath, why: Errno) -> Unread {
    let why = match why {
        Errno::NOENT => "it is not there".to_owned(),
        Errno::NOTDIR => "it is not there: something above it is not a directory".to_owned(),
        other => return unread(path, other),
    };
    Unread { path, why }
}
