//! Which choice comes next, given the seed: a small generator whose sequence never changes.
//!
//! xoshiro256++ seeded by splitmix64, written out here so that no library upgrade can change what a seed means.
//! Each part of the made data draws from its own stream ([`Random::of`]), so adding a file to one part does not
//! change the others.

/// A stream of choices.
pub(crate) struct Random {
    state: [u64; 4],
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut mixing = seed;
        Random { state: std::array::from_fn(|_| splitmix(&mut mixing)) }
    }

    /// The stream of `seed` that belongs to `label` and `number`.
    pub(crate) fn of(seed: u64, label: &str, number: u64) -> Self {
        // FNV-1a: enough to tell labels apart, and short.
        let hash =
            label.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let mut mixing = seed ^ hash.rotate_left(17);
        let first = splitmix(&mut mixing);
        Random::new(first ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    pub(crate) fn next(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number from 0 to `limit - 1`; 0 when `limit` is 0. The bias is under 2^-32 for every limit used here.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.next().to_le_bytes()[..part.len()]);
        }
    }

    /// `count` different numbers below `limit`, ascending; all of them when there are not so many.
    pub(crate) fn some_of(&mut self, limit: usize, count: usize) -> Vec<usize> {
        // Selection sampling: each number is kept with the chance that leaves exactly `count` in the end.
        let mut kept = Vec::with_capacity(count.min(limit));
        for candidate in 0..limit {
            let wanted = count.saturating_sub(kept.len()) as u64;
            if self.below((limit - candidate) as u64) < wanted {
                kept.push(candidate);
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_for_ever() {
        let mut random = Random::of(7, "shares", 3);
        let drawn: Vec<u64> = (0..3).map(|_| random.below(1_000_000)).collect();
        assert_eq!(drawn, PINNED, "changing the generator changes every made tree");
    }
    const PINNED: [u64; 3] = [113_779, 337_265, 536_906];

    #[test]
    fn some_of_gives_as_many_as_asked() {
        let mut random = Random::new(1);
        assert_eq!(random.some_of(100, 30).len(), 30);
        assert_eq!(random.some_of(3, 30), vec![0, 1, 2]);
    }
}
