//! What will be asked for next? Chunks that lie behind one that was just found: sources are read in about the order
//! in which they were packed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use dr_format::id::{ChunkId, ChunkKind};

use crate::layout::{ById, Place, Slot};
use crate::table::Torn;

/// So many chunks behind a found one are taken along, and so many such rows are kept: at most 2 MiB.
const ROW: u32 = 256;
const ROWS: usize = 96;
/// A find this close behind the last one in the same pack shows that the pack is being read in order.
const NEAR: u64 = 64;
const WATCHED: usize = 64;

#[derive(Default)]
struct Rows {
    by_id: ById<(Place, ChunkKind)>,
    order: VecDeque<Vec<ChunkId>>,
}

/// Chunks of source packs that were found, or lie behind one that was.
pub(super) struct Recent {
    rows: RwLock<Rows>,
    /// Pack and chunk of the last find, for packs whose number leaves the same remainder.
    last: [AtomicU64; WATCHED],
}

impl Default for Recent {
    fn default() -> Self {
        Self { rows: RwLock::default(), last: [const { AtomicU64::new(u64::MAX) }; WATCHED] }
    }
}

impl Recent {
    pub(super) fn get(&self, kind: ChunkKind, id: &ChunkId) -> Option<Place> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.by_id.get(id).filter(|(_, known)| *known == kind).map(|(place, _)| *place)
    }

    /// Forgets what was found.
    pub(super) fn clear(&self) {
        *self.rows.write().unwrap_or_else(PoisonError::into_inner) = Rows::default();
    }

    /// Takes note of a find. If its pack is being read in order, what lies behind is taken along.
    pub(super) fn note(
        &self,
        place: Place,
        slots: impl FnOnce(u32, u32) -> Result<Vec<(ChunkId, Slot)>, Torn>,
    ) -> Result<(), Torn> {
        let here = u64::from(place.pack) << 32 | u64::from(place.chunk);
        let before = self.last[place.pack as usize % WATCHED].swap(here, Ordering::Relaxed);
        if here.checked_sub(before).is_none_or(|distance| distance == 0 || distance > NEAR) {
            return Ok(());
        }
        let row = slots(place.chunk, ROW)?;
        let end = here + (row.len() as u64).saturating_sub(1);
        self.last[place.pack as usize % WATCHED].store(end, Ordering::Relaxed);
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        if rows.order.len() == ROWS {
            for id in rows.order.pop_front().unwrap_or_default() {
                rows.by_id.remove(&id);
            }
        }
        rows.order.push_back(row.iter().map(|(id, _)| *id).collect());
        let places = (place.chunk..).map(|chunk| Place { pack: place.pack, chunk });
        rows.by_id.extend(row.into_iter().zip(places).map(|((id, slot), place)| (id, (place, slot.kind))));
        Ok(())
    }
}
