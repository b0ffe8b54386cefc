//! Where every medium is, folded from the ledger.
//!
//! The ledger says what people said happened, so the fold takes each event at its word, also one that [`check`] would
//! have refused; such an event is kept as a [`Gap`], which a report shows. An event about a medium that was never
//! registered makes no medium: media come from the register and from nowhere else.
//!
//! [`check`]: crate::check

use std::collections::BTreeMap;

use dr_ledger::{CopyOutcome, Entry, Event, PlaceState, Sights};
use dr_plan::{MediumId, PersonId, PlaceId, PoolId};
use jiff::Timestamp;

use crate::medium::{Holder, Medium, State};

/// All media, their sessions, and what does not add up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Register {
    media: BTreeMap<MediumId, Medium>,
    sessions: Vec<Session>,
    gaps: Vec<Gap>,
    sights: Sights,
}

/// One stay of a medium in the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Of which pool.
    pub pool: PoolId,
    /// Which medium.
    pub medium: MediumId,
    /// When it was loaded.
    pub loaded: Timestamp,
    /// When the first copy was made on it: from then on the session counts.
    pub written: Option<Timestamp>,
    /// Whether it is still loaded.
    pub open: bool,
}

/// An event that the rules of custody would not have let happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The ledger's entry.
    pub n: u64,
    /// When.
    pub at: Timestamp,
    /// Which medium.
    pub medium: MediumId,
    /// What it was before; nothing if it was never registered.
    pub state: Option<State>,
    /// Who had it before.
    pub holder: Option<Holder>,
}

impl Register {
    /// Folds `entries`, oldest first.
    #[must_use]
    pub fn of(entries: &[Entry]) -> Self {
        let mut register = Self::default();
        for entry in entries {
            register.take(entry);
        }
        register
    }

    /// One medium.
    #[must_use]
    pub fn medium(&self, id: &MediumId) -> Option<&Medium> {
        self.media.get(id)
    }

    /// All media by label.
    #[must_use]
    pub fn media(&self) -> &BTreeMap<MediumId, Medium> {
        &self.media
    }

    /// The media of one pool in the order in which they were registered: the order of rotation.
    #[must_use]
    pub fn pool(&self, pool: &PoolId) -> Vec<&Medium> {
        let mut media: Vec<_> = self.media.values().filter(|medium| medium.pool == *pool).collect();
        media.sort_by_key(|medium| medium.registered);
        media
    }

    /// The medium of this pool that is plugged in: the pool's target, if there is one now.
    #[must_use]
    pub fn loaded(&self, pool: &PoolId) -> Option<&Medium> {
        self.media.values().find(|medium| medium.pool == *pool && medium.state.is_connected())
    }

    /// What each target and each medium was when it was last looked at.
    #[must_use]
    pub fn sights(&self) -> &Sights {
        &self.sights
    }

    /// Every stay in the server, oldest first.
    #[must_use]
    pub fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// When a medium of this pool was last loaded, as far as that can have been by `now`: a load that is noted of a time
    /// ahead is true, and nobody knows of when, so it serves no turn.
    #[must_use]
    pub(crate) fn last_load(&self, pool: &PoolId, now: Timestamp) -> Option<Timestamp> {
        let of_pool = self.sessions.iter().filter(|session| session.pool == *pool);
        of_pool.map(|session| session.loaded).filter(|loaded| *loaded <= now).max()
    }

    /// What does not add up, oldest first.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    fn take(&mut self, entry: &Entry) {
        let at = entry.decided;
        self.sights.take(entry);
        match &entry.event {
            Event::MediumRegistered { medium: id, pool, kind, serial, asset } => {
                if self.media.contains_key(id) {
                    return self.gap(entry, id);
                }
                let medium = Medium {
                    id: id.clone(),
                    pool: pool.clone(),
                    kind: *kind,
                    serial: serial.clone(),
                    asset: asset.clone(),
                    registered: entry.n,
                    state: State::Registered,
                    since: at,
                    holder: Holder::Server,
                    bound_for: None,
                    repository: None,
                    initialised: None,
                    last_written: None,
                    last_verified: None,
                    suspect: false,
                };
                self.media.insert(id.clone(), medium);
            }
            Event::RunFinished { copies, .. } => {
                let done = copies.iter().filter(|copy| copy.outcome == CopyOutcome::Done);
                done.filter_map(|copy| copy.medium.as_ref()).for_each(|id| self.written(entry, id));
            }
            Event::Verified { medium: Some(id), ok: true, .. } => {
                if let Some(medium) = self.media.get_mut(id) {
                    medium.last_verified = Some(at);
                    medium.suspect = false;
                }
            }
            event => {
                if let Some(id) = event.medium() {
                    self.moved(entry, id);
                }
            }
        }
    }

    fn written(&mut self, entry: &Entry, id: &MediumId) {
        let at = entry.decided;
        // A disk that was changed by hand is written where it was seen; where it is said to be is a finding of its own.
        let is_in_sight = self.sights.medium(id).is_some_and(|sight| sight.state == Some(PlaceState::Here));
        if !is_in_sight && !self.media.get(id).is_some_and(|medium| medium.state.is_connected()) {
            self.gap(entry, id);
        }
        let Some(medium) = self.media.get_mut(id) else {
            return;
        };
        medium.last_written = Some(at);
        if medium.state == State::Loaded {
            medium.state = State::Written;
            medium.since = at;
        }
        if let Some(session) = self.sessions.iter_mut().rfind(|session| session.medium == *id && session.open) {
            session.written.get_or_insert(at);
        }
    }

    fn moved(&mut self, entry: &Entry, id: &MediumId) {
        let at = entry.decided;
        if !self.media.get(id).is_some_and(|medium| follows(medium, &entry.event)) {
            self.gap(entry, id);
        }
        let Some(medium) = self.media.get_mut(id) else {
            return;
        };
        let was_connected = medium.state.is_connected();
        medium.since = at;
        medium.bound_for = None;
        (medium.state, medium.holder) = match &entry.event {
            Event::MediumInitialised { repository, .. } => {
                (medium.repository, medium.initialised) = (Some(repository.clone()), Some(at));
                (medium.last_written, medium.last_verified, medium.suspect) = (None, None, false);
                (State::Scratch, Holder::Server)
            }
            Event::MediumLoaded { .. } => (State::Loaded, Holder::Server),
            Event::MediumEjected { .. } => (State::Ejected, Holder::Server),
            Event::MediumHandedOver { to, to_place, .. } => {
                medium.bound_for.clone_from(to_place);
                (State::InTransit, Holder::Person(to.clone()))
            }
            Event::MediumReceived { place, .. } => (State::Stored, Holder::Place(place.clone())),
            Event::MediumLost { .. } => {
                medium.suspect = true;
                (State::Lost, medium.holder.clone())
            }
            Event::MediumFound { by, .. } => {
                medium.suspect = true;
                (State::Found, Holder::Person(by.clone()))
            }
            _ => return,
        };
        let is_connected = medium.state.is_connected();
        if was_connected {
            self.sessions.iter_mut().filter(|s| s.medium == *id).for_each(|session| session.open = false);
        }
        if is_connected {
            let (pool, medium) = (medium.pool.clone(), id.clone());
            self.sessions.push(Session { pool, medium, loaded: at, written: None, open: true });
        }
    }

    fn gap(&mut self, entry: &Entry, id: &MediumId) {
        let (state, holder) = self.media.get(id).map(|m| (m.state, m.holder.clone())).unzip();
        self.gaps.push(Gap { n: entry.n, at: entry.decided, medium: id.clone(), state, holder });
    }
}

/// Everything that the ledger says about one medium: its custody, the copies made on it, the looks at it.
#[must_use]
pub fn history<'e>(entries: &'e [Entry], id: &MediumId) -> Vec<&'e Entry> {
    let concerns = |event: &Event| match event {
        Event::RunFinished { copies, .. } => copies.iter().any(|copy| copy.medium.as_ref() == Some(id)),
        Event::Verified { medium, .. } => medium.as_ref() == Some(id),
        event => event.medium() == Some(id),
    };
    entries.iter().filter(|entry| concerns(&entry.event)).collect()
}

/// Whether `event` can come next for this medium, whoever acts: the table of states.
fn follows(medium: &Medium, event: &Event) -> bool {
    let with = |person: &PersonId| medium.holder == Holder::Person(person.clone());
    let carried = matches!(medium.holder, Holder::Person(_));
    match event {
        Event::MediumInitialised { .. } => {
            medium.state != State::Lost && (medium.repository.is_none() || medium.suspect)
        }
        Event::MediumLoaded { .. } => medium.is_usable() && !medium.state.is_connected(),
        Event::MediumEjected { .. } => medium.state.is_connected(),
        Event::MediumHandedOver { from, to, .. } => {
            medium.state != State::Lost && !medium.state.is_connected() && from != to && (!carried || with(from))
        }
        Event::MediumReceived { by, .. } => {
            medium.state == State::InTransit && with(by) || medium.state == State::Ejected
        }
        Event::MediumLost { .. } => medium.state != State::Lost,
        Event::MediumFound { .. } => medium.state == State::Lost,
        _ => true,
    }
}

/// The place that a received medium is at, if the event is one.
#[must_use]
pub(crate) fn place_of(event: &Event) -> Option<&PlaceId> {
    match event {
        Event::MediumReceived { place, .. } => Some(place),
        Event::MediumHandedOver { to_place, .. } => to_place.as_ref(),
        _ => None,
    }
}
