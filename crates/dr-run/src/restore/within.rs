//! Where on this machine do the entries of a snapshot go back to, in place? Only below what today's plan names.
//!
//! A snapshot says itself where it came from, and whoever made it may have said anything. So its word counts only where the
//! plan says the same; everything else takes a `--path` of its own, and is left out and named without one.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use dr_entry::EntryPath;
use dr_repo::Shape;

/// What goes back to one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Which entries; empty for all.
    pub(super) paths: Vec<EntryPath>,
    /// The folder.
    pub(super) folder: PathBuf,
    /// What of the capture that folder is.
    pub(super) top: EntryPath,
}

impl Part {
    /// Where an entry is below the folder; `None` for what is not in it.
    pub(super) fn inside(&self, path: &EntryPath) -> Option<EntryPath> {
        let rest = path.is_within(&self.top).then(|| &path.as_bytes()[self.top.as_bytes().len()..])?;
        EntryPath::new(rest.strip_prefix(b"/").unwrap_or(rest)).ok()
    }

    /// The entry that is at `inside` below the folder.
    pub(super) fn outside(&self, inside: &EntryPath) -> EntryPath {
        match (self.top.is_root(), inside.is_root()) {
            (true, _) => inside.clone(),
            (_, true) => self.top.clone(),
            _ => EntryPath::new([self.top.as_bytes(), b"/", inside.as_bytes()].concat()).unwrap_or_default(),
        }
    }

    /// Where that is on this machine.
    pub(super) fn on_the_machine(&self, inside: &EntryPath) -> PathBuf {
        self.folder.join(std::ffi::OsStr::from_bytes(inside.as_bytes()))
    }
}

/// Where the snapshot is of, and what is wanted of it.
pub(super) struct Ask<'a> {
    /// How its entries are named.
    pub(super) shape: Shape,
    /// Where it says that it came from.
    pub(super) came_from: &'a [Vec<u8>],
    /// What is wanted; empty for everything.
    pub(super) wanted: &'a [EntryPath],
    /// The plan's paths of today, links in the folders above them followed.
    pub(super) plan: &'a [PathBuf],
    /// Whether an entry is a directory in the snapshot; `None`: it is not in it.
    pub(super) is_directory: &'a dyn Fn(&EntryPath) -> Option<bool>,
}

/// The parts, in the plan's order; or that there is nowhere to go.
pub(super) fn parts(ask: &Ask<'_>) -> Result<Vec<Part>, &'static str> {
    let parts = match ask.shape {
        Shape::Directory => vec![Part { paths: ask.wanted.to_vec(), folder: one_folder(ask)?, top: EntryPath::root() }],
        Shape::Absolute => absolute(ask),
    };
    match parts.is_empty() {
        true => Err("nothing of this snapshot lies below the paths that the plan names today"),
        false => Ok(parts),
    }
}

/// A snapshot of one folder goes to the plan's one folder, whatever that is called now.
fn one_folder(ask: &Ask<'_>) -> Result<PathBuf, &'static str> {
    if let [now] = ask.plan {
        return Ok(now.clone());
    }
    let then = ask.came_from.first().ok_or("nobody knows where it came from")?;
    let then = super::above_resolved(Path::new(std::ffi::OsStr::from_bytes(then)));
    if ask.plan.iter().any(|path| then.starts_with(path)) {
        return Ok(then);
    }
    Err("it came from a folder that the plan does not name today")
}

fn absolute(ask: &Ask<'_>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut add =
        |entry: EntryPath, folder: PathBuf, top: EntryPath| match parts.iter_mut().find(|part| part.folder == folder) {
            Some(part) => part.paths.push(entry),
            None => parts.push(Part { paths: vec![entry], folder, top }),
        };
    let entry = |path: &Path| EntryPath::new(path.as_os_str().as_bytes().strip_prefix(b"/").unwrap_or_default()).ok();
    let of_plan: Vec<(EntryPath, &PathBuf)> =
        ask.plan.iter().filter_map(|path| entry(path).map(|entry| (entry, path))).collect();
    let whole: Vec<EntryPath> = of_plan.iter().map(|(entry, _)| entry.clone()).collect();
    for wanted in if ask.wanted.is_empty() { &whole } else { ask.wanted } {
        let Some(is_directory) = (ask.is_directory)(wanted) else { continue };
        match of_plan.iter().find(|(entry, _)| wanted.is_within(entry)) {
            // A file that the plan names is put into the folder that it is in.
            Some((entry, path)) if wanted != entry || is_directory => {
                add(wanted.clone(), (*path).clone(), entry.clone());
            }
            // Or somebody named a path that the plan does not.
            _ => {
                let above = wanted.parent().unwrap_or_default();
                let folder = Path::new("/").join(std::ffi::OsStr::from_bytes(above.as_bytes()));
                add(wanted.clone(), folder, above);
            }
        }
    }
    parts
}

/// The topmost entries of a snapshot that none of the parts takes, as they come in order.
pub(super) struct Outside<'a> {
    parts: &'a [Part],
    found: Vec<EntryPath>,
}

/// So many names of what is left out are told.
const NAMED: usize = 20;

impl<'a> Outside<'a> {
    pub(super) fn of(parts: &'a [Part]) -> Self {
        Self { parts, found: Vec::new() }
    }

    pub(super) fn look(&mut self, path: &EntryPath) {
        let is_taken = |taken: &EntryPath| path.is_within(taken) || taken.is_within(path);
        let taken = self.parts.iter().any(|part| part.paths.is_empty() || part.paths.iter().any(is_taken));
        let known = self.found.last().is_some_and(|last| path.is_within(last));
        if !taken && !known && self.found.len() < NAMED {
            self.found.push(path.clone());
        }
    }

    pub(super) fn found(self) -> Vec<EntryPath> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::new(text.as_bytes()).unwrap()
    }

    /// Folders and what goes there; the snapshot has all of `has`, and `x.txt` is a file.
    fn told(
        shape: Shape,
        from: &[&str],
        wanted: &[&str],
        plan: &[&str],
        has: &[&str],
    ) -> Result<Vec<String>, &'static str> {
        let from: Vec<Vec<u8>> = from.iter().map(|path| path.as_bytes().to_vec()).collect();
        let wanted: Vec<_> = wanted.iter().map(|text| path(text)).collect();
        let plan: Vec<PathBuf> = plan.iter().map(PathBuf::from).collect();
        let has: Vec<_> = has.iter().map(|text| path(text)).collect();
        let is_directory = |entry: &EntryPath| has.contains(entry).then(|| !entry.to_string().ends_with(".txt"));
        let ask = Ask { shape, came_from: &from, wanted: &wanted, plan: &plan, is_directory: &is_directory };
        let told = |part: &Part| {
            let paths: Vec<_> = part.paths.iter().map(ToString::to_string).collect();
            format!("{} <- {} of {}", part.folder.display(), paths.join(","), part.top)
        };
        parts(&ask).map(|parts| parts.iter().map(told).collect())
    }

    #[test]
    fn a_snapshot_goes_where_the_plan_of_today_says_and_not_where_it_says_itself() {
        let all = ["srv/a", "srv/a/x.txt", "srv/b", "etc/cron.d", "etc/x.txt"];
        use Shape::{Absolute, Directory};
        assert_eq!(told(Directory, &["/root"], &[], &["/srv/a"], &[]), Ok(vec!["/srv/a <-  of ".into()]));
        assert!(told(Directory, &["/root"], &[], &["/srv/a", "/srv/b"], &[]).is_err());
        assert_eq!(
            told(Absolute, &["/srv/a", "/etc/cron.d"], &[], &["/srv/a"], &all),
            Ok(vec!["/srv/a <- srv/a of srv/a".into()])
        );
        assert!(told(Absolute, &["/etc/cron.d"], &[], &["/srv/c"], &all).is_err());
        let two = told(Absolute, &[], &["srv/a/x.txt", "srv/b"], &["/srv/a", "/srv/b"], &all);
        assert_eq!(two, Ok(vec!["/srv/a <- srv/a/x.txt of srv/a".into(), "/srv/b <- srv/b of srv/b".into()]));
        // Somebody named it.
        let named = told(Absolute, &[], &["etc/cron.d"], &["/srv/a"], &all);
        assert_eq!(named, Ok(vec!["/etc <- etc/cron.d of etc".into()]));
        // A file that the plan names.
        let file = told(Absolute, &[], &[], &["/etc/x.txt"], &all);
        assert_eq!(file, Ok(vec!["/etc <- etc/x.txt of etc".into()]));
    }

    #[test]
    fn what_is_left_out_is_named_once_by_its_top() {
        let part = Part { paths: vec![path("srv/a")], folder: "/srv/a".into(), top: path("srv/a") };
        let parts = [part];
        let mut outside = Outside::of(&parts);
        for entry in ["", "etc", "etc/cron.d", "etc/cron.d/evil", "srv", "srv/a", "srv/a/b", "srv/b"] {
            outside.look(&path(entry));
        }
        assert_eq!(outside.found(), [path("etc"), path("srv/b")]);
    }
}
