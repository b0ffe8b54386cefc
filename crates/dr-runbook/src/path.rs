//! In which order are steps done, and how long does the longest row of them take?

use std::collections::{BTreeMap, BTreeSet};

use dr_plan::SystemId;
use jiff::SignedDuration;

use crate::bind::{Bound, BoundStep};
use crate::name::{ScenarioId, StepId};
use crate::runbook::{Runbook, Step};

/// The row of steps, each waiting for the one before, that takes longest until a system is back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CriticalPath {
    /// The steps, first to last.
    pub steps: Vec<StepId>,
    /// How long they take together, if nobody waits between them.
    pub expect: SignedDuration,
}

/// The longest row of steps that ends with a step of `system`; `None` if it has no steps. People are not counted: two
/// steps of one person that do not need each other are taken to be done at once, so the day itself takes longer.
#[must_use]
pub fn critical_path(bound: &Bound<'_>, system: &SystemId) -> Option<CriticalPath> {
    let mut longest: BTreeMap<&StepId, CriticalPath> = BTreeMap::new();
    let steps = order(bound, std::slice::from_ref(system));
    for BoundStep { step, .. } in &steps {
        let before = step.needs.iter().filter_map(|id| longest.get(id)).max_by_key(|path| path.expect);
        let mut path = before.cloned().unwrap_or(CriticalPath { steps: Vec::new(), expect: SignedDuration::ZERO });
        path.steps.push(step.id.clone());
        path.expect = path.expect.saturating_add(step.expect.longest());
        longest.insert(&step.id, path);
    }
    let ends = steps.iter().filter(|bound| bound.step.system.as_ref() == Some(system));
    ends.filter_map(|bound| longest.remove(&bound.step.id)).max_by_key(|path| path.expect)
}

/// The steps of these systems and all that they need, each after what it needs, otherwise in the order of the phases
/// and then of the text. No systems given: none.
#[must_use]
pub fn order<'b, 'a>(bound: &'b Bound<'a>, systems: &[SystemId]) -> Vec<&'b BoundStep<'a>> {
    let of_systems =
        bound.steps.iter().filter(|bound| bound.step.system.as_ref().is_some_and(|id| systems.contains(id)));
    ordered(bound, of_systems.map(|bound| &bound.step.id).collect())
}

/// The steps of a scenario, of the systems that it brings back, and all that they need, in order. Empty if there is no
/// such scenario.
#[must_use]
pub fn scenario_order<'b, 'a>(bound: &'b Bound<'a>, id: &ScenarioId) -> Vec<&'b BoundStep<'a>> {
    let Some(scenario) = bound.runbook.scenario(id) else {
        return Vec::new();
    };
    let comes_back = |step: &Step| {
        step.system.as_ref().is_some_and(|id| scenario.systems.is_empty() || scenario.systems.contains(id))
    };
    let restored = bound.steps.iter().filter(|bound| comes_back(bound.step)).map(|bound| &bound.step.id);
    ordered(bound, scenario.steps.iter().chain(restored).collect())
}

fn ordered<'b, 'a>(bound: &'b Bound<'a>, wanted: Vec<&StepId>) -> Vec<&'b BoundStep<'a>> {
    let mut all: BTreeSet<&StepId> = BTreeSet::new();
    let mut open = wanted;
    while let Some(id) = open.pop() {
        if all.insert(id)
            && let Some(step) = bound.runbook.step(id)
        {
            open.extend(&step.needs);
        }
    }
    let mut left: Vec<&BoundStep<'_>> = bound.steps.iter().filter(|bound| all.contains(&bound.step.id)).collect();
    // Stable: within a phase the order of the text stays.
    left.sort_by_key(|bound| bound.step.phase);
    let mut done: BTreeSet<&StepId> = BTreeSet::new();
    let mut order = Vec::new();
    // Binding refused circles, so every round finds one.
    while let Some(next) = left.iter().position(|bound| bound.step.needs.iter().all(|id| done.contains(id))) {
        let bound = left.remove(next);
        done.insert(&bound.step.id);
        order.push(bound);
    }
    order
}

/// Steps that wait for each other, if any do: each needs the next, and the last is the first again.
pub(crate) fn circle(runbook: &Runbook) -> Option<Vec<&Step>> {
    let mut left: Vec<&Step> = runbook.steps.iter().collect();
    // A step that needs nothing that is left can be done. What cannot be done in the end stands on a circle or after one.
    loop {
        let open: BTreeSet<&StepId> = left.iter().map(|step| &step.id).collect();
        let waits = |step: &&Step| step.needs.iter().any(|id| open.contains(id));
        let waiting: Vec<&Step> = left.iter().copied().filter(waits).collect();
        if waiting.len() == left.len() {
            break;
        }
        left = waiting;
    }
    let mut walked: Vec<&Step> = vec![*left.first()?];
    loop {
        let last = *walked.last()?;
        let next = last.needs.iter().find_map(|id| left.iter().copied().find(|step| step.id == *id))?;
        if let Some(from) = walked.iter().position(|step| step.id == next.id) {
            let mut circle = walked.split_off(from);
            circle.push(next);
            return Some(circle);
        }
        walked.push(next);
    }
}
