//! What do some index objects say, looked up without reading them again? One immutable table on this host's disk.
//!
//! A table holds every pack of the index objects that it covers: header, frames and chunks, and all chunks sorted by
//! id behind a filter. It is only a copy: lost, damaged, cut off, another repository's or another version's, it is
//! made again from the target. Whatever is read of it is proved first ([`paged`]), so it never answers wrongly.
//!
//! Layout: block 0 says where the rest is. Then each pack's header, frames and slots; the sorted table
//! ([`sorted`]); a directory of packs; the index objects; the packs that were left out.

mod blocks;
mod build;
mod dir;
mod folder;
mod fuse_filter;
mod ids;
mod paged;
mod parts;
mod sort;
mod sorted;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dr_format::format::{HEADER_MAX, PACK_CHUNKS_MAX};
use dr_format::header::Header;
use dr_format::id::{ChunkId, ChunkKind, Digest, FamilyId, PackId, PackKind, RepoId, Secret, SessionId};
use dr_format::log_entry::ObjectRef;
use dr_format::seal::derive;
use dr_format::wire::{Bad, Cursor, put_bytes};

use crate::layout::{FrameSlot, Slot};
pub(crate) use blocks::Blocks;
pub use build::Builder;
pub use dir::TableDir;
pub use folder::{Describe, Described, Found, gather};
pub(crate) use ids::Ids;
pub use paged::Torn;
use paged::{Paged, ROOM, STRIDE, Stream, own};
pub(crate) use parts::{Parted, Parts};
pub use sort::Failed;
pub(crate) use sort::{LEFT_OUT, Merge, key_of};
pub use sorted::Sorted;

const MAGIC: &[u8; 8] = b"DRTIER01";
const ENTRY: usize = 88;
const FRAME: usize = 18;
const SLOT: usize = 34;
/// Bytes of a slot that are the chunk's id, in front.
const ID: usize = 24;
/// Bytes of a record: eight of the chunk's id, the pack's number in the table, the chunk's number in the pack.
pub const RECORD: usize = 14;

/// An index object in force, and the session that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    pub object: ObjectRef,
    pub session: SessionId,
}

/// What the tables of one repository are proved with.
#[derive(Clone)]
pub struct TableKey(Secret);

impl TableKey {
    pub fn new(index: &Secret, family: FamilyId, repo: RepoId) -> Self {
        Self(derive("dr v1 local index table", &[&index.0, &family.0, &repo.0]))
    }

    fn of(&self, nonce: &[u8; 16]) -> Secret {
        derive("dr v1 local index table file", &[&self.0.0, nonce])
    }
}

/// A pack in a table's directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub id: PackId,
    pub whole: Option<(u64, Digest)>,
    /// Which of the table's index objects describes it.
    pub object: u32,
    pub slots: u32,
    frames: u32,
    header: u32,
    at: u64,
}

impl Entry {
    fn encode(&self) -> [u8; ENTRY] {
        let mut out = Vec::with_capacity(ENTRY);
        let (len, digest) = self.whole.unwrap_or((u64::MAX, Digest([0; 32])));
        out.extend_from_slice(&self.id.session.0);
        for number in [self.id.no, self.id.kind as u32, self.object, self.slots, self.frames, self.header] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.at.to_le_bytes());
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&digest.0);
        let mut row = [0; ENTRY];
        row.copy_from_slice(&out);
        row
    }

    fn decode(bytes: &[u8; ENTRY]) -> Result<Self, Bad> {
        let mut cursor = Cursor::new(bytes);
        let session = SessionId(cursor.array()?);
        let (no, kind) = (cursor.u32()?, cursor.u32()?);
        let kind = PackKind::from_byte(kind as u8).ok_or(Bad("a pack of an unknown kind"))?;
        let (object, slots, frames, header) = (cursor.u32()?, cursor.u32()?, cursor.u32()?, cursor.u32()?);
        let (at, len) = (cursor.u64()?, cursor.u64()?);
        let whole = (len != u64::MAX).then_some((len, Digest(cursor.array()?)));
        if slots as usize > PACK_CHUNKS_MAX || frames as usize > PACK_CHUNKS_MAX || header as usize > HEADER_MAX {
            return Err(Bad("a pack beyond its limits"));
        }
        Ok(Self { id: PackId { session, kind, no }, whole, object, slots, frames, header, at })
    }

    fn frames_at(&self) -> u64 {
        self.at + u64::from(self.header)
    }

    fn slots_at(&self) -> u64 {
        self.frames_at() + u64::from(self.frames) * FRAME as u64
    }

    fn end(&self) -> u64 {
        self.slots_at() + u64::from(self.slots) * SLOT as u64
    }
}

fn encode_frame(frame: &FrameSlot) -> [u8; FRAME] {
    let mut row = [0; FRAME];
    let numbers = [frame.at as u32, frame.sealed_len, frame.raw_len, frame.number];
    row.chunks_exact_mut(4).zip(numbers).for_each(|(row, number)| row.copy_from_slice(&number.to_le_bytes()));
    (row[16], row[17]) = (frame.codec, frame.origin);
    row
}

fn decode_frame(bytes: &[u8]) -> Result<FrameSlot, Bad> {
    let mut cursor = Cursor::new(bytes);
    let at = u64::from(cursor.u32()?);
    let (sealed_len, raw_len, number) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
    Ok(FrameSlot { at, sealed_len, raw_len, number, codec: cursor.u8()?, origin: cursor.u8()? })
}

fn encode_slot((id, slot): &(ChunkId, Slot)) -> [u8; SLOT] {
    let mut row = [0; SLOT];
    row[..ID].copy_from_slice(&id.0);
    row[24..28].copy_from_slice(&slot.at.to_le_bytes());
    row[28..32].copy_from_slice(&((slot.kind as u32) << 28 | slot.len).to_le_bytes());
    row[32..].copy_from_slice(&slot.frame.to_le_bytes());
    row
}

fn decode_slot(bytes: &[u8]) -> Result<(ChunkId, Slot), Bad> {
    let mut cursor = Cursor::new(bytes);
    let id = ChunkId(cursor.array()?);
    Ok((id, take_slot(&mut cursor)?))
}

/// What stands behind the chunk's id.
fn take_slot(cursor: &mut Cursor<'_>) -> Result<Slot, Bad> {
    let (at, what) = (cursor.u32()?, cursor.u32()?);
    let kind = ChunkKind::from_byte((what >> 28) as u8).ok_or(Bad("a chunk of an unknown kind"))?;
    Ok(Slot { frame: cursor.u16()?, kind, at, len: what & 0x0fff_ffff })
}

/// The record of a chunk.
fn encode_record(id: &ChunkId, pack: u32, chunk: u16) -> [u8; RECORD] {
    let mut out = [0; RECORD];
    out[..8].copy_from_slice(&id.0[..8]);
    out[8..12].copy_from_slice(&pack.to_be_bytes());
    out[12..].copy_from_slice(&chunk.to_be_bytes());
    out
}

/// The eight bytes by which a chunk is sorted.
pub fn front(id: &ChunkId) -> u64 {
    id.0.first_chunk::<8>().map_or(0, |front| u64::from_be_bytes(*front))
}

/// Where things lie, as block 0 says.
struct Front {
    nonce: [u8; 16],
    blocks: u64,
    packs: u32,
    packs_at: u64,
    objects_at: u64,
    objects_len: u64,
}

impl Front {
    fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.nonce);
        for number in [self.blocks, u64::from(self.packs), self.packs_at, self.objects_at, self.objects_len] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, Bad> {
        let mut cursor = Cursor::new(bytes);
        if cursor.take(8)? != MAGIC {
            return Err(Bad("it is not an index table of this version"));
        }
        let (nonce, blocks, packs) = (cursor.array()?, cursor.u64()?, cursor.u64()?);
        let packs = u32::try_from(packs).map_err(|_| Bad("too many packs"))?;
        Ok(Self {
            nonce,
            blocks,
            packs,
            packs_at: cursor.u64()?,
            objects_at: cursor.u64()?,
            objects_len: cursor.u64()?,
        })
    }
}

/// What stands behind the directory of packs: shards, index objects, packs left out.
fn encode_objects(sorted: &Sorted<RECORD>, objects: &[Live], left_out: &[PackId]) -> Vec<u8> {
    let mut out = sorted.encode();
    out.extend_from_slice(&(objects.len() as u32).to_le_bytes());
    for Live { object, session } in objects {
        put_bytes(&mut out, object.name.as_bytes());
        out.extend_from_slice(&object.len.to_le_bytes());
        out.extend_from_slice(&object.digest.0);
        out.extend_from_slice(&session.0);
    }
    out.extend_from_slice(&(left_out.len() as u32).to_le_bytes());
    for pack in left_out {
        out.extend_from_slice(&pack.session.0);
        out.push(pack.kind as u8);
        out.extend_from_slice(&pack.no.to_le_bytes());
    }
    out
}

type Objects = (Sorted<RECORD>, Vec<Live>, Vec<PackId>);

fn decode_objects(bytes: &[u8]) -> Result<Objects, Bad> {
    let mut cursor = Cursor::new(bytes);
    let sorted = Sorted::decode(&mut cursor)?;
    let (mut objects, mut left_out) = (Vec::new(), Vec::new());
    for _ in 0..cursor.u32()? {
        let name = String::from_utf8(cursor.bytes(1 << 10)?.to_vec()).map_err(|_| Bad("a name that is not text"))?;
        let object = ObjectRef { name, len: cursor.u64()?, digest: Digest(cursor.array()?) };
        objects.push(Live { object, session: SessionId(cursor.array()?) });
    }
    for _ in 0..cursor.u32()? {
        let session = SessionId(cursor.array()?);
        let kind = PackKind::from_byte(cursor.u8()?).ok_or(Bad("a pack of an unknown kind"))?;
        left_out.push(PackId { session, kind, no: cursor.u32()? });
    }
    cursor.end()?;
    Ok((sorted, objects, left_out))
}

/// A pack's frames and slots.
pub type Rows<'a> = (&'a [FrameSlot], &'a [Slot]);
/// Is shown a pack's number in the table, what the directory says of it, and its rows if they were read.
type EachPack<'a> = dyn FnMut(u32, &Entry, Option<Rows<'_>>) + 'a;

/// A table, ready to be asked.
pub struct IndexTable {
    paged: Arc<Paged>,
    /// Its file, if it lasts.
    pub path: Option<PathBuf>,
    pub packs: u32,
    packs_at: u64,
    pub sorted: Sorted<RECORD>,
    /// The index objects that it covers.
    pub objects: Vec<Live>,
    /// Packs of those objects that it does not hold, because they were swept.
    pub left_out: Vec<PackId>,
}

impl IndexTable {
    /// Opens the file at `path`, if it is whole and this repository's.
    pub fn open(path: &Path, key: &TableKey) -> Option<Self> {
        let file = dr_open::plain(path).ok()?;
        let mut first = [0; STRIDE];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut first, 0).ok()?;
        // Not to be believed yet, but it says under which key it can be.
        let front = Front::decode(own(&first)).ok()?;
        let paged = Arc::new(Paged::new(file, key.of(&front.nonce), front.blocks));
        Self::from_paged(paged, Some(path.to_owned())).ok()
    }

    fn from_paged(paged: Arc<Paged>, path: Option<PathBuf>) -> Result<Self, Torn> {
        let torn = |_: Bad| paged.torn();
        let first = paged.block(0)?;
        let front = Front::decode(own(&first)).map_err(torn)?;
        let whole = front.blocks.checked_mul(STRIDE as u64) == Some(paged.file_len()?);
        if !whole || front.blocks != paged.blocks || front.objects_len > front.blocks.saturating_mul(ROOM as u64) {
            return Err(paged.torn());
        }
        let mut objects = vec![0; front.objects_len as usize];
        Stream::new(Arc::clone(&paged), front.objects_at).read(&mut objects)?;
        let (sorted, objects, left_out) = decode_objects(&objects).map_err(torn)?;
        Ok(Self { paged, path, packs: front.packs, packs_at: front.packs_at, sorted, objects, left_out })
    }

    /// Its records in order, the packs' numbers exchanged for others.
    pub fn records(&self, renumber: Vec<u32>) -> sort::Source<RECORD> {
        self.sorted.source(&self.paged, Some(renumber))
    }

    pub fn is(&self, torn: Torn) -> bool {
        self.paged.table == torn.table
    }

    /// Every pack, by its number in the table.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry, Torn>> {
        let mut stream = Stream::new(Arc::clone(&self.paged), self.packs_at);
        (0..self.packs).map(move |_| {
            let mut row = [0; ENTRY];
            stream.read(&mut row)?;
            Entry::decode(&row).map_err(|_| self.paged.torn())
        })
    }

    pub fn entry(&self, blocks: &Blocks, number: u32) -> Result<Entry, Torn> {
        let mut row = [0; ENTRY];
        blocks.copy(&self.paged, self.packs_at + u64::from(number) * ENTRY as u64, &mut row)?;
        Entry::decode(&row).map_err(|_| self.paged.torn())
    }

    /// Whether a chunk of this id may be here. A wrong "perhaps" is rare.
    pub fn may_hold(&self, blocks: &Blocks, id: &ChunkId) -> Result<bool, Torn> {
        self.sorted.may_hold(&self.paged, blocks, front(id))
    }

    /// Pack and chunk numbers of what begins as the id does; the slots say whether it is the id.
    pub fn find(&self, blocks: &Blocks, id: &ChunkId, each: &mut dyn FnMut(u32, u16)) -> Result<(), Torn> {
        self.sorted.find(&self.paged, blocks, front(id), |record| {
            let pack = record[8..].first_chunk::<4>().map_or(0, |number| u32::from_be_bytes(*number));
            let chunk = record[12..].first_chunk::<2>().map_or(0, |number| u16::from_be_bytes(*number));
            each(pack, chunk);
        })
    }

    pub fn slot(&self, blocks: &Blocks, entry: &Entry, chunk: u32) -> Result<(ChunkId, Slot), Torn> {
        if chunk >= entry.slots {
            return Err(self.paged.torn());
        }
        let mut row = [0; SLOT];
        blocks.copy(&self.paged, entry.slots_at() + u64::from(chunk) * SLOT as u64, &mut row)?;
        decode_slot(&row).map_err(|_| self.paged.torn())
    }

    /// The slots of a pack from `from` on, at most `most`.
    pub fn slots(&self, blocks: &Blocks, entry: &Entry, from: u32, most: u32) -> Result<Vec<(ChunkId, Slot)>, Torn> {
        let here = entry.slots.saturating_sub(from).min(most) as usize;
        let mut rows = vec![0; here * SLOT];
        blocks.copy(&self.paged, entry.slots_at() + u64::from(from) * SLOT as u64, &mut rows)?;
        rows.chunks_exact(SLOT).map(|row| decode_slot(row).map_err(|_| self.paged.torn())).collect()
    }

    /// Shows every pack, with its frames and slots if `whether` wants them; read from end to end past the cache of blocks.
    pub fn each_pack(&self, whether: &dyn Fn(u32, &Entry) -> bool, each: &mut EachPack<'_>) -> Result<(), Torn> {
        let mut stream = Stream::new(Arc::clone(&self.paged), 0);
        let (mut here, mut bytes, mut frames, mut slots) = (0, Vec::new(), Vec::new(), Vec::new());
        let torn = |_: Bad| self.paged.torn();
        for (entry, number) in self.entries().zip(0..) {
            let entry = entry?;
            if !whether(number, &entry) {
                each(number, &entry, None);
                continue;
            }
            if here != entry.at {
                stream.seek(entry.at);
            }
            here = entry.end();
            bytes.resize((entry.end() - entry.at) as usize, 0);
            stream.read(&mut bytes)?;
            let (front, rows) = bytes.split_at((entry.slots_at() - entry.at) as usize);
            frames.clear();
            for row in front[entry.header as usize..].chunks_exact(FRAME) {
                frames.push(decode_frame(row).map_err(torn)?);
            }
            slots.clear();
            for row in rows.chunks_exact(SLOT) {
                slots.push(take_slot(&mut Cursor::new(&row[ID..])).map_err(torn)?);
            }
            each(number, &entry, Some((&frames, &slots)));
        }
        Ok(())
    }

    /// Header and frames of a pack.
    pub fn pack(&self, blocks: &Blocks, entry: &Entry) -> Result<(Header, Vec<FrameSlot>), Torn> {
        let mut bytes = vec![0; (entry.slots_at() - entry.at) as usize];
        blocks.copy(&self.paged, entry.at, &mut bytes)?;
        let (header, frames) = bytes.split_at(entry.header as usize);
        let header = Header::parse(header).map_err(|_| self.paged.torn())?;
        let frames = frames.chunks_exact(FRAME).map(|row| decode_frame(row).map_err(|_| self.paged.torn()));
        Ok((header, frames.collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests;
