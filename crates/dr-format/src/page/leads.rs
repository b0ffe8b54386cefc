//! What does a page lead to? The ids in it and nothing else, for whoever follows pages and looks at no entry.
//!
//! Paths, times, owners and attributes are not looked at, nor is their order. Every id is found that [`decode`] would
//! find, and kinds, sizes, contents and ids have to fit together exactly, as they have to there.
//!
//! [`decode`]: super::decode

use super::{
    COL_CHILD, COL_CONTENT, COL_IDS, COL_MODE, COL_SIZE, COLUMNS, Extent, KIND_FILE, KIND_LAST, profile_of, take_extent,
};
use crate::extents::Run;
use crate::format::{EXTENTS_INLINE_MAX, INLINE_MAX, PAGE_MAGIC};
use crate::id::ChunkId;
use crate::wire::{Bad, Columns};

/// The ids of one page after the other, in room that is used again.
#[derive(Default)]
pub struct Leads {
    pub level: u8,
    /// Pages below an inner page; of a leaf, chunks of contents.
    pub ids: Vec<ChunkId>,
    /// Roots of trees of extents, and their levels.
    pub trees: Vec<(Run, u8)>,
}

impl Leads {
    /// Reads a page.
    ///
    /// # Errors
    /// If not every id of it can be understood. What was found by then means nothing.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), Bad> {
        self.ids.clear();
        self.trees.clear();
        let columns = Columns::read(bytes, PAGE_MAGIC)?;
        self.level = columns.level;
        match columns.level {
            0 => self.leaf(&columns),
            _ => self.inner(&columns),
        }
    }

    fn inner(&mut self, columns: &Columns<'_, COLUMNS>) -> Result<(), Bad> {
        let mut ids = columns.get(COL_CHILD);
        for _ in 0..columns.rows {
            self.ids.push(ChunkId(ids.array()?));
        }
        ids.end()
    }

    fn leaf(&mut self, columns: &Columns<'_, COLUMNS>) -> Result<(), Bad> {
        let (mut modes, mut sizes) = (columns.get(COL_MODE), columns.get(COL_SIZE));
        let (mut contents, mut ids) = (columns.get(COL_CONTENT), columns.get(COL_IDS));
        for _ in 0..columns.rows {
            match modes.u16()? >> 12 {
                KIND_FILE => {}
                0 => return Err(Bad("an entry is of an unknown kind")),
                kind if kind > KIND_LAST => return Err(Bad("an entry is of an unknown kind")),
                _ => continue,
            }
            let size = sizes.varint()?;
            let tag = contents.u8()?;
            profile_of(tag >> 4)?;
            let stated = match tag & 15 {
                0 => Some(0),
                1 => Some(contents.bytes(INLINE_MAX)?.len() as u64),
                2 => {
                    let mut sum = Some(0u64);
                    for _ in 0..contents.count(EXTENTS_INLINE_MAX)? {
                        let extent = take_extent(&mut contents, &mut ids)?;
                        sum = sum.and_then(|sum| sum.checked_add(extent.len()));
                        if let Extent::Chunk { id, .. } = extent {
                            self.ids.push(id);
                        }
                    }
                    sum
                }
                3 => {
                    let (level, extents) = (contents.u8()?, contents.varint()?);
                    self.trees.push((Run { id: ChunkId(ids.array()?), len: size, extents }, level));
                    Some(size)
                }
                _ => return Err(Bad("a file's contents are of an unknown form")),
            };
            if stated != Some(size) {
                return Err(Bad("a file's extents do not add up to its size"));
            }
        }
        for rest in [modes, sizes, contents, ids] {
            rest.end()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
