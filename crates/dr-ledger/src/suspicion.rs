//! Is what a system's newest run captured unlike what its runs before captured?
//!
//! A folder that somebody emptied by half, a sync that doubled it and files that were encrypted by an attacker all make
//! runs that succeed. Each shows in counts that the ledger has anyway, so this is a pure question about entries. The
//! norm is the median of up to eight runs before; with fewer than three there is none, and nothing is said. A change
//! that stays becomes the norm after some runs, so that nobody has to switch this off.

use dr_plan::{MediumId, SystemId, TargetId};
use jiff::Timestamp;

use crate::entry::Entry;
use crate::event::{CopyOutcome, Event, RunOutcome};

/// So many runs before make the norm.
const NORM: usize = 8;
/// With fewer there is none.
const NORM_MIN: usize = 3;
/// Fewer entries more or less mean nothing in a small system.
const ENTRIES_MIN: u64 = 5;

/// How the newest run is unlike those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SuspicionKind {
    /// Much less than usual is there.
    Shrunk,
    /// Much more than usual is there.
    Ballooned,
    /// Much more than usual is new, as if everything had been rewritten.
    Changed,
}

impl SuspicionKind {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shrunk => "shrunk",
            Self::Ballooned => "ballooned",
            Self::Changed => "changed",
        }
    }
}

/// What is suspicious about a system's newest run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspicion {
    /// What.
    pub kind: SuspicionKind,
    /// What it has, in percent of what is usual: 40 of a shrunk one means that two fifths are left.
    pub percent: u32,
    /// When the first of the suspicious runs up to the newest ended.
    pub since: Timestamp,
}

/// What one run captured, in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// When the run ended.
    pub at: Timestamp,
    /// Entries that flowed.
    pub entries: u64,
    /// Bytes of everything captured; older entries of the ledger do not say.
    pub size: Option<u64>,
    /// Bytes read from the source, for all copies.
    pub bytes_read: u64,
    /// New bytes on each target and medium that took a copy.
    pub stored: Vec<(TargetId, Option<MediumId>, u64)>,
}

/// What is suspicious about the system's newest run that captured something.
#[must_use]
pub fn suspicion(entries: &[Entry], system: &SystemId) -> Option<Suspicion> {
    let shapes = shapes(entries, system);
    let judged = |last: usize| {
        let (now, before) = (shapes.get(last)?, &shapes[..last]);
        unlike(now, before)
    };
    let newest = shapes.len().checked_sub(1)?;
    let (kind, percent) = judged(newest)?;
    let first = (0..newest).rev().take_while(|&last| judged(last).is_some_and(|(other, _)| other == kind)).last();
    Some(Suspicion { kind, percent, since: shapes[first.unwrap_or(newest)].at })
}

/// What each run of the system that captured something captured, oldest first.
#[must_use]
pub fn shapes(entries: &[Entry], of: &SystemId) -> Vec<Shape> {
    let shape = |entry: &Entry| match &entry.event {
        Event::RunFinished { system, outcome, copies, entries, bytes_read, size, .. }
            if system == of && *outcome != RunOutcome::Skipped =>
        {
            let done = copies.iter().filter(|copy| copy.outcome == CopyOutcome::Done);
            let stored: Vec<_> =
                done.map(|copy| (copy.target.clone(), copy.medium.clone(), copy.bytes_stored)).collect();
            let shape = Shape { at: entry.decided, entries: *entries, size: *size, bytes_read: *bytes_read, stored };
            (!shape.stored.is_empty()).then_some(shape)
        }
        _ => None,
    };
    entries.iter().filter_map(shape).collect()
}

/// How `now` is unlike the runs `before` it, oldest first, and what it has in percent of what is usual.
#[must_use]
pub fn unlike(now: &Shape, before: &[Shape]) -> Option<(SuspicionKind, u32)> {
    by_entries(now, before).or_else(|| by_size(now, before)).or_else(|| by_change(now, before))
}

fn by_entries(now: &Shape, before: &[Shape]) -> Option<(SuspicionKind, u32)> {
    let usual = norm(before.iter().map(|shape| shape.entries))?;
    let percent = percent(now.entries, usual);
    let kind = beyond(percent, 70, 200)?;
    (now.entries.abs_diff(usual) >= ENTRIES_MIN).then_some((kind, percent))
}

/// Sizes vary more than counts, and alone tell of a database that was emptied.
fn by_size(now: &Shape, before: &[Shape]) -> Option<(SuspicionKind, u32)> {
    let usual = norm(before.iter().filter_map(|shape| shape.size))?;
    let percent = percent(now.size?, usual);
    Some((beyond(percent, 50, 300)?, percent))
}

fn beyond(percent: u32, under: u32, over: u32) -> Option<SuspicionKind> {
    match percent {
        few if few < under => Some(SuspicionKind::Shrunk),
        many if many > over => Some(SuspicionKind::Ballooned),
        _ => None,
    }
}

/// Only what every copy with a past of its own says: one that was away for weeks has much to catch up with.
fn by_change(now: &Shape, before: &[Shape]) -> Option<(SuspicionKind, u32)> {
    let whole = now.size.unwrap_or(now.bytes_read);
    let on = |shape: &Shape, target: &TargetId, medium: &Option<MediumId>| {
        shape.stored.iter().find(|(t, m, _)| t == target && m == medium).map(|(_, _, bytes)| *bytes)
    };
    let known = now.stored.iter().filter_map(|(target, medium, bytes)| {
        let usual = norm(before.iter().filter_map(|shape| on(shape, target, medium)))?;
        Some((*bytes, usual))
    });
    let known: Vec<_> = known.collect();
    let much = |(bytes, usual): &(u64, u64)| *bytes > usual.saturating_mul(5) && bytes.saturating_mul(5) > whole;
    if known.is_empty() || !known.iter().all(much) {
        return None;
    }
    let least = known.iter().map(|(bytes, usual)| percent(*bytes, *usual)).min()?;
    Some((SuspicionKind::Changed, least))
}

/// The median of the last up to eight of `numbers`, given oldest first; `None` if there are too few.
fn norm(numbers: impl Iterator<Item = u64>) -> Option<u64> {
    let all: Vec<_> = numbers.collect();
    let mut last: Vec<_> = all.into_iter().rev().take(NORM).collect();
    last.sort_unstable();
    (last.len() >= NORM_MIN).then(|| last[last.len() / 2])
}

fn percent(part: u64, whole: u64) -> u32 {
    let percent = u128::from(part) * 100 / u128::from(whole.max(1));
    u32::try_from(percent).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Authenticated, Body};
    use crate::event::RunCopy;
    use crate::id::RunId;

    fn target() -> TargetId {
        TargetId::new("nas").unwrap()
    }

    fn ran(n: u64, entries: u64, size: u64, stored: u64) -> Entry {
        let at: Timestamp = "2026-11-02T19:00:00Z".parse().unwrap();
        let at = at + jiff::SignedDuration::from_hours(24 * i64::try_from(n).unwrap());
        let copy = RunCopy {
            target: target(),
            medium: None,
            outcome: CopyOutcome::Done,
            snapshot: None,
            slot: None,
            bytes_stored: stored,
            error: None,
        };
        let event = Event::RunFinished {
            run: RunId(n.to_string()),
            system: SystemId::new("admin").unwrap(),
            outcome: RunOutcome::Done,
            copies: vec![copy],
            capture_started: Some(at),
            entries,
            bytes_read: stored,
            size: Some(size),
            unreadable: 0,
            noticed: crate::event::Noticed::default(),
        };
        Body { decided: at, real: at, by: None, authenticated: Authenticated::System, event }.numbered(n)
    }

    /// Runs of one usual day after the other, then one of this shape.
    fn after(usual: u64, entries: u64, size: u64, stored: u64) -> Option<(SuspicionKind, u32)> {
        let mut all: Vec<_> = (1..=usual).map(|n| ran(n, 1_000 + n % 3, 1_000_000, 4_000)).collect();
        all.push(ran(usual + 1, entries, size, stored));
        suspicion(&all, &SystemId::new("admin").unwrap()).map(|found| (found.kind, found.percent))
    }

    #[test]
    fn a_usual_day_is_not_suspicious_and_neither_is_one_of_the_first() {
        assert_eq!(after(8, 1_010, 1_010_000, 9_000), None);
        assert_eq!(after(8, 720, 800_000, 4_000), None);
        assert_eq!(after(2, 10, 10, 1_000_000), None);
    }

    #[test]
    fn a_source_that_shrank_ballooned_or_was_rewritten_is_suspicious() {
        assert_eq!(after(8, 400, 1_000_000, 4_000), Some((SuspicionKind::Shrunk, 39)));
        assert_eq!(after(8, 2_500, 1_000_000, 4_000), Some((SuspicionKind::Ballooned, 249)));
        assert_eq!(after(8, 1_001, 1_000_000, 900_000), Some((SuspicionKind::Changed, 22_500)));
        // A database is always the same two entries.
        assert_eq!(after(8, 1_001, 200_000, 4_000), Some((SuspicionKind::Shrunk, 20)));
    }

    #[test]
    fn many_new_bytes_of_a_large_source_are_no_rewriting() {
        assert_eq!(after(8, 1_001, 1_000_000, 150_000), None);
    }

    #[test]
    fn a_change_that_stays_is_since_its_first_run_and_becomes_the_norm() {
        let admin = SystemId::new("admin").unwrap();
        let mut all: Vec<_> = (1..=8).map(|n| ran(n, 1_000, 1_000_000, 4_000)).collect();
        let first = ran(9, 500, 500_000, 4_000);
        let since = first.decided;
        all.extend([first, ran(10, 500, 500_000, 4_000)]);
        assert_eq!(suspicion(&all, &admin).map(|found| found.since), Some(since));
        all.extend((11..=14).map(|n| ran(n, 500, 500_000, 4_000)));
        assert_eq!(suspicion(&all, &admin), None);
    }

    #[test]
    fn a_copy_that_was_away_and_catches_up_is_not_the_source_being_rewritten() {
        let mut all: Vec<_> = (1..=8).map(|n| ran(n, 1_000, 1_000_000, 4_000)).collect();
        let mut caught_up = ran(9, 1_000, 1_000_000, 4_000);
        if let Event::RunFinished { copies, .. } = &mut caught_up.event {
            copies.push(RunCopy { target: TargetId::new("new").unwrap(), bytes_stored: 990_000, ..copies[0].clone() });
        }
        all.push(caught_up);
        assert_eq!(suspicion(&all, &SystemId::new("admin").unwrap()), None);
    }
}
