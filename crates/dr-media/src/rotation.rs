//! Which medium should come and which should go, by when, and whose turn it is to carry.
//!
//! Schemes count sessions and not dates, so that holidays do not break a pattern: a session is one stay of a medium in
//! the server during which at least one copy was made (or still may be). The slots come from the plan already shifted
//! off holidays; a row of missed ones is one catch-up, due since the first.
//!
//! Grandfather-father-son by itself says nothing about how many of each. Here sons are at most 4 and fathers at most 5,
//! a third each of what there is, and grandfathers get the rest; of a termly pool, three sevenths but at most 3 media
//! are kept for the ends of terms. Media keep their part for good: the first registered are sons.

use dr_plan::{MediumId, PersonId, PlaceId, PoolId, Scheme};
use jiff::Timestamp;

use crate::medium::{Holder, Medium, State};
use crate::register::Register;

/// What a slot is the last of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ends {
    /// Just a day.
    Day,
    /// The last slot of a week.
    Week,
    /// The last slot of a month.
    Month,
    /// The last slot of a term.
    Term,
}

/// One moment at which media change places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// When.
    pub at: Timestamp,
    /// What it is the last of, the longest that applies.
    pub ends: Ends,
}

/// What the plan says about one pool around now.
#[derive(Debug, Clone)]
pub struct PoolFacts {
    /// Which pool.
    pub id: PoolId,
    /// How it rotates.
    pub scheme: Scheme,
    /// Its slots in order, from before the newest session to at least one after now.
    pub slots: Vec<Slot>,
    /// Who is there to carry, first the one whose turn it is.
    pub custodians: Vec<PersonId>,
    /// Where written media are kept; without one, the custodian keeps them.
    pub kept_at: Option<PlaceId>,
}

/// One medium that should be somewhere else by some time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Move {
    /// Which medium.
    pub medium: MediumId,
    /// Of which pool.
    pub pool: PoolId,
    /// By when; before now means overdue.
    pub by: Timestamp,
    /// Whose turn it is; nobody if nobody is there, which is a finding.
    pub custodian: Option<PersonId>,
    /// Who else could.
    pub deputies: Vec<PersonId>,
    /// Where it is.
    pub from: Holder,
    /// Where it should be.
    pub to: Holder,
}

/// The moves due in one pool: first the medium that should come, then those that should go.
#[must_use]
pub fn due(pool: &PoolFacts, register: &Register, now: Timestamp) -> Vec<Move> {
    let Some(slot) = pool.pending(register, now) else {
        return Vec::new();
    };
    let coming = next_medium(pool, register, slot.ends);
    let mut moves = Vec::new();
    if let Some(medium) = coming.filter(|medium| !medium.state.is_connected()) {
        moves.push(pool.to_move(medium, slot.at, Holder::Server));
    }
    let stays = |medium: &Medium| coming.is_some_and(|coming| coming.id == medium.id);
    for medium in register.pool(&pool.id).into_iter().filter(|medium| !stays(medium)) {
        let leaves = medium.holder == Holder::Server && medium.last_written.is_some() && medium.state != State::Lost;
        let after = || pool.slots.iter().find(|slot| slot.at >= medium.since).map_or(slot.at, |slot| slot.at);
        if leaves && (medium.state.is_connected() || medium.state == State::Ejected) {
            if let Some(to) = pool.keeper() {
                moves.push(pool.to_move(medium, slot.at, to));
            }
        } else if medium.state == State::InTransit {
            let bound_for = medium.bound_for.clone().or_else(|| pool.kept_at.clone());
            if let Some(place) = bound_for {
                moves.push(pool.to_move(medium, after().min(slot.at), Holder::Place(place)));
            }
        }
    }
    moves
}

/// The medium whose turn it is at a slot that ends `ends`; none if no medium of the pool can be written to.
#[must_use]
pub fn next_medium<'r>(pool: &PoolFacts, register: &'r Register, ends: Ends) -> Option<&'r Medium> {
    let media = register.pool(&pool.id);
    let of_pool = register.sessions().iter().filter(|session| session.pool == pool.id);
    let counted: Vec<_> = of_pool.filter(|session| session.open || session.written.is_some()).collect();
    // The one after the last used of these, so that a lost or new medium does not shift the others' turns.
    let after_last = |part: &[&'r Medium]| {
        let place = |id: &MediumId| part.iter().position(|medium| medium.id == *id);
        let next = counted.iter().rev().find_map(|session| place(&session.medium)).map_or(0, |last| last + 1);
        first_usable(part, next)
    };
    match pool.scheme {
        Scheme::RoundRobin => after_last(&media),
        Scheme::Hanoi => first_usable(&media, hanoi(counted.len() as u64 + 1, media.len())),
        Scheme::Gfs | Scheme::GfsTermly => {
            let [sons, fathers, grandfathers] = parts(pool, &media);
            let own = match (pool.scheme, ends) {
                (Scheme::GfsTermly, Ends::Term) => grandfathers,
                (Scheme::GfsTermly, _) | (_, Ends::Day) => sons,
                (_, Ends::Week) => fathers,
                (_, Ends::Month | Ends::Term) => grandfathers,
            };
            after_last(own).or_else(|| after_last(&media))
        }
    }
}

/// Which of `media` media serves completed session number `session`, from 1: number of trailing zeros, at most the last.
#[must_use]
pub fn hanoi(session: u64, media: usize) -> usize {
    (session.trailing_zeros() as usize).min(media.saturating_sub(1))
}

fn first_usable<'r>(media: &[&'r Medium], from: usize) -> Option<&'r Medium> {
    let turn = media.iter().cycle().skip(from).take(media.len());
    turn.copied().find(|medium| medium.is_usable())
}

/// Sons, fathers, grandfathers. In a pool that never rotates within a week nobody would use the sons, so there they
/// are fathers too; a part that would be empty is the one before it.
fn parts<'p, 'r>(pool: &PoolFacts, media: &'p [&'r Medium]) -> [&'p [&'r Medium]; 3] {
    let n = media.len();
    if pool.scheme == Scheme::GfsTermly {
        let (weekly, termly) = media.split_at(n - (n * 3 / 7).clamp(usize::from(n > 1), 3).min(n));
        return [weekly, weekly, termly];
    }
    let sons = n.div_ceil(3).min(4);
    let fathers = (n - sons).div_ceil(2).min(5);
    let (sons, rest) = media.split_at(sons);
    let (fathers, grandfathers) = rest.split_at(fathers);
    let daily = pool.slots.iter().any(|slot| slot.ends == Ends::Day);
    let fathers = match fathers {
        [] => sons,
        _ if daily => fathers,
        _ => &media[..sons.len() + fathers.len()],
    };
    [sons, fathers, if grandfathers.is_empty() { fathers } else { grandfathers }]
}

impl PoolFacts {
    /// The first slot that no load has served. A load serves a slot from halfway after the one before: a disk brought in
    /// on Friday morning serves Friday at 15:00, and one brought in on Monday is last Friday's, late.
    pub(crate) fn pending(&self, register: &Register, now: Timestamp) -> Option<Slot> {
        let loaded = register.last_load(&self.id, now);
        let first = register.pool(&self.id).iter().filter_map(|medium| medium.initialised).min();
        let served = |place: usize| {
            let at = |place: usize| self.slots.get(place).map(|slot| slot.at);
            let before = place.checked_sub(1).and_then(at);
            let gap = before.map(|before| self.slots[place].at.duration_since(before));
            let gap = gap.or_else(|| Some(at(place + 1)?.duration_since(self.slots[place].at))).unwrap_or_default();
            match (loaded, first) {
                (Some(loaded), _) => loaded >= self.slots[place].at - gap / 2,
                // Before the pool had a medium nothing could be due.
                (None, first) => self.slots[place].at < first.unwrap_or(now),
            }
        };
        (0..self.slots.len()).find(|&place| !served(place)).map(|place| self.slots[place])
    }

    fn keeper(&self) -> Option<Holder> {
        let place = self.kept_at.clone().map(Holder::Place);
        place.or_else(|| self.custodians.first().cloned().map(Holder::Person))
    }

    fn to_move(&self, medium: &Medium, by: Timestamp, to: Holder) -> Move {
        // Who has it already carries it on; the others deputise.
        let carrier = match &medium.holder {
            Holder::Person(person) => Some(person.clone()),
            _ => self.custodians.first().cloned(),
        };
        let mut deputies = self.custodians.clone();
        deputies.retain(|person| Some(person) != carrier.as_ref());
        let (medium, from) = (medium.id.clone(), medium.holder.clone());
        Move { medium, pool: self.id.clone(), by, custodian: carrier, deputies, from, to }
    }
}
