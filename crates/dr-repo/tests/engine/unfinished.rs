//! What a run left that never came to its end is named with its bytes, and can be dropped; a living run loses nothing.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;

use dr_repo::{HostId, Key, Life, PruneOptions, PruneReport, Repository, Tally, Unlock};
use dr_store::BlockingStore;
use dr_store::local::LocalStore;
use dr_store::wrap::faulty::{Fault, Faulty};

use crate::support::*;

const NOW: i64 = 1_800_000_000_000;

struct Scene {
    school: School,
    place: std::path::PathBuf,
    journal: std::path::PathBuf,
    blocking: BlockingStore,
    tree: Tree,
}

impl Scene {
    fn new() -> Self {
        let mut school = School::new();
        school.workers = 1;
        let place = school.folder.path().join("place");
        let journal = school.folder.path().join("journal");
        let blocking = school.blocking(Arc::new(LocalStore::create(place.clone()).unwrap()));
        school.create(&blocking);
        let tree = small_tree();
        school.backup(&mut school.open(&blocking).unwrap(), &tree, None).unwrap();
        Self { school, place, journal, blocking, tree }
    }

    fn open(&self) -> Repository {
        self.school.open(&self.blocking).unwrap()
    }

    fn bytes(&self) -> u64 {
        self.blocking.list("").unwrap().iter().map(|object| object.size).sum()
    }

    fn day<'a>(&'a self, stop: &'a AtomicBool, step_ms: i64) -> Day<'a> {
        Day { now_ms: NOW, step_ms, journal: Some(&self.journal), stop, workers: 1 }
    }

    fn large(&self) -> Tree {
        let mut large = self.tree.clone();
        (0..5).for_each(|n| file(&mut large, &format!("large-{n}"), noise(9 << 20, n)));
        large
    }

    /// These, and before the last of them `then`, once something of the run is stored, or also registered.
    fn slow<'a>(&'a self, tree: &Tree, registered: bool, then: impl FnOnce() + Send + 'a) -> dr_entry::Entries<'a> {
        let (mut at, last) = (0, tree.len() - 1);
        let (packs, head) = (self.packs(), self.open().head().0);
        let mut then = Some(then);
        Box::new(entries(tree).inspect(move |_| {
            at += 1;
            if at > last
                && let Some(then) = then.take()
            {
                while self.packs() == packs || (registered && self.open().head().0 == head) {
                    std::thread::yield_now();
                }
                then();
            }
        }))
    }

    fn packs(&self) -> usize {
        self.blocking.list("data").unwrap().len()
    }

    /// A run that is cut off once something of it was stored, as by a kill: nothing is said any more.
    fn cut_off(&self, registered: bool) {
        let faulty = Arc::new(Faulty::new(Arc::new(LocalStore::open(self.place.clone()).unwrap())));
        let blocking = self.school.blocking(faulty.clone());
        let mut repository = self.school.open(&blocking).unwrap();
        let stop = AtomicBool::new(false);
        let fails = move || faulty.fail_from(1, Fault::Before(std::io::ErrorKind::TimedOut));
        let slow = self.slow(&self.large(), registered, fails);
        let day = self.day(&stop, if registered { 60_000 } else { 0 });
        self.school.backup_on(&mut repository, slow, &day).unwrap_err();
    }

    fn prune(&self, repository: &mut Repository, unfinished: bool, now_ms: i64) -> PruneReport {
        let (stop, tally, clock) = (AtomicBool::new(false), Tally::default(), move || now_ms);
        let usual = PruneOptions::usual(now_ms, true, self.school.folder.path(), &clock, &stop, &tally);
        let options = PruneOptions { unfinished, journal: Some(&self.journal), ..usual };
        prune(repository, &options).unwrap()
    }
}

#[test]
fn what_a_killed_run_left_is_named_with_its_bytes_and_goes_when_it_is_dropped() {
    // First nothing of it was registered, then some of it was.
    for is_registered in [false, true] {
        let scene = Scene::new();
        let before = scene.bytes();
        scene.cut_off(is_registered);
        assert_eq!(scene.open().head().0 > 1, is_registered);
        let left = scene.bytes() - before;
        assert!(left > 16 << 20, "{left}");

        let named = scene.open().unfinished(Some(&scene.journal), NOW).unwrap();
        assert_eq!(named.len(), 1);
        assert_eq!((named[0].life, named[0].own), (Life::CutOff, true));
        assert!(named[0].bytes > left - 4_096 && named[0].packs > 0);

        let kept = scene.prune(&mut scene.open(), false, NOW);
        assert_eq!(kept.unfinished, named);
        assert!(scene.bytes() > before + (16 << 20), "it is kept, so that the run can go on");

        let dropped = scene.prune(&mut scene.open(), true, NOW);
        assert_eq!(dropped.dropped, named);
        assert!(scene.bytes() < before + (1 << 20), "{} bytes were {before}", scene.bytes());
        assert_eq!(scene.open().unfinished(Some(&scene.journal), NOW).unwrap(), []);
        let again = scene.school.backup(&mut scene.open(), &scene.tree, None).unwrap();
        assert!(scene.school.restore(&scene.open(), again.snapshot).unwrap().0 == scene.tree);
        assert_eq!(scene.school.findings(&scene.open()), []);
    }
}

#[test]
fn after_fifty_days_of_silence_one_prune_gives_its_room_back() {
    let scene = Scene::new();
    let before = scene.bytes();
    scene.cut_off(true);
    // Its files are as old as this test; the entries of the log are of the time that it told.
    let pruned = scene.prune(&mut scene.open(), false, NOW + 51 * 86_400_000 + 3_600_000);
    assert_eq!(pruned.unfinished, []);
    assert!(scene.bytes() < before + (1 << 20));
}

#[test]
fn a_run_that_goes_on_after_a_prune_planned_to_drop_it_loses_nothing() {
    // Because it was silent for so long, and because somebody said so.
    for (drops, now_ms) in [(false, NOW + 51 * 86_400_000 + 3_600_000), (true, NOW + 3_600_000)] {
        let scene = Scene::new();
        scene.cut_off(true);
        let (mut repository, stop, tally) = (scene.open(), AtomicBool::new(false), Tally::default());
        let clock = move || now_ms;
        let usual = PruneOptions::usual(now_ms, true, scene.school.folder.path(), &clock, &stop, &tally);
        let options = PruneOptions { journal: Some(&scene.journal), unfinished: drops, ..usual };
        let plan = dr_repo::plan_prune(&mut repository, &options).unwrap();
        assert_eq!((plan.report().dropped.len(), &plan.report().unfinished[..]), (usize::from(drops), &[][..]));
        let (large, day) = (scene.large(), Day { now_ms, ..scene.day(&stop, 0) });
        let summary = scene.school.backup_on(&mut scene.open(), entries(&large), &day).unwrap();
        // It takes up what lies there as its own; what it began as is over.
        assert_eq!(plan.execute(&mut repository).unwrap().unfinished, []);
        assert!(scene.school.restore(&scene.open(), summary.snapshot).unwrap().0 == large);
        assert_eq!(scene.school.findings(&scene.open()), []);
    }
}

#[test]
fn a_living_run_loses_nothing_to_who_drops_what_others_left() {
    for (journal, registered) in [(true, false), (false, true)] {
        let scene = Scene::new();
        let (go_on, wait) = mpsc::channel::<()>();
        let (half_way, is_half_way) = mpsc::channel::<()>();
        let large = scene.large();
        std::thread::scope(|scope| {
            let (scene, large) = (&scene, &large);
            let run = scope.spawn(move || {
                let blocking = scene.school.blocking(Arc::new(LocalStore::open(scene.place.clone()).unwrap()));
                let mut repository = scene.school.open(&blocking).unwrap();
                let slow = scene.slow(large, registered, move || {
                    half_way.send(()).unwrap();
                    wait.recv().unwrap();
                });
                let stop = AtomicBool::new(false);
                // Two programs of one host may keep their notes apart.
                let step_ms = if registered { 60_000 } else { 0 };
                let day = Day { journal: journal.then_some(scene.journal.as_path()), ..scene.day(&stop, step_ms) };
                scene.school.backup_on(&mut repository, slow, &day)
            });
            is_half_way.recv().unwrap();
            let named = scene.open().unfinished(Some(&scene.journal), NOW).unwrap();
            assert_eq!(named.iter().map(|one| one.life).collect::<Vec<_>>(), [Life::Running]);
            let pruned = scene.prune(&mut scene.open(), true, NOW);
            assert_eq!(pruned.dropped, []);
            go_on.send(()).unwrap();
            let summary = run.join().unwrap().unwrap();
            assert!(scene.school.restore(&scene.open(), summary.snapshot).unwrap().0 == *large);
        });
        assert_eq!(scene.school.findings(&scene.open()), []);
    }
}

#[test]
fn another_hosts_run_is_dropped_after_a_day_of_silence_only() {
    let scene = Scene::new();
    scene.cut_off(true);
    let family = Unlock::Key(Key::Family(scene.school.family.clone()));
    let mut other = Repository::open(scene.blocking.clone(), family, HostId([1; 4])).unwrap();
    let left = other.unfinished(None, NOW + 3_600_000).unwrap();
    assert_eq!((left.len(), left[0].own, left[0].life), (1, false, Life::MayBeRunning));
    assert_eq!(scene.prune(&mut other, true, NOW + 3_600_000).dropped, []);
    assert_eq!(scene.prune(&mut other, true, NOW + 2 * 86_400_000).dropped.len(), 1);
}
