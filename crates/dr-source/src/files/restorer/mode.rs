//! How entries go back, and where.

use std::ffi::CString;
use std::io;
use std::os::fd::AsFd as _;

use dr_entry::EntryPath;
use rustix::fs::renameat;
use rustix::io::Errno;

use crate::files::restorer::folding::Folding;
use crate::files::restorer::owners::{Owners, Resolver};
use crate::files::restorer::tree::{Place, Tree};

/// What to do about things that are already there and in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// A directory where a file belongs, or the reverse of a full directory, is left and reported.
    Keep,
    /// It is removed with everything in it.
    Remove,
}

/// How things are put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreMode {
    /// `None`: the root must be absent or empty. Else things there are replaced.
    pub in_place: Option<Conflict>,
    /// Whether and how owners are set.
    pub owners: Owners,
}

pub(super) struct Inner {
    pub(super) tree: Tree,
    pub(super) mode: RestoreMode,
    pub(super) owners: Resolver,
    /// In place, where names that differ in capital letters alone are one.
    pub(super) folding: Option<Folding>,
}

impl Inner {
    /// Takes the place of `path`, where another name may have it already.
    pub(super) fn take(&self, path: &EntryPath) -> io::Result<()> {
        self.folding.as_ref().map_or(Ok(()), |folding| folding.take(path))
    }

    fn in_the_way(&self) -> bool {
        self.mode.in_place == Some(Conflict::Remove)
    }

    /// Puts the finished `temporary` in the place of `name`.
    pub(super) fn replace(&self, place: &Place, temporary: &CString, name: &CString) -> io::Result<()> {
        let rename = || renameat(&place.fd, temporary, &place.fd, name);
        match rename() {
            Err(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) if self.in_the_way() => {
                super::remove::remove_tree(place.fd.as_fd(), name)?;
                Ok(rename()?)
            }
            Err(Errno::ISDIR) => Err(io::Error::other("a directory is in its place")),
            other => Ok(other?),
        }
    }
}
