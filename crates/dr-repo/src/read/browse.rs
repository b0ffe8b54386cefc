//! Looking into a snapshot for long, one name and one range at a time: what somebody needs who shows it as a folder.
//!
//! Entries go by their numbers in path order. Inner pages say how many entries lie below each child, so an entry is found
//! by its number as well as by its name, and nobody has to remember what was shown before. Pages and frames are read when
//! something in them is asked for; a few stay, up to a bound in bytes. Every chunk is proved by its name, as everywhere.
//!
//! What a parent says of a page is held against the page, counts among it: otherwise a number would mean one entry today
//! and another one tomorrow.

mod contents;
mod page_cache;
mod pages;

use std::sync::{Arc, Mutex, PoisonError};

use dr_entry::{EntryPath, Meta};
use dr_format::format::CHUNK_MAX;
use dr_format::id::{ChunkId, ChunkKind, SnapshotId};
use dr_format::page::Row;

use crate::error::RepoError;
use crate::read::frames::Frames;
use crate::read::look::Tree;
use crate::read::repository::Repository;
pub use page_cache::PageCache;
use pages::{Descent, LeafPlace, Missed};

/// A copy that is looked into for long, with the frames that are open of it.
pub struct BrowsedCopy {
    repository: Repository,
    frames: Arc<Frames>,
}

impl BrowsedCopy {
    /// `bytes`: so much of opened frames stays in memory, and one frame in any case.
    #[must_use]
    pub fn new(repository: Repository, bytes: usize) -> Self {
        Self { repository, frames: Arc::new(Frames::within(bytes.max(CHUNK_MAX))) }
    }

    /// The repository.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }
}

/// Whether an entry is not to be shown, nor what is below it; asked of the entry and of each directory above it.
pub type IsHidden = dyn Fn(&Tree, &EntryPath) -> bool + Send + Sync;

/// A snapshot that is looked into.
pub struct SnapshotView {
    id: SnapshotId,
    /// Those that hold it, the best first: what one has lost the next one gives.
    copies: Vec<Arc<BrowsedCopy>>,
    pages: Arc<PageCache>,
    hidden: Option<Box<IsHidden>>,
    /// Read when something is first asked for.
    tree: Mutex<Option<Arc<Tree>>>,
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
        Self { id, copies, pages, hidden, tree: Mutex::new(None) }
    }

    /// Which snapshot it is.
    #[must_use]
    pub fn id(&self) -> SnapshotId {
        self.id
    }

    /// What the snapshot says of itself.
    ///
    /// # Errors
    /// Why no copy says so.
    pub fn tree(&self) -> Result<Arc<Tree>, RepoError> {
        // Not held while it is read: whoever waits for one copy must not keep the others.
        if let Some(tree) = self.known_tree().clone() {
            return Ok(tree);
        }
        let tree = Arc::new(self.first(|copy| copy.repository.tree(self.id))?);
        *self.known_tree() = Some(Arc::clone(&tree));
        Ok(tree)
    }

    fn known_tree(&self) -> std::sync::MutexGuard<'_, Option<Arc<Tree>>> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the first copy that can give it.
    fn first<T>(&self, get: impl Fn(&BrowsedCopy) -> Result<T, RepoError>) -> Result<T, RepoError> {
        let mut first_error = None;
        for copy in &self.copies {
            match get(copy) {
                Ok(got) => return Ok(got),
                Err(why) => {
                    first_error.get_or_insert(why);
                }
            }
        }
        Err(first_error.unwrap_or_else(|| RepoError::NoSnapshot(format!("no copy holds snapshot {}", self.id))))
    }

    /// What `read` makes of a chunk, from the first copy that has it whole.
    fn chunk<T>(
        &self,
        kind: ChunkKind,
        id: ChunkId,
        read: impl Fn(&[u8]) -> Result<T, RepoError>,
    ) -> Result<T, RepoError> {
        self.first(|copy| {
            let mut fetcher = copy.repository.fetcher_sharing(Arc::clone(&copy.frames))?;
            read(fetcher.chunk(kind, id)?)
        })
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
        let found = Descent::new(self)?.by_number(number).map_err(|missed| missed.why)?;
        self.shown(found)
    }

    /// The entry of this path; `None` if there is none.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub fn named(&self, path: &EntryPath) -> Result<Option<BrowsedEntry>, RepoError> {
        let found = Descent::new(self)?.first(&|other| other >= path).map_err(|missed| missed.why)?;
        self.shown(found.filter(|found| found.row().path == *path))
    }

    /// The first entry that lies directly in a directory and has this number or a higher one. A directory's own entries
    /// begin behind its own number; those of the root with 0.
    ///
    /// # Errors
    /// What the snapshot says of itself cannot be had. What else cannot is [`NextEntry::Lost`].
    pub fn next_in(&self, directory: &EntryPath, mut from: u64) -> Result<NextEntry, RepoError> {
        let descent = Descent::new(self)?;
        let lost = |missed: Missed, from: u64| match missed.beyond {
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
        contents::read(self, entry.row(), at, len)
    }
}

/// The path of what lies directly in `directory` and is, or holds, `path`.
fn first_below(path: &EntryPath, directory: &EntryPath) -> Option<EntryPath> {
    let depth = directory.components().count();
    directory.join(path.components().nth(depth)?).ok()
}
