//! Parity: what heals a pack that has rotted in a few places, from beside it and without any key.
//!
//! A pack is taken as shards of 128 KiB. To each eight and more belong eight *spare* shards of a Reed-Solomon code, and
//! to fewer a copy. Each shard has a sum, so that it shows which ones are bad. Nothing here is believed: what was healed
//! is a pack only if its BLAKE3 is the one that the log vouches for.

use reed_solomon_simd::{ReedSolomonDecoder, ReedSolomonEncoder};

use crate::error::FormatError;
use crate::format::{PACK_MAX, PACK_NO_MAX, PARITY_LEOPARD, PARITY_MAGIC, SHARD, SPARES, VERSION};
use crate::id::{Digest, FamilyId, PackId, PackKind, SessionId};
use crate::index_object::PackLine;
use crate::wire::{Bad, Cursor};

/// The first 16 bytes of a shard's BLAKE3.
type Sum = [u8; 16];

/// So much of every shard is worked on at a time. The code works on each column of 64 bytes by itself.
const COLUMN: usize = 16 << 10;

/// Reads what lies at an offset of a pack.
pub type ReadAt<'a, E> = dyn FnMut(u64, &mut [u8]) -> Result<(), E> + 'a;

/// How many shards a pack of this length has.
fn shards(len: u64) -> usize {
    len.div_ceil(SHARD as u64) as usize
}

/// How many spare ones belong to them.
fn spares(shards: usize) -> usize {
    shards.min(SPARES)
}

/// How many bytes these take.
fn spare_len(len: u64) -> u64 {
    if shards(len) <= SPARES { len } else { (SPARES * SHARD) as u64 }
}

fn sum_of(bytes: &[u8]) -> Sum {
    let mut out = [0; 16];
    out.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    out
}

/// Where shard `number` of `len` bytes lies.
fn range(number: usize, len: usize) -> std::ops::Range<usize> {
    (number * SHARD).min(len)..((number + 1) * SHARD).min(len)
}

fn broken(error: reed_solomon_simd::Error) -> FormatError {
    FormatError::TooMuch(format!("the parity code does not work: {error}"))
}

/// A pack's shards, as their sums, and its spare ones.
pub struct Spare {
    line: PackLine,
    sums: Vec<Sum>,
    spare: Vec<u8>,
}

impl Spare {
    /// The spare shards.
    pub fn bytes(&self) -> &[u8] {
        &self.spare
    }

    /// Reads a pack once, in columns, and makes its spare shards. Takes five megabytes of memory.
    pub fn of<E: From<FormatError>>(line: PackLine, read: &mut ReadAt<'_, E>) -> Result<Self, E> {
        let (len, many) = (line.len as usize, shards(line.len));
        if many <= SPARES {
            let mut spare = vec![0; len];
            read(0, &mut spare)?;
            let sums = (0..many).map(|number| sum_of(&spare[range(number, len)])).collect();
            return Ok(Self { line, sums, spare });
        }
        let mut encoder = ReedSolomonEncoder::new(many, SPARES, COLUMN).map_err(broken)?;
        let mut hashers = vec![blake3::Hasher::new(); many];
        let mut spare = vec![0; SPARES * SHARD];
        let mut column = vec![0; COLUMN];
        for at in (0..SHARD).step_by(COLUMN) {
            for (number, hasher) in hashers.iter_mut().enumerate() {
                let from = number * SHARD + at;
                let here = len.saturating_sub(from).min(COLUMN);
                if here > 0 {
                    read(from as u64, &mut column[..here])?;
                    hasher.update(&column[..here]);
                }
                column[here..].fill(0);
                encoder.add_original_shard(&column).map_err(broken)?;
            }
            let encoded = encoder.encode().map_err(broken)?;
            for (number, bytes) in encoded.recovery_iter().enumerate() {
                let to = number * SHARD + at;
                spare[to..to + COLUMN].copy_from_slice(bytes);
            }
        }
        let sum = |hasher: blake3::Hasher| {
            let mut out = [0; 16];
            out.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
            out
        };
        Ok(Self { line, sums: hashers.into_iter().map(sum).collect(), spare })
    }
}

/// The beginning of a parity object. Behind it come the packs' spare shards.
pub fn front(family: FamilyId, session: SessionId, packs: &[Spare]) -> Vec<u8> {
    let mut out = PARITY_MAGIC.to_vec();
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&[PARITY_LEOPARD, 0]);
    let sums: usize = packs.iter().map(|pack| pack.sums.len() + spares(pack.sums.len())).sum();
    let table = FRONT as usize + 16 + 16 + 4 + packs.len() * (1 + 4 + 8 + 32) + sums * 16 + 32;
    out.extend_from_slice(&(table as u32).to_le_bytes());
    out.extend_from_slice(&family.0);
    out.extend_from_slice(&session.0);
    out.extend_from_slice(&(packs.len() as u32).to_le_bytes());
    for Spare { line, sums, spare } in packs {
        out.push(line.id.kind as u8);
        out.extend_from_slice(&line.id.no.to_le_bytes());
        out.extend_from_slice(&line.len.to_le_bytes());
        out.extend_from_slice(&line.digest.0);
        sums.iter().for_each(|sum| out.extend_from_slice(sum));
        (0..spares(sums.len())).for_each(|number| out.extend_from_slice(&sum_of(&spare[range(number, spare.len())])));
    }
    let digest = Digest::of(&out);
    out.extend_from_slice(&digest.0);
    out
}

/// What a parity object says of one pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub line: PackLine,
    sums: Vec<Sum>,
    spare_sums: Vec<Sum>,
    /// Where its spare shards lie in the object, and how many bytes.
    pub at: u64,
    pub len: u64,
}

/// Bytes before the length of the table is known.
pub const FRONT: u64 = 16;

/// How long the table of an object is that begins so.
pub fn table_len(front: &[u8]) -> Result<u64, Bad> {
    let mut cursor = Cursor::new(front);
    if cursor.take(8)? != PARITY_MAGIC {
        return Err(Bad("it is not a parity object"));
    }
    if cursor.u16()? != VERSION || cursor.u8()? != PARITY_LEOPARD {
        return Err(Bad("it is of a version this program does not know"));
    }
    cursor.u8()?;
    let len = cursor.u32()?;
    if len as usize > crate::format::PARITY_TABLE_MAX { Err(Bad("its table is too long")) } else { Ok(u64::from(len)) }
}

/// Reads the table of an object of `len` bytes.
pub fn decode(table: &[u8], len: u64, family: FamilyId) -> Result<Vec<Row>, Bad> {
    if table_len(table)? != table.len() as u64 {
        return Err(Bad("its table has another length"));
    }
    let (body, digest) = table.split_at(table.len().checked_sub(32).ok_or(Bad("it ends too early"))?);
    if Digest::of(body).0 != *digest {
        return Err(Bad("its table is damaged"));
    }
    let mut cursor = Cursor::new(body);
    cursor.take(FRONT as usize)?;
    if cursor.array()? != family.0 {
        return Err(Bad("it belongs to another family"));
    }
    let session = SessionId(cursor.array()?);
    let (mut rows, mut at) = (Vec::new(), table.len() as u64);
    for _ in 0..cursor.u32()? {
        let kind = PackKind::from_byte(cursor.u8()?).ok_or(Bad("a pack is of an unknown kind"))?;
        let (no, pack_len, digest) = (cursor.u32()?, cursor.u64()?, Digest(cursor.array()?));
        if no >= PACK_NO_MAX || pack_len > PACK_MAX {
            return Err(Bad("a pack is beyond its limits"));
        }
        let many = shards(pack_len);
        let mut sums = |many| (0..many).map(|_| cursor.array()).collect::<Result<Vec<Sum>, Bad>>();
        let (data, spare) = (sums(many)?, sums(spares(many))?);
        let line = PackLine { id: PackId { session, kind, no }, len: pack_len, digest };
        let row = Row { line, sums: data, spare_sums: spare, at, len: spare_len(pack_len) };
        at += row.len;
        rows.push(row);
    }
    cursor.end()?;
    if at == len { Ok(rows) } else { Err(Bad("it has another length")) }
}

impl Row {
    fn good_spares(&self, spare: &[u8]) -> Vec<usize> {
        let is_good = |number: &usize| sum_of(&spare[range(*number, spare.len())]) == self.spare_sums[*number];
        (0..self.spare_sums.len()).filter(is_good).collect()
    }

    /// The pack's spare shards for another parity object, if they are whole.
    pub fn again(&self, spare: &[u8]) -> Option<Spare> {
        let whole = || Spare { line: self.line, sums: self.sums.clone(), spare: spare.to_vec() };
        self.is_whole(spare).then(whole)
    }

    /// Whether its spare shards are whole.
    pub fn is_whole(&self, spare: &[u8]) -> bool {
        spare.len() as u64 == self.len && self.good_spares(spare).len() == self.spare_sums.len()
    }

    /// Makes the pack again of what is left of it and its spare shards. `None`: too much is bad.
    pub fn heal(&self, mut pack: Vec<u8>, spare: &[u8]) -> Result<Option<Vec<u8>>, FormatError> {
        let len = self.line.len as usize;
        pack.resize(len, 0);
        if spare.len() as u64 != self.len {
            return Ok(None);
        }
        let (bad, good): (Vec<usize>, Vec<usize>) =
            (0..self.sums.len()).partition(|number| sum_of(&pack[range(*number, len)]) != self.sums[*number]);
        let spares = self.good_spares(spare);
        if self.sums.len() <= SPARES {
            for number in bad.into_iter().filter(|number| spares.contains(number)) {
                pack[range(number, len)].copy_from_slice(&spare[range(number, len)]);
            }
        } else if bad.len() > spares.len() {
            return Ok(None);
        } else if !bad.is_empty() {
            self.decode(&mut pack, &good, spare, &spares[..bad.len()])?;
        }
        Ok((Digest::of(&pack) == self.line.digest).then_some(pack))
    }

    fn decode(&self, pack: &mut [u8], good: &[usize], spare: &[u8], spares: &[usize]) -> Result<(), FormatError> {
        let (len, many) = (pack.len(), self.sums.len());
        let mut decoder = ReedSolomonDecoder::new(many, SPARES, COLUMN).map_err(broken)?;
        let mut column = vec![0; COLUMN];
        for at in (0..SHARD).step_by(COLUMN) {
            for number in good {
                let from = (number * SHARD + at).min(len);
                let here = (len - from).min(COLUMN);
                column[..here].copy_from_slice(&pack[from..from + here]);
                column[here..].fill(0);
                decoder.add_original_shard(*number, &column).map_err(broken)?;
            }
            for number in spares {
                let from = number * SHARD + at;
                decoder.add_recovery_shard(*number, &spare[from..from + COLUMN]).map_err(broken)?;
            }
            let decoded = decoder.decode().map_err(broken)?;
            for (number, bytes) in decoded.restored_original_iter() {
                let to = (number * SHARD + at).min(len);
                let here = (len - to).min(COLUMN);
                pack[to..to + here].copy_from_slice(&bytes[..here]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
