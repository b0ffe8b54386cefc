//! What is an entry of a capture called on the machine, for whoever is told about it while it is made?
//!
//! Captures of mail and of databases hold more than what is on the machine: facts beside it, and mail in a folder of its
//! own. Nobody has to know that. Pure.

use dr_entry::EntryPath;
use dr_plan::Source;
use dr_repo::Shape;
use dr_source::maildir;

/// How the entries of one system's snapshot are named.
#[derive(Debug, Clone, Default)]
pub struct Called {
    /// What stands before an entry's path, without a slash at the end.
    root: Vec<u8>,
    /// The folder of the capture that stands for `root`.
    top: &'static [u8],
}

impl Called {
    /// For a snapshot of `shape` whose label names `paths`, of a system with this source, if the plan knows it.
    #[must_use]
    pub fn of(source: Option<&Source>, shape: Shape, paths: &[Vec<u8>]) -> Self {
        let first = paths.first().map(|path| path.strip_suffix(b"/").unwrap_or(path)).unwrap_or_default();
        let (root, top): (&[u8], &'static [u8]) = match (shape, source) {
            (Shape::Absolute, _) => (b"", b""),
            (_, Some(Source::Maildir { .. })) => (first, maildir::TREE.as_bytes()),
            // The path is the database itself.
            (_, Some(Source::Sqlite { .. })) => {
                (first.iter().rposition(|byte| *byte == b'/').map_or(&[][..], |end| &first[..end]), b"")
            }
            _ => (first, b""),
        };
        Self { root: root.to_vec(), top }
    }

    /// How an entry is called on the machine.
    #[must_use]
    pub fn on_the_machine(&self, entry: &EntryPath) -> Vec<u8> {
        let bytes = entry.as_bytes();
        let below = below(bytes, self.top).unwrap_or(bytes);
        match (below.is_empty(), self.root.is_empty()) {
            (true, true) => b"/".to_vec(),
            (true, false) => self.root.clone(),
            (false, _) => [&self.root[..], b"/", below].concat(),
        }
    }
}

/// What of `path` is below `root`, itself included.
fn below<'a>(path: &'a [u8], root: &[u8]) -> Option<&'a [u8]> {
    if root.is_empty() {
        return Some(path);
    }
    let rest = path.strip_prefix(root)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix(b"/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming(source: Option<Source>, shape: Shape, path: &str) -> Called {
        Called::of(source.as_ref(), shape, &[path.as_bytes().to_vec()])
    }

    fn check(called: &Called, entry: &str, machine: &str) {
        let path = EntryPath::new(entry.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(called.on_the_machine(&path)).unwrap(), machine);
    }

    #[test]
    fn entries_of_files_mail_and_databases_are_called_as_the_machine_has_them() {
        let files = naming(None, Shape::Directory, "/srv/shares/");
        check(&files, "a/b", "/srv/shares/a/b");
        check(&files, "", "/srv/shares");
        check(&naming(None, Shape::Directory, "/"), "a", "/a");
        check(&naming(None, Shape::Absolute, "/srv"), "srv/a", "/srv/a");
        let mail = naming(Some(Source::Maildir { path: "/srv".into() }), Shape::Directory, "/srv");
        check(&mail, "Maildir/ash/cur/1.M1.host:2,S", "/srv/ash/cur/1.M1.host:2,S");
        check(&mail, "Maildir", "/srv");
        check(&mail, "dr-facts.json", "/srv/dr-facts.json");
        let database = naming(Some(Source::Sqlite { path: "/srv/mis.db".into() }), Shape::Directory, "/srv/mis.db");
        check(&database, "mis.db", "/srv/mis.db");
    }
}
