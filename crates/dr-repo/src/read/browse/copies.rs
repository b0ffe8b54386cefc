//! From which copy does a chunk come? From the first that has it whole, of those that hold the snapshot.

use std::sync::{Arc, Mutex, PoisonError};

use dr_format::format::CHUNK_MAX;
use dr_format::id::{ChunkId, ChunkKind, SnapshotId};

use super::page_cache::PageCache;
use crate::error::RepoError;
use crate::read::frames::Frames;
use crate::read::look::Tree;
use crate::read::repository::Repository;

/// A copy that is looked into for long, with the frames that are open of it.
pub struct BrowsedCopy {
    pub(super) repository: Repository,
    pub(super) frames: Arc<Frames>,
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

/// The copies that hold one snapshot.
pub(super) struct SnapshotCopies {
    pub(super) id: SnapshotId,
    /// The best first: what one has lost the next one gives.
    pub(super) copies: Vec<Arc<BrowsedCopy>>,
    pub(super) pages: Arc<PageCache>,
    /// Read when something is first asked for.
    tree: Mutex<Option<Arc<Tree>>>,
}

impl SnapshotCopies {
    pub(super) fn new(id: SnapshotId, copies: Vec<Arc<BrowsedCopy>>, pages: Arc<PageCache>) -> Self {
        Self { id, copies, pages, tree: Mutex::new(None) }
    }

    /// What the snapshot says of itself.
    ///
    /// # Errors
    /// Why no copy says so.
    pub(super) fn tree(&self) -> Result<Arc<Tree>, RepoError> {
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
    pub(super) fn chunk<T>(
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
}
