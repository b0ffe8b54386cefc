//! Times, days and periods as they are typed.

use std::time::Duration;

use dr_plan::Period;
use dr_run::School;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::exit::Failure;
use crate::moment::{HOW, HOW_DAY, Side, Toward};
use crate::{moment, shown};

/// A time as people write it: with its offset, or else at the school, whose now is the one that is decided by.
///
/// # Errors
/// A sentence that says how to write it.
pub fn time(text: &str, school: &School, side: Side, toward: Toward) -> Result<Timestamp, Failure> {
    let (zone, now) = (&school.plan.school.timezone, school.clock.decided());
    moment::moment(text, zone, now, side, toward).ok_or_else(|| no_time(text))
}

/// A day that has not come, as the last or the first on which something holds.
///
/// # Errors
/// A sentence that says how to write it.
pub fn day(text: &str, school: &School) -> Result<Date, Failure> {
    let today = school.clock.decided().to_zoned(school.plan.school.timezone.clone()).date();
    moment::day(&text.trim().to_lowercase(), today, Toward::Future)
        .ok_or_else(|| Failure::usage(format!("invalid date `{}`: {HOW_DAY}", shown::name(text.as_bytes()))))
}

/// Why a text is no time.
pub fn no_time(text: &str) -> Failure {
    Failure::usage(format!("invalid time `{}`: {HOW}", shown::name(text.as_bytes())))
}

/// How long something may take: `90s`, `30m`, `2h`.
///
/// # Errors
/// A sentence that says how it is written.
pub fn period(text: &str) -> Result<Duration, String> {
    let wrong = || "it is a number and a unit, such as `90s`, `30m` or `2h`".to_owned();
    let span = Period::parse(text).ok_or_else(wrong)?.longest();
    Duration::try_from(span).map_err(|_| wrong())
}
