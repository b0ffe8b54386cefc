//! The names in one directory, sorted, in as little memory as a directory of a million names allows.
//!
//! One allocation holds all names, each ended by NUL so that it can go to the kernel as it stands, after a byte that
//! says what the directory called it; a second holds four bytes a name. A million names of 24 bytes are 30 MB.

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

use dr_entry::Time;
use rustix::fs::{FileType, RawDir, SeekFrom, Statx, seek};
use rustix::io::{Errno, Result};

use super::directory::look_at;
use super::metadata::{stamp, trusted};

/// What getdents fills; 64 KiB is about 2,000 names a call.
pub(crate) type Buffer = Box<[MaybeUninit<u8>]>;

pub(crate) fn buffer() -> Buffer {
    Box::new_uninit_slice(64 * 1024)
}

/// How often a directory that changes while it is listed is listed.
const LISTINGS: u32 = 4;

/// What a directory calls a name, before anybody looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    /// Not every file system tells.
    Unknown,
    Directory,
    File,
    Other,
}

impl Listed {
    fn of(kind: FileType) -> Self {
        match kind {
            FileType::Unknown => Self::Unknown,
            FileType::Directory => Self::Directory,
            FileType::RegularFile => Self::File,
            _ => Self::Other,
        }
    }
}

/// Set in a name's byte if an earlier listing had it and the last one has not.
const EARLIER: u8 = 0x80;

#[derive(Default)]
pub(crate) struct Names {
    arena: Vec<u8>,
    starts: Vec<u32>,
}

impl Names {
    /// Reads the open directory from where its offset stands; the fresh descriptor of an `openat` is at the front.
    pub(crate) fn read(directory: BorrowedFd<'_>, buffer: &mut Buffer) -> Result<Self> {
        let mut names = Self::default();
        names.fill(directory, buffer)?;
        Ok(names)
    }

    /// The same for a directory that may change meanwhile and whose listing may fail: all names that stood in it from
    /// the first question to the last, and why there may be more.
    ///
    /// Whoever saves by renaming moves a name to another place of the listing on some file systems, where it is missed
    /// now and then. So a directory that changed since `before` (as it was when it was opened), or too near to
    /// `started` for its time to tell, is listed again.
    pub(crate) fn read_settled(
        directory: BorrowedFd<'_>,
        before: &Statx,
        started: Time,
        buffer: &mut Buffer,
    ) -> (Self, Option<Errno>) {
        let mut names = Self::default();
        let mut failed = names.fill(directory, buffer).err();
        let mut seen = stamp(before);
        for listing in 1..LISTINGS {
            let now = look_at(directory).map(|stat| stamp(&stat));
            let is_quiet = now.is_ok_and(|now| now == seen && (listing > 1 || trusted(now, started).is_some()));
            if (is_quiet && failed.is_none()) || seek(directory, SeekFrom::Start(0)).is_err() {
                break;
            }
            seen = now.unwrap_or(seen);
            let mut again = Self::default();
            failed = again.fill(directory, buffer).err();
            let all = again.add_earlier(&names);
            names = again;
            if let Err(why) = all {
                return (names, Some(why));
            }
            if failed.is_some() {
                break;
            }
        }
        (names, failed)
    }

    /// Adds what comes. After an error what came so far is there.
    fn fill(&mut self, directory: BorrowedFd<'_>, buffer: &mut Buffer) -> Result<()> {
        let mut raw = RawDir::new(directory, buffer);
        let mut all = Ok(());
        while let Some(entry) = raw.next() {
            let entry = match entry {
                Ok(entry) => entry,
                // Removed while open: it has no names left.
                Err(Errno::NOENT) => break,
                Err(why) => {
                    all = Err(why);
                    break;
                }
            };
            let name = entry.file_name();
            if name != c"." && name != c".." {
                self.push(name, Listed::of(entry.file_type()) as u8)?;
            }
        }
        self.sort();
        all
    }

    /// Adds what an earlier listing had and this one has not.
    fn add_earlier(&mut self, earlier: &Self) -> Result<()> {
        let (mut missing, mut ours) = (Vec::new(), 0);
        for (index, name) in earlier.iter().enumerate() {
            while self.get(ours).is_some_and(|our| our < name) {
                ours += 1;
            }
            if self.get(ours) != Some(name) {
                missing.push(index);
            }
        }
        for index in missing {
            if let (Some(name), Some(byte)) = (earlier.get(index), earlier.byte(index)) {
                self.push(name, byte | EARLIER)?;
            }
        }
        self.sort();
        Ok(())
    }

    pub(crate) fn add(&mut self, name: &CStr) -> Result<()> {
        self.push(name, Listed::Unknown as u8)
    }

    fn push(&mut self, name: &CStr, byte: u8) -> Result<()> {
        self.arena.push(byte);
        self.starts.push(u32::try_from(self.arena.len()).map_err(|_| Errno::OVERFLOW)?);
        self.arena.extend_from_slice(name.to_bytes_with_nul());
        Ok(())
    }

    pub(crate) fn sort(&mut self) {
        let arena = &self.arena;
        // To the end of the arena, not of the name: two names differ at the NUL of the shorter at the latest, and
        // NUL is the lowest byte, so this is their order without looking for where they end.
        self.starts.sort_unstable_by(|a, b| arena[*a as usize..].cmp(&arena[*b as usize..]));
        // A name seen twice (a rename while we read) would break the ascending order.
        self.starts.dedup_by(|a, b| name_at(arena, *a) == name_at(arena, *b));
    }

    pub(crate) fn get(&self, index: usize) -> Option<&CStr> {
        self.starts.get(index).map(|start| name_at(&self.arena, *start))
    }

    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    fn byte(&self, index: usize) -> Option<u8> {
        let start = *self.starts.get(index)?;
        self.arena.get((start as usize).checked_sub(1)?).copied()
    }

    /// What the directory called the name of this number.
    pub(crate) fn listed(&self, index: usize) -> Listed {
        match self.byte(index).map(|byte| byte & !EARLIER) {
            Some(byte) if byte == Listed::Directory as u8 => Listed::Directory,
            Some(byte) if byte == Listed::File as u8 => Listed::File,
            Some(byte) if byte == Listed::Other as u8 => Listed::Other,
            _ => Listed::Unknown,
        }
    }

    /// Whether only an earlier listing of the directory had it: if it is gone, it was removed meanwhile.
    pub(crate) fn is_earlier(&self, index: usize) -> bool {
        self.byte(index).is_some_and(|byte| byte & EARLIER != 0)
    }

    /// The name of this number, if it was listed as a directory's.
    pub(crate) fn directory(&self, index: usize) -> Option<&CStr> {
        (self.listed(index) == Listed::Directory).then(|| self.get(index)).flatten()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &CStr> {
        self.starts.iter().map(|start| name_at(&self.arena, *start))
    }
}

/// So many names are searched for a file that was renamed.
const SEARCHED: usize = 20_000;

/// The name of this inode in an open directory.
pub(crate) fn find(directory: BorrowedFd<'_>, inode: u64) -> Option<CString> {
    let mut buffer = buffer();
    let mut raw = RawDir::new(directory, &mut buffer);
    for _ in 0..SEARCHED {
        let entry = raw.next()?.ok()?;
        if entry.ino() == inode && entry.file_name() != c"." && entry.file_name() != c".." {
            return Some(entry.file_name().to_owned());
        }
    }
    None
}

fn name_at(arena: &[u8], start: u32) -> &CStr {
    // Every start was taken before a name and its NUL were added, so the fallback is never used.
    CStr::from_bytes_until_nul(&arena[start as usize..]).unwrap_or(c"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_byte_order_and_once_each() {
        let mut names = Names::default();
        for name in [c"b", c"a0", c"a", c"\xff", c"a-", c"b", c"A"] {
            names.add(name).unwrap();
        }
        names.sort();
        let sorted: Vec<_> = names.iter().collect();
        assert_eq!(sorted, [c"A", c"a", c"a-", c"a0", c"b", c"\xff"]);
        assert_eq!(names.get(6), None);
        assert_eq!((names.len(), names.directory(0)), (6, None));
    }

    #[test]
    fn directories_are_told_from_what_is_none() {
        let mut names = Names::default();
        for (name, listed) in [(c"b", Listed::Directory), (c"a", Listed::File), (c"c", Listed::Directory)] {
            names.push(name, listed as u8).unwrap();
        }
        names.sort();
        assert_eq!((0..4).map(|n| names.directory(n)).collect::<Vec<_>>(), [None, Some(c"b"), Some(c"c"), None]);
        assert_eq!(names.listed(0), Listed::File);
    }

    #[test]
    fn what_an_earlier_listing_had_is_added_and_known_by_that() {
        let names = |list: &[&CStr]| {
            let mut names = Names::default();
            for name in list {
                names.push(name, Listed::File as u8).unwrap();
            }
            names.sort();
            names
        };
        let mut last = names(&[c"b", c"c", c"e"]);
        last.add_earlier(&names(&[c"a", c"c", c"d"])).unwrap();
        let all: Vec<_> = last.iter().collect();
        assert_eq!(all, [c"a", c"b", c"c", c"d", c"e"]);
        assert_eq!((0..5).map(|n| last.is_earlier(n)).collect::<Vec<_>>(), [true, false, false, true, false]);
        assert_eq!(last.listed(3), Listed::File);
    }
}
