//! Are these the bytes that were written? Local tables in blocks that each carry a keyed check.
//!
//! A block is 4,096 bytes, the first eight its number, and 16 bytes of keyed BLAKE3 behind them. The key belongs to
//! one table of one repository, so a block of another table, or from another place in this one, is noticed as surely
//! as a flipped bit. Addresses count the 4,088 bytes that each block has room for.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dr_format::id::Secret;
use rustix::fs::{Advice, fadvise};

/// Bytes of a block that are the table's own.
pub const ROOM: usize = 4_088;
const BODY: usize = ROOM + 8;
/// Bytes of a block in the file.
pub const STRIDE: usize = BODY + 16;
/// Blocks that are read at once where a table is read from end to end.
const RUN: usize = 16;
/// So many such runs the kernel fetches in advance.
const AHEAD: usize = 8;

/// A table is not what was written there: it is forgotten and made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// Number of the table, of this process.
    pub table: u32,
}

fn tag(key: &Secret, body: &[u8]) -> [u8; 16] {
    let hash = blake3::keyed_hash(&key.0, body);
    let mut out = [0; 16];
    out.copy_from_slice(&hash.as_bytes()[..16]);
    out
}

/// A table that can be read.
pub struct Paged {
    file: File,
    key: Secret,
    pub blocks: u64,
    /// Never used for another table by this process.
    pub table: u32,
}

impl Paged {
    pub fn new(file: File, key: Secret, blocks: u64) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // Questions go anywhere: reading ahead would read thirty blocks for one. [`Stream`] says what it will need.
        let _ = fadvise(&file, 0, None, Advice::Random);
        Self { file, key, blocks, table: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    pub fn torn(&self) -> Torn {
        Torn { table: self.table }
    }

    pub fn file_len(&self) -> Result<u64, Torn> {
        self.file.metadata().map(|about| about.len()).map_err(|_| self.torn())
    }

    /// Reads whole blocks into `buffer`, each proved to be what was written there.
    pub fn read(&self, first: u64, buffer: &mut [u8]) -> Result<(), Torn> {
        self.file.read_exact_at(buffer, first * STRIDE as u64).map_err(|_| self.torn())?;
        for (block, number) in buffer.chunks_exact(STRIDE).zip(first..) {
            let (body, check) = block.split_at(BODY);
            if body[..8] != number.to_le_bytes() || tag(&self.key, body) != *check {
                return Err(self.torn());
            }
        }
        Ok(())
    }

    /// What one block holds.
    pub fn block(&self, number: u64) -> Result<Box<[u8; STRIDE]>, Torn> {
        let mut out = Box::new([0; STRIDE]);
        self.read(number, out.as_mut_slice())?;
        Ok(out)
    }
}

/// The table's own bytes of a block.
pub fn own(block: &[u8; STRIDE]) -> &[u8] {
    &block[8..BODY]
}

/// Writes a table from front to back. Block 0 comes last: without it the rest is nothing.
pub struct PagedWriter {
    out: BufWriter<File>,
    key: Secret,
    body: Vec<u8>,
    number: u64,
}

impl PagedWriter {
    pub fn new(mut file: File, key: Secret) -> io::Result<Self> {
        file.seek(SeekFrom::Start(STRIDE as u64))?;
        let out = BufWriter::with_capacity(STRIDE * RUN, file);
        Ok(Self { out, key, body: 1u64.to_le_bytes().to_vec(), number: 1 })
    }

    /// The address of the byte that is written next.
    pub fn at(&self) -> u64 {
        self.number * ROOM as u64 + self.body.len() as u64 - 8
    }

    pub fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BODY - self.body.len()));
            self.body.extend_from_slice(now);
            bytes = later;
            if self.body.len() == BODY {
                self.close()?;
            }
        }
        Ok(())
    }

    /// Writes a record that does not reach over the end of a block.
    pub fn record(&mut self, record: &[u8]) -> io::Result<()> {
        if BODY - self.body.len() < record.len() {
            self.align()?;
        }
        self.write(record)
    }

    /// Goes on at the front of a block, whose number this is.
    pub fn align(&mut self) -> io::Result<u64> {
        if self.body.len() > 8 {
            self.close()?;
        }
        Ok(self.number)
    }

    fn close(&mut self) -> io::Result<()> {
        self.body.resize(BODY, 0);
        let check = tag(&self.key, &self.body);
        self.out.write_all(&self.body)?;
        self.out.write_all(&check)?;
        self.number += 1;
        self.body.clear();
        self.body.extend_from_slice(&self.number.to_le_bytes());
        Ok(())
    }

    /// The table, with what block 0 is to say about it; that is told how many blocks there are.
    pub fn finish(mut self, first: impl FnOnce(u64) -> Vec<u8>) -> io::Result<Paged> {
        let blocks = self.align()?;
        let mut body = vec![0; 8];
        body.extend_from_slice(&first(blocks));
        debug_assert!(body.len() <= BODY);
        body.resize(BODY, 0);
        let check = tag(&self.key, &body);
        body.extend_from_slice(&check);
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.write_all_at(&body, 0)?;
        Ok(Paged::new(file, self.key, blocks))
    }
}

/// Reads a table from some address on, past the cache of blocks.
pub struct Stream {
    paged: Arc<Paged>,
    /// The block that is read next, and the first that the kernel was not told of.
    next: u64,
    ahead: u64,
    held: Vec<u8>,
    /// Where in `held` the present block begins, and where in it we are.
    block: usize,
    within: usize,
}

impl Stream {
    pub fn new(paged: Arc<Paged>, at: u64) -> Self {
        let mut stream = Self { paged, next: 0, ahead: 0, held: Vec::new(), block: 0, within: 0 };
        stream.seek(at);
        stream
    }

    pub fn seek(&mut self, at: u64) {
        self.held.clear();
        (self.next, self.block, self.within) = (at / ROOM as u64, 0, (at % ROOM as u64) as usize);
        self.ahead = self.next;
    }

    pub fn read(&mut self, mut out: &mut [u8]) -> Result<(), Torn> {
        while !out.is_empty() {
            if self.within == ROOM {
                (self.block, self.within) = (self.block + STRIDE, 0);
            }
            if self.block >= self.held.len() {
                self.fill()?;
            }
            let here = &self.held[self.block + 8 + self.within..self.block + BODY];
            let n = here.len().min(out.len());
            let (now, later) = out.split_at_mut(n);
            now.copy_from_slice(&here[..n]);
            (out, self.within) = (later, self.within + n);
        }
        Ok(())
    }

    /// Reads what [`PagedWriter::record`] wrote.
    pub fn record(&mut self, out: &mut [u8]) -> Result<(), Torn> {
        if ROOM - self.within < out.len() {
            self.within = ROOM;
        }
        self.read(out)
    }

    fn fill(&mut self) -> Result<(), Torn> {
        let blocks = (self.paged.blocks.saturating_sub(self.next)).min(RUN as u64);
        if blocks == 0 {
            return Err(self.paged.torn());
        }
        if self.next >= self.ahead {
            let more = (RUN * AHEAD) as u64;
            let len = NonZeroU64::new(more * STRIDE as u64);
            let _ = fadvise(&self.paged.file, self.next * STRIDE as u64, len, Advice::WillNeed);
            self.ahead = self.next + more;
        }
        self.held.resize(blocks as usize * STRIDE, 0);
        self.paged.read(self.next, &mut self.held)?;
        self.next += blocks;
        self.block = 0;
        Ok(())
    }
}
