//! When is a slot that failed tried again? Soon, then ever less often, and not all at the same moment.

use jiff::{SignedDuration, Timestamp};

use crate::{SystemId, TargetId};

/// How long after its first failure a slot is tried again, give or take a fifth.
pub const RETRY_FIRST: SignedDuration = SignedDuration::from_mins(5);
/// The longest that a further try waits, give or take a fifth.
pub const RETRY_LONGEST: SignedDuration = SignedDuration::from_hours(4);

/// How long after its failure number `failures` (from 1) a slot is tried again: twice as long each time, and up to a
/// fifth more or less, so that systems which failed together do not all come back together. The same on every host.
#[must_use]
pub fn retry_after(system: &SystemId, target: &TargetId, slot: Timestamp, failures: u32) -> SignedDuration {
    let doubled = 1_i64.checked_shl(failures.saturating_sub(1).min(32)).unwrap_or(i64::MAX);
    let wait = RETRY_FIRST.as_secs().saturating_mul(doubled).min(RETRY_LONGEST.as_secs());
    let words = [system.as_str().as_bytes(), b"\0", target.as_str().as_bytes(), b"\0"];
    let numbers = [slot.as_second().to_le_bytes(), i64::from(failures).to_le_bytes()];
    let bytes = words.into_iter().flatten().chain(numbers.iter().flatten());
    // From a fifth less to a fifth more, in hundred thousandths.
    let scatter = i64::try_from(scattered(bytes) % 40_001).unwrap_or(20_000) - 20_000;
    SignedDuration::from_secs(wait + wait * scatter / 100_000)
}

/// A number that is far from another for bytes that differ a little: FNV-1a, with its bits mixed once more.
fn scattered<'b>(bytes: impl Iterator<Item = &'b u8>) -> u64 {
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (hash ^ (hash >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(system: &str) -> Vec<i64> {
        let (system, target) = (SystemId::new(system).unwrap(), TargetId::new("nas").unwrap());
        let slot = "2026-11-20T19:00:00Z".parse().unwrap();
        (1..12).map(|n| retry_after(&system, &target, slot, n).as_secs()).collect()
    }

    #[test]
    fn tries_wait_from_five_minutes_to_four_hours_give_or_take_a_fifth() {
        for system in ["mis", "admin", "email", "a", "b", "c"] {
            for (n, wait) in (0..).zip(waits(system)) {
                let middle = (300_i64 << n).min(14_400);
                assert!((middle * 8 / 10..=middle * 12 / 10).contains(&wait), "{system} {n}: {wait}");
            }
        }
        let (system, target) = (SystemId::new("mis").unwrap(), TargetId::new("nas").unwrap());
        let last = retry_after(&system, &target, Timestamp::MAX, u32::MAX).as_secs();
        assert!((11_520..=17_280).contains(&last), "{last}");
    }

    #[test]
    fn systems_that_failed_together_do_not_come_back_together_and_the_wait_is_the_same_everywhere() {
        let first: Vec<i64> = ["mis", "admin", "email", "curriculum", "website"].map(|id| waits(id)[3]).to_vec();
        let mut different = first.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), first.len(), "{first:?}");
        assert_eq!(waits("mis"), waits("mis"));
    }
}
