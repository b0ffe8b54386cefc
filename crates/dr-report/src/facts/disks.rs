//! Where the disks of each pool are, who answers for them, and what is to be moved next?

use dr_ledger::{MediumKind, PlaceState};
use dr_media::{Holder, Medium, PoolFacts, Register, State, due};
use dr_plan::MediumId;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{DiskFacts, Given};

pub(super) fn of_pools(given: &Given<'_>, register: &Register, today: Date) -> Vec<DiskFacts> {
    let plan = given.plan;
    let of_pool = |(id, pool): (&dr_plan::PoolId, &dr_plan::Pool)| {
        let media = register.pool(id);
        let employed = |person: &&dr_plan::PersonId| plan.people.get(*person).is_some_and(|p| p.is_employed(today));
        let deputies = pool.custodians.iter().filter_map(|person| plan.people.get(person)?.deputy.as_ref());
        let mut custodians: Vec<_> = pool.custodians.iter().chain(deputies).filter(employed).cloned().collect();
        let mut seen = std::collections::BTreeSet::new();
        custodians.retain(|person| seen.insert(person.clone()));
        let with_leavers = media.iter().filter_map(|medium| match &medium.holder {
            Holder::Person(person) if !employed(&person) => Some((medium.id.clone(), person.clone())),
            _ => None,
        });
        let facts = PoolFacts::from_plan(plan, given.calendar, register, id, given.now);
        DiskFacts {
            pool: id.clone(),
            wanted: pool.media,
            registered: media.len(),
            usable: media.iter().filter(|medium| medium.is_usable()).count(),
            lost: media.iter().filter(|m| m.state == State::Lost).map(|m| (m.id.clone(), m.since)).collect(),
            with_leavers: with_leavers.collect(),
            in_sight: media.iter().filter_map(|medium| in_sight(medium, register)).collect(),
            out_of_sight: media.iter().filter_map(|medium| out_of_sight(medium, register)).collect(),
            custodians,
            moves: facts.map(|facts| due(&facts, register, given.now)).unwrap_or_default(),
        }
    };
    plan.pools.iter().map(of_pool).collect()
}

/// A medium that was seen though it is said to be elsewhere. One that was made ready and never used may be anywhere, and
/// a folder that stands for a disk is always in sight.
fn in_sight(medium: &Medium, register: &Register) -> Option<(MediumId, Timestamp, Holder)> {
    let unused = matches!(medium.state, State::Registered | State::Scratch);
    if medium.state.is_connected() || unused || medium.kind == MediumKind::Directory {
        return None;
    }
    let sight = register.sights().medium(&medium.id).filter(|sight| sight.state == Some(PlaceState::Here))?;
    // Whoever ejects it has until the next look.
    Some((medium.id.clone(), sight.since?.max(medium.since), medium.holder.clone()))
}

fn out_of_sight(medium: &Medium, register: &Register) -> Option<(MediumId, Timestamp)> {
    let sight = register.sights().medium(&medium.id).filter(|sight| sight.state == Some(PlaceState::Away))?;
    medium.state.is_connected().then_some((medium.id.clone(), sight.since?))
}
