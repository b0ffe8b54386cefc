//! A place that does not take everything costs what it does not take, and nothing beside it.

use std::io;
use std::sync::Arc;

use dr_entry::{Destination, EntryPath, Kind, Meta, NotSet, Part, Writing};
use dr_repo::{NotWhole, RepoError, RestoreOptions, RestoreReport, SnapshotId, Tally, plan_restore};
use dr_store::BlockingStore;
use dr_store::memory::MemoryStore;

use crate::support::{Memory, School, file, noise, other, path, small_tree};

/// A place with faults of its own.
struct Odd {
    inner: Memory,
    /// Whether nothing can be written any more.
    full: bool,
    /// A file that the place has no room for.
    no_room_for: &'static str,
    /// Whether a file can have two names.
    links: bool,
    /// Whether owners are kept.
    owners: bool,
}

impl Default for Odd {
    fn default() -> Self {
        Self { inner: Memory::default(), full: false, no_room_for: "", links: true, owners: true }
    }
}

struct OddWriting {
    inner: Box<dyn Writing>,
    no_room: bool,
    owners: bool,
}

fn not_ours() -> NotSet {
    NotSet::one(Part::Owner, "owner oak")
}

impl Destination for Odd {
    fn directory(&self, path: &EntryPath) -> io::Result<()> {
        self.inner.directory(path)
    }

    fn file(&self, path: &EntryPath, size: u64) -> io::Result<Box<dyn Writing>> {
        let no_room = path.to_string() == self.no_room_for;
        Ok(Box::new(OddWriting { inner: self.inner.file(path, size)?, no_room, owners: self.owners }))
    }

    fn is_full(&self) -> bool {
        self.full
    }

    fn special(&self, path: &EntryPath, meta: &Meta) -> io::Result<()> {
        self.inner.special(path, meta)
    }

    fn hard_link(&self, path: &EntryPath, first: &EntryPath) -> io::Result<()> {
        if self.links { self.inner.hard_link(path, first) } else { Err(io::ErrorKind::Unsupported.into()) }
    }

    fn finish_directory(&self, path: &EntryPath, meta: &Meta) -> io::Result<()> {
        self.inner.finish_directory(path, meta)?;
        if self.owners { Ok(()) } else { not_ours().into_result() }
    }
}

impl Writing for OddWriting {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.no_room { Err(io::ErrorKind::StorageFull.into()) } else { self.inner.write_at(offset, bytes) }
    }

    fn finish(self: Box<Self>, meta: &Meta) -> io::Result<()> {
        self.inner.finish(meta)?;
        if self.owners { Ok(()) } else { not_ours().into_result() }
    }
}

struct Scene {
    school: School,
    blocking: BlockingStore,
    id: SnapshotId,
}

impl Scene {
    fn new() -> Self {
        let mut tree = small_tree();
        file(&mut tree, "b/twin", noise(50_000, 9));
        file(&mut tree, "c", noise(50_000, 9));
        other(&mut tree, "d", Kind::Directory);
        for name in ["b/twin", "c"] {
            tree.get_mut(&path(name)).unwrap().meta.link = Some(5);
        }
        let school = School::new();
        let blocking = school.blocking(Arc::new(MemoryStore::new()));
        school.create(&blocking);
        let id = school.backup(&mut school.open(&blocking).unwrap(), &tree, None).unwrap().snapshot;
        Self { school, blocking, id }
    }

    fn restore(&self, to: &Odd, paths: &[EntryPath]) -> Result<RestoreReport, RepoError> {
        let options = RestoreOptions { paths, workers: 2, stop: &false.into(), tally: &Tally::default() };
        let repository = self.school.open(&self.blocking).unwrap();
        plan_restore(&repository, self.id, &options)?.execute(to)
    }
}

#[test]
fn what_came_back_is_counted_though_its_owner_could_not_be_set() {
    let scene = Scene::new();
    let whole = scene.restore(&Odd::default(), &[]).unwrap();
    let back = scene.restore(&Odd { owners: false, ..Odd::default() }, &[]).unwrap();
    assert_eq!((back.entries, back.files, back.bytes), (whole.entries, whole.files, whole.bytes));
    assert_eq!((whole.failed.len(), back.lost().count()), (0, 0));
    assert!(back.owners_not_set() > 5 && back.owners_not_set() == back.failed.len() as u64, "{:?}", back.failed);
}

#[test]
fn one_file_for_which_there_is_no_room_costs_that_file_and_a_full_place_ends_it() {
    let scene = Scene::new();
    let odd = Odd { no_room_for: "a/noise", ..Odd::default() };
    let back = scene.restore(&odd, &[]).unwrap();
    let lost: Vec<_> = back.lost().map(|(path, why)| (path.to_string(), why.is_of_the_copy())).collect();
    assert_eq!(lost, [("a/noise".to_owned(), false)]);
    assert!(odd.inner.tree().contains_key(&path("b/copy")));
    let full = scene.restore(&Odd { full: true, no_room_for: "a/noise", ..Odd::default() }, &[]).unwrap_err();
    assert!(matches!(&full, RepoError::Local { what, .. } if what.contains("full")), "{full}");
}

#[test]
fn where_a_file_cannot_have_two_names_there_are_two_files_and_it_is_told() {
    let scene = Scene::new();
    let odd = Odd { links: false, ..Odd::default() };
    let back = scene.restore(&odd, &[]).unwrap();
    let tree = odd.inner.tree();
    assert_eq!(tree[&path("c")].bytes, tree[&path("b/twin")].bytes);
    let told: Vec<_> = back.failed.iter().map(|(path, why)| (path.to_string(), why.is_back())).collect();
    assert_eq!(told, [("c".to_owned(), true)]);
}

#[test]
fn a_path_that_is_not_there_is_told_from_one_that_is_lost() {
    let scene = Scene::new();
    let back = scene.restore(&Odd::default(), &[path("a/text"), path("a/texts")]).unwrap();
    assert_eq!(back.failed, [(path("a/texts"), NotWhole::NotThere)]);
}
