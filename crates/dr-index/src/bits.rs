//! A bit for each numbered thing of each pack: which chunks, or which frames, are needed or used.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::layout::Place;

/// Where in the words the bits of each pack begin, and where those of the last one end.
#[derive(Clone)]
struct Begins(Arc<[usize]>);

impl Begins {
    fn new(sizes: impl IntoIterator<Item = u32>) -> Self {
        let (mut begins, mut end) = (vec![0], 0);
        for size in sizes {
            end += size.div_ceil(64) as usize;
            begins.push(end);
        }
        Self(begins.into())
    }

    fn words(&self) -> usize {
        self.0.last().copied().unwrap_or_default()
    }

    fn packs(&self) -> u32 {
        self.0.len().saturating_sub(1) as u32
    }

    #[inline]
    fn of(&self, pack: u32) -> Range<usize> {
        match self.0.get(pack as usize..pack as usize + 2) {
            Some(&[begin, end]) => begin..end,
            _ => 0..0,
        }
    }

    /// The word that holds a bit, and the bit in it.
    #[inline]
    fn at(&self, pack: u32, number: u32) -> Option<(usize, u64)> {
        let Range { start, end } = self.of(pack);
        let word = start + number as usize / 64;
        (word < end).then_some((word, 1 << (number % 64)))
    }
}

/// 64 bits.
pub trait Word {
    fn bits(&self) -> u64;
}

impl Word for u64 {
    #[inline]
    fn bits(&self) -> u64 {
        *self
    }
}

impl Word for AtomicU64 {
    #[inline]
    fn bits(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }
}

/// Bits that are set by one thread, or by many at the same time.
pub struct BitsIn<W> {
    words: Vec<W>,
    begins: Begins,
}

/// Bits that are set by one thread.
pub type Bits = BitsIn<u64>;
/// Bits that many threads set at the same time.
pub type SharedBits = BitsIn<AtomicU64>;

impl<W: Word + Default> BitsIn<W> {
    /// `sizes`: how many bits each pack has, by its number.
    pub fn new(sizes: impl IntoIterator<Item = u32>) -> Self {
        Self::of(Begins::new(sizes))
    }

    /// As many, none of them set.
    pub fn unset(&self) -> Self {
        Self::of(self.begins.clone())
    }

    fn of(begins: Begins) -> Self {
        Self { words: (0..begins.words()).map(|_| W::default()).collect(), begins }
    }

    pub fn has(&self, pack: u32, number: u32) -> bool {
        self.begins.at(pack, number).is_some_and(|(word, bit)| self.words[word].bits() & bit != 0)
    }

    pub fn has_any(&self, pack: u32) -> bool {
        self.words[self.begins.of(pack)].iter().any(|word| word.bits() != 0)
    }

    /// How many of a pack are set.
    pub fn count(&self, pack: u32) -> u32 {
        self.words[self.begins.of(pack)].iter().map(|word| word.bits().count_ones()).sum()
    }

    /// The packs of which any is set.
    pub fn packs(&self) -> impl Iterator<Item = u32> {
        (0..self.begins.packs()).filter(|pack| self.has_any(*pack))
    }
}

impl Bits {
    #[inline]
    pub fn set(&mut self, pack: u32, number: u32) {
        if let Some((word, bit)) = self.begins.at(pack, number) {
            self.words[word] |= bit;
        }
    }

    /// Sets many one right after the other, so that the processor waits for all of their words at once.
    #[inline]
    pub fn set_all(&mut self, places: &mut Vec<Place>) {
        places.drain(..).for_each(|place| self.set(place.pack, place.chunk));
    }

    /// Sets what is set in the others, which have as many.
    pub fn join(&mut self, others: Self) {
        self.words.iter_mut().zip(others.words).for_each(|(own, other)| *own |= other);
    }
}

impl SharedBits {
    #[inline]
    pub fn set(&self, pack: u32, number: u32) {
        if let Some((word, bit)) = self.begins.at(pack, number) {
            self.words[word].fetch_or(bit, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pack_has_bits_of_its_own_and_what_is_beyond_them_is_never_set() {
        let sizes = [0, 1, 64, 65, 200];
        let shared = SharedBits::new(sizes);
        let mut bits = Bits::new(sizes);
        for (pack, size) in (0..).zip(sizes) {
            for number in (0..size).filter(|number| number % 3 == pack % 3) {
                bits.set(pack, number);
                shared.set(pack, number);
            }
        }
        bits.set(9, 0);
        bits.set(1, 64);
        shared.set(9, 0);
        for (pack, size) in (0..).zip(sizes) {
            let expected = (0..size).filter(|number| number % 3 == pack % 3).count();
            assert_eq!((bits.count(pack) as usize, shared.count(pack) as usize), (expected, expected));
            assert_eq!(bits.has_any(pack), expected > 0);
            assert!((0..size).all(|number| bits.has(pack, number) == (number % 3 == pack % 3)));
        }
        assert!(!bits.has(9, 0) && !bits.has(1, 64) && !bits.has_any(9));
        let mut none = bits.unset();
        assert!((0..5).all(|pack| !none.has_any(pack)));
        none.join(bits);
        assert!((0..5).all(|pack| none.count(pack) == shared.count(pack)));
        assert!(none.packs().eq(shared.packs()) && shared.packs().eq([2, 3, 4]));
    }
}
