//! Where a walk stands, and what comes next.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use dr_entry::{Body, Content, Entry, EntryPath};
use rustix::fs::Statx;
use rustix::io::Errno;

use crate::files::ahead::{Entered, Listed, Upcoming};
use crate::files::attributes::AttributeReader;
use crate::files::directory::{Directory, Identity};
use crate::files::filter::{Filter, Verdict};
use crate::files::links::LinkGroups;
use crate::files::metadata::OwnerNames;
use crate::files::names;
use crate::files::names::{Listed as Called, Names};
use crate::files::room::Room;
use crate::files::roots::Wanted;

pub(super) struct Level {
    pub(super) path: Arc<EntryPath>,
    pub(super) directory: Option<Arc<Directory>>,
    /// None if nobody could look at it.
    pub(super) identity: Option<Identity>,
    pub(super) names: Arc<Names>,
    pub(super) next: usize,
    pub(super) upcoming: Upcoming,
    /// Above what was asked for: only these names.
    pub(super) wanted: Option<Wanted>,
    /// The device that `one_file_system` stays on.
    pub(super) device: u64,
}

/// What is asked for every entry and kept from one to the next.
pub(super) struct Tools {
    pub(super) owners: OwnerNames,
    pub(super) attributes: AttributeReader,
    pub(super) links: LinkGroups,
    pub(super) buffer: names::Buffer,
    pub(super) room: Arc<Room>,
}

/// What became of one name.
pub(super) enum Step {
    LeftOut,
    /// An entry, what of it could not be read, and the directory to go into.
    Entry(Box<Entry>, Vec<String>, Option<Box<Level>>),
}

/// What there is no descriptor for.
pub(super) struct NoRoom(pub(super) Errno);

impl Body for NoRoom {
    fn open(self: Box<Self>) -> std::io::Result<Box<dyn Content>> {
        Err(self.0.into())
    }
}

/// Where a name stands.
pub(super) struct Place<'a> {
    pub(super) root: &'a Arc<Directory>,
    pub(super) parent: &'a Arc<EntryPath>,
    pub(super) filter: &'a Filter,
    pub(super) directory: Arc<Directory>,
    pub(super) device: u64,
    pub(super) wanted: Option<&'a Wanted>,
    /// What its directory calls it.
    pub(super) called: Called,
    /// What was seen of it ahead. Good once: whoever asks again wants to know how it is now.
    pub(super) stat: Option<Statx>,
    pub(super) seen: Option<Entered>,
    /// What the name meant when it was looked at again: from then on it is that which is asked, not the name.
    pub(super) pinned: Option<OwnedFd>,
}

impl Place<'_> {
    /// Whether nothing at all is known of the kind but that it is left out if it is a directory.
    pub(super) fn goes_by_its_kind(&self, name: &CStr) -> bool {
        self.wanted.is_none() && self.filter.verdict(self.parent, name, self.called) == Verdict::OfItsKind
    }
}

/// A directory that is open.
pub(super) struct Opening {
    pub(super) directory: Arc<Directory>,
    /// None if nobody could look at it.
    pub(super) stat: Option<Statx>,
    pub(super) listed: Option<Listed>,
}

impl From<Entered> for Opening {
    fn from(Entered { directory, stat, listed }: Entered) -> Self {
        Self { directory, stat: Some(stat), listed }
    }
}
