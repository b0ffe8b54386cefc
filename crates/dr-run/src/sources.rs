//! What can be said of the plan's sources before a run: what would be left out, read twice, or has no effect.
//!
//! `plan check` and `doctor` say it beforehand; a run finds the same. Looks at names, links and mounts, at no contents.

use std::path::{Path, PathBuf};

use dr_plan::{System, SystemId};
use dr_source::driver;
use dr_source::driver::Around;
use dr_source::files::{Options, leaves_out, resolved};

use crate::devices::Mounts;
use crate::others::{Other, ours, systems};
use crate::school::School;

/// One thing that somebody should know before a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beforehand {
    /// Whose source.
    pub system: SystemId,
    /// Which rule it is about.
    pub rule: &'static str,
    /// Whether the system cannot be captured like this.
    pub is_error: bool,
    /// What and why, in words for people.
    pub reason: String,
}

/// Everything there is to say of the sources, in the order of the plan.
#[must_use]
pub fn beforehand(school: &School) -> Vec<Beforehand> {
    let mounts: Vec<PathBuf> = Mounts::of_this_machine().with_data().map(Path::to_owned).collect();
    let is_inner = |pattern: &str| school.plan.is_an_inner_system(pattern);
    let mut found = Vec::new();
    for system in &school.plan.systems {
        let mut add = |rule, is_error, reason| {
            found.push(Beforehand { system: system.id.clone(), rule, is_error, reason });
        };
        let places = places(school, system);
        let around = Around { title: &system.title, places: &places, is_inner: &is_inner, mounts: &mounts };
        for finding in driver(&system.source).map(|driver| driver.preflight(&around)).unwrap_or_default() {
            add(finding.rule, finding.is_error, finding.reason);
        }
        for other in systems(&school.plan, system).into_iter().filter(Other::is_through_a_link) {
            if let Some((is_error, reason)) = twice(school, system, &other) {
                add("overlap", is_error, reason);
            }
        }
        for other in ours(school, system) {
            if let Some((is_error, reason)) = ours_through_a_link(system, &other) {
                add("overlap", is_error, reason);
            }
        }
    }
    found
}

/// What dr writes and the system reads, or the other way round, where the plan does not show it.
fn ours_through_a_link(system: &System, other: &Other) -> Option<(bool, String)> {
    let (title, what, place) = (&system.title, &other.what, other.place.display());
    if other.is_through_a_link() && other.left_out {
        return Some((
            false,
            format!("{title} reads through a link where {what} lie ({place}): they are left out of it"),
        ));
    }
    let inner = |path: &&&PathBuf| {
        let real = resolved(path);
        real.starts_with(&other.place)
            && !path.starts_with(&other.place)
            && other.is_copy
            && real.symlink_metadata().is_ok()
    };
    let path = system.source.paths();
    let path = path.iter().find(inner)?;
    Some((true, format!("{title} reads {}, which lies inside {what} ({place}) through a link", path.display())))
}

/// Two systems that read the same through a link.
fn twice(school: &School, system: &System, other: &Other) -> Option<(bool, String)> {
    let paths = system.source.tree()?.paths;
    let whose = school.plan.systems.iter().find(|one| one.title == other.what)?;
    // Of two that read one folder the first says so.
    let is_root = paths.iter().any(|path| resolved(path) == other.place);
    let later = school.plan.systems.iter().position(|one| one.id == whose.id)
        < school.plan.systems.iter().position(|one| one.id == system.id);
    if is_root && later {
        return None;
    }
    let left_out = other.left_out || leaves_out(paths, &options(school, system)?, &other.place).unwrap_or(false);
    let read =
        format!("{} and {} read the same files through a link: {}", system.title, other.what, other.place.display());
    Some(match (left_out, whose.sensitive != system.sensitive && is_root) {
        (true, _) => (false, format!("{read}. They are left out of {}", system.title)),
        (false, true) => (true, format!("{read}. One of them is marked sensitive, so the other must not read them")),
        (false, false) => (false, format!("{read}. Leave them out of one with `exclude`")),
    })
}

/// What a run of the system goes by.
pub(crate) fn options(school: &School, system: &System) -> Option<Options> {
    let tree = system.source.tree()?;
    let places = places(school, system);
    Some(Options { exclude: tree.exclude.to_vec(), places, one_file_system: tree.one_file_system })
}

/// What inside the source is left out whatever the plan's patterns say.
pub(crate) fn places(school: &School, system: &System) -> Vec<PathBuf> {
    let others = systems(&school.plan, system).into_iter().chain(ours(school, system));
    others.filter(|other| other.left_out).map(|other| other.place).collect()
}
