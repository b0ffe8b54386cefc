//! When something is meant to happen: `daily at 22:00`, `weekly on Fri at 17:00`, `every 4h`.
//!
//! A schedule names times of the school's own clock. The rules where that clock misbehaves:
//! - a time that the spring change leaves out happens at the first instant after the gap;
//! - a time that the autumn change repeats happens on its first pass only;
//! - `monthly on 31` means the month's last day where the month is shorter;
//! - `every 4h` counts elapsed time from each local midnight and btarts over at the next, so the
//!   short and the long day have no gap longer than it;
//! - two times of one schedule that fall on the same instant are one.

mod parse;
mod pattern;
mod slots;
#[cfg(test)]
mod tests;

use std::fmt;

use croner::Cron;
use jiff::SignedDuration;
use jiff::civil::Time;

use crate::days::{Days, time_text};
use crate::period::Period;

pub(crate) use parse::EXPECTED;
pub(crate) use parse::weekly_moment;
pub(crate) use slots::instant;

/// When something is meant to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// Every day.
    Daily {
        /// The time of day.
        at: Time,
    },
    /// On some days of each week.
    Weekly {
        /// Which.
        on: Days,
        /// The time of day.
        at: Time,
    },
    /// On one day of each month.
    Monthly {
        /// 1 to 31; the last day where the month is shorter.
        on: i8,
        /// The time of day.
        at: Time,
    },
    /// Again and again through the day, from midnight.
    Every(Period),
    /// By a cron pattern of five fields.
    Cron(Box<Cron>),
}

impl Schedule {
    /// The longest that two slots lie apart, by a clock that is never changed.
    #[must_use]
    pub fn interval(&self) -> SignedDuration {
        match self {
            Self::Daily { .. } => SignedDuration::from_hours(24),
            Self::Weekly { on, .. } => SignedDuration::from_hours(24 * longest_gap_in_days(*on)),
            Self::Monthly { .. } => SignedDuration::from_hours(24 * 31),
            Self::Every(period) => period.longest(),
            Self::Cron(cron) => pattern::longest_gap(cron),
        }
    }

    /// How often, in the words of a backup table: `daily`, `weekly`, `every 4h`.
    #[must_use]
    pub fn often(&self) -> String {
        match self {
            Self::Daily { .. } => "daily".to_owned(),
            Self::Weekly { on, .. } if on.iter().count() == 1 => "weekly".to_owned(),
            Self::Weekly { on, .. } => format!("weekly on {on}"),
            Self::Monthly { .. } => "monthly".to_owned(),
            Self::Every(_) | Self::Cron(_) => self.to_string(),
        }
    }
}

/// The most days from one of `days` to the next.
fn longest_gap_in_days(days: Days) -> i64 {
    let places: Vec<i64> = days.iter().map(|day| i64::from(day.to_monday_zero_offset())).collect();
    let gaps = places.windows(2).map(|pair| pair[1] - pair[0]);
    let around = match (places.first(), places.last()) {
        (Some(first), Some(last)) => first + 7 - last,
        _ => 7,
    };
    gaps.chain([around]).max().unwrap_or(7)
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daily { at } => write!(f, "daily at {}", time_text(*at)),
            Self::Weekly { on, at } => write!(f, "weekly on {on} at {}", time_text(*at)),
            Self::Monthly { on, at } => write!(f, "monthly on {on} at {}", time_text(*at)),
            Self::Every(period) => write!(f, "every {period}"),
            Self::Cron(cron) => write!(f, "cron {}", cron.as_str()),
        }
    }
}
