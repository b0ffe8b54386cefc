//! A host writes on in the place of another one, where one alone may write: on somebody's word, and for good.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_repo::{
    EraseOptions, HostId, Key, Label, PruneOptions, RepoError, Repository, Shape, SnapshotId, Tally, Unlock,
};
use dr_store::memory::MemoryStore;
use dr_store::wrap::faulty::{Fault, Faulty};
use dr_store::{BlockingStore, Key as Name, Store};

use crate::support::*;

const NOW: i64 = 1_800_000_000_000;
/// The host that burns.
const OLD: &str = "server";
/// The host that takes its place.
const NEW: &str = "server-2";

/// A repository where one host alone may write, and nothing but the log keeps hosts apart.
struct Scene {
    school: School,
    store: Arc<MemoryStore>,
    blocking: BlockingStore,
}

impl Scene {
    fn on(store: MemoryStore) -> Self {
        let (school, store) = (School::new(), Arc::new(store));
        let blocking = school.blocking(store.clone());
        school.create(&blocking);
        Self { school, store, blocking }
    }

    fn new() -> Self {
        Self::on(MemoryStore::that_takes_one_writer())
    }

    fn open_as(&self, key: Key, hostname: &str) -> Repository {
        Repository::open(self.blocking.clone(), Unlock::Key(key), HostId::named(hostname)).unwrap()
    }

    fn open(&self, hostname: &str) -> Repository {
        self.open_as(Key::Family(self.school.family.clone()), hostname)
    }

    fn writer(&self) -> Key {
        Key::Writer(Box::new(self.school.family.writer().unwrap()))
    }

    /// Backs up on the host of that name.
    fn keep(&self, repository: &mut Repository, hostname: &str, tree: &Tree) -> Result<SnapshotId, RepoError> {
        let capture = dr_repo::BackupOptions {
            snapshot: dr_repo::new_snapshot_id(),
            label: Label { hostname: hostname.into(), ..Label::default() },
            shape: Shape::Directory,
            cache: None,
            journal: None,
            scratch: self.school.folder.path(),
            level: Some(1),
            workers: 1,
            clock: &|| NOW,
            stop: &AtomicBool::new(false),
            tally: &Tally::default(),
            prove: true,
        };
        dr_repo::backup(repository, entries(tree), &capture).map(|summary| summary.snapshot)
    }

    fn prune(&self, repository: &mut Repository) -> Result<dr_repo::PruneReport, RepoError> {
        self.school.prune_at_once(repository, NOW, 0.05)
    }

    fn mend(&self, repository: &mut Repository) -> Result<dr_repo::RepairReport, RepoError> {
        self.school.mend(repository, NOW)
    }

    /// Writes entries until the log has `n`, with a checkpoint whenever it is time for one.
    fn grow(&self, hostname: &str, n: u64) {
        let mut repository = self.open(hostname);
        while repository.head().0 < n {
            repository.note("a word", NOW).unwrap();
            repository.checkpoint(NOW).unwrap();
        }
    }

    fn log(&self) -> Vec<String> {
        self.blocking.list("log").unwrap().iter().map(|object| object.key.as_str().to_owned()).collect()
    }

    /// These snapshots are there, come back as they were, and nothing is damaged.
    #[track_caller]
    fn is_sound(&self, trees: &[(SnapshotId, &Tree)]) {
        let repository = self.open("elsewhere");
        assert_eq!(self.school.findings(&repository), []);
        let listed: Vec<_> = repository.snapshots().iter().map(|snapshot| snapshot.id).collect();
        assert_eq!(listed, trees.iter().map(|(id, _)| *id).collect::<Vec<_>>());
        for (id, tree) in trees {
            assert!(self.school.restore(&repository, *id).unwrap().0 == **tree, "snapshot {id} comes back otherwise");
        }
    }
}

fn tree(generation: u64) -> Tree {
    let mut tree = small_tree();
    for n in 0..6 {
        file(&mut tree, &format!("file-{n}"), noise(60_000, if n % 2 == 0 { n } else { n + 100 * generation }));
    }
    tree
}

/// Refused, since that host alone may write.
#[track_caller]
fn is_refused<T: std::fmt::Debug>(outcome: Result<T, RepoError>, by: &str) {
    let Err(RepoError::OtherHost { host, .. }) = outcome else { panic!("{outcome:?}") };
    // By its name, with the number of its own key or of that name, or else by the latter alone.
    let is_named = host.starts_with(&format!("{by} (host "));
    assert!(is_named || host == format!("host {}", HostId::named(by)), "{host} instead of {by}");
}

#[test]
fn a_host_that_takes_over_writes_on_and_the_other_one_is_refused_until_it_takes_over_itself() {
    let scene = Scene::new();
    let burnt = scene.writer();
    let first = scene.keep(&mut scene.open_as(burnt.clone(), OLD), OLD, &tree(0)).unwrap();
    let mut new = scene.open(NEW);
    let Err(RepoError::OtherHost { host, .. }) = scene.keep(&mut new, NEW, &tree(1)) else { panic!() };
    assert!(host.starts_with("server (host "), "{host}");
    let other = new.other_writer().unwrap();
    assert_eq!((other.name.as_deref(), other.last_ms), (Some(OLD), Some(NOW)));

    assert_eq!(new.take_over(NOW).unwrap(), Some(other));
    assert_eq!(new.other_writer(), None);
    // Before it has written anything, and whoever asks: the host's own key, or the family's.
    is_refused(scene.keep(&mut scene.open_as(burnt.clone(), OLD), OLD, &tree(2)), NEW);
    is_refused(scene.keep(&mut scene.open(OLD), OLD, &tree(2)), NEW);
    is_refused(scene.open("library").note("a word", NOW), NEW);
    // A host's own key goes on where the recovery key has taken over.
    let fresh = scene.writer();
    let second = scene.keep(&mut scene.open_as(fresh.clone(), NEW), NEW, &tree(1)).unwrap();
    scene.prune(&mut scene.open(NEW)).unwrap();
    let third = scene.keep(&mut new, NEW, &tree(2)).unwrap();
    let all = [(first, &tree(0)), (second, &tree(1)), (third, &tree(2))];
    scene.is_sound(&all);
    is_refused(forget(&mut scene.open(OLD), &[first], NOW), NEW);
    is_refused(scene.prune(&mut scene.open(OLD)), NEW);

    // It was not burnt after all.
    let mut old = scene.open(OLD);
    assert_eq!(old.take_over(NOW).unwrap().map(|other| other.host), Some(HostId::named(NEW)));
    is_refused(scene.keep(&mut scene.open_as(fresh, NEW), NEW, &tree(3)), OLD);
    is_refused(new.note("a word", NOW), OLD);
    let fourth = scene.keep(&mut scene.open_as(burnt, OLD), OLD, &tree(3)).unwrap();
    is_refused(scene.open(NEW).note("a word", NOW), OLD);
    scene.is_sound(&[&all[..], &[(fourth, &tree(3))]].concat());
}

#[test]
fn a_backup_that_ran_while_another_host_took_over_is_refused_at_its_next_entry_and_costs_nothing() {
    let scene = Scene::new();
    let first = scene.keep(&mut scene.open(OLD), OLD, &tree(0)).unwrap();
    // Each had the repository open, and read its log, before.
    let (mut runs, mut forgets, mut prunes) = (scene.open_as(scene.writer(), OLD), scene.open(OLD), scene.open(OLD));
    assert!(scene.open(NEW).take_over(NOW).unwrap().is_some());
    let entries = scene.log();
    is_refused(scene.keep(&mut runs, OLD, &tree(1)), NEW);
    is_refused(forget(&mut forgets, &[first], NOW), NEW);
    is_refused(prunes.note("a word", NOW), NEW);
    assert_eq!(scene.log(), entries, "nothing was added to the log");
    // It left packs that nobody registered: they are nobody's, and no fault.
    let second = scene.keep(&mut scene.open(NEW), NEW, &tree(2)).unwrap();
    scene.prune(&mut scene.open(NEW)).unwrap();
    scene.is_sound(&[(first, &tree(0)), (second, &tree(2))]);
}

#[test]
fn uncommitted_packs_of_the_old_host_expire() {
    // One request of its backup fails, one after the other, until something is registered and nothing committed.
    let (scene, mut cut_off) = (1..)
        .find_map(|k| {
            let scene = Scene::new();
            let faulty = Arc::new(Faulty::new(scene.store.clone()));
            faulty.fail_once(k, Fault::Before(ErrorKind::TimedOut));
            let blocking = scene.school.blocking(Arc::clone(&faulty) as Arc<dyn Store>);
            let unlock = Unlock::Key(Key::Family(scene.school.family.clone()));
            let mut repository = Repository::open(blocking, unlock, HostId::named(OLD)).ok();
            let _ = repository.as_mut().map(|repository| scene.keep(repository, OLD, &tree(0)));
            assert!(faulty.is_spent(), "nothing was ever registered before it was committed");
            let there = scene.open("elsewhere");
            (there.snapshots().is_empty() && there.head().0 > 0).then(|| (scene, repository.unwrap()))
        })
        .unwrap();
    assert_eq!(scene.open(NEW).take_over(NOW).unwrap().map(|other| other.host), Some(HostId::named(OLD)));
    is_refused(scene.keep(&mut cut_off, OLD, &tree(0)), NEW);
    let kept = scene.keep(&mut scene.open(NEW), NEW, &tree(0)).unwrap();
    let a_hundred_days = NOW + 100 * 86_400_000;
    for now_ms in [NOW, a_hundred_days, a_hundred_days, a_hundred_days] {
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let usual = PruneOptions::usual(now_ms, true, scene.school.folder.path(), &|| 0, &stop, &tally);
        prune(&mut scene.open(NEW), &usual).unwrap();
        scene.is_sound(&[(kept, &tree(0))]);
    }
    is_refused(scene.keep(&mut cut_off, OLD, &tree(1)), NEW);
    scene.is_sound(&[(kept, &tree(0))]);
}

#[test]
fn takeover_needs_the_recovery_key_a_single_writer_store_and_another_host() {
    let scene = Scene::new();
    // Nobody has written yet.
    assert_eq!(scene.open(NEW).take_over(NOW).unwrap(), None);
    let kept = scene.keep(&mut scene.open(OLD), OLD, &tree(0)).unwrap();
    let entries = scene.log();
    let refused = scene.open_as(scene.writer(), NEW).take_over(NOW);
    assert!(matches!(&refused, Err(RepoError::KeyMayNot(why)) if why.contains("recovery key")), "{refused:?}");
    assert_eq!(scene.open(OLD).take_over(NOW).unwrap(), None, "it writes there already");
    assert_eq!(scene.log(), entries);
    // Nor does a host's own word count, whatever it is.
    let mut library = scene.open_as(scene.writer(), "library");
    assert!(library.note("written from here on by host 01020304 in place of host 01020304", NOW).is_err());
    scene.is_sound(&[(kept, &tree(0))]);

    let several = Scene::on(MemoryStore::new());
    several.keep(&mut several.open(OLD), OLD, &tree(0)).unwrap();
    let entries = several.log();
    assert!(matches!(several.open(NEW).take_over(NOW), Err(RepoError::SeveralWriters(_))));
    assert_eq!((several.log(), several.open(NEW).other_writer()), (entries, None));
    // It was one once, and may become one again: what was noted there says nothing as long as it is none.
    several.open(NEW).note("written from here on by host 01020304 in place of host 01020304", NOW).unwrap();
    several.keep(&mut several.open(NEW), NEW, &tree(1)).unwrap();
}

#[test]
fn takeover_overrides_only_the_single_writer_refusal() {
    // A repository that was put back.
    let scene = Scene::new();
    scene.keep(&mut scene.open(OLD), OLD, &tree(0)).unwrap();
    let earlier = scene.store.snapshot();
    let memory = scene.school.folder.path().join("seen");
    let new = || scene.open(NEW).remembered_in(Some(memory.clone())).unwrap();
    scene.keep(&mut scene.open(OLD), OLD, &tree(1)).unwrap();
    drop(new());
    scene.store.restore(earlier);
    let entries = scene.log();
    assert!(matches!(new().take_over(NOW), Err(RepoError::RolledBack { .. })));
    assert_eq!(scene.log(), entries);
    // One whose log has lost its beginning.
    let scene = Scene::new();
    scene.keep(&mut scene.open(OLD), OLD, &tree(0)).unwrap();
    scene.grow(OLD, 1_100);
    scene.prune(&mut scene.open(OLD)).unwrap();
    for object in scene.blocking.list("ckpt").unwrap() {
        scene.blocking.delete(&object.key).unwrap();
    }
    let entries = scene.log();
    let refused = scene.open(NEW).take_over(NOW);
    assert!(matches!(refused, Err(RepoError::Damaged { .. })), "{refused:?}");
    assert_eq!(scene.log(), entries);
}

#[test]
fn it_outlives_the_entry_that_says_it() {
    let scene = Scene::new();
    let first = scene.keep(&mut scene.open(OLD), OLD, &tree(0)).unwrap();
    let mut stopped = scene.open(OLD);
    let mut also_stopped = scene.open_as(scene.writer(), OLD);
    let removed = stopped.head().0 + 1;
    assert!(scene.open(NEW).take_over(NOW).unwrap().is_some());
    // It only maintains: no commit says who writes.
    scene.grow(NEW, 1_200);
    scene.prune(&mut scene.open(NEW)).unwrap();
    let name = format!("log/{removed:016x}");
    assert!(!scene.log().contains(&name), "a checkpoint stands for it");
    is_refused(scene.open(OLD).note("a word", NOW), NEW);
    scene.open(NEW).note("a word", NOW).unwrap();
    // Whoever stopped before it creates the entry that was removed, learns that it does not count, and is refused.
    let head = scene.open(NEW).head();
    is_refused(stopped.note("from long ago", NOW), NEW);
    assert!(scene.log().contains(&name), "the number was free");
    scene.blocking.delete(&Name::new(name).unwrap()).unwrap();
    is_refused(scene.keep(&mut also_stopped, OLD, &tree(1)), NEW);
    assert_eq!(scene.open(NEW).head(), head);
    let second = scene.keep(&mut scene.open(NEW), NEW, &tree(2)).unwrap();
    scene.is_sound(&[(first, &tree(0)), (second, &tree(2))]);
}

#[test]
fn snapshots_of_the_other_host_that_are_registered_again_give_it_nothing_back() {
    let scene = Scene::new();
    let trees = [tree(0), tree(1)];
    for tree in &trees {
        scene.keep(&mut scene.open(OLD), OLD, tree).unwrap();
    }
    // One entry commits both again, and then it cannot be read.
    let (stop, tally) = (AtomicBool::new(false), Tally::default());
    let options = EraseOptions {
        now_ms: NOW,
        system: None,
        paths: &|_| vec![path("file-0")],
        also: None,
        asked: b"file-0",
        scratch: scene.school.folder.path(),
        journal: None,
        clock: &|| NOW,
        stop: &stop,
        tally: &tally,
    };
    let before = scene.open(OLD).snapshots().len();
    erase(&mut scene.open(OLD), &options).unwrap();
    let committed_again: Vec<_> = scene.open(OLD).snapshots().iter().map(|snapshot| snapshot.id).collect();
    assert_eq!(committed_again.len(), before);
    assert!(scene.open(NEW).take_over(NOW).unwrap().is_some());
    let spoiled = scene.log().into_iter().find(|name| {
        // Whichever entry it is: the one without which the new ones are not listed.
        let name = Name::new(name.clone()).unwrap();
        let bytes = scene.blocking.get(&name, 1 << 30).unwrap();
        scene.blocking.delete(&name).unwrap();
        let listed =
            scene.open(NEW).snapshots().iter().filter(|snapshot| committed_again.contains(&snapshot.id)).count();
        let is_it = listed == 0;
        if !is_it {
            scene.blocking.put_new(&name, dr_store::ObjectBody::Bytes(bytes)).unwrap();
        }
        is_it
    });
    assert!(spoiled.is_some());
    scene.mend(&mut scene.open(NEW)).unwrap();
    let again: Vec<_> = scene.open(NEW).snapshots().iter().map(|snapshot| snapshot.id).collect();
    assert!(committed_again.iter().all(|id| again.contains(id)), "both were registered again");
    is_refused(scene.open(OLD).note("a word", NOW), NEW);
    scene.keep(&mut scene.open(NEW), NEW, &tree(2)).unwrap();
}

#[test]
fn the_recovery_key_mends_where_a_hosts_own_key_writes_although_the_newest_commit_is_lost() {
    let scene = Scene::new();
    let writer = scene.writer();
    let first = scene.keep(&mut scene.open_as(writer.clone(), OLD), OLD, &tree(0)).unwrap();
    let second = scene.keep(&mut scene.open_as(writer.clone(), OLD), OLD, &tree(1)).unwrap();
    let newest = Name::new(scene.log().pop().unwrap()).unwrap();
    scene.blocking.delete(&newest).unwrap();
    scene.blocking.put_new(&newest, dr_store::ObjectBody::Bytes(b"rot".to_vec().into())).unwrap();
    assert_eq!(scene.open(OLD).snapshots().len(), 1);
    is_refused(scene.mend(&mut scene.open(NEW)), OLD);
    assert_eq!(scene.mend(&mut scene.open(OLD)).unwrap().after.map(|after| after.findings), Some(vec![]));
    is_refused(scene.open(NEW).note("a word", NOW), OLD);
    scene.prune(&mut scene.open(OLD)).unwrap();
    let third = scene.keep(&mut scene.open_as(writer, OLD), OLD, &tree(2)).unwrap();
    let listed: Vec<_> = scene.open(OLD).snapshots().iter().map(|snapshot| snapshot.id).collect();
    assert_eq!(listed, [first, second, third]);
    is_refused(scene.open(NEW).note("a word", NOW), OLD);
}
