//! Which entries does a person mean by the paths and patterns of an erasure?

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use dr_entry::EntryPath;
use dr_repo::Shape;
use dr_source::files::glob;
use globset::{GlobSet, GlobSetBuilder};

/// What is meant, ready to be asked of each entry.
pub struct Meant {
    paths: Vec<Vec<u8>>,
    names: GlobSet,
    wholes: GlobSet,
    bytes: Vec<u8>,
}

impl Meant {
    /// Reads paths and patterns.
    ///
    /// # Errors
    /// Which of them cannot be meant, and why, for a person.
    pub fn new(paths: &[String], globs: &[String]) -> Result<Self, String> {
        for path in paths {
            parts(path.as_bytes()).map_err(|why| format!("--path {path}: {why}. Nothing was erased."))?;
        }
        let (mut names, mut wholes) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in globs {
            let glob = glob(pattern).map_err(|why| format!("the pattern `{pattern}`: {why}"))?;
            if pattern.contains('/') {
                wholes.add(glob)
            } else {
                names.add(glob)
            };
        }
        let build = |set: GlobSetBuilder| set.build().map_err(|why| format!("the patterns: {why}"));
        let mut words: Vec<String> = paths.iter().map(|path| format!("path {path}")).collect();
        words.extend(globs.iter().map(|pattern| format!("glob {pattern}")));
        words.sort();
        words.dedup();
        Ok(Self {
            paths: paths.iter().map(|path| path.as_bytes().to_vec()).collect(),
            names: build(names)?,
            wholes: build(wholes)?,
            bytes: words.join("\0").into_bytes(),
        })
    }

    /// The same bytes whenever the same is asked for.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The entries that the paths name, where `roots` were captured.
    #[must_use]
    pub fn entries(&self, roots: &[Vec<u8>], shape: Shape) -> Vec<EntryPath> {
        self.paths.iter().filter_map(|path| entry(path, roots, shape)).collect()
    }

    /// Whether there are patterns at all.
    #[must_use]
    pub fn has_patterns(&self) -> bool {
        !self.names.is_empty() || !self.wholes.is_empty()
    }

    /// Whether a pattern matches this entry itself.
    #[must_use]
    pub fn matches(&self, path: &EntryPath, roots: &[Vec<u8>], shape: Shape) -> bool {
        // The root has no name of its own.
        (!self.names.is_empty() && !path.is_root() && self.names.is_match(OsStr::from_bytes(path.name())))
            || (!self.wholes.is_empty() && {
                let whole = on_the_machine(path, roots, shape);
                self.wholes.is_match(OsStr::from_bytes(&whole))
            })
    }
}

/// How an entry was called on the machine.
pub(crate) fn on_the_machine(entry: &EntryPath, roots: &[Vec<u8>], shape: Shape) -> Vec<u8> {
    let root = match (shape, roots.first()) {
        (Shape::Directory, Some(root)) => root.strip_suffix(b"/").unwrap_or(root),
        _ => b"",
    };
    match (entry.is_root(), root) {
        (true, b"") => b"/".to_vec(),
        (true, root) => root.to_vec(),
        (false, root) => [root, b"/", entry.as_bytes()].concat(),
    }
}

/// A path without what means nothing in it.
fn parts(path: &[u8]) -> Result<EntryPath, String> {
    let parts: Vec<_> = path.split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    EntryPath::new(parts.join(&b'/')).map_err(|why| why.to_string())
}

/// The entry that a path names: with a leading slash only what was there on the machine, for nobody wants something else
/// erased that happens to be called alike.
fn entry(path: &[u8], roots: &[Vec<u8>], shape: Shape) -> Option<EntryPath> {
    match (path.starts_with(b"/"), shape, roots.first()) {
        (true, Shape::Directory, Some(root)) => below(path, root),
        _ => parts(path).ok(),
    }
}

/// What of a directory that was captured a path of the machine names.
fn below(path: &[u8], root: &[u8]) -> Option<EntryPath> {
    let (wanted, root) = (parts(path).ok()?, parts(root).ok()?);
    if root.is_within(&wanted) {
        return Some(EntryPath::root());
    }
    let below = wanted.as_bytes().strip_prefix(root.as_bytes())?;
    let below = if root.is_root() { below } else { below.strip_prefix(b"/")? };
    EntryPath::new(below).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_slash_means_what_was_there_on_the_machine_and_nothing_that_is_called_alike() {
        let named = |path: &str, root: &str| {
            below(path.as_bytes(), root.as_bytes()).map(|path| String::from_utf8(path.as_bytes().to_vec()).unwrap())
        };
        assert_eq!(named("/srv/shares/a/b", "/srv/shares").as_deref(), Some("a/b"));
        assert_eq!(named("/srv/shares//a/./b/", "/srv/shares/").as_deref(), Some("a/b"));
        assert_eq!(named("/srv/shares", "/srv/shares").as_deref(), Some(""));
        assert_eq!(named("/srv", "/srv/shares").as_deref(), Some(""), "all of it lies below");
        assert_eq!(named("/srv/shares-old/a", "/srv/shares"), None);
        assert_eq!(named("/a/b", "/srv/shares"), None);
        assert_eq!(named("/a/b", "/").as_deref(), Some("a/b"));
    }

    #[test]
    fn the_same_words_are_the_same_bytes_and_what_cannot_be_meant_is_refused() {
        let bytes = |paths: &[&str], globs: &[&str]| {
            let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            Meant::new(&words(paths), &words(globs)).map(|meant| meant.bytes().to_vec()).ok()
        };
        assert_eq!(bytes(&["a", "b"], &["*.x"]), bytes(&["b", "a", "a"], &["*.x"]));
        assert_ne!(bytes(&["a"], &[]), bytes(&[], &["a"]));
        assert_eq!(bytes(&["../a"], &[]), None);
        assert_eq!(bytes(&[], &["a["]), None);
    }
}
