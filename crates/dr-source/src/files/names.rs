//! The names in one directory, sorted, in as little memory as a directory of a million names allows.
//!
//! One allocation holds all names, each ended by NUL so that it can go to the kernel as it stands, after a byte that
//! says whether the directory called it a directory; a second holds four bytes a name. A million names of 24 bytes are
//! 30 MB.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, RawDir};
use rustix::io::{Errno, Result};

/// What getdents fills; 64 KiB is about 2,000 names a call.
pub(crate) type Buffer = Box<[MaybeUninit<u8>]>;

pub(crate) fn buffer() -> Buffer {
    Box::new_uninit_slice(64 * 1024)
}

#[derive(Default)]
pub(crate) struct Names {
    arena: Vec<u8>,
    starts: Vec<u32>,
}

impl Names {
    /// Reads the open directory from where its offset stands; the fresh descriptor of an `openat` is at the front.
    pub(crate) fn read(directory: BorrowedFd<'_>, buffer: &mut Buffer) -> Result<Self> {
        let mut names = Self::default();
        let mut raw = RawDir::new(directory, buffer);
        while let Some(entry) = raw.next() {
            let entry = match entry {
                // Removed while open: it has no names left.
                Err(Errno::NOENT) => break,
                other => other?,
            };
            let name = entry.file_name();
            if name != c"." && name != c".." {
                names.push(name, entry.file_type() == FileType::Directory)?;
            }
        }
        names.sort();
        Ok(names)
    }

    pub(crate) fn add(&mut self, name: &CStr) -> Result<()> {
        self.push(name, false)
    }

    fn push(&mut self, name: &CStr, is_directory: bool) -> Result<()> {
        self.arena.push(u8::from(is_directory));
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

    /// The name of this number, if it was listed as a directory's. Not every file system tells.
    pub(crate) fn directory(&self, index: usize) -> Option<&CStr> {
        let start = *self.starts.get(index)?;
        (self.arena.get((start as usize).checked_sub(1)?) == Some(&1)).then(|| name_at(&self.arena, start))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &CStr> {
        self.starts.iter().map(|start| name_at(&self.arena, *start))
    }
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
        for (name, is_directory) in [(c"b", true), (c"a", false), (c"c", true)] {
            names.push(name, is_directory).unwrap();
        }
        names.sort();
        assert_eq!((0..4).map(|n| names.directory(n)).collect::<Vec<_>>(), [None, Some(c"b"), Some(c"c"), None]);
    }
}
