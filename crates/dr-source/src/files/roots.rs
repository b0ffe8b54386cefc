//! Which paths of this machine a capture covers, and what its entries are called.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use dr_entry::EntryPath;
use rustix::fs::{CWD, Mode, OFlags, openat};

/// The shape of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// What is in one directory: entries are named relative to it, and the first is the directory itself.
    Directory(PathBuf),
    /// Several paths, or a file: entries carry their absolute path, and the directories above come along.
    Paths(Vec<PathBuf>),
}

impl Roots {
    /// One directory if `paths` is one directory, else several paths.
    #[must_use]
    pub fn of(paths: &[PathBuf]) -> Self {
        match paths {
            [one] if is_directory(one) => Self::Directory(one.clone()),
            _ => Self::Paths(paths.to_vec()),
        }
    }
}

/// Whether a path leads to a directory. Asked in another way where the usual question fails: the shape of a snapshot must
/// not depend on a disk that fails once.
fn is_directory(path: &Path) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    match path.metadata() {
        Ok(about) => about.is_dir(),
        Err(why) if matches!(why.kind(), NotFound | NotADirectory) => false,
        Err(_) => openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).is_ok(),
    }
}

/// A name among the directories above what was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Asked for, with everything in it.
    pub(crate) whole: bool,
    pub(crate) below: BTreeMap<Vec<u8>, Wanted>,
}

impl Wanted {
    /// The tree of `paths` from `/` down; a path inside another one adds nothing. And those of them that are not there,
    /// which nobody else would notice.
    pub(crate) fn new(paths: &[PathBuf]) -> (Self, Vec<EntryPath>) {
        let mut root = Self::default();
        let paths: Vec<_> = paths.iter().map(|path| resolved(path)).collect();
        paths.iter().for_each(|path| root.add(path));
        let is_gone = |path: &&PathBuf| {
            use std::io::ErrorKind::{NotADirectory, NotFound};
            path.symlink_metadata().is_err_and(|why| matches!(why.kind(), NotFound | NotADirectory))
        };
        let inside = paths.iter().filter(|path| root.is_inside(path)).filter(is_gone);
        let missing = inside.filter_map(|path| EntryPath::new(path.as_os_str().as_bytes().get(1..)?).ok());
        let missing = missing.collect();
        (root, missing)
    }

    /// Whether something above this path was asked for.
    fn is_inside(&self, path: &Path) -> bool {
        let mut here = self;
        for component in path.components() {
            if here.whole {
                return true;
            }
            if let std::path::Component::Normal(name) = component {
                let Some(below) = here.below.get(name.as_bytes()) else { return false };
                here = below;
            }
        }
        false
    }

    /// Each path that was asked for, where this stands at `path`.
    pub(crate) fn each(&self, path: &EntryPath, say: &mut dyn FnMut(EntryPath)) {
        if self.whole {
            say(path.clone());
        }
        for (name, below) in &self.below {
            // What has no such name is named by what is above it.
            below.each(&path.join(name).unwrap_or_else(|_| path.clone()), say);
        }
    }

    fn add(&mut self, path: &Path) {
        let mut here = self;
        for component in path.components() {
            if here.whole {
                return;
            }
            if let std::path::Component::Normal(name) = component {
                here = here.below.entry(name.as_bytes().to_vec()).or_default();
            }
        }
        here.whole = true;
        here.below.clear();
    }
}

/// The path without links in the directories above it. A link that somebody named is followed if it leads to a
/// directory, because they mean what is in there; else it is the link that is captured.
#[must_use]
pub fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if is_directory(&absolute) {
        return absolute.canonicalize().unwrap_or(absolute);
    }
    match (absolute.parent().and_then(|parent| parent.canonicalize().ok()), absolute.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        // Nothing there: the walk will say so under this name.
        _ => absolute,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_inside_another_adds_nothing() {
        let paths = |list: &[&str]| Wanted::new(&list.iter().map(PathBuf::from).collect::<Vec<_>>()).0;
        assert_eq!(paths(&["/none/a", "/none/a/b"]), paths(&["/none/a/b", "/none/a", "/none/a"]));
        assert!(paths(&["/"]).whole);
        assert_eq!(paths(&["/none/b", "/none/a"]).below[&b"none"[..]].below.len(), 2);
        let (_, missing) = Wanted::new(&["/none".into(), "/none/a".into()]);
        assert_eq!(missing, [EntryPath::new("none/a").unwrap()]);
    }
}
