//! Blocks of tables that were read and proved a moment ago, so that look-ups cost no system call. Bounded.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};

use super::paged::{Paged, ROOM, STRIDE, Torn, own};

/// So many blocks are kept at most: 8 MiB, however large the repository.
const KEPT: usize = 2_048;
const SHARDS: usize = 16;

/// Numbers of blocks are hashed by one multiplication.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, value: u64) {
        let product = u128::from(value) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The name of no block.
const NOTHING: u64 = u64::MAX;

struct Held {
    name: u64,
    touched: bool,
    block: Box<[u8; STRIDE]>,
}

#[derive(Default)]
struct Shard {
    places: HashMap<u64, u32, BuildHasherDefault<Spread>>,
    held: Vec<Held>,
    hand: usize,
}

impl Shard {
    /// Reads a block to where one lies that was not asked for since the hand last came by.
    fn read(&mut self, paged: &Paged, number: u64, name: u64) -> Result<usize, Torn> {
        let place = if self.held.len() < KEPT / SHARDS {
            self.held.push(Held { name: NOTHING, touched: false, block: Box::new([0; STRIDE]) });
            self.held.len() - 1
        } else {
            while std::mem::take(&mut self.held[self.hand].touched) {
                self.hand = (self.hand + 1) % self.held.len();
            }
            let place = self.hand;
            self.hand = (self.hand + 1) % self.held.len();
            place
        };
        let held = &mut self.held[place];
        self.places.remove(&std::mem::replace(&mut held.name, NOTHING));
        paged.read(number, held.block.as_mut_slice())?;
        held.name = name;
        self.places.insert(name, place as u32);
        Ok(place)
    }
}

/// The cache of blocks. One for all tables that are looked up together.
#[derive(Default)]
pub struct Blocks {
    shards: [Mutex<Shard>; SHARDS],
}

impl Blocks {
    /// Shows `look` what a block holds.
    pub fn with<T>(&self, paged: &Paged, number: u64, look: impl FnOnce(&[u8]) -> T) -> Result<T, Torn> {
        let name = u64::from(paged.table) << 40 | number;
        let shard = &self.shards[number as usize % SHARDS];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match shard.places.get(&name) {
            Some(place) => {
                let place = *place as usize;
                shard.held[place].touched = true;
                place
            }
            None => shard.read(paged, number, name)?,
        };
        Ok(look(own(&shard.held[place].block)))
    }

    /// Copies what lies at an address.
    pub fn copy(&self, paged: &Paged, mut at: u64, mut out: &mut [u8]) -> Result<(), Torn> {
        while !out.is_empty() {
            let within = (at % ROOM as u64) as usize;
            let (now, later) = out.split_at_mut(out.len().min(ROOM - within));
            self.with(paged, at / ROOM as u64, |block| now.copy_from_slice(&block[within..within + now.len()]))?;
            at += now.len() as u64;
            out = later;
        }
        Ok(())
    }
}
