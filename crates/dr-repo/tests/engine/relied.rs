//! What a snapshot relies on is there: what is missing, cut off or known to be damaged is stored again as long as the
//! source has it, and earlier snapshots become whole by that.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use bytes::Bytes;
use dr_entry::Entries;
use dr_repo::{
    BackupOptions, BackupReport, CheckOptions, CheckReport, CopyOptions, Label, ReadData, RepoError, Repository, Shape,
    SnapshotId, Tally, Touched,
};
use dr_store::memory::MemoryStore;
use dr_store::wrap::faulty::{Fault, Faulty};
use dr_store::{BlockingStore, Key, ObjectBody, Store};

use crate::support::*;

const NOW: i64 = 1_800_000_000_000;

struct Scene {
    school: School,
    store: Arc<MemoryStore>,
    blocking: BlockingStore,
    clock: AtomicI64,
}

impl Scene {
    fn new() -> Self {
        Self::on(MemoryStore::new())
    }

    fn on(store: MemoryStore) -> Self {
        let (school, store) = (School::new(), Arc::new(store));
        let blocking = school.blocking(store.clone());
        school.create(&blocking);
        Self { school, store, blocking, clock: AtomicI64::new(NOW) }
    }

    fn journal(&self) -> PathBuf {
        self.school.folder.path().join("journal")
    }

    fn open(&self) -> Repository {
        self.school.open(&self.blocking).unwrap()
    }

    fn open_keyless(&self) -> Repository {
        self.school.open_keyless(&self.blocking).unwrap()
    }

    fn keep(&self, to: &mut Repository, system: &str, entries: Entries<'_>) -> Result<BackupReport, RepoError> {
        let cache = self.school.folder.path().join(format!("files-{system}"));
        std::fs::create_dir_all(self.journal()).unwrap();
        let capture = BackupOptions {
            snapshot: dr_repo::new_snapshot_id(),
            label: Label { system: system.into(), hostname: "server".into(), ..Label::default() },
            shape: Shape::Directory,
            cache: Some(&cache),
            journal: Some(&self.journal()),
            scratch: self.school.folder.path(),
            level: Some(1),
            workers: 1,
            clock: &|| self.clock.fetch_add(1, Ordering::Relaxed),
            stop: &AtomicBool::new(false),
            tally: &Tally::default(),
            prove: true,
        };
        dr_repo::backup(to, entries, &capture)
    }

    fn run(&self, tree: &Tree) -> BackupReport {
        self.keep(&mut self.open_keyless(), "admin", entries(tree)).unwrap()
    }

    fn packs(&self) -> Vec<Key> {
        let names = |folder: &str| self.blocking.list(folder).unwrap().into_iter().map(|listed| listed.key);
        names("data").chain(names("meta")).collect()
    }

    fn change(&self, name: &Key, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.blocking.get(name, u64::MAX).unwrap().to_vec();
        change(&mut bytes);
        self.blocking.delete(name).unwrap();
        self.blocking.put_new(name, ObjectBody::Bytes(Bytes::from(bytes))).unwrap();
    }

    #[track_caller]
    fn is_whole(&self, id: SnapshotId, tree: &Tree) {
        let (back, restored) = self.school.restore(&self.open(), id).unwrap();
        assert_eq!(restored.failed, []);
        assert!(back == *tree, "it comes back otherwise");
    }

    fn looked(&self, repository: &Repository, read_data: ReadData) -> CheckReport {
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let options = CheckOptions { read_data, now_ms: NOW, enough: None, stop: &stop, tally: &tally };
        dr_repo::check(repository, &options).unwrap()
    }

    /// A look at every byte that this host remembers.
    fn looks(&self, mut repository: Repository) -> CheckReport {
        let checked = self.looked(&repository, ReadData::All);
        repository.remember_damage(&checked, Some(&self.journal()), NOW).unwrap();
        checked
    }
}

fn larger(seed: u64) -> Tree {
    let mut tree = small_tree();
    file(&mut tree, "z", noise(180_000, seed));
    tree
}

#[test]
fn what_is_lost_is_stored_again_by_the_next_run_and_earlier_snapshots_are_whole_again() {
    // Missing, cut off, longer than it was, empty.
    for damage in 0..4 {
        let (scene, tree) = (Scene::new(), larger(3));
        let before = scene.run(&tree);
        assert_eq!((before.lacking.len(), &before.touched), (0, &Touched::default()));
        let again = scene.run(&tree);
        assert!(again.bytes_read == 0 && again.bytes_stored < 20_000, "{again:?}");
        let bad = scene.packs().remove(0);
        match damage {
            0 => scene.blocking.delete(&bad).unwrap(),
            1 => scene.change(&bad, |bytes| bytes.truncate(bytes.len() / 2)),
            2 => scene.change(&bad, |bytes| bytes.push(0)),
            _ => scene.change(&bad, Vec::clear),
        }
        let healing = scene.run(&tree);
        assert_eq!(healing.lacking.iter().map(|one| one.object.as_str()).collect::<Vec<_>>(), [bad.as_str()]);
        assert_eq!(healing.touched.systems.iter().map(String::as_str).collect::<Vec<_>>(), ["admin"]);
        assert!(!healing.touched.any);
        for one in [&before, &again, &healing] {
            scene.is_whole(one.snapshot, &tree);
        }
        // Once is enough, and the pack is told until somebody mends it.
        let quiet = scene.run(&tree);
        assert_eq!((quiet.bytes_read, quiet.lacking.len()), (0, 1));
        let found = scene.looked(&scene.open(), ReadData::All);
        assert_eq!(found.findings.iter().map(|one| one.lost.len()).sum::<usize>(), 0, "{:?}", found.findings);
        assert_eq!(found.findings.len(), 1, "until lists were made again it counts as damaged");
        assert_eq!(found.touched.systems.iter().map(String::as_str).collect::<Vec<_>>(), ["admin"]);
        let repaired = scene.school.mend(&mut scene.open(), NOW).unwrap();
        assert_eq!(repaired.after.unwrap().findings, [], "{damage}: {:?}", repaired.mended);
        assert_eq!(scene.run(&tree).lacking, []);
        for one in [&before, &again, &healing, &quiet] {
            scene.is_whole(one.snapshot, &tree);
        }
    }
}

#[test]
fn trees_that_are_lost_are_written_again_and_of_earlier_snapshots_their_own_document_alone_is_gone() {
    // The pack of trees; every pack there is.
    for all in [false, true] {
        let (scene, tree) = (Scene::new(), larger(3));
        let before = scene.run(&tree);
        let packs = scene.packs();
        packs.iter().skip(usize::from(!all)).for_each(|pack| scene.blocking.delete(pack).unwrap());
        let healing = scene.run(&tree);
        assert_eq!(healing.lacking.len(), if all { packs.len() } else { 1 });
        assert!(healing.bytes_read > 0 || !all);
        scene.is_whole(healing.snapshot, &tree);
        let found = scene.looked(&scene.open(), ReadData::All);
        let lost: Vec<SnapshotId> = found.findings.iter().flat_map(|one| &one.lost).map(|(id, _)| *id).collect();
        assert_eq!(lost, [before.snapshot], "{found:?}");
        scene.school.mend(&mut scene.open(), NOW).unwrap();
        let quiet = scene.run(&tree);
        assert_eq!(quiet.bytes_read, 0);
        for one in [&healing, &quiet] {
            scene.is_whole(one.snapshot, &tree);
        }
        // Once nobody wants what is gone, nothing is damaged any more.
        let mut repository = scene.open();
        forget(&mut repository, &[before.snapshot], NOW).unwrap();
        scene.school.prune_at_once(&mut repository, NOW, 0.05).unwrap();
        assert_eq!(scene.looked(&scene.open(), ReadData::All).findings, []);
        assert_eq!(scene.run(&tree).lacking, []);
        scene.is_whole(quiet.snapshot, &tree);
    }
}

#[test]
fn what_the_source_has_no_more_stays_missing_and_everything_else_is_stored_again() {
    let (scene, tree) = (Scene::new(), larger(3));
    let first = scene.run(&tree);
    scene.packs().iter().for_each(|pack| scene.blocking.delete(pack).unwrap());
    let mut less = tree.clone();
    less.remove(&path("z"));
    let second = scene.run(&less);
    scene.is_whole(second.snapshot, &less);
    let repaired = scene.school.mend(&mut scene.open(), NOW).unwrap();
    let after = repaired.after.unwrap();
    let lost: Vec<SnapshotId> = after.findings.iter().flat_map(|finding| &finding.lost).map(|(id, _)| *id).collect();
    assert!(!lost.is_empty() && lost.iter().all(|id| *id == first.snapshot), "{after:?}");
    // A second repair has nothing to move once more.
    let before = scene.packs().len();
    scene.school.mend(&mut scene.open(), NOW).unwrap();
    assert_eq!(scene.packs().len(), before);
    let third = scene.run(&tree);
    scene.is_whole(third.snapshot, &tree);
}

#[test]
fn a_pack_that_goes_while_a_run_goes_on_is_noticed_before_the_snapshot_counts() {
    for which in [0, 1] {
        let (scene, tree) = (Scene::new(), larger(3));
        let first = scene.run(&tree);
        let (blocking, pack) = (scene.blocking.clone(), scene.packs()[which].clone());
        let mut more = tree.clone();
        // An unchanged tree relies on the pack of trees as well.
        if which == 0 {
            file(&mut more, "zz", noise(90_000, 4));
        }
        let last = more.keys().next_back().unwrap().clone();
        let going = entries(&more).inspect(move |entry| {
            if entry.as_ref().is_ok_and(|entry| entry.path == last) {
                blocking.delete(&pack).unwrap();
            }
        });
        let outcome = scene.keep(&mut scene.open_keyless(), "admin", Box::new(going));
        assert!(matches!(outcome, Err(RepoError::Outrun(_))), "{outcome:?}");
        assert_eq!(scene.open().snapshots().len(), 1);
        // What that run stored is there for the next one.
        let second = scene.run(&more);
        assert!(second.bytes_stored < 420_000, "{second:?}");
        scene.is_whole(second.snapshot, &more);
        if which == 0 {
            scene.is_whole(first.snapshot, &tree);
        }
    }
}

#[test]
fn a_pack_that_a_check_found_rotten_is_no_duplicate_for_this_host_also_if_it_only_writes() {
    let (scene, tree) = (Scene::new(), larger(3));
    let first = scene.run(&tree);
    let pack = scene.packs()[0].clone();
    scene.change(&pack, |bytes| bytes[5_000] ^= 1);
    // Nobody has looked yet.
    assert_eq!(scene.run(&tree).lacking, []);
    let found = scene.looks(scene.open_keyless());
    assert_eq!(found.findings.iter().map(|one| one.object.as_str()).collect::<Vec<_>>(), [pack.as_str()]);
    assert_eq!(found.touched.systems.iter().map(String::as_str).collect::<Vec<_>>(), ["admin"]);
    let healing = scene.run(&tree);
    assert_eq!(healing.lacking.iter().map(|one| one.object.as_str()).collect::<Vec<_>>(), [pack.as_str()]);
    scene.is_whole(first.snapshot, &tree);
    scene.is_whole(healing.snapshot, &tree);
    // Found sound after all: then it may be relied on again.
    scene.change(&pack, |bytes| bytes[5_000] ^= 1);
    assert_eq!(scene.looks(scene.open_keyless()).findings, []);
    assert_eq!(scene.run(&tree).lacking, []);
}

#[test]
fn a_pack_that_the_recovery_key_found_rotten_is_no_duplicate_for_anybody_and_is_one_again_once_it_is_healed() {
    let (scene, tree) = (Scene::on(MemoryStore::that_may_rot()), larger(3));
    let first = scene.run(&tree);
    let pack = scene.packs()[0].clone();
    scene.change(&pack, |bytes| bytes[5_000] ^= 1);
    let checked = scene.looked(&scene.open(), ReadData::All);
    // The note stays with who looked; the log tells everybody else.
    scene.open().remember_damage(&checked, None, NOW).unwrap();
    let before = scene.store.snapshot();
    let healing = scene.run(&tree);
    assert!(healing.bytes_read > 180_000, "{healing:?}");
    scene.is_whole(first.snapshot, &tree);
    scene.is_whole(healing.snapshot, &tree);

    scene.store.restore(before);
    let repaired = scene.school.mend(&mut scene.open(), NOW).unwrap();
    assert_eq!(repaired.after.unwrap().findings, [], "{:?}", repaired.mended);
    let quiet = scene.run(&tree);
    assert_eq!((quiet.bytes_read, quiet.lacking.len()), (0, 0));
    scene.is_whole(first.snapshot, &tree);
}

#[test]
fn a_copy_relies_on_nothing_that_is_not_there_on_the_other_side() {
    let (scene, tree) = (Scene::new(), larger(3));
    let first = scene.run(&tree);
    let blocking = scene.school.blocking(Arc::new(MemoryStore::new()));
    scene.school.create(&blocking);
    let copy = |ids: &[SnapshotId]| {
        let options = CopyOptions {
            snapshots: ids,
            journal: None,
            scratch: scene.school.folder.path(),
            clock: &|| NOW,
            stop: &AtomicBool::new(false),
            tally: &Tally::default(),
        };
        dr_repo::copy(&scene.open(), &mut scene.school.open(&blocking).unwrap(), &options, &mut |_, _| {}).unwrap();
    };
    copy(&[first.snapshot]);
    for folder in ["data", "meta"] {
        for listed in blocking.list(folder).unwrap() {
            blocking.delete(&listed.key).unwrap();
        }
    }
    let second = scene.run(&tree);
    copy(&[second.snapshot]);
    for id in [first.snapshot, second.snapshot] {
        let there = scene.school.open(&blocking).unwrap();
        assert!(scene.school.restore(&there, id).unwrap().0 == tree);
    }
}

#[test]
fn damage_names_the_systems_that_it_touches_and_no_others() {
    let scene = Scene::new();
    let of = |system: &str, seed| {
        let mut tree = Tree::new();
        file(&mut tree, system, noise(120_000, seed));
        scene.keep(&mut scene.open_keyless(), system, entries(&tree)).unwrap()
    };
    of("mis", 1);
    let packs = scene.packs();
    of("office", 2);
    // Has the same file as the first.
    of("archive", 1);
    let names = |touched: &Touched| touched.systems.iter().cloned().collect::<Vec<_>>();
    scene.change(&packs[0], |bytes| bytes[900] ^= 1);
    for repository in [scene.open(), scene.open_keyless()] {
        let found = scene.looked(&repository, ReadData::All);
        assert_eq!((names(&found.touched), found.touched.any), (vec!["archive".into(), "mis".into()], false));
        assert_eq!(found.systems.len(), 3);
    }
    scene.blocking.delete(&packs[1]).unwrap();
    let found = scene.looked(&scene.open_keyless(), ReadData::None);
    assert_eq!(names(&found.touched), ["mis"], "its own tree");
    // What opens the repository is everybody's.
    scene.change(&Key::new("repo.json").unwrap(), |bytes| bytes.push(b'\n'));
    let (stop, tally) = (AtomicBool::new(false), Tally::default());
    let options = CheckOptions { read_data: ReadData::None, now_ms: NOW, enough: None, stop: &stop, tally: &tally };
    let found = dr_repo::scrub(&scene.blocking, &options);
    assert!(found.is_err() || found.unwrap().touched.any);
}

#[test]
fn whichever_operation_fails_a_run_that_stores_again_what_was_lost_can_be_run_again() {
    let (scene, tree) = (Scene::new(), larger(3));
    let first = scene.run(&tree);
    let pack = scene.packs().remove(0);
    scene.blocking.delete(&pack).unwrap();
    let damaged = scene.store.snapshot();
    for fault in [Fault::Before(ErrorKind::TimedOut), Fault::After(ErrorKind::TimedOut), Fault::Full] {
        for k in 1.. {
            scene.store.restore(damaged.clone());
            let faulty = Arc::new(Faulty::new(scene.store.clone() as Arc<dyn Store>));
            faulty.fail_once(k, fault);
            let blocking = scene.school.blocking(faulty.clone());
            let outcome = scene
                .school
                .open_keyless(&blocking)
                .and_then(|mut repository| scene.keep(&mut repository, "admin", entries(&tree)));
            let again = scene.run(&tree);
            for id in [first.snapshot, again.snapshot] {
                scene.is_whole(id, &tree);
            }
            if let Ok(done) = &outcome {
                scene.is_whole(done.snapshot, &tree);
            }
            if !faulty.is_spent() {
                assert!(outcome.is_ok() && k > 10, "{k}");
                break;
            }
        }
    }
}
