//! Looking into a snapshot for long, one name and one range at a time: what somebody needs who shows it as a folder.
//!
//! Entries go by their numbers in path order. Inner pages say how many entries lie below each child, so an entry is found
//! by its number as well as by its name, and nobody has to remember what was shown before. Pages and frames are read when
//! something in them is asked for; a few stay, up to a bound in bytes. Every chunk is proved by its name, as everywhere.
//!
//! What a parent says of a page is held against the page, counts among it: otherwise a number would mean one entry today
//! and another one tomorrow.

mod contents;
mod copies;
mod open_page;
mod page_cache;
mod pages;

use std::sync::Arc;

use dr_entry::{EntryPath, Meta};
use dr_format::id::SnapshotId;
use dr_format::page::Row;

use crate::error::RepoError;
use crate::read::look::Tree;
pub use copies::BrowsedCopy;
use copies::SnapshotCopies;
pub use page_cache::PageCache;
use pages::{Descent, LeafPlace, MissedPage};

/// Whether an entry is not to be shown, nor what is below it; asked of the entry and of each directory above it.
pub type IsHidden = dyn Fn(&Tree, &EntryPath) -> bool + Send + Sync;

/// A snapshot that is looked into.
pub struct SnapshotView {
    copies: SnapshotCopies,
    hidden: Option<Box<IsHidden>>,
}

/// An entry of a snapshot, and its number there.
#[derive(Clone)]
pub struct BrowsedEntry {
    place: LeafPlace,
}

impl BrowsedEntry {
    fn row(&self) -> &Row {
        self.place.row()
    }

    /// Its number in path order. It is the same for as long as the snapshot is there.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.place.number
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &EntryPath {
        &self.row().path
    }

    /// What it is.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.row().meta
    }
}

/// What comes next in a directory.
pub enum NextEntry {
    /// An entry of it.
    Entry(Box<BrowsedEntry>),
    /// Entries from the one that was asked for on cannot be had, because of this; it goes on with that number.
    Lost(RepoError, u64),
    /// Nothing.
    End,
}

impl SnapshotView {
    /// Looks at nothing yet. `copies`: those that hold the snapshot, the best first.
    #[must_use]
    pub fn new(
        id: SnapshotId,
        copies: Vec<Arc<BrowsedCopy>>,
        pages: Arc<PageCache>,
        hidden: Option<Box<IsHidden>>,
    ) -> Self {
        Self { copies: SnapshotCopies::new(id, copies, pages), hidden }
    }

    /// Which snapshot it is.
    #[must_use]
    pub fn id(&self) -> SnapshotId {
        self.copies.id
    }

    /// What the snapshot says of itself.
    ///
    /// # Errors
    /// Why no copy says so.
    pub fn tree(&self) -> Result<Arc<Tree>, RepoError> {
        self.copies.tree()
    }

    fn is_hidden(&self, path: &EntryPath) -> Result<bool, RepoError> {
        let Some(hidden) = &self.hidden else { return Ok(false) };
        let tree = self.tree()?;
        let mut above = std::iter::successors(Some(path.clone()), EntryPath::parent);
        Ok(above.any(|path| hidden(&tree, &path)))
    }

    fn shown(&self, place: Option<LeafPlace>) -> Result<Option<BrowsedEntry>, RepoError> {
        let Some(place) = place else { return Ok(None) };
        let hidden = self.is_hidden(&place.row().path)?;
        Ok((!hidden).then_some(BrowsedEntry { place }))
    }

    /// The entry of this number; `None` if there is none.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub fn entry(&self, number: u64) -> Result<Option<BrowsedEntry>, RepoError> {
        let found = Descent::new(&self.copies)?.by_number(number).map_err(|missed| missed.why)?;
        self.shown(found)
    }

    /// The entry of this path; `None` if there is none.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub fn named(&self, path: &EntryPath) -> Result<Option<BrowsedEntry>, RepoError> {
        let found = Descent::new(&self.copies)?.first(&|other| other >= path).map_err(|missed| missed.why)?;
        self.shown(found.filter(|found| found.row().path == *path))
    }

    /// The first entry that lies directly in a directory and has this number or a higher one. A directory's own entries
    /// begin behind its own number; those of the root with 0.
    ///
    /// # Errors
    /// What the snapshot says of itself cannot be had. What else cannot is [`NextEntry::Lost`].
    pub fn next_in(&self, directory: &EntryPath, mut from: u64) -> Result<NextEntry, RepoError> {
        let descent = Descent::new(&self.copies)?;
        let lost = |missed: MissedPage, from: u64| match missed.beyond {
            Some(beyond) if beyond > from => NextEntry::Lost(missed.why, beyond),
            _ => NextEntry::Lost(missed.why, u64::MAX),
        };
        loop {
            let place = match descent.by_number(from) {
                Ok(Some(place)) => place,
                Ok(None) => return Ok(NextEntry::End),
                Err(missed) => return Ok(lost(missed, from)),
            };
            let path = &place.row().path;
            if path == directory {
                from += 1;
                continue;
            }
            if !path.is_within(directory) {
                return Ok(NextEntry::End);
            }
            let Some(top) = first_below(path, directory) else { return Ok(NextEntry::End) };
            if top == *path {
                if let Some(entry) = self.shown(Some(place))? {
                    return Ok(NextEntry::Entry(Box::new(entry)));
                }
                from += 1;
                continue;
            }
            // Inside a directory of this one: on behind all of that.
            match descent.first(&|other| other > &top && !other.is_within(&top)) {
                Ok(Some(behind)) if behind.number > from => from = behind.number,
                Ok(_) => return Ok(NextEntry::End),
                Err(missed) => return Ok(lost(missed, from)),
            }
        }
    }

    /// Bytes of a file from `at` on: `len` of them, or as many as there are.
    ///
    /// # Errors
    /// Why they cannot be had; never other bytes than were captured.
    pub fn read(&self, entry: &BrowsedEntry, at: u64, len: usize) -> Result<Vec<u8>, RepoError> {
        contents::read(&self.copies, entry.row(), at, len)
    }
}

/// The path of what lies directly in `directory` and is, or holds, `path`.
fn first_below(path: &EntryPath, directory: &EntryPath) -> Option<EntryPath> {
    let depth = directory.components().count();
    directory.join(path.components().nth(depth)?).ok()
}
