//! Which system, target or person of the plan is meant by what somebody types? An id, or the name by which the status shows
//! it; whoever is not understood hears what there is, and what was perhaps meant.

use dr_plan::{PersonId, Plan, System, SystemId, TargetId, nearest};

use crate::error::RunError;
use crate::school::School;

impl School {
    /// The system of that name: its id, or the title by which the status shows it.
    ///
    /// # Errors
    /// [`RunError::UnknownSystem`] with the names that there are.
    pub fn system(&self, name: &str) -> Result<&System, RunError> {
        let systems = &self.plan.systems;
        let found = systems
            .iter()
            .find(|system| system.id.as_str() == name)
            .or_else(|| only(systems, |system| same(&system.title, name)))
            .or_else(|| only(systems, |system| same(system.id.as_str(), name)));
        found.ok_or_else(|| RunError::UnknownSystem {
            name: name.to_owned(),
            known: systems.iter().map(|system| system.id.clone()).collect::<Vec<SystemId>>(),
            instead: not_a_system(&self.plan, name),
        })
    }

    /// The target of that name.
    ///
    /// # Errors
    /// [`RunError::UnknownTarget`] with the names that there are.
    pub fn target(&self, name: &str) -> Result<TargetId, RunError> {
        let known: Vec<TargetId> = self.plan.targets.keys().cloned().collect();
        let found = known.iter().find(|target| target.as_str() == name);
        let found = found.or_else(|| only(&known, |target| same(target.as_str(), name))).cloned();
        found.ok_or_else(|| {
            let instead = match self.system(name) {
                Ok(system) => format!("; `{}` is a system: it has a copy on each of its targets", system.id),
                Err(_) => meant(name, known.iter().map(|target| (target.as_str(), target.as_str()))),
            };
            RunError::UnknownTarget { name: name.to_owned(), known, instead }
        })
    }
}

/// The person of that id or name.
///
/// # Errors
/// [`RunError::UnknownPerson`] with the ids that there are.
pub fn person(plan: &Plan, name: &str) -> Result<PersonId, RunError> {
    let people: Vec<(&PersonId, &str)> = plan.people.iter().map(|(id, person)| (id, person.name.as_str())).collect();
    let found = people.iter().find(|(id, _)| id.as_str() == name);
    let found = found.or_else(|| only(&people, |(id, called)| same(called, name) || same(id.as_str(), name)));
    found.map(|(id, _)| (*id).clone()).ok_or_else(|| RunError::UnknownPerson {
        name: name.to_owned(),
        known: plan.people.keys().cloned().collect(),
        instead: meant(
            name,
            people.iter().flat_map(|(id, called)| [(id.as_str(), id.as_str()), (called, id.as_str())]),
        ),
    })
}

/// What somebody may have had in mind who names this as a system.
fn not_a_system(plan: &Plan, name: &str) -> String {
    let is_id = |text: &str| text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let before = name.split(':').next().unwrap_or_default();
    if before == "latest" || is_id(before) {
        return format!("; `{before}` names a snapshot: say of which system, `dr snapshots` lists both");
    }
    if name.contains('/') {
        return format!("; `{name}` is a path, and the plan says which system has it (`dr plan show`)");
    }
    if let Some(target) = plan.targets.keys().find(|target| same(target.as_str(), name)) {
        return format!("; `{target}` is a target, and no system");
    }
    let systems = plan.systems.iter();
    meant(
        name,
        systems.flat_map(|system| [(system.id.as_str(), system.id.as_str()), (&system.title, system.id.as_str())]),
    )
}

/// What was perhaps meant: of each name what is to be typed for it.
fn meant<'a>(name: &str, known: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let known: Vec<(String, &str)> = known.map(|(name, typed)| (name.to_lowercase(), typed)).collect();
    let near = nearest(name, known.iter().map(|(name, _)| name.as_str()));
    let typed = near.and_then(|near| known.iter().find(|(name, _)| *name == near));
    typed.map(|(_, typed)| format!("; did you mean `{typed}`?")).unwrap_or_default()
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.trim().to_lowercase()
}

/// The one that fits, if no other does.
fn only<T>(all: &[T], fits: impl Fn(&T) -> bool) -> Option<&T> {
    let mut all = all.iter().filter(|one| fits(one));
    all.next().filter(|_| all.next().is_none())
}
