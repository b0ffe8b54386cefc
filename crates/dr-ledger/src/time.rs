//! Which entries speak of a time that has come, and up to when does the ledger show that time went by?
//!
//! A clock may be wrong for a day: a battery is empty, a time was mistyped. What was noted under it stays in the ledger,
//! in its order, and says nothing about when: an entry whose time has not come is no evidence of a copy, a look, a
//! letter or a decision. Neither is one that a later entry contradicts: if the clock was set back after it, then its own
//! time was wrong, and stays wrong when that time comes. Nobody knows which of two clocks was right, so whoever asks
//! acts as if the work had not been done: a copy too many harms nobody.
//!
//! What people did with disks, what was founded where, and that an alert ended is told by the order of entries and always
//! counts. An alert that ended under a wrong clock is raised again if it has to be; one that was taken for open would
//! keep the next trouble of its name from being told.
//!
//! All of it is pure; see decision 0026.

use jiff::{SignedDuration, Timestamp};

use crate::entry::Entry;
use crate::event::{CopyOutcome, Event};

/// Clocks that are kept right are put back by moments.
pub const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(5);
/// A time that lags the next one by more than this, with earlier entries in between, is of a clock that was behind. Rounds
/// write something each night.
const LAG: SignedDuration = SignedDuration::from_hours(36);
/// Entries that follow one another so closely are of one evening, and of one clock.
const EVENING: SignedDuration = SignedDuration::from_hours(6);
/// The longest pause after which a clock is believed at once: half-term with both its weekends.
const PAUSE: SignedDuration = SignedDuration::from_hours(24 * 10);
/// So long must a ledger go on after a leap of the clock before the new time is believed.
const SETTLED: SignedDuration = SignedDuration::from_hours(24 * 7);

/// The time of whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The time that decisions are made with.
    pub decided: Timestamp,
    /// The time on the clock.
    pub real: Timestamp,
    /// Whether what was decided under a clock that was moved ahead counts when that time has come: in a sample school
    /// and in tests, which live at chosen times.
    pub moved_counts: bool,
}

impl Now {
    /// By a clock that nobody moved.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { decided: now, real: now, moved_counts: false }
    }
}

impl Event {
    /// Whether it says that something was done at a time, and so is evidence only once that time has come.
    #[must_use]
    pub fn is_dated(&self) -> bool {
        matches!(
            self,
            Self::RunStarted { .. }
                | Self::RunFinished { .. }
                | Self::RunKilled { .. }
                | Self::Verified { .. }
                | Self::Restored { .. }
                | Self::Mounted { .. }
                | Self::Rehearsed { .. }
                | Self::LetterWritten { .. }
                | Self::Accepted { .. }
                | Self::PlanRead { .. }
                | Self::StateSealed { .. }
                | Self::AlertRaised { .. }
                | Self::CodeIssued { .. }
        )
    }
}

impl Entry {
    /// The latest moment of which it says that it has been: its own, a slot that was served, the beginning of a capture.
    #[must_use]
    pub fn speaks_of(&self) -> Timestamp {
        let told = match &self.event {
            Event::RunStarted { slots, .. } => slots.values().max().copied(),
            Event::RunFinished { capture_started, copies, .. } => {
                copies.iter().filter_map(|copy| copy.slot).max().max(*capture_started)
            }
            _ => None,
        };
        told.map_or(self.decided, |told| told.max(self.decided))
    }

    /// Whether everything that it speaks of can have been by `now`.
    #[must_use]
    pub fn has_come(&self, now: Timestamp) -> bool {
        self.speaks_of() <= later(now, CLOCK_SLACK)
    }
}

/// For each of `entries`, oldest first: whether it is evidence for who asks now.
#[must_use]
pub fn counted(entries: &[Entry], now: Now) -> Vec<bool> {
    let moved = now.decided.duration_since(now.real).max(SignedDuration::ZERO) + CLOCK_SLACK;
    let limits = limits(entries, now.real);
    let counts = |(entry, limit): (&Entry, Timestamp)| {
        !entry.event.is_dated()
            || entry.has_come(now.decided)
                && entry.real <= later(limit, CLOCK_SLACK)
                && (now.moved_counts || entry.decided.duration_since(entry.real) <= moved)
    };
    entries.iter().zip(limits).map(counts).collect()
}

/// Those of `entries` that are evidence for who asks now, in their order; `None` if all are.
#[must_use]
pub fn evidence(entries: &[Entry], now: Now) -> Option<Vec<Entry>> {
    let counted = counted(entries, now);
    if counted.iter().all(|counts| *counts) {
        return None;
    }
    Some(entries.iter().zip(counted).filter(|(_, counts)| *counts).map(|(entry, _)| entry.clone()).collect())
}

/// For each entry the time on the clock that it cannot have been after, going by what came later.
fn limits(entries: &[Entry], now: Timestamp) -> Vec<Timestamp> {
    let mut newest_before = Vec::with_capacity(entries.len());
    let mut newest = Timestamp::MIN;
    // For each entry where its evening began, if the clock had leapt before that. A clock that is known to have been ahead
    // in the end of such an evening was ahead in all of it, also where that time has come meanwhile.
    let mut evenings = Vec::with_capacity(entries.len());
    let (mut evening, mut last) = (None, None);
    for (place, entry) in entries.iter().enumerate() {
        newest_before.push(newest);
        newest = newest.max(entry.real);
        let step = last.map_or(SignedDuration::ZERO, |last| entry.real.duration_since(last));
        if step > EVENING || step < SignedDuration::ZERO {
            evening = (step > LAG).then_some(place);
        }
        evenings.push(evening);
        last = Some(entry.real);
    }
    let mut limits = vec![now; entries.len()];
    let mut limit = now;
    // From here on up to the place that was looked at, all is of a clock that was ahead.
    let mut doubted = entries.len();
    for place in (0..entries.len()).rev() {
        let real = entries[place].real;
        if place >= doubted {
            limits[place] = Timestamp::MIN;
            continue;
        }
        limits[place] = limit;
        if real >= limit {
            if real > later(limit, CLOCK_SLACK) {
                doubted = evenings[place].unwrap_or(doubted);
            }
            continue;
        }
        let lags = limit.duration_since(real) > LAG && newest_before[place] > real;
        if !(lags && was_behind(&entries[..place], real, limit)) {
            limit = real;
        }
    }
    limits
}

/// Whether a clock that showed `real` after the entries in `before` was behind: some of them fit what came later, up to
/// `limit`, better than it does, and they came there step by step, or went on there for a week. If a leap led past `real`
/// to a few hours, then rather that was of a clock that was ahead.
fn was_behind(before: &[Entry], real: Timestamp, limit: Timestamp) -> bool {
    let between = |entry: &&Entry| entry.real > later(real, CLOCK_SLACK) && entry.real <= limit;
    let Some(first) = before.iter().position(|entry| between(&entry)) else { return false };
    let reached = before[first].real;
    let came_from = before[..first].iter().map(|entry| entry.real).filter(|time| *time <= reached).max();
    let step_by_step = came_from.is_none_or(|from| reached.duration_since(from) <= LAG);
    let those = || before.iter().filter(between).map(|entry| entry.real);
    let went_on = || those().max().zip(those().min()).is_some_and(|(to, from)| to.duration_since(from) >= SETTLED);
    step_by_step || went_on()
}

/// A stretch of time in which entries follow one another.
#[derive(Debug, Clone, Copy)]
struct Life {
    from: Timestamp,
    to: Timestamp,
}

impl Life {
    fn at(time: Timestamp) -> Self {
        Self { from: time, to: time }
    }

    /// Whether `time` goes on from here; then it is part of it.
    fn goes_on(&mut self, time: Timestamp) -> bool {
        let goes_on = later(time, LAG) >= self.to && time <= later(self.to, PAUSE);
        if goes_on {
            self.to = self.to.max(time);
        }
        goes_on
    }

    fn is_settled(&self) -> bool {
        self.to.duration_since(self.from) >= SETTLED
    }
}

/// Up to when the ledger shows that time went by, by the clock, asked at `now`: after a leap of more than ten days the
/// new time is believed when the ledger has gone on for a week.
fn life(entries: &[Entry], now: Timestamp) -> Option<Life> {
    let (mut known, mut leapt): (Option<Life>, Option<Life>) = (None, None);
    for time in entries.iter().map(|entry| entry.real).chain([now]) {
        let Some(life) = &mut known else {
            known = Some(Life::at(time));
            continue;
        };
        if life.goes_on(time) {
            leapt = None;
            continue;
        }
        match leapt.as_mut().map(|other| (other.goes_on(time), other.is_settled())) {
            Some((true, false)) => {}
            Some((true, true)) => known = leapt.take(),
            _ => leapt = Some(Life::at(time)),
        }
    }
    known.filter(|_| !entries.is_empty())
}

/// The time by which ages are to be judged where something would go for good: `now.decided`, less what the clock leapt
/// ahead and the ledger does not bear out.
#[must_use]
pub fn borne_out(entries: &[Entry], now: Now) -> Timestamp {
    let leapt = life(entries, now.real).map_or(SignedDuration::ZERO, |life| now.real.duration_since(life.to));
    now.decided.checked_sub(leapt.max(SignedDuration::ZERO)).unwrap_or(now.decided)
}

/// What is noted of a time that has not come, and is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead {
    /// How many entries.
    pub count: usize,
    /// The first one's place in the ledger.
    pub first: u64,
    /// The last one's.
    pub last: u64,
    /// The latest moment that they speak of.
    pub until: Timestamp,
    /// The ledger shows a week and more of life after now, so that it is rather now that is wrong.
    pub behind: bool,
}

/// What `entries` hold of a time that has not come at `now`. `None` if there is nothing like that, or it is over: a copy was
/// made since, under a clock that fits now, and the ledger has not lived beyond now.
#[must_use]
pub fn ahead(entries: &[Entry], now: Timestamp) -> Option<Ahead> {
    let comes = |entry: &Entry| entry.speaks_of().max(entry.real);
    let still = |entry: &&Entry| entry.event.is_dated() && comes(entry) > later(now, CLOCK_SLACK);
    let copied = |entry: &Entry| match &entry.event {
        Event::RunFinished { copies, .. } if comes(entry) <= later(now, CLOCK_SLACK) => {
            copies.iter().any(|copy| copy.outcome == CopyOutcome::Done)
        }
        _ => false,
    };
    let behind = life(entries, now).is_some_and(|life| life.is_settled() && life.to > later(now, LAG));
    let from = if behind { 0 } else { entries.iter().rposition(copied).unwrap_or(0) };
    let those = || entries[from..].iter().filter(still);
    Some(Ahead {
        count: those().count(),
        first: those().next()?.n,
        last: those().next_back()?.n,
        until: those().map(comes).max()?,
        behind,
    })
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Authenticated, Body};

    fn time(text: &str) -> Timestamp {
        let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T20:00:00Z") };
        whole.parse().unwrap()
    }

    fn noted(times: &[&str]) -> Vec<Entry> {
        let event = |n: u64| Event::LetterWritten {
            number: n,
            status: crate::LetterStatus::Green,
            subject: String::new(),
            text_blake3: crate::Digest::of(b""),
            html_blake3: None,
        };
        let entry = |(n, text): (u64, &&str)| {
            let at = time(text);
            Body { decided: at, real: at, by: None, authenticated: Authenticated::System, event: event(n) }.numbered(n)
        };
        (1..).zip(times).map(entry).collect()
    }

    fn counts(times: &[&str], now: &str) -> String {
        let counted = counted(&noted(times), Now::at(time(now)));
        counted.into_iter().map(|counts| if counts { '+' } else { '-' }).collect()
    }

    #[test]
    fn what_is_of_a_time_that_has_not_come_is_no_evidence() {
        assert_eq!(counts(&["2026-11-30", "2030-06-03", "2030-06-03T20:05:00Z"], "2026-12-01"), "+--");
        // A clock that is kept right is put back by moments.
        assert_eq!(counts(&["2026-11-30T20:04:00Z"], "2026-11-30"), "+");
    }

    #[test]
    fn a_clock_that_was_a_day_ahead_is_not_believed_when_that_day_comes() {
        let all = ["2026-11-29", "2026-11-30", "2026-12-02", "2026-12-01T09:00:00Z"];
        assert_eq!(counts(&all, "2026-12-01T10:00:00Z"), "++-+");
        assert_eq!(counts(&all, "2026-12-02T21:00:00Z"), "++-+");
        let later = ["2026-11-29", "2026-11-30", "2026-12-02", "2026-12-01T09:00:00Z", "2026-12-02T21:00:00Z"];
        assert_eq!(counts(&later, "2026-12-09"), "++-++");
    }

    #[test]
    fn after_a_day_with_the_clock_behind_everything_is_as_before() {
        let all = ["2026-11-29", "2026-11-30", "2020-01-01T00:03:00Z", "2020-01-01T12:00:00Z"];
        assert_eq!(counts(&all, "2020-01-01T12:01:00Z"), "--++");
        assert_eq!(counts(&all, "2026-12-01T21:00:00Z"), "++++");
        let later = ["2026-11-29", "2026-11-30", "2020-01-01T00:03:00Z", "2026-12-01", "2026-12-02"];
        assert_eq!(counts(&later, "2026-12-02T21:00:00Z"), "+++++");
    }

    #[test]
    fn a_clock_that_was_days_ahead_is_not_believed_when_rounds_are_missing_before_that_day_comes() {
        // Nine days ahead on the 9th; the server is off on the 17th, or the ledger lost its end.
        let days = ["2026-10-07", "2026-10-08", "2026-10-18", "2026-10-18T22:44:00Z", "2026-10-10", "2026-10-16"];
        assert_eq!(counts(&days, "2026-10-18T21:00:00Z"), "++--++");
        assert_eq!(counts(&days, "2026-10-19T21:00:00Z"), "++--++");
        let later = [&days[..], &["2026-10-18T20:01:00Z", "2026-10-19"]].concat();
        assert_eq!(counts(&later, "2026-10-25"), "++--++++");
        // Two days ahead on a Thursday, and off over the weekend.
        let weekend = ["2026-10-07", "2026-10-10", "2026-10-09T15:00:00Z"];
        assert_eq!(counts(&weekend, "2026-10-12T07:00:00Z"), "+-+");
    }

    #[test]
    fn an_evening_of_which_the_end_has_not_come_was_under_a_clock_that_was_ahead_from_its_beginning() {
        // Nine days ahead on the 11th; nine days later the ledger of that evening is put back in the place of a newer one.
        let days = ["2026-09-09", "2026-09-10", "2026-09-20T20:30:00Z", "2026-09-20T22:40:00Z"];
        assert_eq!(counts(&days, "2026-09-20T20:45:00Z"), "++--");
        let later = [&days[..], &["2026-09-20T20:46:00Z", "2026-09-21"]].concat();
        assert_eq!(counts(&later, "2026-09-22"), "++--++");
        // Where nothing of it is ahead, nothing is known; and a clock that goes wrong for an hour costs no earlier evening.
        assert_eq!(counts(&days, "2026-09-20T23:00:00Z"), "++++");
        let hour = ["2026-09-09", "2026-09-10", "2026-09-10T22:00:00Z"];
        assert_eq!(counts(&hour, "2026-09-10T20:10:00Z"), "++-");
    }

    #[test]
    fn a_clock_that_goes_back_into_days_that_were_lived_was_behind() {
        let days = ["2026-10-07", "2026-10-08", "2026-10-09", "2026-10-10", "2026-10-08T20:30:00Z", "2026-10-12"];
        assert_eq!(counts(&days, "2026-10-12T21:00:00Z"), "++++++");
        // Back into a holiday, after more than a week of school.
        let autumn = ["2026-07-20", "2026-09-02", "2026-09-04", "2026-09-09", "2026-08-12", "2026-09-11"];
        assert_eq!(counts(&autumn, "2026-09-11T21:00:00Z"), "++++++");
    }

    #[test]
    fn that_an_alert_ended_counts_under_whichever_clock() {
        let mut entries = noted(&["2026-11-30", "2026-12-03", "2026-12-01"]);
        entries[1].event = Event::AlertEnded { alert: "mis/failed".into() };
        assert_eq!(counted(&entries, Now::at(time("2026-12-01T21:00:00Z"))), [true, true, true]);
    }

    #[test]
    fn what_was_decided_ahead_of_the_clock_counts_for_who_decides_as_far_ahead() {
        let mut entries = noted(&["2026-11-30"]);
        entries[0].decided = time("2026-12-01");
        let asked = |decided: &str, real: &str, moved_counts| {
            counted(&entries, Now { decided: time(decided), real: time(real), moved_counts })[0]
        };
        assert!(
            !asked("2026-12-01T21:00:00Z", "2026-12-01T21:00:00Z", false),
            "that day has come, and nothing was done"
        );
        assert!(asked("2026-12-01T21:00:00Z", "2026-11-30T21:00:00Z", false));
        assert!(asked("2026-12-01T21:00:00Z", "2026-12-01T21:00:00Z", true));
    }

    #[test]
    fn a_leap_of_the_clock_ages_nothing_until_a_week_has_borne_it_out() {
        let aged = |times: &[&str], now: &str| borne_out(&noted(times), Now::at(time(now)));
        assert_eq!(aged(&[], "2030-06-03"), time("2030-06-03"));
        assert_eq!(aged(&["2026-11-20", "2026-11-30"], "2026-12-09"), time("2026-12-09"));
        assert_eq!(aged(&["2026-11-20", "2026-11-30"], "2030-06-03"), time("2026-11-30"));
        let leapt = ["2026-11-20", "2026-11-30", "2030-06-03", "2030-06-04"];
        assert_eq!(aged(&leapt, "2030-06-05"), time("2026-11-30"));
        assert_eq!(aged(&leapt, "2026-12-01"), time("2026-12-01"));
        // A summer with the server off: after a week of rounds it is the new time.
        assert_eq!(aged(&["2026-07-20", "2026-09-02", "2026-09-08", "2026-09-09"], "2026-09-10"), time("2026-09-10"));
        // A day in 2020 changes nothing about the days before it.
        assert_eq!(aged(&["2026-11-29", "2026-11-30", "2020-01-01"], "2026-12-01"), time("2026-12-01"));
    }

    #[test]
    fn what_is_ahead_is_told_with_whether_the_clock_is_rather_behind_now() {
        assert_eq!(ahead(&noted(&["2026-11-30"]), time("2026-12-01")), None);
        let one = ahead(&noted(&["2026-11-30", "2030-06-03", "2026-12-01"]), time("2026-12-02")).unwrap();
        assert_eq!((one.count, one.first, one.last, one.until), (1, 2, 2, time("2030-06-03")));
        assert!(!one.behind);
        let bios = ahead(&noted(&["2026-11-20", "2026-11-29"]), time("2020-01-01")).unwrap();
        assert!(bios.behind);
    }
}
