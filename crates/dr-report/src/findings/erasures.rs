//! Is something that was to be erased still on a copy, and does anybody here know what it is?

use std::collections::{BTreeMap, BTreeSet};

use dr_ledger::{CLOCK_SLACK, ErasedCopy, ErasureState, Wanted, wanted};
use dr_plan::{MediumId, SystemId};
use jiff::{SignedDuration, Timestamp};

use super::{Found, Said};
use crate::judgement::Status;
use crate::words;

/// So long an erasure may wait before anybody is troubled: disks come back in turn, and packs go in steps.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24 * 7);
/// From then on it ages as all amber does, so that it is red within the month that the law gives.
const YOUNG: SignedDuration = SignedDuration::from_hours(24 * 14);

pub(super) fn look(found: &mut Found<'_>) {
    let all: Vec<Wanted> = wanted(found.given.entries).into_iter().filter(Wanted::waits).collect();
    for one in all.iter().filter(|one| found.given.unnamed_erasures.contains(&one.erasure)) {
        unnamed(found, one);
    }
    // A lost disk is a finding of its own, and a hold is somebody's decision.
    let lost: BTreeSet<&MediumId> =
        found.facts.disks.iter().flat_map(|disks| disks.lost.iter().map(|(medium, _)| medium)).collect();
    let mut waiting: BTreeMap<&SystemId, (Timestamp, BTreeSet<String>)> = BTreeMap::new();
    // Asked for at a time that has not come: nobody knows how long it has waited, so it has waited long enough.
    let waited = |erasure: &Wanted| found.given.now.duration_since(erasure.asked);
    let long = |erasure: &&Wanted| waited(erasure) >= PATIENCE || waited(erasure) < -CLOCK_SLACK;
    for erasure in all.iter().filter(long) {
        for copy in &erasure.copies {
            let is_over = matches!(copy.state, ErasureState::Gone | ErasureState::Held);
            if is_over || copy.medium.as_ref().is_some_and(|medium| lost.contains(medium)) {
                continue;
            }
            let known = waiting.entry(&erasure.system).or_insert((erasure.asked, BTreeSet::new()));
            known.0 = known.0.min(erasure.asked);
            known.1.insert(place(copy));
        }
    }
    for (system, (asked, places)) in waiting {
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        let places = words::list(&places, 4);
        let said = Said {
            rule: "erasure",
            status: Status::Amber,
            short: "not erased yet",
            cause: format!("an erasure that was asked for on {} waits for {places}", found.moment(asked)),
            risk: "what is to be gone can still be read there",
            next: "bring what is away, and have the erasure finished there with the recovery key".to_owned(),
        };
        add(found, system, asked, said);
    }
}

/// One of which only the ledger is left: it waits for ever if nobody says what it was.
fn unnamed(found: &mut Found<'_>, one: &Wanted) {
    let said = Said {
        rule: "erasure",
        status: Status::Amber,
        short: "erasure unknown",
        cause: format!(
            "an erasure of {} waits, and this server does not know what it was to take out",
            found.moment(one.asked)
        ),
        risk: "what is to be gone stays on the copies",
        next: "have it looked for in the copies with the recovery key; if it is not there either, ask for it again"
            .to_owned(),
    };
    add(found, &one.system, one.asked, said);
}

fn add(found: &mut Found<'_>, system: &SystemId, asked: Timestamp, said: Said) {
    let since = Some(asked.saturating_add(YOUNG).unwrap_or(asked));
    match found.given.plan.system(system) {
        Some(system) => found.add(Some(system), None, since, said),
        None => found.add_about(system.as_str(), None, since, said),
    }
    found.command("dr erase --pending --do");
}

/// Where something of it is still.
pub(crate) fn places(wanted: &Wanted) -> Vec<String> {
    let waits = wanted.copies.iter().filter(|copy| copy.state != ErasureState::Gone);
    waits.map(place).collect()
}

fn place(copy: &ErasedCopy) -> String {
    copy.medium.as_ref().map_or_else(|| copy.target.to_string(), |medium| format!("disk {medium}"))
}
