//! Are the copies still what they should be? Each that can be reached, once a night; the plan's time for reading is shared
//! among them.
//!
//! A host that only writes looks at objects from outside: that each is there, of its length, and has its digest. What is
//! in them takes a key that reads, and the ledger says which of both it was.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dr_ledger::{CheckKind, Entry, Event};
use dr_media::Register;
use dr_plan::{MediumId, TargetId};
use dr_repo::{CheckOptions, CheckReport, Key, ReadData, RepoError, Tally, check};
use dr_run::{Availability, RunError, School, TargetLocation, within};
use jiff::{SignedDuration, Timestamp};

use crate::error::RoundError;

/// One look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Where.
    pub target: TargetId,
    /// On which medium.
    pub medium: Option<MediumId>,
    /// Whether all was sound; `None`: the time was up, or it could not be opened, and nothing is known.
    pub sound: Option<bool>,
    /// Whether what is sealed was opened.
    pub opened: bool,
}

/// A copy is looked at so often at most: once a night.
const EVERY: SignedDuration = SignedDuration::from_hours(20);
/// This part of the time goes into reading packs, those that nobody has read for longest; the rest is for the trees.
const READING: f64 = 0.75;

/// When anybody last looked at all of what is on a target or medium. A time that has not come yet is no evidence.
fn last_look(entries: &[Entry], (target, medium): (&TargetId, Option<&MediumId>), now: Timestamp) -> Option<Timestamp> {
    entries.iter().rev().find_map(|entry| match &entry.event {
        Event::Verified { target: t, medium: m, snapshot: None, what, .. }
            if t == target && m.as_ref() == medium && *what >= CheckKind::Objects && entry.decided <= now =>
        {
            Some(entry.decided)
        }
        _ => None,
    })
}

/// Whether the newest look at its place found that the copies are not there.
fn is_gone(register: &Register, location: &TargetLocation) -> bool {
    register.sights().place(&location.target, location.medium.as_ref()).is_some_and(|sight| sight.is_gone())
}

/// Looks at the copy that waited longest, if one was not looked at tonight.
///
/// # Errors
/// If the ledger cannot be read or written.
pub(crate) fn look(school: &School, key: &Key, stop: &AtomicBool) -> Result<Option<Looked>, RoundError> {
    let entries = school.entries()?;
    let register = Register::of(&entries);
    let now = school.clock.decided();
    let reached = school.plan.targets.keys().filter_map(|target| match school.reach(&register, target) {
        // What is gone is told of by whoever looks for it each round.
        Availability::Here(location) if !is_gone(&register, &location) => Some(location),
        _ => None,
    });
    let reached: Vec<TargetLocation> = reached.collect();
    let share = 1.0 / reached.len().max(1) as f64;
    let waits = reached
        .into_iter()
        .map(|location| (last_look(&entries, (&location.target, location.medium.as_ref()), now), location));
    let due =
        waits.filter(|(last, _)| last.is_none_or(|last| last.saturating_add(EVERY).is_ok_and(|next| next <= now)));
    let Some((_, location)) = due.min_by_key(|(last, _)| *last) else { return Ok(None) };
    let (mut sound, mut opened) = (None, key.reads());
    match looked(school, &location, key, (stop, share), now) {
        Ok(checked) => {
            // Not to have looked at everything that was to be looked at is not to know.
            let is_known = checked.trees_left == 0 || !checked.findings.is_empty();
            (sound, opened) = (is_known.then_some(checked.findings.is_empty()), checked.follows_trees());
            // That it cannot be remembered only means that the same is read again.
            let _ = dr_run::remember(school, &location, key.clone(), &checked);
            dr_run::looked(school, &location, &checked)?;
        }
        Err(RunError::Repository { source: RepoError::Damaged { .. }, .. }) => {
            sound = Some(false);
            let (target, medium, what) = (location.target.clone(), location.medium.clone(), CheckKind::Check);
            school.record(Event::Verified { target, medium, system: None, snapshot: None, what, ok: false })?;
        }
        Err(_) => {}
    }
    Ok(Some(Looked { target: location.target, medium: location.medium, sound, opened }))
}

/// What is found there in the plan's time, of which `share` is for reading here.
fn looked(
    school: &School,
    location: &TargetLocation,
    key: &Key,
    (stop, share): (&AtomicBool, f64),
    now: Timestamp,
) -> Result<CheckReport, RunError> {
    let repository = school.open(location, key.clone(), false)?;
    let longest = Duration::from_secs(school.plan.checks.nightly.longest().as_secs().unsigned_abs());
    let (tally, now_ms) = (Tally::default(), now.as_millisecond());
    let checked = within(longest, stop, |limit| {
        let enough = || limit.left() < longest.mul_f64(1.0 - READING * share);
        let options = CheckOptions {
            read_data: ReadData::Oldest { bytes: u64::MAX },
            now_ms,
            enough: Some(&enough),
            stop: limit.stop(),
            tally: &tally,
        };
        check(&repository, &options)
    });
    // While it was open; a check that met damage has found it, and says so.
    checked.map_err(|_| RunError::Interrupted)
}
