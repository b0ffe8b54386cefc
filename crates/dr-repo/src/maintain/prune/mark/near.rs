//! Where do pages lie that were written together with one that was just found? Answered without asking the index.

use dr_format::id::{ChunkId, ChunkKind};
use dr_index::layout::{ById, FrameIds, Place};

/// So many pages are known at least before the older half is forgotten: a few MiB.
const KNOWN: usize = if cfg!(test) { 4 } else { 1 << 16 };

/// Places of pages in packs that were met lately.
#[derive(Default)]
pub(super) struct Near {
    young: ById<(ChunkKind, Place)>,
    old: ById<(ChunkKind, Place)>,
}

impl Near {
    /// A place at which a pack says that it has this chunk.
    pub(super) fn get(&self, kind: ChunkKind, id: &ChunkId) -> Option<Place> {
        let found = self.young.get(id).or_else(|| self.old.get(id));
        found.filter(|(of, _)| *of == kind).map(|(_, place)| *place)
    }

    /// Takes note of what a pack holds.
    pub(super) fn learn(&mut self, pack: u32, frames: Vec<FrameIds>) {
        if self.young.len() > KNOWN {
            self.old = std::mem::take(&mut self.young);
        }
        let pages = frames.into_iter().flatten().zip(0..).filter(|((kind, ..), _)| *kind != ChunkKind::Data);
        self.young.extend(pages.map(|((kind, id, _), chunk)| (id, (kind, Place { pack, chunk }))));
    }
}
