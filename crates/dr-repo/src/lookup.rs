//! Which chunk lies where: the packs' trailers, in memory.
//!
//! Costs about 60 bytes a chunk. Rebuilt from index objects at every opening; where an index object cannot be
//! read, from the packs themselves.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use crate::error::RepoError;
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

/// What lists of packs need of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Brief {
    pub(crate) id: PackId,
    pub(crate) host: HostId,
    /// Duplicates may be found here.
    pub(crate) source: bool,
}

/// A pack as its frames are read: where it lies, how it was sealed.
pub(crate) struct KnownPack {
    pub(crate) object: String,
    /// Length and BLAKE3 of the object, where the log vouches for them.
    pub(crate) whole: Option<(u64, Digest)>,
    pub(crate) header: Header,
    pub(crate) frames: Vec<FrameSlot>,
}

/// The rows of a pack, laid out: where each frame lies in the object, and each chunk in its frame.
pub(crate) struct Laid {
    pub(crate) header: Header,
    pub(crate) frames: Vec<FrameSlot>,
    pub(crate) slots: Vec<(ChunkId, Slot)>,
}

/// Lays out a pack's rows.
pub(crate) fn lay_out(id: PackId, family: FamilyId, header: &[u8], rows: &[FrameRow]) -> Result<Laid, Bad> {
    let parsed = Header::parse(header)?;
    if parsed.own() != id || parsed.family != family {
        return Err(Bad("a pack's header belongs to another pack"));
    }
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
            slots.push((chunk.id, Slot { frame: frame as u16, kind: chunk.kind, at: within, len: chunk.len }));
            within += chunk.len;
        }
    }
    Ok(Laid { header: parsed, frames, slots })
}

/// What is known of a pack before its rows are laid out.
pub(crate) struct NewPack {
    pub(crate) id: PackId,
    pub(crate) host: HostId,
    pub(crate) object: String,
    pub(crate) whole: Option<(u64, Digest)>,
    pub(crate) source: bool,
}

/// All known packs and chunks.
#[derive(Default)]
pub(crate) struct Index {
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    packs: Vec<(Brief, Arc<KnownPack>, Vec<Slot>)>,
    by_id: ById<Place>,
    more: ById<Vec<Place>>,
    by_pack: HashMap<PackId, u32>,
}

impl Inner {
    fn slot(&self, place: Place) -> Slot {
        self.packs[place.pack as usize].2[place.chunk as usize]
    }

    fn places(&self, kind: ChunkKind, id: ChunkId) -> Vec<Place> {
        let mut out: Vec<Place> = self
            .by_id
            .get(&id)
            .into_iter()
            .chain(self.more.get(&id).into_iter().flatten())
            .copied()
            .filter(|place| self.slot(*place).kind == kind)
            .collect();
        out.sort_by_key(|place| !self.packs[place.pack as usize].0.source);
        out
    }
}

impl Index {
    fn inner(&self) -> std::sync::RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a pack: its header and the rows of its trailer. A pack that is known already stays as it is.
    pub(crate) fn add(&self, new: NewPack, family: FamilyId, header: &[u8], rows: &[FrameRow]) -> Result<(), Bad> {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if inner.by_pack.contains_key(&new.id) {
            return Ok(());
        }
        let Laid { header, frames, slots } = lay_out(new.id, family, header, rows)?;
        let number = inner.packs.len() as u32;
        for (chunk, (id, _)) in slots.iter().enumerate() {
            let place = Place { pack: number, chunk: chunk as u32 };
            if let Some(before) = inner.by_id.insert(*id, place) {
                inner.by_id.insert(*id, before);
                inner.more.entry(*id).or_default().push(place);
            }
        }
        inner.by_pack.insert(new.id, number);
        let brief = Brief { id: new.id, host: new.host, source: new.source };
        let known = KnownPack { object: new.object, whole: new.whole, header, frames };
        inner.packs.push((brief, Arc::new(known), slots.into_iter().map(|(_, slot)| slot).collect()));
        Ok(())
    }

    pub(crate) fn knows_pack(&self, pack: PackId) -> bool {
        self.inner().by_pack.contains_key(&pack)
    }

    /// How many packs are known. They are numbered from 0.
    pub(crate) fn packs(&self) -> u32 {
        self.inner().packs.len() as u32
    }

    pub(crate) fn brief(&self, pack: u32) -> Brief {
        self.inner().packs[pack as usize].0
    }

    /// A pack's object name, header and frames.
    pub(crate) fn pack(&self, pack: u32) -> Result<Arc<KnownPack>, RepoError> {
        Ok(Arc::clone(&self.inner().packs[pack as usize].1))
    }

    /// The name of the object in which a pack lies.
    pub(crate) fn object(&self, pack: u32) -> String {
        self.inner().packs[pack as usize].1.object.clone()
    }

    /// Every place of a chunk of this kind, packs that are there for good first.
    pub(crate) fn places(&self, kind: ChunkKind, id: ChunkId) -> Result<Vec<Place>, RepoError> {
        Ok(self.inner().places(kind, id))
    }

    pub(crate) fn slot(&self, place: Place) -> Result<Slot, RepoError> {
        Ok(self.inner().slot(place))
    }

    /// Whether the chunk is anywhere at all.
    pub(crate) fn holds(&self, kind: ChunkKind, id: ChunkId) -> Result<bool, RepoError> {
        Ok(!self.inner().places(kind, id).is_empty())
    }

    /// The pack in which a duplicate of the chunk may be relied on.
    pub(crate) fn duplicate(&self, kind: ChunkKind, id: ChunkId) -> Option<u32> {
        let inner = self.inner();
        let source = |place: &Place| inner.packs[place.pack as usize].0.source;
        inner.places(kind, id).into_iter().find(source).map(|place| place.pack)
    }

    /// Kind, id and length of one pack's chunks, frame by frame.
    pub(crate) fn ids_of(&self, pack: u32) -> Result<Vec<Vec<(ChunkKind, ChunkId, u32)>>, RepoError> {
        let inner = self.inner();
        let (_, known, slots) = &inner.packs[pack as usize];
        let mut by_slot: Vec<Option<ChunkId>> = vec![None; slots.len()];
        let others = inner.more.iter().flat_map(|(id, places)| places.iter().map(move |place| (id, place)));
        for (id, place) in inner.by_id.iter().chain(others).filter(|(_, place)| place.pack == pack) {
            by_slot[place.chunk as usize] = Some(*id);
        }
        let mut out: Vec<Vec<_>> = vec![Vec::new(); known.frames.len()];
        for (slot, id) in slots.iter().zip(by_slot) {
            out[usize::from(slot.frame)].push((slot.kind, id.unwrap_or(ChunkId([0; 24])), slot.len));
        }
        Ok(out)
    }

    /// How many different chunks there are.
    pub(crate) fn chunks(&self) -> Result<u64, RepoError> {
        Ok(self.inner().by_id.len() as u64)
    }
}
