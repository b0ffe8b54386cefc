//! What inside one system's source belongs to somebody else: another system of the plan, a copy, or what dr itself writes.
//!
//! Asked of the file system, links followed on both sides: a plan may name one folder in two ways. What dr writes would be
//! a backup of backups, more each time; what another system reads is that one's, above all if it is marked sensitive.

use std::path::{Path, PathBuf};

use dr_plan::{Plan, Source, System};
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
    /// Whether it is left out of this system's copies whatever the plan's patterns say.
    pub(crate) left_out: bool,
    /// The plan itself shows it: no link is in the way.
    pub(crate) seen_in_plan: bool,
}

/// What another system reads inside the source of this one, or the other way round where both read one folder.
pub(crate) fn systems(plan: &Plan, system: &System) -> Vec<Other> {
    let Source::Files { paths, .. } = &system.source else { return Vec::new() };
    let roots: Vec<PathBuf> = paths.iter().map(|path| resolved(path)).collect();
    // Who writes no patterns gets the folders of inner systems left out.
    let usual = system.source.leaves_out_inner_systems();
    let others = plan.systems.iter().filter(|other| other.id != system.id);
    let found = others.flat_map(|other| {
        let (roots, paths) = (&roots, paths);
        other.source.paths().into_iter().filter_map(move |path| {
            let place = resolved(path);
            let inside = roots.iter().any(|root| place.starts_with(root));
            let is_root = roots.contains(&place);
            let seen_in_plan = paths.iter().any(|outer| path.starts_with(outer));
            inside.then(|| Other {
                place,
                what: other.title.clone(),
                is_copy: false,
                left_out: !is_root && (usual || other.sensitive),
                seen_in_plan,
            })
        })
    });
    found.collect()
}

/// What dr writes inside the source: copies, disks, the state, the cache.
pub(crate) fn ours(school: &School, system: &System) -> Vec<Other> {
    let Source::Files { paths, .. } = &system.source else { return Vec::new() };
    let roots: Vec<PathBuf> = paths.iter().map(|path| resolved(path)).collect();
    let plan = &school.plan;
    let mut places: Vec<(PathBuf, String, bool)> = Vec::new();
    for (id, target) in &plan.targets {
        places.extend(target.local_path().map(|path| (path, format!("the copies on {id}"), true)));
    }
    places.extend(plan.pools.iter().map(|(id, pool)| (pool.mount.clone(), format!("the disks of {id}"), true)));
    places.push((school.places.state.clone(), "the state of dr".to_owned(), false));
    places.push((school.places.cache.clone(), "the cache of dr".to_owned(), false));
    let inside = |place: &Path| roots.iter().any(|root| place != root && place.starts_with(root));
    let other = |(path, what, is_copy): (PathBuf, String, bool)| {
        let seen_in_plan = paths.iter().any(|outer| path.starts_with(outer));
        let place = resolved(&path);
        inside(&place).then_some(Other { place, what, is_copy, left_out: true, seen_in_plan })
    };
    places.into_iter().filter_map(other).collect()
}
