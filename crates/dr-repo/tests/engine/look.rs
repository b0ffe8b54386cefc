//! Looking into snapshots says what comparing them whole would say, and reads little for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_entry::{EntryPath, Kind, Meta};
use dr_repo::{Aspect, Change, Compared, Diff, Difference, FindOptions, Found, RepoError, Repository, SnapshotId};
use dr_store::BlockingStore;
use dr_store::memory::MemoryStore;

use crate::support::*;

struct Scene {
    school: School,
    blocking: BlockingStore,
    ids: Vec<SnapshotId>,
    trees: Vec<Tree>,
}

impl Scene {
    fn new() -> Self {
        let school = School::new();
        let blocking = school.blocking(Arc::new(MemoryStore::new()));
        school.create(&blocking);
        Self { school, blocking, ids: Vec::new(), trees: Vec::new() }
    }

    fn keep(&mut self, tree: &Tree) {
        let summary = self.school.backup(&mut self.open(), tree, None).unwrap();
        self.ids.push(summary.snapshot);
        self.trees.push(tree.clone());
    }

    fn open(&self) -> Repository {
        self.school.open(&self.blocking).unwrap()
    }

    fn diff(&self, from: usize, to: usize, paths: &[EntryPath]) -> (Vec<Difference>, Compared) {
        let repository = self.open();
        let (from, to) = (repository.tree(self.ids[from]).unwrap(), repository.tree(self.ids[to]).unwrap());
        let wanted = Diff { from: &from, to: &to, paths, stop: &AtomicBool::new(false) };
        let mut all = Vec::new();
        let compared = dr_repo::diff(&repository, &wanted, &mut |difference| {
            all.push(difference);
            Ok(())
        });
        (all, compared.unwrap())
    }

    /// Over all snapshots, newest first.
    fn find(&self, paths: &[EntryPath], wanted: &dyn Fn(&EntryPath, &Meta) -> bool) -> (Vec<Found>, u64) {
        let repository = self.open();
        let trees: Vec<_> = self.ids.iter().rev().map(|id| repository.tree(*id).unwrap()).collect();
        let search = FindOptions { trees: &trees, paths, wanted, stop: &AtomicBool::new(false) };
        let mut all = Vec::new();
        let searched = dr_repo::find(&repository, &search, &mut |found| {
            all.push(found);
            Ok(())
        })
        .unwrap();
        assert_eq!(searched.lost, []);
        (all, searched.pages)
    }
}

fn many(files: usize) -> Tree {
    let mut tree = Tree::new();
    other(&mut tree, "", Kind::Directory);
    for n in 0..files {
        if n % 50 == 0 {
            other(&mut tree, &format!("form-{:03}", n / 50), Kind::Directory);
        }
        file(&mut tree, &format!("form-{:03}/pupil-{n:06}", n / 50), format!("work {n}").into_bytes());
    }
    tree
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }
}

/// A few things happen.
fn a_day(tree: &mut Tree, dice: &mut Dice) {
    for _ in 0..dice.roll(12) {
        let at = dice.roll(tree.len());
        let name = tree.keys().nth(at).cloned().unwrap();
        let is_file = tree[&name].meta.kind == Kind::File;
        match dice.roll(5) {
            0 if is_file => drop(tree.remove(&name)),
            1 if is_file => tree.get_mut(&name).unwrap().meta.mode ^= 0o022,
            2 if is_file => file(tree, &name.to_string(), format!("again {}", dice.roll(3)).into_bytes()),
            3 if is_file => other(tree, &name.to_string(), Kind::Symlink(b"elsewhere".to_vec())),
            _ => {
                let above = name.components().next().map(|c| String::from_utf8_lossy(c).into_owned());
                let above = above.unwrap_or_else(|| "form-000".into());
                file(tree, &format!("{above}/new-{}", dice.roll(1000)), vec![b'n'; dice.roll(90)]);
            }
        }
    }
}

fn same(a: &Node, b: &Node) -> bool {
    a.meta.kind == b.meta.kind && a.bytes == b.bytes
}

#[test]
fn one_change_among_sixty_thousand_files_reads_a_handful_of_pages() {
    let mut scene = Scene::new();
    let mut tree = many(60_000);
    scene.keep(&tree);
    file(&mut tree, "form-700/pupil-035017", b"handed in late".to_vec());
    scene.keep(&tree);
    file(&mut tree, "form-300/new", noise(4_000, 1));
    scene.keep(&tree);
    let (all, compared) = scene.diff(0, 1, &[]);
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].path.to_string().as_str(), &all[0].change),
        ("form-700/pupil-035017", &Change::Changed(vec![Aspect::Content, Aspect::Time]))
    );
    assert!(compared.pages <= 10, "{compared:?}");
    let (all, compared) = scene.diff(1, 2, &[]);
    assert_eq!((all.len(), &all[0].change, compared.added.bytes), (1, &Change::Added, 4_000));
    assert!(compared.pages <= 12, "{compared:?}");
    assert_eq!(scene.diff(2, 2, &[]).1.pages, 0, "equal trees are not read at all");

    // Three snapshots cost hardly more than one, and a path costs the way to it.
    let (found, pages) = scene.find(&[], &|path, _| path.name() == b"pupil-035017");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].versions.iter().map(|v| (v.newest, v.oldest)).collect::<Vec<_>>(), [(0, 1), (2, 2)]);
    let (_, one) = {
        let repository = scene.open();
        let trees = [repository.tree(scene.ids[0]).unwrap()];
        let search = FindOptions { trees: &trees, paths: &[], wanted: &|_, _| false, stop: &AtomicBool::new(false) };
        ((), dr_repo::find(&repository, &search, &mut |_| Ok(())).unwrap().pages)
    };
    assert!(pages <= one + 12, "{pages} for three, {one} for one");
    let (found, pages) = scene.find(&[path("form-700/pupil-035017")], &|_, _| true);
    assert_eq!(found.len(), 1);
    assert!(pages <= 20, "{pages} of {one}");
}

#[test]
fn find_and_diff_say_what_comparing_everything_says() {
    for seed in 0..6 {
        let mut dice = Dice(seed);
        let mut scene = Scene::new();
        let mut tree = many(700 + seed as usize * 300);
        for _ in 0..7 {
            scene.keep(&tree);
            a_day(&mut tree, &mut dice);
        }
        for (from, to) in [(0, 1), (1, 0), (0, 6), (3, 4), (6, 2)] {
            let (all, compared) = scene.diff(from, to, &[]);
            assert_eq!((compared.unknown, compared.lost.len(), compared.renames_looked_for), (0, 0, true));
            assert!(all.is_sorted_by(|a, b| a.path < b.path));
            let (a, b) = (&scene.trees[from], &scene.trees[to]);
            let names = a.keys().chain(b.keys()).collect::<std::collections::BTreeSet<_>>();
            let expected: Vec<_> = names.into_iter().filter(|name| a.get(name) != b.get(name)).collect();
            assert_eq!(all.iter().map(|d| &d.path).collect::<Vec<_>>(), expected, "seed {seed}, {from} to {to}");
            for difference in all {
                assert_eq!(difference.before.as_ref(), a.get(&difference.path).map(|node| &node.meta));
                assert_eq!(difference.after.as_ref(), b.get(&difference.path).map(|node| &node.meta));
                let (before, after) = (a.get(&difference.path), b.get(&difference.path));
                match (&difference.change, before, after) {
                    (Change::Added, None, Some(_)) | (Change::Removed, Some(_), None) => {}
                    (Change::Changed(what), Some(before), Some(after)) => {
                        let other = what.contains(&Aspect::Content) || what.contains(&Aspect::Type);
                        assert_eq!(other, !same(before, after), "{difference:?}");
                    }
                    wrong => panic!("{wrong:?}"),
                }
            }
        }
        // Everything that ever was, with its runs of equal contents.
        let (found, _) = scene.find(&[], &|_, _| true);
        let mut expected: BTreeMap<EntryPath, Vec<(usize, usize)>> = BTreeMap::new();
        let newest_first: Vec<_> = scene.trees.iter().rev().collect();
        for (at, tree) in newest_first.iter().enumerate() {
            for (name, node) in tree.iter() {
                let runs = expected.entry(name.clone()).or_default();
                match runs.last_mut() {
                    Some((_, oldest)) if *oldest + 1 == at && same(&newest_first[*oldest][name], node) => *oldest = at,
                    _ => runs.push((at, at)),
                }
            }
        }
        let got: Vec<_> = found
            .into_iter()
            .map(|found| (found.path, found.versions.iter().map(|v| (v.newest, v.oldest)).collect::<Vec<_>>()))
            .collect();
        assert_eq!(got, expected.into_iter().collect::<Vec<_>>(), "seed {seed}");
        // One folder only, and one kind of change only.
        let only = path("form-003");
        let (all, _) = scene.diff(0, 6, std::slice::from_ref(&only));
        let whole: Vec<_> = scene.diff(0, 6, &[]).0.into_iter().filter(|d| d.path.is_within(&only)).collect();
        assert_eq!(all, whole);
    }
}

#[test]
fn a_file_of_another_name_is_renamed_and_one_of_two_equal_ones_is_not() {
    let mut scene = Scene::new();
    let mut tree = many(300);
    file(&mut tree, "form-001/essay", noise(9_000, 1));
    file(&mut tree, "form-001/twin", noise(9_000, 2));
    file(&mut tree, "form-001/little", b"too little to be told by".to_vec());
    scene.keep(&tree);
    let essay = tree.remove(&path("form-001/essay")).unwrap();
    tree.insert(path("form-004/essay"), essay);
    let twin = tree.remove(&path("form-001/twin")).unwrap();
    tree.insert(path("form-002/twin"), twin.clone());
    tree.insert(path("form-003/twin"), twin);
    let little = tree.remove(&path("form-001/little")).unwrap();
    tree.insert(path("form-001/small"), little);
    scene.keep(&tree);
    let (all, compared) = scene.diff(0, 1, &[]);
    let renamed: Vec<_> = all
        .iter()
        .filter_map(|d| match &d.change {
            Change::Renamed { from } => Some((from.to_string(), d.path.to_string())),
            _ => None,
        })
        .collect();
    assert_eq!(renamed, [("form-001/essay".to_owned(), "form-004/essay".to_owned())]);
    assert_eq!((compared.renamed.bytes, compared.added.entries, compared.removed.entries), (9_000, 3, 2));
}

#[test]
fn a_damaged_page_leaves_the_rest_known_and_claims_nothing_below_it() {
    let mut scene = Scene::new();
    let mut tree = many(20_000);
    scene.keep(&tree);
    // Everything is rewritten, so that the two share no page.
    for node in tree.values_mut() {
        node.meta.mtime.seconds += 1;
    }
    scene.keep(&tree);
    let packs: Vec<_> = scene.blocking.list("meta").unwrap();
    let (first, bytes) = (&packs[0].key, scene.blocking.get(&packs[0].key, 1 << 30).unwrap());
    let mut damaged = false;
    // Well inside its frames: behind them are a trailer and padding, which cost no page.
    for at in (1..6).map(|part| bytes.len() / 12 * part) {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1;
        scene.blocking.delete(first).unwrap();
        scene.blocking.put_new(first, dr_store::ObjectBody::Bytes(changed.into())).unwrap();
        let repository = scene.open();
        let trees: Result<Vec<_>, RepoError> = scene.ids.iter().map(|id| repository.tree(*id)).collect();
        let Ok(trees) = trees else { continue };
        let wanted = Diff { from: &trees[0], to: &trees[1], paths: &[], stop: &AtomicBool::new(false) };
        let mut told = 0;
        match dr_repo::diff(&repository, &wanted, &mut |difference| {
            assert_eq!(difference.change, Change::Changed(vec![Aspect::Time]));
            told += 1;
            Ok(())
        }) {
            // The root of a tree.
            Err(RepoError::Damaged { .. }) => {}
            Err(other) => panic!("{other}"),
            Ok(compared) => {
                assert!(!compared.lost.is_empty());
                assert_eq!(told + compared.unknown, tree.len() as u64);
                damaged = true;
            }
        }
        let search = FindOptions { trees: &trees, paths: &[], wanted: &|_, _| true, stop: &AtomicBool::new(false) };
        let searched = dr_repo::find(&repository, &search, &mut |_| Ok(())).unwrap();
        assert!(!searched.lost.is_empty());
    }
    assert!(damaged, "no page was hit");
}
