//! Is the school open that day? Terms, half-terms, closures, bank holidays and INSET days.
//!
//! Automatic jobs run all year; only what people must do moves with the calendar. Without a
//! calendar, and outside the days that one covers, every week counts: Monday to Friday.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use crate::target::Shift;

/// First and last day of something, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// What people call it.
    pub name: String,
    /// First day.
    pub from: Date,
    /// Last day.
    pub until: Date,
}

impl Stretch {
    fn contains(&self, date: Date) -> bool {
        self.from <= date && date <= self.until
    }
}

/// The school's year.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Its terms, earliest first.
    pub terms: Vec<Stretch>,
    /// Half-terms, bank holidays and closures: nobody is there.
    pub closures: Vec<Stretch>,
    /// Staff are there, pupils are not.
    pub inset: Vec<Stretch>,
    /// The last day it speaks of; after it every week counts again.
    pub covers_until: Option<Date>,
}

impl Calendar {
    /// The calendar of a school that wrote none: every week counts.
    #[must_use]
    pub fn every_week() -> Self {
        Self::default()
    }

    /// Whether it says anything about `date`.
    #[must_use]
    pub fn covers(&self, date: Date) -> bool {
        let until = self.covers_until.or_else(|| self.terms.last().map(|term| term.until));
        self.terms.first().is_some_and(|term| term.from <= date) && until.is_some_and(|until| date <= until)
    }

    /// Whether pupils are in school.
    #[must_use]
    pub fn is_school_day(&self, date: Date) -> bool {
        self.is_operating_day(date) && !self.inset.iter().any(|inset| inset.contains(date))
    }

    /// Whether staff are in school, so that a disk can be carried: school days and INSET.
    #[must_use]
    pub fn is_operating_day(&self, date: Date) -> bool {
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        let closed = self.closures.iter().any(|closure| closure.contains(date));
        let in_term = !self.covers(date)
            || self.terms.iter().any(|term| term.contains(date))
            || self.inset.iter().any(|inset| inset.contains(date));
        !weekend && !closed && in_term
    }

    /// The term that holds `date`.
    #[must_use]
    pub fn term_of(&self, date: Date) -> Option<&Stretch> {
        self.terms.iter().find(|term| term.contains(date))
    }

    /// The day on which people do what was meant for `date`; `None` if it is left out.
    #[must_use]
    pub fn shift(&self, date: Date, shift: Shift) -> Option<Date> {
        if self.is_operating_day(date) {
            return Some(date);
        }
        let step = match shift {
            Shift::Previous => -1,
            Shift::Next => 1,
            Shift::Skip => return None,
        };
        (1..=LONGEST_BREAK)
            .map_while(|n| date.checked_add((step * n).days()).ok())
            .find(|day| self.is_operating_day(*day))
    }

    /// The first operating day at or after `date` plus `count` operating days: `0` is today or
    /// the next staffed morning.
    #[must_use]
    pub fn operating_days_after(&self, date: Date, count: u32) -> Option<Date> {
        let mut day = self.shift(date, Shift::Next)?;
        for _ in 0..count {
            day = self.shift(day.tomorrow().ok()?, Shift::Next)?;
        }
        Some(day)
    }
}

/// A break longer than this is no break: the calendar is wrong.
const LONGEST_BREAK: i64 = 120;

/// The first two of some terms, earliest first, that overlap.
pub(crate) fn in_order(terms: &[Stretch]) -> Option<(&str, &str)> {
    let pair = terms.windows(2).find(|pair| pair[1].from <= pair[0].until)?;
    Some((&pair[0].name, &pair[1].name))
}
