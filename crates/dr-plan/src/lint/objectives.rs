//! Can the plan keep what it promises? Objectives, off-site copies and retention.

use jiff::SignedDuration;

use super::Found;
use crate::plan::PlaceClass;
use crate::retention::Retention;
use crate::target::Class;

pub(super) fn look(found: &mut Found<'_>) {
    let plan = found.plan;
    for system in &plan.systems {
        let often = system.copies.iter().min_by_key(|copy| copy.schedule.interval());
        if let Some(copy) = often.filter(|copy| copy.schedule.interval() > system.rpo.longest()) {
            found.error("rpo", Some(system), format!(
                "{} may lose {} at most, but its most frequent copy is `{}`: write a schedule that is as frequent, or a longer rpo",
                system.title, system.rpo, copy.schedule,
            ));
        }
        if let (Some(rto), Some(mtpd)) = (system.rto, system.mtpd)
            && rto.longest() > mtpd.longest()
        {
            found.error(
                "rto",
                Some(system),
                format!("{} is promised back after {rto}, but harm is unacceptable after {mtpd}", system.title,),
            );
        }
        off_site(found, system);
        if let Some(age) = system.max_age {
            for copy in system.copies.iter().filter(|copy| reach(&copy.retention) > age.longest()) {
                found.warning(
                    "max-age",
                    Some(system),
                    format!(
                        "{} on {} asks for copies older than max-age {age}: they will go at that age",
                        system.title, copy.target,
                    ),
                );
            }
        }
    }
}

/// A system that is needed first must outlive the building.
fn off_site(found: &mut Found<'_>, system: &crate::System) {
    let plan = found.plan;
    let classes: Vec<Class> =
        system.copies.iter().filter_map(|copy| plan.targets.get(&copy.target)).map(|target| target.class).collect();
    if classes.iter().any(|class| matches!(class, Class::Offsite | Class::Cloud)) {
        return;
    }
    let kept_away = |copy: &crate::CopyRule| {
        let place = plan.pool_of(&copy.target).and_then(|(_, pool)| pool.place.as_ref());
        place.and_then(|place| plan.places.get(place)).is_some_and(|place| place.class == PlaceClass::Offsite)
    };
    if system.copies.iter().any(kept_away) {
        return;
    }
    let reason = if classes.contains(&Class::Disk) {
        format!("{} leaves the building only on disks, and their pool names no off-site place to rest in", system.title)
    } else {
        format!("{} has no copy outside the building", system.title)
    };
    match system.tier {
        1 => found.error("off-site", Some(system), reason + ", and it is tier 1"),
        _ => found.warning("off-site", Some(system), reason),
    }
}

/// How far back a retention asks for, each rule counted at its shortest: what it surely asks for.
fn reach(retention: &Retention) -> SignedDuration {
    let hours = |count: u32, each: i64| SignedDuration::from_hours(i64::from(count.saturating_sub(1)) * each);
    let by_count = [
        hours(retention.hourly, 1),
        hours(retention.daily, 24),
        hours(retention.weekly, 7 * 24),
        hours(retention.monthly, 28 * 24),
        hours(retention.yearly, 365 * 24),
    ];
    let within = retention.within.map(crate::Period::longest);
    by_count.into_iter().chain(within).max().unwrap_or_default()
}
