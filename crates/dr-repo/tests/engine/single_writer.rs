//! A folder where one process of one host alone may write: everything works there, and nobody else gets in between.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use dr_repo::{HostId, Key, RepoError, Repository, Unlock};
use dr_store::local::LocalStore;
use dr_store::wrap::faulty::{Fault, Faulty};
use dr_store::{BlockingStore, Store, StoreError};

use crate::support::*;

const NOW: i64 = 1_800_000_000_000;
/// How the host of [`School::backup`] calls itself.
const SERVER: &str = "server";

/// A school with a folder in which somebody found out that names which are taken are not refused.
struct Scene {
    school: School,
    home: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { school: School::new(), home: tempfile::tempdir().unwrap() };
        std::fs::create_dir_all(scene.root().join(".tmp")).unwrap();
        std::fs::write(scene.root().join(".tmp/single-writer"), "").unwrap();
        scene.school.create(&scene.store().unwrap());
        scene
    }

    fn root(&self) -> PathBuf {
        self.home.path().join("repository")
    }

    fn store(&self) -> Result<BlockingStore, StoreError> {
        Ok(self.school.blocking(Arc::new(LocalStore::open(self.root())?)))
    }

    /// Opened by whoever has that key on the host of that name.
    fn open_as(&self, key: Key, hostname: &str) -> Repository {
        Repository::open(self.store().unwrap(), Unlock::Key(key), HostId::named(hostname)).unwrap()
    }

    fn family(&self) -> Key {
        Key::Family(self.school.family.clone())
    }

    fn writer(&self) -> Key {
        Key::Writer(Box::new(self.school.writer.clone()))
    }

    fn open(&self) -> Repository {
        self.open_as(self.family(), SERVER)
    }

    fn read(&self) -> Repository {
        let store = LocalStore::open_read_only(self.root()).unwrap();
        let blocking = self.school.blocking(Arc::new(store));
        Repository::open(blocking, Unlock::Key(self.family()), HostId::named("elsewhere")).unwrap()
    }

    #[track_caller]
    fn is_sound(&self, trees: &[(dr_repo::SnapshotId, &Tree)]) {
        let repository = self.read();
        assert_eq!(self.school.findings(&repository), []);
        for (id, tree) in trees {
            assert!(self.school.restore(&repository, *id).unwrap().0 == **tree, "snapshot {id} comes back otherwise");
        }
    }

    fn prune(&self, repository: &mut Repository) -> Result<dr_repo::PruneReport, RepoError> {
        self.school.prune_at_once(repository, NOW, 0.05)
    }
}

fn tree(generation: u64) -> Tree {
    let mut tree = small_tree();
    for n in 0..6 {
        file(&mut tree, &format!("file-{n}"), noise(60_000, if n % 2 == 0 { n } else { n + 100 * generation }));
    }
    tree
}

#[test]
fn backup_forget_prune_check_and_restore_go_as_everywhere() {
    let scene = Scene::new();
    let trees: Vec<Tree> = (0..3).map(tree).collect();
    let ids: Vec<_> =
        trees.iter().map(|tree| scene.school.backup(&mut scene.open(), tree, None).unwrap().snapshot).collect();
    scene.is_sound(&[(ids[0], &trees[0]), (ids[1], &trees[1]), (ids[2], &trees[2])]);
    assert!(scene.read().single_writer());
    forget(&mut scene.open(), &ids[..2], NOW - 1).unwrap();
    let pruned = scene.prune(&mut scene.open()).unwrap();
    assert!(pruned.deleted > 0, "{pruned:?}");
    assert_eq!(scene.read().snapshots().len(), 1);
    let last = scene.school.backup(&mut scene.open(), &trees[0], None).unwrap().snapshot;
    scene.is_sound(&[(ids[2], &trees[2]), (last, &trees[0])]);
}

#[test]
fn while_one_writes_a_second_is_refused_and_what_the_first_writes_is_whole() {
    let scene = Scene::new();
    let mut first = scene.open();
    let Err(StoreError::Busy { who, .. }) = scene.store() else { panic!("two write at once") };
    assert!(who.contains(&std::process::id().to_string()), "{who}");
    let kept = scene.school.backup(&mut first, &tree(0), None).unwrap().snapshot;
    assert!(scene.store().is_err(), "it has not ended yet");
    scene.is_sound(&[(kept, &tree(0))]);
    drop(first);
    let second = scene.school.backup(&mut scene.open(), &tree(1), None).unwrap().snapshot;
    scene.is_sound(&[(kept, &tree(0)), (second, &tree(1))]);
}

#[test]
fn another_host_is_refused_and_reads_and_the_familys_key_goes_by_the_host_that_it_is_used_on() {
    let scene = Scene::new();
    let school = &scene.school;
    let kept = school.backup(&mut scene.open_as(scene.writer(), SERVER), &tree(0), None).unwrap().snapshot;
    let other = Key::Writer(Box::new(school.family.writer().unwrap()));
    for (key, hostname) in [(other, "library"), (scene.family(), "library")] {
        let mut repository = scene.open_as(key, hostname);
        let refused = school.backup(&mut repository, &tree(1), None);
        let Err(RepoError::OtherHost { place, host }) = refused else { panic!("{refused:?}") };
        assert!(host.starts_with("server (host ") && place == scene.root().display().to_string(), "{host} {place}");
        assert!(matches!(repository.note("a note", 1), Err(RepoError::OtherHost { .. })));
    }
    let mut library = scene.open_as(scene.family(), "library");
    assert!(matches!(forget(&mut library, &[kept], 1), Err(RepoError::OtherHost { .. })));
    assert!(matches!(scene.prune(&mut library), Err(RepoError::OtherHost { .. })));
    drop(library);
    scene.is_sound(&[(kept, &tree(0))]);
    // On the same host it is maintained, and the host goes on afterwards, whichever of its keys was last.
    scene.prune(&mut scene.open()).unwrap();
    let by_family = school.backup(&mut scene.open(), &tree(1), None).unwrap().snapshot;
    let by_writer = school.backup(&mut scene.open_as(scene.writer(), SERVER), &tree(2), None).unwrap().snapshot;
    scene.is_sound(&[(kept, &tree(0)), (by_family, &tree(1)), (by_writer, &tree(2))]);
}

#[test]
fn before_anybody_has_committed_the_host_that_has_begun_goes_on_alone() {
    // One request of the first backup fails, one after the other, until something is registered and nothing committed.
    let scene = (1..)
        .find_map(|k| {
            let scene = Scene::new();
            let faulty = Arc::new(Faulty::new(Arc::new(LocalStore::open(scene.root()).unwrap())));
            faulty.fail_once(k, Fault::Before(ErrorKind::TimedOut));
            let blocking = scene.school.blocking(Arc::clone(&faulty) as Arc<dyn Store>);
            let _ = Repository::open(blocking, Unlock::Key(scene.family()), HostId::named(SERVER))
                .and_then(|mut repository| scene.school.backup(&mut repository, &tree(0), None));
            assert!(faulty.is_spent(), "nothing was ever registered before it was committed");
            let there = scene.read();
            (there.snapshots().is_empty() && there.head().0 > 0).then_some(scene)
        })
        .unwrap();
    let mut library = scene.open_as(scene.family(), "library");
    assert!(matches!(scene.school.backup(&mut library, &tree(1), None), Err(RepoError::OtherHost { .. })));
    drop(library);
    let kept = scene.school.backup(&mut scene.open(), &tree(0), None).unwrap().snapshot;
    scene.is_sound(&[(kept, &tree(0))]);
}

#[test]
fn whichever_operation_fails_a_backup_can_be_run_again_and_loses_nothing() {
    for fault in [Fault::Before(ErrorKind::TimedOut), Fault::After(ErrorKind::TimedOut), Fault::Full] {
        for k in 1.. {
            let scene = Scene::new();
            let mut kept = vec![scene.school.backup(&mut scene.open(), &small_tree(), None).unwrap().snapshot];
            let mut changed = small_tree();
            file(&mut changed, "new", noise(30_000, k));
            let faulty = Arc::new(Faulty::new(Arc::new(LocalStore::open(scene.root()).unwrap())));
            faulty.fail_once(k, fault);
            let blocking = scene.school.blocking(Arc::clone(&faulty) as Arc<dyn Store>);
            let outcome = Repository::open(blocking, Unlock::Key(scene.family()), HostId::named(SERVER))
                .and_then(|mut repository| scene.school.backup(&mut repository, &changed, None));
            let spent = faulty.is_spent();
            drop(faulty);
            kept.extend(outcome.as_ref().ok().map(|summary| summary.snapshot));
            kept.push(scene.school.backup(&mut scene.open(), &changed, None).unwrap().snapshot);
            let repository = scene.read();
            repository.ready().unwrap();
            assert_eq!(repository.faults(), [], "operation {k}");
            let listed: Vec<_> = repository.snapshots().iter().map(|one| one.id).collect();
            assert!(kept.iter().all(|id| listed.contains(id)), "operation {k}");
            assert!(scene.school.restore(&repository, kept[0]).unwrap().0 == small_tree());
            assert!(scene.school.restore(&repository, *kept.last().unwrap()).unwrap().0 == changed, "operation {k}");
            if !spent {
                assert!(outcome.is_ok() && k > 5);
                break;
            }
        }
    }
}
