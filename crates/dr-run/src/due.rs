//! What is due now, out of the plan and the ledger: which systems, to which targets, for which slots.

use std::collections::BTreeMap;

use dr_ledger::{History, RunOutcome};
use dr_plan::{Calendar, Plan, SystemId, TargetId};
use jiff::{SignedDuration, Timestamp};

use crate::school::FUTURE_COUNTS;

/// One system's turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueJob {
    /// Whose data.
    pub system: SystemId,
    /// Each target with the slot that it serves; none if somebody asked for a run outside the schedule.
    pub targets: Vec<(TargetId, Option<Timestamp>)>,
    /// Why now, in words for people.
    pub because: String,
    /// Whether somebody asked for it, rather than the schedule.
    pub asked: bool,
}

/// The past as the plan's rules read it. A copy that waits for a medium was begun and not ended, so that it is made as
/// soon as one is loaded.
#[must_use]
pub fn past(history: &History) -> dr_plan::History {
    let mut past = dr_plan::History::default();
    for (system, target, copy) in history.copies() {
        if let Some(slot) = copy.started_slot {
            past.started(system, target, slot);
        }
        let ended = copy.ended_at.unwrap_or(Timestamp::MIN);
        if let Some(slot) = copy.successful_slot {
            past.finished(system, target, slot, ended, true);
        }
        if let Some(slot) = copy.finished_slot.filter(|slot| Some(*slot) > copy.successful_slot) {
            past.finished(system, target, slot, ended, false);
        }
        past.failed_times(system, target, copy.failures);
        past.work(system, typical(history.durations(system)), size(history, system));
    }
    past
}

/// The past as it decides what is due at `now`. Under the fault that a test plants again, a slot of a time to come has
/// served every turn until then.
fn fed(history: &History, now: Timestamp) -> dr_plan::History {
    let mut past = past(history);
    if dr_switch::is_planted(FUTURE_COUNTS) {
        let served = history.copies().filter(|(_, _, copy)| copy.successful_slot.is_some_and(|slot| slot > now));
        served.for_each(|(system, target, _)| past.finished(system, target, now, now, true));
    }
    past
}

/// How many of the newest runs say what is typical.
const TYPICAL_OF: usize = 9;

/// The middle one of the newest runs' lengths.
fn typical(durations: &[SignedDuration]) -> Option<SignedDuration> {
    let mut newest = durations.get(durations.len().saturating_sub(TYPICAL_OF)..)?.to_vec();
    newest.sort_unstable();
    newest.get(newest.len() / 2).copied()
}

/// How many bytes the system had when it was last read whole.
fn size(history: &History, system: &SystemId) -> Option<u64> {
    let whole = |outcome| matches!(outcome, RunOutcome::Done | RunOutcome::Incomplete);
    history.last_run(system).filter(|run| whole(run.outcome) && run.bytes_read > 0).map(|run| run.bytes_read)
}

/// Everything due at `now`, one turn for each system, in the order in which to do it.
#[must_use]
pub fn due(plan: &Plan, calendar: &Calendar, history: &History, now: Timestamp) -> Vec<DueJob> {
    let mut turns: Vec<DueJob> = Vec::new();
    let mut places: BTreeMap<SystemId, usize> = BTreeMap::new();
    for due in dr_plan::due(plan, calendar, &fed(history, now), now) {
        let target = (due.target, Some(due.slot));
        match places.get(&due.system).and_then(|place| turns.get_mut(*place)) {
            Some(turn) => turn.targets.push(target),
            None => {
                places.insert(due.system.clone(), turns.len());
                turns.push(DueJob { system: due.system, targets: vec![target], because: due.because, asked: false });
            }
        }
    }
    turns
}

/// A turn for every one of `systems` to all its targets, because somebody asked. Where a slot waits, for another try or
/// for the school to close too, it is served.
#[must_use]
pub fn asked(plan: &Plan, history: &History, systems: &[SystemId], now: Timestamp) -> Vec<DueJob> {
    let waiting = dr_plan::unserved(plan, &fed(history, now), now);
    let due: BTreeMap<(SystemId, TargetId), Timestamp> =
        waiting.into_iter().map(|due| ((due.system, due.target), due.slot)).collect();
    let wanted = plan.systems.iter().filter(|system| systems.contains(&system.id));
    let mut wanted: Vec<_> = wanted.collect();
    wanted.sort_by_key(|system| system.tier);
    let turn = |system: &dr_plan::System| DueJob {
        system: system.id.clone(),
        targets: system
            .copies
            .iter()
            .map(|copy| (copy.target.clone(), due.get(&(system.id.clone(), copy.target.clone())).copied()))
            .collect(),
        because: "asked for".to_owned(),
        asked: true,
    };
    wanted.into_iter().map(turn).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dr_ledger::{Authenticated, Body, CopyOutcome, Event, RunCopy, RunId};

    const PLAN: &str = "school = 'S'\ncopies = { onsite = 'nas', disks = 2 }\n[systems]\nadmin = { source = 'office', schedule = 'daily at 19:00', targets = ['onsite', 'disks'] }\n";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The targets due at `now` after a run for the slot of 19:00 that ended at 19:10.
    fn due_after(nas: CopyOutcome, disks: CopyOutcome, now: &str) -> Vec<String> {
        let plan = dr_plan::parse(PLAN, "dr.toml").unwrap();
        let (slot, system) = (at("2026-11-20T19:00:00Z"), SystemId::new("admin").unwrap());
        let copy = |name: &str, outcome| RunCopy {
            target: TargetId::new(name).unwrap(),
            medium: None,
            outcome,
            snapshot: None,
            slot: Some(slot),
            bytes_stored: 0,
            error: None,
        };
        let copies: Vec<_> = plan.systems[0]
            .copies
            .iter()
            .map(|rule| copy(rule.target.as_str(), if rule.target.as_str() == "onsite" { nas } else { disks }))
            .collect();
        let slots = copies.iter().map(|copy| (copy.target.clone(), slot)).collect();
        let run = RunId("r".into());
        let events = [
            Event::RunStarted { run: run.clone(), system: system.clone(), slots, because: String::new() },
            Event::RunFinished {
                run,
                system,
                outcome: RunOutcome::Done,
                copies,
                capture_started: None,
                entries: 0,
                bytes_read: 0,
                size: None,
                unreadable: 0,
                noticed: dr_ledger::Noticed::default(),
            },
        ];
        let entries: Vec<_> = (1..)
            .zip(events)
            .map(|(n, event)| {
                let then = at("2026-11-20T19:10:00Z");
                Body { decided: then, real: then, by: None, authenticated: Authenticated::System, event }.numbered(n)
            })
            .collect();
        let turns = due(&plan, &Calendar::every_week(), &History::of(&entries), at(now));
        turns.iter().flat_map(|turn| turn.targets.iter().map(|(target, _)| target.to_string())).collect()
    }

    #[test]
    fn a_wait_for_a_disk_ends_when_there_is_one_and_a_failure_after_some_minutes() {
        let (done, failed, awaited) = (CopyOutcome::Done, CopyOutcome::Failed, CopyOutcome::Awaited);
        assert_eq!(due_after(done, done, "2026-11-20T19:11:00Z"), [] as [&str; 0]);
        assert_eq!(due_after(done, awaited, "2026-11-20T19:11:00Z"), ["disks"]);
        assert_eq!(due_after(failed, done, "2026-11-20T19:11:00Z"), [] as [&str; 0]);
        assert_eq!(due_after(failed, done, "2026-11-20T19:16:00Z"), ["onsite"]);
    }
}
