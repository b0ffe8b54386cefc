//! Where are the records of a key? Sorted blocks, the first key of each, and a filter, shard by shard.
//!
//! A shard is what begins with the same bits: so many bits that about 400,000 records fall to each, which makes 256
//! shards of a hundred million. One shard is in memory while it is written, and no more.

use std::io;
use std::sync::Arc;

use dr_format::wire::{Bad, Cursor};

use super::blocks::Blocks;
use super::fuse_filter::{self, Filter, KEYS_MAX};
use super::paged::{Paged, PagedWriter, ROOM, Torn};
use super::sort::{Failed, Merge, Source, key_of};

/// Records that a shard is meant to hold.
const SHARD_RECORDS: u64 = if cfg!(test) { 500 } else { 400_000 };
const BITS_MAX: u32 = 16;
/// First keys of blocks in one block.
const FENCES: u64 = ROOM as u64 / 8;

/// Where a shard lies: blocks of records, then of first keys, then of its filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Shard {
    block: u64,
    records: u64,
    fences: u64,
    filter: Filter,
}

/// A directory of shards of records of `N` bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sorted<const N: usize> {
    shards: Vec<Shard>,
    bits: u32,
    pub records: u64,
    /// Different keys among the records.
    pub distinct: u64,
}

fn shard_of(key: u64, bits: u32) -> usize {
    key.checked_shr(64 - bits).unwrap_or(0) as usize
}

impl<const N: usize> Sorted<N> {
    const PER_BLOCK: u64 = (ROOM / N) as u64;

    /// Writes what `merge` gives; about `expected` records.
    pub fn write(out: &mut PagedWriter, merge: &mut Merge<N>, expected: u64, seed: u64) -> Result<Self, Failed> {
        let mut bits = 0;
        while bits < BITS_MAX && expected >> bits > SHARD_RECORDS {
            bits += 1;
        }
        let mut sorted = Self { shards: Vec::new(), bits, records: 0, distinct: 0 };
        let mut making = Making::default();
        making.shard.block = out.align()?;
        while let Some(record) = merge.next()? {
            let key = key_of(&record);
            while sorted.shards.len() < shard_of(key, bits) {
                sorted.close(out, &mut making, seed)?;
            }
            if making.shard.records % Self::PER_BLOCK == 0 {
                making.fences.push(key);
            }
            making.shard.records += 1;
            out.record(&record)?;
            if making.last != Some(key) {
                making.last = Some(key);
                sorted.distinct += 1;
                making.keys.push(key);
                // One more than a filter is made for is enough to know that there will be none.
                making.keys.truncate(KEYS_MAX + 1);
            }
        }
        while sorted.shards.len() < 1 << bits {
            sorted.close(out, &mut making, seed)?;
        }
        Ok(sorted)
    }

    fn close(&mut self, out: &mut PagedWriter, making: &mut Making, seed: u64) -> io::Result<()> {
        let mut shard = making.shard;
        shard.fences = out.align()?;
        making.fences.iter().try_for_each(|key| out.record(&key.to_le_bytes()))?;
        if shard.records > 0
            && let Some((filter, cells)) = fuse_filter::build(&making.keys, seed)
        {
            shard.filter = Filter { block: out.align()?, ..filter };
            out.write(&cells)?;
        }
        self.records += shard.records;
        self.shards.push(shard);
        making.shard = Shard { block: out.align()?, ..Shard::default() };
        making.fences.clear();
        making.keys.clear();
        Ok(())
    }

    fn shard(&self, key: u64) -> &Shard {
        &self.shards[shard_of(key, self.bits)]
    }

    /// Whether there may be a record of this key.
    pub fn may_hold(&self, paged: &Paged, blocks: &Blocks, key: u64) -> Result<bool, Torn> {
        let shard = self.shard(key);
        if shard.records == 0 {
            return Ok(false);
        }
        shard.filter.may_hold(paged, blocks, key)
    }

    /// Every record of this key.
    pub fn find(&self, paged: &Paged, blocks: &Blocks, key: u64, mut each: impl FnMut(&[u8; N])) -> Result<(), Torn> {
        let shard = self.shard(key);
        let total = shard.records.div_ceil(Self::PER_BLOCK);
        let mut number = first_block(shard, total, paged, blocks, key)?;
        while number < total {
            let here = (shard.records - number * Self::PER_BLOCK).min(Self::PER_BLOCK) as usize;
            let on = blocks.with(paged, shard.block + number, |block| {
                let (records, _) = block.as_chunks::<N>();
                let records = &records[..here];
                let from = records.partition_point(|record| key_of(record) < key);
                let equal = records[from..].iter().take_while(|record| key_of(record) == key);
                from + equal.inspect(|record| each(record)).count() == here
            })?;
            if !on {
                break;
            }
            number += 1;
        }
        Ok(())
    }

    /// All records in order, for another table.
    pub fn source(&self, paged: &Arc<Paged>, renumber: Option<Vec<u32>>) -> Source<N> {
        let runs = self.shards.iter().map(|shard| (shard.block * ROOM as u64, shard.records)).collect();
        Source::stored(Arc::clone(paged), runs, renumber)
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.shards.len() * 44 + 24);
        out.extend_from_slice(&self.records.to_le_bytes());
        out.extend_from_slice(&self.distinct.to_le_bytes());
        out.extend_from_slice(&self.bits.to_le_bytes());
        for Shard { block, records, fences, filter } in &self.shards {
            for number in [*block, *records, *fences, filter.block, filter.seed] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            out.extend_from_slice(&filter.blocks.to_le_bytes());
        }
        out
    }

    pub fn decode(cursor: &mut Cursor<'_>) -> Result<Self, Bad> {
        let (records, distinct, bits) = (cursor.u64()?, cursor.u64()?, cursor.u32()?);
        if bits > BITS_MAX {
            return Err(Bad("a table has too many shards"));
        }
        let mut shards = Vec::with_capacity(1 << bits);
        for _ in 0..1u32 << bits {
            let [block, records, fences, filter, seed] =
                [cursor.u64()?, cursor.u64()?, cursor.u64()?, cursor.u64()?, cursor.u64()?];
            let filter = Filter { block: filter, seed, blocks: cursor.u32()? };
            shards.push(Shard { block, records, fences, filter });
        }
        Ok(Self { shards, bits, records, distinct })
    }
}

/// A shard that is being written.
#[derive(Default)]
struct Making {
    shard: Shard,
    fences: Vec<u64>,
    keys: Vec<u64>,
    last: Option<u64>,
}

/// The first block of a shard in which the key can be.
fn first_block(shard: &Shard, total: u64, paged: &Paged, blocks: &Blocks, key: u64) -> Result<u64, Torn> {
    let fence =
        |block: &[u8], n: u64| block[n as usize * 8..].first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    // Which block of first keys, by its own first; then where in it.
    let (mut low, mut high) = (0, total.div_ceil(FENCES));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match blocks.with(paged, shard.fences + middle, |block| fence(block, 0) < key)? {
            true => low = middle,
            false => high = middle,
        }
    }
    if total == 0 {
        return Ok(0);
    }
    let here = (total - low * FENCES).min(FENCES);
    let below = blocks.with(paged, shard.fences + low, |block| {
        let (mut from, mut to) = (0, here);
        while from < to {
            let middle = from + (to - from) / 2;
            if fence(block, middle) < key { from = middle + 1 } else { to = middle }
        }
        from
    })?;
    Ok((low * FENCES + below).saturating_sub(1))
}
