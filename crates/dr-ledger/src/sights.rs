//! What was each target, and each medium, when somebody last looked: which repository, on which device, and beside what?
//!
//! A copy is where it is said to be only while a look says so. The fold keeps what is known of a place over looks that
//! found nothing: what a disk was is still known while it is away.

use std::collections::BTreeMap;

use dr_plan::{MediumId, TargetId};
use jiff::Timestamp;

use crate::entry::Entry;
use crate::event::{Event, PlaceState};

/// How the folders and files that are backed up are called beside places.
pub const SOURCES: &str = "sources";
/// How this host's own state is called beside places.
pub const STATE: &str = "state";

/// How a target is called beside other places.
#[must_use]
pub fn of_target(target: &TargetId) -> String {
    format!("target {target}")
}

/// How a medium is called beside other places.
#[must_use]
pub fn of_medium(medium: &MediumId) -> String {
    format!("medium {medium}")
}

/// What every place was when it was last looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sights {
    targets: BTreeMap<TargetId, Sight>,
    media: BTreeMap<MediumId, Sight>,
}

/// What is known of one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// What the newest look found; none if nobody has looked since this is written down.
    pub state: Option<PlaceState>,
    /// When that was found for the first time in a row.
    pub since: Option<Timestamp>,
    /// The repository that is known there.
    pub repository: Option<String>,
    /// Whether a repository was ever made there, or found.
    pub founded: bool,
    /// On which devices it lay when it was last there; none if that could not be told.
    pub devices: Option<Vec<String>>,
    /// Its file system when it was last there.
    pub file_system: Option<String>,
    /// What else lay on these devices.
    pub same_as: Vec<String>,
    /// What else may have lain there.
    pub not_told_from: Vec<String>,
}

impl Sight {
    /// Whether the copies that were there are not there: the place was reached and holds nothing, or something else.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        use PlaceState::{Damaged, Gone, Older, Other};
        matches!(self.state, Some(Gone | Other | Older | Damaged))
    }

    fn found(&mut self, state: PlaceState, at: Timestamp) {
        // What is found again at an earlier time was noted under a clock that was wrong.
        if self.state != Some(state) || self.since.is_some_and(|since| since > at) {
            (self.state, self.since) = (Some(state), Some(at));
        }
    }
}

impl Sights {
    /// Folds `entries`, oldest first.
    #[must_use]
    pub fn of(entries: &[Entry]) -> Self {
        let mut sights = Self::default();
        for entry in entries {
            sights.take(entry);
        }
        sights
    }

    /// What is known of a target with an address.
    #[must_use]
    pub fn target(&self, target: &TargetId) -> Option<&Sight> {
        self.targets.get(target)
    }

    /// What is known of a medium.
    #[must_use]
    pub fn medium(&self, medium: &MediumId) -> Option<&Sight> {
        self.media.get(medium)
    }

    /// What is known of a place of copies.
    #[must_use]
    pub fn place(&self, target: &TargetId, medium: Option<&MediumId>) -> Option<&Sight> {
        medium.map_or_else(|| self.target(target), |medium| self.medium(medium))
    }

    /// Takes the next entry.
    pub fn take(&mut self, entry: &Entry) {
        let at = entry.decided;
        match &entry.event {
            Event::Initialised { targets } => {
                for target in targets {
                    self.targets.entry(target.clone()).or_default().founded = true;
                }
            }
            Event::MediumInitialised { medium, repository } => {
                let fresh = Sight { founded: true, repository: Some(repository.clone()), ..Sight::default() };
                let sight = self.media.entry(medium.clone()).insert_entry(fresh).into_mut();
                sight.found(PlaceState::Here, at);
            }
            Event::MediumLoaded { medium } => {
                self.media.entry(medium.clone()).or_default().found(PlaceState::Here, at);
            }
            Event::TargetSeen { target, medium, state, repository, devices, file_system, same_as, not_told_from } => {
                let sight = match medium {
                    Some(medium) => self.media.entry(medium.clone()).or_default(),
                    None => self.targets.entry(target.clone()).or_default(),
                };
                sight.found(*state, at);
                if *state == PlaceState::Here {
                    sight.founded = true;
                    sight.repository = repository.clone().or_else(|| sight.repository.take());
                }
                // What is not here has no device now; what it had is still known.
                if matches!(state, PlaceState::Here | PlaceState::Older | PlaceState::Other) {
                    sight.devices.clone_from(devices);
                    sight.file_system.clone_from(file_system);
                    sight.same_as.clone_from(same_as);
                    sight.not_told_from.clone_from(not_told_from);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Authenticated, Body};

    fn seen(state: PlaceState, repository: Option<&str>, devices: Option<&str>) -> Event {
        Event::TargetSeen {
            target: TargetId::new("nas").unwrap(),
            medium: None,
            state,
            repository: repository.map(str::to_owned),
            devices: devices.map(|device| vec![device.to_owned()]),
            file_system: None,
            same_as: Vec::new(),
            not_told_from: Vec::new(),
        }
    }

    fn after(events: Vec<Event>) -> Sight {
        let mut sights = Sights::default();
        let at: Timestamp = "2026-11-20T19:00:00Z".parse().unwrap();
        for (n, event) in (1..).zip(events) {
            let body = Body { decided: at, real: at, by: None, authenticated: Authenticated::System, event };
            sights.take(&body.numbered(n));
        }
        sights.target(&TargetId::new("nas").unwrap()).cloned().unwrap_or_default()
    }

    #[test]
    fn what_is_known_of_a_place_outlives_looks_that_find_nothing_or_something_else() {
        let here = || seen(PlaceState::Here, Some("a"), Some("disk x"));
        let gone = after(vec![here(), seen(PlaceState::Gone, None, None)]);
        assert!(gone.is_gone() && gone.repository.as_deref() == Some("a") && gone.devices.is_some());
        let other = after(vec![here(), seen(PlaceState::Other, Some("b"), None)]);
        assert!(other.is_gone() && other.repository.as_deref() == Some("a"));
        let back = after(vec![here(), seen(PlaceState::Gone, None, None), here()]);
        assert!(!back.is_gone());
    }

    #[test]
    fn what_was_found_under_a_clock_that_was_ahead_is_so_since_it_was_found_again() {
        let mut sights = Sights::default();
        for (n, at) in (1..).zip(["2030-01-01T19:00:00Z", "2026-11-20T19:00:00Z", "2026-11-21T19:00:00Z"]) {
            let (at, event) = (at.parse().unwrap(), seen(PlaceState::Gone, None, None));
            let body = Body { decided: at, real: at, by: None, authenticated: Authenticated::System, event };
            sights.take(&body.numbered(n));
        }
        let since = sights.target(&TargetId::new("nas").unwrap()).and_then(|sight| sight.since);
        assert_eq!(since, "2026-11-20T19:00:00Z".parse().ok());
    }

    #[test]
    fn a_place_that_nobody_looked_at_is_neither_here_nor_gone() {
        let founded = after(vec![Event::Initialised { targets: vec![TargetId::new("nas").unwrap()] }]);
        assert!(founded.founded && founded.state.is_none() && !founded.is_gone());
    }
}
