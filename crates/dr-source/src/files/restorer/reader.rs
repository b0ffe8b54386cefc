//! What lies below a folder, looked at and emptied by descriptors: at any depth, and without following a link.
//!
//! A path of more than 4,096 bytes is no path to the kernel, and such trees are captured and restored like any other.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;

use dr_entry::{EntryPath, Kind, Time};
use rustix::fs::{CWD, Mode, OFlags, openat};

use super::remove;
use super::tree::Tree;
use crate::SourceError;
use crate::files::directory::{look, look_at};
use crate::files::metadata;

/// A folder that is read.
pub struct TreeReader {
    tree: Tree,
}

/// What an entry is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// A link's text is not read.
    pub kind: Kind,
    /// In bytes.
    pub size: u64,
    /// When it was last changed.
    pub mtime: Time,
}

impl TreeReader {
    /// The folder at `root`.
    ///
    /// # Errors
    /// [`SourceError::Open`].
    pub fn new(root: &Path) -> Result<Self, SourceError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(CWD, root, flags, Mode::empty()).map_err(|why| SourceError::open(root, why))?;
        Ok(Self { tree: Tree::new(fd, false) })
    }

    /// Looks at one entry.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn about(&self, path: &EntryPath) -> io::Result<About> {
        let now = match self.tree.parent(path)? {
            Some((place, name)) => look(place.fd.as_fd(), &name)?,
            None => look_at(self.tree.directory(path)?.fd.as_fd())?,
        };
        let kind = metadata::kind(&now).ok_or(io::ErrorKind::Unsupported)?;
        let mtime = Time { seconds: now.stx_mtime.tv_sec, nanos: now.stx_mtime.tv_nsec };
        Ok(About { kind, size: now.stx_size, mtime })
    }

    /// Opens a file to be read; nothing but a file is opened.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn file(&self, path: &EntryPath) -> io::Result<File> {
        if self.about(path)?.kind != Kind::File {
            return Err(io::Error::other("it is not a file"));
        }
        let (place, name) = self.tree.parent(path)?.ok_or(io::ErrorKind::IsADirectory)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(openat(&place.fd, &name, flags, Mode::empty())?.into())
    }
}

/// Removes everything in `folder`, which stays. Directories whose modes forbid that are opened up first; what is mounted
/// there is left, and is an error.
///
/// # Errors
/// Whatever the operating system says; then something may be left.
pub fn wipe(folder: &Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let top = openat(CWD, folder, flags, Mode::empty())?;
    remove::empty_whole(&top).map_err(io::Error::from)
}
