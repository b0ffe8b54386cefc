//! Does anything back itself up, or twice? Sources, targets, mounts and state that lie inside one
//! another.

use std::path::{Path, PathBuf};

use super::Found;
use crate::resolve::{as_pattern, inside};
use crate::source::Source;

pub(super) fn look(found: &mut Found<'_>) {
    let plan = found.plan;
    let mut kept: Vec<(String, PathBuf)> = Vec::new();
    for (id, target) in &plan.targets {
        kept.extend(target.local_path().map(|path| (format!("target {id}"), path)));
    }
    kept.extend(plan.pools.iter().map(|(id, pool)| (format!("the mount of pool {id}"), pool.mount.clone())));
    kept.extend(plan.state.iter().map(|state| ("the state".to_owned(), state.clone())));

    for system in &plan.systems {
        for path in system.source.paths() {
            for (what, place) in &kept {
                if inside(path, place) {
                    found.error(
                        "overlap",
                        Some(system),
                        format!(
                            "{} reads {}, which lies inside {what} ({})",
                            system.title,
                            path.display(),
                            place.display(),
                        ),
                    );
                } else if inside(place, path) && !left_out(&system.source, place) {
                    found.error("overlap", Some(system), format!(
                        "{} reads {}, and {what} ({}) lies inside it: backups of backups; leave it out with `exclude`",
                        system.title, path.display(), place.display(),
                    ));
                }
            }
        }
        for other in plan.systems.iter().filter(|other| other.id != system.id) {
            let twice = other.source.paths().into_iter().find(|inner| {
                system.source.paths().into_iter().any(|outer| inside(inner, outer)) && !left_out(&system.source, inner)
            });
            if let Some(inner) = twice {
                found.warning(
                    "overlap",
                    Some(system),
                    format!(
                        "{} and {} both read {}: leave it out of one with `exclude`",
                        system.title,
                        other.title,
                        inner.display(),
                    ),
                );
            }
        }
    }
    let targets: Vec<_> = kept.iter().filter(|(what, _)| what.starts_with("target")).collect();
    for (place, (what, path)) in targets.iter().enumerate() {
        for (other, _) in targets.iter().skip(place + 1).filter(|(_, other)| inside(other, path) || inside(path, other))
        {
            found.error(
                "overlap",
                None,
                format!("{what} and {other} lie inside one another: two repositories in one folder"),
            );
        }
    }
}

/// Whether a pattern that names one place leaves `place` out.
fn left_out(source: &Source, place: &Path) -> bool {
    let Some(tree) = source.tree() else { return false };
    // From the place upwards: is one of the folders that hold it left out by name?
    let patterns: Vec<&str> =
        tree.exclude.iter().map(|pattern| pattern.trim_start_matches("./").trim_end_matches('/')).collect();
    place.ancestors().any(|folder| patterns.contains(&as_pattern(folder).as_str()))
}
