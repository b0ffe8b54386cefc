//! What custody and rotation need to know of the plan at one moment: the bridge from its calendar and people.

use std::collections::BTreeSet;

use dr_plan::{Calendar, Person, Plan, PoolId, Rotation};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::custody::{Presence, Staff};
use crate::register::Register;
use crate::rotation::{Ends, PoolFacts, Slot};

/// Longer than the longest break, so that there is always a next turn.
const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 125);

impl Staff {
    /// Everybody and every place in the plan on `date`.
    #[must_use]
    pub fn from_plan(plan: &Plan, date: Date) -> Self {
        let keyholders = |keys: &[_]| keys.iter().cloned().collect::<BTreeSet<_>>();
        let on_duty = |pool| plan.on_duty(pool, date).into_iter().cloned().collect();
        Self {
            people: plan.people.iter().map(|(id, person)| (id.clone(), presence(person, date))).collect(),
            places: plan.places.iter().map(|(id, place)| (id.clone(), keyholders(&place.keyholders))).collect(),
            custodians: plan.pools.keys().map(|pool| (pool.clone(), on_duty(pool))).collect(),
        }
    }
}

fn presence(person: &Person, date: Date) -> Presence {
    if person.is_present(date) {
        Presence::Here
    } else if person.is_employed(date) {
        Presence::Absent
    } else if person.starts.is_some_and(|starts| date < starts) {
        Presence::NotYet
    } else {
        Presence::Left
    }
}

impl PoolFacts {
    /// One pool of the plan around `now`; `None` if the plan has no such pool. The custodians are those who are there
    /// on the day of the next turn, or today if a turn is overdue.
    #[must_use]
    pub fn from_plan(
        plan: &Plan,
        calendar: &Calendar,
        register: &Register,
        id: &PoolId,
        now: Timestamp,
    ) -> Option<Self> {
        let (pool, zone) = (plan.pools.get(id)?, &plan.school.timezone);
        let newest = register.last_load(id, now);
        let first = || register.pool(id).iter().filter_map(|medium| medium.initialised).min();
        // From so far back that the turn before the newest session is there too.
        let from = newest.or_else(first).unwrap_or(now).min(now).checked_sub(AHEAD).unwrap_or(Timestamp::MIN);
        let until = now.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
        let turns = pool.rotations(calendar, from, until, zone);
        let mut facts = Self {
            id: id.clone(),
            scheme: pool.scheme,
            slots: slots(&turns, calendar, zone),
            custodians: Vec::new(),
            kept_at: pool.place.clone(),
        };
        let turn = facts.pending(register, now).map_or(now, |slot| slot.at.max(now));
        let date = turn.to_zoned(zone.clone()).date();
        facts.custodians = plan.on_duty(id, date).into_iter().cloned().collect();
        Some(facts)
    }
}

/// The turns with what each is the last of. The very last is left out: nobody knows what comes after it.
fn slots(turns: &[Rotation], calendar: &Calendar, zone: &TimeZone) -> Vec<Slot> {
    let date = |turn: &Rotation| turn.at.to_zoned(zone.clone()).date();
    let ends = |this: Date, next: Date| {
        let term = |date| calendar.term_of(date).map(|term| term.from);
        if term(this).is_some() && term(this) != term(next) {
            Ends::Term
        } else if (this.year(), this.month()) != (next.year(), next.month()) {
            Ends::Month
        } else if this.iso_week_date().week() != next.iso_week_date().week() {
            Ends::Week
        } else {
            Ends::Day
        }
    };
    turns.windows(2).map(|pair| Slot { at: pair[0].at, ends: ends(date(&pair[0]), date(&pair[1])) }).collect()
}
