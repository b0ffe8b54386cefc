//! Where contents are cut: chunker 1, the smallest keyed hash in a window.
//!
//! A cut may stand after `c` bytes of a chunk, `min <= c <= max`. Each candidate has a 32-bit value that
//! depends only on the eight bytes before it; the cut is at the smallest value, the last one where several are
//! equal (so that runs of one byte make few, large chunks). What is left once fewer than `mean` bytes remain is
//! one chunk. Looking for a minimum instead of waiting for a pattern keeps sizes tight and vectorises well;
//! after an edit, two windows that both hold the smallest value cut at the same place.
//! Source: the MinCDC idea (minimum of a hash over a window); the 8-byte hash, the key and the tie rule are ours.
//!
//! The key does not hide lengths: opaque, padded packs do.

use crate::id::Secret;

/// Sizes of one profile, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    pub min: usize,
    pub mean: usize,
    pub max: usize,
}

impl Sizes {
    pub const STD: Self = Self { min: 32 << 10, mean: 64 << 10, max: 96 << 10 };
    pub const FINE: Self = Self { min: 8 << 10, mean: 16 << 10, max: 24 << 10 };
    pub const COARSE: Self = Self { min: 512 << 10, mean: 1 << 20, max: 1536 << 10 };
}

/// The four secret numbers of the candidate hash.
#[derive(Clone)]
pub struct Chunker {
    key: [u32; 4],
}

impl Chunker {
    pub fn new(secret: &Secret) -> Self {
        let mut key = [0; 4];
        for (number, bytes) in key.iter_mut().zip(secret.0.chunks_exact(4)) {
            *number = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        // Multipliers must be odd, or low bits are lost.
        key[1] |= 1;
        key[3] |= 1;
        Self { key }
    }

    /// The length of the first chunk of `bytes`. Unless the contents end there, `bytes` holds at least
    /// `sizes.max`.
    #[inline]
    pub fn cut(&self, sizes: Sizes, bytes: &[u8]) -> usize {
        if bytes.len() <= sizes.mean {
            return bytes.len();
        }
        let last = sizes.max.min(bytes.len());
        // Eight bytes before the first candidate up to the last one.
        let window = &bytes[sizes.min - 8..last];
        sizes.min + last_minimum(self.key, window)
    }
}

/// Candidate `i` has the window bytes `i .. i + 8`; the last index with the smallest value.
fn last_minimum(key: [u32; 4], window: &[u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        #[expect(unsafe_code, reason = "the processor was asked whether it has AVX-512")]
        // SAFETY: only the presence of AVX-512 is required, and it was just checked.
        return unsafe { last_minimum_avx512(key, window) };
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "the processor was asked whether it has AVX2")]
        // SAFETY: only the presence of AVX2 is required, and it was just checked.
        return unsafe { last_minimum_avx2(key, window) };
    }
    last_minimum_any(key, window)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn last_minimum_avx512(key: [u32; 4], window: &[u8]) -> usize {
    last_minimum_any(key, window)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn last_minimum_avx2(key: [u32; 4], window: &[u8]) -> usize {
    last_minimum_any(key, window)
}

#[inline(always)]
fn value(key: [u32; 4], bytes: &[u8]) -> u32 {
    let x = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let y = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    (x ^ key[0]).wrapping_mul(key[1]) ^ (y ^ key[2]).wrapping_mul(key[3])
}

const BLOCK: usize = 1024;

/// Finds the block with the last smallest value by plain minima, which compile to vector code, then looks at
/// that block candidate by candidate.
#[inline(always)]
fn last_minimum_any(key: [u32; 4], window: &[u8]) -> usize {
    let candidates = window.len() - 7;
    let (mut best, mut best_at) = (u32::MAX, 0);
    let mut at = 0;
    while at < candidates {
        let len = BLOCK.min(candidates - at);
        let block = &window[at..at + len + 7];
        let smallest = block_minimum(key, block, len);
        if smallest <= best {
            (best, best_at) = (smallest, at);
        }
        at += len;
    }
    let len = BLOCK.min(candidates - best_at);
    let block = &window[best_at..best_at + len + 7];
    let within = (0..len).rev().find(|&i| value(key, &block[i..i + 8]) == best).unwrap_or(len - 1);
    best_at + within
}

#[inline(always)]
fn block_minimum(key: [u32; 4], block: &[u8], len: usize) -> u32 {
    if len < BLOCK {
        return (0..len).map(|i| value(key, &block[i..i + 8])).fold(u32::MAX, u32::min);
    }
    // Four phases, so that each walks over whole little-endian words that lie side by side.
    let mut smallest = u32::MAX;
    for phase in 0..4 {
        // Written so that it compiles to vector code: a fold over two slices of whole words.
        let words = &block[phase..phase + BLOCK + 4];
        let (low, high) = (words[..BLOCK].as_chunks::<4>().0, words[4..].as_chunks::<4>().0);
        let values = low.iter().zip(high).map(|(x, y)| {
            (u32::from_le_bytes(*x) ^ key[0]).wrapping_mul(key[1])
                ^ (u32::from_le_bytes(*y) ^ key[2]).wrapping_mul(key[3])
        });
        smallest = smallest.min(values.fold(u32::MAX, u32::min));
    }
    smallest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize, mut state: u64) -> Vec<u8> {
        (0..len)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect()
    }

    fn cuts(chunker: &Chunker, sizes: Sizes, mut bytes: &[u8]) -> Vec<usize> {
        let mut out = Vec::new();
        while !bytes.is_empty() {
            let len = chunker.cut(sizes, bytes);
            out.push(len);
            bytes = &bytes[len..];
        }
        out
    }

    /// What the page says, word by word.
    fn by_definition(chunker: &Chunker, sizes: Sizes, bytes: &[u8]) -> usize {
        if bytes.len() <= sizes.mean {
            return bytes.len();
        }
        (sizes.min..=sizes.max.min(bytes.len())).rev().min_by_key(|&c| value(chunker.key, &bytes[c - 8..c])).unwrap()
    }

    #[test]
    fn the_fast_search_is_the_definition() {
        let chunker = Chunker::new(&Secret([3; 32]));
        for (seed, len) in [(1, 25_000), (2, 24_576), (3, 16_385), (4, 300_000), (5, 20_001)] {
            let bytes = noise(len, seed);
            assert_eq!(chunker.cut(Sizes::FINE, &bytes), by_definition(&chunker, Sizes::FINE, &bytes), "seed {seed}");
            let few: Vec<u8> = bytes.iter().map(|b| b & 1).collect();
            assert_eq!(
                chunker.cut(Sizes::FINE, &few),
                by_definition(&chunker, Sizes::FINE, &few),
                "seed {seed}, two values"
            );
        }
        assert_eq!(chunker.cut(Sizes::FINE, &vec![0; 100_000]), Sizes::FINE.max);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn every_processor_finds_the_same_minimum() {
        let (key, window) = ([5, 7, 11, 13], noise(20_000, 3));
        if std::arch::is_x86_feature_detected!("avx2") {
            #[expect(unsafe_code, reason = "the processor was asked whether it has AVX2")]
            // SAFETY: only the presence of AVX2 is required, and it was just checked.
            let found = unsafe { last_minimum_avx2(key, &window) };
            assert_eq!(found, last_minimum_any(key, &window));
        }
        assert_eq!(last_minimum(key, &window), last_minimum_any(key, &window));
    }

    #[test]
    fn golden_cut_points_never_move() {
        let chunker = Chunker::new(&Secret(*b"golden vectors of chunker one..."));
        let bytes = noise(1_000_000, 42);
        let (std, fine) = (cuts(&chunker, Sizes::STD, &bytes), cuts(&chunker, Sizes::FINE, &bytes));
        assert_eq!(std.iter().sum::<usize>(), 1_000_000);
        let digest = |cuts: &[usize]| blake3::hash(format!("{cuts:?}").as_bytes()).to_hex()[..16].to_string();
        assert_eq!((std[0], std[1], digest(&std)), (GOLDEN_STD.0, GOLDEN_STD.1, GOLDEN_STD.2.to_string()));
        assert_eq!((fine[0], fine[1], digest(&fine)), (GOLDEN_FINE.0, GOLDEN_FINE.1, GOLDEN_FINE.2.to_string()));
    }

    const GOLDEN_STD: (usize, usize, &str) = (55907, 54424, "7a177f1d9496ceea");
    const GOLDEN_FINE: (usize, usize, &str) = (9373, 17984, "11bf2c6c9d3290ee");

    #[test]
    fn an_edit_changes_the_chunks_around_it_and_no_others() {
        let chunker = Chunker::new(&Secret([3; 32]));
        let before = noise(2_000_000, 7);
        let mut after = before.clone();
        after.splice(1_000_000..1_000_000, *b"an insertion in the middle");
        let ends = |bytes: &[u8]| {
            let mut hashes = std::collections::BTreeSet::new();
            let mut rest = bytes;
            while !rest.is_empty() {
                let len = chunker.cut(Sizes::STD, rest);
                hashes.insert(*blake3::hash(&rest[..len]).as_bytes());
                rest = &rest[len..];
            }
            hashes
        };
        assert!(ends(&after).difference(&ends(&before)).count() <= 4);
    }
}
