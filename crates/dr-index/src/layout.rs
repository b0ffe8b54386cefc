//! Where in a pack does each frame lie, and each chunk in its frame?

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use dr_format::header::Header;
use dr_format::id::{ChunkId, ChunkKind, FamilyId, PackId};
use dr_format::trailer::FrameRow;
use dr_format::wire::Bad;

/// Chunk ids are uniform already: eight bytes of one are its hash.
#[derive(Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        if let Some(front) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*front);
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

/// A map by chunk id.
pub type ById<T> = HashMap<ChunkId, T, BuildHasherDefault<IdHasher>>;

/// A place of a chunk: pack and its number in that pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub pack: u32,
    pub chunk: u32,
}

/// A chunk inside its pack.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    pub frame: u16,
    pub kind: ChunkKind,
    /// Where it begins in the opened frame.
    pub at: u32,
    pub len: u32,
}

/// A frame inside its pack.
#[derive(Debug, Clone, Copy)]
pub struct FrameSlot {
    /// Where it begins in the object.
    pub at: u64,
    pub sealed_len: u32,
    pub raw_len: u32,
    pub codec: u8,
    pub origin: u8,
    pub number: u32,
}

/// Kind, id and length of each chunk of a frame.
pub type FrameIds = Vec<(ChunkKind, ChunkId, u32)>;

/// The rows of a pack, laid out: where each frame lies in the object, and each chunk in its frame.
pub struct PackLayout {
    pub header: Header,
    pub frames: Vec<FrameSlot>,
    pub slots: Vec<(ChunkId, Slot)>,
}

/// Lays out a pack's rows.
pub fn lay_out(id: PackId, family: FamilyId, header: &[u8], rows: &[FrameRow]) -> Result<PackLayout, Bad> {
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
    Ok(PackLayout { header: parsed, frames, slots })
}
