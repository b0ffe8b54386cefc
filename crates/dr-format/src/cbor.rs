//! Deterministic CBOR (RFC 8949, 4.2) with integer keys, as log entries, labels and documents use it.
//!
//! Writing: definite lengths, shortest integers, keys ascending. Reading: unknown keys are skipped, lengths are
//! bounded by the input, and nothing is allocated by a stated count alone.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use crate::wire::Bad;

/// Writes into memory, which cannot fail.
pub struct Writer(Encoder<Vec<u8>>);

#[expect(clippy::expect_used, reason = "a Vec takes everything that is written to it")]
impl Writer {
    #[expect(clippy::new_without_default, reason = "whoever writes says so")]
    pub fn new() -> Self {
        Self(Encoder::new(Vec::new()))
    }

    pub fn map(&mut self, len: u64) -> &mut Self {
        self.0.map(len).expect("a Vec takes it");
        self
    }

    pub fn array(&mut self, len: usize) -> &mut Self {
        self.0.array(len as u64).expect("a Vec takes it");
        self
    }

    pub fn number(&mut self, value: u64) -> &mut Self {
        self.0.u64(value).expect("a Vec takes it");
        self
    }

    pub fn signed(&mut self, value: i64) -> &mut Self {
        self.0.i64(value).expect("a Vec takes it");
        self
    }

    pub fn boolean(&mut self, value: bool) -> &mut Self {
        self.0.bool(value).expect("a Vec takes it");
        self
    }

    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.0.bytes(value).expect("a Vec takes it");
        self
    }

    pub fn text(&mut self, value: &str) -> &mut Self {
        self.0.str(value).expect("a Vec takes it");
        self
    }

    /// Bytes that are CBOR already.
    pub fn raw(&mut self, value: &[u8]) -> &mut Self {
        self.0.writer_mut().extend_from_slice(value);
        self
    }

    pub fn done(self) -> Vec<u8> {
        self.0.into_writer()
    }
}

/// Reads from a slice.
pub struct Reader<'a>(Decoder<'a>);

fn bad<E>(_: E) -> Bad {
    Bad("its CBOR is not what it should be")
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(Decoder::new(bytes))
    }

    /// Calls `field` with each key of a map; `field` reads the value and says true, or leaves it and says false.
    pub fn map(&mut self, mut field: impl FnMut(u64, &mut Self) -> Result<bool, Bad>) -> Result<(), Bad> {
        let len = self.0.map().map_err(bad)?.ok_or(Bad("a CBOR map has no stated length"))?;
        let mut before = None;
        for _ in 0..len {
            let key = self.number()?;
            if before.is_some_and(|before| before >= key) {
                return Err(Bad("CBOR keys are out of order"));
            }
            before = Some(key);
            if !field(key, self)? {
                self.0.skip().map_err(bad)?;
            }
        }
        Ok(())
    }

    /// Reads an array, item by item.
    pub fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, Bad>) -> Result<Vec<T>, Bad> {
        let len = self.0.array().map_err(bad)?.ok_or(Bad("a CBOR array has no stated length"))?;
        let left = self.0.input().len() - self.0.position();
        if len > left as u64 {
            return Err(Bad("a CBOR array is longer than its input"));
        }
        // A list grows as its items are really there.
        let mut out = Vec::new();
        for _ in 0..len {
            out.push(item(self)?);
        }
        Ok(out)
    }

    pub fn number(&mut self) -> Result<u64, Bad> {
        self.0.u64().map_err(bad)
    }

    pub fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Bad> {
        T::try_from(self.number()?).map_err(bad)
    }

    pub fn signed(&mut self) -> Result<i64, Bad> {
        self.0.i64().map_err(bad)
    }

    pub fn boolean(&mut self) -> Result<bool, Bad> {
        self.0.bool().map_err(bad)
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], Bad> {
        self.0.bytes().map_err(bad)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        self.bytes()?.try_into().map_err(bad)
    }

    pub fn text(&mut self) -> Result<&'a str, Bad> {
        self.0.str().map_err(bad)
    }

    /// The bytes of one whole item.
    pub fn raw(&mut self) -> Result<&'a [u8], Bad> {
        let start = self.0.position();
        self.0.skip().map_err(bad)?;
        Ok(&self.0.input()[start..self.0.position()])
    }

    /// Whether the next item is a map.
    pub fn is_map(&self) -> bool {
        matches!(self.0.datatype(), Ok(Type::Map))
    }

    pub fn end(&self) -> Result<(), Bad> {
        if self.0.position() == self.0.input().len() { Ok(()) } else { Err(Bad("bytes are left over")) }
    }
}
