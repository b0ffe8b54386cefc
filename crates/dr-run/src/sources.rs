//! What can be said of the plan's sources before a run: what would be left out, read twice, or has no effect.
//!
//! `plan check` and `doctor` say it beforehand; a run finds the same. Looks at names, links and mounts, at no contents.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use dr_plan::{Source, System, SystemId};
use dr_source::drop::UNFINISHED;
use dr_source::files::{Options, idle, leaves_out, refused, resolved};

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

/// So many names are looked at for a mailbox.
const MAIL_MAX: usize = 20_000;

/// Everything there is to say of the sources, in the order of the plan.
#[must_use]
pub fn beforehand(school: &School) -> Vec<Beforehand> {
    let mounts = Mounts::of_this_machine();
    let mut found = Vec::new();
    for system in &school.plan.systems {
        let mut add = |rule, is_error, reason| {
            found.push(Beforehand { system: system.id.clone(), rule, is_error, reason });
        };
        match &system.source {
            Source::Files { paths, exclude, .. } => {
                let inner = |pattern: &String| school.plan.is_an_inner_system(pattern);
                let own = exclude.iter().filter(|pattern| !inner(pattern));
                let wrong = own.filter_map(|pattern| Some((pattern, refused(pattern)?)));
                for (pattern, why) in wrong {
                    add("exclude", true, format!("the pattern `{pattern}` of `exclude`: {why}"));
                }
                for one in idle(exclude, paths).into_iter().filter(|one| !inner(&one.pattern)) {
                    add("exclude", false, format!("the pattern `{}` of `exclude`: {}", one.pattern, one.why));
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
                for at in mounted(school, system, &mounts) {
                    let reason = format!(
                        "{}: another file system is mounted there, and it would not be in the copies of {}. Leave it \
                         out with `exclude`, or write it as a path or a system of its own",
                        at.display(),
                        system.title
                    );
                    add("mounts", false, reason);
                }
            }
            Source::Maildir { path } if has_mailbox(path) == Some(false) => {
                let reason = format!(
                    "there is no Maildir in {}, that is, no folder with `cur` and `new` in it: what is there would be kept \
                     as plain files",
                    path.display()
                );
                add("maildir", false, reason);
            }
            Source::Drop { name, .. } => {
                if let Some(why) = never_matches(name) {
                    add("drop", true, format!("the `name` `{name}` of the export of {}: {why}", system.title));
                }
            }
            _ => {}
        }
    }
    found
}

/// Why no export can have a name of this pattern.
fn never_matches(name: &str) -> Option<String> {
    if name.contains('/') {
        return Some("it is the name of a file in the folder, which has no `/`: write the folder as `path`".to_owned());
    }
    let ends = UNFINISHED.iter().find(|end| name.to_ascii_lowercase().ends_with(*end))?;
    Some(format!("what ends in `{ends}` is still being brought, and never counts"))
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
    let Source::Files { paths, .. } = &system.source else { return None };
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
    let Source::Files { exclude, one_file_system, .. } = &system.source else { return None };
    let places = places(school, system);
    Some(Options { exclude: exclude.clone(), places, one_file_system: *one_file_system })
}

/// What inside the source is left out whatever the plan's patterns say.
pub(crate) fn places(school: &School, system: &System) -> Vec<PathBuf> {
    let others = systems(&school.plan, system).into_iter().chain(ours(school, system));
    others.filter(|other| other.left_out).map(|other| other.place).collect()
}

/// Where other file systems are mounted inside the source and nothing says that they are left out on purpose: the
/// outermost.
fn mounted(school: &School, system: &System, mounts: &Mounts) -> Vec<PathBuf> {
    let Source::Files { paths, one_file_system: true, .. } = &system.source else { return Vec::new() };
    let Some(options) = options(school, system) else { return Vec::new() };
    let roots: Vec<PathBuf> = paths.iter().map(|path| resolved(path)).collect();
    let device = |path: &Path| path.symlink_metadata().ok().map(|about| about.dev());
    let mut found: Vec<PathBuf> = Vec::new();
    for at in mounts.with_data() {
        let Some(root) =
            roots.iter().filter(|root| at.starts_with(root) && at != **root).max_by_key(|root| root.as_os_str().len())
        else {
            continue;
        };
        // One that is mounted over is not to be seen; one of the same device is gone into.
        let elsewhere = device(at).is_some_and(|on| Some(on) != device(root));
        let named = roots.iter().any(|root| root == at);
        let known = found.iter().any(|known| at.starts_with(known));
        if elsewhere && !named && !known && !leaves_out(paths, &options, at).unwrap_or(false) {
            found.push(at.to_owned());
        }
    }
    found
}

/// Whether there is a folder with `cur` and `new` somewhere in it; `None`: it is too much to look through.
fn has_mailbox(root: &Path) -> Option<bool> {
    let (mut left, mut looked) = (vec![root.to_owned()], 0);
    while let Some(folder) = left.pop() {
        if folder.join("cur").is_dir() && folder.join("new").is_dir() {
            return Some(true);
        }
        for entry in fs::read_dir(&folder).ok()?.flatten() {
            looked += 1;
            if looked > MAIL_MAX {
                return None;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                left.push(entry.path());
            }
        }
    }
    Some(false)
}
