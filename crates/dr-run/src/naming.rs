//! What is an entry of a capture called on the machine, and which entry does a person mean by a path?
//!
//! Captures of mail and of databases hold more than what is on the machine: facts beside it, and mail in a folder of its
//! own. Nobody has to know that: whatever is shown is the machine's path, and that is what is taken. Pure.

use dr_entry::EntryPath;
use dr_plan::Source;
use dr_repo::Shape;
use dr_source::{FACTS, maildir};

/// How the entries of one system's snapshot are named.
#[derive(Debug, Clone, Default)]
pub struct Naming {
    /// What stands before an entry's path, without a slash at the end.
    root: Vec<u8>,
    /// The folder of the capture that stands for `root`.
    top: &'static [u8],
    /// Whether paths of the machine are taken as below `root` at all.
    absolute: bool,
}

impl Naming {
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
        Self { root: root.to_vec(), top, absolute: shape == Shape::Absolute }
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

    /// The path in the snapshot that is meant by `path`: as it was on the machine, below the system's folder, or as the
    /// snapshot itself has it. Without slashes at either end.
    #[must_use]
    pub fn in_the_snapshot(&self, path: &[u8]) -> Vec<u8> {
        let on_the_machine = path.starts_with(b"/") && !self.absolute;
        let inner = match on_the_machine {
            true => below(path, &self.root).unwrap_or(path),
            false => path,
        };
        let parts: Vec<&[u8]> =
            inner.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
        let plain = parts.join(&b'/');
        let is_ours = plain.is_empty() || plain == FACTS.as_bytes() || below(&plain, self.top).is_some();
        match !self.top.is_empty() && (!is_ours || (on_the_machine && plain != FACTS.as_bytes())) {
            true if plain.is_empty() => self.top.to_vec(),
            true => [self.top, b"/", &plain].concat(),
            false => plain,
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

    fn naming(source: Option<Source>, shape: Shape, path: &str) -> Naming {
        Naming::of(source.as_ref(), shape, &[path.as_bytes().to_vec()])
    }

    fn check(naming: &Naming, entry: &str, machine: &str) {
        let path = EntryPath::new(entry.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(naming.on_the_machine(&path)).unwrap(), machine);
        assert_eq!(String::from_utf8(naming.in_the_snapshot(machine.as_bytes())).unwrap(), entry, "{machine}");
        assert_eq!(String::from_utf8(naming.in_the_snapshot(entry.as_bytes())).unwrap(), entry, "{entry}");
    }

    #[test]
    fn what_is_shown_is_what_is_taken_for_files_mail_and_databases() {
        let files = naming(None, Shape::Directory, "/srv/shares/");
        check(&files, "a/b", "/srv/shares/a/b");
        check(&files, "", "/srv/shares");
        check(&naming(None, Shape::Directory, "/"), "a", "/a");
        check(&naming(None, Shape::Absolute, "/srv"), "srv/a", "/srv/a");
        let mail = naming(Some(Source::Maildir { path: "/srv".into() }), Shape::Directory, "/srv");
        check(&mail, "Maildir/ash/cur/1.M1.host:2,S", "/srv/ash/cur/1.M1.host:2,S");
        check(&mail, "Maildir", "/srv");
        check(&mail, "dr-facts.json", "/srv/dr-facts.json");
        assert_eq!(mail.in_the_snapshot(b"ash"), b"Maildir/ash");
        assert_eq!(mail.in_the_snapshot(b"/srv/Maildir/new"), b"Maildir/Maildir/new");
        assert_eq!(mail.in_the_snapshot(b""), b"");
        let database = naming(Some(Source::Sqlite { path: "/srv/mis.db".into() }), Shape::Directory, "/srv/mis.db");
        check(&database, "mis.db", "/srv/mis.db");
        assert_eq!(files.in_the_snapshot(b"/srv/shares-old/a"), b"srv/shares-old/a");
        assert_eq!(files.in_the_snapshot(b"./a//b/"), b"a/b");
    }
}
