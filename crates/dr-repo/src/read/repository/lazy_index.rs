//! An index that is read when something is first looked up, and is read once.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use dr_index::lookup::Index;

use crate::error::RepoError;
use crate::read::repository::Fault;

/// An index that is read when something is first looked up.
#[derive(Default)]
pub(super) struct LazyIndex {
    /// Where its tables last from one run to the next.
    pub(super) folder: Option<PathBuf>,
    loaded: OnceLock<(Arc<Index>, Vec<Fault>)>,
    loading: Mutex<()>,
}

impl LazyIndex {
    pub(super) fn in_folder(folder: Option<PathBuf>) -> Self {
        Self { folder, ..Self::default() }
    }

    /// The same, to be read again.
    pub(super) fn unread(&self) -> Self {
        Self::in_folder(self.folder.clone())
    }

    /// The index; the first who asks has it loaded, out of that folder.
    pub(super) fn get(
        &self,
        load: impl FnOnce(Option<&Path>) -> Result<(Arc<Index>, Vec<Fault>), RepoError>,
    ) -> Result<&Arc<Index>, RepoError> {
        if let Some((index, _)) = self.loaded.get() {
            return Ok(index);
        }
        let _one = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((index, _)) = self.loaded.get() {
            return Ok(index);
        }
        let loaded = load(self.folder.as_deref())?;
        Ok(&self.loaded.get_or_init(|| loaded).0)
    }

    /// What was found damaged, if anything was looked up yet.
    pub(super) fn faults(&self) -> Vec<Fault> {
        self.loaded.get().map(|(_, faults)| faults.clone()).unwrap_or_default()
    }
}
