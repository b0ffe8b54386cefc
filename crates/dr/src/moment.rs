//! Which moment is meant by what people type: a date, a time of the day, or a word such as `yesterday`.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// Which end of a day is meant by the day alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Its first moment.
    Begin,
    /// Its last moment.
    End,
}

/// Which one of many is meant by the name of a day.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Toward {
    /// The last one before today.
    Past,
    /// The next one after today.
    Future,
}

/// How to write it.
pub const HOW: &str = "write 2026-11-20T19:00:00Z, or by the school's own clock 2026-11-20, \"2026-11-20 19:00\", 12:48, \
                       yesterday, \"yesterday 12:48\" or friday";

/// How to write a day that has not come.
pub const HOW_DAY: &str = "write 2026-12-18, today, tomorrow or friday";

/// The moment, if the text is one.
pub fn moment(text: &str, zone: &TimeZone, now: Timestamp, side: Side, toward: Toward) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let today = now.to_zoned(zone.clone()).date();
    let words = text.trim().to_lowercase();
    if words == "now" {
        return Some(now);
    }
    let (first, rest) = words.split_once([' ', 't']).unwrap_or((&words, ""));
    let (day, rest) = match day(first, today, toward) {
        Some(day) => (day, rest.trim()),
        // A word with a `t` in it was cut: `today`, `saturday`.
        None => {
            let (first, rest) = words.split_once(' ').unwrap_or((&words, ""));
            self::day(first, today, toward).map_or((today, words.as_str()), |day| (day, rest.trim()))
        }
    };
    let rest = rest.strip_prefix("at ").unwrap_or(rest).trim();
    let local = match (rest, side) {
        ("", Side::Begin) => day.to_datetime(Time::midnight()),
        ("", Side::End) => return end_of(day, zone),
        (time, _) => match time_of_day(time) {
            Some(time) => day.to_datetime(time),
            None => text.parse::<DateTime>().ok()?,
        },
    };
    Some(local.to_zoned(zone.clone()).ok()?.timestamp())
}

fn end_of(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    let next = day.checked_add(1.day()).ok()?.to_datetime(Time::midnight());
    next.to_zoned(zone.clone()).ok()?.timestamp().checked_sub(1.millisecond()).ok()
}

/// `12:48`, `9:05` or `12:48:10`.
fn time_of_day(text: &str) -> Option<Time> {
    let parts: Vec<&str> = text.split(':').collect();
    let number = |text: &str| (1..=2).contains(&text.len()).then(|| text.parse::<i8>().ok())?;
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] => (number(hour)?, number(minute)?, 0),
        [hour, minute, second] => (number(hour)?, number(minute)?, number(second)?),
        _ => return None,
    };
    Time::new(hour, minute, second, 0).ok()
}

/// A date, or a day by its name, in small letters.
pub fn day(text: &str, today: Date, toward: Toward) -> Option<Date> {
    match text {
        "today" => return Some(today),
        "yesterday" => return today.checked_sub(1.day()).ok(),
        "tomorrow" => return today.checked_add(1.day()).ok(),
        _ => {}
    }
    let names = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    if let Some((_, weekday)) =
        names.iter().find(|(name, _)| text == *name || (text.len() == 3 && name.starts_with(text)))
    {
        let nth = if toward == Toward::Past { -1 } else { 1 };
        return today.nth_weekday(nth, *weekday).ok();
    }
    (text.len() == 10).then(|| text.parse::<Date>().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date_a_time_of_day_or_a_word() {
        let zone = TimeZone::get("Europe/London").unwrap();
        // A Friday, summer time.
        let now: Timestamp = "2026-06-12T09:30:00Z".parse().unwrap();
        let meant = |text: &str, side| moment(text, &zone, now, side, Toward::Past).map(|at| at.to_string());
        for (text, begin, end) in [
            ("2026-06-01T10:00:00Z", "2026-06-01T10:00:00Z", "2026-06-01T10:00:00Z"),
            ("2026-06-01T10:00", "2026-06-01T09:00:00Z", "2026-06-01T09:00:00Z"),
            ("2026-06-01 10:00", "2026-06-01T09:00:00Z", "2026-06-01T09:00:00Z"),
            ("2026-06-01T10:00:30", "2026-06-01T09:00:30Z", "2026-06-01T09:00:30Z"),
            ("2026-06-01", "2026-05-31T23:00:00Z", "2026-06-01T22:59:59.999Z"),
            ("yesterday", "2026-06-10T23:00:00Z", "2026-06-11T22:59:59.999Z"),
            ("today", "2026-06-11T23:00:00Z", "2026-06-12T22:59:59.999Z"),
            ("8:05", "2026-06-12T07:05:00Z", "2026-06-12T07:05:00Z"),
            ("today 12:48", "2026-06-12T11:48:00Z", "2026-06-12T11:48:00Z"),
            ("Yesterday at 12:48", "2026-06-11T11:48:00Z", "2026-06-11T11:48:00Z"),
            ("saturday", "2026-06-05T23:00:00Z", "2026-06-06T22:59:59.999Z"),
            ("Fri 19:00", "2026-06-05T18:00:00Z", "2026-06-05T18:00:00Z"),
            ("now", "2026-06-12T09:30:00Z", "2026-06-12T09:30:00Z"),
            ("tomorrow 9:00", "2026-06-13T08:00:00Z", "2026-06-13T08:00:00Z"),
        ] {
            assert_eq!(meant(text, Side::Begin).as_deref(), Some(begin), "{text}");
            assert_eq!(meant(text, Side::End).as_deref(), Some(end), "{text}");
        }
        for text in ["tomorrow-ish", "25:00", "12:60", "", "next friday", "1:2:3:4"] {
            assert_eq!(meant(text, Side::End).filter(|_| !text.is_empty()), None, "{text}");
        }
    }
    #[test]
    fn the_name_of_a_day_is_the_one_before_or_the_one_to_come() {
        let friday: Date = "2026-06-12".parse().unwrap();
        let meant = |text: &str, toward| day(text, friday, toward).map(|day| day.to_string());
        for (text, past, future) in [
            ("friday", "2026-06-05", "2026-06-19"),
            ("mon", "2026-06-08", "2026-06-15"),
            ("tomorrow", "2026-06-13", "2026-06-13"),
            ("2026-12-18", "2026-12-18", "2026-12-18"),
        ] {
            assert_eq!(meant(text, Toward::Past).as_deref(), Some(past), "{text}");
            assert_eq!(meant(text, Toward::Future).as_deref(), Some(future), "{text}");
        }
        assert_eq!(meant("12:48", Toward::Future), None);
    }
}
