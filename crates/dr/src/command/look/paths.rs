//! Which entries of a snapshot a person means by a path: as it was on the machine, or as the snapshot has it.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use dr_entry::EntryPath;
use dr_repo::{Label, Shape};

use crate::exit::Failure;

/// The entries that `paths` name.
///
/// # Errors
/// [`crate::exit::Cause::Usage`] for a path that cannot name an entry.
pub fn wanted(paths: &[PathBuf], label: &Label, shape: Shape) -> Result<Vec<EntryPath>, Failure> {
    paths.iter().map(|path| entry(path, label, shape)).collect()
}

fn entry(path: &Path, label: &Label, shape: Shape) -> Result<EntryPath, Failure> {
    let bytes = path.as_os_str().as_bytes();
    let inner = match (shape, label.paths.first()) {
        // As it was called on the machine: the captured directory's own path comes off.
        (Shape::Directory, Some(root)) if path.is_absolute() => below(bytes, root).unwrap_or(bytes),
        _ => bytes,
    };
    let components: Vec<_> = inner.split(|b| *b == b'/').filter(|c| !c.is_empty() && *c != b".").collect();
    EntryPath::new(components.join(&b'/'))
        .map_err(|why| Failure::usage(format!("--path {}: {why}. Nothing was restored.", crate::shown::path(path))))
}

fn below<'a>(path: &'a [u8], root: &[u8]) -> Option<&'a [u8]> {
    let root = root.strip_suffix(b"/").unwrap_or(root);
    let rest = path.strip_prefix(root)?;
    (rest.is_empty() || rest.starts_with(b"/")).then_some(rest)
}

/// How an entry was called on the machine.
pub fn on_the_machine(entry: &EntryPath, paths: &[Vec<u8>], shape: Shape) -> Vec<u8> {
    let root = match (shape, paths.first()) {
        (Shape::Directory, Some(root)) => root.strip_suffix(b"/").unwrap_or(root),
        _ => b"",
    };
    match (entry.is_root(), root) {
        (true, b"") => b"/".to_vec(),
        (true, root) => root.to_vec(),
        (false, root) => [root, b"/", entry.as_bytes()].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_as_the_machine_or_the_snapshot_has_them() {
        let label = Label { paths: vec![b"/srv/shares".to_vec()], ..Label::default() };
        let check = |path: &str, shape, expected: Option<&str>| {
            let found = wanted(&[path.into()], &label, shape).map(|found| found[0].to_string());
            assert_eq!(found.ok().as_deref(), expected, "{path}");
        };
        check("/srv/shares/a/b", Shape::Directory, Some("a/b"));
        check("/srv/shares", Shape::Directory, Some(""));
        check("/srv/shares-old/a", Shape::Directory, Some("srv/shares-old/a"));
        check("a/b/", Shape::Directory, Some("a/b"));
        check("./a", Shape::Directory, Some("a"));
        check("/a/b", Shape::Directory, Some("a/b"));
        check("../a", Shape::Directory, None);
        check("/srv/shares/a", Shape::Absolute, Some("srv/shares/a"));
    }

    #[test]
    fn entries_are_named_as_the_machine_has_them() {
        let name = |entry: &str, root: &str, shape| {
            let entry = EntryPath::new(entry.as_bytes()).unwrap();
            String::from_utf8(on_the_machine(&entry, &[root.as_bytes().to_vec()], shape)).unwrap()
        };
        assert_eq!(name("a/b", "/srv", Shape::Directory), "/srv/a/b");
        assert_eq!(name("", "/srv", Shape::Directory), "/srv");
        assert_eq!(name("a", "/", Shape::Directory), "/a");
        assert_eq!(name("srv/a", "/srv", Shape::Absolute), "/srv/a");
    }
}
