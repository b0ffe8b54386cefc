//! What is rewritten is what a backup without it would have written, and what was erased is in no pack.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use dr_entry::{Body, Content, Entry, EntryPath, Kind, Meta, Piece, Profile, Settled, Unread};
use dr_format::id::{ChunkId, ChunkKind, HostId, PackId, PackKind, Secret, SnapshotId};
use dr_format::key::{FamilyKey, Key};
use dr_format::page::{self, Contents, Extent, Row};
use dr_format::snapshot::{Label, Shape};
use dr_format::tree::{Root, Step, TreeBuilder, Walk};
use dr_store::BlockingStore;
use dr_store::memory::MemoryStore;

use super::rewrite::Pruner;
use super::{EraseOptions, is_gone, may_touch, plan_erase};
use crate::error::RepoError;
use crate::maintain::prune::PruneOptions;
use crate::progress::Tally;
use crate::read::look::{Stand, as_child};
use crate::read::repository::{Repository, Unlock, create};
use crate::tests::prune;
use crate::write::backup::{BackupOptions, backup, new_snapshot_id};

fn path(text: &str) -> EntryPath {
    EntryPath::new(text.as_bytes()).unwrap()
}

fn row(name: &str, weight: usize) -> Row {
    let meta = Meta::plain(Kind::Symlink(vec![b'x'; weight]), 0o777);
    Row { path: path(name), meta, profile: Profile::Auto, contents: Contents::Empty }
}

type Pages = HashMap<ChunkId, Vec<u8>>;

fn keep_in(pages: &mut Pages, bytes: &[u8]) -> ChunkId {
    let mut id = [0; 24];
    id.copy_from_slice(&blake3::hash(bytes).as_bytes()[..24]);
    pages.insert(ChunkId(id), bytes.to_vec());
    ChunkId(id)
}

fn build(rows: &[Row], key: u8) -> (Option<Root>, Pages) {
    let mut pages = Pages::new();
    let mut keep = |bytes: &[u8]| Ok::<_, RepoError>(keep_in(&mut pages, bytes));
    let mut builder = TreeBuilder::new(&Secret([key; 32]));
    rows.iter().for_each(|row| builder.push(row.clone(), &mut keep).unwrap());
    let root = builder.finish(&mut keep).unwrap();
    (root, pages)
}

/// The tree without what goes, made from the old tree; how many pages were opened for it.
fn without(root: &Root, old: &Pages, gone: &[EntryPath], key: u8) -> (Option<Root>, Pages, usize) {
    let (mut pages, opened) = (Pages::new(), Cell::new(0));
    let mut keep = |bytes: &[u8]| Ok::<_, RepoError>(keep_in(&mut pages, bytes));
    let mut builder = TreeBuilder::new(&Secret([key; 32]));
    let mut open = |child: &page::Child, stand: Stand<'_>| {
        opened.set(opened.get() + 1);
        let page = page::decode(&old[&child.id]).unwrap();
        assert!(page.stands(stand.level, stand.behind, (!stand.top).then_some(&child.last)));
        Ok::<_, RepoError>(page)
    };
    let top = Stand { level: root.level + 1, behind: None, top: true };
    Pruner { builder: &mut builder, gone, open: &mut open }.page(&as_child(root), top, None, &mut keep).unwrap();
    let root = builder.finish(&mut keep).unwrap();
    (root, pages, opened.get())
}

struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

#[test]
fn a_tree_without_something_is_the_tree_that_never_had_it() {
    let mut random = Random(7);
    for key in 0..30 {
        let count = [3, 40, 400, 2_000, 6_000][usize::from(key) % 5];
        // Some rows are so heavy that a page ends before them.
        let heavy = random.below(3);
        let mut rows: Vec<Row> = (0..count)
            .map(|n| {
                row(
                    &format!("d{:02}/e{:02}/f{n:05}", n % 7, n % 31),
                    if random.below(30) < heavy { 60_000 } else { random.below(40) },
                )
            })
            .collect();
        rows.extend((0..7).map(|d| row(&format!("d{d:02}"), 0)));
        rows.extend((0..7).flat_map(|d| (0..31).map(move |e| row(&format!("d{d:02}/e{e:02}"), 0))));
        rows.sort_by(|a, b| a.path.cmp(&b.path));
        let (root, old) = build(&rows, key);
        let root = root.unwrap();
        for _ in 0..8 {
            let mut gone: Vec<EntryPath> =
                (0..=random.below(4)).map(|_| rows[random.below(rows.len())].path.clone()).collect();
            match random.below(8) {
                0 => gone.push(rows.last().unwrap().path.clone()),
                1 => gone.push(rows[0].path.clone()),
                2 => gone.extend((0..6).map(|d| path(&format!("d{d:02}")))),
                _ => {}
            }
            gone.sort();
            let mut top: Vec<EntryPath> = Vec::new();
            for one in gone {
                if !top.last().is_some_and(|above| one.is_within(above)) {
                    top.push(one);
                }
            }
            let left: Vec<Row> =
                rows.iter().filter(|row| !top.iter().any(|one| row.path.is_within(one))).cloned().collect();
            assert_eq!(rows.iter().filter(|row| !is_gone(&top, &row.path)).count(), left.len());
            let (wanted, all) = build(&left, key);
            let (made, fresh, _) = without(&root, &old, &top, key);
            assert_eq!(made, wanted, "key {key}, without {top:?}");
            assert!(fresh.keys().all(|id| all.contains_key(id)));
            assert!(all.keys().all(|id| fresh.contains_key(id) || old.contains_key(id)));
        }
    }
}

#[test]
fn one_file_of_a_large_tree_costs_the_pages_along_its_path() {
    let mut rows: Vec<Row> = (0..60_000).map(|n| row(&format!("d{:03}/f{n:06}", n / 100), 1)).collect();
    rows.sort_by(|a, b| a.path.cmp(&b.path));
    let (root, old) = build(&rows, 3);
    let root = root.unwrap();
    for at in [0, 30_000, 59_999] {
        let gone = [rows[at].path.clone()];
        let (_, fresh, opened) = without(&root, &old, &gone, 3);
        let new = fresh.keys().filter(|id| !old.contains_key(*id)).count();
        assert!(new <= usize::from(root.level) + 1, "{new} new pages");
        assert!(opened <= old.len() / 10 + 30, "{opened} of {} pages were opened", old.len());
    }
}

#[test]
fn a_page_may_hold_what_lies_in_it_or_below_what_began_before_it() {
    let gone = [path("b"), path("d/e")];
    let touches = |behind: Option<&str>, last: &str| may_touch(&gone, behind.map(path).as_ref(), Some(&path(last)));
    assert!(touches(None, "b") && touches(Some("a"), "c") && touches(Some("b"), "b/x") && touches(Some("b/x"), "c"));
    assert!(!touches(None, "a") && !touches(Some("c"), "d") && !touches(Some("d/f"), "z"));
    assert!(touches(Some("d/e/f"), "z"), "it begins below what goes");
    assert!(may_touch(&gone, Some(&path("c")), None) && !may_touch(&[], None, None));
}

struct Contents_(Vec<u8>, usize);

impl Body for Contents_ {
    fn open(self: Box<Self>) -> std::io::Result<Box<dyn Content>> {
        Ok(self)
    }
}

impl Content for Contents_ {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<Piece> {
        let n = buffer.len().min(self.0.len() - self.1);
        buffer[..n].copy_from_slice(&self.0[self.1..self.1 + n]);
        self.1 += n;
        Ok(if n == 0 { Piece::End } else { Piece::Data(n) })
    }

    fn settle(&mut self) -> std::io::Result<Settled> {
        Ok(Settled::Unchanged)
    }
}

struct Scene {
    _runtime: tokio::runtime::Runtime,
    store: BlockingStore,
    family: FamilyKey,
    folder: tempfile::TempDir,
}

type Files = BTreeMap<String, Vec<u8>>;

impl Scene {
    fn new(family: &FamilyKey) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        // With parity beside everything.
        let store = BlockingStore::new(Arc::new(MemoryStore::that_may_rot()), runtime.handle().clone());
        create(&store, family, None, "2026-01-01T00:00:00Z", 0).unwrap();
        Self { _runtime: runtime, store, family: family.clone(), folder: tempfile::tempdir().unwrap() }
    }

    fn open(&self) -> Repository {
        let key = Key::Family(self.family.clone());
        Repository::open(self.store.clone(), Unlock::Key(key), HostId([9; 4])).unwrap()
    }

    fn keep(&self, files: &Files) -> SnapshotId {
        self.keep_as(&mut self.open(), files, Label::default())
    }

    fn keep_as(&self, repository: &mut Repository, files: &Files, label: Label) -> SnapshotId {
        let clock = AtomicI64::new(0);
        let capture = BackupOptions {
            snapshot: new_snapshot_id(),
            label,
            shape: Shape::Directory,
            cache: None,
            journal: None,
            scratch: self.folder.path(),
            level: Some(1),
            workers: 1,
            clock: &|| clock.fetch_add(1, Ordering::Relaxed),
            stop: &AtomicBool::new(false),
            tally: &Tally::default(),
            prove: false,
        };
        let mut sorted: Vec<_> = files.iter().map(|(name, bytes)| (path(name), bytes.clone())).collect();
        sorted.sort();
        let entries = sorted.into_iter().map(|(path, bytes)| {
            let mut meta = Meta::plain(Kind::File, 0o600);
            meta.size = bytes.len() as u64;
            let body: Box<dyn Body> = Box::new(Contents_(bytes, 0));
            Ok::<_, Unread>(Entry { path, meta, stamp: None, profile: Profile::Fine, body: Some(body) })
        });
        backup(repository, Box::new(entries), &capture).unwrap().snapshot
    }

    /// Everything that a snapshot's files and pages consist of.
    fn chunks(&self, id: SnapshotId) -> BTreeSet<(u8, ChunkId)> {
        let (repository, mut out) = (self.open(), BTreeSet::new());
        let mut fetcher = repository.fetcher().unwrap();
        let mut walk = Walk::new(&repository.tree(id).unwrap().root.unwrap(), vec![]);
        let mut pages = Vec::new();
        while let Step::Row(row) = walk.next(&mut |id| {
            pages.push((ChunkKind::Tree as u8, id));
            fetcher.chunk(ChunkKind::Tree, id).map(<[u8]>::to_vec)
        }) {
            let mut add = |extent| {
                if let Extent::Chunk { id, .. } = extent {
                    out.insert((ChunkKind::Data as u8, id));
                }
                Ok(())
            };
            match row.contents {
                Contents::Extents(extents) => extents.into_iter().for_each(|extent| add(extent).unwrap()),
                Contents::Tree { root, level, extents } => {
                    let run = dr_format::extents::Run { id: root, len: row.meta.size, extents };
                    let mut fetcher = repository.fetcher().unwrap();
                    each_extent(run, level, &mut fetcher, &mut add);
                    pages.push((ChunkKind::Extents as u8, root));
                }
                Contents::Empty | Contents::Inline(_) => {}
            }
        }
        out.extend(pages);
        out.insert((ChunkKind::Document as u8, repository.log.state.snapshots[&id].document));
        out
    }
}

/// Every extent below an extent page.
fn each_extent(
    run: dr_format::extents::Run,
    level: u8,
    fetcher: &mut crate::read::fetch::Fetcher<'_>,
    each: &mut dyn FnMut(Extent) -> Result<(), RepoError>,
) {
    match crate::read::restore::extent_page(run, level, fetcher).unwrap() {
        dr_format::extents::ExtentPage::Leaf(extents) => extents.into_iter().for_each(|extent| each(extent).unwrap()),
        dr_format::extents::ExtentPage::Inner { runs, .. } => {
            runs.into_iter().for_each(|run| each_extent(run, level - 1, fetcher, each));
        }
    }
}

fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut out = vec![0; len];
    blake3::Hasher::new_derive_key("dr tests noise").update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

#[test]
fn what_was_erased_is_in_no_pack_and_the_trees_are_those_of_a_school_that_never_had_it() {
    let family = FamilyKey::generate();
    let (scene, never) = (Scene::new(&family), Scene::new(&family));
    // Many files, a large one among what goes, and one that holds the same bytes as something else.
    let mut base: Files =
        (0..3_000).map(|n| (format!("f{n:05}"), noise(if n % 9 == 0 { 3_000 } else { 40 }, n))).collect();
    base.insert("large".into(), noise(3 << 20, 99_001));
    base.insert("same".into(), base["f00009"].clone());
    let mut ids = Vec::new();
    let mut wanted = Vec::new();
    for generation in 0..3u64 {
        base.insert("changing".into(), noise(200_000, 77_000 + generation));
        ids.push(scene.keep(&base));
        let mut without = base.clone();
        for name in ["large", "changing", "same", "f01000", "f02999"] {
            without.remove(name);
        }
        let kept = never.keep(&without);
        wanted.push((never.open().tree(kept).unwrap().root, never.chunks(kept)));
    }
    let before: BTreeSet<_> = ids.iter().flat_map(|id| scene.chunks(*id)).collect();
    let (clock, stop, tally) = (|| 1, AtomicBool::new(false), Tally::default());
    let options = EraseOptions {
        now_ms: 1,
        system: None,
        paths: &|_| ["changing", "f01000", "f02999", "large", "same"].map(path).to_vec(),
        also: None,
        asked: b"x",
        scratch: scene.folder.path(),
        journal: None,
        clock: &clock,
        stop: &stop,
        tally: &tally,
    };
    let mut repository = scene.open();
    let erased = plan_erase(&mut repository, &options).unwrap().execute(&mut repository).unwrap();
    assert_eq!((erased.snapshots, erased.entries, erased.shared, erased.unseen), (3, 5, 1, 0), "{erased:?}");
    let listed = repository.snapshots();
    assert_eq!(listed.iter().map(|one| one.label.as_ref().unwrap().replaces.unwrap()).collect::<Vec<_>>(), ids);
    for (one, (root, _)) in listed.iter().zip(&wanted) {
        assert_eq!(repository.tree(one.id).unwrap().root, *root);
    }
    let pruned = prune(&mut repository, &PruneOptions::usual(1, true, scene.folder.path(), &clock, &stop, &tally));
    assert!(pruned.unwrap().deleted > 0);
    assert_eq!(repository.left_of_erased().unwrap(), (0, 0));
    let repository = scene.open();
    let index = repository.index().unwrap();
    let after: BTreeSet<_> = listed.iter().flat_map(|one| scene.chunks(one.id)).collect();
    let is_kept = |kind, id| index.holds(kind, id).unwrap();
    let mut gone = 0;
    for (number, id) in before.difference(&after) {
        let kinds = [ChunkKind::Data, ChunkKind::Tree, ChunkKind::Extents, ChunkKind::Document];
        let kind = kinds.into_iter().find(|kind| *kind as u8 == *number).unwrap();
        assert!(!is_kept(kind, *id), "{kind:?} {id} is still there");
        gone += 1;
    }
    assert!(gone as u64 >= erased.chunks, "{gone} of {erased:?}");
    // All the contents that the others have are there, and nothing beside.
    let contents = |all: &BTreeSet<(u8, ChunkId)>| -> BTreeSet<_> {
        all.iter().filter(|(kind, _)| *kind != ChunkKind::Document as u8).copied().collect()
    };
    let never: BTreeSet<_> = wanted.into_iter().flat_map(|(_, chunks)| chunks).collect();
    assert_eq!(contents(&after), contents(&never));
}

#[test]
fn a_host_alone_puts_no_snapshot_in_the_place_of_another() {
    let family = FamilyKey::generate();
    let scene = Scene::new(&family);
    let files: Files = [("a".to_owned(), noise(5_000, 1)), ("pupil".to_owned(), noise(5_000, 2))].into();
    let good = scene.keep(&files);
    let key = Key::Writer(Box::new(family.writer().unwrap()));
    let mut host = Repository::open(scene.store.clone(), Unlock::Key(key), HostId([7; 4])).unwrap();
    let label = Label { replaces: Some(good), ..Label::default() };
    let mine: Files = [("ransom".to_owned(), noise(100, 3))].into();
    let false_one = scene.keep_as(&mut host, &mine, label);
    let repository = scene.open();
    let listed = repository.snapshots();
    assert_eq!(listed.iter().map(|one| (one.id, one.replaces)).collect::<Vec<_>>(), [(good, None), (false_one, None)]);
    assert!(listed[0].number < listed[1].number && crate::read::repository::rewritten_same(&listed).is_empty());
    let (clock, stop, tally) = (|| 1, AtomicBool::new(false), Tally::default());
    let options = EraseOptions {
        now_ms: 1,
        system: None,
        paths: &|_| vec![path("pupil")],
        also: None,
        asked: b"x",
        scratch: scene.folder.path(),
        journal: None,
        clock: &clock,
        stop: &stop,
        tally: &tally,
    };
    let mut repository = scene.open();
    let plan = plan_erase(&mut repository, &options).unwrap();
    let rulings: Vec<_> = plan.verdicts().iter().map(|one| one.ruling.clone()).collect();
    plan.execute(&mut repository).unwrap();
    assert!(matches!(rulings[..], [super::Ruling::Rewrite(_), super::Ruling::Untouched]), "{rulings:?}");
    assert_eq!(scene.open().snapshots()[0].replaces, Some(good));
}

/// The packs of which parity is kept.
fn spared(scene: &Scene) -> BTreeSet<PackId> {
    let objects = scene.store.list(dr_format::id::PARITY_FOLDER).unwrap();
    // Beside them lie second copies of small objects.
    let objects = objects.iter().filter(|listed| dr_format::id::session_of_parity(listed.key.as_str()).is_some());
    let rows = objects.flat_map(|listed| {
        let object = scene.store.get(&listed.key, listed.size).unwrap();
        let table = dr_format::parity::table_len(&object[..dr_format::parity::FRONT as usize]).unwrap();
        dr_format::parity::decode(&object[..table as usize], listed.size, scene.family.family).unwrap()
    });
    rows.map(|row| row.line.id).collect()
}

#[test]
fn parity_keeps_nothing_of_what_was_erased_and_all_of_the_rest() {
    let family = FamilyKey::generate();
    let scene = Scene::new(&family);
    // So much that a pack of it stays.
    let files: Files = (0..38).map(|n| (format!("f{n:02}"), noise(1 << 20, n))).collect();
    scene.keep(&files);
    let before = spared(&scene);
    assert!(before.iter().filter(|pack| pack.kind == PackKind::Data).count() >= 2, "{before:?}");
    let (clock, stop, tally) = (|| 1, AtomicBool::new(false), Tally::default());
    let options = EraseOptions {
        now_ms: 1,
        system: None,
        paths: &|_| vec![path("f37")],
        also: None,
        asked: b"x",
        scratch: scene.folder.path(),
        journal: None,
        clock: &clock,
        stop: &stop,
        tally: &tally,
    };
    let mut repository = scene.open();
    plan_erase(&mut repository, &options).unwrap().execute(&mut repository).unwrap();
    prune(&mut repository, &PruneOptions::usual(1, true, scene.folder.path(), &clock, &stop, &tally)).unwrap();
    assert_eq!(repository.left_of_erased().unwrap(), (0, 0));
    let after = spared(&scene);
    let state = &scene.open().log.state;
    let there: BTreeSet<PackId> = state.packs.iter().filter(|(_, one)| !one.swept).map(|(pack, _)| *pack).collect();
    assert_eq!(after, there, "of every pack that is there, and of no other");
    assert!(before.intersection(&after).count() > 0, "one of the session stayed");
}
