//! Is an id among these? Sets of ids in tables without a name, for as long as the process needs them.

use std::sync::Arc;

use dr_format::id::{ChunkId, Secret, random};

use super::blocks::Blocks;
use super::paged::{Paged, PagedWriter, Torn};
use super::sort::{Failed, Merge, Source};
use super::{Sorted, TableDir, front};

const ID: usize = 24;

/// A set that never changes.
pub struct Ids {
    paged: Arc<Paged>,
    sorted: Sorted<ID>,
}

impl Ids {
    /// Of `ids` and everything that `others` hold; nothing is in two of them.
    pub fn make(dir: &TableDir, ids: &[ChunkId], others: &[Self]) -> Result<Self, Failed> {
        let mut records: Vec<[u8; ID]> = ids.iter().map(|id| id.0).collect();
        records.sort_unstable();
        let total = others.iter().map(|other| other.sorted.records).sum::<u64>() + records.len() as u64;
        let mut sources: Vec<_> = others.iter().map(|other| other.sorted.source(&other.paged, None)).collect();
        sources.push(Source::held(records));
        let mut out = PagedWriter::new(dir.nameless()?, Secret(random()))?;
        let seed = u64::from_le_bytes(random());
        let sorted = Sorted::write(&mut out, &mut Merge::new(sources)?, total, seed)?;
        Ok(Self { paged: Arc::new(out.finish(|_| Vec::new())?), sorted })
    }

    /// Whether the whole id stands there.
    pub fn holds(&self, blocks: &Blocks, id: &ChunkId) -> Result<bool, Torn> {
        if !self.sorted.may_hold(&self.paged, blocks, front(id))? {
            return Ok(false);
        }
        let mut holds = false;
        self.sorted.find(&self.paged, blocks, front(id), |record| holds |= *record == id.0)?;
        Ok(holds)
    }

    pub fn len(&self) -> u64 {
        self.sorted.records
    }
}
