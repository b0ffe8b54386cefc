//! What is a system asked, and which answers are right? The same question goes to the living system when it is captured and to
//! the restored one in a rehearsal, and pure functions judge.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::calendar::Calendar;
use crate::period::Period;

/// One question of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// What is asked, as a head would say it.
    pub say: String,
    /// The same in SQL: one value.
    pub ask: String,
    /// By how many percent the answer may differ from the last one.
    pub within: Option<u8>,
    /// The least that it may be.
    pub at_least: Option<i64>,
    /// What it must be.
    pub equals: Option<String>,
    /// It is a moment, which may be no older than this, counted in days on which the school is open.
    pub newer_than: Option<Period>,
}

/// A page of a website, which is asked for when the website was restored and is served again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedPage {
    /// What it is, as a head would say it.
    pub say: String,
    /// Its address: a path of the website, or a whole one.
    pub page: String,
    /// What stands on it.
    pub contains: String,
}

/// Why an answer is not right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortfall {
    /// There was none, or it was no number where one was expected.
    Unanswered,
    /// It is less than the plan says.
    Few,
    /// It is another one than the plan says.
    Other,
    /// It is an older moment than the plan allows.
    Old,
    /// It differs from the last one by more than the plan allows.
    Changed,
}

impl Expect {
    /// Whether the answer is a moment, in seconds since 1970.
    #[must_use]
    pub fn is_moment(&self) -> bool {
        self.newer_than.is_some()
    }

    /// What an answer is worth as a number; a fraction is cut off.
    #[must_use]
    pub fn number(answer: &str) -> Option<i64> {
        let text = answer.trim();
        text.parse().ok().or_else(|| {
            let (whole, fraction) = text.split_once('.')?;
            let digits = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| whole.parse().ok()).flatten()
        })
    }

    /// Judges an answer that was given at `now`, where the last right one was `last`.
    #[must_use]
    pub fn missed(
        &self,
        answer: Option<&str>,
        last: Option<i64>,
        now: Timestamp,
        (calendar, zone): (&Calendar, &TimeZone),
    ) -> Option<Shortfall> {
        let Some(answer) = answer else { return Some(Shortfall::Unanswered) };
        let number = Self::number(answer);
        if self.equals.as_ref().is_some_and(|equals| equals.trim() != answer.trim()) {
            return Some(Shortfall::Other);
        }
        if (self.within.is_some() || self.at_least.is_some() || self.is_moment()) && number.is_none() {
            return Some(Shortfall::Unanswered);
        }
        let number = number?;
        if self.at_least.is_some_and(|least| number < least) {
            return Some(Shortfall::Few);
        }
        if let Some(newer) = self.newer_than {
            let Ok(at) = Timestamp::from_second(number) else { return Some(Shortfall::Unanswered) };
            if open_between(at, now, calendar, zone) > newer.longest() {
                return Some(Shortfall::Old);
            }
        }
        let (within, last) = (self.within?, last?);
        differs(number, last, within).then_some(Shortfall::Changed)
    }

    /// An answer for people.
    #[must_use]
    pub fn shown(&self, answer: Option<&str>, zone: &TimeZone) -> String {
        let Some(answer) = answer else { return "no answer".to_owned() };
        let moment = Self::number(answer).filter(|_| self.is_moment()).and_then(|at| Timestamp::from_second(at).ok());
        match moment {
            Some(at) => at.to_zoned(zone.clone()).strftime("%a %-d %b %Y %H:%M").to_string(),
            None => answer.to_owned(),
        }
    }
}

/// Whether two numbers differ by more than so many percent of the second.
fn differs(number: i64, last: i64, percent: u8) -> bool {
    let by = (i128::from(number) - i128::from(last)).abs();
    by * 100 > i128::from(last).abs() * i128::from(percent)
}

/// How much of the time between two moments lies on days on which the school is open.
fn open_between(from: Timestamp, until: Timestamp, calendar: &Calendar, zone: &TimeZone) -> SignedDuration {
    let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
    let begins = |date: Date| date.to_zoned(zone.clone()).map(|begin| begin.timestamp()).ok();
    let (mut date, last) = (day(from), day(until));
    let mut open = SignedDuration::ZERO;
    for _ in 0..DAYS_MAX {
        if date > last {
            return open;
        }
        let Ok(next) = date.tomorrow() else { return open };
        if calendar.is_school_day(date)
            && let (Some(begin), Some(end)) = (begins(date), begins(next))
        {
            let length = end.min(until).duration_since(begin.max(from));
            open = open.saturating_add(length.max(SignedDuration::ZERO));
        }
        date = next;
    }
    SignedDuration::MAX
}

/// What is older is old in any case.
const DAYS_MAX: usize = 4_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Expect {
        let (say, ask) = ("pupils on roll".to_owned(), "select 1".to_owned());
        Expect { say, ask, within: None, at_least: None, equals: None, newer_than: None }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn missed(expect: &Expect, answer: Option<&str>, last: Option<i64>) -> Option<Shortfall> {
        let now = at("2026-11-30T19:00:00Z");
        expect.missed(answer, last, now, (&Calendar::every_week(), &TimeZone::UTC))
    }

    #[test]
    fn half_the_pupils_are_a_change_and_one_fewer_is_none() {
        let expect = Expect { within: Some(5), at_least: Some(300), ..question() };
        assert_eq!(missed(&expect, Some("450"), None), None);
        assert_eq!(missed(&expect, Some("449"), Some(450)), None);
        assert_eq!(missed(&expect, Some("427"), Some(450)), Some(Shortfall::Changed));
        assert_eq!(missed(&expect, Some("473"), Some(450)), Some(Shortfall::Changed));
        assert_eq!(missed(&expect, Some("225"), Some(450)), Some(Shortfall::Few));
        assert_eq!(missed(&expect, Some("many"), Some(450)), Some(Shortfall::Unanswered));
        assert_eq!(missed(&expect, None, Some(450)), Some(Shortfall::Unanswered));
        assert_eq!(missed(&question(), Some("many"), None), None, "any answer does that is there");
        let zero = Expect { within: Some(5), ..question() };
        assert_eq!(missed(&zero, Some("1"), Some(0)), Some(Shortfall::Changed));
        assert_eq!(missed(&zero, Some("0"), Some(0)), None);
        assert_eq!(missed(&zero, Some("450.7"), Some(450)), None);
        let name = Expect { equals: Some("Hazel Bank".into()), ..question() };
        assert_eq!(missed(&name, Some("Hazel Bank"), None), None);
        assert_eq!(missed(&name, Some("Another"), None), Some(Shortfall::Other));
    }

    #[test]
    fn a_moment_ages_on_school_days_alone() {
        let expect = Expect { newer_than: Period::parse("26h"), ..question() };
        let age = |text: &str| missed(&expect, Some(&at(text).as_second().to_string()), None);
        // Monday evening: Monday's marks, and Friday's, of which a weekend lies between; not Thursday's.
        assert_eq!(age("2026-11-30T13:00:00Z"), None);
        assert_eq!(age("2026-11-27T18:00:00Z"), None);
        assert_eq!(age("2026-11-27T13:00:00Z"), Some(Shortfall::Old));
        assert_eq!(age("1970-01-01T00:00:00Z"), Some(Shortfall::Old));
        let after_the_weekend = at("2026-11-29T02:00:00Z");
        let friday = at("2026-11-27T13:00:00Z").as_second().to_string();
        let given = (&Calendar::every_week(), &TimeZone::UTC);
        assert_eq!(expect.missed(Some(&friday), None, after_the_weekend, given), None);
        assert_eq!(expect.shown(Some(&friday), &TimeZone::UTC), "Fri 27 Nov 2026 13:00");
    }
}
