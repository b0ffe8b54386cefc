//! A long log: who opens it reads its end, what nobody need read goes, and nothing that counts with it.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_repo::{CheckOptions, ReadData, RepoError, Repository, Tally};
use dr_store::memory::MemoryStore;
use dr_store::wrap::faulty::{Fault, Faulty};
use dr_store::wrap::recording::Recording;
use dr_store::{BlockingStore, Key, ObjectBody, Store};

use crate::support::*;

const NOW: i64 = 1_800_000_000_000;

struct Long {
    school: School,
    store: Arc<MemoryStore>,
    blocking: BlockingStore,
}

impl Long {
    fn new() -> Self {
        let school = School::new();
        let store = Arc::new(MemoryStore::new());
        let blocking = school.blocking(store.clone());
        school.create(&blocking);
        Self { school, store, blocking }
    }

    fn open(&self) -> Repository {
        self.school.open(&self.blocking).unwrap()
    }

    fn keep(&self, tree: &Tree) -> dr_repo::SnapshotId {
        self.school.backup(&mut self.open(), tree, None).unwrap().snapshot
    }

    /// Writes entries until the log has `n`, with a checkpoint whenever it is time for one.
    fn grow(&self, n: u64) {
        let mut repository = self.open();
        while repository.head().0 < n {
            repository.note("a word", NOW).unwrap();
            repository.checkpoint(NOW).unwrap();
        }
    }

    fn prune(&self, repository: &mut Repository) -> Result<dr_repo::PruneReport, RepoError> {
        self.school.prune_at_once(repository, NOW, 0.05)
    }

    fn names(&self, folder: &str) -> Vec<String> {
        self.blocking.list(folder).unwrap().iter().map(|object| object.key.as_str().to_owned()).collect()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.blocking.get(&Key::new(name).unwrap(), 1 << 30).unwrap().to_vec()
    }

    /// Puts other bytes in the place of an object's, or none.
    fn put(&self, name: &str, bytes: Option<Vec<u8>>) {
        let name = Key::new(name).unwrap();
        let _ = self.blocking.delete(&name);
        if let Some(bytes) = bytes {
            self.blocking.put_new(&name, ObjectBody::Bytes(bytes.into())).unwrap();
        }
    }

    #[track_caller]
    fn is_sound(&self, trees: &[(dr_repo::SnapshotId, &Tree)]) {
        let repository = self.open();
        assert_eq!(self.school.findings(&repository), []);
        let listed: Vec<_> = repository.snapshots().iter().map(|snapshot| snapshot.id).collect();
        assert_eq!(listed, trees.iter().map(|(id, _)| *id).collect::<Vec<_>>());
        for (id, tree) in trees {
            assert!(self.school.restore(&repository, *id).unwrap().0 == **tree);
        }
    }
}

fn log(n: u64) -> String {
    format!("log/{n:016x}")
}

fn checkpoint(n: u64) -> String {
    format!("ckpt/{n:016x}")
}

fn another(seed: u64) -> Tree {
    let mut tree = small_tree();
    file(&mut tree, "new", noise(50_000, seed));
    tree
}

#[test]
fn a_long_log_is_opened_from_its_end_and_its_beginning_goes() {
    let long = Long::new();
    let (one, two) = (small_tree(), another(1));
    let first = long.keep(&one);
    long.grow(1_500);
    let second = long.keep(&two);
    long.grow(3_000);
    let last: Vec<u64> = long.names("ckpt").iter().map(|name| u64::from_str_radix(&name[5..], 16).unwrap()).collect();
    assert_eq!(last.len(), 3_000 / 256, "{last:?}");
    let before = long.names("log").len();
    assert!(before >= 3_000);
    let (head, snapshots) = (long.open().head(), long.open().snapshots());
    let before_opening = long.blocking.fetched();
    let fetched = long.open().bytes_fetched() - before_opening;
    assert!(fetched < 150_000, "{fetched} bytes to open three thousand entries");
    let recording = Arc::new(Recording::new(long.store.clone()));
    long.school.open(&long.school.blocking(recording.clone())).unwrap();
    let entries = before as u64 - last[last.len() - 1];
    let asked = recording.take().len() as u64;
    assert_eq!(asked, 1 + 3 + 1 + entries, "repo.json, three lists, a checkpoint, and what came after it");

    let pruned = long.prune(&mut long.open()).unwrap();
    assert!(pruned.deleted > 2_000, "{pruned:?}");
    assert_eq!(long.names("ckpt").len(), 3);
    let left = long.names("log");
    assert!(left.len() < 3 * 256 + 256 && left[0] == log(1), "{}", left.len());
    assert_eq!(left[1], log(last[last.len() - 3] + 1), "everything after the third-newest is there");
    assert_eq!(long.open().snapshots(), snapshots);
    assert_eq!(long.open().head().0, head.0 + 1, "one entry says that a reader must know checkpoints");
    long.is_sound(&[(first, &one), (second, &two)]);
    // A second time there is nothing to do.
    let before = long.blocking.list("").unwrap();
    assert_eq!(long.prune(&mut long.open()).unwrap().deleted, 0);
    assert_eq!(long.blocking.list("").unwrap(), before);
    let third = long.keep(&another(2));
    long.is_sound(&[(first, &one), (second, &two), (third, &another(2))]);
}

#[test]
fn a_checkpoint_is_written_when_it_is_time_and_by_the_maintenance_key_alone() {
    let long = Long::new();
    long.grow(255);
    assert_eq!(long.open().checkpoint(NOW).unwrap(), None);
    assert!(matches!(long.school.open_keyless(&long.blocking).unwrap().checkpoint(NOW), Err(RepoError::KeyMayNot(_))));
    long.school.open_keyless(&long.blocking).unwrap().note("a host's", NOW).unwrap();
    assert_eq!(long.names("ckpt"), Vec::<String>::new());
    assert_eq!(long.open().checkpoint(NOW).unwrap(), Some(256));
    assert_eq!(long.open().checkpoint(NOW).unwrap(), None);
    // Not while an entry after it cannot be read.
    long.grow(300);
    let spoiled = long.bytes(&log(290));
    long.put(&log(290), None);
    let mut repository = long.open();
    repository.note("goes on", NOW).unwrap();
    (302..600).for_each(|_| repository.note("goes on", NOW).unwrap());
    assert!(matches!(long.open().checkpoint(NOW), Err(RepoError::NotUnderstood { .. })));
    assert!(matches!(long.prune(&mut long.open()), Err(RepoError::NotUnderstood { .. })));
    assert_eq!(long.names("ckpt").len(), 1);
    long.put(&log(290), Some(spoiled));
    assert_eq!(long.open().checkpoint(NOW).unwrap(), Some(599));
    // What a checkpoint stands for may be damaged or gone.
    long.put(&log(290), Some(b"rot".to_vec()));
    long.put(&log(291), None);
    assert_eq!((long.open().faults(), long.open().latest_is_uncertain()), (vec![], false));
}

#[test]
fn a_checkpoint_that_cannot_be_read_is_passed_over_and_said() {
    let long = Long::new();
    let tree = small_tree();
    let id = long.keep(&tree);
    long.grow(1_100);
    long.prune(&mut long.open()).unwrap();
    let names = long.names("ckpt");
    let good: Vec<Vec<u8>> = names.iter().map(|name| long.bytes(name)).collect();
    let mut flipped = good[2].clone();
    flipped[40] ^= 4;
    let mut forged = long.bytes(&names[2]);
    let len = forged.len();
    forged[len - 64..].fill(7);
    let head = long.open().head();
    let bad = [flipped, good[2][..99].to_vec(), forged, good[0].clone(), Vec::new()];
    for (at, bytes) in bad.into_iter().enumerate() {
        long.put(&names[2], Some(bytes));
        let mut repository = long.open();
        assert_eq!(repository.head(), head);
        let objects: Vec<String> = repository.faults().into_iter().map(|fault| fault.object).collect();
        assert_eq!(objects, [names[2].clone()], "way {at}");
        assert!(!repository.latest_is_uncertain());
        assert!(long.school.restore(&repository, id).unwrap().0 == tree);
        // It hides nothing, so that a prune may go on.
        repository.note("goes on", NOW).unwrap();
        long.put(&log(head.0 + 1), None);
    }
    // Of three, two may be lost.
    long.put(&names[1], Some(b"rot".to_vec()));
    assert_eq!((long.open().head(), long.open().faults().len()), (head, 2));
    let entries = long.names("log");
    long.prune(&mut long.open()).unwrap();
    assert_eq!((long.names("ckpt").len(), long.open().faults()), (2, vec![]), "a new one beside the one that is left");
    assert_eq!(long.names("log"), entries, "and nothing else goes before there are three again");
    long.grow(1_900);
    let pruned = long.prune(&mut long.open()).unwrap();
    assert!(pruned.deleted > 0, "{pruned:?}");
    assert_eq!(long.open().faults(), []);
    long.is_sound(&[(id, &tree)]);
}

#[test]
fn a_log_without_its_beginning_and_without_a_checkpoint_is_never_taken_for_a_whole_one() {
    for is_gone in [false, true] {
        let long = Long::new();
        let first = long.keep(&small_tree());
        long.grow(3_300);
        let second = long.keep(&another(3));
        long.prune(&mut long.open()).unwrap();
        for name in long.names("ckpt") {
            long.put(&name, if is_gone { None } else { Some(b"rot".to_vec()) });
        }
        let mut repository = long.open();
        assert!(repository.latest_is_uncertain());
        assert!(repository.faults().iter().any(|fault| fault.object.starts_with("log/")), "{:?}", repository.faults());
        let before = long.blocking.list("").unwrap();
        for repository in [&mut repository, &mut long.school.open_keyless(&long.blocking).unwrap()] {
            assert!(matches!(repository.note("a word", NOW), Err(RepoError::Damaged { .. })));
            assert!(matches!(long.school.backup(repository, &another(4), None), Err(RepoError::Damaged { .. })));
        }
        assert!(long.prune(&mut repository).is_err());
        let log_of = |all: &[dr_store::Listed]| {
            all.iter().filter(|object| object.key.as_str().starts_with("log/")).cloned().collect::<Vec<_>>()
        };
        assert_eq!(log_of(&long.blocking.list("").unwrap()), log_of(&before));
        // What the end of the log names can be had.
        let ids: Vec<_> = repository.snapshots().iter().map(|snapshot| snapshot.id).collect();
        assert_eq!(ids, [second]);
        assert!(long.school.restore(&repository, second).unwrap().0 == another(3));
        assert!(repository.find(&first.to_string()).is_err());
    }
}

#[test]
fn what_is_missing_after_the_newest_readable_checkpoint_is_a_fault_and_keeps_everything() {
    let long = Long::new();
    long.keep(&small_tree());
    long.grow(900);
    let names = long.names("ckpt");
    long.put(&log(530), None);
    assert_eq!(long.open().faults(), [], "a checkpoint stands for it");
    long.put(&names[2], Some(b"rot".to_vec()));
    let objects: Vec<String> = long.open().faults().into_iter().map(|fault| fault.object).collect();
    assert_eq!(objects, [log(530), names[2].clone()]);
    assert!(matches!(long.prune(&mut long.open()), Err(RepoError::NotUnderstood { .. })));
    // Who writes on settles nothing, and relies on nothing.
    let id = long.keep(&another(5));
    assert!(long.school.restore(&long.open(), id).unwrap().0 == another(5));
    assert!(matches!(long.prune(&mut long.open()), Err(RepoError::NotUnderstood { .. })));
}

#[test]
fn whoever_stopped_for_a_thousand_entries_is_not_taken_for_somebody_long_ago() {
    let long = Long::new();
    let (one, two) = (small_tree(), another(1));
    let first = long.keep(&one);
    let mut stopped = long.open();
    let mut host = long.school.open_keyless(&long.blocking).unwrap();
    let (mut maintains, removed) = (long.open(), long.open().head().0 + 1);
    long.grow(1_200);
    long.prune(&mut long.open()).unwrap();
    assert!(!long.names("log").contains(&log(removed)));
    let head = long.open().head().0;
    // Each creates the entry that was removed, and then learns of it.
    stopped.note("from long ago", NOW).unwrap();
    assert!(long.names("log").contains(&log(removed)), "the number was free");
    assert_eq!(stopped.head().0, head + 1, "and counts where it was written again");
    assert_eq!(long.open().head(), stopped.head());
    long.put(&log(removed), None);
    maintains.hold(&[first], NOW + 9, NOW).unwrap();
    assert_eq!(long.open().snapshots()[0].held_until_ms, Some(NOW + 9));
    long.put(&log(removed), None);
    let second = long.school.backup(&mut host, &two, None).unwrap().snapshot;
    assert!(long.names("log").contains(&log(removed)));
    long.is_sound(&[(first, &one), (second, &two)]);
    // What is below a checkpoint goes with the next.
    long.grow(2_100);
    long.prune(&mut long.open()).unwrap();
    assert!(!long.names("log").contains(&log(removed)));
    long.is_sound(&[(first, &one), (second, &two)]);
}

#[test]
fn whoever_has_read_everything_goes_on_while_the_beginning_goes() {
    let long = Long::new();
    let tree = small_tree();
    let mut always = long.open();
    long.grow(500);
    always.note("still here", NOW).unwrap();
    long.grow(1_100);
    always.note("still here", NOW).unwrap();
    long.prune(&mut long.open()).unwrap();
    assert!(!long.names("log").contains(&log(2)));
    always.refresh().unwrap();
    assert_eq!((always.faults(), always.latest_is_uncertain()), (vec![], false));
    let id = long.school.backup(&mut always, &tree, None).unwrap().snapshot;
    assert_eq!(long.open().head(), always.head());
    long.is_sound(&[(id, &tree)]);
}

#[test]
fn whoever_stopped_and_relied_on_what_was_swept_meanwhile_is_told() {
    let long = Long::new();
    let (one, two) = (another(1), another(2));
    let first = long.keep(&one);
    let second = long.keep(&two);
    let last = one.keys().next_back().unwrap();
    let stops = entries(&one).inspect(|entry| {
        if entry.as_ref().is_ok_and(|entry| entry.path == *last) {
            forget(&mut long.open(), &[first], NOW).unwrap();
            long.prune(&mut long.open()).unwrap();
            long.grow(1_300);
            long.prune(&mut long.open()).unwrap();
        }
    });
    let outcome = long.school.backup_entries(&mut long.open(), Box::new(stops), None, false);
    assert!(matches!(outcome, Err(RepoError::Outrun(_))), "{outcome:?}");
    long.is_sound(&[(second, &two)]);
}

#[test]
fn whichever_operation_fails_while_a_log_is_shortened_nothing_is_lost() {
    // One repository, copied for each operation that fails.
    let long = Long::new();
    let tree = small_tree();
    let id = long.keep(&tree);
    long.grow(780);
    let mut repository = long.open();
    while repository.head().0 < 1_040 {
        repository.note("a word", NOW).unwrap();
    }
    let objects: Vec<(Key, Vec<u8>)> = long
        .blocking
        .list("")
        .unwrap()
        .into_iter()
        .map(|object| (object.key.clone(), long.bytes(object.key.as_str())))
        .collect();
    let copied = || {
        let store = Arc::new(MemoryStore::new());
        let blocking = long.school.blocking(store.clone());
        for (name, bytes) in &objects {
            blocking.put_new(name, ObjectBody::Bytes(bytes.clone().into())).unwrap();
        }
        Long { school: School::new().with_keys_of(&long.school), store, blocking }
    };
    // Entries are read, and go, one like the other: of each kind of operation the first two and the last.
    let recording = Arc::new(Recording::new(copied().store));
    let blocking = long.school.blocking(recording.clone());
    long.prune(&mut long.school.open(&blocking).unwrap()).unwrap();
    let asked = recording.take();
    let kind =
        |at: usize| asked.get(at).map(|asked| (asked.verb, asked.name.split('/').next().unwrap_or("").to_owned()));
    let last = asked.len() as u64 + 1;
    let steps: Vec<u64> = (0..asked.len())
        .filter(|at| *at < 2 || kind(*at) != kind(at - 1) || kind(*at) != kind(at - 2) || kind(*at) != kind(at + 1))
        .map(|at| at as u64 + 1)
        .chain([last])
        .collect();
    assert!(asked.len() > 800 && (20..80).contains(&steps.len()), "{} of {}", steps.len(), asked.len());
    for fault in [Fault::Before(ErrorKind::TimedOut), Fault::After(ErrorKind::TimedOut), Fault::Full] {
        for k in steps.iter().copied() {
            let copy = copied();
            let faulty = Arc::new(Faulty::new(Arc::clone(&copy.store) as Arc<dyn Store>));
            faulty.fail_once(k, fault);
            let blocking = copy.school.blocking(faulty.clone());
            let outcome = copy.school.open(&blocking).and_then(|mut repository| copy.prune(&mut repository));
            let mut repository = copy.open();
            assert_eq!(repository.faults(), [], "operation {k}");
            assert!(repository.head().0 >= 1_040);
            assert!(copy.school.restore(&repository, id).unwrap().0 == tree);
            copy.prune(&mut repository).unwrap();
            assert_eq!(copy.open().faults(), []);
            assert!(copy.names("log").len() <= 1 + 3 * 256 + 30, "operation {k}: {}", copy.names("log").len());
            assert!(k < last || (outcome.is_ok() && !faulty.is_spent()));
        }
    }
}

#[test]
fn a_checkpoint_that_was_cut_off_while_it_was_written_is_followed_by_another() {
    let long = Long::new();
    long.grow(255);
    let mut repository = long.open();
    repository.note("the last one", NOW).unwrap();
    let faulty = Arc::new(Faulty::new(Arc::clone(&long.store) as Arc<dyn Store>));
    let mut torn = long.school.open(&long.school.blocking(faulty.clone())).unwrap();
    faulty.fail_once(1, Fault::Torn(300));
    assert!(torn.checkpoint(NOW).is_err());
    assert_eq!(long.names("ckpt"), [checkpoint(256)]);
    assert_eq!(long.open().head(), repository.head());
    assert_eq!(long.open().faults().len(), 1);
    // The name is taken: one more entry makes another.
    assert_eq!(long.open().checkpoint(NOW).unwrap(), Some(257));
    assert_eq!(long.open().faults(), []);
    let (stop, tally) = (AtomicBool::new(false), Tally::default());
    let options = CheckOptions { read_data: ReadData::None, now_ms: 0, enough: None, stop: &stop, tally: &tally };
    assert_eq!(dr_repo::check(&long.open(), &options).unwrap().findings[0].object, checkpoint(256));
    long.prune(&mut long.open()).unwrap();
    assert_eq!(dr_repo::check(&long.open(), &options).unwrap().findings, [], "a prune clears it away");
    assert_eq!(long.names("ckpt"), [checkpoint(257)]);
}

#[test]
fn what_a_host_has_seen_is_held_against_a_checkpoint_as_well() {
    let long = Long::new();
    let seen = |name: &str| long.open().remembered_in(Some(long.school.folder.path().join(name))).unwrap();
    long.grow(100);
    assert_eq!(seen("early").behind(), None);
    long.grow(600);
    assert_eq!(seen("middle").behind(), None);
    let back = long.blocking.list("log").unwrap().into_iter().filter(|object| object.key.as_str() > log(550).as_str());
    // It is put back to an earlier state, and somebody who does not know goes on.
    back.for_each(|object| long.blocking.delete(&object.key).unwrap());
    long.open().note("another word", NOW).unwrap();
    long.grow(1_500);
    long.prune(&mut long.open()).unwrap();
    assert!(!long.names("log").contains(&log(600)));
    let mut repository = seen("middle");
    assert_eq!(repository.behind().map(|(n, _)| n), Some(600), "another entry is number 600 now");
    assert!(matches!(repository.note("a word", NOW), Err(RepoError::RolledBack { .. })));
    assert_eq!(seen("early").behind(), None);
    // Acceptance outlasts the entry that says so.
    repository.accept_rollback(600, NOW).unwrap();
    std::fs::remove_file(long.school.folder.path().join("middle")).unwrap();
    let old = format!("600 {}\n", "ab".repeat(32));
    long.grow(2_700);
    long.prune(&mut long.open()).unwrap();
    std::fs::write(long.school.folder.path().join("middle"), old).unwrap();
    assert_eq!(seen("middle").behind(), None);
}

#[test]
fn mischief_among_the_checkpoints_stops_nobody() {
    let long = Long::new();
    long.grow(300);
    for n in [1, 257, 299, 301, 302, 900, u64::MAX >> 1] {
        long.put(&checkpoint(n), Some(b"not a checkpoint".to_vec()));
    }
    long.put("ckpt/no-number", Some(b"x".to_vec()));
    let mut repository = long.open();
    assert_eq!(repository.head().0, 300);
    repository.note("a word", NOW).unwrap();
    let id = long.keep(&small_tree());
    long.is_listed(id);
    long.grow(1_400);
    long.prune(&mut long.open()).unwrap();
    assert!(long.names("log").len() < 900);
    // A prune clears it away.
    assert_eq!(long.names("ckpt").len(), 3 + 1, "{:?}", long.names("ckpt"));
    assert_eq!(long.open().faults(), []);
    long.is_listed(id);
}

impl Long {
    fn is_listed(&self, id: dr_repo::SnapshotId) {
        let repository = self.open();
        assert_eq!(repository.snapshots().iter().map(|snapshot| snapshot.id).collect::<Vec<_>>(), [id]);
        assert!(self.school.restore(&repository, id).unwrap().0 == small_tree());
    }
}
