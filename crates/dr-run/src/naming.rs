//! What are the entries of a snapshot called on the machine, and which one does a person mean by a path?
//!
//! One rule for all that asks or tells: what is printed can be typed. A capture of files has its folder's contents at the
//! top, one of a mailbox tree or a website has them in a folder of its own, and one of a database is that database with the facts
//! beside it; people go by where it was on the machine in each case. A path may also be given below the system's folder,
//! or as the snapshot has it, and with the escapes in which names are shown.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use dr_entry::{BadPath, EntryPath, Kind};
use dr_plan::Source;
use dr_repo::{Label, RepoError, Repository, Shape, SnapshotId};
use dr_source::{DATABASE, FACTS, SITE, maildir};

use crate::capture::layout;

/// How the entries of one snapshot are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Naming {
    shape: Shape,
    /// Where on the machine; one for a directory.
    roots: Vec<Vec<u8>>,
    /// What of the capture is that place, if it is not the top.
    top: Option<EntryPath>,
}

/// Looking for what is like a name ends after so many entries.
const LOOKED_THROUGH: u64 = 1_000_000;
/// So many names are proposed.
const PROPOSED: usize = 3;

impl Naming {
    /// By what a snapshot says of itself alone.
    #[must_use]
    pub fn plain(label: &Label, shape: Shape) -> Self {
        Self { shape, roots: label.paths.clone(), top: None }
    }

    /// For a capture that is being made of this source, whose label names `paths`.
    #[must_use]
    pub fn of_source(source: &Source, shape: Shape, paths: &[Vec<u8>]) -> Self {
        Self { shape, roots: paths.to_vec(), top: layout(source).top }
    }

    /// By what is in it, too.
    ///
    /// # Errors
    /// If its tree cannot be read.
    pub fn of(repository: &Repository, id: SnapshotId, label: &Label, shape: Shape) -> Result<Self, RepoError> {
        let mut naming = Self::plain(label, shape);
        let (Shape::Directory, [root]) = (shape, label.paths.as_slice()) else { return Ok(naming) };
        let name = root.rsplit(|byte| *byte == b'/').find(|part| !part.is_empty()).unwrap_or_default();
        let path = |name: &[u8]| EntryPath::new(name).unwrap_or_default();
        let (facts, mail, file) = (path(FACTS.as_bytes()), path(maildir::TREE.as_bytes()), path(name));
        if kind(repository, id, &facts)? != Some(Kind::File) {
            return Ok(naming);
        }
        let (site, dumps) = (path(SITE.as_bytes()), path(DATABASE.as_bytes()));
        let holds = |path: &EntryPath| Ok::<_, RepoError>(kind(repository, id, path)? == Some(Kind::Directory));
        if holds(&mail)? {
            naming.top = Some(mail);
        } else if holds(&site)? && holds(&dumps)? {
            naming.top = Some(site);
        } else if !file.is_root() && kind(repository, id, &file)? == Some(Kind::File) {
            naming.top = Some(file);
        }
        Ok(naming)
    }

    /// Whether entries stand in the capture as they stood on the machine, below one folder or under their whole paths.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.top.is_none()
    }

    /// The place on the machine that the capture is of, if it is one.
    #[must_use]
    pub fn root(&self) -> Option<&[u8]> {
        match (self.shape, self.roots.as_slice()) {
            (Shape::Directory, [root, ..]) => Some(root.strip_suffix(b"/").unwrap_or(root)),
            _ => None,
        }
    }

    /// How an entry was called on the machine. What the capture itself added has the name that it has there.
    #[must_use]
    pub fn on_the_machine(&self, entry: &EntryPath) -> Vec<u8> {
        let Some(root) = self.root() else {
            return [b"/", entry.as_bytes()].concat();
        };
        let below = match &self.top {
            None => entry.as_bytes(),
            Some(top) if entry.is_within(top) => {
                let rest = &entry.as_bytes()[top.as_bytes().len()..];
                rest.strip_prefix(b"/").unwrap_or(rest)
            }
            Some(_) if entry.is_root() => b"",
            Some(_) => return entry.as_bytes().to_vec(),
        };
        match (below, root) {
            (b"", b"") => b"/".to_vec(),
            (b"", root) => root.to_vec(),
            (below, root) => [root, b"/", below].concat(),
        }
    }

    /// The same below the system's folder, as lists show it; empty for the folder itself.
    #[must_use]
    pub fn below_the_folder(&self, entry: &EntryPath) -> Vec<u8> {
        match &self.top {
            Some(top) if entry.is_within(top) && entry != top => entry.as_bytes()[top.as_bytes().len() + 1..].to_vec(),
            // A database has no folder.
            Some(top) if entry == top && [maildir::TREE, SITE].iter().any(|tree| tree.as_bytes() == top.as_bytes()) => {
                Vec::new()
            }
            _ => entry.as_bytes().to_vec(),
        }
    }

    /// The entries that a path may mean, best first.
    ///
    /// # Errors
    /// [`BadPath`] for what cannot name an entry.
    pub fn meant(&self, typed: &Path) -> Result<Vec<EntryPath>, BadPath> {
        let literal = typed.as_os_str().as_bytes();
        // What is shown escaped is typed so; where nothing has that name, the backslashes are the name's own.
        let texts = dr_entry::typed(literal).into_iter().chain([literal.to_vec()]);
        let mut all: Vec<EntryPath> = Vec::new();
        for text in texts {
            for meant in self.meant_by(&text)? {
                if !all.contains(&meant) {
                    all.push(meant);
                }
            }
        }
        Ok(all)
    }

    fn meant_by(&self, text: &[u8]) -> Result<Vec<EntryPath>, BadPath> {
        let as_it_is = parts(text)?;
        let mut all = Vec::new();
        // The same without links, as far as they are there now.
        let resolve = |root: &Vec<u8>| Path::new(OsStr::from_bytes(root)).canonicalize().ok();
        let resolved = self.roots.iter().filter_map(resolve).map(|path| path.as_os_str().as_bytes().to_vec());
        let roots = self.roots.iter().cloned().chain(resolved);
        let is_absolute = text.first() == Some(&b'/');
        match (self.shape, is_absolute) {
            (Shape::Directory, true) => {
                for root in roots {
                    if let Some(rest) = below(&as_it_is, &parts(&root)?) {
                        all.push(self.inside(&rest)?);
                    }
                }
            }
            (Shape::Directory, false) => all.push(self.inside(&as_it_is)?),
            (Shape::Absolute, true) => {
                // Entries of several paths stand where links lead.
                let here = Path::new(OsStr::from_bytes(text));
                all.push(as_it_is.clone());
                all.extend(through_links(here).and_then(|path| parts(path.as_os_str().as_bytes()).ok()));
            }
            (Shape::Absolute, false) => {
                all.push(as_it_is.clone());
                for root in roots {
                    all.extend(joined(&parts(&root)?, &as_it_is));
                }
            }
        }
        all.push(as_it_is);
        Ok(all)
    }

    /// The entry at `rest` below the place that the capture is of.
    fn inside(&self, rest: &EntryPath) -> Result<EntryPath, BadPath> {
        match &self.top {
            None => Ok(rest.clone()),
            Some(top) => joined(top, rest).ok_or(BadPath::TooLong),
        }
    }

    /// The entry that a path means, if the snapshot has it. Where the tree cannot be read, the first that it may be: what
    /// comes of it names the damage.
    ///
    /// # Errors
    /// [`BadPath`] for what cannot name an entry.
    pub fn find(&self, repository: &Repository, id: SnapshotId, typed: &Path) -> Result<Option<EntryPath>, BadPath> {
        let all = self.meant(typed)?;
        for meant in &all {
            match is_there(repository, id, meant) {
                Ok(true) => return Ok(Some(meant.clone())),
                Ok(false) => {}
                Err(_) => return Ok(all.into_iter().next()),
            }
        }
        Ok(None)
    }

    /// What the snapshot has that is called alike, as it can be typed.
    #[must_use]
    pub fn alike(&self, repository: &Repository, id: SnapshotId, typed: &Path) -> Vec<String> {
        let Ok(all) = self.meant(typed) else { return Vec::new() };
        let Some(wanted) = all.first() else { return Vec::new() };
        let mut best: Vec<(usize, EntryPath)> = Vec::new();
        let mut seen = 0;
        // Whatever cannot be read is not proposed.
        let _ = repository.list(id, &[], &mut |listed| {
            seen += 1;
            if let Some(far) = likeness(wanted, &listed.path) {
                best.push((far, listed.path));
                best.sort();
                best.truncate(PROPOSED);
            }
            if seen < LOOKED_THROUGH { Ok(()) } else { Err(RepoError::Interrupted) }
        });
        best.iter().map(|(_, path)| dr_entry::shown(&self.on_the_machine(path))).collect()
    }
}

/// Paths that were asked for, as the snapshot has them, and those that it does not have.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What is there.
    pub there: Vec<EntryPath>,
    /// What is not, as it was typed and as an entry.
    pub missing: Vec<(PathBuf, EntryPath)>,
}

impl Asked {
    /// Looks for each path.
    ///
    /// # Errors
    /// What was typed and why it names nothing that could be in a snapshot.
    pub fn of(
        naming: &Naming,
        repository: &Repository,
        id: SnapshotId,
        paths: &[PathBuf],
    ) -> Result<Self, (PathBuf, BadPath)> {
        let mut asked = Self::default();
        for typed in paths {
            match naming.find(repository, id, typed).map_err(|why| (typed.clone(), why))? {
                Some(found) => asked.there.push(found),
                None => {
                    let meant = naming.meant(typed).map_err(|why| (typed.clone(), why))?;
                    asked.missing.push((typed.clone(), meant.into_iter().next().unwrap_or_default()));
                }
            }
        }
        Ok(asked)
    }

    /// What to say of the paths that are not there: what is like them.
    #[must_use]
    pub fn not_there(&self, naming: &Naming, repository: &Repository, id: SnapshotId) -> Vec<String> {
        let one = |(typed, _): &(PathBuf, EntryPath)| {
            let alike = naming.alike(repository, id, typed);
            let like = if alike.is_empty() { String::new() } else { format!("; it has {}", alike.join(" and ")) };
            format!("no such path in snapshot {}: {} is not there{like}", &id.to_string()[..8], shown(typed))
        };
        self.missing.iter().map(one).collect()
    }
}

fn shown(path: &Path) -> String {
    dr_entry::shown(path.as_os_str().as_bytes())
}

/// The kind of one entry, if it is there.
pub(crate) fn kind(repository: &Repository, id: SnapshotId, path: &EntryPath) -> Result<Option<Kind>, RepoError> {
    let mut found = None;
    let listed = repository.list(id, std::slice::from_ref(path), &mut |listed| {
        if listed.path == *path {
            found = Some(listed.meta.kind);
        }
        // What is below it is not asked for.
        if listed.path < *path { Ok(()) } else { Err(RepoError::Interrupted) }
    });
    match (listed, found) {
        (_, Some(kind)) => Ok(Some(kind)),
        (Ok(()) | Err(RepoError::Interrupted), None) => Ok(None),
        (Err(why), None) => Err(why),
    }
}

fn is_there(repository: &Repository, id: SnapshotId, path: &EntryPath) -> Result<bool, RepoError> {
    if path.is_root() { Ok(true) } else { kind(repository, id, path).map(|kind| kind.is_some()) }
}

/// A path as an entry, without what means nothing in it.
fn parts(path: &[u8]) -> Result<EntryPath, BadPath> {
    let parts: Vec<_> = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    EntryPath::new(parts.join(&b'/'))
}

fn below(path: &EntryPath, root: &EntryPath) -> Option<EntryPath> {
    if !path.is_within(root) {
        return None;
    }
    let rest = &path.as_bytes()[root.as_bytes().len()..];
    EntryPath::new(rest.strip_prefix(b"/").unwrap_or(rest)).ok()
}

fn joined(root: &EntryPath, rest: &EntryPath) -> Option<EntryPath> {
    match (root.is_root(), rest.is_root()) {
        (true, _) => Some(rest.clone()),
        (_, true) => Some(root.clone()),
        _ => EntryPath::new([root.as_bytes(), b"/", rest.as_bytes()].concat()).ok(),
    }
}

/// The path with the links in the directories above it followed, as far as they are there.
fn through_links(path: &Path) -> Option<PathBuf> {
    path.ancestors().find_map(|above| {
        let rest = path.strip_prefix(above).ok()?;
        above.canonicalize().ok().map(|above| above.join(rest))
    })
}

/// How far a path is from the one that was typed; `None`: it is another.
fn likeness(wanted: &EntryPath, path: &EntryPath) -> Option<usize> {
    let lower = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase();
    let (name, other) = (lower(wanted.name()), lower(path.name()));
    if name.is_empty() || other.is_empty() {
        return None;
    }
    let near = if name == other {
        0
    } else if name.len().abs_diff(other.len()) <= name.len() / 3 + 1
        && dr_plan::nearest(&name, [other.as_str()]).is_some()
    {
        1
    } else if name.chars().count() >= 3 && other.contains(&name) {
        2
    } else {
        return None;
    };
    // Of names as near, the one in the same folder comes first.
    let apart = wanted.parent() != path.parent();
    Some(near * 2 + usize::from(apart))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::new(text.as_bytes()).unwrap()
    }

    fn naming(shape: Shape, root: &str, top: Option<&str>) -> Naming {
        let roots = vec![root.as_bytes().to_vec()];
        Naming { shape, roots, top: top.map(path) }
    }

    /// What a path is taken for first.
    fn first(naming: &Naming, typed: &str) -> Option<String> {
        naming.meant(Path::new(typed)).ok().map(|all| all[0].to_string())
    }

    #[test]
    fn what_is_shown_of_files_mail_and_databases_can_be_typed() {
        for (naming, entries) in [
            (naming(Shape::Directory, "/srv/shares", None), vec!["a", "a/b", "", "dir with \\xff"]),
            (naming(Shape::Absolute, "/srv/shares", None), vec!["srv/shares/a", "srv"]),
            (naming(Shape::Directory, "/srv/mail", Some("Maildir")), vec!["Maildir", "Maildir/ash/cur/1.M1.h:2,S"]),
            (naming(Shape::Directory, "/srv/mis.db", Some("mis.db")), vec!["mis.db", "dr-facts.json"]),
            (naming(Shape::Directory, "/", None), vec!["a", ""]),
        ] {
            for entry in entries.into_iter().map(path) {
                let shown = dr_entry::shown(&naming.on_the_machine(&entry));
                let meant = naming.meant(Path::new(&shown)).unwrap();
                assert!(meant.contains(&entry), "{shown} is not taken for {entry}: {meant:?}");
                let shown = dr_entry::shown(&naming.below_the_folder(&entry));
                let meant = naming.meant(Path::new(&shown)).unwrap();
                assert!(meant.contains(&entry), "{shown} is not taken for {entry}: {meant:?}");
            }
        }
    }

    #[test]
    fn what_is_captured_is_called_as_the_machine_has_it() {
        for (source, entry, machine) in [
            (Source::Maildir { path: "/srv".into() }, "Maildir/ash/cur/1.M1.host:2,S", "/srv/ash/cur/1.M1.host:2,S"),
            (Source::Maildir { path: "/srv".into() }, "Maildir", "/srv"),
            (Source::Sqlite { path: "/srv".into() }, "srv", "/srv"),
        ] {
            let naming = Naming::of_source(&source, Shape::Directory, &[b"/srv".to_vec()]);
            assert_eq!(naming.on_the_machine(&path(entry)), machine.as_bytes(), "{entry}");
        }
    }

    #[test]
    fn a_path_is_meant_as_the_machine_the_folder_or_the_snapshot_has_it() {
        let files = naming(Shape::Directory, "/srv/shares", None);
        for (typed, expected) in [
            ("/srv/shares/a/b", Some("a/b")),
            ("/srv/shares", Some("")),
            ("/srv/shares-old/a", Some("srv/shares-old/a")),
            ("a/b/", Some("a/b")),
            ("./a", Some("a")),
            ("/a/b", Some("a/b")),
            ("../a", None),
        ] {
            assert_eq!(first(&files, typed).as_deref(), expected, "{typed}");
        }
        assert_eq!(first(&naming(Shape::Absolute, "/srv", None), "/srv/a").as_deref(), Some("srv/a"));
        let mail = naming(Shape::Directory, "/srv/mail", Some("Maildir"));
        for typed in ["/srv/mail/ash", "ash", "Maildir/ash"] {
            assert!(mail.meant(Path::new(typed)).unwrap().contains(&path("Maildir/ash")), "{typed}");
        }
        assert_eq!(mail.on_the_machine(&path("Maildir/ash/cur")), b"/srv/mail/ash/cur");
        let database = naming(Shape::Directory, "/srv/mis.db", Some("mis.db"));
        assert_eq!(database.on_the_machine(&path("mis.db")), b"/srv/mis.db");
        assert_eq!(first(&database, "/srv/mis.db").as_deref(), Some("mis.db"));
    }

    #[test]
    fn an_escape_is_the_byte_that_it_stands_for_and_else_the_name_itself() {
        let files = naming(Shape::Directory, "/srv", None);
        let meant = files.meant(Path::new("dir with \\xff")).unwrap();
        assert_eq!(meant[0], EntryPath::new(&b"dir with \xff"[..]).unwrap());
        assert!(meant.contains(&EntryPath::new(&b"dir with \\xff"[..]).unwrap()));
    }

    #[test]
    fn a_name_that_is_like_the_one_that_was_typed_is_proposed_and_another_is_not() {
        let near = |wanted: &str, other: &str| likeness(&path(wanted), &path(other));
        assert!(near("lettr.odt", "letter.odt") < near("lettr.odt", "old/letter.odt"));
        assert_eq!(near("Letter.ODT", "letter.odt"), Some(0));
        assert!(near("zoo", "trip to the zoo.odt").is_some());
        assert_eq!(near("lettr.odt", "marks.csv"), None);
    }
}
