//! The walk itself: one directory after the other, depth first, in entry order, as far as it is asked for. What other
//! threads saw ahead of it (`ahead.rs`) saves it questions.
//!
//! Invariants: paths come out strictly ascending; the innermost directory of the stack is open unless it was
//! lost, and then each name left in it is reported; no more than [`HELD`] levels hold a descriptor, however
//! deep the tree.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dr_entry::{Entry, EntryPath, Kind, Profile, Time, Unread};
use rustix::fs::{Mode, OFlags, Statx, StatxAttributes, openat, readlinkat};
use rustix::io::Errno;

use super::Tally;
use super::ahead::{Ahead, Entered, Here, Listed, Upcoming};
use super::attributes::{AttributeReader, of_open};
use super::body::{FileBody, Parent};
use super::directory::{Directory, Identity, descend, look, look_at, open_quietly};
use super::exclude::Exclude;
use super::links::LinkGroups;
use super::metadata::{OwnerNames, kind, meta, stamp, trusted};
use super::names::{self, Names};
use super::roots::Wanted;

/// Levels of the stack that keep their directory open; the outer ones are found again on the way back.
const HELD: usize = 64;
/// Directories that unopened contents may keep open in all, well below the usual limit of 1,024 descriptors.
const OPEN_MAX: usize = 256;

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

impl Rules {
    fn is_named(&self, path: &EntryPath) -> bool {
        // One that is named alone is the root itself.
        self.named.len() > 1 && self.named.contains(&[&self.prefix[..], b"/", path.as_bytes()].concat())
    }

    fn leaves_out(&self, path: &EntryPath, is_directory: bool) -> bool {
        !self.exclude.is_empty() && {
            let whole = [&self.prefix[..], b"/", path.as_bytes()].concat();
            self.exclude.leaves_out(&whole, is_directory)
        }
    }
}

impl Rules {
    /// Whether whatever is in this directory is left out.
    fn empties(&self, path: &EntryPath) -> bool {
        path.join(b"\x01").is_ok_and(|inner| self.leaves_out(&inner, false) && self.leaves_out(&inner, true))
    }
}

/// What one kind of tree does otherwise than plain files.
pub(crate) trait Special: Send {
    /// The names in a directory that was just opened.
    fn names(&mut self, at: &Opened<'_>, buffer: &mut names::Buffer) -> rustix::io::Result<Names> {
        Names::read(at.directory.as_fd(), buffer)
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
}

/// Plain files: nothing special.
pub(crate) struct Plain;

impl Special for Plain {}

/// Where a walk begins.
pub(crate) enum Start {
    /// The root and everything in it.
    Whole,
    /// What is asked for below the root; the root itself is no entry.
    Parts(Wanted),
}

struct Level {
    path: EntryPath,
    directory: Option<Arc<Directory>>,
    identity: Identity,
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
    tools: Tools,
    ahead: Option<Ahead>,
}

/// What is asked for every entry and kept from one to the next.
struct Tools {
    owners: OwnerNames,
    attributes: AttributeReader,
    links: LinkGroups,
    buffer: names::Buffer,
    open: Arc<AtomicUsize>,
}

/// What became of one name.
enum Step {
    LeftOut,
    Entry(Box<Entry>, Option<Box<Level>>),
}

impl Walker {
    pub(crate) fn new(root: OwnedFd, start: Start, rules: Rules) -> Self {
        let open = Arc::new(AtomicUsize::new(0));
        Self {
            root: Directory::new(root, &open),
            start: Some(start),
            levels: Vec::new(),
            rules,
            tools: Tools {
                owners: OwnerNames::default(),
                attributes: AttributeReader::new(),
                links: LinkGroups::default(),
                buffer: names::buffer(),
                open,
            },
            ahead: None,
        }
    }

    /// Has other threads look ahead: for plain files that nobody removes meanwhile.
    pub(crate) fn looking_ahead(mut self) -> Self {
        self.ahead = Some(Ahead::new(&self.tools.open));
        self
    }

    /// Asks for what comes after the name of this number in the innermost directory.
    fn look_ahead(&mut self, number: usize) {
        let (Some(ahead), Some((level, outer))) = (&self.ahead, self.levels.split_last_mut()) else { return };
        let (Some(directory), None) = (&level.directory, &level.wanted) else { return };
        let rules = &self.rules;
        let (path, names) = (&level.path, &level.names);
        let leaves_out = |name: &CStr| path.join(name.to_bytes()).is_ok_and(|path| rules.leaves_out(&path, true));
        let stay = rules.one_file_system.then_some(level.device);
        let here = Here { directory, names, stay, leaves_out: &leaves_out };
        if level.upcoming.ask(ahead, &here, number) {
            // The outermost is needed last.
            let _ = outer.iter_mut().any(|level| level.upcoming.let_go());
        }
    }

    /// Does not go into the directory that was yielded last.
    pub(crate) fn skip_contents(&mut self, path: &EntryPath) {
        if self.levels.last().is_some_and(|level| level.path == *path) {
            self.leave();
        }
    }

    fn begin(&mut self, start: Start) -> Option<Result<Entry, Unread>> {
        let path = EntryPath::root();
        let root = Arc::clone(&self.root);
        match start {
            Start::Whole => {
                let step = look_at(root.as_fd()).and_then(|stat| {
                    let found = Entered { directory: root, stat, listed: None };
                    enter(&mut self.tools, &mut self.rules, path.clone(), found, None, Identity::of(&stat).device)
                });
                let entry = step.and_then(|step| self.take(step).ok_or(Errno::NOENT));
                Some(entry.map_err(|why| unread(EntryPath::root(), why)))
            }
            Start::Parts(wanted) => match look_at(root.as_fd()).and_then(|stat| Ok((stat, names_of(&wanted)?))) {
                Ok((stat, names)) => {
                    let identity = Identity::of(&stat);
                    self.levels.push(Level {
                        path,
                        directory: Some(root),
                        identity,
                        names: Arc::new(names),
                        next: 0,
                        upcoming: Upcoming::default(),
                        wanted: Some(wanted),
                        device: identity.device,
                    });
                    None
                }
                Err(why) => Some(Err(unread(path, why))),
            },
        }
    }

    fn take(&mut self, step: Step) -> Option<Entry> {
        match step {
            Step::LeftOut => None,
            Step::Entry(entry, level) => {
                if let Some(level) = level {
                    self.levels.push(*level);
                    // Level 0 is the root, which stays open anyway.
                    if let Some(outer) = self.levels.len().checked_sub(HELD + 1).filter(|outer| *outer > 0) {
                        self.levels[outer].directory = None;
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
        let up = inner.directory.and_then(|inner| openat(inner.as_fd(), c"..", flags, Mode::empty()).ok());
        let is_it = |fd: &OwnedFd| look_at(fd.as_fd()).is_ok_and(|stat| Identity::of(&stat) == outer.identity);
        let found = up.filter(is_it).or_else(|| descend(self.root.as_fd(), &outer.path).ok().filter(is_it));
        outer.directory = found.map(|fd| Directory::new(fd, &self.tools.open));
    }
}

impl Iterator for Walker {
    type Item = Result<Entry, Unread>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(start) = self.start.take()
            && let Some(first) = self.begin(start)
        {
            return Some(first);
        }
        loop {
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
                    return Some(Err(Unread { path: level.path.clone(), why: why.to_string() }));
                }
            };
            let wanted = level.wanted.as_mut().map(|wanted| wanted.below.remove(name.to_bytes()).unwrap_or_default());
            let step = match level.directory.clone() {
                Some(directory) => {
                    let place = Place {
                        root: &self.root,
                        parent: &level.path,
                        directory,
                        device: level.device,
                        wanted,
                        stat: level.upcoming.stat(index),
                        seen: level.upcoming.directory(index),
                    };
                    examine(&mut self.tools, &mut self.rules, place, name, path)
                }
                None => Err(Errno::STALE),
            };
            match step {
                Ok(step) => {
                    if let Some(entry) = self.take(step) {
                        return Some(Ok(entry));
                    }
                }
                Err(why) => {
                    let level = self.levels.last()?;
                    let path = level.names.get(index).and_then(|name| level.path.join(name.to_bytes()).ok());
                    return Some(Err(unread(path.unwrap_or_else(|| level.path.clone()), why)));
                }
            }
        }
    }
}

/// Where a name stands.
struct Place<'a> {
    root: &'a Arc<Directory>,
    parent: &'a EntryPath,
    directory: Arc<Directory>,
    device: u64,
    wanted: Option<Wanted>,
    /// What was seen of it ahead.
    stat: Option<Statx>,
    seen: Option<Entered>,
}

fn examine(
    tools: &mut Tools,
    rules: &mut Rules,
    place: Place<'_>,
    name: &CStr,
    path: EntryPath,
) -> rustix::io::Result<Step> {
    let looked = place.stat.map_or_else(|| look(place.directory.as_fd(), name), Ok);
    let (stat, name, moved) = match looked {
        Err(Errno::NOENT) => {
            let (now, name) = rules.special.renamed(&place.directory, &path, name).ok_or(Errno::NOENT)?;
            let now = Directory::new(now, &tools.open);
            (look(now.as_fd(), &name)?, name, Some(now))
        }
        other => (other?, name.to_owned(), None),
    };
    let held = moved.as_ref().unwrap_or(&place.directory);
    let directory = held.as_fd();
    let kind = kind(&stat).ok_or(Errno::NOTSUP)?;
    let is_directory = kind == Kind::Directory;
    if place.wanted.is_none() && rules.leaves_out(&path, is_directory) {
        rules.tally.excluded.fetch_add(1, Ordering::Relaxed);
        return Ok(Step::LeftOut);
    }
    if is_directory {
        return go_in(tools, rules, place, &name, path, stat);
    }
    if place.wanted.as_ref().is_some_and(|wanted| !wanted.whole) {
        return Err(Errno::NOTDIR);
    }
    let identity = Identity::of(&stat);
    let mut meta = meta(&stat, kind, &mut tools.owners);
    // Those of a file are read once it is open: of one that did not change nobody asks.
    if meta.kind != Kind::File {
        meta.xattrs = tools.attributes.of_name(directory, &name, identity.device, false)?;
    }
    if let Kind::Symlink(text) = &mut meta.kind {
        *text = readlinkat(directory, &name, Vec::new())?.into_bytes();
    }
    if stat.stx_nlink > 1 {
        meta.link = Some(tools.links.group(identity, stat.stx_nlink, &path));
    }
    let mut entry = Entry { path, meta, stamp: None, profile: Profile::Auto, body: None };
    if entry.meta.kind == Kind::File {
        let stamp = stamp(&stat);
        let parent = if moved.is_some() || tools.open.load(Ordering::Relaxed) < OPEN_MAX {
            Parent::Open(Arc::clone(held))
        } else {
            Parent::Below(Arc::clone(place.root), place.parent.clone())
        };
        entry.stamp = trusted(stamp, rules.started);
        entry.profile = rules.special.profile(&entry.path);
        entry.body = Some(Box::new(FileBody { parent, name, identity, stamp }));
    }
    Ok(Step::Entry(Box::new(entry), None))
}

/// A directory by name: opened if we are to go in, else only described.
fn go_in(
    tools: &mut Tools,
    rules: &mut Rules,
    place: Place<'_>,
    name: &CStr,
    path: EntryPath,
    stat: Statx,
) -> rustix::io::Result<Step> {
    let identity = Identity::of(&stat);
    if place.wanted.is_none() && rules.exclude.is_a_strangers(identity) {
        rules.tally.excluded.fetch_add(1, Ordering::Relaxed);
        return Ok(Step::LeftOut);
    }
    // What was asked for by name sets the file system to stay on, and is never elsewhere.
    let named = place.wanted.is_some() || rules.is_named(&path);
    let wanted = place.wanted.filter(|wanted| !wanted.whole);
    let above = wanted.is_some();
    let device = if named { identity.device } else { place.device };
    let elsewhere = identity.device != device;
    if rules.one_file_system && (elsewhere || stat.stx_attributes.contains(StatxAttributes::AUTOMOUNT)) {
        rules.tally.not_entered(&path, rules.empties(&path));
        let mut meta = meta(&stat, Kind::Directory, &mut tools.owners);
        meta.xattrs = tools.attributes.of_name(place.directory.as_fd(), name, identity.device, true)?;
        let entry = Entry { path, meta, stamp: None, profile: Profile::Auto, body: None };
        return Ok(Step::Entry(Box::new(entry), None));
    }
    let parent = Some(&*place.directory);
    // Seen ahead, and still what the name means: it is open and listed.
    if let Some(seen) = place.seen.filter(|seen| !above && Identity::of(&seen.stat) == identity) {
        return enter(tools, rules, path, seen, parent, device);
    }
    let fd = if above {
        // Passing through asks for no right to read the directory.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(place.directory.as_fd(), name, flags, Mode::empty())?
    } else {
        open_quietly(place.directory.as_fd(), name, OFlags::DIRECTORY)?
    };
    let directory = Directory::new(fd, &tools.open);
    // What we are in now is what is described, whatever the name meant a moment ago.
    let stat = look_at(directory.as_fd())?;
    match wanted {
        None => enter(tools, rules, path, Entered { directory, stat, listed: None }, parent, device),
        Some(wanted) => {
            let identity = Identity::of(&stat);
            let mut meta = meta(&stat, Kind::Directory, &mut tools.owners);
            meta.xattrs = tools.attributes.of_name(place.directory.as_fd(), name, identity.device, true)?;
            let level = Level {
                path: path.clone(),
                directory: Some(directory),
                identity,
                names: Arc::new(names_of(&wanted)?),
                next: 0,
                upcoming: Upcoming::default(),
                wanted: Some(wanted),
                device: identity.device,
            };
            let entry = Entry { path, meta, stamp: None, profile: Profile::Auto, body: None };
            Ok(Step::Entry(Box::new(entry), Some(Box::new(level))))
        }
    }
}

/// An open directory with all that is in it.
fn enter(
    tools: &mut Tools,
    rules: &mut Rules,
    path: EntryPath,
    Entered { directory, stat, listed }: Entered,
    parent: Option<&Directory>,
    device: u64,
) -> rustix::io::Result<Step> {
    let identity = Identity::of(&stat);
    let mut meta = meta(&stat, Kind::Directory, &mut tools.owners);
    let (names, upcoming) = match listed {
        Some(Listed { attributes, names, stats, .. }) => {
            meta.xattrs = attributes;
            (names, Upcoming::of(stats))
        }
        None => {
            meta.xattrs = of_open(directory.as_fd(), identity.device)?;
            let opened = Opened { path: &path, directory: &directory, parent };
            (rules.special.names(&opened, &mut tools.buffer)?, Upcoming::default())
        }
    };
    let level = Level {
        path: path.clone(),
        directory: Some(directory),
        identity,
        names: Arc::new(names),
        next: 0,
        upcoming,
        wanted: None,
        device,
    };
    let entry = Entry { path, meta, stamp: None, profile: Profile::Auto, body: None };
    Ok(Step::Entry(Box::new(entry), Some(Box::new(level))))
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
        other => std::io::Error::from(other).to_string(),
    };
    Unread { path, why }
}
