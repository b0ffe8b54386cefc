//! What a plan gets that says nothing: the defaults, all in one place.

use jiff::SignedDuration;
use jiff::civil::{Time, Weekday};

use crate::days::{Days, Hours};
use crate::name::PlaceId;
use crate::period::Period;
use crate::plan::{Cadence, Checks, Level, Place, PlaceClass, Rehearsals};
use crate::retention::Retention;
use crate::schedule::Schedule;
use crate::source::Source;
use crate::target::{Bandwidth, Class, StoreScheme};

pub(super) const TIMEZONE: &str = "Europe/London";
/// Where disks appear on most hosts that mount them for a service.
pub(super) const MOUNT: &str = "/mnt/dr-disks";
/// Where disks are put away when a plan names no place at all. Nobody said that it is another building.
pub(super) fn kept() -> Option<(PlaceId, Place)> {
    let place =
        Place { name: "where the disks are kept".to_owned(), class: PlaceClass::Onsite, keyholders: Vec::new() };
    Some((PlaceId::new("kept").ok()?, place))
}

/// How long a command before or after a backup may take.
pub(super) const HOOK_TIMEOUT: Period = Period::minutes(2);

/// A run that takes longer than this hangs.
pub(super) const RUN_TIMEOUT: Period = Period::hours(12);

/// The contract's order: smallest and most important first.
const ORDER: [(&[&str], u8); 6] = [
    (&["mis", "sims"], 1),
    (&["admin", "office"], 1),
    (&["email", "mail"], 2),
    (&["curriculum"], 2),
    (&["file-server", "files", "fileserver"], 2),
    (&["website", "web", "www"], 3),
];

/// The place of a system among the six of the policy's table; others go with the files.
pub(super) fn rank(id: &str) -> usize {
    ORDER.iter().position(|(ids, _)| ids.contains(&id)).unwrap_or(4)
}

pub(super) fn tier(id: &str) -> u8 {
    ORDER.iter().find(|(ids, _)| ids.contains(&id)).map_or(2, |(_, tier)| *tier)
}

/// `file-server` is titled "File server".
pub(super) fn title(id: &str) -> String {
    if id == "mis" {
        return "MIS".to_owned();
    }
    let words = id.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

pub(super) fn hours() -> Hours {
    Hours { days: Days::weekdays(), from: Time::constant(8, 0, 0, 0), until: Time::constant(16, 0, 0, 0) }
}

/// Nightly from 19:00, ten minutes apart, so that the most important is done first even when
/// each is started on its own. After 23:50 they share that time.
pub(super) fn nightly(place: usize) -> Schedule {
    let minutes = (19 * 60 + 10 * place).min(23 * 60 + 50);
    let part = |n: usize| i8::try_from(n).unwrap_or(0);
    Schedule::Daily { at: Time::constant(part(minutes / 60), part(minutes % 60), 0, 0) }
}

/// The disk is written the night before it is carried away.
pub(super) fn disk_night() -> Schedule {
    Schedule::Weekly { on: Days::one(Weekday::Thursday), at: Time::constant(21, 0, 0, 0) }
}

pub(super) fn rotate() -> Schedule {
    Schedule::Weekly { on: Days::one(Weekday::Friday), at: Time::constant(15, 0, 0, 0) }
}

pub(super) fn letter() -> Schedule {
    Schedule::Weekly { on: Days::one(Weekday::Friday), at: Time::constant(7, 30, 0, 0) }
}

pub(super) fn retention() -> Retention {
    Retention { daily: 14, weekly: 8, monthly: 12, ..Retention::default() }
}

/// Email is kept for six months, whatever the other rules say.
pub(super) fn max_age(id: &str, source: &Source) -> Option<Period> {
    let email = source.is_mail() || rank(id) == 2;
    email.then_some(Period::months(6))
}

/// A breach of an objective is told only after this: the larger of an hour and twice the median
/// run.
#[must_use]
pub fn grace(median_run: Option<SignedDuration>) -> SignedDuration {
    let hour = SignedDuration::from_hours(1);
    median_run.and_then(|run| run.checked_mul(2)).map_or(hour, |twice| twice.max(hour))
}

/// The class that an address has if the plan does not say.
pub(super) fn class(url: &str) -> Class {
    StoreScheme::of(url).map_or(Class::Offsite, |scheme| scheme.class)
}

/// Only object stores can refuse to delete.
pub(super) fn lock(url: &str) -> Option<Period> {
    StoreScheme::of(url).is_some_and(|scheme| scheme.can_lock).then_some(Period::days(30))
}

/// Half of the line in school hours, where a line is used at all.
pub(super) fn bandwidth(url: &str) -> Bandwidth {
    match StoreScheme::of(url).is_some_and(|scheme| scheme.is_path) {
        true => Bandwidth::Unlimited,
        false => Bandwidth::HalfInHours,
    }
}

pub(super) const CHECKS: Checks = Checks { nightly: Period::minutes(30) };

pub(super) const REHEARSALS: Rehearsals =
    Rehearsals { sample: Cadence::Weekly, full: Cadence::Termly, level: Level::L2 };
