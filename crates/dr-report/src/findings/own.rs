//! Are the copies of the school's own record sound: the ledger, the plan and the runbook that every round seals into targets?
//!
//! They are nobody's system, so no row of the table shows their damage; on the bad day everything begins with them.

use std::collections::BTreeMap;

use dr_ledger::{CheckKind, Event};
use dr_plan::{MediumId, TargetId};
use jiff::Timestamp;

use super::places::place_of;
use super::{Found, Said};
use crate::status::Status;
use crate::words;

/// The system that stands for them in the ledger; no plan may have one of that name.
const STATE: &str = "dr-state";

pub(super) fn look(found: &mut Found<'_>) {
    let mut damaged: BTreeMap<(&TargetId, Option<&MediumId>), (Timestamp, CheckKind)> = BTreeMap::new();
    for entry in found.given.entries {
        let Event::Verified { target, medium, system, what, ok, .. } = &entry.event else { continue };
        let (place, of_state) = ((target, medium.as_ref()), system.as_ref().is_some_and(|of| of.as_str() == STATE));
        match ok {
            // That a whole copy is damaged its systems say.
            false if of_state => {
                damaged.entry(place).or_insert((entry.decided, *what));
            }
            true if (of_state || system.is_none()) && damaged.get(&place).is_some_and(|(_, found)| what >= found) => {
                damaged.remove(&place);
            }
            _ => {}
        }
    }
    damaged.retain(|(target, _), _| found.given.plan.targets.contains_key(*target));
    let Some((at, _)) = damaged.values().min() else { return };
    let mut places: Vec<&str> = damaged.keys().map(|(target, _)| place_of(found.given.plan, target)).collect();
    places.dedup();
    let (places, when) = (words::list(&places, 3), found.moment(*at));
    let at = *at;
    let command = damaged.keys().next().map(|(target, _)| format!("dr repair {target}"));
    found.add_about(
        "record",
        None,
        Some(at),
        Said {
            rule: "damaged",
            status: Status::Amber,
            short: "record damaged",
            cause: format!("the copy of the school's own record {places} was found damaged on {when}"),
            risk: "on the bad day the plan and the record of what happened may have to come from another copy",
            next: format!("mend the copy {places}"),
        },
    );
    found.technical();
    if let Some(command) = command {
        found.command(command);
    }
}
