//! What inside one system's source belongs to somebody else: another system of the plan, a copy, or what dr itself writes.
//!
//! Asked of the file system, links followed on both sides: a plan may name one folder in two ways. What dr writes would be
//! a backup of backups, more each time; what another system reads is that one's, above all if it is marked sensitive.

use std::path::{Path, PathBuf};

use dr_plan::{Plan, Source, System, Tree};
use dr_source::driver;
use dr_source::files::resolved;

use crate::school::School;

/// Something inside a source that is not the source's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Other {
    /// Where, without links.
    pub(crate) place: PathBuf,
    /// What it is, for a person.
    pub(crate) what: String,
    /// Copies of ours, which grow with each run.
    pub(crate) is_copy: bool,
    /// Whether it lies inside the source, as paths go.
    pub(crate) is_inside: bool,
    /// Whether it is left out of this system's copies whatever the plan's patterns say.
    pub(crate) left_out: bool,
    /// The plan itself shows it: no link is in the way.
    pub(crate) seen_in_plan: bool,
}

impl Other {
    /// Whether it is there and is inside the source, and the plan does not show it: a link is in the way.
    pub(crate) fn is_through_a_link(&self) -> bool {
        self.is_inside && !self.seen_in_plan && self.place.symlink_metadata().is_ok()
    }
}

/// What other systems read. What is not inside this one's source may still be mounted there a second time.
pub(crate) fn systems(plan: &Plan, system: &System) -> Vec<Other> {
    let Some(Tree { paths, .. }) = system.source.tree() else { return Vec::new() };
    let roots: Vec<PathBuf> = paths.iter().map(|path| resolved(path)).collect();
    // Who writes no patterns gets the folders of inner systems left out.
    let usual = system.source.leaves_out_inner_systems();
    let mut found = Vec::new();
    for other in plan.systems.iter().filter(|other| other.id != system.id) {
        for (path, place) in places_of(&other.source) {
            found.push(Other {
                what: other.title.clone(),
                is_copy: false,
                is_inside: roots.iter().any(|root| place.starts_with(root)),
                left_out: !roots.contains(&place) && (usual || other.sensitive),
                seen_in_plan: paths.iter().any(|outer| path.starts_with(outer)),
                place,
            });
        }
    }
    found
}

/// The paths of a source without their links, and what else is its own there, each with the path that the plan names.
fn places_of(source: &Source) -> Vec<(&PathBuf, PathBuf)> {
    let paths = source.paths();
    let mut places: Vec<_> = paths.iter().map(|path| (*path, resolved(path))).collect();
    if let (Some(first), Ok(driver)) = (paths.first(), driver(source)) {
        places.extend(driver.beside().into_iter().map(|place| (*first, place)));
    }
    places
}

/// What dr writes: copies, disks, the state, the cache.
pub(crate) fn ours(school: &School, system: &System) -> Vec<Other> {
    let Some(Tree { paths, .. }) = system.source.tree() else { return Vec::new() };
    let roots: Vec<PathBuf> = paths.iter().map(|path| resolved(path)).collect();
    let plan = &school.plan;
    let mut places: Vec<(PathBuf, String, bool)> = Vec::new();
    for (id, target) in &plan.targets {
        places.extend(target.local_path().map(|path| (path, format!("the copies on {id}"), true)));
    }
    places.extend(plan.pools.iter().map(|(id, pool)| (pool.mount.clone(), format!("the disks of {id}"), true)));
    places.push((school.places.state.clone(), "the state of dr".to_owned(), false));
    places.push((school.places.cache.clone(), "the cache of dr".to_owned(), false));
    let inside = |place: &Path| roots.iter().any(|root| place.starts_with(root));
    let other = |(path, what, is_copy): (PathBuf, String, bool)| {
        let seen_in_plan = paths.iter().any(|outer| path.starts_with(outer));
        let place = resolved(&path);
        let (is_inside, left_out) = (inside(&place), !roots.contains(&place));
        Other { place, what, is_copy, is_inside, left_out, seen_in_plan }
    };
    places.into_iter().map(other).collect()
}
