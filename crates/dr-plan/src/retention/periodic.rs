//! Keep the newest of each hour, day, week, month or year that has one.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::Retention;

/// A stretch of the local clock.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// The rules of this kind that a retention has.
pub(super) fn kinds(retention: &Retention) -> [(Kind, u32); 5] {
    [
        (Kind::Hour, retention.hourly),
        (Kind::Day, retention.daily),
        (Kind::Week, retention.weekly),
        (Kind::Month, retention.monthly),
        (Kind::Year, retention.yearly),
    ]
}

/// For each time, newest first, why it is kept: it is the newest of its stretch, and fewer than
/// `count` stretches came before. Empty stretches do not count, so six weeks of summer holidays
/// do not eat the daily copies.
pub(super) fn keep(times: &[Timestamp], kind: Kind, count: u32, zone: &TimeZone) -> Vec<Option<String>> {
    let mut seen = 0;
    let mut stretch_before = None;
    times
        .iter()
        .map(|time| {
            let zoned = time.to_zoned(zone.clone());
            // The repeated hour of autumn is two hours: the offset tells them apart.
            let hour_pass = if matches!(kind, Kind::Hour) { zoned.offset().seconds() } else { 0 };
            let stretch = (stretch(zoned.datetime(), kind), hour_pass);
            if seen >= count || stretch_before == Some(stretch) {
                return None;
            }
            stretch_before = Some(stretch);
            seen += 1;
            let word = match kind {
                Kind::Hour => "hourly",
                Kind::Day => "daily",
                Kind::Week => "weekly",
                Kind::Month => "monthly",
                Kind::Year => "yearly",
            };
            Some(format!("{word} {seen} of {count}"))
        })
        .collect()
}

/// Which stretch a local time lies in: numbers that are equal exactly within one stretch.
fn stretch(at: DateTime, kind: Kind) -> (i16, i16, i8) {
    let date = at.date();
    match kind {
        Kind::Hour => (date.year(), date.day_of_year(), at.hour()),
        Kind::Day => (date.year(), date.day_of_year(), 0),
        Kind::Week => {
            let week = date.iso_week_date();
            (week.year(), i16::from(week.week()), 0)
        }
        Kind::Month => (date.year(), i16::from(date.month()), 0),
        Kind::Year => (date.year(), 0, 0),
    }
}
