//! Which messages a mailbox holds, though others move them about while we look.
//!
//! A message that moves from `new` to `cur` after we listed `cur` and before we listed `new` would be in
//! neither list, so `new` is listed first. One renamed within `cur` while we read the directory can be missed
//! by the kernel's listing, so `cur` is listed twice. A message met twice counts once, under its latest name; but a name
//! alone says nothing: two files are one message only if they are one file, or if the earlier name is gone.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::{CStr, CString};
use std::hash::{BuildHasher as _, RandomState};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use dr_entry::{Entry, EntryPath, Kind, Profile, Time};
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::{Errno, Result};

use crate::files::directory::{Directory, Identity, look};
use crate::files::names::{self, Names};
use crate::files::walk::{Opened, Special};

/// How often one mailbox is listed again for messages renamed since; each listing finds many.
const AGAIN_MAX: u32 = 50;

/// Of so many of the newest messages it is asked whether they read as mail.
const ASKED: usize = 64;

/// What was met so far.
#[derive(Debug, Default)]
pub(super) struct Met {
    pub(super) mailboxes: u64,
    pub(super) messages: u64,
    /// The newest of them.
    pub(super) newest: BTreeSet<(Time, EntryPath)>,
}

pub(super) struct Mailboxes {
    met: Arc<Mutex<Met>>,
    /// The mailboxes around the place of the walk, outermost first.
    around: Vec<Mailbox>,
    hasher: RandomState,
}

struct Mailbox {
    path: EntryPath,
    /// What `new` held when `cur` was listed.
    new: Option<Names>,
    /// The names of `cur` that were listed, hashed: they are other messages than one that is gone.
    listed: HashSet<u64>,
    /// Messages of `cur` by their unique part, as listed after one was gone.
    again: HashMap<Vec<u8>, Vec<CString>>,
    listed_again: u32,
}

impl Mailboxes {
    pub(super) fn new(met: Arc<Mutex<Met>>) -> Self {
        Self { met, around: Vec::new(), hasher: RandomState::new() }
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
    fn names(&mut self, at: &Opened<'_>, buffer: &mut names::Buffer) -> (Names, Option<Errno>) {
        self.around.retain(|mailbox| at.path.is_within(&mailbox.path));
        let hasher = self.hasher.clone();
        if let (Some(parent), Some(mailbox)) = (at.parent, self.mailbox(at.path)) {
            match at.path.name() {
                b"tmp" => return (Names::default(), None),
                b"cur" => {
                    if let Ok((cur, new)) = list(parent, at.directory, buffer) {
                        mailbox.new = Some(new);
                        mailbox.listed = cur.iter().map(|name| hasher.hash_one(name)).collect();
                        return (cur, None);
                    }
                    // As any other directory, then: whatever it tells of itself is kept.
                }
                b"new" => {
                    // Always there: `cur` comes first, and was listed if it could be read at all.
                    if let Some(new) = mailbox.new.take() {
                        return (new, None);
                    }
                }
                _ => {}
            }
        }
        let (names, failed) = Names::read_settled(at.directory.as_fd(), at.stat, at.started, buffer);
        let has = |wanted: &CStr| names.iter().any(|name| name == wanted);
        if has(c"cur") && has(c"new") {
            self.met.lock().unwrap_or_else(PoisonError::into_inner).mailboxes += 1;
            let path = at.path.clone();
            let (listed, again) = (HashSet::new(), HashMap::new());
            self.around.push(Mailbox { path, new: None, listed, again, listed_again: 0 });
        }
        (names, failed)
    }

    fn renamed(&mut self, directory: &Directory, path: &EntryPath, name: &CStr) -> Option<(OwnedFd, CString)> {
        if !self.holds_messages(path) {
            return None;
        }
        let hasher = self.hasher.clone();
        let mailbox = self.mailbox(&path.parent()?)?;
        let above = open(directory.as_fd(), c"..").ok()?;
        let cur = open(above.as_fd(), c"cur").ok()?;
        loop {
            let of_it = mailbox.again.get(unique(name.to_bytes())).into_iter().flatten();
            let mut fresh = of_it.filter(|now| !mailbox.listed.contains(&hasher.hash_one(now.as_c_str())));
            if let Some(now) = fresh.find(|now| look(cur.as_fd(), now).is_ok()) {
                return Some((cur, now.clone()));
            }
            if mailbox.listed_again >= AGAIN_MAX {
                return None;
            }
            mailbox.listed_again += 1;
            let names = Names::read(open(above.as_fd(), c"cur").ok()?.as_fd(), &mut names::buffer()).ok()?;
            mailbox.again.clear();
            for name in names.iter() {
                mailbox.again.entry(unique(name.to_bytes()).to_vec()).or_default().push(name.to_owned());
            }
            let of_it = mailbox.again.get(unique(name.to_bytes())).into_iter().flatten();
            if of_it.into_iter().all(|now| mailbox.listed.contains(&hasher.hash_one(now.as_c_str()))) {
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
        let is_full = met.newest.len() >= ASKED;
        if !is_full || met.newest.first().is_some_and(|(at, _)| *at < entry.meta.mtime) {
            met.newest.insert((entry.meta.mtime, entry.path.clone()));
            if is_full {
                met.newest.pop_first();
            }
        }
    }
}

/// The part of a message's name that stays: before the last `:2,`, which flags follow.
pub(super) fn unique(name: &[u8]) -> &[u8] {
    let end = name.windows(3).rposition(|part| part == b":2,").unwrap_or(name.len());
    &name[..end]
}

fn open(directory: std::os::fd::BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}

/// What is in `cur` and what is in `new` of one mailbox, each message once.
fn list(mailbox: &Directory, cur: &Directory, buffer: &mut names::Buffer) -> Result<(Names, Names)> {
    let new_directory = match open(mailbox.as_fd(), c"new") {
        Ok(new) => Some(new),
        Err(Errno::NOENT) => None,
        Err(why) => return Err(why),
    };
    let new = new_directory.as_ref().map(|new| Names::read(new.as_fd(), buffer)).transpose()?.unwrap_or_default();
    let first = Names::read(cur.as_fd(), buffer)?;
    let second = Names::read(open(mailbox.as_fd(), c"cur")?.as_fd(), buffer)?;
    let is = |part: Part, name: &CStr| {
        let directory = match part {
            Part::Cur => cur.as_fd(),
            Part::New => new_directory.as_ref()?.as_fd(),
        };
        look(directory, name).ok().map(|stat| Identity::of(&stat))
    };
    merge(&new, &first, second, &is)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    New,
    Cur,
}

/// `is` says which file a name is now, if there is one.
fn merge<I: PartialEq>(
    new: &Names,
    first: &Names,
    mut second: Names,
    is: &dyn Fn(Part, &CStr) -> Option<I>,
) -> Result<(Names, Names)> {
    let missed: Vec<CString> = {
        let names: HashSet<&CStr> = second.iter().collect();
        let known: HashSet<&[u8]> = second.iter().map(|name| unique(name.to_bytes())).collect();
        // Of one whose unique part is there under another name: it was renamed, unless it still has this one.
        let is_missed = |name: &&CStr| {
            !names.contains(name) && (!known.contains(unique(name.to_bytes())) || is(Part::Cur, name).is_some())
        };
        first.iter().filter(is_missed).map(CStr::to_owned).collect()
    };
    for name in &missed {
        second.add(name)?;
    }
    second.sort();
    let mut still_new = Names::default();
    {
        let mut known: HashMap<&[u8], Vec<&CStr>> = HashMap::new();
        for name in second.iter() {
            known.entry(unique(name.to_bytes())).or_default().push(name);
        }
        let moved = |name: &CStr| {
            let Some(others) = known.get(unique(name.to_bytes())) else { return false };
            let Some(file) = is(Part::New, name) else { return true };
            others.iter().any(|other| is(Part::Cur, other).as_ref() == Some(&file))
        };
        for name in new.iter().filter(|name| !moved(name)) {
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
        let gone = |_: Part, _: &CStr| None::<u8>;
        let (cur, new) = merge(&new, &first, second, &gone).unwrap();
        assert_eq!(cur.iter().collect::<Vec<_>>(), [c"2.a:2,S", c"4.a:2,S", c"5.a:2,S"]);
        assert_eq!(new.iter().collect::<Vec<_>>(), [c"1.a", c"3.a"]);
    }

    #[test]
    fn two_files_of_one_name_are_two_messages_and_a_second_name_of_one_file_is_none() {
        let new = names(&[c"1.a", c"2.a"]);
        let first = names(&[c"1.a:2,S", c"2.a:2,S", c"3.a:2,S", c"3.a:2,F"]);
        let second = names(&[c"1.a:2,S", c"2.a:2,S", c"3.a:2,F"]);
        // The files: 1 in new is another one than 1 in cur; 2 is the same by a link; both of 3 are there.
        let is = |part: Part, name: &CStr| match (part, name.to_bytes()[0]) {
            (Part::New, b'1') => Some(10),
            (_, number) => Some(number),
        };
        let (cur, new) = merge(&new, &first, second, &is).unwrap();
        assert_eq!(new.iter().collect::<Vec<_>>(), [c"1.a"]);
        assert_eq!(cur.iter().count(), 4);
    }

    #[test]
    fn only_flags_end_the_name_that_stays() {
        for (name, expected) in
            [("1.M1.host:2,S", "1.M1.host"), ("1.host:8080", "1.host:8080"), ("1.h:80:2,", "1.h:80")]
        {
            assert_eq!(unique(name.as_bytes()), expected.as_bytes());
        }
    }
}
