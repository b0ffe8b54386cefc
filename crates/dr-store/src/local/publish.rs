//! Giving a finished file its final name so that exactly one of several writers wins and nothing is replaced.
//!
//! In order of preference: a hard link (POSIX file systems, NFS) or a rename that refuses to replace (most of the
//! others). Where trying both out shows that neither refuses a name that is taken (many folders mounted through FUSE),
//! one process alone writes (`turn.rs`): it looks, and then renames. In every way a name leads to nothing or to a whole
//! object, never to a part of one.

use std::fs::File;
use std::io;

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::temp::Temp;
use super::writer_lock::WriterLock;
use crate::PutOutcome;

/// How a finished file gets its name.
#[derive(Debug)]
pub(super) enum Way {
    Link,
    Rename,
    /// Neither is to be had: for as long as this process alone may write.
    LockedRename(WriterLock),
}

impl Way {
    /// Finds out what the file system knows, by doing it among the temporary files: what is taken must be refused, and
    /// not only said to be. A fault is a fault and not an answer, for another writer may get another one.
    ///
    /// # Errors
    /// What the file system says; [`super::writer_lock::Refused`] if it takes one writer only, and this one may not be it.
    pub(super) fn find(temp_dir: &File) -> io::Result<Self> {
        // Whoever found out before may have seen the folder from elsewhere: all go by the one who must take most care.
        if WriterLock::is_marked(temp_dir)? {
            return WriterLock::take(temp_dir).map(Self::LockedRename);
        }
        if refuses(temp_dir, &link, &[Errno::PERM, Errno::OPNOTSUPP, Errno::NOSYS, Errno::INVAL, Errno::MLINK])? {
            return Ok(Self::Link);
        }
        if refuses(temp_dir, &rename, &[Errno::INVAL, Errno::OPNOTSUPP, Errno::NOSYS])? {
            return Ok(Self::Rename);
        }
        WriterLock::take(temp_dir).map(Self::LockedRename)
    }

    /// Gives `temp` the name `name` in `dir` unless that is taken.
    pub(super) fn publish(&self, temp: &Temp<'_>, dir: &File, name: &str) -> io::Result<PutOutcome> {
        let done = match self {
            Self::Link => link(temp, dir, name),
            Self::Rename => rename(temp, dir, name),
            Self::LockedRename(turn) => return turn.publish(temp, dir, name),
        };
        match done {
            Ok(()) => Ok(PutOutcome::Created),
            Err(Errno::EXIST) => Ok(PutOutcome::Exists),
            Err(e) => Err(e.into()),
        }
    }
}

type Give = dyn Fn(&Temp<'_>, &File, &str) -> Result<(), Errno>;

pub(super) fn link(temp: &Temp<'_>, dir: &File, name: &str) -> Result<(), Errno> {
    rustix::fs::linkat(temp.dir, temp.name.as_slice(), dir, name, AtFlags::empty())
}

pub(super) fn rename(temp: &Temp<'_>, dir: &File, name: &str) -> Result<(), Errno> {
    rustix::fs::renameat_with(temp.dir, temp.name.as_slice(), dir, name, RenameFlags::NOREPLACE)
}

/// Whether a name is given once in this way, and refused the second time. `unknown`: what is said where there is no such
/// thing.
pub(super) fn refuses(temp_dir: &File, give: &Give, unknown: &[Errno]) -> io::Result<bool> {
    let temp = Temp::create(temp_dir)?;
    let name = format!("{:016x}", getrandom::u64().map_err(io::Error::from)?);
    let given = give(&temp, temp_dir, &name);
    let again = match given.and_then(|()| give(&temp, temp_dir, &name)) {
        // It has no other name any more. Only then another file is made: there may be room for one.
        Err(Errno::NOENT) if given.is_ok() => Temp::create(temp_dir).map(|second| give(&second, temp_dir, &name)),
        again => Ok(again),
    };
    if given.is_ok() {
        rustix::fs::unlinkat(temp_dir, name.as_str(), AtFlags::empty())?;
    }
    match again? {
        Err(Errno::EXIST) => Ok(given.is_ok()),
        Ok(()) => Ok(false),
        Err(e) if unknown.contains(&e) => Ok(false),
        Err(e) => Err(e.into()),
    }
}
