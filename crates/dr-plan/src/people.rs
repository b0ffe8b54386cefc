//! Who acts, who answers and who carries the disk that day?

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::calendar::Calendar;
use crate::plan::{Person, Plan, Role};
use crate::schedule::instant;
use crate::system::System;
use crate::target::Pool;
use crate::{PersonId, PoolId};

impl Person {
    /// Whether they work here on `date`.
    #[must_use]
    pub fn is_employed(&self, date: Date) -> bool {
        self.starts.is_none_or(|starts| starts <= date) && self.leaves.is_none_or(|leaves| date <= leaves)
    }

    /// Whether they work here and are not away on `date`.
    #[must_use]
    pub fn is_present(&self, date: Date) -> bool {
        self.is_employed(date) && !self.absences.iter().any(|absence| absence.from <= date && date <= absence.until)
    }
}

impl Plan {
    /// Whose account `login` is. Nobody's, if two people share it: then it does not tell who acts.
    #[must_use]
    pub fn person_for_login(&self, login: &str) -> Option<&PersonId> {
        let mut found = self.people.iter().filter(|(_, person)| person.login.as_deref() == Some(login));
        match (found.next(), found.next()) {
            (Some((id, _)), None) => Some(id),
            _ => None,
        }
    }

    /// Whom to ask for a disk on `date`: those of the pool who are there, the first in turn first,
    /// then whoever stands in for one of them. Empty if nobody is.
    #[must_use]
    pub fn on_duty(&self, pool: &PoolId, date: Date) -> Vec<&PersonId> {
        let Some(pool) = self.pools.get(pool) else {
            return Vec::new();
        };
        let own = pool.custodians.iter();
        let deputies = own.clone().filter_map(|id| self.people.get(id)?.deputy.as_ref());
        let mut asked: Vec<&PersonId> = Vec::new();
        for id in own.chain(deputies) {
            if !asked.contains(&id) && self.people.get(id).is_some_and(|person| person.is_present(date)) {
                asked.push(id);
            }
        }
        asked
    }

    /// Who answers for a system on `date`: its owner, else who leads it, else the head. Whoever
    /// has left answers for nothing.
    #[must_use]
    pub fn answers_for<'p>(&'p self, system: Option<&'p System>, date: Date) -> Option<&'p PersonId> {
        let there = |id: &PersonId| self.people.get(id).is_some_and(|person| person.is_employed(date));
        let owner = system.and_then(|system| system.owner.as_ref());
        let leads = [Role::ItLead, Role::ItProvider, Role::Head];
        let leads = leads.into_iter().flat_map(|role| self.with_role(role)).map(|(id, _)| id);
        owner.into_iter().chain(leads).find(|id| there(id))
    }
}

/// A turn of a pool: when one medium makes room for the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// When the schedule says.
    pub slot: Timestamp,
    /// When people do it: the same, or on the operating day it moved to.
    pub at: Timestamp,
}

impl Pool {
    /// The turns that people carry out from `from` until just before `until`, in order. Turns
    /// that move onto one day are one turn: a disk is carried once.
    #[must_use]
    pub fn rotations(&self, calendar: &Calendar, from: Timestamp, until: Timestamp, zone: &TimeZone) -> Vec<Rotation> {
        // A turn may move by a whole break, so those around are looked at too.
        let around = jiff::SignedDuration::from_hours(24 * 125);
        let first = from.checked_sub(around).unwrap_or(Timestamp::MIN);
        let last = until.checked_add(around).unwrap_or(Timestamp::MAX);
        let moved = self.rotate.slots(first, last, zone).into_iter().filter_map(|slot| {
            let local = slot.to_zoned(zone.clone()).datetime();
            let day = calendar.shift(local.date(), self.shift)?;
            let at = if day == local.date() { Some(slot) } else { instant(day.to_datetime(local.time()), zone) };
            Some(Rotation { slot, at: at? })
        });
        let mut turns: Vec<Rotation> = moved.filter(|turn| from <= turn.at && turn.at < until).collect();
        turns.sort_by_key(|turn| (turn.at, turn.slot));
        let day = |turn: &Rotation| turn.at.to_zoned(zone.clone()).date();
        turns.dedup_by_key(|turn| day(turn));
        turns
    }
}
