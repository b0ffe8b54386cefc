//! Records in the order of their keys, however many there are: sorted runs on disk, merged.
//!
//! A record's key is its first eight bytes, big-endian.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::Arc;

use dr_format::id::{Secret, random};

use super::TableDir;
use super::paged::{Paged, PagedWriter, Stream, Torn};

/// So many bytes of records are sorted in memory at once.
const RUN_BYTES: usize = if cfg!(test) { 14_000 } else { 16 << 20 };

/// Why no table came to be.
#[derive(Debug)]
pub enum Failed {
    /// The disk: full, or gone.
    Disk(io::Error),
    /// Another table that went into this one.
    Torn(Torn),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl From<Torn> for Failed {
    fn from(torn: Torn) -> Self {
        Self::Torn(torn)
    }
}

pub fn key_of<const N: usize>(record: &[u8; N]) -> u64 {
    record.first_chunk::<8>().map_or(0, |front| u64::from_be_bytes(*front))
}

/// Takes records in any order.
pub struct Sorter<const N: usize> {
    held: Vec<[u8; N]>,
    spilled: Option<PagedWriter>,
    runs: Vec<(u64, u64)>,
    pub total: u64,
}

impl<const N: usize> Sorter<N> {
    pub fn new() -> Self {
        Self { held: Vec::new(), spilled: None, runs: Vec::new(), total: 0 }
    }

    pub fn push(&mut self, record: [u8; N], dir: &TableDir) -> io::Result<()> {
        self.held.push(record);
        self.total += 1;
        if self.held.len() < RUN_BYTES / N {
            return Ok(());
        }
        self.held.sort_unstable_by_key(key_of);
        let out = match &mut self.spilled {
            Some(out) => out,
            // The file has no name: a killed process leaves nothing.
            None => self.spilled.insert(PagedWriter::new(dir.nameless()?, Secret(random()))?),
        };
        let at = out.align()? * super::paged::ROOM as u64;
        self.held.iter().try_for_each(|record| out.record(record))?;
        self.runs.push((at, self.held.len() as u64));
        self.held.clear();
        Ok(())
    }

    /// Everything, merged with what `others` hold.
    pub fn merge(mut self, mut others: Vec<Source<N>>) -> Result<Merge<N>, Failed> {
        self.held.sort_unstable_by_key(key_of);
        if let Some(out) = self.spilled {
            let paged = Arc::new(out.finish(|_| Vec::new())?);
            others.extend(self.runs.into_iter().map(|run| Source::stored(Arc::clone(&paged), vec![run], None)));
        }
        others.push(Source::held(self.held));
        Ok(Merge::new(others)?)
    }
}

enum Kind<const N: usize> {
    Memory(std::vec::IntoIter<[u8; N]>),
    Stored { stream: Stream, runs: std::vec::IntoIter<(u64, u64)>, left: u64, renumber: Option<Vec<u32>> },
}

/// Records that are in order already.
pub struct Source<const N: usize>(Kind<N>);

/// Stands for a pack that is left out.
pub const LEFT_OUT: u32 = u32::MAX;

impl<const N: usize> Source<N> {
    /// What is in memory, in order.
    pub fn held(records: Vec<[u8; N]>) -> Self {
        Self(Kind::Memory(records.into_iter()))
    }

    /// Runs of a table: address and number of records. `renumber` says what bytes 8 to 11 become.
    pub fn stored(paged: Arc<Paged>, runs: Vec<(u64, u64)>, renumber: Option<Vec<u32>>) -> Self {
        let (stream, runs) = (Stream::new(paged, 0), runs.into_iter());
        Self(Kind::Stored { stream, runs, left: 0, renumber })
    }

    fn next(&mut self) -> Result<Option<[u8; N]>, Torn> {
        let (stream, runs, left, renumber) = match &mut self.0 {
            Kind::Memory(records) => return Ok(records.next()),
            Kind::Stored { stream, runs, left, renumber } => (stream, runs, left, renumber),
        };
        loop {
            while *left == 0 {
                let Some((at, records)) = runs.next() else { return Ok(None) };
                stream.seek(at);
                *left = records;
            }
            *left -= 1;
            let mut record = [0; N];
            stream.record(&mut record)?;
            if let (Some(renumber), Some(number)) = (&*renumber, record[8..].first_chunk_mut::<4>()) {
                let new = renumber.get(u32::from_be_bytes(*number) as usize).copied().unwrap_or(LEFT_OUT);
                if new == LEFT_OUT {
                    continue;
                }
                *number = new.to_be_bytes();
            }
            return Ok(Some(record));
        }
    }
}

/// Gives the records of all sources in order.
pub struct Merge<const N: usize> {
    sources: Vec<Source<N>>,
    heads: Vec<[u8; N]>,
    heap: BinaryHeap<Reverse<(u64, u32)>>,
}

impl<const N: usize> Merge<N> {
    pub fn new(mut sources: Vec<Source<N>>) -> Result<Self, Torn> {
        let mut heads = vec![[0; N]; sources.len()];
        let mut heap = BinaryHeap::with_capacity(sources.len());
        for ((source, head), number) in sources.iter_mut().zip(&mut heads).zip(0..) {
            if let Some(record) = source.next()? {
                *head = record;
                heap.push(Reverse((key_of(head), number)));
            }
        }
        Ok(Self { sources, heads, heap })
    }

    pub fn next(&mut self) -> Result<Option<[u8; N]>, Torn> {
        let Some(mut top) = self.heap.peek_mut() else { return Ok(None) };
        let number = top.0.1;
        let record = self.heads[number as usize];
        match self.sources[number as usize].next()? {
            Some(next) => {
                self.heads[number as usize] = next;
                top.0.0 = key_of(&next);
            }
            None => drop(std::collections::binary_heap::PeekMut::pop(top)),
        }
        Ok(Some(record))
    }
}
