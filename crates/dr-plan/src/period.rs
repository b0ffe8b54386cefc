//! How long: `26h`, `30d`, `6mo`, `3y`, as people write lengths of time in a plan.
//!
//! A period keeps the unit it was written in, so that "six months" is six calendar months and is
//! shown as it was written. Hours and days compare by the clock: a day is 24 hours, a month
//! counts as 31 days and a year as 366 wherever only a length is wanted (the longest it can be).

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

/// The unit a [`Period`] was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// `s`
    Seconds,
    /// `m`
    Minutes,
    /// `h`
    Hours,
    /// `d`
    Days,
    /// `w`
    Weeks,
    /// `mo`, calendar months
    Months,
    /// `y`, calendar years
    Years,
}

impl Unit {
    const ALL: [(Unit, &'static str, i64); 7] = [
        (Unit::Seconds, "s", 1),
        (Unit::Minutes, "m", 60),
        (Unit::Hours, "h", 3_600),
        (Unit::Days, "d", 86_400),
        (Unit::Weeks, "w", 604_800),
        (Unit::Months, "mo", 31 * 86_400),
        (Unit::Years, "y", 366 * 86_400),
    ];
}

/// A length of time with the unit it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period {
    count: u32,
    unit: Unit,
}

/// The most of any unit. A hundred thousand seconds is a day, a hundred thousand hours eleven
/// years; in years it is cut to a hundred years, so that no sum of times can leave the calendar.
const COUNT_MAX: u32 = 100_000;
/// The longest period, in years.
pub const YEARS_MAX: u32 = 100;

impl Period {
    /// A period of `count` `unit`s; `None` if it is nothing or longer than a hundred years.
    #[must_use]
    pub fn new(count: u32, unit: Unit) -> Option<Self> {
        let period = Self { count, unit };
        let longest = SignedDuration::from_hours(i64::from(YEARS_MAX) * 366 * 24);
        (count > 0 && count <= COUNT_MAX && period.longest() <= longest).then_some(period)
    }

    /// Reads `26h`, `3d`, `6mo`; a space before the unit is allowed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (count, unit) = text.split_at(digits);
        let unit = unit.trim_start();
        let (unit, _, _) = Unit::ALL.into_iter().find(|(_, short, _)| *short == unit)?;
        Self::new(count.parse().ok()?, unit)
    }

    /// Whole hours.
    pub(crate) const fn hours(count: u32) -> Self {
        Self { count, unit: Unit::Hours }
    }

    /// Whole minutes.
    pub(crate) const fn minutes(count: u32) -> Self {
        Self { count, unit: Unit::Minutes }
    }

    /// Whole days.
    pub(crate) const fn days(count: u32) -> Self {
        Self { count, unit: Unit::Days }
    }

    /// Calendar months.
    pub(crate) const fn months(count: u32) -> Self {
        Self { count, unit: Unit::Months }
    }

    /// The longest this can be by the clock.
    #[must_use]
    pub fn longest(self) -> SignedDuration {
        let seconds = Unit::ALL.iter().find(|(unit, _, _)| *unit == self.unit).map_or(1, |(_, _, seconds)| *seconds);
        SignedDuration::from_secs(i64::from(self.count) * seconds)
    }

    /// The shortest whole-hour period that is at least `length`.
    #[must_use]
    pub fn at_least(length: SignedDuration) -> Self {
        let seconds = length.as_secs().max(1);
        let hours =
            u32::try_from(seconds / 3_600 + i64::from(seconds % 3_600 != 0)).unwrap_or(COUNT_MAX).clamp(1, COUNT_MAX);
        Self::hours(hours)
    }

    /// The moment this long before `now`, months and years by the calendar of `zone`.
    /// Before the calendar begins, its beginning.
    #[must_use]
    pub fn before(self, now: Timestamp, zone: &TimeZone) -> Timestamp {
        let count = i64::from(self.count);
        let span = match self.unit {
            Unit::Months => Span::new().try_months(count),
            Unit::Years => Span::new().try_years(count),
            _ => return now.checked_sub(self.longest()).unwrap_or(Timestamp::MIN),
        };
        span.and_then(|span| now.to_zoned(zone.clone()).checked_sub(span))
            .map_or(Timestamp::MIN, |then| then.timestamp())
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = Unit::ALL.iter().find(|(unit, _, _)| *unit == self.unit).map_or("s", |(_, short, _)| short);
        write!(f, "{}{short}", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_read_as_they_are_written() {
        for text in ["45s", "2m", "26h", "3d", "2w", "6mo", "3y", "100y"] {
            assert_eq!(Period::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Period::parse("30 d"), Some(Period::days(30)));
        for text in ["", "h", "0h", "1", "-1h", "1.5h", "101y", "99999999999h", "100001s", "1 month", "1H"] {
            assert_eq!(Period::parse(text), None, "{text}");
        }
    }

    #[test]
    fn six_months_before_the_end_of_august_is_the_end_of_february() {
        let zone = jiff::tz::TimeZone::UTC;
        let now: Timestamp = "2026-08-31T12:00:00Z".parse().unwrap();
        assert_eq!(Period::months(6).before(now, &zone).to_string(), "2026-02-28T12:00:00Z");
        assert_eq!(Period::days(1).before(now, &zone).to_string(), "2026-08-30T12:00:00Z");
        assert_eq!(Period::parse("100y").unwrap().before(Timestamp::MIN, &zone), Timestamp::MIN);
    }

    #[test]
    fn a_length_rounds_up_to_whole_hours() {
        assert_eq!(Period::at_least(SignedDuration::from_mins(61)).to_string(), "2h");
        assert_eq!(Period::at_least(SignedDuration::from_hours(25)).to_string(), "25h");
    }
}
