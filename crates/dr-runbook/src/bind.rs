//! Does every name in the runbook name something? Joins steps to the plan's people and systems.
//!
//! What comes out can be carried out: each step has a role, each role a person of the plan, each system a row of the
//! backup table, and no step waits for itself.

use dr_plan::{PersonId, Plan, Problem, SystemId};

pub use crate::bound::{Bound, BoundStep};
use crate::path;
use crate::runbook::{Kind, Runbook, Step};

/// Joins a runbook to a plan.
///
/// # Errors
/// Every name that names nothing, and every circle of steps, by line.
pub fn bind<'a>(runbook: &'a Runbook, plan: &'a Plan) -> Result<Bound<'a>, Vec<Problem>> {
    let mut names = Names { runbook, problems: Vec::new() };
    names.look(plan);
    if let Some(circle) = path::circle(runbook) {
        let line = circle.first().map_or(1, |step| step.line);
        let words = circle.iter().map(|step| step.id.as_str()).collect::<Vec<_>>().join(" needs ");
        names.problems.push(problem(
            runbook,
            line,
            format!("`{words}`"),
            "steps that do not wait for each other in a circle".into(),
        ));
    }
    names.problems.sort_by_key(|problem| problem.line);
    let steps: Option<Vec<_>> = runbook.steps.iter().map(|step| bound(runbook, plan, step)).collect();
    match steps {
        Some(steps) if names.problems.is_empty() => Ok(Bound { runbook, plan, steps }),
        _ => Err(names.problems),
    }
}

fn bound<'a>(runbook: &'a Runbook, plan: &'a Plan, step: &'a Step) -> Option<BoundStep<'a>> {
    let role = runbook.role(&step.role)?;
    let holder = plan.people.get_key_value(&role.holder)?;
    let system = match &step.system {
        Some(id) => Some(plan.system(id)?),
        None => None,
    };
    Some(BoundStep { step, role, holder, system })
}

fn problem(runbook: &Runbook, line: usize, words: String, expected: String) -> Problem {
    Problem { file: runbook.file.clone(), line, words, expected, suggestion: None }
}

struct Names<'a> {
    runbook: &'a Runbook,
    problems: Vec<Problem>,
}

impl Names<'_> {
    fn look(&mut self, plan: &Plan) {
        let runbook = self.runbook;
        let people: Vec<&str> = plan.people.keys().map(PersonId::as_str).collect();
        let systems: Vec<&str> = plan.systems.iter().map(|system| system.id.as_str()).collect();
        let roles: Vec<&str> = runbook.roles.iter().map(|role| role.id.as_str()).collect();
        let steps: Vec<&str> = runbook.steps.iter().map(|step| step.id.as_str()).collect();
        let contacts: Vec<&str> = runbook.contacts.iter().map(|contact| contact.id.as_str()).collect();
        let decisions: Vec<&str> = runbook.decisions.iter().map(|decision| decision.id.as_str()).collect();
        let notify: Vec<&str> = runbook.notify.iter().map(|notify| notify.id.as_str()).collect();
        for role in &runbook.roles {
            let at = format!("roles.{}", role.id);
            for person in [&role.holder].into_iter().chain(&role.deputies) {
                self.one(role.line, &at, person.as_str(), "the plan's people", &people);
            }
        }
        for asset in &runbook.assets {
            let at = format!("assets.{}", asset.id);
            asset.systems.iter().for_each(|id| self.one(asset.line, &at, id.as_str(), "the plan's systems", &systems));
        }
        for step in &runbook.steps {
            let at = format!("steps.{}", step.id);
            let known = step.system.iter().chain(&step.uses).map(SystemId::as_str);
            known.chain(step.restores()).for_each(|id| self.one(step.line, &at, id, "the plan's systems", &systems));
            step.needs.iter().for_each(|id| self.one(step.line, &at, id.as_str(), "the steps", &steps));
            self.one(step.line, &at, step.role.as_str(), "the roles", &roles);
            match &step.kind {
                Kind::Decision(id) => self.one(step.line, &at, id.as_str(), "the decisions", &decisions),
                Kind::Notify(id) => self.one(step.line, &at, id.as_str(), "the notifications in [notify]", &notify),
                _ => {}
            }
            self.command(step);
        }
        for decision in &runbook.decisions {
            let at = format!("decisions.{}", decision.id);
            self.one(decision.line, &at, decision.decider.as_str(), "the roles", &roles);
        }
        for notify in &runbook.notify {
            let at = format!("notify.{}", notify.id);
            self.one(notify.line, &at, notify.role.as_str(), "the roles", &roles);
            self.one(notify.line, &at, notify.contact.as_str(), "the contacts", &contacts);
        }
        for scenario in &runbook.scenarios {
            let at = format!("scenarios.{}", scenario.id);
            scenario.steps.iter().for_each(|id| self.one(scenario.line, &at, id.as_str(), "the steps", &steps));
            let known = scenario.systems.iter();
            known.for_each(|id| self.one(scenario.line, &at, id.as_str(), "the plan's systems", &systems));
        }
        for (system, (_, line)) in &runbook.workarounds {
            self.one(*line, "workarounds", system.as_str(), "the plan's systems", &systems);
        }
    }

    /// A command that restores one system in a step that says it brings back another.
    fn command(&mut self, step: &Step) {
        let Some(restored) = step.restores() else {
            return;
        };
        if step.system.as_ref().is_none_or(|system| system.as_str() != restored) {
            let words = format!("`{}` in [steps.{}]", step.command().join(" "), step.id);
            self.problems.push(problem(
                self.runbook,
                step.line,
                words,
                format!("`system = \"{restored}\"` in this step"),
            ));
        }
    }

    fn one(&mut self, line: usize, at: &str, name: &str, kind: &str, known: &[&str]) {
        if !known.contains(&name) {
            let among = if known.is_empty() { "there are none".to_owned() } else { known.join(", ") };
            let words = format!("`{name}` in [{at}]");
            self.problems.push(problem(self.runbook, line, words, format!("one of {kind}: {among}")));
        }
    }
}
