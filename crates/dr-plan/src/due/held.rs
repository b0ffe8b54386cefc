//! Is heavy work held back now, and until when? While the school is open its network is for teaching.

use jiff::{SignedDuration, Timestamp};

use super::Past;
use crate::calendar::Calendar;
use crate::plan::Plan;
use crate::schedule::instant;
use crate::system::CopyRule;

/// A run that takes longer than this as a rule is heavy, and so is a first copy.
pub const HEAVY: SignedDuration = SignedDuration::from_mins(15);

/// When the school closes, if it is open at `at`: on a school day, within its hours.
pub(super) fn open_until(plan: &Plan, calendar: &Calendar, at: Timestamp) -> Option<Timestamp> {
    let (zone, hours) = (&plan.school.timezone, &plan.school.hours);
    let local = at.to_zoned(zone.clone()).datetime();
    if !hours.contains(local) || !calendar.is_school_day(local.date()) {
        return None;
    }
    // Whatever the clock does that day, closing time is not before now.
    instant(local.date().to_datetime(hours.until), zone).filter(|closes| *closes > at)
}

/// Until when this slot's work is held back if its time comes at `at`; `None`: it is not.
///
/// A slot that itself lies in school hours was meant so. A disk that people carry is never held back: it is there only
/// for as long as somebody leaves it there.
pub(super) fn held_until(
    plan: &Plan,
    calendar: &Calendar,
    copy: &CopyRule,
    past: &Past,
    slot: Timestamp,
    at: Timestamp,
) -> Option<Timestamp> {
    let heavy = past.is_seeding() || past.typical_run.is_some_and(|run| run > HEAVY);
    let carried = plan.pool_of(&copy.target).is_some();
    if !heavy || carried || open_until(plan, calendar, slot).is_some() {
        return None;
    }
    open_until(plan, calendar, at)
}
