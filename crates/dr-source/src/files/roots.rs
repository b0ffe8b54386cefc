//! Which paths of this machine a capture covers, and what its entries are called.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

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
            [one] if one.is_dir() => Self::Directory(one.clone()),
            _ => Self::Paths(paths.to_vec()),
        }
    }
}

/// A name among the directories above what was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Asked for, with everything in it.
    pub(crate) whole: bool,
    pub(crate) below: BTreeMap<Vec<u8>, Wanted>,
}

impl Wanted {
    /// The tree of `paths` from `/` down; a path inside another one adds nothing.
    pub(crate) fn new(paths: &[PathBuf]) -> Self {
        let mut root = Self::default();
        for path in paths {
            root.add(&resolved(path));
        }
        root
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
    if absolute.is_dir() {
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
        let paths = |list: &[&str]| Wanted::new(&list.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(paths(&["/none/a", "/none/a/b"]), paths(&["/none/a/b", "/none/a", "/none/a"]));
        assert!(paths(&["/"]).whole);
        assert_eq!(paths(&["/none/b", "/none/a"]).below[&b"none"[..]].below.len(), 2);
    }
}
