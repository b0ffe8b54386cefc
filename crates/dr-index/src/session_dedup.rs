//! Has this session taken the chunk in already? Whatever it takes in, in bounded memory.
//!
//! The newest ids are in memory. Once there are many they become a table on disk, small tables become larger ones,
//! and each has a filter in front. Where a table cannot be read, a chunk counts as new: it is stored twice.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use dr_format::id::ChunkId;

use crate::layout::IdHasher;
use crate::table::{Blocks, Ids, TableDir};

/// So many ids are held in memory: 15 MiB at worst, and 16 GiB of new contents before a table is written at all.
const HELD: usize = if cfg!(test) { 500 } else { 1 << 18 };
const SHARDS: usize = 64;
/// A table less than so many times larger than what comes after it is merged with that.
const LARGER: u64 = 4;

type IdSet = HashSet<ChunkId, BuildHasherDefault<IdHasher>>;

/// The chunks of one session.
pub struct SessionDedup {
    dir: TableDir,
    held: [Mutex<IdSet>; SHARDS],
    count: AtomicUsize,
    /// How many are held at most. It grows only where no table can be written.
    most: AtomicUsize,
    tables: RwLock<Vec<Ids>>,
    blocks: Blocks,
}

impl SessionDedup {
    /// Tables come to lie in `scratch`, where nobody sees them and nothing is left of them.
    pub fn new(scratch: &Path) -> Self {
        Self {
            dir: TableDir(Some(scratch.to_owned())),
            held: std::array::from_fn(|_| Mutex::default()),
            count: AtomicUsize::new(0),
            most: AtomicUsize::new(HELD),
            tables: RwLock::default(),
            blocks: Blocks::default(),
        }
    }

    /// Takes a chunk in. Each is answered "yes" once, "no" afterwards.
    pub fn insert(&self, id: ChunkId) -> bool {
        // Held to the end, so that an id cannot wander from memory into a table between the two looks.
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        if tables.iter().any(|table| table.holds(&self.blocks, &id).unwrap_or(false)) {
            return false;
        }
        let mut shard = self.shard(&id).lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = shard.insert(id);
        drop((shard, tables));
        if is_new && self.count.fetch_add(1, Ordering::Relaxed) + 1 >= self.most.load(Ordering::Relaxed) {
            self.write();
        }
        is_new
    }

    fn shard(&self, id: &ChunkId) -> &Mutex<IdSet> {
        &self.held[usize::from(id.0[23]) % SHARDS]
    }

    /// Turns what is in memory into a table.
    fn write(&self) {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        if self.count.load(Ordering::Relaxed) < self.most.load(Ordering::Relaxed) {
            return;
        }
        let mut ids = Vec::with_capacity(self.count.load(Ordering::Relaxed));
        for shard in &self.held {
            ids.extend(shard.lock().unwrap_or_else(PoisonError::into_inner).iter());
        }
        let (mut total, mut from) = (ids.len() as u64, tables.len());
        while from > 0 && tables[from - 1].len() < total.saturating_mul(LARGER) {
            from -= 1;
            total += tables[from].len();
        }
        let made = Ids::make(&self.dir, &ids, &tables[from..]).or_else(|_| {
            from = tables.len();
            Ids::make(&self.dir, &ids, &[])
        });
        match made {
            Ok(table) => {
                tables.truncate(from);
                tables.push(table);
                self.count.store(0, Ordering::Relaxed);
                self.held.iter().for_each(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).clear());
            }
            // No room on disk: memory must do, and the disk is tried again after as many again.
            Err(_) => drop(self.most.fetch_add(HELD, Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> ChunkId {
        let mut out = [0; 24];
        blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof().fill(&mut out);
        ChunkId(out)
    }

    #[test]
    fn each_chunk_is_new_once_also_among_threads_and_after_it_went_to_disk() {
        let folder = tempfile::tempdir().unwrap();
        let taken = SessionDedup::new(folder.path());
        let new = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..4u64 {
                let (taken, new) = (&taken, &new);
                scope.spawn(move || {
                    for n in 0..20_000 {
                        let is_new = taken.insert(id((n * 7 + thread * 31) % 9_000));
                        new.fetch_add(usize::from(is_new), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(new.load(Ordering::Relaxed), 9_000);
        assert!((0..9_000).all(|n| !taken.insert(id(n))));
        assert!(taken.tables.read().unwrap().len() < 6);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn ids_that_begin_alike_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let taken = SessionDedup::new(folder.path());
        let near = |n: u64| {
            let mut id = id(7).0;
            id[16..].copy_from_slice(&n.to_be_bytes());
            ChunkId(id)
        };
        assert!((0..2_000).all(|n| taken.insert(near(n))));
        assert!((0..2_000).all(|n| !taken.insert(near(n))));
    }
}
