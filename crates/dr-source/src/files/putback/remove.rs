//! What is taken away by a restore in place that is to leave nothing but what was backed up.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use dr_entry::{EntryPath, Time, Unread};
use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps, futimens, openat, renameat, unlinkat};
use rustix::io::{Errno, Result};

use super::tree::{Place, Tree};
use crate::files::Tally;
use crate::files::directory::{Identity, look_at};
use crate::files::exclude::Exclude;
use crate::files::names::{self, Names};
use crate::files::walk::{Plain, Rules, Start, Walker};

/// What [`super::PutBack::remove_others`] did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// Names removed; a directory counts once.
    pub removed: u64,
    /// What should have been removed and could not be.
    pub failed: Vec<Unread>,
}

pub(super) fn others(
    tree: &Tree,
    below: &EntryPath,
    kept: impl Iterator<Item = EntryPath>,
    remove: &mut dyn FnMut(&EntryPath) -> Result<()>,
) -> Removal {
    let mut removal = Removal::default();
    let root = tree
        .directory(below)
        .and_then(|place| openat(&place.fd, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()));
    let mut walk = match root {
        Ok(root) => walker(root, Exclude::default()),
        Err(why) => {
            removal.failed.push(Unread { path: below.clone(), why: std::io::Error::from(why).to_string() });
            return removal;
        }
    };
    let mut kept = kept.peekable();
    while let Some(item) = walk.next() {
        // What could not be looked at may still be unwanted, and is treated by its name alone.
        let (inside, problem) = match item {
            Ok(entry) => (entry.path, None),
            Err(unread) => (unread.path, Some(unread.why)),
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
        walk.skip_contents(&inside);
        match remove(&path) {
            Ok(()) => removal.removed += 1,
            Err(Errno::NOENT) => {}
            Err(why) => removal.failed.push(Unread { path, why: std::io::Error::from(why).to_string() }),
        }
    }
    removal
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
    let device = Identity::of(&look_at(top.as_fd())?).device;
    let mut moved = 0_u64;
    // Each round may move deep directories up into the top one, where the next round finds them.
    loop {
        let before = moved;
        empty(&top, device, &mut moved)?;
        if moved == before {
            break;
        }
    }
    unlinkat(parent, name, AtFlags::REMOVEDIR)
}

fn open_directory(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
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
