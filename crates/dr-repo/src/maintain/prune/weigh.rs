//! How much of each pack is needed?

use std::collections::BTreeSet;

use dr_format::id::PackId;
use dr_index::layout::{FrameSlot, Place, Slot};
use dr_index::lookup::Whole;
use dr_index::table::Rows;

use super::Pins;
use super::keyless::Frames;
use super::mark::Live;
use super::plan::Use;
use crate::error::RepoError;
use crate::read::repository::Repository;

/// What is needed, as far as the key at hand can tell.
pub(super) enum Needed {
    Chunks(Live),
    Frames(Frames),
}

impl Needed {
    pub(super) fn has_any(&self, pack: u32) -> bool {
        match self {
            Self::Chunks(live) => live.has_any(pack),
            Self::Frames(frames) => frames.has_any(pack),
        }
    }

    pub(super) fn lost(&self) -> u64 {
        match self {
            Self::Chunks(live) => live.lost,
            Self::Frames(_) => 0,
        }
    }

    /// Whether of a pack of so many chunks some is needed and some is not.
    fn is_mixed(&self, pack: u32, chunks: u32) -> bool {
        match self {
            Self::Chunks(live) => live.is_mixed(pack, chunks),
            Self::Frames(frames) => frames.is_mixed(pack),
        }
    }

    /// How many bytes of each frame of a pack, opened.
    fn raw(&self, pack: u32, frames: &[FrameSlot], slots: &[Slot]) -> Vec<u32> {
        match self {
            Self::Chunks(live) => {
                let mut raw = vec![0; frames.len()];
                for (slot, chunk) in slots.iter().zip(0..) {
                    let raw = raw.get_mut(usize::from(slot.frame));
                    if let Some(raw) = raw.filter(|_| live.has(Place { pack, chunk })) {
                        *raw += slot.len;
                    }
                }
                raw
            }
            Self::Frames(needed) => {
                let raw = |(frame, at): (&FrameSlot, u16)| if needed.has(pack, at) { frame.raw_len } else { 0 };
                frames.iter().zip(0..).map(raw).collect()
            }
        }
    }

    /// Why a pack stays as it is, whatever else is known.
    fn pinned(&self, pack: &PackId, erased: bool) -> Option<&'static str> {
        match self {
            Self::Chunks(_) => None,
            Self::Frames(frames) => {
                frames.pinned(pack).or(erased.then_some("what was erased in it takes a key that reads backups"))
            }
        }
    }
}

/// How much of each pack is needed. Of one that is needed whole, or not at all, it is not read what is in it.
pub(super) fn uses(
    repository: &Repository,
    needed: &Needed,
    pins: &Pins,
    erased: &BTreeSet<PackId>,
) -> Result<Vec<Use>, RepoError> {
    let index = repository.index()?;
    let is_mixed = |pack, chunks| needed.is_mixed(pack, chunks);
    let mut out = index.each_pack(Vec::new, is_mixed, |out, Whole { pack, id, len, rows }| {
        let (bytes, live) = match rows {
            Some(rows) => weigh(needed, pack, len, rows),
            None => (len.unwrap_or(0), if needed.has_any(pack) { len.unwrap_or(0).max(1) } else { 0 }),
        };
        let (kind, erased) = (id.kind, erased.contains(&id));
        let pinned = pins.why(&id).or_else(|| needed.pinned(&id, erased && live > 0));
        out.push(Use { pack, kind, bytes, live, pinned, erased });
    })?;
    out.sort_by_key(|used| used.pack);
    Ok(out)
}

/// Bytes of a pack, and about how many of them are needed.
pub(super) fn weigh(needed: &Needed, pack: u32, len: Option<u64>, (frames, slots): Rows<'_>) -> (u64, u64) {
    let sealed: u64 = frames.iter().map(|frame| u64::from(frame.sealed_len)).sum();
    let bytes = len.unwrap_or(sealed);
    let raw = needed.raw(pack, frames, slots);
    let share = |(frame, raw): (&FrameSlot, &u32)| {
        u64::from(frame.sealed_len) * u64::from(*raw) / u64::from(frame.raw_len.max(1))
    };
    let used: u64 = frames.iter().zip(&raw).map(share).sum();
    // What a pack holds beside frames goes with them.
    let share = if sealed == 0 { 0 } else { (u128::from(bytes) * u128::from(used) / u128::from(sealed)) as u64 };
    (bytes, if raw.iter().any(|raw| *raw > 0) { share.max(1) } else { 0 })
}
