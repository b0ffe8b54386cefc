//! A backup that was cut off is gone on with on another day, after another host has written and a prune has run: what
//! it had stored by then is not stored again.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_repo::{CheckOptions, Key, PruneOptions, ReadData, Repository, Tally, Unlock, WriterKey};
use dr_store::memory::MemoryStore;
use dr_store::wrap::faulty::{Fault, Faulty};
use dr_store::{BlockingStore, Store};

use crate::support::*;

const MONDAY: i64 = 1_800_000_000_000;
const DAY: i64 = 24 * 3_600_000;
/// So many threads, and each fills packs of its own.
const WORKERS: usize = 3;

struct Scene {
    school: School,
    store: Arc<MemoryStore>,
    blocking: BlockingStore,
    /// The key of another host.
    other: WriterKey,
}

/// Files that are worth a job each, so that every thread has some.
fn tree(seed: u64) -> Tree {
    let mut tree = Tree::new();
    other(&mut tree, "", dr_entry::Kind::Directory);
    for n in 0..8 {
        file(&mut tree, &format!("file-{n:02}"), noise(1_050_000, 100 * seed + n));
    }
    tree
}

impl Scene {
    fn new() -> Self {
        let school = School::new();
        let store = Arc::new(MemoryStore::new());
        let blocking = school.blocking(Arc::clone(&store) as Arc<dyn Store>);
        school.create(&blocking);
        let other = school.family.writer().unwrap();
        Self { school, store, blocking, other }
    }

    fn journal(&self, host: &str) -> PathBuf {
        self.school.folder.path().join(format!("notes-of-{host}"))
    }

    /// A host that only writes backs up; what it sees of the store is `blocking`.
    fn backup(
        &self,
        blocking: &BlockingStore,
        key: &WriterKey,
        tree: &Tree,
        (now_ms, step_ms): (i64, i64),
    ) -> Result<dr_repo::BackupReport, dr_repo::RepoError> {
        let journal = self.journal(&key.host().to_string());
        let stop = AtomicBool::new(false);
        let day = Day { now_ms, step_ms, journal: Some(&journal), stop: &stop, workers: WORKERS };
        let mut repository = Repository::open(blocking.clone(), Unlock::Key(Key::Writer(Box::new(key.clone()))), HOST)?;
        self.school.backup_on(&mut repository, entries(tree), &day)
    }

    /// A backup of the host at hand that is killed at this request to the store. Whether it came that far.
    fn killed(&self, tree: &Tree, k: u64, when: (i64, i64)) -> bool {
        let faulty = Arc::new(Faulty::new(Arc::clone(&self.store) as Arc<dyn Store>));
        // Nothing that it wants afterwards happens any more, as with a process that is dead.
        faulty.fail_from(k, Fault::Before(ErrorKind::Other));
        let blocking = self.school.blocking(faulty);
        self.backup(&blocking, &self.school.writer, tree, when).is_err()
    }

    /// Names and sizes of the packs of contents that are there.
    fn packs(&self) -> Vec<(String, u64)> {
        self.blocking.list("data").unwrap().into_iter().map(|object| (object.key.to_string(), object.size)).collect()
    }

    fn prune(&self, now_ms: i64) {
        self.prune_waiting(now_ms, 0);
    }

    /// So long from one step of what goes to the next.
    fn prune_waiting(&self, now_ms: i64, settle_ms: i64) {
        let options = PruneOptions {
            now_ms,
            undo_ms: 0,
            settle_ms,
            waste: 0.05,
            unfinished: false,
            scratch: self.school.folder.path(),
            journal: None,
            clock: &|| now_ms,
            stop: &AtomicBool::new(false),
            tally: &Tally::default(),
        };
        prune(&mut self.school.open(&self.blocking).unwrap(), &options).unwrap();
    }

    #[track_caller]
    fn is_sound(&self, trees: &[(dr_repo::SnapshotId, &Tree)]) {
        let repository = self.school.open(&self.blocking).unwrap();
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let options = CheckOptions { read_data: ReadData::All, now_ms: 0, enough: None, stop: &stop, tally: &tally };
        assert_eq!(dr_repo::check(&repository, &options).unwrap().findings, []);
        assert_eq!(repository.snapshots().len(), trees.len());
        for (id, tree) in trees {
            assert!(self.school.restore(&repository, *id).unwrap().0 == **tree, "snapshot {id} comes back otherwise");
        }
    }
}

/// On Monday a backup is killed at request `k`; then another host writes; then comes a prune, if at all; on `later` the
/// first host goes on. Says how many packs were there whole, and how many of them were registered.
fn cut_off(k: u64, step_ms: i64, prunes: bool, later: i64) -> Option<(usize, u64)> {
    let scene = Scene::new();
    let (all, theirs) = (tree(1), tree(2));
    let whole: u64 = all.values().map(|node| node.bytes.len() as u64).sum();
    let is_killed = scene.killed(&all, k, (MONDAY, step_ms));
    // Killed after the commit, before it could say so: there is nothing to go on with.
    if !is_killed || !scene.school.open(&scene.blocking).unwrap().snapshots().is_empty() {
        return None;
    }
    let left = scene.packs();
    let registered = scene.school.open(&scene.blocking).unwrap().stats().unwrap().packs;
    let other = scene.backup(&scene.blocking, &scene.other, &theirs, (MONDAY + DAY, 1)).unwrap().snapshot;
    let again = scene.backup(&scene.blocking, &scene.other, &theirs, (MONDAY + DAY + 1_000, 1)).unwrap().snapshot;
    if prunes {
        scene.prune(MONDAY + DAY + DAY / 2);
    }
    let there = scene.packs();
    assert!(left.iter().all(|pack| there.contains(pack)), "request {k}: what was cut off lost a pack");

    let resumed = scene.backup(&scene.blocking, &scene.school.writer, &all, (MONDAY + later, 1)).unwrap();
    let kept: u64 = left.iter().map(|(_, size)| size).sum();
    // Noise does not compress, and a frame costs a little more than what is in it. The rest are pages of the tree.
    let most = (whole + whole / 50 + 300_000).saturating_sub(kept);
    assert!(
        resumed.bytes_stored <= most,
        "request {k}: {kept} of {whole} bytes were there in {} packs ({registered} registered), and {} were stored again",
        left.len(),
        resumed.bytes_stored
    );
    let unregistered = (left.len() as u64).saturating_sub(registered);
    assert!(
        resumed.adopted >= unregistered,
        "request {k}: {} packs were taken up, not {unregistered}",
        resumed.adopted
    );
    scene.is_sound(&[(other, &theirs), (again, &theirs), (resumed.snapshot, &all)]);
    // Nor is it taken for rubbish afterwards.
    scene.prune(MONDAY + later + DAY);
    scene.is_sound(&[(other, &theirs), (again, &theirs), (resumed.snapshot, &all)]);
    Some((left.len(), registered))
}

#[test]
fn what_was_cut_off_is_taken_up_on_another_day_after_another_host_and_a_prune() {
    // Each pack is registered as it is stored, since half a minute passes with every look at the clock; or none before
    // the end.
    for (step_ms, some) in [(31_000, true), (1, false)] {
        let (mut with_packs, mut with_registered, mut unregistered) = (0, 0, 0);
        for k in 1.. {
            let prunes = k % 3 != 0;
            let later = [2, 9, 40][(k % 3) as usize] * DAY;
            let Some((left, registered)) = cut_off(k, step_ms, prunes, later) else { break };
            with_packs += usize::from(left > 0);
            with_registered += usize::from(registered > 0);
            unregistered += usize::from(left as u64 > registered);
        }
        assert!(with_packs > 3 && unregistered > 1, "{with_packs} {unregistered}");
        assert_eq!(with_registered > 2, some, "{with_registered}");
    }
}

#[test]
fn what_was_stopped_as_asked_is_taken_up_too() {
    for settle_ms in [0, DAY] {
        let scene = Scene::new();
        let (all, theirs) = (tree(1), tree(2));
        let whole: u64 = all.values().map(|node| node.bytes.len() as u64).sum();
        let other = scene.backup(&scene.blocking, &scene.other, &theirs, (MONDAY, 1)).unwrap().snapshot;
        let journal = scene.journal(&scene.school.writer.host().to_string());
        let stop = AtomicBool::new(false);
        let half = entries(&all).enumerate().map(|(at, entry)| {
            stop.store(at >= 7, std::sync::atomic::Ordering::Relaxed);
            entry
        });
        let day = Day { now_ms: MONDAY, step_ms: 1, journal: Some(&journal), stop: &stop, workers: WORKERS };
        let ended =
            scene.school.backup_on(&mut scene.school.open_keyless(&scene.blocking).unwrap(), Box::new(half), &day);
        assert!(matches!(ended, Err(dr_repo::RepoError::Interrupted)), "{ended:?}");
        let before: Vec<_> = scene.packs();
        let kept: u64 = before.iter().map(|(_, size)| size).sum::<u64>().saturating_sub(whole);
        assert!(kept > 2_000_000, "nothing was stored before it was stopped");
        scene.prune_waiting(MONDAY + DAY / 2, settle_ms);
        scene.prune_waiting(MONDAY + 2 * DAY, settle_ms);
        let resumed = scene.backup(&scene.blocking, &scene.school.writer, &all, (MONDAY + 3 * DAY, 1)).unwrap();
        let most = (whole + whole / 50 + 300_000).saturating_sub(kept);
        assert!(resumed.bytes_stored <= most, "{kept} were there, and {} were stored again", resumed.bytes_stored);
        scene.is_sound(&[(other, &theirs), (resumed.snapshot, &all)]);
        // Once it has been gone on with, nothing of it is kept that nobody needs.
        scene.backup(&scene.blocking, &scene.school.writer, &all, (MONDAY + 5 * DAY, 1)).unwrap();
        scene.prune_waiting(MONDAY + 6 * DAY, 0);
        let left: u64 = scene.packs().iter().map(|(_, size)| size).sum();
        // Where the packs end depends on which worker is first, and with that how much parity they have.
        assert!(left < 2 * whole + whole / 20, "{left} bytes for {}", 2 * whole);
    }
}
