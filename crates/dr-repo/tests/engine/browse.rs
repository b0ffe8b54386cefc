//! A snapshot that is looked into one name and one range at a time is the one that was captured.

use std::collections::BTreeMap;
use std::sync::Arc;

use dr_entry::{EntryPath, Kind};
use dr_repo::{BrowsedCopy, NextEntry, PageCache, RepoError, SnapshotId, SnapshotView};
use dr_store::memory::MemoryStore;
use dr_store::{BlockingStore, Key};

use crate::support::*;

struct Scene {
    school: School,
    store: Arc<MemoryStore>,
    blocking: BlockingStore,
}

impl Scene {
    fn new() -> Self {
        let school = School::new();
        let store = Arc::new(MemoryStore::new());
        let blocking = school.blocking(store.clone());
        school.create(&blocking);
        Self { school, store, blocking }
    }

    fn keep(&self, tree: &Tree) -> SnapshotId {
        self.school.backup(&mut self.school.open(&self.blocking).unwrap(), tree, None).unwrap().snapshot
    }

    fn copy(&self, blocking: &BlockingStore) -> Arc<BrowsedCopy> {
        Arc::new(BrowsedCopy::new(self.school.open(blocking).unwrap(), 8 << 20))
    }

    fn view(&self, id: SnapshotId) -> SnapshotView {
        SnapshotView::new(id, vec![self.copy(&self.blocking)], Arc::new(PageCache::new(1 << 20)), None)
    }

    /// The same store without what `gone` says.
    fn without(&self, gone: impl Fn(&Key) -> bool) -> BlockingStore {
        let store = Arc::new(MemoryStore::new());
        store.restore(self.store.snapshot().into_iter().filter(|(key, _)| !gone(key)).collect());
        self.school.blocking(store)
    }
}

/// Whether it holds contents or pages.
fn is_pack(key: &Key) -> bool {
    key.as_str().starts_with("data/") || key.as_str().starts_with("meta/")
}

/// Everything below a directory, as its listings have it, and how many could not be had.
fn listed(view: &SnapshotView, directory: &EntryPath, begin: u64, all: &mut BTreeMap<EntryPath, u64>) -> usize {
    let (mut from, mut lost) = (begin, 0);
    loop {
        match view.next_in(directory, from).unwrap() {
            NextEntry::End => return lost,
            NextEntry::Lost(_, beyond) => {
                assert!(beyond > from);
                (from, lost) = (beyond, lost + 1);
            }
            NextEntry::Entry(entry) => {
                from = entry.number() + 1;
                assert_eq!(entry.path().parent().as_ref(), Some(directory));
                assert_eq!(all.insert(entry.path().clone(), entry.number()), None, "{} twice", entry.path());
                if entry.meta().kind == Kind::Directory {
                    lost += listed(view, entry.path(), from, all);
                }
            }
        }
    }
}

fn large_tree() -> Tree {
    let mut tree = small_tree();
    for folder in ["a/deep", "a/deep/er", "many"] {
        other(&mut tree, folder, Kind::Directory);
    }
    for number in 0..6_000 {
        file(&mut tree, &format!("many/{number:05}"), words(30, number));
        if number % 40 == 0 {
            other(&mut tree, &format!("many/{number:05}-folder"), Kind::Directory);
            file(&mut tree, &format!("many/{number:05}-folder/x"), words(10, number));
        }
        if number % 6 == 0 {
            file(&mut tree, &format!("a/deep/er/{number}"), words(20, number));
        }
    }
    tree
}

#[test]
fn every_entry_is_found_by_its_number_its_name_and_its_directory() {
    let (scene, tree) = (Scene::new(), large_tree());
    let id = scene.keep(&tree);
    let view = scene.view(id);
    let mut all = BTreeMap::new();
    assert_eq!(listed(&view, &EntryPath::root(), 0, &mut all), 0);
    assert_eq!(all.len() + 1, tree.len(), "all but the root");
    for (number, (path, node)) in tree.iter().enumerate() {
        let entry = view.entry(number as u64).unwrap().unwrap();
        assert_eq!((entry.path(), entry.meta()), (path, &node.meta));
        if number % 7 == 0 {
            assert_eq!(view.named(path).unwrap().unwrap().number(), number as u64);
        }
        if !path.is_root() {
            assert_eq!(all[path], number as u64);
        }
    }
    assert!(view.entry(tree.len() as u64).unwrap().is_none() && view.entry(u64::MAX).unwrap().is_none());
    for none in ["nothing", "a/text/below", "zzz", "many/00000-folder/y"] {
        assert!(view.named(&path(none)).unwrap().is_none(), "{none}");
    }
    assert!(matches!(scene.view(SnapshotId([9; 16])).entry(0), Err(RepoError::NoSnapshot(_))));
}

#[test]
fn any_range_of_a_file_is_what_it_holds_there() {
    let (scene, mut tree) = (Scene::new(), small_tree());
    let mut image = noise(9_000_000, 4);
    image[1_000_000..3_000_000].fill(0);
    image[8_999_000..].fill(0);
    file(&mut tree, "image", image);
    file(&mut tree, "zeros", vec![0; 700_000]);
    let view = scene.view(scene.keep(&tree));
    for (path, node) in tree.iter().filter(|(_, node)| node.meta.kind == Kind::File) {
        let entry = view.named(path).unwrap().unwrap();
        let len = node.bytes.len();
        let mut ranges = vec![(0, len + 10), (len, 5), (len / 2, len), (1, 1), (len.saturating_sub(1), 7)];
        ranges.extend((0..40).map(|n| (n * 7_919_317 % (len + 1), 1 + n * 6_131)));
        for (at, wanted) in ranges {
            let read = view.read(&entry, at as u64, wanted).unwrap();
            let there = node.bytes.get(at..).unwrap_or_default();
            assert!(read == there[..there.len().min(wanted)], "{path} from {at}, {wanted} bytes");
        }
        assert_eq!(view.read(&entry, u64::MAX, usize::MAX).unwrap(), b"");
    }
}

#[test]
fn what_one_copy_has_lost_the_next_one_gives_and_no_wrong_byte_is_given() {
    let (scene, tree) = (Scene::new(), large_tree());
    let id = scene.keep(&tree);
    let packs: Vec<Key> = scene.store.snapshot().into_keys().filter(is_pack).collect();
    assert!(packs.len() >= 2, "contents and pages");
    for pack in &packs {
        let lacking = scene.without(|key| key == pack);
        let pages = || Arc::new(PageCache::new(1 << 20));
        let both = vec![scene.copy(&lacking), scene.copy(&scene.blocking)];
        let (alone, both) =
            (SnapshotView::new(id, both[..1].to_vec(), pages(), None), SnapshotView::new(id, both, pages(), None));
        let (mut all, mut errors) = (BTreeMap::new(), 0);
        assert_eq!(listed(&both, &EntryPath::root(), 0, &mut all), 0);
        assert_eq!(all.len() + 1, tree.len());
        for (number, (path, node)) in tree.iter().filter(|(_, node)| node.meta.kind == Kind::File).enumerate() {
            if node.bytes.len() < 1_000 && number % 50 != 0 {
                continue;
            }
            let entry = both.named(path).unwrap().unwrap();
            assert!(both.read(&entry, 0, 1 << 20).unwrap() == node.bytes);
            match alone.named(path).and_then(|entry| alone.read(&entry.unwrap(), 0, 1 << 20)) {
                Ok(read) => assert!(read == node.bytes),
                Err(_) => errors += 1,
            }
        }
        assert!(errors > 0, "{pack:?} held nothing");
    }
}

#[test]
fn a_page_that_is_lost_costs_its_own_entries() {
    let (scene, mut tree) = (Scene::new(), large_tree());
    scene.keep(&tree);
    let before: Vec<Key> = scene.store.snapshot().into_keys().collect();
    file(&mut tree, "many/03000", words(31, 1));
    let id = scene.keep(&tree);
    // The second run's pages are those along one path. The new root is read from the whole copy, the rest is not.
    let view = scene.view(id);
    view.tree().unwrap();
    let whole = scene.store.snapshot();
    let mut all = BTreeMap::new();
    listed(&view, &EntryPath::root(), 0, &mut all);
    let new = |key: &Key| is_pack(key) && !before.contains(key);
    let old = |key: &Key| is_pack(key) && before.contains(key);
    scene.store.restore(whole.clone().into_iter().filter(|(key, _)| !old(key)).collect());
    let poor = scene.view(id);
    let mut some = BTreeMap::new();
    // Of a folder that is known: its own entry is lost with the pages before.
    let many = path("many");
    let lost = listed(&poor, &many, all[&many] + 1, &mut some);
    assert!(lost > 0 && !some.is_empty() && some.len() < all.len(), "{lost} {}", some.len());
    assert!(some.iter().all(|(path, number)| all.get(path) == Some(number)));
    scene.store.restore(whole.into_iter().filter(|(key, _)| !new(key)).collect());
    assert!(scene.view(id).entry(0).is_err());
}

#[test]
fn what_is_hidden_is_not_there_and_nothing_below_it() {
    let (scene, tree) = (Scene::new(), large_tree());
    let id = scene.keep(&tree);
    let (folder, one) = (path("a/deep"), path("many/00007"));
    let hidden = Box::new(move |_: &dr_repo::Tree, path: &EntryPath| *path == folder || *path == one);
    let copies = vec![scene.copy(&scene.blocking)];
    let view = SnapshotView::new(id, copies, Arc::new(PageCache::new(1 << 20)), Some(hidden));
    let mut all = BTreeMap::new();
    assert_eq!(listed(&view, &EntryPath::root(), 0, &mut all), 0);
    let gone = |path: &EntryPath| path.is_within(&self::path("a/deep")) || *path == self::path("many/00007");
    assert_eq!(all.len() + 1, tree.keys().filter(|path| !gone(path)).count());
    for (number, path) in tree.keys().enumerate().filter(|(_, path)| gone(path)) {
        assert!(view.entry(number as u64).unwrap().is_none() && view.named(path).unwrap().is_none());
    }
    // What it holds cannot be listed by who knows its number either.
    let inside = tree.keys().position(|path| *path == self::path("a/deep")).unwrap() as u64 + 1;
    assert!(matches!(view.next_in(&path("a/deep"), inside), Ok(NextEntry::End)));
}
