//! Index objects: what packs a session stored, and what is in them.
//!
//! In clear: each pack's name parts, length and BLAKE3, so that anybody can scrub without a key. Sealed: records.
//! A *pack* record is a pack's header and trailer rows, true for ever of the frames that were sealed there. A
//! *location* record says where frames of older packs lie now. Unknown records are skipped.

use crate::compress::{Compressor, Decompressor};
use crate::error::FormatError;
use crate::format::{
    CODEC_STORE, INDEX_MAGIC, INDEX_RAW_MAX, PACK_CHUNKS_MAX, PACK_MAX, PACK_NO_MAX, SUITE_CHACHA, TAG, TRAILER_MAX,
    VERSION,
};
use crate::id::{Digest, FamilyId, PackId, PackKind, Secret, SessionId, random};
use crate::pack::{noise, padded};
use crate::seal::{derive, open_once, seal_once};
use crate::wire::{Bad, Cursor, put_bytes, put_varint};

/// What stands in clear of one pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackLine {
    pub id: PackId,
    pub len: u64,
    pub digest: Digest,
}

/// A sealed record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A pack as it was written: header bytes and trailer rows.
    Pack { kind: PackKind, no: u32, header: Vec<u8>, rows: Vec<u8> },
    /// Frames of other packs that were moved, ciphertext and all, into a pack of this session.
    Location { kind: PackKind, no: u32, header: Vec<u8>, rows: Vec<u8> },
    /// What a snapshot of this session uses, sealed to the pruning key.
    Used(Vec<u8>),
}

const RECORD_PACK: u8 = 1;
const RECORD_LOCATION: u8 = 2;
const RECORD_USED: u8 = 3;

/// An index object, opened.
#[derive(Debug)]
pub struct IndexObject {
    pub session: SessionId,
    pub packs: Vec<PackLine>,
    pub records: Vec<Record>,
}

fn key(index: &Secret, family: FamilyId, session: SessionId, salt: &[u8; 16]) -> Secret {
    derive("dr v1 index", &[&index.0, &family.0, &session.0, salt])
}

/// The bytes of a new index object.
pub fn encode(
    family: FamilyId,
    session: SessionId,
    index: &Secret,
    packs: &[PackLine],
    records: &[Record],
) -> Result<Vec<u8>, FormatError> {
    let mut raw = Vec::new();
    for record in records {
        let (tag, kind, no, header, rows) = match record {
            Record::Used(sealed) => {
                raw.push(RECORD_USED);
                put_bytes(&mut raw, sealed);
                continue;
            }
            Record::Pack { kind, no, header, rows } => (RECORD_PACK, kind, no, header, rows),
            Record::Location { kind, no, header, rows } => (RECORD_LOCATION, kind, no, header, rows),
        };
        let mut body = Vec::with_capacity(header.len() + rows.len() + 16);
        body.push(*kind as u8);
        put_varint(&mut body, u64::from(*no));
        put_bytes(&mut body, header);
        put_bytes(&mut body, rows);
        raw.push(tag);
        put_bytes(&mut raw, &body);
    }
    let mut packed = Vec::new();
    let codec = Compressor::new(1)?.compress(&raw, &mut packed)?;
    let mut plain = Vec::with_capacity(packed.len() + 5);
    plain.push(codec);
    plain.extend_from_slice(&(raw.len() as u32).to_le_bytes());
    plain.extend_from_slice(&packed);

    let salt: [u8; 16] = random();
    let mut out = Vec::with_capacity(plain.len() + 512);
    out.extend_from_slice(INDEX_MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&[SUITE_CHACHA, 0]);
    out.extend_from_slice(&family.0);
    out.extend_from_slice(&session.0);
    out.extend_from_slice(&salt);
    out.extend_from_slice(&(packs.len() as u32).to_le_bytes());
    for line in packs {
        out.push(line.id.kind as u8);
        out.extend_from_slice(&line.id.no.to_le_bytes());
        out.extend_from_slice(&line.len.to_le_bytes());
        out.extend_from_slice(&line.digest.0);
    }
    let sealed_len = (plain.len() + TAG) as u32;
    out.extend_from_slice(&sealed_len.to_le_bytes());
    let sealed = seal_once(&key(index, family, session, &salt), &out, &plain);
    out.extend_from_slice(&sealed);
    let total = padded(out.len() as u64) as usize;
    let padding = noise(total - out.len());
    out.extend_from_slice(&padding);
    Ok(out)
}

/// What stands in clear of an index object, and the salt of what does not.
struct Clear {
    session: SessionId,
    salt: [u8; 16],
    packs: Vec<PackLine>,
}

fn clear(cursor: &mut Cursor<'_>, family: FamilyId) -> Result<Clear, Bad> {
    if cursor.take(8)? != INDEX_MAGIC {
        return Err(Bad("it is not an index object"));
    }
    if cursor.u16()? != VERSION || cursor.u8()? != SUITE_CHACHA {
        return Err(Bad("it is of a version this program does not know"));
    }
    cursor.u8()?;
    if cursor.array()? != family.0 {
        return Err(Bad("it belongs to another family"));
    }
    let session = SessionId(cursor.array()?);
    let salt = cursor.array()?;
    let n = cursor.u32()? as usize;
    let mut packs = Vec::with_capacity(n.min(cursor.left() / 45));
    for _ in 0..n {
        let kind = PackKind::from_byte(cursor.u8()?).ok_or(Bad("a pack is of an unknown kind"))?;
        let (no, len, digest) = (cursor.u32()?, cursor.u64()?, Digest(cursor.array()?));
        if no >= PACK_NO_MAX || len > PACK_MAX {
            return Err(Bad("a pack is beyond its limits"));
        }
        packs.push(PackLine { id: PackId { session, kind, no }, len, digest });
    }
    Ok(Clear { session, salt, packs })
}

/// The packs that an index object names in clear: enough to compare them with what is there, without any key.
pub fn lines(bytes: &[u8], family: FamilyId) -> Result<(SessionId, Vec<PackLine>), Bad> {
    clear(&mut Cursor::new(bytes), family).map(|clear| (clear.session, clear.packs))
}

/// Reads an index object whose BLAKE3 the log has vouched for.
pub fn decode(bytes: &[u8], family: FamilyId, index: &Secret) -> Result<IndexObject, Bad> {
    let mut cursor = Cursor::new(bytes);
    let Clear { session, salt, packs } = clear(&mut cursor, family)?;
    let sealed_len = cursor.u32()? as usize;
    let aad = &bytes[..bytes.len() - cursor.left()];
    let sealed = cursor.take(sealed_len)?;
    let plain =
        open_once(&key(index, family, session, &salt), aad, sealed).map_err(|_| Bad("its records do not open"))?;
    let mut plain = Cursor::new(&plain);
    let codec = plain.u8()?;
    let raw_len = plain.u32()? as usize;
    if raw_len > INDEX_RAW_MAX {
        return Err(Bad("its records are too large"));
    }
    let packed = plain.take(plain.left())?.to_vec();
    let raw = if raw_len == 0 && codec == CODEC_STORE {
        Vec::new()
    } else {
        Decompressor::new().map_err(|_| Bad("zstd cannot start"))?.decompress(codec, packed, raw_len)?
    };
    let mut cursor = Cursor::new(&raw);
    let mut records = Vec::new();
    while cursor.left() > 0 {
        let tag = cursor.u8()?;
        let mut body = Cursor::new(cursor.bytes(INDEX_RAW_MAX)?);
        match tag {
            RECORD_PACK | RECORD_LOCATION => {}
            RECORD_USED => {
                records.push(Record::Used(body.take(body.left())?.to_vec()));
                continue;
            }
            _ => continue,
        }
        let kind = PackKind::from_byte(body.u8()?).ok_or(Bad("a record's pack is of an unknown kind"))?;
        let no = body.count(PACK_NO_MAX as usize - 1)? as u32;
        let header = body.bytes(crate::format::HEADER_MAX)?.to_vec();
        let rows = body.bytes(TRAILER_MAX + PACK_CHUNKS_MAX)?.to_vec();
        body.end()?;
        records.push(match tag {
            RECORD_PACK => Record::Pack { kind, no, header, rows },
            _ => Record::Location { kind, no, header, rows },
        });
    }
    Ok(IndexObject { session, packs, records })
}
