//! When does a cron pattern match? Next, never, and how far apart at most.

use croner::Cron;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan, Zoned};

/// The pattern's next match at or after (or, going back, at or before) a wall-clock time. Cron
/// runs here on a clock that is never changed: the wall clock read as if it were UTC.
pub(super) fn cron_match(cron: &Cron, from: DateTime, step: i8) -> Option<DateTime> {
    let from: Zoned = from.to_zoned(TimeZone::UTC).ok()?;
    let found =
        if step < 0 { cron.find_previous_occurrence(&from, true) } else { cron.find_next_occurrence(&from, true) };
    found.ok().map(|zoned| zoned.datetime())
}

/// A fixed day from which patterns are looked at; eight years from it hold every leap day but
/// one that a century leaves out.
pub(super) const FROM: DateTime = DateTime::constant(2024, 1, 1, 0, 0, 0, 0);

/// Whether a pattern never happens, such as 31 February.
pub(super) fn never(cron: &Cron) -> bool {
    cron_match(cron, FROM, 1).is_none()
}

/// The longest that two matches lie apart: over two years, or between the first three.
pub(super) fn longest_gap(cron: &Cron) -> SignedDuration {
    let end = FROM.date().saturating_add(2.years()).at(0, 0, 0, 0);
    let mut longest = SignedDuration::from_secs(0);
    let mut last: Option<DateTime> = None;
    let mut from = FROM;
    let mut count = 0;
    while let Some(at) = cron_match(cron, from, 1) {
        if let Some(last) = last {
            longest = longest.max(at.duration_since(last));
        }
        count += 1;
        if at >= end && count >= 3 || count > GAPS_MAX {
            break;
        }
        last = Some(at);
        match at.checked_add(1.minute()) {
            Ok(next) => from = next,
            Err(_) => break,
        }
    }
    longest
}

/// Enough for every four minutes through a year, and quick.
pub(super) const GAPS_MAX: usize = 20_000;
