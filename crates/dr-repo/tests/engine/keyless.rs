//! Pruning with a key that reads nothing: what snapshots' own lists name stays, whoever else moves what meanwhile.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_repo::{
    CheckOptions, EraseOptions, Key, PruneReport, ReadData, RepoError, Repository, SnapshotId, Tally, Unlock, WriterKey,
};
use dr_store::memory::MemoryStore;
use dr_store::wrap::faulty::{Fault, Faulty};
use dr_store::{BlockingStore, Store};

use crate::support::*;

const NOW: i64 = 1_800_000_000_000;

struct Scene {
    school: School,
    store: Arc<dyn Store>,
    blocking: BlockingStore,
    pruner: Key,
    hosts: Vec<WriterKey>,
}

impl Scene {
    fn new() -> Self {
        let mut school = School::new();
        school.workers = 1;
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let blocking = school.blocking(Arc::clone(&store));
        school.create(&blocking);
        let pruner = Key::Pruner(Box::new(school.family.pruner().unwrap()));
        let hosts = (0..2).map(|_| school.family.writer().unwrap()).collect();
        Self { school, store, blocking, pruner, hosts }
    }

    fn host(&self, host: usize) -> Repository {
        let key = Key::Writer(Box::new(self.hosts[host].clone()));
        Repository::open(self.blocking.clone(), Unlock::Key(key), HOST).unwrap()
    }

    fn family(&self) -> Repository {
        self.school.open(&self.blocking).unwrap()
    }

    fn pruner_of(&self, blocking: &BlockingStore) -> Result<Repository, RepoError> {
        Repository::open(blocking.clone(), Unlock::Key(self.pruner.clone()), HOST)
    }

    fn pruner(&self) -> Repository {
        self.pruner_of(&self.blocking).unwrap()
    }

    fn keep(&self, host: usize, tree: &Tree) -> dr_repo::BackupReport {
        self.school.backup(&mut self.host(host), tree, None).unwrap()
    }

    fn prune(&self, repository: &mut Repository, waste: f64) -> Result<PruneReport, RepoError> {
        self.school.prune_at_once(repository, NOW, waste)
    }

    /// Takes a file out of every snapshot.
    fn erase(&self, name: &str, there: &mut [(SnapshotId, Tree)]) {
        let options = EraseOptions {
            now_ms: NOW,
            system: None,
            paths: &|_| vec![path(name)],
            also: None,
            asked: name.as_bytes(),
            scratch: self.school.folder.path(),
            journal: None,
            clock: &|| NOW,
            stop: &AtomicBool::new(false),
            tally: &Tally::default(),
        };
        erase(&mut self.family(), &options).unwrap();
        let written: Vec<_> =
            self.family().snapshots().iter().filter_map(|one| Some((one.replaces?, one.id))).collect();
        for (id, tree) in there {
            tree.remove(&path(name));
            if let Some((_, new)) = written.iter().find(|(old, _)| old == id) {
                *id = *new;
            }
        }
    }

    fn bytes(&self) -> u64 {
        ["data", "meta"].iter().flat_map(|folder| self.blocking.list(folder).unwrap()).map(|object| object.size).sum()
    }

    #[track_caller]
    fn is_sound(&self, trees: &[(SnapshotId, Tree)]) {
        let repository = self.family();
        assert_eq!(self.school.findings(&repository), []);
        assert_eq!(repository.snapshots().len(), trees.len());
        for (id, tree) in trees {
            let (back, restored) = self.school.restore(&repository, *id).unwrap();
            assert_eq!(restored.failed, []);
            assert!(back == *tree, "snapshot {id} comes back otherwise");
        }
    }
}

/// Files of which a fifth are other ones every day; several lie in one frame, and some frames hold both kinds.
fn day(number: u64) -> Tree {
    let mut tree = Tree::new();
    other(&mut tree, "", dr_entry::Kind::Directory);
    for n in 0..80u64 {
        let seed = if n / 16 == number % 5 { number * 1_000 + n } else { n + 1_000_000 };
        file(&mut tree, &format!("file-{n:02}"), noise(13_000 + n as usize * 50, seed));
    }
    tree
}

#[test]
fn what_was_forgotten_goes_and_the_rest_restores_and_its_writer_still_finds_duplicates_there() {
    let scene = Scene::new();
    let days: Vec<_> = (0..6).map(|number| (scene.keep(0, &day(number)).snapshot, day(number))).collect();
    let before = scene.bytes();
    let ids: Vec<SnapshotId> = days[..4].iter().map(|(id, _)| *id).collect();
    forget(&mut scene.pruner(), &ids, NOW).unwrap();
    let pruned = scene.prune(&mut scene.pruner(), 0.05).unwrap();
    assert!(pruned.rewritten > 0 && pruned.deleted > 0, "{pruned:?}");
    assert_eq!(pruned.damaged, [] as [String; 0]);
    assert!(scene.bytes() < before * 9 / 10, "{} of {before}", scene.bytes());
    assert!(scene.bytes() as f64 <= pruned.live as f64 * 1.1 + 50_000.0, "{} for {pruned:?}", scene.bytes());
    scene.is_sound(&days[4..]);
    // The same again: nothing is left to do.
    let again = scene.prune(&mut scene.pruner(), 0.05).unwrap();
    assert_eq!((again.removable, again.deleted), (0, 0), "{again:?}");
    // What was moved is its writer's still, and nobody else's.
    assert!(scene.keep(0, &day(5)).bytes_stored < 40_000);
    assert!(scene.keep(1, &day(5)).bytes_stored > 1_000_000);
}

#[test]
fn the_pruning_key_reads_nothing_and_writes_no_backup() {
    let scene = Scene::new();
    let id = scene.keep(0, &small_tree()).snapshot;
    let mut pruner = scene.pruner();
    assert!(!pruner.reads());
    assert_eq!(pruner.snapshots().iter().filter(|one| one.label.is_some()).count(), 1);
    assert!(matches!(scene.school.restore(&pruner, id), Err(RepoError::CannotRead)));
    let outcome = scene.school.backup(&mut pruner, &small_tree(), None);
    assert!(matches!(outcome, Err(RepoError::KeyMayNot(_))), "{outcome:?}");
    let other = Scene::new();
    assert!(matches!(other.pruner_of(&scene.blocking), Err(RepoError::WrongKey(_))));
}

#[test]
fn what_was_verified_is_everybodys_after_it_was_moved() {
    let scene = Scene::new();
    let first = scene.keep(0, &day(0)).snapshot;
    let second = (scene.keep(0, &day(1)).snapshot, day(1));
    let (stop, tally) = (AtomicBool::new(false), Tally::default());
    let options = CheckOptions { read_data: ReadData::All, now_ms: 0, enough: None, stop: &stop, tally: &tally };
    let mut family = scene.family();
    let checked = dr_repo::check(&family, &options).unwrap();
    family.remember_read(&checked, NOW).unwrap();
    assert!(scene.keep(1, &day(1)).bytes_stored < 40_000, "a verifier has read it");
    let others = scene.family().snapshots().last().unwrap().id;
    forget(&mut scene.pruner(), &[first, others], NOW).unwrap();
    assert!(scene.prune(&mut scene.pruner(), 0.05).unwrap().rewritten > 0);
    scene.is_sound(&[second]);
    assert!(scene.keep(1, &day(1)).bytes_stored < 40_000);
}

#[test]
fn whichever_operation_fails_a_blind_prune_can_be_run_again_and_loses_nothing() {
    for fault in [Fault::Before(ErrorKind::TimedOut), Fault::After(ErrorKind::TimedOut), Fault::Full] {
        for k in 1.. {
            let scene = Scene::new();
            let days: Vec<_> = (0..3).map(|number| (scene.keep(0, &day(number)).snapshot, day(number))).collect();
            forget(&mut scene.pruner(), &[days[0].0, days[1].0], NOW).unwrap();
            let faulty = Arc::new(Faulty::new(Arc::clone(&scene.store)));
            faulty.fail_once(k, fault);
            let blocking = scene.school.blocking(faulty.clone());
            let outcome = scene.pruner_of(&blocking).and_then(|mut repository| scene.prune(&mut repository, 0.05));
            scene.is_sound(&days[2..]);
            scene.prune(&mut scene.pruner(), 0.05).unwrap();
            let last = scene.prune(&mut scene.pruner(), 0.05).unwrap();
            scene.is_sound(&days[2..]);
            assert_eq!((last.removable, last.waiting), (0, 0), "operation {k}, {fault:?}: {last:?}");
            if !faulty.is_spent() {
                assert!(outcome.is_ok() && k > 10);
                break;
            }
        }
    }
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % most
    }
}

/// Backups of two hosts and of the family, forgetting, putting back, erasing, following and keyless prunes, some of them
/// cut off, in any order: what is on the list is whole after each.
#[test]
fn whoever_prunes_in_whatever_order_nothing_on_the_list_is_lost() {
    for seed in 0..12 {
        let (scene, mut chance) = (Scene::new(), Chance(seed));
        let (mut there, mut gone) = (Vec::<(SnapshotId, Tree)>::new(), Vec::<(SnapshotId, Tree)>::new());
        for number in 0..40 {
            match chance.below(10) {
                0..=3 => {
                    let tree = day(chance.below(9) as u64);
                    let summary = match chance.below(3) {
                        2 => scene.school.backup(&mut scene.family(), &tree, None).unwrap(),
                        host => scene.keep(host, &tree),
                    };
                    there.push((summary.snapshot, tree));
                }
                4 | 5 if !there.is_empty() => {
                    let one = there.remove(chance.below(there.len()));
                    forget(&mut scene.pruner(), &[one.0], NOW).unwrap();
                    gone.push(one);
                }
                6 if !gone.is_empty() => {
                    let one = gone.remove(chance.below(gone.len()));
                    if scene.pruner().unforget(&[one.0], NOW).is_ok() {
                        there.push(one);
                    }
                }
                6 => scene.erase(["file-03", "file-17", "file-78"][chance.below(3)], &mut there),
                7 => drop(scene.prune(&mut scene.family(), 0.05).unwrap()),
                8 => drop(scene.prune(&mut scene.pruner(), 0.05).unwrap()),
                _ => {
                    let faulty = Arc::new(Faulty::new(Arc::clone(&scene.store)));
                    faulty.fail_once(1 + chance.below(60) as u64, Fault::Before(ErrorKind::TimedOut));
                    let blocking = scene.school.blocking(faulty.clone());
                    let opened = match chance.below(2) {
                        0 => scene.pruner_of(&blocking),
                        _ => scene.school.open(&blocking),
                    };
                    let _ = opened.and_then(|mut repository| scene.prune(&mut repository, 0.05));
                }
            }
            if number % 5 == 4 {
                there.sort_by_key(|(id, _)| *id);
                scene.is_sound(&there);
            }
        }
        forget(&mut scene.pruner(), &there.iter().map(|(id, _)| *id).collect::<Vec<_>>(), NOW).unwrap();
        scene.prune(&mut scene.pruner(), 0.05).unwrap();
        assert_eq!(scene.bytes(), 0, "seed {seed}: what nobody needs is gone in the end");
    }
}

#[test]
fn what_was_rewritten_without_a_list_stays_although_its_packs_went() {
    let scene = Scene::new();
    let mut there = vec![(scene.keep(0, &day(0)).snapshot, day(0))];
    scene.erase("file-17", &mut there);
    // The pack in which it lay goes, and no list names the one in which the rest lies now.
    let followed = scene.prune(&mut scene.family(), 0.05).unwrap();
    assert!(followed.rewritten > 0 && followed.deleted > 0, "{followed:?}");
    scene.prune(&mut scene.pruner(), 0.05).unwrap();
    scene.is_sound(&there);
    // Its writer goes on, and what only new snapshots used still goes.
    let ids = [scene.keep(0, &day(1)).snapshot, scene.keep(1, &day(2)).snapshot];
    scene.prune(&mut scene.pruner(), 0.05).unwrap();
    forget(&mut scene.pruner(), &ids, NOW).unwrap();
    scene.prune(&mut scene.pruner(), 0.05).unwrap();
    scene.is_sound(&there);
}

#[test]
fn lists_that_rotted_are_made_again_by_whoever_reads() {
    let scene = Scene::new();
    let days: Vec<_> = (0..4).map(|number| (scene.keep(0, &day(number)).snapshot, day(number))).collect();
    for listed in scene.blocking.list("idx").unwrap() {
        scene.blocking.delete(&listed.key).unwrap();
    }
    assert!(
        matches!(scene.prune(&mut scene.pruner(), 0.05), Err(RepoError::NotUnderstood { .. })),
        "unknown means keep"
    );
    scene.school.mend(&mut scene.family(), NOW).unwrap();
    scene.is_sound(&days);
    forget(&mut scene.pruner(), &[days[0].0, days[1].0], NOW).unwrap();
    let pruned = scene.prune(&mut scene.pruner(), 0.05).unwrap();
    assert!(pruned.rewritten > 0 && pruned.deleted > 0, "{pruned:?}");
    scene.is_sound(&days[2..]);
}
