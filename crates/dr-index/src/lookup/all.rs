//! Where do very many chunks lie? Asked in the order of the tables, which are gone through once from end to end: a
//! hundredth of what as many single questions cost.

use std::io;

use dr_format::id::{ChunkId, PackId};

use super::{Index, LOST, Standing};
use crate::error::{IndexError, mended_in_vain, no_room};
use crate::layout::Place;
use crate::table::{Entry, LEFT_OUT, Merge, Parted, Parts, RECORD, Rows, TableDir, front, key_of};

/// Chunks that were asked for a moment ago are not noted again: some files are the same chunk over and over. So few that
/// they stay near the processor; a table that reached back to the day before cost more than it spared.
const RECENT: usize = if cfg!(test) { 64 } else { 1 << 10 };

/// Chunks that are to be found, by the eight bytes with which their ids begin. In memory are 16 MiB of them.
pub struct Wanted {
    recent: Vec<u64>,
    parts: Parts,
    dir: TableDir,
}

impl Wanted {
    /// `dir`: where those lie that memory has no room for.
    pub fn new(dir: TableDir) -> Self {
        let mut recent = vec![0; RECENT];
        // Nothing that begins with 0 was asked for yet, and what begins with 1 stands elsewhere.
        recent[0] = 1;
        Self { recent, parts: Parts::new(), dir }
    }

    pub fn add(&mut self, id: &ChunkId) -> Result<(), IndexError> {
        let front = front(id);
        let recent = &mut self.recent[front as usize % RECENT];
        if std::mem::replace(recent, front) == front {
            return Ok(());
        }
        self.parts.push(front, &self.dir).map_err(|e| no_room(&e))
    }

    pub fn end(self) -> Result<BatchLookup, IndexError> {
        Ok(BatchLookup(self.parts.end().map_err(|e: io::Error| no_room(&e))?))
    }
}

/// Chunks that are to be found.
pub struct BatchLookup(Parted);

impl Index {
    /// Shows `each` all places of every chunk that is looked for, once for all chunks that begin alike; none if there are
    /// none. Starts over, with what `begin` makes, where a damaged table had to be made again.
    pub fn places_of_all<T>(
        &self,
        batch: &BatchLookup,
        begin: impl Fn() -> T,
        each: impl Fn(&mut T, &[Place]),
    ) -> Result<T, IndexError> {
        self.ask(|inner| {
            let tables = inner.tables.iter().map(|one| one.table.records(one.numbers.clone())).collect();
            let mut records: Merge<RECORD> = Merge::new(tables)?;
            let mut wanted = batch.0.keys();
            let (mut out, mut here) = (begin(), Vec::new());
            let mut record = records.next()?;
            loop {
                let front = match wanted.next() {
                    Ok(Some(front)) => front,
                    Ok(None) => return Ok(Ok(out)),
                    // What was put in order here is nobody's table, and cannot be made again.
                    Err(_) => return Ok(Err(mended_in_vain())),
                };
                here.clear();
                while let Some(at) = &record {
                    let key = key_of(at);
                    if key > front {
                        break;
                    }
                    if key == front {
                        here.push(place_of(at));
                    }
                    record = records.next()?;
                }
                each(&mut out, &here);
            }
        })?
    }
}

/// A pack, as whoever goes through all of them sees it.
pub struct Whole<'a> {
    pub pack: u32,
    pub id: PackId,
    /// Of the object, where the log vouches for it.
    pub len: Option<u64>,
    /// Its frames and chunks, where they were wanted or its length is not known.
    pub rows: Option<Rows<'a>>,
}

impl Index {
    /// Shows `each` every pack that is known, once, with what is in it if `whether` wants that of a pack of so many chunks;
    /// in what order is not said. Starts over, with what `begin` makes, where a damaged table had to be made again.
    ///
    /// # Errors
    /// If a pack is described by nothing any more.
    pub fn each_pack<T>(
        &self,
        begin: impl Fn() -> T,
        whether: impl Fn(u32, u32) -> bool,
        each: impl Fn(&mut T, Whole<'_>),
    ) -> Result<T, IndexError> {
        if let Some(pack) = self.inner().packs.iter().position(|known| known.table == LOST) {
            return Err(self.lost(pack as u32));
        }
        self.ask(|inner| {
            let mut out = begin();
            for Standing { table, numbers, .. } in &inner.tables {
                let number = |there: u32| numbers.get(there as usize).copied().filter(|pack| *pack != LEFT_OUT);
                let len = |pack: u32, entry: &Entry| {
                    let healed = inner.healed.get(&pack).map(|object| object.len);
                    healed.or(entry.whole.map(|(len, _)| len))
                };
                let wants = |there: u32, entry: &Entry| {
                    number(there).is_some_and(|pack| len(pack, entry).is_none() || whether(pack, entry.slots))
                };
                table.each_pack(&wants, &mut |there, entry, rows| {
                    if let Some(pack) = number(there) {
                        each(&mut out, Whole { pack, id: entry.id, len: len(pack, entry), rows });
                    }
                })?;
            }
            Ok(out)
        })
    }
}

impl Index {
    /// How long each pack's object is, by its number, where the log vouches for it.
    pub fn lens(&self) -> Result<Vec<Option<u64>>, IndexError> {
        self.ask(|inner| {
            let mut out = vec![None; inner.packs.len()];
            for Standing { table, numbers, .. } in &inner.tables {
                for (entry, pack) in table.entries().zip(numbers) {
                    if let Some(len) = out.get_mut(*pack as usize) {
                        let healed = inner.healed.get(pack).map(|object| object.len);
                        *len = healed.or(entry?.whole.map(|(len, _)| len));
                    }
                }
            }
            Ok(out)
        })
    }
}

fn place_of(record: &[u8; RECORD]) -> Place {
    let pack = record[8..].first_chunk::<4>().map_or(0, |number| u32::from_be_bytes(*number));
    let chunk = record[12..].first_chunk::<2>().map_or(0, |number| u16::from_be_bytes(*number));
    Place { pack, chunk: u32::from(chunk) }
}
