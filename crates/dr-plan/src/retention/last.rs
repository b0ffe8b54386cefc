//! Keep the newest so many.

use jiff::Timestamp;

/// For each time, newest first, why it is kept.
pub(super) fn keep(times: &[Timestamp], count: u32) -> Vec<Option<String>> {
    (1..=times.len()).map(|place| (place <= count as usize).then(|| format!("last {place} of {count}"))).collect()
}
