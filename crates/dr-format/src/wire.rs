//! How numbers and runs of bytes stand in our objects: little-endian integers and minimal LEB128 varints.
//!
//! Reading is total: any input gives a value or [`Bad`], in time and memory bounded by the input's length.

use crate::format::{LEVELS_MAX, PAGE_ROWS_MAX, VERSION};

/// The bytes are not what the format says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Bad(pub &'static str);

#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Signed numbers near zero become small unsigned ones.
#[inline]
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[inline]
pub fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

#[inline]
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads from the front of a slice.
#[derive(Clone)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    #[inline]
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Bad> {
        if len > self.rest.len() {
            return Err(Bad("it ends too early"));
        }
        let (front, rest) = self.rest.split_at(len);
        self.rest = rest;
        Ok(front)
    }

    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    #[inline]
    pub fn u8(&mut self) -> Result<u8, Bad> {
        Ok(self.array::<1>()?[0])
    }

    #[inline]
    pub fn u16(&mut self) -> Result<u16, Bad> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    #[inline]
    pub fn u32(&mut self) -> Result<u32, Bad> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    #[inline]
    pub fn u64(&mut self) -> Result<u64, Bad> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64, Bad> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Bad("a number is too large"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                // Each number has one spelling, so that equal pages are equal bytes.
                return if byte == 0 && shift > 0 {
                    Err(Bad("a number is not in its shortest form"))
                } else {
                    Ok(value)
                };
            }
        }
        Err(Bad("a number is too long"))
    }

    /// A varint that must not exceed `max`.
    #[inline]
    pub fn count(&mut self, max: usize) -> Result<usize, Bad> {
        let value = self.varint()?;
        if value > max as u64 { Err(Bad("a count is beyond its limit")) } else { Ok(value as usize) }
    }

    #[inline]
    pub fn bytes(&mut self, max: usize) -> Result<&'a [u8], Bad> {
        let len = self.count(max)?;
        self.take(len)
    }

    #[inline]
    pub fn end(&self) -> Result<(), Bad> {
        if self.rest.is_empty() { Ok(()) } else { Err(Bad("bytes are left over")) }
    }
}

/// One column of a page: number, length, bytes. Empty ones are left out.
#[inline]
pub fn put_column(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        out.push(number);
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(bytes);
    }
}

/// The front of a page and its columns by number; absent ones are empty, those from `N` on are skipped.
pub struct Columns<'a, const N: usize> {
    pub level: u8,
    pub rows: usize,
    found: [&'a [u8]; N],
}

impl<'a, const N: usize> Columns<'a, N> {
    /// Reads a page that begins with `magic`.
    #[inline]
    pub fn read(bytes: &'a [u8], magic: &[u8; 4]) -> Result<Self, Bad> {
        let mut cursor = Cursor::new(bytes);
        if cursor.take(4)? != magic {
            return Err(Bad("it is not a page of the kind it should be"));
        }
        if cursor.u16()? != VERSION {
            return Err(Bad("it is of a version this program does not know"));
        }
        let level = cursor.u8()?;
        cursor.u8()?;
        let rows = cursor.u32()? as usize;
        if level > LEVELS_MAX || rows == 0 || rows > PAGE_ROWS_MAX {
            return Err(Bad("a page is beyond its limits"));
        }
        let (mut found, mut last): ([&[u8]; N], u8) = ([&[]; N], 0);
        while cursor.left() > 0 {
            let number = cursor.u8()?;
            if number <= last {
                return Err(Bad("columns are out of order"));
            }
            last = number;
            let len = cursor.u32()? as usize;
            let bytes = cursor.take(len)?;
            if let Some(slot) = found.get_mut(usize::from(number)) {
                *slot = bytes;
            }
        }
        Ok(Self { level, rows, found })
    }

    #[inline]
    pub fn get(&self, number: u8) -> Cursor<'a> {
        Cursor::new(self.found.get(usize::from(number)).copied().unwrap_or_default())
    }
}

/// The front of a page, before its columns.
#[inline]
pub fn put_page(magic: &[u8; 4], level: u8, rows: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 << 10);
    out.extend_from_slice(magic);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&[level, 0]);
    out.extend_from_slice(&(rows as u32).to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_have_one_spelling() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut cursor = Cursor::new(&out);
            assert_eq!(cursor.varint(), Ok(value));
            assert_eq!(cursor.end(), Ok(()));
        }
        assert!(Cursor::new(&[0x80, 0x00]).varint().is_err());
        assert!(Cursor::new(&[0xff; 10]).varint().is_err());
        assert!(Cursor::new(&[0x80; 20]).varint().is_err());
        for value in [0, -1, 1, i64::MIN, i64::MAX, -1_000_000] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }
}
