//! Packs: header, sealed frames, sealed trailer, padding, footer.
//!
//! Frame `k` of a pack is sealed with nonce `k` under a key that 16 random bytes make unique, so a retry can only send the
//! very same bytes again.

use crate::compress::Decompressor;
use crate::format::{FOOTER, PACK_END, PACK_MAX, TAG, TRAILER_MAX};
use crate::header::{Header, trailer_key};
use crate::id::{Digest, random};
use crate::seal::open_once;
use crate::trailer;
use crate::wire::{Bad, Cursor};

/// The whole length that a pack or index object of `len` bytes is padded to: Padmé below 1 MiB, then 64 KiB.
pub fn padded(len: u64) -> u64 {
    if len >= 1 << 20 {
        return len.next_multiple_of(64 << 10);
    }
    let exponent = 63 - len.max(2).leading_zeros();
    let kept = 32 - exponent.leading_zeros();
    len.next_multiple_of(1 << exponent.saturating_sub(kept))
}

/// `len` bytes that say nothing.
pub fn noise(len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    blake3::Hasher::new_keyed(&random()).finalize_xof().fill(&mut out);
    out
}

/// Opens the sealed trailer of a pack that lies whole in a reader's hands.
pub fn open_trailer(
    header: &Header,
    header_bytes: &[u8],
    sealed: &[u8],
    index: &crate::id::Secret,
) -> Result<Vec<u8>, Bad> {
    let own = header.origins[0];
    let key = trailer_key(index, header.family, own.pack, &own.salt);
    let plain = open_once(&key, header_bytes, sealed).map_err(|_| Bad("its trailer does not open"))?;
    let (codec, raw_len, packed) = trailer::unpad(&plain)?;
    Decompressor::new().map_err(|_| Bad("zstd cannot start"))?.decompress(codec, packed.to_vec(), raw_len)
}

/// The places of a pack's parts, read from its footer.
pub struct Footer {
    pub trailer_at: u64,
    pub trailer_len: u64,
    pub prefix: Digest,
}

impl Footer {
    pub fn parse(bytes: &[u8], object_len: u64) -> Result<Self, Bad> {
        let mut cursor = Cursor::new(bytes);
        let (trailer_at, trailer_len, zero) = (cursor.u64()?, u64::from(cursor.u32()?), cursor.u32()?);
        let prefix = Digest(cursor.array()?);
        if zero != 0 || cursor.u64()? != 0 || cursor.take(8)? != PACK_END {
            return Err(Bad("it does not end as a pack does"));
        }
        let fits = trailer_at
            .checked_add(trailer_len)
            .and_then(|end| end.checked_add(FOOTER as u64))
            .is_some_and(|end| end <= object_len);
        if !fits || trailer_len > (TRAILER_MAX + TAG) as u64 || object_len > PACK_MAX {
            return Err(Bad("its footer points outside it"));
        }
        Ok(Self { trailer_at, trailer_len, prefix })
    }
}

/// A whole pack's bytes, checked and taken apart without the keys of its contents.
pub struct Opened<'a> {
    pub header: Header,
    pub header_bytes: &'a [u8],
    pub rows: Vec<u8>,
}

/// Checks a whole pack by its own footer, and opens its trailer.
pub fn open_whole<'a>(bytes: &'a [u8], index: &crate::id::Secret) -> Result<Opened<'a>, Bad> {
    let at = bytes.len().checked_sub(FOOTER).ok_or(Bad("it is too short"))?;
    if Digest::of(&bytes[..at + 16]) != Footer::parse(&bytes[at..], bytes.len() as u64)?.prefix {
        return Err(Bad("its own checksum does not match"));
    }
    open_vouched(bytes, index)
}

/// Opens the trailer of a whole pack whose BLAKE3 was compared with one that is relied on: its own checksum, which is
/// over the same bytes, says nothing more.
pub fn open_vouched<'a>(bytes: &'a [u8], index: &crate::id::Secret) -> Result<Opened<'a>, Bad> {
    let at = bytes.len().checked_sub(FOOTER).ok_or(Bad("it is too short"))?;
    let footer = Footer::parse(&bytes[at..], bytes.len() as u64)?;
    let header_len = Header::length(bytes)?;
    let header_bytes = bytes.get(..header_len).ok_or(Bad("its header runs past its end"))?;
    let header = Header::parse(header_bytes)?;
    let sealed = &bytes[footer.trailer_at as usize..(footer.trailer_at + footer.trailer_len) as usize];
    let rows = open_trailer(&header, header_bytes, sealed, index)?;
    Ok(Opened { header, header_bytes, rows })
}
