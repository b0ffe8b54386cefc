//! Extent pages: the chunks of one large file, as a small tree of their own.
//!
//! Leaves are cut where a chunk's id says so, about every 256 extents, so an edit in the middle of a large file
//! rewrites one leaf and what leads to it.

use crate::format::EXTENT_MAGIC;
use crate::id::ChunkId;
use crate::page::{Extent, take_extent};
use crate::wire::{Bad, Columns, put_column, put_page, put_varint};

const COL_LENGTH: u8 = 1;
const COL_ID: u8 = 2;
const COL_COUNT: u8 = 3;
const ROWS_MIN: usize = 64;
const ROWS_CUT: usize = 1024;

/// A child of an inner extent page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub id: ChunkId,
    /// Bytes of contents below.
    pub len: u64,
    /// Extents below.
    pub extents: u64,
}

/// An extent page, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtentPage {
    Leaf(Vec<Extent>),
    Inner { level: u8, runs: Vec<Run> },
}

fn bytes_of(level: u8, rows: usize, columns: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = put_page(EXTENT_MAGIC, level, rows);
    for (number, bytes) in columns {
        put_column(&mut out, *number, bytes);
    }
    out
}

pub fn encode_leaf(extents: &[Extent]) -> Vec<u8> {
    let (mut lengths, mut ids) = (Vec::new(), Vec::new());
    for extent in extents {
        match extent {
            Extent::Chunk { id, len } => {
                put_varint(&mut lengths, u64::from(*len) << 1);
                ids.extend_from_slice(&id.0);
            }
            Extent::Hole { len } => put_varint(&mut lengths, len << 1 | 1),
        }
    }
    bytes_of(0, extents.len(), &[(COL_LENGTH, lengths), (COL_ID, ids)])
}

pub fn encode_inner(level: u8, runs: &[Run]) -> Vec<u8> {
    let (mut lengths, mut ids, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for run in runs {
        put_varint(&mut lengths, run.len);
        ids.extend_from_slice(&run.id.0);
        put_varint(&mut counts, run.extents);
    }
    bytes_of(level, runs.len(), &[(COL_LENGTH, lengths), (COL_ID, ids), (COL_COUNT, counts)])
}

/// Reads an extent page.
pub fn decode(bytes: &[u8]) -> Result<ExtentPage, Bad> {
    let columns = Columns::<4>::read(bytes, EXTENT_MAGIC)?;
    let (level, rows) = (columns.level, columns.rows);
    let (mut lengths, mut ids, mut counts) = (columns.get(COL_LENGTH), columns.get(COL_ID), columns.get(COL_COUNT));
    let page = if level == 0 {
        let extents = (0..rows).map(|_| take_extent(&mut lengths, &mut ids)).collect::<Result<_, _>>()?;
        ExtentPage::Leaf(extents)
    } else {
        let runs = (0..rows)
            .map(|_| Ok(Run { len: lengths.varint()?, id: ChunkId(ids.array()?), extents: counts.varint()? }))
            .collect::<Result<_, Bad>>()?;
        ExtentPage::Inner { level, runs }
    };
    for rest in [lengths, ids, counts] {
        rest.end()?;
    }
    Ok(page)
}

/// Builds the tree of one file while its chunks come by. `store` keeps a page and names it.
#[derive(Default)]
pub struct ExtentBuilder {
    leaf: Vec<Extent>,
    levels: Vec<Vec<Run>>,
}

impl ExtentBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn push<E>(&mut self, extent: Extent, store: &mut dyn FnMut(&[u8]) -> Result<ChunkId, E>) -> Result<(), E> {
        self.leaf.push(extent);
        let here = matches!(extent, Extent::Chunk { id, .. } if id.0[0] == 0);
        if (here && self.leaf.len() >= ROWS_MIN) || self.leaf.len() >= ROWS_CUT {
            self.close_leaf(store)?;
        }
        Ok(())
    }

    fn close_leaf<E>(&mut self, store: &mut dyn FnMut(&[u8]) -> Result<ChunkId, E>) -> Result<(), E> {
        if self.leaf.is_empty() {
            return Ok(());
        }
        let run = Run {
            id: store(&encode_leaf(&self.leaf))?,
            len: self.leaf.iter().map(Extent::len).sum(),
            extents: self.leaf.len() as u64,
        };
        self.leaf.clear();
        self.climb(0, run, store)
    }

    fn climb<E>(
        &mut self,
        level: usize,
        run: Run,
        store: &mut dyn FnMut(&[u8]) -> Result<ChunkId, E>,
    ) -> Result<(), E> {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(run);
        let rows = self.levels[level].len();
        if (run.id.0[1] == 0 && rows >= ROWS_MIN) || rows >= ROWS_CUT {
            let up = self.close_level(level, store)?;
            self.climb(level + 1, up, store)?;
        }
        Ok(())
    }

    fn close_level<E>(&mut self, level: usize, store: &mut dyn FnMut(&[u8]) -> Result<ChunkId, E>) -> Result<Run, E> {
        let runs = std::mem::take(&mut self.levels[level]);
        Ok(Run {
            id: store(&encode_inner(level as u8 + 1, &runs))?,
            len: runs.iter().map(|run| run.len).sum(),
            extents: runs.iter().map(|run| run.extents).sum(),
        })
    }

    /// The root of the tree and its level.
    pub fn finish<E>(mut self, store: &mut dyn FnMut(&[u8]) -> Result<ChunkId, E>) -> Result<(Run, u8), E> {
        self.close_leaf(store)?;
        let mut level = 0;
        loop {
            let is_top = level + 1 == self.levels.len();
            if is_top && self.levels[level].len() == 1 {
                return Ok((self.levels[level][0], level as u8));
            }
            if !self.levels[level].is_empty() {
                let up = self.close_level(level, store)?;
                if is_top {
                    self.levels.push(Vec::new());
                }
                self.levels[level + 1].push(up);
            }
            level += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_comes_back_and_an_edit_rewrites_little() {
        let extents = |edit: Option<usize>| -> Vec<Extent> {
            (0..20_000usize)
                .map(|n| {
                    let seed = if edit == Some(n) { usize::MAX } else { n };
                    let hash = blake3::hash(&seed.to_le_bytes());
                    let mut id = [0; 24];
                    id.copy_from_slice(&hash.as_bytes()[..24]);
                    if n % 97 == 5 {
                        Extent::Hole { len: 1 << 40 }
                    } else {
                        Extent::Chunk { id: ChunkId(id), len: 1000 + n as u32 }
                    }
                })
                .collect()
        };
        let build = |extents: &[Extent]| {
            let mut pages = std::collections::HashMap::new();
            let mut store = |bytes: &[u8]| {
                let mut id = [0; 24];
                id.copy_from_slice(&blake3::hash(bytes).as_bytes()[..24]);
                pages.insert(ChunkId(id), bytes.to_vec());
                Ok::<_, Bad>(ChunkId(id))
            };
            let mut builder = ExtentBuilder::new();
            for extent in extents {
                builder.push(*extent, &mut store).unwrap();
            }
            let root = builder.finish(&mut store).unwrap();
            (root, pages)
        };
        fn walk(id: ChunkId, pages: &std::collections::HashMap<ChunkId, Vec<u8>>, out: &mut Vec<Extent>) {
            match decode(&pages[&id]).unwrap() {
                ExtentPage::Leaf(mut extents) => out.append(&mut extents),
                ExtentPage::Inner { runs, .. } => runs.iter().for_each(|run| walk(run.id, pages, out)),
            }
        }
        let before = extents(None);
        let ((root, level), pages) = build(&before);
        let mut back = Vec::new();
        walk(root.id, &pages, &mut back);
        assert!(back == before && level >= 1 && root.extents == 20_000);
        let (_, after) = build(&extents(Some(10_000)));
        assert!(after.keys().filter(|id| !pages.contains_key(id)).count() <= 4);
    }
}
