//! Is a key certainly not in this shard? A binary fuse filter of 8 bits whose segments are blocks.
//!
//! Source: Graf and Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor Filters" (2022). Each key has one cell in
//! each of three neighbouring segments, and the three cells xor to its fingerprint. About 9.2 bits a key, one wrong
//! "perhaps" in 256. A segment is exactly a block, so a question touches three neighbouring blocks.

use super::blocks::Blocks;
use super::paged::{Paged, ROOM, Torn};

/// A filter's place among the blocks, and what its cells were made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filter {
    /// Its first block.
    pub block: u64,
    /// How many blocks. 0: there is none, and everything may be there.
    pub blocks: u32,
    pub seed: u64,
}

/// A shard of more keys gets no filter: somebody made up ids. It bounds the memory that building takes.
pub const KEYS_MAX: usize = 4 << 20;
const ATTEMPTS: u32 = 64;

fn mix(key: u64) -> u64 {
    let key = (key ^ key >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let key = (key ^ key >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    key ^ key >> 33
}

/// Segment of the first cell, the three cells inside their segments, fingerprint.
fn cells(key: u64, seed: u64, blocks: u32) -> (u32, [u32; 3], u8) {
    let hash = mix(key.wrapping_add(seed));
    let segment = ((u128::from(hash) * u128::from(blocks - 2)) >> 64) as u32;
    let more = mix(hash ^ 0x9e37_79b9_7f4a_7c15);
    let cell = |shift: u32| (((more >> shift & 0x1f_ffff) * ROOM as u64) >> 21) as u32;
    (segment, [cell(0), cell(21), cell(42)], hash as u8)
}

fn places(key: u64, seed: u64, blocks: u32) -> ([usize; 3], u8) {
    let (segment, [a, b, c], print) = cells(key, seed, blocks);
    let at = |n: u32, cell: u32| (segment + n) as usize * ROOM + cell as usize;
    ([at(0, a), at(1, b), at(2, c)], print)
}

/// The cells of a filter for `keys`, which differ from each other; none if it cannot be made.
pub fn build(keys: &[u64], seed: u64) -> Option<(Filter, Vec<u8>)> {
    if keys.len() > KEYS_MAX {
        return None;
    }
    let n = keys.len().max(2) as f64;
    let factor = (0.875 + 0.25 * 1e6f64.ln() / n.ln()).max(1.125);
    let mut blocks = ((n * factor / ROOM as f64).ceil() as u32).max(3);
    for attempt in 0..ATTEMPTS {
        let seed = mix(seed.wrapping_add(u64::from(attempt)));
        if let Some(cells) = attempt_with(keys, seed, blocks) {
            return Some((Filter { block: 0, blocks, seed }, cells));
        }
        if attempt % 4 == 3 {
            blocks += 1 + blocks / 32;
        }
    }
    None
}

/// Takes keys away that have a cell of their own, until none is left; then sets those cells in the opposite order.
fn attempt_with(keys: &[u64], seed: u64, blocks: u32) -> Option<Vec<u8>> {
    let total = blocks as usize * ROOM;
    let (mut count, mut xor) = (vec![0u8; total], vec![0u64; total]);
    for key in keys {
        for at in places(*key, seed, blocks).0 {
            count[at] = count[at].checked_add(1)?;
            xor[at] ^= key;
        }
    }
    let mut single: Vec<u32> = (0..total as u32).filter(|at| count[*at as usize] == 1).collect();
    let mut order: Vec<(u64, u32)> = Vec::with_capacity(keys.len());
    while let Some(at) = single.pop() {
        if count[at as usize] != 1 {
            continue;
        }
        let key = xor[at as usize];
        order.push((key, at));
        for other in places(key, seed, blocks).0 {
            count[other] -= 1;
            xor[other] ^= key;
            if count[other] == 1 {
                single.push(other as u32);
            }
        }
    }
    if order.len() != keys.len() {
        return None;
    }
    let mut out = vec![0u8; total];
    for (key, at) in order.into_iter().rev() {
        let ([a, b, c], print) = places(key, seed, blocks);
        out[at as usize] = print ^ out[a] ^ out[b] ^ out[c];
    }
    Some(out)
}

impl Filter {
    /// Whether the key may be there.
    pub fn may_hold(&self, paged: &Paged, blocks: &Blocks, key: u64) -> Result<bool, Torn> {
        if self.blocks < 3 {
            return Ok(true);
        }
        let (segment, cells, mut print) = cells(key, self.seed, self.blocks);
        for (cell, n) in cells.into_iter().zip(u64::from(segment)..) {
            print ^= blocks.with(paged, self.block + n, |block| block[cell as usize])?;
        }
        Ok(print == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_held_and_few_others_seem_to_be() {
        for n in [0usize, 1, 2, 100, 4_000, 20_000, 400_000] {
            let keys: Vec<u64> = (0..n as u64).map(|key| mix(key + 1)).collect();
            let (filter, cells) = build(&keys, 7).unwrap();
            let holds = |key: u64| {
                let ([a, b, c], print) = places(key, filter.seed, filter.blocks);
                cells[a] ^ cells[b] ^ cells[c] == print
            };
            assert!(keys.iter().all(|key| holds(*key)));
            let wrong = (0..100_000u64).filter(|key| holds(mix(key + (1 << 40)))).count();
            assert!(wrong < 500, "{n}: {wrong} of 100,000");
            if n >= 400_000 {
                assert!(cells.len() * 8 < n * 94 / 10, "{} bits a key", cells.len() * 8 / n);
            }
        }
    }
}
