//! Keys in order, however many there are: in parts by the bits they begin with, each put in order by itself.
//!
//! Cheaper than sorted runs that are merged, where keys are as good as random: each is put in order once, and none is
//! compared with those of other runs. A part that somebody's keys fill beyond measure is gone through more than once.

use std::io;
use std::sync::Arc;

use dr_format::id::{Secret, random};

use super::TableDir;
use super::paged::{Paged, PagedWriter, ROOM, STRIDE, Torn, own};

const BITS: u32 = if cfg!(test) { 3 } else { 6 };
const PARTS: usize = 1 << BITS;
const PER_BLOCK: usize = ROOM / 8;
/// Blocks of a part that are written together: 16 MiB wait in memory.
const TOGETHER: usize = if cfg!(test) { 2 } else { 64 };
/// So many keys of a part are put in order at a time, in 64 MiB. Of 500 million keys that are spread evenly, all of it.
const AT_ONCE: usize = if cfg!(test) { 3_000 } else { 8 << 20 };

fn part_of(key: u64) -> usize {
    (key >> (64 - BITS)) as usize
}

/// Takes keys in any order.
pub struct Parts {
    parts: Vec<Part>,
    spilled: Option<PagedWriter>,
}

#[derive(Default)]
struct Part {
    held: Vec<u64>,
    /// Where those lie that memory has no room for: first blocks of runs of [`TOGETHER`] full ones.
    stored: Vec<u64>,
}

impl Parts {
    pub fn new() -> Self {
        Self { parts: (0..PARTS).map(|_| Part::default()).collect(), spilled: None }
    }

    /// `dir`: where those lie that memory has no room for.
    pub fn push(&mut self, key: u64, dir: &TableDir) -> io::Result<()> {
        let part = &mut self.parts[part_of(key)];
        part.held.push(key);
        if part.held.len() < PER_BLOCK * TOGETHER {
            return Ok(());
        }
        let out = match &mut self.spilled {
            Some(out) => out,
            // The file has no name: a killed process leaves nothing.
            None => self.spilled.insert(PagedWriter::new(dir.nameless()?, Secret(random()))?),
        };
        part.stored.push(out.align()?);
        let mut room = [0; ROOM];
        for keys in part.held.chunks(PER_BLOCK) {
            room.chunks_exact_mut(8).zip(keys).for_each(|(room, key)| room.copy_from_slice(&key.to_le_bytes()));
            out.write(&room)?;
        }
        part.held.clear();
        Ok(())
    }

    /// All of them, to be gone through more than once.
    pub fn end(self) -> io::Result<Parted> {
        let spilled = self.spilled.map(|out| out.finish(|_| Vec::new())).transpose()?;
        Ok(Parted { parts: self.parts, spilled: spilled.map(Arc::new) })
    }
}

/// Keys in parts.
pub struct Parted {
    parts: Vec<Part>,
    spilled: Option<Arc<Paged>>,
}

impl Parted {
    /// All keys in order, each once.
    pub fn keys(&self) -> Keys<'_> {
        Keys { of: self, held: Vec::new(), at: 0, next: Some((0, 0)), room: Vec::new() }
    }
}

/// Gives keys in order, each once.
pub struct Keys<'a> {
    of: &'a Parted,
    held: Vec<u64>,
    at: usize,
    /// The part that comes next, and from which key on.
    next: Option<(usize, u64)>,
    room: Vec<u8>,
}

impl Keys<'_> {
    pub fn next(&mut self) -> Result<Option<u64>, Torn> {
        while self.at == self.held.len() {
            let Some((part, from)) = self.next.filter(|(part, _)| *part < PARTS) else { return Ok(None) };
            self.load(part, from)?;
        }
        self.at += 1;
        Ok(Some(self.held[self.at - 1]))
    }

    /// Puts the keys of a part in order that are not below `from`, or as many of them as there is room for.
    fn load(&mut self, part: usize, from: u64) -> Result<(), Torn> {
        let Part { held, stored } = &self.of.parts[part];
        (self.at, self.next) = (0, None);
        self.held.clear();
        self.held.reserve((held.len() + stored.len() * PER_BLOCK * TOGETHER).min(AT_ONCE));
        // The last key that is taken now.
        let mut last = u64::MAX;
        take(&mut self.held, held, from, &mut last);
        if let Some(paged) = &self.of.spilled {
            self.room.resize(TOGETHER * STRIDE, 0);
            for first in stored {
                paged.read(*first, &mut self.room)?;
                let (blocks, _) = self.room.as_chunks::<STRIDE>();
                for block in blocks {
                    let (keys, _) = own(block).as_chunks::<8>();
                    let keys: [u64; PER_BLOCK] = std::array::from_fn(|at| u64::from_le_bytes(keys[at]));
                    take(&mut self.held, &keys, from, &mut last);
                }
            }
        }
        self.held.sort_unstable();
        self.held.dedup();
        self.next = Some(match last.checked_add(1) {
            Some(more) if part_of(more) == part => (part, more),
            _ => (part + 1, 0),
        });
        Ok(())
    }
}

fn take(held: &mut Vec<u64>, keys: &[u64], from: u64, last: &mut u64) {
    if held.len() + keys.len() > AT_ONCE {
        held.sort_unstable();
        held.dedup();
        // What comes behind has to wait.
        if held.len() > AT_ONCE / 2 {
            held.truncate(AT_ONCE / 2);
            *last = held.last().copied().unwrap_or(*last);
        }
    }
    held.extend(keys.iter().filter(|key| (from..=*last).contains(*key)));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn in_order(keys: &[u64]) -> Vec<u64> {
        let mut parts = Parts::new();
        keys.iter().for_each(|key| parts.push(*key, &TableDir(None)).unwrap());
        let parted = parts.end().unwrap();
        let all = || {
            let (mut out, mut keys) = (Vec::new(), parted.keys());
            while let Some(key) = keys.next().unwrap() {
                out.push(key);
            }
            out
        };
        assert_eq!(all(), all(), "more than once");
        all()
    }

    fn dice(seed: u64) -> impl Iterator<Item = u64> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state ^ state >> 29
        })
    }

    #[test]
    fn every_key_comes_once_and_in_order_however_they_are_spread() {
        let spread: Vec<u64> = dice(1).take(60_000).collect();
        let crowded: Vec<u64> = dice(2).map(|key| key >> 20 | 5 << 61).take(40_000).collect();
        let few: Vec<u64> = dice(3).map(|key| key % 7).take(20_000).collect();
        let ends = vec![0, u64::MAX, 1 << 61, (1 << 61) - 1, u64::MAX - 1, 0];
        let top: Vec<u64> = dice(4).map(|key| u64::MAX - (key >> 40)).take(20_000).chain([u64::MAX]).collect();
        for keys in [spread.clone(), crowded.clone(), few, ends, top, vec![], [spread, crowded].concat()] {
            let expected: BTreeSet<u64> = keys.iter().copied().collect();
            assert!(in_order(&keys).into_iter().eq(expected), "{}", keys.len());
        }
    }

    #[test]
    fn keys_that_a_disk_gives_back_otherwise_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let file = std::fs::File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        let mut parts = Parts::new();
        parts.spilled = Some(PagedWriter::new(file, Secret([1; 32])).unwrap());
        dice(9).take(60_000).for_each(|key| parts.push(key, &TableDir(None)).unwrap());
        let parted = parts.end().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let mut keys = parted.keys();
        let outcome = loop {
            match keys.next() {
                Ok(Some(_)) => {}
                other => break other,
            }
        };
        assert!(outcome.is_err());
    }
}
