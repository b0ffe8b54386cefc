//! In what do the ledger and the copies disagree, as far as nobody has accepted it?
//!
//! Each backup carries the ledger's end in its label, and the ledger names each backup. So a ledger that was cut or
//! rewritten is held to the copies, and a copy that was put back to the ledger. Whoever knows why they disagree says so:
//! an `accepted` entry about `ledger/N` stands for every entry up to N that a copy knows otherwise, one about
//! `copy/TARGET` or `copy/TARGET/MEDIUM` for every backup that was stored there before it.

use std::collections::BTreeMap;

use dr_plan::{MediumId, TargetId};
use jiff::Timestamp;

use crate::entry::Entry;
use crate::event::{Decision, Event, Misfit, MisfitKind};

/// What an acceptance of a ledger is about, before the number.
pub const ACCEPTED_UP_TO: &str = "ledger/";
/// What an acceptance of a copy is about, before its target.
pub const ACCEPTED_COPY: &str = "copy/";

/// What people have accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Up to which entry a copy may know another ledger, when that was accepted, and by which entry.
    ledger: Option<(u64, Timestamp, u64)>,
    /// Backups that were stored on a copy before this entry may be missing there.
    copies: BTreeMap<String, u64>,
}

impl Accepted {
    /// As the ledger tells it. What nobody took upon themselves by name counts for nothing.
    #[must_use]
    pub fn of(entries: &[Entry]) -> Self {
        let mut accepted = Self::default();
        for entry in entries.iter().filter(|entry| entry.by.is_some()) {
            let Event::Accepted { decision: Decision::Approved, about, .. } = &entry.event else { continue };
            if let Some(n) = about.strip_prefix(ACCEPTED_UP_TO).and_then(|n| n.parse().ok()) {
                accepted.ledger = Some((n, entry.decided, entry.n));
            } else if let Some(copy) = about.strip_prefix(ACCEPTED_COPY) {
                accepted.copies.insert(copy.to_owned(), entry.n);
            }
        }
        accepted
    }

    /// Whether what a backup of that time says of entry `n` may be of another ledger. What is backed up after somebody
    /// accepted it is held to this one.
    #[must_use]
    pub fn allows(&self, n: u64, backed_up: Timestamp) -> bool {
        self.ledger.is_some_and(|(up_to, at, _)| n <= up_to && backed_up <= at)
    }

    /// The number of the entry before which everything that was stored on a copy may be missing; 0: nothing may.
    #[must_use]
    pub fn before(&self, target: &TargetId, medium: Option<&MediumId>) -> u64 {
        self.copies.get(&named(target, medium)).copied().unwrap_or(0)
    }

    /// Whether it stands for this, which was written down as entry `n`.
    fn covers(&self, misfit: &Misfit, n: u64) -> bool {
        match misfit.what {
            MisfitKind::SnapshotsMissing => self.before(&misfit.target, misfit.medium.as_ref()) > n,
            MisfitKind::LedgerEndsBefore | MisfitKind::LedgerDiffers => {
                let accepted = self.ledger.filter(|(.., by)| *by > n);
                misfit.entry.zip(accepted).is_some_and(|(entry, (up_to, ..))| entry <= up_to)
            }
        }
    }
}

/// A copy as an acceptance names it.
fn named(target: &TargetId, medium: Option<&MediumId>) -> String {
    medium.map_or_else(|| target.to_string(), |medium| format!("{target}/{medium}"))
}

/// What did not fit when the two were compared last, and was not accepted since.
#[must_use]
pub fn unheld(entries: &[Entry]) -> Vec<Misfit> {
    let newest = entries.iter().rev().find_map(|entry| match &entry.event {
        Event::LedgerCompared { misfits, .. } => Some((entry.n, misfits)),
        _ => None,
    });
    let Some((n, misfits)) = newest.filter(|(_, misfits)| !misfits.is_empty()) else { return Vec::new() };
    let accepted = Accepted::of(entries);
    misfits.iter().filter(|misfit| !accepted.covers(misfit, n)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Authenticated, Body};

    fn entries(events: Vec<(bool, Event)>) -> Vec<Entry> {
        let at: jiff::Timestamp = "2026-11-20T19:00:00Z".parse().unwrap();
        let by = |named: bool| named.then(|| dr_plan::PersonId::new("oak").unwrap());
        let body =
            |(named, event)| Body { decided: at, real: at, by: by(named), authenticated: Authenticated::Login, event };
        (1..).zip(events).map(|(n, one)| body(one).numbered(n)).collect()
    }

    fn accepted(about: &str) -> Event {
        Event::Accepted { decision: Decision::Approved, about: about.into(), reason: None, until: None }
    }

    #[test]
    fn what_a_person_accepts_is_no_misfit_any_more_and_only_that() {
        let misfit = |what, entry, medium: Option<&str>| Misfit {
            target: TargetId::new("nas").unwrap(),
            medium: medium.map(|medium| MediumId::new(medium).unwrap()),
            what,
            entry,
            snapshots: None,
            snapshot: None,
        };
        let cut = misfit(MisfitKind::LedgerEndsBefore, Some(830), None);
        let gone = misfit(MisfitKind::SnapshotsMissing, None, Some("disk-1"));
        let both = vec![cut.clone(), gone.clone()];
        let compared = |misfits: &[Misfit]| (false, Event::LedgerCompared { ends: 812, misfits: misfits.to_vec() });
        let left = |more: Vec<(bool, Event)>| unheld(&entries([vec![compared(&both)], more].concat()));
        assert_eq!(left(vec![]), both);
        assert_eq!(left(vec![(true, accepted("ledger/829"))]), both);
        assert_eq!(left(vec![(false, accepted("ledger/830"))]), both, "nobody took it upon themselves");
        assert_eq!(left(vec![(true, accepted("ledger/830"))]), std::slice::from_ref(&gone));
        assert_eq!(left(vec![(true, accepted("copy/nas"))]), both, "another copy");
        assert_eq!(left(vec![(true, accepted("copy/nas/disk-1"))]), [cut]);
        assert_eq!(left(vec![compared(&[])]), []);
        let cut_again = left(vec![(true, accepted("ledger/830")), compared(&both[..1])]);
        assert_eq!(cut_again, both[..1]);
        // What goes missing after that is another matter.
        let again = left(vec![(true, accepted("copy/nas/disk-1")), compared(std::slice::from_ref(&gone))]);
        assert_eq!(again, [gone]);
    }
}
