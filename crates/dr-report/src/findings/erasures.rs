//! Is something that was to be erased still on a copy?

use std::collections::{BTreeMap, BTreeSet};

use dr_ledger::{CLOCK_SLACK, ErasedCopy, ErasureState, Event};
use dr_plan::{MediumId, SystemId, TargetId};
use jiff::{SignedDuration, Timestamp};

use super::{Found, Said};
use crate::status::Status;
use crate::words;

/// So long an erasure may wait before anybody is troubled: disks come back in turn, and packs go in steps.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24 * 7);
/// From then on it ages as all amber does, so that it is red within the month that the law gives.
const YOUNG: SignedDuration = SignedDuration::from_hours(24 * 14);

struct Erasure<'e> {
    system: &'e SystemId,
    asked: Timestamp,
    copies: BTreeMap<(&'e TargetId, Option<&'e MediumId>), ErasureState>,
}

pub(super) fn look(found: &mut Found<'_>) {
    let mut all: BTreeMap<&str, Erasure<'_>> = BTreeMap::new();
    for entry in found.given.entries {
        let Event::Erasure { erasure, system, copies, .. } = &entry.event else { continue };
        let asked = entry.decided;
        let known = all.entry(erasure).or_insert_with(|| Erasure { system, asked, copies: BTreeMap::new() });
        for ErasedCopy { target, medium, state, .. } in copies {
            known.copies.insert((target, medium.as_ref()), *state);
        }
    }
    // A lost disk is a finding of its own, and a hold is somebody's decision.
    let lost: BTreeSet<&MediumId> =
        found.facts.disks.iter().flat_map(|disks| disks.lost.iter().map(|(medium, _)| medium)).collect();
    let mut waiting: BTreeMap<&SystemId, (Timestamp, BTreeSet<String>)> = BTreeMap::new();
    // Asked for at a time that has not come: nobody knows how long it has waited, so it has waited long enough.
    let waited = |erasure: &Erasure<'_>| found.given.now.duration_since(erasure.asked);
    let long = |erasure: &&Erasure<'_>| waited(erasure) >= PATIENCE || waited(erasure) < -CLOCK_SLACK;
    for erasure in all.values().filter(long) {
        for ((target, medium), state) in &erasure.copies {
            let is_over = matches!(state, ErasureState::Gone | ErasureState::Held);
            if is_over || medium.is_some_and(|medium| lost.contains(medium)) {
                continue;
            }
            let named = medium.map_or_else(|| target.to_string(), |medium| format!("disk {medium}"));
            let known = waiting.entry(erasure.system).or_insert((erasure.asked, BTreeSet::new()));
            known.0 = known.0.min(erasure.asked);
            known.1.insert(named);
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
        let since = Some(asked.saturating_add(YOUNG).unwrap_or(asked));
        match found.given.plan.system(system) {
            Some(system) => found.add(Some(system), None, since, said),
            None => found.add_about(system.as_str(), None, since, said),
        }
        found.command("dr erase --pending --do");
    }
}
