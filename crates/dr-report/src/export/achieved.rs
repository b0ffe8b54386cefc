//! What was promised for each copy of a system, and what came of it in the last thirty days?

use std::collections::BTreeSet;

use dr_ledger::{CopyOutcome, Event};
use dr_plan::{CopyRule, Retention, System};
use jiff::{SignedDuration, Timestamp};

use super::{ExportCopy, ExportRow};
use crate::facts::{Facts, Given};
use crate::findings::place_of;
use crate::words;

/// So far back achievements are counted.
const DAYS: i64 = 30;

/// The row with nothing but its copies.
pub(super) fn copies(given: &Given<'_>, facts: &Facts, system: &System) -> ExportRow {
    let mut row = ExportRow {
        title: String::new(),
        owner: String::new(),
        status: "",
        on_site: Default::default(),
        off_site: Default::default(),
        promised: String::new(),
        proved: String::new(),
    };
    if system.source.supplier().is_some() {
        return row;
    }
    for rule in &system.copies {
        let Some(target) = given.plan.targets.get(&rule.target) else { continue };
        let side = if target.class == dr_plan::Class::Onsite { &mut row.on_site } else { &mut row.off_site };
        side[column(rule)].push(copy(given, facts, system, rule));
    }
    row
}

/// Daily and oftener, weekly, rarer.
fn column(rule: &CopyRule) -> usize {
    match rule.schedule.interval().as_hours() {
        ..=36 => 0,
        37..=192 => 1,
        _ => 2,
    }
}

fn copy(given: &Given<'_>, facts: &Facts, system: &System, rule: &CopyRule) -> ExportCopy {
    let place = place_of(given.plan, &rule.target);
    let declared = format!("{} {place}; keeps {}", rule.schedule.often(), kept(&rule.retention));
    let due = due(given, facts, system, rule);
    let made = made(given, system, rule);
    let good = due.iter().filter(|slot| made.contains(slot)).count();
    let newest = facts.system(&system.id).and_then(|of| {
        let of_target = of.copies.iter().filter(|copy| copy.target == rule.target);
        of_target.filter_map(|copy| copy.stored.as_ref()).map(|stored| stored.as_of).max()
    });
    let newest = newest.map_or_else(
        || "none was ever made".to_owned(),
        |at| format!("newest of {}", words::moment(at, facts.today, &given.plan.school.timezone)),
    );
    let achieved = match due.len() {
        0 => format!("none was due in {DAYS} days; {newest}"),
        all => format!("{good} of {all} made; {newest}"),
    };
    ExportCopy { declared, achieved, short: good < due.len() }
}

/// The slots whose time has come, from when the school began.
fn due(given: &Given<'_>, facts: &Facts, system: &System, rule: &CopyRule) -> Vec<Timestamp> {
    let Some(began) = facts.began else { return Vec::new() };
    let grace = facts.system(&system.id).map_or(SignedDuration::ZERO, |of| of.grace);
    let since = given.now.checked_sub(SignedDuration::from_hours(24 * DAYS)).unwrap_or(began).max(began);
    // What may still be running is not due yet.
    let until = given.now.checked_sub(grace).unwrap_or(given.now);
    if since >= until { Vec::new() } else { rule.schedule.slots(since, until, &given.plan.school.timezone) }
}

/// Slots whose copy was stored.
fn made(given: &Given<'_>, system: &System, rule: &CopyRule) -> BTreeSet<Timestamp> {
    let mut made = BTreeSet::new();
    for entry in given.entries {
        if let Event::RunFinished { system: of, copies, .. } = &entry.event
            && *of == system.id
        {
            let done = copies.iter().filter(|copy| copy.target == rule.target && copy.outcome == CopyOutcome::Done);
            made.extend(done.filter_map(|copy| copy.slot));
        }
    }
    made
}

/// How much is kept, in words.
fn kept(retention: &Retention) -> String {
    let counts = [
        (retention.last, "newest"),
        (retention.hourly, "hourly"),
        (retention.daily, "daily"),
        (retention.weekly, "weekly"),
        (retention.monthly, "monthly"),
        (retention.yearly, "yearly"),
    ];
    let mut parts: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    parts.extend(retention.within.map(|within| format!("all of {within}")));
    if parts.is_empty() {
        parts.push("all".to_owned());
    }
    let oldest = retention.max_age.map(|age| format!(", none older than {age}")).unwrap_or_default();
    format!("{}{oldest}", parts.join(", "))
}
