//! What is due now, out of the plan and the ledger: which systems, to which targets, for which slots.

use std::collections::BTreeMap;

use dr_ledger::History;
use dr_plan::{Plan, SystemId, TargetId};
use jiff::Timestamp;

/// One system's turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
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
        if let Some(slot) = copy.finished_slot {
            past.finished(system, target, slot, ended, false);
        }
        if let Some(slot) = copy.successful_slot {
            past.finished(system, target, slot, ended, true);
        }
    }
    past
}

/// Everything due at `now`, one turn for each system, the most important first.
#[must_use]
pub fn due(plan: &Plan, history: &History, now: Timestamp) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for due in dr_plan::due(plan, &past(history), now) {
        match turns.iter_mut().find(|turn| turn.system == due.system) {
            Some(turn) => turn.targets.push((due.target, Some(due.slot))),
            None => turns.push(Turn {
                system: due.system,
                targets: vec![(due.target, Some(due.slot))],
                because: due.because,
                asked: false,
            }),
        }
    }
    turns
}

/// A turn for every one of `systems` to all its targets, because somebody asked. Where a slot is due, it is served.
#[must_use]
pub fn asked(plan: &Plan, history: &History, systems: &[SystemId], now: Timestamp) -> Vec<Turn> {
    let due: BTreeMap<(SystemId, TargetId), Timestamp> =
        dr_plan::due(plan, &past(history), now).into_iter().map(|due| ((due.system, due.target), due.slot)).collect();
    let wanted = plan.systems.iter().filter(|system| systems.contains(&system.id));
    let mut wanted: Vec<_> = wanted.collect();
    wanted.sort_by_key(|system| system.tier);
    let turn = |system: &dr_plan::System| Turn {
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
    use dr_ledger::{Authenticated, Body, CopyOutcome, Event, RunCopy, RunId, RunOutcome};

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
            },
        ];
        let entries: Vec<_> = (1..)
            .zip(events)
            .map(|(n, event)| {
                let then = at("2026-11-20T19:10:00Z");
                Body { decided: then, real: then, by: None, authenticated: Authenticated::System, event }.numbered(n)
            })
            .collect();
        let turns = due(&plan, &History::of(&entries), at(now));
        turns.iter().flat_map(|turn| turn.targets.iter().map(|(target, _)| target.to_string())).collect()
    }

    #[test]
    fn a_wait_for_a_disk_ends_when_there_is_one_and_a_failure_after_an_hour() {
        let (done, failed, awaited) = (CopyOutcome::Done, CopyOutcome::Failed, CopyOutcome::Awaited);
        assert_eq!(due_after(done, done, "2026-11-20T19:11:00Z"), [] as [&str; 0]);
        assert_eq!(due_after(done, awaited, "2026-11-20T19:11:00Z"), ["disks"]);
        assert_eq!(due_after(failed, done, "2026-11-20T19:11:00Z"), [] as [&str; 0]);
        assert_eq!(due_after(failed, done, "2026-11-20T20:10:00Z"), ["onsite"]);
    }
}
