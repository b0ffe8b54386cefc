//! Are the copies of the school's own record sound: the ledger, the plan and the runbook that every round seals into targets?
//!
//! They are nobody's system, so no row of the table shows their damage; on the bad day everything begins with them.

use std::collections::BTreeMap;

use dr_ledger::{CheckKind, Event, PlaceState, Sights};
use dr_media::Register;
use dr_plan::{MediumId, TargetId};
use jiff::Timestamp;

use super::places::place_of;
use super::{Found, Said};
use crate::judgement::Status;
use crate::words;

/// The system that stands for them in the ledger; no plan may have one of that name.
const STATE: &str = "dr-state";

pub(super) fn look(found: &mut Found<'_>) {
    let mut damaged: BTreeMap<(&TargetId, Option<&MediumId>), (Timestamp, CheckKind)> = BTreeMap::new();
    let mut sights = Sights::default();
    for entry in found.given.entries {
        match &entry.event {
            // It is empty now, or was given up, or is another one: what was damaged there is nobody's copy.
            Event::MediumInitialised { medium, .. } => damaged.retain(|(_, on), _| *on != Some(medium)),
            Event::Initialised { targets } => {
                let is_given_up = |target| sights.target(target).is_some_and(|sight| sight.founded);
                damaged.retain(|(on, _), _| !(targets.contains(on) && is_given_up(on)));
            }
            Event::TargetSeen { target, medium, state: PlaceState::Here, repository: Some(other), .. } => {
                let known = sights.place(target, medium.as_ref()).and_then(|sight| sight.repository.as_ref());
                if known.is_some_and(|known| known != other) {
                    damaged.remove(&(target, medium.as_ref()));
                }
            }
            Event::Verified { target, medium, system, what, ok, .. } => {
                let place = (target, medium.as_ref());
                let of_state = system.as_ref().is_some_and(|of| of.as_str() == STATE);
                let covers = of_state || system.is_none();
                // That a whole copy is damaged its systems say.
                if !ok && of_state {
                    damaged.entry(place).or_insert((entry.decided, *what));
                } else if *ok && covers && damaged.get(&place).is_some_and(|(_, found)| what >= found) {
                    damaged.remove(&place);
                }
            }
            _ => {}
        }
        sights.take(entry);
    }
    let register = Register::of(found.given.entries);
    let trusted = |medium: &MediumId| register.medium(medium).is_some_and(dr_media::Medium::is_usable);
    damaged.retain(|(target, medium), _| found.given.plan.targets.contains_key(*target) && medium.is_none_or(trusted));
    let Some((at, _)) = damaged.values().min() else { return };
    // A disk is named: it may be away, and `dr repair` mends the one that is plugged in.
    let place = |(target, medium): &(&TargetId, Option<&MediumId>)| match medium {
        Some(medium) => format!("on disk {medium}"),
        None => place_of(found.given.plan, target).to_owned(),
    };
    let mut places: Vec<String> = damaged.keys().map(place).collect();
    places.dedup();
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    let (places, when) = (words::list(&places, 3), found.moment(*at));
    let in_server = |medium: &MediumId| register.medium(medium).is_some_and(|medium| medium.state.is_connected());
    let away = damaged.keys().all(|(_, medium)| medium.is_some_and(|medium| !in_server(medium)));
    let next = format!("mend the copy {places}{}", if away { " when it is next plugged in" } else { "" });
    let at = *at;
    let command = damaged.keys().next().map(|(target, _)| format!("dr repair --target {target}"));
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
            next,
        },
    );
    found.technical();
    if let Some(command) = command {
        found.command(command);
    }
}
