//! Which chunk lies where: the packs' trailers, in memory.
//!
//! Costs about 60 bytes a chunk. Rebuilt from index objects at every opening; where an index object cannot be
//! read, from the packs themselves.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::header::Header;
use crate::id::{ChunkId, ChunkKind, Digest, FamilyId, HostId, PackId};
use crate::trailer::FrameRow;
use crate::wire::Bad;

/// Chunk ids are uniform already: eight bytes of one are its hash.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(front) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*front);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A map by chunk id.
pub(crate) type ById<T> = HashMap<ChunkId, T, BuildHasherDefault<IdHasher>>;

/// A place of a chunk: pack and its number in that pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) pack: u32,
    pub(crate) chunk: u32,
}

/// A chunk inside its pack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) frame: u16,
    pub(crate) kind: ChunkKind,
    /// Where it begins in the opened frame.
    pub(crate) at: u32,
    pub(crate) len: u32,
}

/// A frame inside its pack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameSlot {
    /// Where it begins in the object.
    pub(crate) at: u64,
    pub(crate) sealed_len: u32,
    pub(crate) raw_len: u32,
    pub(crate) codec: u8,
    pub(crate) origin: u8,
    pub(crate) number: u32,
}

/// A pack whose contents are known.
pub(crate) struct KnownPack {
    pub(crate) id: PackId,
    pub(crate) host: HostId,
    pub(crate) object: String,
    /// Length and BLAKE3 of the object, where the log vouches for them.
    pub(crate) whole: Option<(u64, Digest)>,
    pub(crate) header: Header,
    pub(crate) frames: Vec<FrameSlot>,
    pub(crate) slots: Vec<Slot>,
    /// Duplicates may be found here.
    pub(crate) source: bool,
}

/// All known packs and chunks.
#[derive(Default)]
pub(crate) struct Index {
    pub(crate) packs: Vec<KnownPack>,
    by_id: ById<Place>,
    more: ById<Vec<Place>>,
    by_pack: HashMap<PackId, u32>,
}

/// What is known of a pack before its rows are laid out.
pub(crate) struct NewPack {
    pub(crate) id: PackId,
    pub(crate) host: HostId,
    pub(crate) object: String,
    pub(crate) whole: Option<(u64, Digest)>,
    pub(crate) source: bool,
}

impl Index {
    /// Takes in a pack: its header and the rows of its trailer.
    pub(crate) fn add(&mut self, new: NewPack, family: FamilyId, header: &[u8], rows: &[FrameRow]) -> Result<(), Bad> {
        if self.by_pack.contains_key(&new.id) {
            return Ok(());
        }
        let parsed = Header::parse(header)?;
        if parsed.own() != new.id || parsed.family != family {
            return Err(Bad("a pack's header belongs to another pack"));
        }
        let number = self.packs.len() as u32;
        let mut at = header.len() as u64;
        let mut frames = Vec::with_capacity(rows.len());
        let mut slots = Vec::with_capacity(rows.iter().map(|row| row.chunks.len()).sum());
        for (frame, row) in rows.iter().enumerate() {
            if usize::from(row.origin) >= parsed.origins.len() {
                return Err(Bad("a frame's origin is not in its pack's header"));
            }
            frames.push(FrameSlot {
                at,
                sealed_len: row.sealed_len,
                raw_len: row.raw_len,
                codec: row.codec,
                origin: row.origin,
                number: row.number,
            });
            at += u64::from(row.sealed_len);
            let mut within = 0;
            for chunk in &row.chunks {
                let place = Place { pack: number, chunk: slots.len() as u32 };
                slots.push(Slot { frame: frame as u16, kind: chunk.kind, at: within, len: chunk.len });
                within += chunk.len;
                match self.by_id.entry(chunk.id) {
                    std::collections::hash_map::Entry::Vacant(free) => {
                        free.insert(place);
                    }
                    std::collections::hash_map::Entry::Occupied(_) => {
                        self.more.entry(chunk.id).or_default().push(place)
                    }
                }
            }
        }
        self.by_pack.insert(new.id, number);
        self.packs.push(KnownPack {
            id: new.id,
            host: new.host,
            object: new.object,
            whole: new.whole,
            header: parsed,
            frames,
            slots,
            source: new.source,
        });
        Ok(())
    }

    pub(crate) fn knows_pack(&self, pack: PackId) -> bool {
        self.by_pack.contains_key(&pack)
    }

    /// Every place of a chunk of this kind, packs that are there for good first.
    pub(crate) fn places(&self, kind: ChunkKind, id: ChunkId) -> Vec<Place> {
        let mut out: Vec<Place> = self
            .by_id
            .get(&id)
            .into_iter()
            .chain(self.more.get(&id).into_iter().flatten())
            .copied()
            .filter(|place| self.slot(*place).kind == kind)
            .collect();
        out.sort_by_key(|place| !self.packs[place.pack as usize].source);
        out
    }

    pub(crate) fn slot(&self, place: Place) -> Slot {
        self.packs[place.pack as usize].slots[place.chunk as usize]
    }

    /// Whether the chunk is anywhere at all.
    pub(crate) fn holds(&self, kind: ChunkKind, id: ChunkId) -> bool {
        self.by_id.get(&id).is_some_and(|place| self.slot(*place).kind == kind) || !self.places(kind, id).is_empty()
    }

    /// The pack in which a duplicate of the chunk may be relied on.
    pub(crate) fn duplicate(&self, kind: ChunkKind, id: ChunkId) -> Option<u32> {
        let first = self.by_id.get(&id)?;
        if self.packs[first.pack as usize].source && self.slot(*first).kind == kind {
            return Some(first.pack);
        }
        let places = self.places(kind, id);
        places.into_iter().map(|place| place.pack).find(|pack| self.packs[*pack as usize].source)
    }

    /// Kind, id and length of one pack's chunks, frame by frame. Looks through everything: for damage only.
    pub(crate) fn ids_of(&self, pack: u32) -> Vec<Vec<(ChunkKind, ChunkId, u32)>> {
        let known = &self.packs[pack as usize];
        let mut by_slot: Vec<Option<ChunkId>> = vec![None; known.slots.len()];
        let others = self.more.iter().flat_map(|(id, places)| places.iter().map(move |place| (id, place)));
        for (id, place) in self.by_id.iter().chain(others).filter(|(_, place)| place.pack == pack) {
            by_slot[place.chunk as usize] = Some(*id);
        }
        let mut out: Vec<Vec<_>> = vec![Vec::new(); known.frames.len()];
        for (slot, id) in known.slots.iter().zip(by_slot) {
            out[usize::from(slot.frame)].push((slot.kind, id.unwrap_or(ChunkId([0; 24])), slot.len));
        }
        out
    }

    pub(crate) fn chunks(&self) -> u64 {
        self.by_id.len() as u64
    }
}
