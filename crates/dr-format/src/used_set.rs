//! What does one snapshot use? A list of chunks by where they were first sealed, for whoever prunes and can read nothing.
//!
//! Sealed to the pruning key alone. It names frames by their origins, which stay theirs for ever, so that it holds
//! whichever pack they are moved into.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::compress::{Compressor, Decompressor};
use crate::error::FormatError;
use crate::format::{FRAME_CHUNKS_MAX, INDEX_RAW_MAX, PACK_CHUNKS_MAX, PACK_NO_MAX};
use crate::id::{FamilyId, PackId, PackKind, Secret, SessionId, SnapshotId};
use crate::seal::{open_from, open_once, public_of, seal_once, seal_to};
use crate::wire::{Bad, Cursor, put_varint};

const SESSION: u8 = 1;
const WHOLE: u8 = 2;
const FRAMES: u8 = 3;

/// A list that is being written.
#[derive(Default)]
pub struct UsedSet {
    raw: Vec<u8>,
    session: Option<SessionId>,
}

impl UsedSet {
    pub fn new() -> Self {
        Self::default()
    }

    fn pack(&mut self, tag: u8, pack: PackId) {
        if self.session != Some(pack.session) {
            self.session = Some(pack.session);
            self.raw.push(SESSION);
            self.raw.extend_from_slice(&pack.session.0);
        }
        self.raw.extend_from_slice(&[tag, pack.kind as u8]);
        put_varint(&mut self.raw, u64::from(pack.no));
    }

    /// All of a pack that was written with so many frames.
    pub fn whole(&mut self, pack: PackId, frames: usize) {
        self.pack(WHOLE, pack);
        put_varint(&mut self.raw, frames as u64);
    }

    /// Some frames of a pack, ascending by their numbers: of each, which chunks.
    pub fn frames(&mut self, pack: PackId, frames: &BTreeMap<u32, Vec<bool>>) {
        self.pack(FRAMES, pack);
        put_varint(&mut self.raw, frames.len() as u64);
        let mut before = 0;
        for (number, chunks) in frames {
            put_varint(&mut self.raw, u64::from(number - before));
            before = *number;
            let all = chunks.iter().all(|used| *used);
            put_varint(&mut self.raw, (chunks.len() as u64) << 1 | u64::from(all));
            if !all {
                let byte = |bits: &[bool]| bits.iter().zip(0..).map(|(bit, at)| u8::from(*bit) << at).sum::<u8>();
                self.raw.extend(chunks.chunks(8).map(byte));
            }
        }
    }

    /// The list, sealed to the pruning key.
    pub fn seal(
        self,
        gc: &[u8; 32],
        family: FamilyId,
        session: SessionId,
        snapshot: SnapshotId,
    ) -> Result<Vec<u8>, FormatError> {
        let mut packed = Vec::new();
        let codec = Compressor::new(3)?.compress(&self.raw, &mut packed)?;
        let mut plain = vec![codec];
        plain.extend_from_slice(&(self.raw.len() as u32).to_le_bytes());
        plain.extend_from_slice(&packed);
        let mut key = Box::new(Secret([0; 32]));
        key.refill();
        let envelope = seal_to(gc, family, session, &key.0)
            .map_err(|_| FormatError::WrongKey("the pruning key cannot be sealed to".into()))?;
        let aad = aad(family, session, snapshot);
        Ok([&snapshot.0, envelope.as_slice(), &seal_once(&key, &aad, &plain)].concat())
    }
}

fn aad(family: FamilyId, session: SessionId, snapshot: SnapshotId) -> Vec<u8> {
    [b"DRU1".as_slice(), &family.0, &session.0, &snapshot.0].concat()
}

/// Encapsulated key, the sealed key, its tag.
const ENVELOPE: usize = 32 + 32 + 16;

/// What a list says of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uses {
    /// Every frame of a pack that was written with so many.
    Whole(u32),
    /// The frame of that number in its origin.
    Frame(u32),
}

/// Which snapshot a sealed list is of.
pub fn snapshot_of(sealed: &[u8]) -> Option<SnapshotId> {
    sealed.first_chunk().map(|id| SnapshotId(*id))
}

/// Opens a sealed list. `gc` is the private half of the pruning key.
pub fn open(sealed: &[u8], gc: &Secret, family: FamilyId, session: SessionId) -> Result<Vec<u8>, Bad> {
    let closed = |_| Bad("a list of what a snapshot uses does not open");
    let mut cursor = Cursor::new(sealed);
    let snapshot = SnapshotId(cursor.array()?);
    let envelope = cursor.take(ENVELOPE)?;
    let public = public_of(gc).map_err(closed)?;
    let inside = open_from(gc, &public, family, session, envelope).map_err(closed)?;
    let key = Zeroizing::new(inside.first_chunk::<32>().copied().ok_or(Bad("its key is cut"))?);
    let plain =
        open_once(&Secret(*key), &aad(family, session, snapshot), cursor.take(cursor.left())?).map_err(closed)?;
    let mut cursor = Cursor::new(&plain);
    let (codec, raw_len) = (cursor.u8()?, cursor.u32()? as usize);
    if raw_len > INDEX_RAW_MAX {
        return Err(Bad("a list of what a snapshot uses is beyond its limits"));
    }
    let packed = cursor.take(cursor.left())?.to_vec();
    Decompressor::new().map_err(|_| Bad("zstd cannot start"))?.decompress(codec, packed, raw_len)
}

/// Shows `each` what an opened list says, in its order. A pack may come more than once.
pub fn each(raw: &[u8], mut each: impl FnMut(PackId, Uses)) -> Result<(), Bad> {
    let (mut cursor, mut session) = (Cursor::new(raw), None);
    while cursor.left() > 0 {
        let tag = cursor.u8()?;
        if tag == SESSION {
            session = Some(SessionId(cursor.array()?));
            continue;
        }
        let session = session.ok_or(Bad("a pack has no session"))?;
        let kind = PackKind::from_byte(cursor.u8()?).ok_or(Bad("a pack is of an unknown kind"))?;
        let pack = PackId { session, kind, no: cursor.count(PACK_NO_MAX as usize - 1)? as u32 };
        let frames = cursor.count(PACK_CHUNKS_MAX)?;
        match tag {
            WHOLE => each(pack, Uses::Whole(frames as u32)),
            FRAMES => {
                let mut number = 0;
                for _ in 0..frames {
                    number += cursor.count(PACK_CHUNKS_MAX - number)?;
                    let chunks = cursor.count(FRAME_CHUNKS_MAX << 1 | 1)?;
                    if chunks & 1 == 0 {
                        cursor.take((chunks >> 1).div_ceil(8))?;
                    }
                    each(pack, Uses::Frame(number as u32));
                }
            }
            _ => return Err(Bad("a list of what a snapshot uses says what this program does not know")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_comes_back_to_the_pruning_key_alone() {
        let (gc, other) = (Secret::random(), Secret::random());
        let (family, session, snapshot) = (FamilyId([1; 16]), SessionId([2; 16]), SnapshotId([3; 16]));
        let pack = |session, kind, no| PackId { session: SessionId([session; 16]), kind, no };
        let mut list = UsedSet::new();
        list.whole(pack(4, PackKind::Data, 7), 3);
        list.whole(pack(4, PackKind::Meta, 0), 1);
        let some = BTreeMap::from([(2, vec![true; 9]), (9, vec![false, true, false]), (300, vec![true])]);
        list.frames(pack(5, PackKind::Data, 70_000), &some);
        let sealed = list.seal(&public_of(&gc).unwrap(), family, session, snapshot).unwrap();
        assert_eq!(snapshot_of(&sealed), Some(snapshot));
        assert!(open(&sealed, &other, family, session).is_err());
        assert!(open(&sealed, &gc, family, SessionId([9; 16])).is_err());

        let raw = open(&sealed, &gc, family, session).unwrap();
        let mut seen = Vec::new();
        each(&raw, |pack, uses| seen.push((pack, uses))).unwrap();
        let third = pack(5, PackKind::Data, 70_000);
        let expected = [
            (pack(4, PackKind::Data, 7), Uses::Whole(3)),
            (pack(4, PackKind::Meta, 0), Uses::Whole(1)),
            (third, Uses::Frame(2)),
            (third, Uses::Frame(9)),
            (third, Uses::Frame(300)),
        ];
        assert_eq!(seen, expected);
        // Cut anywhere it is an error or says less, and never hangs or stops the program.
        for end in 0..raw.len() {
            let _ = each(&raw[..end], |_, _| {});
        }
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            assert!(open(&bad, &gc, family, session).is_err(), "byte {at}");
        }
    }
}
