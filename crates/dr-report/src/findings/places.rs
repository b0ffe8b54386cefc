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
