//! Which copies of a system there are, where each is, and which of what they hold was looked at?

use std::collections::BTreeMap;

use dr_ledger::{
    CheckKind, CopyOutcome, Entry, Event, PlaceState, RunOutcome, SOURCES, STATE, Sight, Sights, SnapshotRef,
    of_medium, of_target,
};
use dr_media::{Holder, Medium, Register, State};
use dr_plan::{Class, MediumId, PlaceClass, Plan, System, SystemId, Target, TargetId};
use jiff::Timestamp;

use super::{CopyFacts, Standing, Stored};

/// What every copy holds, as the ledger tells it.
#[derive(Default)]
pub(super) struct Kept {
    tracks: BTreeMap<(SystemId, TargetId, Option<MediumId>), Track>,
    sights: Sights,
}

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
                    let track = self.tracks.entry(key).or_default();
                    let as_of = capture_started.unwrap_or(at);
                    // After a day with the clock behind, what it made is older by its own words than what was there.
                    if track.stored.as_ref().is_some_and(|stored| stored.as_of > as_of) {
                        continue;
                    }
                    track.stored = Some(Stored {
                        snapshot: copy.snapshot.clone(),
                        as_of,
                        at,
                        complete: *outcome != RunOutcome::Incomplete,
                    });
                }
            }
            // It is empty now.
            Event::MediumInitialised { medium, .. } => self.tracks.retain(|(.., on), _| on.as_ref() != Some(medium)),
            // A second time only if somebody gave up what was there.
            Event::Initialised { targets } => {
                let is_given_up = |target| self.sights.target(target).is_some_and(|sight| sight.founded);
                let given_up: Vec<_> = targets.iter().filter(|target| is_given_up(target)).collect();
                self.tracks.retain(|(_, on, _), _| !given_up.contains(&on));
            }
            // Another repository than the one in which the copies are.
            Event::TargetSeen { target, medium, state: PlaceState::Here, repository: Some(found), .. } => {
                let known = self.sights.place(target, medium.as_ref()).and_then(|sight| sight.repository.as_ref());
                if known.is_some_and(|known| known != found) {
                    self.tracks.retain(|(_, on, disk), _| on != target || disk != medium);
                }
            }
            Event::Verified { target, medium, system, snapshot, what, ok } => {
                let looked_at = |(of, on, disk): &(SystemId, TargetId, Option<MediumId>)| {
                    on == target && disk == medium && system.as_ref().is_none_or(|system| system == of)
                };
                for (_, track) in self.tracks.iter_mut().filter(|(key, _)| looked_at(key)) {
                    track.look(at, *what, snapshot.as_ref(), *ok);
                }
            }
            _ => {}
        }
        self.sights.take(entry);
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
            let track =
                kept.tracks.get(&(system.id.clone(), copy.target.clone(), id.clone())).cloned().unwrap_or_default();
            let sight = kept.sights.place(&copy.target, id.as_ref());
            let gone = sight.filter(|sight| sight.is_gone());
            CopyFacts {
                target: copy.target.clone(),
                medium: id,
                standing,
                runs,
                stored: track.stored,
                damaged: track.damage.map(|damage| damage.at),
                gone: gone.and_then(|sight| Some((sight.state?, sight.since?))),
                same_as: sight.map(|sight| sight.same_as.clone()).unwrap_or_default(),
                twin: false,
                verified: track.verified,
                verified_as_of: track.verified_as_of,
            }
        };
        match target.pool() {
            None => {
                let standing = of_target_at(plan, target, kept.sights.target(&copy.target));
                copies.push(facts(None, standing, target.runs()));
            }
            Some(pool) => {
                let trusted = register.pool(pool).into_iter().filter(|medium| medium.is_usable());
                let on_media = trusted.map(|medium| facts(Some(medium), standing(plan, kept, medium), true));
                let on_media: Vec<_> = on_media.filter(|copy| copy.stored.is_some()).collect();
                if on_media.is_empty() {
                    copies.push(facts(None, Standing { class: "disk", ..Standing::default() }, true));
                }
                copies.extend(on_media);
            }
        }
    }
    twins(&mut copies);
    copies
}

/// What lies on the device of another copy is no second one.
fn twins(copies: &mut [CopyFacts]) {
    for at in 1..copies.len() {
        let Some((before, [one, ..])) = copies.split_at_mut_checked(at) else { continue };
        let counts = |other: &&CopyFacts| other.stored.is_some() && other.gone.is_none() && other.damaged.is_none();
        one.twin = before.iter().filter(counts).any(|other| {
            let name = other.medium.as_ref().map_or_else(|| of_target(&other.target), of_medium);
            one.same_as.contains(&name)
        });
    }
}

/// Where a target with an address is. That it is elsewhere is declared; that it is not on a device that is here is looked
/// at, and without that look it is not known.
fn of_target_at(plan: &Plan, target: &Target, sight: Option<&Sight>) -> Standing {
    let declared = matches!(target.class, Class::Offsite | Class::Cloud);
    let class = target.class.as_str();
    if !declared || target.local_path().is_none() {
        return Standing { off_site: declared, class, ..Standing::default() };
    }
    let is_here = |name: &String| is_in_the_building(plan, name);
    let looked_at = sight.filter(|sight| sight.state == Some(PlaceState::Here));
    let beside = sight.is_some_and(|sight| sight.same_as.iter().any(is_here));
    let told = looked_at.is_some_and(|sight| sight.devices.is_some() && !sight.not_told_from.iter().any(is_here));
    Standing { off_site: told && !beside, maybe_off_site: !told && !beside, class, ..Standing::default() }
}

/// Whether what is called so beside a place is in the school.
fn is_in_the_building(plan: &Plan, name: &String) -> bool {
    let elsewhere = |class| matches!(class, Class::Offsite | Class::Cloud);
    !plan.targets.iter().any(|(id, target)| elsewhere(target.class) && of_target(id) == *name)
}

/// Where a medium is, as the ledger tells it. It is offline once somebody looked and it was out of sight.
fn standing(plan: &Plan, kept: &Kept, medium: &Medium) -> Standing {
    let unplugged = !medium.state.is_connected();
    let elsewhere = match (&medium.holder, medium.state) {
        (Holder::Place(place), State::Stored) => {
            plan.places.get(place).is_some_and(|place| place.class == PlaceClass::Offsite)
        }
        // Whoever carries it may still be in the building.
        _ => false,
    };
    let sight = kept.sights.medium(&medium.id);
    let in_sight = sight.is_some_and(|sight| sight.state == Some(PlaceState::Here));
    let beside = sight.is_some_and(|sight| sight.same_as.iter().any(|name| !name.starts_with("medium ")));
    let may_be_beside = |name: &String| name == SOURCES || name == STATE;
    let told = sight.is_some_and(|sight| {
        sight.state == Some(PlaceState::Away)
            && sight.devices.is_some()
            && !sight.not_told_from.iter().any(may_be_beside)
    });
    let offline = unplugged && told && !beside;
    let maybe = unplugged && !in_sight && !beside && !told;
    Standing {
        off_site: elsewhere && offline,
        offline,
        maybe_off_site: elsewhere && maybe,
        maybe_offline: maybe,
        class: if offline { "offline" } else { "onsite" },
    }
}
