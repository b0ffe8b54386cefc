//! Which messages a mailbox holds, though others move them about while we look.
//!
//! A message that moves from `new` to `cur` after we listed `cur` and before we listed `new` would be in
//! neither list, so `new` is listed first. One renamed within `cur` while we read the directory can be missed
//! by the kernel's listing, so `cur` is listed twice. A message met twice counts once, under its latest name.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use dr_entry::{Entry, EntryPath, Kind, Profile, Time};
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::{Errno, Result};

use crate::files::directory::{Directory, look};
use crate::files::names::{self, Names};
use crate::files::walk::{Opened, Special};

/// How often one mailbox is listed again for messages renamed since; each listing finds many.
const AGAIN_MAX: u32 = 50;

/// What was met so far.
#[derive(Debug, Default)]
pub(super) struct Met {
    pub(super) mailboxes: u64,
    pub(super) messages: u64,
    pub(super) newest: Option<(Time, EntryPath)>,
}

pub(super) struct Mailboxes {
    met: Arc<Mutex<Met>>,
    /// The mailboxes around the place of the walk, outermost first.
    around: Vec<Mailbox>,
}

struct Mailbox {
    path: EntryPath,
    /// What `new` held when `cur` was listed.
    new: Option<Names>,
    /// Messages of `cur` by their unique part, as listed after one was gone.
    again: HashMap<Vec<u8>, CString>,
    listed_again: u32,
}

impl Mailboxes {
    pub(super) fn new(met: Arc<Mutex<Met>>) -> Self {
        Self { met, around: Vec::new() }
    }

    /// The mailbox that `path` (its `cur`, `new` or `tmp`) belongs to.
    fn mailbox(&mut self, path: &EntryPath) -> Option<&mut Mailbox> {
        let parent = path.parent()?;
        self.around.iter_mut().rev().find(|mailbox| mailbox.path == parent)
    }

    fn holds_messages(&self, path: &EntryPath) -> bool {
        let Some(directory) = path.parent() else { return false };
        let Some(mailbox) = directory.parent() else { return false };
        matches!(directory.name(), b"cur" | b"new") && self.around.iter().any(|known| known.path == mailbox)
    }
}

impl Special for Mailboxes {
    fn names(&mut self, at: &Opened<'_>, buffer: &mut names::Buffer) -> Result<Names> {
        self.around.retain(|mailbox| at.path.is_within(&mailbox.path));
        if let (Some(parent), Some(mailbox)) = (at.parent, self.mailbox(at.path)) {
            match at.path.name() {
                b"tmp" => return Ok(Names::default()),
                b"cur" => {
                    let (cur, new) = list(parent, at.directory, buffer)?;
                    mailbox.new = Some(new);
                    return Ok(cur);
                }
                b"new" => {
                    // Always there: `cur` comes first, and was listed if it could be read at all.
                    if let Some(new) = mailbox.new.take() {
                        return Ok(new);
                    }
                }
                _ => {}
            }
        }
        let names = Names::read(at.directory.as_fd(), buffer)?;
        let has = |wanted: &CStr| names.iter().any(|name| name == wanted);
        if has(c"cur") && has(c"new") {
            self.met.lock().unwrap_or_else(PoisonError::into_inner).mailboxes += 1;
            let path = at.path.clone();
            self.around.push(Mailbox { path, new: None, again: HashMap::new(), listed_again: 0 });
        }
        Ok(names)
    }

    fn renamed(&mut self, directory: &Directory, path: &EntryPath, name: &CStr) -> Option<(OwnedFd, CString)> {
        if !self.holds_messages(path) {
            return None;
        }
        let mailbox = self.mailbox(&path.parent()?)?;
        let above = open(directory.as_fd(), c"..").ok()?;
        let cur = open(above.as_fd(), c"cur").ok()?;
        loop {
            if let Some(now) = mailbox.again.get(unique(name.to_bytes()))
                && look(cur.as_fd(), now).is_ok()
            {
                return Some((cur, now.clone()));
            }
            if mailbox.listed_again >= AGAIN_MAX {
                return None;
            }
            mailbox.listed_again += 1;
            let names = Names::read(open(above.as_fd(), c"cur").ok()?.as_fd(), &mut names::buffer()).ok()?;
            mailbox.again = names.iter().map(|name| (unique(name.to_bytes()).to_vec(), name.to_owned())).collect();
            if !mailbox.again.contains_key(unique(name.to_bytes())) {
                return None;
            }
        }
    }

    fn profile(&self, path: &EntryPath) -> Profile {
        if self.holds_messages(path) { Profile::Fine } else { Profile::Auto }
    }

    fn passed(&mut self, entry: &Entry) {
        if entry.meta.kind != Kind::File || !self.holds_messages(&entry.path) {
            return;
        }
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.messages += 1;
        if met.newest.as_ref().is_none_or(|(at, _)| *at < entry.meta.mtime) {
            met.newest = Some((entry.meta.mtime, entry.path.clone()));
        }
    }
}

/// The part of a message's name that stays: before `:2,` and the flags.
fn unique(name: &[u8]) -> &[u8] {
    let end = name.iter().position(|byte| *byte == b':').unwrap_or(name.len());
    &name[..end]
}

fn open(directory: std::os::fd::BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}

/// What is in `cur` and what is in `new` of one mailbox, each message once.
fn list(mailbox: &Directory, cur: &Directory, buffer: &mut names::Buffer) -> Result<(Names, Names)> {
    let new = match open(mailbox.as_fd(), c"new") {
        Ok(new) => Names::read(new.as_fd(), buffer)?,
        Err(Errno::NOENT) => Names::default(),
        Err(why) => return Err(why),
    };
    let first = Names::read(cur.as_fd(), buffer)?;
    let second = Names::read(open(mailbox.as_fd(), c"cur")?.as_fd(), buffer)?;
    merge(&new, &first, second)
}

fn merge(new: &Names, first: &Names, mut second: Names) -> Result<(Names, Names)> {
    let missed: Vec<CString> = {
        let known: HashSet<&[u8]> = second.iter().map(|name| unique(name.to_bytes())).collect();
        first.iter().filter(|name| !known.contains(unique(name.to_bytes()))).map(CStr::to_owned).collect()
    };
    for name in &missed {
        second.add(name)?;
    }
    second.sort();
    let mut still_new = Names::default();
    {
        let known: HashSet<&[u8]> = second.iter().map(|name| unique(name.to_bytes())).collect();
        for name in new.iter().filter(|name| !known.contains(unique(name.to_bytes()))) {
            still_new.add(name)?;
        }
    }
    Ok((second, still_new))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&CStr]) -> Names {
        let mut names = Names::default();
        for name in list {
            names.add(name).unwrap();
        }
        names.sort();
        names
    }

    #[test]
    fn a_message_that_moves_while_we_list_is_there_once() {
        let new = names(&[c"1.a", c"2.a", c"3.a"]);
        // 2 moved to cur before it was listed; 4 got a flag; 5 was missed the second time.
        let first = names(&[c"2.a:2,", c"4.a:2,", c"5.a:2,S"]);
        let second = names(&[c"2.a:2,S", c"4.a:2,S"]);
        let (cur, new) = merge(&new, &first, second).unwrap();
        assert_eq!(cur.iter().collect::<Vec<_>>(), [c"2.a:2,S", c"4.a:2,S", c"5.a:2,S"]);
        assert_eq!(new.iter().collect::<Vec<_>>(), [c"1.a", c"3.a"]);
    }
}
