//! Giving a finished file its final name so that exactly one of several writers wins and nothing is replaced.
//!
//! In order of preference: a hard link (POSIX file systems, NFS), a rename that refuses to replace (most of the
//! others), and last, for exFAT through FUSE and its like, claiming the name with an empty file made exclusively
//! and renaming over our own claim. Only with the last can a crash leave something that is not a whole object
//! under a final name, and then it is an empty file, never half of one.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::temp::Temp;
use crate::Put;

const LINK: u8 = 0;
const RENAME: u8 = 1;
const CLAIM: u8 = 2;

/// Remembers the first way that this file system did not refuse.
#[derive(Default)]
pub(super) struct Publisher(AtomicU8);

impl Publisher {
    /// Gives `temp` the name `name` in `dir` unless that is taken.
    pub(super) fn publish(&self, temp: &Temp<'_>, dir: &File, name: &str) -> io::Result<Put> {
        loop {
            let way = self.0.load(Ordering::Relaxed);
            let done = match way {
                LINK => rustix::fs::linkat(temp.dir, temp.name.as_slice(), dir, name, AtFlags::empty()),
                RENAME => rustix::fs::renameat_with(temp.dir, temp.name.as_slice(), dir, name, RenameFlags::NOREPLACE),
                CLAIM.. => claim(temp, dir, name),
            };
            match (way, done) {
                (_, Ok(())) => return Ok(Put::Created),
                (_, Err(Errno::EXIST)) => return Ok(Put::Exists),
                (LINK, Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS))
                | (RENAME, Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS)) => {
                    self.0.fetch_max(way + 1, Ordering::Relaxed);
                }
                (_, Err(e)) => return Err(e.into()),
            }
        }
    }

    /// Every way, for tests to try on a file system that would have taken the first.
    #[cfg(test)]
    pub(super) fn every() -> [Self; 3] {
        [LINK, RENAME, CLAIM].map(|way| Self(AtomicU8::new(way)))
    }
}

fn claim(temp: &Temp<'_>, dir: &File, name: &str) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::RUSR)?;
    let renamed = rustix::fs::renameat(temp.dir, temp.name.as_slice(), dir, name);
    if renamed.is_err() {
        // The claim is ours and empty; left behind it would bar the name.
        let _ = rustix::fs::unlinkat(dir, name, AtFlags::empty());
    }
    renamed
}
