//! The sealed back of a pack: which frames it holds, and which chunks lie in each.

use crate::format::{
    CHUNK_MAX, CODEC_STORE, CODEC_ZSTD, FRAME_CHUNKS_MAX, FRAME_RAW, ORIGINS_MAX, PACK_CHUNKS_MAX, TAG, TRAILER_ALIGN,
    TRAILER_MAX,
};
use crate::id::{ChunkId, ChunkKind};
use crate::wire::{Bad, Cursor, put_varint};

/// A chunk inside a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkRow {
    pub kind: ChunkKind,
    pub id: ChunkId,
    pub len: u32,
}

/// A frame: where it was sealed, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameRow {
    /// Index into the header's origins.
    pub origin: u8,
    /// Its number in the origin pack.
    pub number: u32,
    /// Bytes in this pack, tag included.
    pub sealed_len: u32,
    pub raw_len: u32,
    pub codec: u8,
    pub chunks: Vec<ChunkRow>,
}

/// The rows of a pack, as bytes before compression.
pub fn encode(frames: &[FrameRow]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + frames.iter().map(|f| 16 + f.chunks.len() * 28).sum::<usize>());
    put_varint(&mut out, frames.len() as u64);
    for frame in frames {
        out.push(frame.origin);
        put_varint(&mut out, u64::from(frame.number));
        put_varint(&mut out, u64::from(frame.sealed_len));
        put_varint(&mut out, u64::from(frame.raw_len));
        out.push(frame.codec);
        put_varint(&mut out, frame.chunks.len() as u64);
        for chunk in &frame.chunks {
            out.push(chunk.kind as u8);
            out.extend_from_slice(&chunk.id.0);
            put_varint(&mut out, u64::from(chunk.len));
        }
    }
    out
}

/// Reads the rows back, all limits checked.
pub fn decode(bytes: &[u8]) -> Result<Vec<FrameRow>, Bad> {
    let mut cursor = Cursor::new(bytes);
    let n = cursor.count(PACK_CHUNKS_MAX)?;
    let mut frames = Vec::with_capacity(n.min(cursor.left() / 8));
    let mut chunks_left = PACK_CHUNKS_MAX;
    for _ in 0..n {
        let origin = cursor.u8()?;
        if usize::from(origin) >= ORIGINS_MAX {
            return Err(Bad("a frame's origin is out of range"));
        }
        let number = cursor.count(PACK_CHUNKS_MAX)? as u32;
        let sealed_len = cursor.count(CHUNK_MAX + (1 << 16))?;
        let raw_len = cursor.count(CHUNK_MAX)?;
        let codec = cursor.u8()?;
        if codec != CODEC_STORE && codec != CODEC_ZSTD {
            return Err(Bad("a frame has a codec this program does not know"));
        }
        let n_chunks = cursor.count(FRAME_CHUNKS_MAX.min(chunks_left))?;
        if n_chunks == 0 || sealed_len < TAG {
            return Err(Bad("a frame is empty"));
        }
        if raw_len > FRAME_RAW && n_chunks > 1 {
            return Err(Bad("a frame is too large"));
        }
        chunks_left -= n_chunks;
        let mut chunks = Vec::with_capacity(n_chunks.min(cursor.left() / 26));
        let mut total = 0usize;
        for _ in 0..n_chunks {
            let kind = ChunkKind::from_byte(cursor.u8()?).ok_or(Bad("a chunk is of an unknown kind"))?;
            let id = ChunkId(cursor.array()?);
            let len = cursor.count(CHUNK_MAX)?;
            if len == 0 {
                return Err(Bad("a chunk is empty"));
            }
            total += len;
            chunks.push(ChunkRow { kind, id, len: len as u32 });
        }
        if total != raw_len {
            return Err(Bad("a frame's chunks do not add up to it"));
        }
        frames.push(FrameRow { origin, number, sealed_len: sealed_len as u32, raw_len: raw_len as u32, codec, chunks });
    }
    cursor.end()?;
    Ok(frames)
}

/// Rows made ready for sealing: length, codec, raw length, compressed rows, zeros up to a multiple of 4 KiB.
pub fn pad(codec: u8, raw_len: usize, packed: &[u8]) -> Vec<u8> {
    let len = (packed.len() + 9).next_multiple_of(TRAILER_ALIGN);
    let mut out = Vec::with_capacity(len);
    out.extend_from_slice(&(packed.len() as u32).to_le_bytes());
    out.push(codec);
    out.extend_from_slice(&(raw_len as u32).to_le_bytes());
    out.extend_from_slice(packed);
    out.resize(len, 0);
    out
}

/// Undoes [`pad`]: codec, raw length, compressed rows.
pub fn unpad(plain: &[u8]) -> Result<(u8, usize, &[u8]), Bad> {
    let mut cursor = Cursor::new(plain);
    let len = cursor.u32()? as usize;
    let codec = cursor.u8()?;
    let raw_len = cursor.u32()? as usize;
    if raw_len > TRAILER_MAX {
        return Err(Bad("its trailer is too large"));
    }
    Ok((codec, raw_len, cursor.take(len)?))
}
