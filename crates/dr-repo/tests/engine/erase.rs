//! What is erased is nowhere any more, and everything else is where it was, whenever it is cut off.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_entry::{EntryPath, Kind};
use dr_repo::{
    CheckOptions, EraseOptions, EraseReport, Judged, PruneOptions, PruneReport, ReadData, RepoError, Repository,
    Ruling, SnapshotId, Tally, plan_erase,
};
use dr_store::memory::MemoryStore;
use dr_store::wrap::faulty::{Fault, Faulty};
use dr_store::{BlockingStore, Store};

use crate::support::*;

const NOW: i64 = 1_800_000_000_000;
const DAY: i64 = 24 * 3_600_000;

struct Scene {
    school: School,
    store: Arc<dyn Store>,
    blocking: BlockingStore,
}

impl Scene {
    fn new() -> Self {
        let school = School::new();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let blocking = school.blocking(Arc::clone(&store));
        school.create(&blocking);
        Self { school, store, blocking }
    }

    fn open(&self) -> Repository {
        self.school.open(&self.blocking).unwrap()
    }

    fn keep(&self, tree: &Tree) -> SnapshotId {
        self.school.backup(&mut self.open(), tree, None).unwrap().snapshot
    }

    fn erase(&self, paths: &[&str]) -> (EraseReport, Vec<Judged>) {
        self.erase_of(&mut self.open(), paths, false).unwrap()
    }

    fn erase_of(
        &self,
        repository: &mut Repository,
        paths: &[&str],
        dry: bool,
    ) -> Result<(EraseReport, Vec<Judged>), RepoError> {
        let paths: Vec<EntryPath> = paths.iter().map(|text| path(text)).collect();
        let options = EraseOptions {
            now_ms: NOW,
            system: None,
            paths: &|_| paths.clone(),
            also: None,
            asked: b"the same",
            scratch: self.school.folder.path(),
            journal: None,
            clock: &|| NOW,
            stop: &AtomicBool::new(false),
            tally: &Tally::default(),
        };
        let plan = plan_erase(repository, &options)?;
        let judged = plan.verdicts().to_vec();
        let erased = if dry { plan.report().clone() } else { plan.execute(repository)? };
        Ok((erased, judged))
    }

    /// What was forgotten otherwise can be put back for a week; packs go in steps so many days apart.
    fn prune(&self, now_ms: i64, days: i64) -> PruneReport {
        self.prune_of(&mut self.open(), now_ms, days).unwrap()
    }

    fn prune_of(&self, repository: &mut Repository, now_ms: i64, days: i64) -> Result<PruneReport, RepoError> {
        let (stop, tally, clock) = (AtomicBool::new(false), Tally::default(), || now_ms);
        let usual = PruneOptions::usual(now_ms, false, self.school.folder.path(), &clock, &stop, &tally);
        prune(repository, &PruneOptions { settle_ms: days * DAY, ..usual })
    }

    /// These are on the list, in this order, and whole.
    #[track_caller]
    fn is(&self, trees: &[&Tree]) {
        let repository = self.open();
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let checked = dr_repo::check(
            &repository,
            &CheckOptions { read_data: ReadData::All, now_ms: 0, enough: None, stop: &stop, tally: &tally },
        )
        .unwrap();
        assert_eq!(checked.findings, []);
        let listed = repository.snapshots();
        assert_eq!(listed.len(), trees.len());
        for (one, tree) in listed.iter().zip(trees) {
            let (back, restored) = self.school.restore(&repository, one.id).unwrap();
            assert_eq!(restored.failed, []);
            assert!(back == **tree, "snapshot {} comes back otherwise", one.id);
            let label = one.label.clone().unwrap();
            let files = tree.values().filter(|node| node.meta.kind == Kind::File);
            assert_eq!((label.entries, label.files), (tree.len() as u64, files.clone().count() as u64));
            assert_eq!(label.bytes, files.map(|node| node.meta.size).sum::<u64>());
        }
    }
}

fn generation(number: u64) -> Tree {
    let mut tree = small_tree();
    other(&mut tree, "pupil", Kind::Directory);
    file(&mut tree, "pupil/report", noise(70_000, 5));
    file(&mut tree, "pupil/photo", noise(150_000, 6 + number % 2));
    file(&mut tree, "zz", noise(30_000, 100 + number));
    tree
}

fn without(tree: &Tree, names: &[&str]) -> Tree {
    let gone: Vec<EntryPath> = names.iter().map(|name| path(name)).collect();
    tree.iter()
        .filter(|(path, _)| !gone.iter().any(|one| path.is_within(one)))
        .map(|(p, n)| (p.clone(), n.clone()))
        .collect()
}

#[test]
fn a_folder_goes_from_every_snapshot_and_all_else_is_as_it_was() {
    let scene = Scene::new();
    let trees: Vec<Tree> = (0..4).map(generation).collect();
    let ids: Vec<_> = trees.iter().map(|tree| scene.keep(tree)).collect();
    let before = scene.blocking.list("").unwrap();
    let (would, planned) = scene.erase_of(&mut scene.open(), &["pupil"], true).unwrap();
    assert_eq!(scene.blocking.list("").unwrap(), before, "a dry run changes nothing");
    let (did, judged) = scene.erase(&["pupil"]);
    assert_eq!((planned, &would), (judged.clone(), &EraseReport { bytes_stored: 0, ..did.clone() }));
    assert_eq!((did.snapshots, did.entries, did.shared, did.held), (4, 3, 0, 0), "{did:?}");
    assert_eq!(did.bytes, 70_000 + 2 * 150_000);
    assert!(judged.iter().all(|one| one.entries == 3 && matches!(one.ruling, Ruling::Rewrite(_))));
    let left: Vec<Tree> = trees.iter().map(|tree| without(tree, &["pupil"])).collect();
    scene.is(&left.iter().collect::<Vec<_>>());
    for id in &ids {
        assert!(matches!(scene.open().unforget(&[*id], NOW), Err(RepoError::ForgottenForGood(_))));
    }
    let (again, _) = scene.erase(&["pupil"]);
    assert_eq!((again.snapshots, again.entries), (0, 0), "nothing is left to do");
    assert!(scene.open().left_of_erased().unwrap().0 > 0);
    scene.prune(NOW, 0);
    assert_eq!(scene.open().left_of_erased().unwrap(), (0, 0));
    scene.is(&left.iter().collect::<Vec<_>>());
    // And on it goes.
    let summary = scene.school.backup(&mut scene.open(), &left[3], None).unwrap();
    assert!(summary.bytes_stored < 20_000, "{summary:?}");
}

#[test]
fn what_was_rewritten_stands_where_the_old_one_stood_and_latest_is_what_it_was() {
    let scene = Scene::new();
    let mut trees: Vec<Tree> = (0..4).map(generation).collect();
    trees[3] = without(&trees[3], &["pupil"]);
    trees[1] = without(&trees[1], &["pupil"]);
    let ids: Vec<_> = trees.iter().map(|tree| scene.keep(tree)).collect();
    let numbers: Vec<_> = scene.open().snapshots().iter().map(|one| one.number).collect();
    let order = |scene: &Scene| -> Vec<_> { scene.open().snapshots().iter().map(|one| (one.id, one.number)).collect() };
    scene.erase(&["pupil/photo"]);
    let first = order(&scene);
    assert_eq!((first[1].0, first[3].0), (ids[1], ids[3]));
    assert!(first[0].0 != ids[0] && first[2].0 != ids[2]);
    assert_eq!(first.iter().map(|(_, number)| *number).collect::<Vec<_>>(), numbers);
    // Once more, of what is in the place of another by now.
    scene.erase(&["pupil/report"]);
    let second = order(&scene);
    assert_eq!(second.iter().map(|(_, number)| *number).collect::<Vec<_>>(), numbers);
    assert!(second[0].0 != first[0].0);
    assert_eq!(scene.open().find("latest").unwrap().id, ids[3]);
    let left: Vec<Tree> = trees.iter().map(|tree| without(tree, &["pupil/photo", "pupil/report"])).collect();
    scene.is(&left.iter().collect::<Vec<_>>());
}

#[test]
fn a_hold_outranks_an_erasure_and_the_others_are_erased_all_the_same() {
    let scene = Scene::new();
    let trees: Vec<Tree> = (0..3).map(generation).collect();
    let ids: Vec<_> = trees.iter().map(|tree| scene.keep(tree)).collect();
    scene.open().hold(&ids[1..2], NOW + DAY, NOW).unwrap();
    let (did, judged) = scene.erase(&["pupil"]);
    assert_eq!((did.snapshots, did.held), (2, 1), "{did:?}");
    assert_eq!(judged[1].ruling, Ruling::Held(NOW + DAY));
    assert!(did.shared > 0, "what the held one needs stays");
    let left: Vec<Tree> = trees.iter().map(|tree| without(tree, &["pupil"])).collect();
    scene.prune(NOW, 0);
    scene.is(&[&left[0], &trees[1], &left[2]]);
    // Once it is over.
    scene.open().hold(&ids[1..2], NOW, NOW).unwrap();
    assert_eq!(scene.erase(&["pupil"]).0.held, 0);
    scene.prune(NOW, 0);
    scene.is(&left.iter().collect::<Vec<_>>());
    assert_eq!(scene.open().left_of_erased().unwrap(), (0, 0));
}

#[test]
fn bytes_that_another_file_holds_stay_and_are_counted_and_other_names_of_a_file_too() {
    let scene = Scene::new();
    let mut tree = generation(0);
    file(&mut tree, "copy-of-it", noise(70_000, 5));
    for name in ["one-name", "other-name"] {
        file(&mut tree, name, noise(9_000, 77));
        tree.get_mut(&path(name)).unwrap().meta.link = Some(3);
    }
    scene.keep(&tree);
    let (did, _) = scene.erase(&["pupil/report", "one-name"]);
    assert!(did.shared > 0 && did.chunks == 0, "{did:?}");
    scene.prune(NOW, 0);
    scene.is(&[&without(&tree, &["pupil/report", "one-name"])]);
}

#[test]
fn a_snapshot_of_nothing_else_goes_whole_and_a_forgotten_one_can_no_longer_be_put_back() {
    let scene = Scene::new();
    let mut alone = Tree::new();
    other(&mut alone, "", Kind::Directory);
    other(&mut alone, "pupil", Kind::Directory);
    file(&mut alone, "pupil/report", noise(70_000, 5));
    let (one, other) = (generation(0), without(&generation(1), &["pupil"]));
    let whole = scene.keep(&alone);
    let forgotten = scene.keep(&one);
    let free = scene.keep(&other);
    scene.keep(&other);
    forget(&mut scene.open(), &[forgotten, free], NOW).unwrap();
    let (did, judged) = scene.erase(&["pupil/report"]);
    let ruling = |id| judged.iter().find(|one| one.snapshot == id).unwrap().ruling.clone();
    assert_eq!((ruling(whole), ruling(forgotten), ruling(free)), (Ruling::Whole, Ruling::Forgotten, Ruling::Untouched));
    assert_eq!(did.snapshots, 2);
    scene.is(&[&other]);
    assert!(matches!(scene.open().unforget(&[forgotten], NOW), Err(RepoError::ForgottenForGood(_))));
    scene.prune(NOW, 0);
    assert_eq!(scene.open().left_of_erased().unwrap(), (0, 0));
    scene.open().unforget(&[free], NOW).unwrap();
    scene.is(&[&other, &other]);
}

#[test]
fn a_little_that_was_erased_does_not_stay_in_a_large_pack_and_goes_in_steps() {
    let scene = Scene::new();
    let mut tree = Tree::new();
    other(&mut tree, "", Kind::Directory);
    (0..40).for_each(|n| file(&mut tree, &format!("f{n:02}"), noise(100_000, n)));
    file(&mut tree, "little", noise(500, 1_000));
    scene.keep(&tree);
    scene.erase(&["little"]);
    let left = without(&tree, &["little"]);
    let mut gone = Vec::new();
    for day in 0..4 {
        scene.prune(NOW + day * (DAY + 1), 1);
        scene.is(&[&left]);
        gone.push(scene.open().left_of_erased().unwrap().0 == 0);
    }
    assert_eq!(gone, [false, false, true, true], "condemned, swept, deleted");
}

#[test]
fn what_cannot_be_looked_through_is_named_and_stays_and_the_others_are_erased() {
    let scene = Scene::new();
    let first = scene.keep(&generation(0));
    let metas = scene.blocking.list("meta").unwrap();
    let second = scene.keep(&without(&generation(1), &["a"]));
    for pack in metas {
        let mut bytes = scene.blocking.get(&pack.key, pack.size).unwrap().to_vec();
        let (from, to) = (bytes.len() / 8, bytes.len() / 2);
        bytes[from..to].iter_mut().for_each(|byte| *byte ^= 1);
        scene.blocking.delete(&pack.key).unwrap();
        scene.blocking.put_new(&pack.key, dr_store::ObjectBody::Bytes(bytes.into())).unwrap();
    }
    let (did, judged) = scene.erase(&["pupil"]);
    assert_eq!(did.unread, 1, "{judged:?}");
    let ruling = |id| judged.iter().find(|one| one.snapshot == id).unwrap().ruling.clone();
    assert!(matches!(ruling(first), Ruling::Unread(_)) && matches!(ruling(second), Ruling::Rewrite(_)), "{judged:?}");
    assert_eq!(scene.open().snapshots()[0].id, first);
}

#[test]
fn a_key_that_only_writes_erases_nothing() {
    let scene = Scene::new();
    scene.keep(&generation(0));
    let mut keyless = scene.school.open_keyless(&scene.blocking).unwrap();
    assert!(matches!(scene.erase_of(&mut keyless, &["pupil"], false), Err(RepoError::KeyMayNot(_))));
    scene.is(&[&generation(0)]);
}

#[test]
fn whichever_operation_fails_an_erasure_can_be_run_again_and_no_snapshot_is_lost() {
    for fault in [Fault::Before(ErrorKind::TimedOut), Fault::After(ErrorKind::TimedOut), Fault::Full] {
        let trees: Vec<Tree> = (0..2).map(generation).collect();
        let left: Vec<Tree> = trees.iter().map(|tree| without(tree, &["pupil"])).collect();
        for k in 1.. {
            let scene = Scene::new();
            for tree in &trees {
                scene.keep(tree);
            }
            let faulty = Arc::new(Faulty::new(Arc::clone(&scene.store)));
            faulty.fail_once(k, fault);
            let blocking = scene.school.blocking(faulty.clone());
            let outcome = scene.school.open(&blocking).and_then(|mut repository| {
                scene.erase_of(&mut repository, &["pupil"], false)?;
                scene.prune_of(&mut repository, NOW, 0)
            });
            // Each is there, as it was or without, and nothing else.
            let repository = scene.open();
            let back: Vec<Tree> =
                repository.snapshots().iter().map(|one| scene.school.restore(&repository, one.id).unwrap().0).collect();
            for (old, new) in trees.iter().zip(&left) {
                assert!(back.contains(old) || back.contains(new), "operation {k}, {fault:?}");
            }
            assert!(back.iter().all(|tree| trees.contains(tree) || left.contains(tree)));
            // Whoever counts snapshots to let some go sees as many as there were.
            let listed = repository.snapshots();
            assert_eq!(listed.len() - dr_repo::rewritten_same(&listed).len(), trees.len(), "operation {k}");
            let last = back.last().unwrap();
            assert!(*last == trees[1] || *last == left[1], "operation {k}: latest is another one");
            scene.erase(&["pupil"]);
            scene.prune(NOW, 0);
            scene.is(&left.iter().collect::<Vec<_>>());
            assert_eq!(scene.open().left_of_erased().unwrap(), (0, 0), "operation {k}, {fault:?}");
            assert_eq!(scene.erase(&["pupil"]).0.snapshots, 0);
            if !faulty.is_spent() {
                assert!(outcome.is_ok() && k > 20, "{outcome:?}");
                break;
            }
        }
    }
}
