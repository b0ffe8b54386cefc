//! What is taken away by a restore in place that is to leave nothing but what was backed up.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dr_entry::{EntryPath, Kind, Time, Unread};
use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps, futimens, openat, renameat, unlinkat};
use rustix::io::{Errno, Result};

use super::tree::{Place, Tree};
use super::writable::make_writable;
use crate::SourceError;
use crate::files::Tally;
use crate::files::directory::{Identity, look_at};
use crate::files::exclude::{Exclude, Root};
use crate::files::names::{self, Names};
use crate::files::walk::{Plain, Rules, Start, Walker};

/// What [`super::FsRestorer::remove_others`] did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// Names removed; a directory counts once.
    pub removed: u64,
    /// The first of them.
    pub names: Vec<EntryPath>,
    /// What was left although the capture does not have it, and why.
    pub spared: Vec<Unread>,
    /// What should have been removed and could not be.
    pub failed: Vec<Unread>,
}

/// So many names of what goes are kept.
const NAMED: usize = 10_000;

/// What a capture does not have though it was there: nobody knows whether it should be.
pub struct Spare {
    exclude: Exclude,
    /// Where the root is on the machine, without a slash at its end.
    prefix: Vec<u8>,
    /// What could not be captured, below the root.
    unread: Vec<EntryPath>,
}

impl Spare {
    /// What `patterns` and `places` leave out of the folder `root`, and what a capture of it could not read.
    ///
    /// # Errors
    /// [`SourceError::Pattern`].
    pub fn new(
        root: &Path,
        (patterns, places): (&[String], &[PathBuf]),
        unread: Vec<EntryPath>,
    ) -> std::result::Result<Self, SourceError> {
        let root = Root::of(root);
        let prefix = root.place();
        let prefix = prefix.strip_suffix(b"/").unwrap_or(&prefix).to_vec();
        Ok(Self { exclude: Exclude::new(patterns, &[root], places)?, prefix, unread })
    }

    fn is_empty(&self) -> bool {
        self.unread.is_empty() && self.exclude.is_empty()
    }

    /// Why `path` stays.
    fn why(&self, path: &EntryPath, is_directory: bool) -> Option<&'static str> {
        if self.unread.iter().any(|unread| path.is_within(unread)) {
            return Some("it could not be read when the snapshot was made");
        }
        let whole = [&self.prefix, &b"/"[..], path.as_bytes()].concat();
        let left_out = !path.is_root() && self.exclude.leaves_out(&whole, is_directory);
        left_out.then_some("it is left out of the backups")
    }
}

pub(super) fn others(
    tree: &Tree,
    below: &EntryPath,
    kept: impl Iterator<Item = EntryPath>,
    spare: &Spare,
    remove: &mut dyn FnMut(&EntryPath) -> Result<()>,
) -> Removal {
    let mut removal = Removal::default();
    let mut walk = match walk_below(tree, below) {
        Ok(walk) => walk,
        Err(why) => {
            removal.failed.push(Unread { path: below.clone(), why });
            return removal;
        }
    };
    let mut kept = kept.peekable();
    while let Some(item) = walk.next() {
        // What could not be looked at may still be unwanted, and is treated by its name alone.
        let (inside, is_directory, problem) = match item {
            Ok(entry) => (entry.path, entry.meta.kind == Kind::Directory, None),
            Err(unread) => (unread.path, false, Some(unread.why)),
        };
        let Ok(path) = joined(below, &inside) else {
            continue;
        };
        while kept.next_if(|next| *next < path).is_some() {}
        if path == *below || kept.peek().is_some_and(|next| next.is_within(&path)) {
            if let Some(why) = problem {
                removal.failed.push(Unread { path, why });
            }
            continue;
        }
        if let Some(why) = spare.why(&path, is_directory) {
            walk.skip_contents(&inside);
            removal.spared.push(Unread { path, why: why.to_owned() });
            continue;
        }
        if is_directory && !spare.is_empty() && holds_spared(tree, &path, spare) {
            // What is in it is looked at by itself.
            removal.spared.push(Unread { path, why: "something in it stays".to_owned() });
            continue;
        }
        walk.skip_contents(&inside);
        match remove(&path) {
            Ok(()) => {
                removal.removed += 1;
                if removal.names.len() < NAMED {
                    removal.names.push(path);
                }
            }
            Err(Errno::NOENT) => {}
            Err(why) => removal.failed.push(Unread { path, why: std::io::Error::from(why).to_string() }),
        }
    }
    removal
}

/// Whether anything in an unwanted directory is to be spared. What cannot be looked at is not removed unseen.
fn holds_spared(tree: &Tree, directory: &EntryPath, spare: &Spare) -> bool {
    let Ok(mut walk) = walk_below(tree, directory) else { return true };
    walk.any(|item| {
        let (path, is_directory) = match item {
            Ok(entry) => (entry.path, entry.meta.kind == Kind::Directory),
            Err(unread) => (unread.path, true),
        };
        joined(directory, &path).is_ok_and(|path| spare.why(&path, is_directory).is_some())
    })
}

fn walk_below(tree: &Tree, below: &EntryPath) -> std::result::Result<Walker, String> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = tree.directory(below).and_then(|place| openat(&place.fd, c".", flags, Mode::empty()));
    let root = root.map_err(|why| std::io::Error::from(why).to_string())?;
    Ok(walker(root, Exclude::default()))
}

fn walker(root: OwnedFd, exclude: Exclude) -> Walker {
    let rules = Rules {
        named: std::collections::HashSet::new(),
        exclude,
        prefix: Vec::new(),
        one_file_system: true,
        started: Time::default(),
        tally: Arc::new(Tally::default()),
        special: Box::new(Plain),
    };
    Walker::new(root, Start::Whole, rules)
}

fn joined(below: &EntryPath, inside: &EntryPath) -> std::result::Result<EntryPath, dr_entry::BadPath> {
    match (below.is_root(), inside.is_root()) {
        (true, _) => Ok(inside.clone()),
        (_, true) => Ok(below.clone()),
        _ => EntryPath::new([below.as_bytes(), b"/", inside.as_bytes()].concat()),
    }
}

/// Removes `path`; its directory keeps its times.
pub(super) fn remove(tree: &Tree, path: &EntryPath) -> Result<()> {
    let Some((place, name)) = tree.parent(path)? else {
        return Err(Errno::INVAL);
    };
    let before = look_at(place.fd.as_fd())?;
    remove_tree(place.fd.as_fd(), &name)?;
    keep_times(&place, &before)
}

fn keep_times(place: &Place, before: &rustix::fs::Statx) -> Result<()> {
    let spec = |at: rustix::fs::StatxTimestamp| Timespec { tv_sec: at.tv_sec, tv_nsec: i64::from(at.tv_nsec) as _ };
    let times = Timestamps { last_access: spec(before.stx_atime), last_modification: spec(before.stx_mtime) };
    futimens(&place.fd, &times)
}

/// Levels of a tree being removed that hold a descriptor; deeper directories are moved up to the top first.
const DEEP: usize = 64;

/// Removes a name with everything in it, never crossing into another file system and following nothing.
pub(super) fn remove_tree(parent: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) => {}
        other => return other,
    }
    let top = open_directory(parent, name)?;
    empty_whole(&top)?;
    unlinkat(parent, name, AtFlags::REMOVEDIR)
}

/// Removes everything in `top`, never crossing into another file system and following nothing.
pub(super) fn empty_whole(top: &OwnedFd) -> Result<()> {
    let device = Identity::of(&look_at(top.as_fd())?).device;
    let mut moved = 0_u64;
    // Each round may move deep directories up into the top one, where the next round finds them.
    loop {
        let before = moved;
        empty(top, device, &mut moved)?;
        if moved == before {
            return Ok(());
        }
    }
}

/// A directory in which names can be removed: its mode may forbid that to its owner.
fn open_directory(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if !rustix::process::geteuid().is_root() {
        let held = openat(parent, name, OFlags::PATH | flags, Mode::empty())?;
        // What is somebody else's says so in a moment.
        let _ = make_writable(held.as_fd());
    }
    openat(parent, name, flags, Mode::empty())
}

/// One round: everything in `top` goes, except what lay too deep, which now lies in `top`.
fn empty(top: &OwnedFd, device: u64, moved: &mut u64) -> Result<()> {
    let mut buffer = names::buffer();
    let fresh = open_directory(top.as_fd(), c".")?;
    let mut levels = vec![(Names::read(fresh.as_fd(), &mut buffer)?, 0, fresh, CString::default())];
    while let Some((names, next, here, _)) = levels.last_mut() {
        let Some(name) = names.get(*next).map(CStr::to_owned) else {
            let Some((_, _, _, name)) = levels.pop() else {
                break;
            };
            if let Some((_, _, outer, _)) = levels.last() {
                unlinkat(outer, &name, AtFlags::REMOVEDIR)?;
            }
            continue;
        };
        *next += 1;
        match unlinkat(&*here, &name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => continue,
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(why) => return Err(why),
        }
        if levels.len() >= DEEP {
            let Some((_, _, here, _)) = levels.last() else {
                break;
            };
            *moved += 1;
            let up = format!(".dr-removing-{}-{moved}", std::process::id());
            renameat(here, &name, top, &up)?;
            continue;
        }
        let Some((_, _, here, _)) = levels.last() else {
            break;
        };
        let inner = open_directory(here.as_fd(), &name)?;
        if Identity::of(&look_at(inner.as_fd())?).device != device {
            return Err(Errno::XDEV);
        }
        let names = Names::read(inner.as_fd(), &mut buffer)?;
        levels.push((names, 0, inner, name));
    }
    Ok(())
}
