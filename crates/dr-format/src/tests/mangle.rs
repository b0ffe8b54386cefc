//! Bytes that somebody made up: noise, and valid bytes with a few changes.

/// A small deterministic source of choices.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below.max(1)
    }
}

/// Calls `decode` with noise and with changed copies of `valid`.
pub(super) fn try_all(valid: &[u8], rounds: usize, mut decode: impl FnMut(&[u8])) {
    decode(valid);
    decode(&[]);
    let mut dice = Dice(valid.len() as u64 + 1);
    for round in 0..rounds {
        let mut bytes = valid.to_vec();
        for _ in 0..=dice.roll(4) {
            let at = dice.roll(bytes.len());
            match dice.roll(5) {
                0 => bytes[at] ^= 1 << dice.roll(8),
                1 => bytes[at] = 0xff,
                2 => bytes.truncate(at.max(1)),
                3 => {
                    let len = dice.roll(9);
                    bytes.splice(at..at, std::iter::repeat_n(0xff, len));
                }
                _ => {
                    let (from, len) = (dice.roll(bytes.len()), dice.roll(32));
                    let piece = bytes[from..(from + len).min(bytes.len())].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        decode(&bytes);
        let noise: Vec<u8> = (0..dice.roll(200)).map(|_| dice.roll(256) as u8).collect();
        decode(&noise);
        if round % 4 == 0 {
            decode(&[&valid[..valid.len().min(16)], &noise].concat());
        }
    }
}
