//! What a target is called where its name must not stand: names of targets are often names of machines.

use dr_plan::{Class, Plan, TargetId};

/// As in "its copy …".
pub(crate) fn place_of(plan: &Plan, target: &TargetId) -> &'static str {
    match plan.targets.get(target).map(|target| target.class) {
        Some(Class::Onsite) => "on site",
        Some(Class::Offsite) => "off site",
        Some(Class::Cloud) => "in the cloud",
        Some(Class::Disk) | None => "on a disk",
    }
}

/// What a target is called in the name of a finding, which goes through other people's servers too: its class, and a
/// number if the plan has several of that class.
pub(crate) fn place_name(plan: &Plan, target: &TargetId) -> String {
    let class = |id: &TargetId| plan.targets.get(id).map_or("gone", |target| target.class.as_str());
    let alike: Vec<&TargetId> = plan.targets.keys().filter(|id| class(id) == class(target)).collect();
    match alike.iter().position(|id| *id == target) {
        Some(place) if alike.len() > 1 => format!("{}-{}", class(target), place + 1),
        _ => class(target).to_owned(),
    }
}
