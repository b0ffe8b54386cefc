//! Snapshots that claim to be larger than any disk: whatever reads them ends, and nothing is filled with them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dr_entry::{Destination, EntryPath, Kind, Meta, Profile, Writing};
use dr_format::extents::{Run, encode_inner, encode_leaf};
use dr_format::id::{ChunkId, ChunkKind, HostId, PackId, PackKind, SnapshotId};
use dr_format::key::{FamilyKey, Key};
use dr_format::log_entry::{Body, Named};
use dr_format::page::{self, Contents, Extent, Row};
use dr_format::snapshot::{Document, Label};
use dr_format::tree::Root;
use dr_store::BlockingStore;
use dr_store::memory::MemoryStore;

use crate::error::RepoError;
use crate::maintain::check::{CheckOptions, CheckReport, ReadData, check};
use crate::maintain::prune::PruneOptions;
use crate::maintain::repair::RepairOptions;
use crate::progress::Tally;
use crate::read::repository::{Repository, Unlock, create};
use crate::read::restore::{RestoreOptions, RestoreReport, plan_restore};
use crate::tests::{prune, repair};
use crate::write::committer::{Committer, Says, begin};
use crate::write::repacker::Repacker;

const WIDE: usize = 1_000;
const CHUNK: usize = 1 << 20;

/// What is at the bottom.
#[derive(Clone, Copy, PartialEq)]
enum Bottom {
    /// One chunk, over and over.
    Chunk,
    Hole,
    /// A chunk that is nowhere.
    Lost,
}

struct Scene {
    runtime: tokio::runtime::Runtime,
    family: FamilyKey,
    store: BlockingStore,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let store = BlockingStore::new(Arc::new(MemoryStore::that_may_rot()), runtime.handle().clone());
        let family = FamilyKey::generate();
        create(&store, &family, None, "2026-01-01T00:00:00Z", 0).unwrap();
        Self { runtime, family, store, folder: tempfile::tempdir().unwrap() }
    }

    fn open(&self) -> Repository {
        let _ = &self.runtime;
        Repository::open(self.store.clone(), Unlock::Key(Key::Family(self.family.clone())), HostId([1; 4])).unwrap()
    }

    /// A snapshot of a small file, and of others that share pages of extents which name each other over and over.
    /// `says`: what it says of the bytes in it; none: the truth.
    fn forge(&self, bottom: Bottom, levels: u8, files: usize, says: Option<u64>) -> SnapshotId {
        let mut repository = self.open();
        let (store, tally, id) = (self.store.clone(), Tally::default(), SnapshotId([7; 16]));
        let session = begin(&repository, self.folder.path(), None).unwrap();
        let mut committer = Committer::new(&repository, &session, &|| 5, &tally);
        let mut repacker = Repacker::new(&session).unwrap();
        let namer = repository.namer.clone();
        let mut keep = |kind, bytes: &[u8], committer: &mut Committer<'_>| {
            let id = namer.id(kind, bytes);
            repacker.add(kind, id, bytes, committer, &store).unwrap();
            id
        };
        let chunk = keep(ChunkKind::Data, &vec![7; CHUNK], &mut committer);
        let extent = match bottom {
            Bottom::Chunk => Extent::Chunk { id: chunk, len: CHUNK as u32 },
            Bottom::Lost => Extent::Chunk { id: ChunkId([9; 24]), len: CHUNK as u32 },
            Bottom::Hole => Extent::Hole { len: CHUNK as u64 },
        };
        let leaf = keep(ChunkKind::Extents, &encode_leaf(&vec![extent; WIDE]), &mut committer);
        let mut run = Run { id: leaf, len: (WIDE * CHUNK) as u64, extents: WIDE as u64 };
        for level in 1..=levels {
            let id = keep(ChunkKind::Extents, &encode_inner(level, &vec![run; WIDE]), &mut committer);
            run = Run { id, len: run.len * WIDE as u64, extents: run.extents * WIDE as u64 };
        }
        let row = |name: String, size: u64, contents: Contents| {
            let meta = Meta { size, ..Meta::plain(Kind::File, 0o644) };
            Row { path: EntryPath::new(name.into_bytes()).unwrap(), meta, profile: Profile::Auto, contents }
        };
        let large = Contents::Tree { root: run.id, level: levels, extents: run.extents };
        let mut rows = vec![row("a-small".into(), 5, Contents::Inline(b"small".to_vec()))];
        rows.extend((0..files).map(|n| row(format!("large-{n:03}"), run.len, large.clone())));
        let root = keep(ChunkKind::Tree, &page::encode_leaf(&rows), &mut committer);
        let all = rows.iter().fold(0u64, |sum, row| sum.saturating_add(row.meta.size));
        let label = Label { bytes: says.unwrap_or(all), files: rows.len() as u64, ..Label::default() };
        let document =
            Document { label: label.clone(), root: Some(Root { id: root, level: 0 }), ..Document::default() };
        let document = keep(ChunkKind::Document, &document.encode(id), &mut committer);
        repacker.flush(&mut committer, &self.store).unwrap();
        let label = label.seal(&repository.writer.naming.list, repository.writer.family, id).unwrap();
        let says = Says { snapshots: vec![Named { id, document, label }], last: true, ..Says::default() };
        committer.register(&mut repository, Body::Commit, says).unwrap();
        id
    }

    fn check(&self, enough: Option<&(dyn Fn() -> bool + Sync)>) -> CheckReport {
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let read_data = if enough.is_some() { ReadData::Oldest { bytes: u64::MAX } } else { ReadData::All };
        check(&self.open(), &CheckOptions { read_data, now_ms: 9, enough, stop: &stop, tally: &tally }).unwrap()
    }

    fn restore(&self, id: SnapshotId, place: &Counting) -> Result<RestoreReport, RepoError> {
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let (repository, options) =
            (self.open(), RestoreOptions { paths: &[], workers: 2, stop: &stop, tally: &tally });
        plan_restore(&repository, id, &options)?.execute(place)
    }
}

/// Counts what is written, and keeps none of it.
#[derive(Default)]
struct Counting {
    room: Option<u64>,
    written: Arc<AtomicU64>,
}

struct Written(Arc<AtomicU64>);

impl Writing for Written {
    fn write_at(&mut self, _: u64, bytes: &[u8]) -> std::io::Result<()> {
        assert!(self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed) < 1 << 30, "it goes on and on");
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Meta) -> std::io::Result<()> {
        Ok(())
    }
}

impl Destination for Counting {
    fn directory(&self, _: &EntryPath) -> std::io::Result<()> {
        Ok(())
    }

    fn file(&self, _: &EntryPath, _: u64) -> std::io::Result<Box<dyn Writing>> {
        Ok(Box::new(Written(Arc::clone(&self.written))))
    }

    fn room(&self) -> Option<u64> {
        self.room
    }

    fn special(&self, _: &EntryPath, _: &Meta) -> std::io::Result<()> {
        Ok(())
    }

    fn hard_link(&self, _: &EntryPath, _: &EntryPath) -> std::io::Result<()> {
        Ok(())
    }

    fn finish_directory(&self, _: &EntryPath, _: &Meta) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn check_prune_and_repair_end_whatever_a_snapshot_claims() {
    let scene = Scene::new();
    scene.forge(Bottom::Chunk, 3, 50, None);
    assert_eq!(scene.check(None).findings, []);
    let limited = scene.check(Some(&|| false));
    assert_eq!((limited.findings.len(), limited.trees_left, limited.packs_read), (0, 0, limited.packs));
    let (stop, tally) = (AtomicBool::new(false), Tally::default());
    let clock = || 9;
    prune(&mut scene.open(), &PruneOptions::usual(9, true, scene.folder.path(), &clock, &stop, &tally)).unwrap();
    let options = RepairOptions {
        now_ms: 9,
        others: &[],
        scratch: scene.folder.path(),
        journal: None,
        clock: &clock,
        stop: &stop,
        tally: &tally,
    };
    let repaired = repair(&mut scene.open(), &options).unwrap();
    assert_eq!(repaired.after.unwrap_or(repaired.before).findings, []);
}

#[test]
fn what_is_lost_below_pages_that_many_files_share_is_told_of_each() {
    let scene = Scene::new();
    scene.forge(Bottom::Lost, 3, 20, None);
    let checked = scene.check(None);
    assert_eq!(checked.findings.len(), 1);
    assert_eq!(checked.findings[0].lost.len(), 20);
}

#[test]
fn a_check_whose_time_is_over_says_how_many_trees_it_did_not_follow() {
    let scene = Scene::new();
    scene.forge(Bottom::Chunk, 3, 1, None);
    let checked = scene.check(Some(&|| true));
    assert_eq!((checked.trees_left, checked.packs_read), (1, 1));
    assert!(checked.not_checked.iter().any(|what| what.contains("the trees of 1 snapshots")), "{checked:?}");
}

#[test]
fn more_than_a_snapshot_says_of_itself_is_not_restored_and_the_rest_is() {
    let scene = Scene::new();
    let id = scene.forge(Bottom::Chunk, 3, 2, Some(5_000));
    let place = Counting::default();
    let restored = scene.restore(id, &place).unwrap();
    assert_eq!((restored.files, restored.failed.len()), (1, 2));
    assert!(restored.failed.iter().all(|(_, why)| why.to_string().contains("claims to be")), "{:?}", restored.failed);
    assert_eq!(place.written.load(Ordering::Relaxed), 5);
}

#[test]
fn what_there_is_no_room_for_is_refused_before_any_of_it_is_written() {
    let scene = Scene::new();
    let id = scene.forge(Bottom::Chunk, 3, 1, None);
    let place = Counting { room: Some(64 << 30), ..Counting::default() };
    let restored = scene.restore(id, &place).unwrap();
    // It costs itself and nothing beside it.
    assert_eq!((restored.files, restored.failed.len()), (1, 1));
    let why = &restored.failed[0].1;
    assert!(matches!(why, crate::NotWhole::Place(why) if why.contains("there is room for")), "{why}");
    assert!(place.written.load(Ordering::Relaxed) <= 5);
}

#[test]
fn holes_take_no_room_and_no_time() {
    let scene = Scene::new();
    let id = scene.forge(Bottom::Hole, 3, 3, None);
    let restored = scene.restore(id, &Counting { room: Some(1 << 20), ..Counting::default() }).unwrap();
    assert_eq!((restored.files, restored.failed), (4, vec![]));
    assert_eq!(scene.check(None).findings, []);
}

#[test]
fn packs_of_both_kinds_are_few() {
    // Else the tests above would show nothing of how little it takes.
    let scene = Scene::new();
    scene.forge(Bottom::Chunk, 3, 50, None);
    let kinds = |kind: PackKind| {
        let names = scene.store.list("").unwrap();
        let of = |object: &dr_store::Listed| PackId::from_object_name(object.key.as_str()).map(|(_, pack)| pack.kind);
        names.iter().filter(|object| of(object) == Some(kind)).map(|object| object.size).sum::<u64>()
    };
    assert!(kinds(PackKind::Data) + kinds(PackKind::Meta) < 1 << 20);
}
