//! What a walk leaves out, and who else says how an entry is opened.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::os::fd::AsFd as _;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use dr_entry::{Entry, EntryPath, Profile, Time};
use rustix::fs::Statx;
use rustix::io::Errno;

use crate::files::directory::Directory;
use crate::files::exclude::Exclude;
use crate::files::names::Names;
use crate::files::roots::Wanted;
use crate::files::{Tally, names};

/// What a walk is to leave out and note.
pub(crate) struct Rules {
    /// Paths that the plan names, absolute and without links: gone into wherever they are.
    pub(crate) named: HashSet<Vec<u8>>,
    pub(crate) exclude: Exclude,
    /// Absolute path of the root without a slash at the end, for patterns.
    pub(crate) prefix: Vec<u8>,
    pub(crate) one_file_system: bool,
    pub(crate) started: Time,
    pub(crate) tally: Arc<Tally>,
    pub(crate) special: Box<dyn Special>,
}

/// What one kind of tree does otherwise than plain files.
pub(crate) trait Special: Send {
    /// The names in a directory that was just opened, and why there may be more.
    fn names(&mut self, at: &Opened<'_>, buffer: &mut names::Buffer) -> (Names, Option<Errno>) {
        Names::read_settled(at.directory.as_fd(), at.stat, at.started, buffer)
    }

    /// Where a file that was listed as `name` can be found now that it is gone: directory and name.
    fn renamed(&mut self, _directory: &Directory, _path: &EntryPath, _name: &CStr) -> Option<(OwnedFd, CString)> {
        None
    }

    /// How the contents of a file should be cut.
    fn profile(&self, _path: &EntryPath) -> Profile {
        Profile::Auto
    }

    /// A file is about to be yielded.
    fn passed(&mut self, _entry: &Entry) {}
}

/// A directory as [`Special::names`] sees it.
pub(crate) struct Opened<'a> {
    pub(crate) path: &'a EntryPath,
    pub(crate) directory: &'a Directory,
    /// The directory it is in; none for the root.
    pub(crate) parent: Option<&'a Directory>,
    /// As it was when it was opened.
    pub(crate) stat: &'a Statx,
    /// When the capture began.
    pub(crate) started: Time,
}

/// Plain files: nothing special.
pub(crate) struct Plain;

impl Special for Plain {}

/// Where a walk begins.
pub(crate) enum Start {
    /// The root and everything in it.
    Whole,
    /// What is asked for below the root; the root itself is no entry. And what is asked for inside of that, and is not
    /// there.
    Parts(Wanted, Vec<EntryPath>),
}
