//! What is this name of a directory: left out, an entry, or a directory to go into?

use std::ffi::{CStr, CString};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dr_entry::{Entry, EntryPath, Kind, Meta, Profile, Stamp, Time, Unread};
use rustix::fs::{Mode, OFlags, Statx, StatxAttributes, openat, readlinkat};
use rustix::io::Errno;

use crate::files::ahead::{Listed, Upcoming};
use crate::files::attributes::{Read, of_open};
use crate::files::body;
use crate::files::body::FileBody;
use crate::files::content::UNSEEN;
use crate::files::directory::{Directory, Identity, look, look_at, open_quietly, pin};
use crate::files::metadata::{kind, meta, stamp, trusted};
use crate::files::names::{Listed as Called, Names};
use crate::files::room::{is_full, is_moving};
use crate::files::roots::Wanted;
use crate::files::walk::rules::{Opened, Rules};
use crate::files::walk::step::{Level, Opening, Place, Step, Tools};

/// What a name means now.
pub(super) fn examine(
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
pub(super) fn look_again(tools: &Tools, place: &mut Place<'_>, name: &CStr) -> rustix::io::Result<Statx> {
    let pinned = tools.room.wait(|| pin(place.directory.as_fd(), name))?;
    look_at(place.pinned.insert(pinned).as_fd())
}

pub(super) fn left_out(rules: &Rules) -> Step {
    rules.tally.excluded.fetch_add(1, Ordering::Relaxed);
    Step::LeftOut
}

pub(super) fn entry(path: EntryPath, meta: Meta) -> Entry {
    Entry { path, meta, stamp: None, profile: Profile::Auto, body: None }
}

pub(super) fn contents(
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
pub(super) fn unseen(
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
pub(super) fn go_in(
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
pub(super) fn described(
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
pub(super) fn enter(
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
pub(super) fn of_directory(tools: &mut Tools, stat: Option<&Statx>) -> (Meta, Vec<String>) {
    match stat {
        Some(stat) => (meta(stat, Kind::Directory, &mut tools.owners), Vec::new()),
        None => (Meta::plain(Kind::Directory, 0o700), vec![UNSEEN.to_owned()]),
    }
}

pub(super) fn names_of(wanted: &Wanted) -> rustix::io::Result<Names> {
    let mut names = Names::default();
    for name in wanted.below.keys() {
        names.add(&CString::new(&name[..]).map_err(|_| Errno::INVAL)?)?;
    }
    names.sort();
    Ok(names)
}

pub(super) fn unread(path: EntryPath, why: Errno) -> Unread {
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
pub(super) fn not_there(path: EntryPath, why: Errno) -> Unread {
    let why = match why {
        Errno::NOENT => "it is not there".to_owned(),
        Errno::NOTDIR => "it is not there: something above it is not a directory".to_owned(),
        other => return unread(path, other),
    };
    Unread { path, why }
}
