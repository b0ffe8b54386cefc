//! Whether a person may make a move with a medium, and if not, who could.
//!
//! The move is the event that would be appended; whoever records it checks it first and appends it only then. A
//! refusal names people and the way out, because it is read by somebody who stands there with a disk in hand.

use std::collections::{BTreeMap, BTreeSet};

use dr_ledger::Event;
use dr_plan::{MediumId, PersonId, PlaceId, PoolId};

use crate::medium::{Holder, Medium, State};
use crate::register::{Register, place_of};

/// Whether somebody is there at the moment of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// At work.
    Here,
    /// Away for a while.
    Absent,
    /// Has not begun yet.
    NotYet,
    /// Does not work here any more.
    Left,
}

/// What the plan says about people and places at the moment of a move.
#[derive(Debug, Clone, Default)]
pub struct Staff {
    /// Everybody in the plan.
    pub people: BTreeMap<PersonId, Presence>,
    /// Every place, with who has its key; nobody named means that everybody gets in.
    pub places: BTreeMap<PlaceId, BTreeSet<PersonId>>,
    /// Who carries the media of each pool, first the one whose turn it is.
    pub custodians: BTreeMap<PoolId, Vec<PersonId>>,
}

/// Why a move may not be made. `who` lists the people who could make it; it may be empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The event moves no medium.
    #[error("not a move of a medium")]
    NoMove,
    /// Nobody said who acts.
    #[error("a move of a medium needs a person: say who with --by{}", could(.who))]
    Nobody {
        /// Who could act.
        who: Vec<PersonId>,
    },
    /// The plan does not know this person.
    #[error("the plan knows nobody called {person}{}", could(.who))]
    UnknownPerson {
        /// Who was named.
        person: PersonId,
        /// Who could act.
        who: Vec<PersonId>,
    },
    /// A leaver, somebody absent, or somebody who has not begun.
    #[error("{person} is not here ({}){}", why_not(*.presence), could(.who))]
    NotHere {
        /// Who was named.
        person: PersonId,
        /// Why not.
        presence: Presence,
        /// Who could act.
        who: Vec<PersonId>,
    },
    /// A handover needs two people.
    #[error("{person} cannot hand {medium} over to the same person: a handover needs two people{}", could(.who))]
    SamePerson {
        /// Which medium.
        medium: MediumId,
        /// Who was named twice.
        person: PersonId,
        /// Who could take it.
        who: Vec<PersonId>,
    },
    /// Somebody else has it.
    #[error("{medium} is with {holder} and not with {person}; {holder} can act, or hand it over")]
    NotHolder {
        /// Which medium.
        medium: MediumId,
        /// Who has it.
        holder: Holder,
        /// Who was named.
        person: PersonId,
        /// Who could act.
        who: Vec<PersonId>,
    },
    /// It is, or is to go, behind a door that this person has no key to.
    #[error("{person} has no key to {place}{}", could(.who))]
    NoKey {
        /// Which place.
        place: PlaceId,
        /// Who was named.
        person: PersonId,
        /// Who has a key.
        who: Vec<PersonId>,
    },
    /// The plan does not know this place.
    #[error("the plan knows no place called {place}; it knows {}", list(.known))]
    UnknownPlace {
        /// What was named.
        place: PlaceId,
        /// The places that the plan knows.
        known: Vec<PlaceId>,
    },
    /// Not a medium of this school. Nothing is written to it.
    #[error("{medium} is not in the register; `dr media register` takes a new medium in")]
    Unregistered {
        /// What was named.
        medium: MediumId,
    },
    /// The label is taken.
    #[error("{medium} is in the register already")]
    RegisteredAlready {
        /// Which medium.
        medium: MediumId,
    },
    /// It has no repository.
    #[error("{medium} is not initialised; `dr media init {medium}` does that")]
    NotInitialised {
        /// Which medium.
        medium: MediumId,
    },
    /// It has a repository, which would be gone.
    #[error(
        "{medium} was initialised before, and initialising it again would give up the copies on it. If that was another disk, or a folder where no disk was mounted: say `dr media lost {medium}` and `dr media found {medium}`, and then initialise it"
    )]
    InitialisedAlready {
        /// Which medium.
        medium: MediumId,
    },
    /// It was out of custody.
    #[error("{medium} was lost and found again and is not trusted; check it, or initialise it again")]
    Suspect {
        /// Which medium.
        medium: MediumId,
    },
    /// Not possible as things are.
    #[error("{medium} is {state}, so this cannot be done; {way_out}")]
    WrongState {
        /// Which medium.
        medium: MediumId,
        /// What it is.
        state: State,
        /// What to do first.
        way_out: &'static str,
    },
    /// One medium of a pool at a time.
    #[error("{other} of the same pool is loaded; eject it first, then load {medium}")]
    OtherLoaded {
        /// Which medium.
        medium: MediumId,
        /// What is loaded.
        other: MediumId,
    },
}

/// Whether `by` may record `event` now. `Ok` means that it may be appended.
///
/// # Errors
/// Why not, and who could.
pub fn check(register: &Register, staff: &Staff, by: Option<&PersonId>, event: &Event) -> Result<(), Refusal> {
    let id = event.medium().ok_or(Refusal::NoMove)?;
    let by = by.ok_or_else(|| Refusal::Nobody { who: staff.carriers(register.medium(id)) })?;
    let medium = match (register.medium(id), event) {
        (None, Event::MediumRegistered { .. }) => return staff.not_left(by, None),
        (Some(_), Event::MediumRegistered { .. }) => {
            return Err(Refusal::RegisteredAlready { medium: id.clone() });
        }
        (None, _) => return Err(Refusal::Unregistered { medium: id.clone() }),
        (Some(medium), _) => medium,
    };
    staff.not_left(by, Some(medium))?;
    if let Some(place) = place_of(event) {
        staff.keyholders(place)?;
    }
    let wrong = |way_out| Refusal::WrongState { medium: id.clone(), state: medium.state, way_out };
    if medium.state == State::Lost && !matches!(event, Event::MediumFound { .. }) {
        return Err(wrong("whoever has it says so with `dr media found`"));
    }
    match event {
        Event::MediumInitialised { .. } if medium.repository.is_some() && !medium.suspect => {
            Err(Refusal::InitialisedAlready { medium: id.clone() })
        }
        Event::MediumLoaded { .. } => may_load(register, staff, medium, by),
        Event::MediumEjected { .. } if !medium.state.is_connected() => Err(wrong("it is not in the server")),
        Event::MediumHandedOver { .. } if medium.state.is_connected() => Err(wrong("eject it first")),
        Event::MediumHandedOver { from, to, .. } => {
            if from == to {
                let who = staff.carriers(Some(medium)).into_iter().filter(|person| person != from).collect();
                return Err(Refusal::SamePerson { medium: id.clone(), person: from.clone(), who });
            }
            staff.not_left(from, Some(medium)).or_else(|refusal| staff.leaver_gives_back(medium, from, refusal))?;
            staff.here(to, medium)?;
            in_reach(staff, medium, from)
        }
        // Where one person carries the disks, she takes one from beside the server and puts it away herself.
        Event::MediumReceived { .. } if !matches!(medium.state, State::InTransit | State::Ejected) => {
            Err(wrong("it is received by whoever it was handed to, or by who takes it from beside the server"))
        }
        Event::MediumReceived { by: receiver, place, .. } => {
            staff.here(receiver, medium)?;
            in_reach(staff, medium, receiver)?;
            staff.has_key(receiver, place)
        }
        Event::MediumLost { by: person, .. } => staff.not_left(person, Some(medium)),
        Event::MediumFound { .. } if medium.state != State::Lost => Err(wrong("it was never lost")),
        Event::MediumFound { by: person, .. } => staff.here(person, medium),
        _ => Ok(()),
    }
}

fn may_load(register: &Register, staff: &Staff, medium: &Medium, by: &PersonId) -> Result<(), Refusal> {
    let id = || medium.id.clone();
    if medium.state.is_connected() {
        return Err(Refusal::WrongState { medium: id(), state: medium.state, way_out: "it is in the server already" });
    }
    if medium.suspect {
        return Err(Refusal::Suspect { medium: id() });
    }
    if medium.repository.is_none() {
        return Err(Refusal::NotInitialised { medium: id() });
    }
    if let Some(other) = register.loaded(&medium.pool) {
        return Err(Refusal::OtherLoaded { medium: id(), other: other.id.clone() });
    }
    in_reach(staff, medium, by)
}

/// Whether `person` can have the medium in hand.
fn in_reach(staff: &Staff, medium: &Medium, person: &PersonId) -> Result<(), Refusal> {
    match &medium.holder {
        Holder::Server => Ok(()),
        Holder::Person(holder) if holder == person => Ok(()),
        Holder::Person(holder) => Err(Refusal::NotHolder {
            medium: medium.id.clone(),
            holder: medium.holder.clone(),
            person: person.clone(),
            who: vec![holder.clone()],
        }),
        // A place that has since gone from the plan must not keep its media for ever.
        Holder::Place(place) if !staff.places.contains_key(place) => Ok(()),
        Holder::Place(place) => staff.has_key(person, place),
    }
}

impl Staff {
    /// Who is here and carries media like this one.
    fn carriers(&self, medium: Option<&Medium>) -> Vec<PersonId> {
        let custodians = medium.and_then(|medium| self.custodians.get(&medium.pool));
        let everybody = || self.people.keys().cloned().collect();
        let mut who = custodians.cloned().unwrap_or_else(everybody);
        who.retain(|person| self.people.get(person) == Some(&Presence::Here));
        who
    }

    fn presence(&self, person: &PersonId, medium: Option<&Medium>) -> Result<Presence, Refusal> {
        let who = || self.carriers(medium);
        let known = self.people.get(person).copied();
        known.ok_or_else(|| Refusal::UnknownPerson { person: person.clone(), who: who() })
    }

    /// Somebody who works here may say what happened, also from holiday.
    fn not_left(&self, person: &PersonId, medium: Option<&Medium>) -> Result<(), Refusal> {
        match self.presence(person, medium)? {
            Presence::Here | Presence::Absent => Ok(()),
            presence => Err(Refusal::NotHere { person: person.clone(), presence, who: self.carriers(medium) }),
        }
    }

    /// Only who is at work may take something on.
    fn here(&self, person: &PersonId, medium: &Medium) -> Result<(), Refusal> {
        match self.presence(person, Some(medium))? {
            Presence::Here => Ok(()),
            presence => {
                let mut who = self.carriers(Some(medium));
                who.retain(|other| *other != *person);
                Err(Refusal::NotHere { person: person.clone(), presence, who })
            }
        }
    }

    /// A leaver who still has a disk must be able to give it back, or it would stay with them for ever.
    fn leaver_gives_back(&self, medium: &Medium, from: &PersonId, refusal: Refusal) -> Result<(), Refusal> {
        let gives_back = self.people.contains_key(from) && medium.holder == Holder::Person(from.clone());
        if gives_back { Ok(()) } else { Err(refusal) }
    }

    fn keyholders(&self, place: &PlaceId) -> Result<&BTreeSet<PersonId>, Refusal> {
        let known = || self.places.keys().cloned().collect();
        self.places.get(place).ok_or_else(|| Refusal::UnknownPlace { place: place.clone(), known: known() })
    }

    fn has_key(&self, person: &PersonId, place: &PlaceId) -> Result<(), Refusal> {
        let keyholders = self.keyholders(place)?;
        if keyholders.is_empty() || keyholders.contains(person) {
            return Ok(());
        }
        let here = |person: &&PersonId| self.people.get(*person) == Some(&Presence::Here);
        let who = keyholders.iter().filter(here).cloned().collect();
        Err(Refusal::NoKey { place: place.clone(), person: person.clone(), who })
    }
}

fn why_not(presence: Presence) -> &'static str {
    match presence {
        Presence::Here => "here",
        Presence::Absent => "absent",
        Presence::NotYet => "has not begun yet",
        Presence::Left => "has left",
    }
}

fn could(who: &[PersonId]) -> String {
    if who.is_empty() { "; nobody in the plan could".to_owned() } else { format!("; could: {}", list(who)) }
}

fn list<T: ToString>(of: &[T]) -> String {
    of.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
