//! Which copies of a system there are, where each is, and which of what they hold was looked at?

use std::collections::BTreeMap;

use dr_ledger::{CheckKind, CopyOutcome, Entry, Event, RunOutcome, SnapshotRef};
use dr_media::{Holder, Medium, Register, State};
use dr_plan::{MediumId, PlaceClass, Plan, System, SystemId, TargetId};
use jiff::Timestamp;

use super::{CopyFacts, Standing, Stored};

/// What every copy holds, as the ledger tells it.
#[derive(Default)]
pub(super) struct Kept(BTreeMap<(SystemId, TargetId, Option<MediumId>), Track>);

#[derive(Default, Clone)]
struct Track {
    stored: Option<Stored>,
    damage: Option<Damage>,
    verified: Option<Timestamp>,
    verified_as_of: Option<Timestamp>,
}

#[derive(Clone)]
struct Damage {
    at: Timestamp,
    what: CheckKind,
    snapshot: Option<SnapshotRef>,
}

impl Kept {
    pub(super) fn of(entries: &[Entry]) -> Self {
        let mut kept = Self::default();
        for entry in entries {
            kept.take(entry);
        }
        kept
    }

    fn take(&mut self, entry: &Entry) {
        let at = entry.decided;
        match &entry.event {
            Event::RunFinished { system, outcome, copies, capture_started, .. } => {
                for copy in copies.iter().filter(|copy| copy.outcome == CopyOutcome::Done) {
                    let key = (system.clone(), copy.target.clone(), copy.medium.clone());
                    self.0.entry(key).or_default().stored = Some(Stored {
                        snapshot: copy.snapshot.clone(),
                        as_of: capture_started.unwrap_or(at),
                        at,
                        complete: *outcome != RunOutcome::Incomplete,
                    });
                }
            }
            // It is empty now.
            Event::MediumInitialised { medium, .. } => self.0.retain(|(.., on), _| on.as_ref() != Some(medium)),
            Event::Verified { target, medium, system, snapshot, what, ok } => {
                let looked_at = |(of, on, disk): &(SystemId, TargetId, Option<MediumId>)| {
                    on == target && disk == medium && system.as_ref().is_none_or(|system| system == of)
                };
                for (_, track) in self.0.iter_mut().filter(|(key, _)| looked_at(key)) {
                    track.look(at, *what, snapshot.as_ref(), *ok);
                }
            }
            _ => {}
        }
    }
}

impl Track {
    fn look(&mut self, at: Timestamp, what: CheckKind, snapshot: Option<&SnapshotRef>, ok: bool) {
        if !ok {
            self.damage = Some(Damage { at, what, snapshot: snapshot.cloned() });
            return;
        }
        // Damage is gone when a look that is as thorough, and at least as wide, finds nothing.
        let wide = |damage: &Damage| snapshot.is_none() || damage.snapshot.as_ref() == snapshot;
        if self.damage.as_ref().is_some_and(|damage| what >= damage.what && wide(damage)) {
            self.damage = None;
        }
        let Some(stored) = &self.stored else {
            return;
        };
        // A look at an older snapshot says nothing about the newest one.
        if snapshot.is_none() || stored.snapshot.as_ref() == snapshot {
            self.verified = Some(at);
            self.verified_as_of = Some(stored.as_of);
        }
    }
}

/// Each copy of the system that there is or should be, in the plan's order. Media that are lost, or not trusted, are no
/// copies.
pub(super) fn of_system(plan: &Plan, kept: &Kept, register: &Register, system: &System) -> Vec<CopyFacts> {
    let mut copies = Vec::new();
    for copy in &system.copies {
        let Some(target) = plan.targets.get(&copy.target) else {
            continue;
        };
        let facts = |medium: Option<&Medium>, standing: Standing, runs: bool| {
            let id = medium.map(|medium| medium.id.clone());
            let track = kept.0.get(&(system.id.clone(), copy.target.clone(), id.clone())).cloned().unwrap_or_default();
            CopyFacts {
                target: copy.target.clone(),
                medium: id,
                standing,
                runs,
                stored: track.stored,
                damaged: track.damage.map(|damage| damage.at),
                verified: track.verified,
                verified_as_of: track.verified_as_of,
            }
        };
        match target.pool() {
            None => {
                let runs = target.local_path().is_some();
                copies.push(facts(None, Standing::of_class(target.class), runs));
            }
            Some(pool) => {
                let trusted = register.pool(pool).into_iter().filter(|medium| medium.is_usable());
                let on_media = trusted.map(|medium| facts(Some(medium), standing(plan, medium), true));
                let on_media: Vec<_> = on_media.filter(|copy| copy.stored.is_some()).collect();
                if on_media.is_empty() {
                    copies.push(facts(None, Standing { off_site: false, offline: false, class: "disk" }, true));
                }
                copies.extend(on_media);
            }
        }
    }
    copies
}

/// Where a medium is, as the ledger tells it.
fn standing(plan: &Plan, medium: &Medium) -> Standing {
    let offline = !medium.state.is_connected();
    let off_site = match (&medium.holder, medium.state) {
        (Holder::Place(place), State::Stored) => {
            plan.places.get(place).is_some_and(|place| place.class == PlaceClass::Offsite)
        }
        // Whoever carries it may still be in the building.
        _ => false,
    };
    Standing { off_site, offline, class: if offline { "offline" } else { "onsite" } }
}
