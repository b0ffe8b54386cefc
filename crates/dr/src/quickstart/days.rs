//! Which Thursday and Friday are lived, and which quiet nights lie between them and now?
//!
//! The sample's plan copies to the disk on Thursdays and changes disks on Fridays, so it is these two days that show
//! the most. The first two are the last ones that are over by now. The nights since then are made up for, so that the
//! last backup is a night old at most and `dr status` can be believed.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};

use crate::command::opened::stated;
use crate::exit::{Cause, Failure};

/// When the last thing of a Friday has been done.
pub const END_OF_DAY: (i8, i8) = (22, 0);
/// When the night's backups are made: after the last of the plan's turns.
pub const NIGHT: (i8, i8) = (21, 5);
/// A school that was left alone for longer was switched off.
const NIGHTS_MAX: usize = 7;

/// Two days and the nights around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Week {
    /// Nights before, in which nobody had changed anything.
    pub before: Vec<Date>,
    /// The first day.
    pub thursday: Date,
    /// The second.
    pub friday: Date,
    /// Nights since, up to now.
    pub after: Vec<Date>,
    /// Whether any of it lies ahead of now.
    pub ahead: bool,
}

/// Now at the school, or what `--at` says.
pub fn now(at: Option<&str>, zone: &TimeZone) -> Result<Zoned, Failure> {
    let now = match at {
        Some(at) => stated(at, zone)?,
        None => dr_run::clock::now(),
    };
    Ok(now.to_zoned(zone.clone()))
}

/// The last Thursday and Friday that are over.
///
/// # Errors
/// If the calendar ends before there was one.
pub fn first(now: Zoned) -> Result<Week, Failure> {
    let today = now.datetime();
    let over = |date: &Date| date.weekday() == Weekday::Friday && at(*date, END_OF_DAY) <= today;
    let friday = back_from(today.date()).find(over);
    let days = friday.and_then(|friday| Some((friday.yesterday().ok()?, friday)));
    let (thursday, friday) =
        days.ok_or_else(|| Failure::new(Cause::Failed, "this machine's clock is before all time"))?;
    Ok(Week { before: Vec::new(), thursday, friday, after: nights(friday, today), ahead: false })
}

/// The first Thursday and Friday after `last`, which may lie ahead of now.
#[must_use]
pub fn next(last: Date, now: Zoned) -> Week {
    let before: Vec<Date> = on_from(last).take_while(|date| date.weekday() != Weekday::Thursday).collect();
    let thursday = before.last().copied().unwrap_or(last).tomorrow().unwrap_or(last);
    let friday = thursday.tomorrow().unwrap_or(thursday);
    let now = now.datetime();
    Week { before, thursday, friday, after: nights(friday, now), ahead: at(friday, END_OF_DAY) > now }
}

/// The nights after `day` that are over, the last few of them.
fn nights(day: Date, now: DateTime) -> Vec<Date> {
    let mut nights: Vec<Date> = back_from(now.date())
        .take_while(|date| *date > day)
        .filter(|date| at(*date, NIGHT) <= now)
        .take(NIGHTS_MAX)
        .collect();
    nights.reverse();
    nights
}

/// A time of day on a date.
#[must_use]
pub fn at(date: Date, (hour, minute): (i8, i8)) -> DateTime {
    date.at(hour, minute, 0, 0)
}

fn back_from(date: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(date), |date| date.yesterday().ok())
}

fn on_from(date: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(date.tomorrow().ok(), |date| date.checked_add(1.day()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn zoned(now: DateTime) -> Zoned {
        now.to_zoned(TimeZone::UTC).unwrap()
    }

    #[test]
    fn the_first_two_days_are_over_and_no_night_since_is_missing() {
        for (now, friday, nights) in [
            (date(2026, 11, 20).at(22, 0, 0, 0), 20, 0),
            (date(2026, 11, 20).at(21, 59, 0, 0), 13, 7),
            (date(2026, 11, 21).at(21, 4, 0, 0), 20, 0),
            (date(2026, 11, 21).at(23, 0, 0, 0), 20, 1),
            (date(2026, 11, 26).at(3, 0, 0, 0), 20, 5),
        ] {
            let week = first(zoned(now)).unwrap();
            assert_eq!((week.thursday.day(), week.friday.day()), (friday - 1, friday), "{now}");
            assert_eq!(week.after.len(), nights, "{now}");
            assert!(!week.ahead && week.after.is_sorted());
        }
    }

    #[test]
    fn the_next_two_days_follow_without_a_gap_even_ahead_of_the_clock() {
        let week = next(date(2026, 11, 21), zoned(date(2026, 11, 21).at(23, 0, 0, 0)));
        assert_eq!(week.before.len(), 4, "Sunday to Wednesday");
        assert_eq!((week.thursday, week.friday), (date(2026, 11, 26), date(2026, 11, 27)));
        assert!(week.ahead && week.after.is_empty());
        let week = next(date(2026, 11, 25), zoned(date(2027, 11, 25).at(12, 0, 0, 0)));
        assert_eq!((week.before.len(), week.thursday), (0, date(2026, 11, 26)));
        assert_eq!(week.after.len(), NIGHTS_MAX, "a machine that was off for a year");
        assert!(!week.ahead);
    }
}
