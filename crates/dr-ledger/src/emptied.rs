//! Which paths of a system held something and are empty now, and since when does its database report damage?
//!
//! A source of several paths is not empty while one of them has something in it, so nothing else tells that another one is
//! not mounted. What an earlier run found is the norm until somebody says that it may be so.

use dr_plan::SystemId;
use jiff::Timestamp;

use crate::entry::Entry;
use crate::event::{CopyOutcome, Event, Held, Noticed};

/// A path of a plan that held something and does not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emptied {
    /// As [`Held::path`].
    pub path: String,
    /// When the first run that found it empty ended; `None`: the one that is going on.
    pub since: Option<Timestamp>,
}

/// The paths that are empty in the newest run of the system, or in `now` if that goes on, and were not before; until
/// somebody decided about it.
#[must_use]
pub fn emptied(entries: &[Entry], system: &SystemId, now: Option<&[Held]>) -> Vec<Emptied> {
    let runs = runs(entries, system).map(|(at, noticed)| (Some(at), noticed.paths.as_slice()));
    let runs: Vec<_> = runs.chain(now.map(|paths| (None, paths))).filter(|(_, paths)| !paths.is_empty()).collect();
    let Some((_, newest)) = runs.last() else { return Vec::new() };
    let empty = newest.iter().filter(|held| held.entries == 0).filter_map(|held| {
        let entries_of = |paths: &[Held]| paths.iter().find(|other| other.path == held.path).map(|other| other.entries);
        let known: Vec<_> = runs.iter().filter_map(|(at, paths)| Some((*at, entries_of(paths)?))).collect();
        let last_full = known.iter().rposition(|(_, entries)| *entries > 0)?;
        Some(Emptied { path: held.path.clone(), since: known.get(last_full + 1)?.0 })
    });
    empty.filter(|emptied| !emptied.since.is_some_and(|since| decided(entries, system, since))).collect()
}

/// Since when every run of the system found damage that its database reports of itself; `None` if the newest did not.
#[must_use]
pub fn damaged_since(entries: &[Entry], system: &SystemId) -> Option<Timestamp> {
    let runs: Vec<_> = runs(entries, system).collect();
    runs.iter().rev().take_while(|(_, noticed)| noticed.damaged > 0).last().map(|(at, _)| *at)
}

/// When each run of the system that kept something ended, and what it noticed, oldest first.
pub(crate) fn runs<'e>(entries: &'e [Entry], of: &'e SystemId) -> impl Iterator<Item = (Timestamp, &'e Noticed)> {
    entries.iter().filter_map(move |entry| match &entry.event {
        Event::RunFinished { system, copies, noticed, .. } if system == of => {
            copies.iter().any(|copy| copy.outcome == CopyOutcome::Done).then_some((entry.decided, noticed))
        }
        _ => None,
    })
}

/// Whether anybody decided since that this may be so.
pub(crate) fn decided(entries: &[Entry], system: &SystemId, since: Timestamp) -> bool {
    let key = format!("{system}/suspicious");
    entries.iter().any(|entry| {
        entry.decided >= since
            && entry.by.is_some()
            && matches!(&entry.event, Event::Accepted { about, .. } if *about == key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Authenticated, Body};
    use crate::event::{Decision, RunCopy, RunOutcome};
    use crate::id::RunId;

    fn admin() -> SystemId {
        SystemId::new("admin").unwrap()
    }

    fn at(n: u64) -> Timestamp {
        let first: Timestamp = "2026-11-02T19:00:00Z".parse().unwrap();
        first + jiff::SignedDuration::from_hours(24 * i64::try_from(n).unwrap())
    }

    fn held(counts: &[u64]) -> Vec<Held> {
        let held = |(number, entries): (usize, &u64)| Held { path: format!("p{number}"), entries: *entries };
        counts.iter().enumerate().map(held).collect()
    }

    fn ran(n: u64, counts: &[u64], damaged: u64) -> Entry {
        let copy = RunCopy {
            target: dr_plan::TargetId::new("nas").unwrap(),
            medium: None,
            outcome: CopyOutcome::Done,
            snapshot: None,
            slot: None,
            bytes_stored: 1,
            error: None,
        };
        let event = Event::RunFinished {
            run: RunId(n.to_string()),
            system: admin(),
            outcome: RunOutcome::Done,
            copies: vec![copy],
            capture_started: Some(at(n)),
            entries: 1,
            bytes_read: 1,
            size: None,
            unreadable: 0,
            noticed: Noticed { damaged, paths: held(counts), ..Noticed::default() },
        };
        Body { decided: at(n), real: at(n), by: None, authenticated: Authenticated::System, event }.numbered(n)
    }

    fn said(entries: &[Entry], now: Option<&[Held]>) -> Vec<(String, Option<Timestamp>)> {
        emptied(entries, &admin(), now).into_iter().map(|one| (one.path, one.since)).collect()
    }

    #[test]
    fn a_path_that_became_empty_is_told_until_it_is_full_again_or_somebody_decided() {
        let now = held(&[7, 0]);
        let mut all = vec![ran(1, &[5, 1], 0)];
        assert_eq!(said(&all, Some(&now)), [("p1".to_owned(), None)]);
        all.push(ran(2, &[6, 0], 0));
        all.push(ran(3, &[6, 0], 0));
        let since = ("p1".to_owned(), Some(at(2)));
        assert_eq!(said(&all, None), std::slice::from_ref(&since));
        assert_eq!(said(&all, Some(&now)), [since]);
        assert_eq!(said(&all, Some(&held(&[7, 3]))), []);
        let decided = Event::Accepted {
            decision: Decision::Acknowledged,
            about: "admin/suspicious".into(),
            reason: None,
            until: None,
        };
        let by = dr_plan::PersonId::new("ash").ok();
        let body = Body { decided: at(4), real: at(4), by, authenticated: Authenticated::System, event: decided };
        all.push(body.numbered(4));
        assert_eq!(said(&all, Some(&now)), []);
        // Full once more, and empty again: nobody decided about that.
        all.push(ran(5, &[6, 2], 0));
        assert_eq!(said(&all, Some(&now)), [("p1".to_owned(), None)]);
    }

    #[test]
    fn what_never_held_anything_or_is_new_in_the_plan_is_not_told() {
        let all = [ran(1, &[5, 0], 0), ran(2, &[], 0)];
        assert_eq!(said(&all, Some(&held(&[5, 0, 0]))), []);
    }

    #[test]
    fn damage_lasts_since_the_first_run_that_found_it_and_every_one_after() {
        let all = [ran(1, &[], 1), ran(2, &[], 0), ran(3, &[], 1), ran(4, &[], 1)];
        assert_eq!(damaged_since(&all, &admin()), Some(at(3)));
        assert_eq!(damaged_since(&all[..2], &admin()), None);
    }
}
