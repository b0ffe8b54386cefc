//! Is this text a schedule? Reads the words of [`Schedule`].

use croner::parser::{CronParser, Seconds, Year};
use jiff::SignedDuration;

use super::{Schedule, pattern};
use crate::days::{Days, day_parse, time_parse};
use crate::period::Period;

/// What may stand where a schedule is wanted.
pub(crate) const EXPECTED: &str = "a schedule such as \"daily at 19:30\", \"weekly on Fri at 17:00\", \"monthly on 1 at 02:00\", \"every 4h\" or \"cron 30 19 * * *\"";

impl Schedule {
    /// Reads a schedule.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        match word {
            "daily" => daily(rest),
            "weekly" => weekly(rest),
            "monthly" => monthly(rest),
            "every" => return every(rest),
            "cron" => return cron(rest),
            _ => None,
        }
        .ok_or_else(|| EXPECTED.to_owned())
    }
}

fn daily(rest: &str) -> Option<Schedule> {
    Some(Schedule::Daily { at: time_parse(rest.strip_prefix("at ")?)? })
}

fn weekly(rest: &str) -> Option<Schedule> {
    let (on, at) = rest.strip_prefix("on ")?.split_once(" at ")?;
    Some(Schedule::Weekly { on: Days::parse(on)?, at: time_parse(at)? })
}

fn monthly(rest: &str) -> Option<Schedule> {
    let (on, at) = rest.strip_prefix("on ")?.split_once(" at ")?;
    let on = on.trim().parse().ok().filter(|day| (1..=31).contains(day))?;
    Some(Schedule::Monthly { on, at: time_parse(at)? })
}

/// The shortest `every`: what calls us looks only every few minutes.
const EVERY_MIN: SignedDuration = SignedDuration::from_mins(5);

fn every(rest: &str) -> Result<Schedule, String> {
    let day = SignedDuration::from_hours(24);
    Period::parse(rest)
        .filter(|period| period.longest() >= EVERY_MIN && period.longest() <= day)
        .filter(|period| day.as_secs() % period.longest().as_secs() == 0)
        .map(Schedule::Every)
        .ok_or_else(|| "a part of a day after `every`: from 5m to 24h, and dividing 24h without a rest".to_owned())
}

fn cron(rest: &str) -> Result<Schedule, String> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    // The pattern's own text is kept for showing the plan: one space between fields, as written otherwise.
    let fields = rest.split_whitespace().collect::<Vec<_>>().join(" ");
    let cron = parser.parse(&fields).map_err(|error| format!("five cron fields after `cron` ({error})"))?;
    if pattern::never(&cron) {
        return Err("a cron pattern that happens at all: no day matches this one".to_owned());
    }
    Ok(Schedule::Cron(Box::new(cron)))
}

/// Reads `Fri 07:30`, the short way to say one moment of each week.
pub(crate) fn weekly_moment(text: &str) -> Option<Schedule> {
    let (day, at) = text.trim().split_once(' ')?;
    Some(Schedule::Weekly { on: Days::one(day_parse(day)?), at: time_parse(at)? })
}
