//! Which days of the week, and which hours of them: `Mon-Fri 08:00-16:00`.

use std::fmt;

use jiff::civil::{DateTime, Time, Weekday};

/// A non-empty set of days of the week.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Days(u8);

const NAMES: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

fn index(day: Weekday) -> u8 {
    day.to_monday_zero_offset().unsigned_abs()
}

/// The three-letter name of a day.
#[must_use]
pub fn day_name(day: Weekday) -> &'static str {
    NAMES.iter().find(|(_, d)| *d == day).map_or("", |(name, _)| name)
}

/// Reads `Fri` or `Friday`, in any case.
#[must_use]
pub fn day_parse(text: &str) -> Option<Weekday> {
    let text = text.trim();
    let long = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let lower = text.to_ascii_lowercase();
    NAMES
        .iter()
        .zip(long)
        .find(|((short, _), long)| lower == short.to_ascii_lowercase() || lower == *long)
        .map(|((_, day), _)| *day)
}

/// Reads `08:00`; hours and minutes only.
#[must_use]
pub fn time_parse(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits =
        |part: &str, least: usize| part.len() >= least && part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour, 1) || !digits(minute, 2) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// A time of day as `08:00`.
pub(crate) fn time_text(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

impl Days {
    /// One day.
    #[must_use]
    pub fn one(day: Weekday) -> Self {
        Self(1 << index(day))
    }

    /// Monday to Friday.
    #[must_use]
    pub const fn weekdays() -> Self {
        Self(0b1_1111)
    }

    /// Whether `day` is one of them.
    #[must_use]
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & (1 << index(day)) != 0
    }

    /// Each of them, Monday first.
    pub fn iter(self) -> impl Iterator<Item = Weekday> {
        NAMES.into_iter().map(|(_, day)| day).filter(move |day| self.contains(*day))
    }

    /// Reads `Fri`, `Mon, Thu`, `Mon-Fri`, `Sat-Mon`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut days = 0;
        for part in text.split(',') {
            let (from, until) = match part.split_once('-') {
                Some((from, until)) => (day_parse(from)?, day_parse(until)?),
                None => (day_parse(part)?, day_parse(part)?),
            };
            let mut day = from;
            days |= 1 << index(day);
            while day != until {
                day = day.next();
                days |= 1 << index(day);
            }
        }
        Some(Self(days))
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::weekdays() {
            return f.write_str("Mon-Fri");
        }
        let names: Vec<&str> = self.iter().map(day_name).collect();
        f.write_str(&names.join(","))
    }
}

impl fmt::Debug for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Hours of some days of the week, within one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// On which days.
    pub days: Days,
    /// From this time of day.
    pub from: Time,
    /// Until just before this time of day.
    pub until: Time,
}

impl Hours {
    /// Reads `Mon-Fri 08:00-16:00`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (days, times) = text.trim().rsplit_once(' ')?;
        let (from, until) = times.split_once('-')?;
        let hours = Self { days: Days::parse(days)?, from: time_parse(from)?, until: time_parse(until)? };
        (hours.from < hours.until).then_some(hours)
    }

    /// Whether the local time `at` lies in them.
    #[must_use]
    pub fn contains(&self, at: DateTime) -> bool {
        self.days.contains(at.weekday()) && self.from <= at.time() && at.time() < self.until
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}-{}", self.days, time_text(self.from), time_text(self.until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_days_read_back() {
        for (text, shown) in [
            ("Fri", "Fri"),
            ("friday", "Fri"),
            ("Mon-Fri", "Mon-Fri"),
            ("Mon, Thu", "Mon,Thu"),
            ("Sat-Mon", "Mon,Sat,Sun"),
        ] {
            assert_eq!(Days::parse(text).unwrap().to_string(), shown);
        }
        for text in ["", "Fry", "Mon-", "Mon,,Tue"] {
            assert_eq!(Days::parse(text), None, "{text}");
        }
    }

    #[test]
    fn hours_end_after_they_begin() {
        let hours = Hours::parse("Mon-Fri 08:00-16:00").unwrap();
        assert_eq!(hours.to_string(), "Mon-Fri 08:00-16:00");
        assert!(hours.contains("2026-11-20T08:00:00".parse().unwrap()));
        assert!(!hours.contains("2026-11-20T16:00:00".parse().unwrap()));
        assert!(!hours.contains("2026-11-21T09:00:00".parse().unwrap()));
        for text in ["08:00-16:00", "Mon 16:00-08:00", "Mon 8-16", "Mon 08:00-25:00"] {
            assert_eq!(Hours::parse(text), None, "{text}");
        }
    }
}
