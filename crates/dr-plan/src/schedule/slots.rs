//! At which instants does a schedule fall? Wall-clock times first, then one rule for all of them.

use croner::Cron;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::Schedule;
use crate::schedule::pattern::cron_match;

impl Schedule {
    /// Every slot from `from` until just before `until`, in order.
    #[must_use]
    pub fn slots(&self, from: Timestamp, until: Timestamp, zone: &TimeZone) -> Vec<Timestamp> {
        let last = until.to_zoned(zone.clone()).date();
        let last = last.tomorrow().unwrap_or(last);
        let mut slots: Vec<Timestamp> = self
            .days(from, 1, zone)
            .take_while(|day| *day <= last)
            .flat_map(|day| self.on_day(day, zone))
            .filter(|slot| from <= *slot && *slot < until)
            .collect();
        slots.dedup();
        slots
    }

    /// The newest slot that is not after `now`.
    #[must_use]
    pub fn last_slot_at_or_before(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        self.days(now, -1, zone).find_map(|day| self.on_day(day, zone).into_iter().rfind(|slot| *slot <= now))
    }

    /// The first slot after `now`.
    #[must_use]
    pub fn next_after(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        self.days(now, 1, zone).find_map(|day| self.on_day(day, zone).into_iter().find(|slot| *slot > now))
    }

    /// The days to look at, going from `now` in the direction of `step`. They begin a day on the
    /// other side, since a slot may lie on another day than its wall-clock time says.
    fn days(&self, now: Timestamp, step: i8, zone: &TimeZone) -> Box<dyn Iterator<Item = Date>> {
        let ahead = move |day: Date| day.checked_add(i64::from(step).days()).ok();
        let today = now.to_zoned(zone.clone()).date();
        let start = today.checked_sub(i64::from(step).days()).unwrap_or(today);
        match self {
            Self::Cron(cron) => Box::new(cron_days(cron.clone(), start, step)),
            _ => Box::new(std::iter::successors(Some(start), move |day| ahead(*day))),
        }
    }

    /// The slots of one local day, in order, each once.
    fn on_day(&self, day: Date, zone: &TimeZone) -> Vec<Timestamp> {
        let mut slots: Vec<Timestamp> = match self {
            Self::Daily { at } => instant(day.to_datetime(*at), zone).into_iter().collect(),
            Self::Weekly { on, at } if on.contains(day.weekday()) => {
                instant(day.to_datetime(*at), zone).into_iter().collect()
            }
            Self::Monthly { on, at } if day.day() == (*on).min(day.days_in_month()) => {
                instant(day.to_datetime(*at), zone).into_iter().collect()
            }
            Self::Weekly { .. } | Self::Monthly { .. } => Vec::new(),
            Self::Every(period) => through_the_day(day, period.longest(), zone),
            Self::Cron(cron) => cron_times(cron, day).into_iter().filter_map(|at| instant(at, zone)).collect(),
        };
        slots.dedup();
        slots
    }
}

/// The instant of a wall-clock time: the first instant after a gap, the first pass of a fold.
pub(crate) fn instant(at: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(at).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(at).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(at).ok(),
        AmbiguousOffset::Gap { before, .. } => {
            // Read with the old offset, the missing time lies just after the change.
            let past = before.to_timestamp(at).ok()?;
            let after = past.checked_add(SignedDuration::from_secs(1)).ok()?;
            zone.preceding(after).next().map(|change| change.timestamp())
        }
    }
}

fn through_the_day(day: Date, step: SignedDuration, zone: &TimeZone) -> Vec<Timestamp> {
    let midnight = |day: Date| instant(day.to_datetime(jiff::civil::Time::midnight()), zone);
    let (Some(start), Some(end)) = (midnight(day), day.tomorrow().ok().and_then(midnight)) else {
        return Vec::new();
    };
    std::iter::successors(Some(start), |slot| slot.checked_add(step).ok()).take_while(|slot| *slot < end).collect()
}

/// The days on which the pattern matches, from `start` on in the direction of `step`.
fn cron_days(cron: Box<Cron>, start: Date, step: i8) -> impl Iterator<Item = Date> {
    let edge = move |day: Date| {
        if step < 0 { day.at(23, 59, 59, 0) } else { day.at(0, 0, 0, 0) }
    };
    let mut from = Some(start);
    std::iter::from_fn(move || {
        let day = cron_match(&cron, edge(from?), step)?.date();
        from = day.checked_add(i64::from(step).days()).ok();
        Some(day)
    })
}

/// The wall-clock times of one day.
fn cron_times(cron: &Cron, day: Date) -> Vec<DateTime> {
    let mut times = Vec::new();
    let mut from = day.at(0, 0, 0, 0);
    while let Some(at) = cron_match(cron, from, 1).filter(|at| at.date() == day) {
        times.push(at);
        match at.checked_add(1.minute()) {
            Ok(next) => from = next,
            Err(_) => break,
        }
    }
    times
}
