//! Which pages stay decoded? Those of trees and of large files together, up to a bound in bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use dr_format::id::ChunkId;

use super::open_page::OpenPage;

/// Decoded pages, shared by all snapshots that are looked into: neighbours in time have most of theirs in common.
pub struct PageCache {
    most: usize,
    kept: Mutex<KeptPages>,
}

#[derive(Default)]
struct KeptPages {
    pages: HashMap<ChunkId, (u64, Arc<OpenPage>)>,
    /// By when each was last used.
    by_use: BTreeMap<u64, ChunkId>,
    clock: u64,
    bytes: usize,
}

impl PageCache {
    /// So many bytes of them stay.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { most: bytes, kept: Mutex::default() }
    }

    pub(super) fn get(&self, id: ChunkId) -> Option<Arc<OpenPage>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *kept;
        let (used, page) = kept.pages.get_mut(&id)?;
        kept.by_use.remove(used);
        kept.clock += 1;
        *used = kept.clock;
        kept.by_use.insert(kept.clock, id);
        Some(Arc::clone(page))
    }

    pub(super) fn keep(&self, id: ChunkId, page: &Arc<OpenPage>) {
        let size = page.size();
        if size > self.most {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *kept;
        kept.clock += 1;
        if let Some((used, before)) = kept.pages.insert(id, (kept.clock, Arc::clone(page))) {
            kept.by_use.remove(&used);
            kept.bytes -= before.size();
        }
        kept.by_use.insert(kept.clock, id);
        kept.bytes += size;
        while kept.bytes > self.most
            && let Some((_, oldest)) = kept.by_use.pop_first()
            && let Some((_, gone)) = kept.pages.remove(&oldest)
        {
            kept.bytes -= gone.size();
        }
    }
}
