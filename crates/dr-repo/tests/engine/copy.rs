//! A copy is what the original is, costs no more than what is missing, and survives whatever ends it.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use dr_repo::{CheckOptions, CopyOptions, CopyReport, Fate, ReadData, RepoError, Repository, SnapshotId, Tally};
use dr_store::memory::MemoryStore;
use dr_store::wrap::faulty::{Fault, Faulty};
use dr_store::{BlockingStore, ObjectBody};

use crate::support::*;

struct Two {
    school: School,
    from: BlockingStore,
    to: BlockingStore,
    trees: Vec<(SnapshotId, Tree)>,
}

fn copy_to(
    school: &School,
    from: &Repository,
    blocking: &BlockingStore,
    ids: &[SnapshotId],
) -> Result<CopyReport, RepoError> {
    let clock = AtomicI64::new(1_700_000_000_000);
    let mut to = from.sibling(blocking.clone())?;
    let options = CopyOptions {
        snapshots: ids,
        journal: None,
        scratch: school.folder.path(),
        clock: &|| clock.fetch_add(1, Ordering::Relaxed),
        stop: &AtomicBool::new(false),
        tally: &Tally::default(),
    };
    dr_repo::copy(from, &mut to, &options, &mut |_, _| {})
}

impl Two {
    /// Two repositories of one family, three snapshots in the first.
    fn new() -> Self {
        let school = School::new();
        let (from, to) = (school.blocking(Arc::new(MemoryStore::new())), school.blocking(Arc::new(MemoryStore::new())));
        school.create(&from);
        school.create(&to);
        let mut two = Self { school, from, to, trees: Vec::new() };
        let mut tree = small_tree();
        for n in 0..200 {
            file(&mut tree, &format!("a/many-{n:03}"), words(300 + n, n as u64));
        }
        file(&mut tree, "b/large", noise(6 << 20, 77));
        two.backup(&tree);
        file(&mut tree, "a/many-007", words(9_000, 4));
        file(&mut tree, "b/more", noise(300_000, 5));
        two.backup(&tree);
        tree.remove(&path("a/noise"));
        let large = tree.get_mut(&path("b/large")).unwrap();
        large.bytes[3 << 20] ^= 1;
        two.backup(&tree);
        two
    }

    fn backup(&mut self, tree: &Tree) {
        let mut repository = self.school.open(&self.from).unwrap();
        let summary = self.school.backup(&mut repository, tree, None).unwrap();
        self.trees.push((summary.snapshot, tree.clone()));
    }

    fn ids(&self) -> Vec<SnapshotId> {
        self.trees.iter().map(|(id, _)| *id).collect()
    }

    fn copy(&self, ids: &[SnapshotId]) -> Result<CopyReport, RepoError> {
        copy_to(&self.school, &self.school.open(&self.from).unwrap(), &self.to, ids)
    }

    /// Everything in `blocking` is whole, and these snapshots are what they were.
    fn is_whole(&self, blocking: &BlockingStore, ids: &[SnapshotId]) {
        let repository = self.school.open(blocking).unwrap();
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let options = CheckOptions { read_data: ReadData::All, now_ms: 0, enough: None, stop: &stop, tally: &tally };
        assert_eq!(dr_repo::check(&repository, &options).unwrap().findings, []);
        assert_eq!(repository.snapshots().iter().map(|snapshot| snapshot.id).collect::<Vec<_>>(), ids);
        for (id, tree) in self.trees.iter().filter(|(id, _)| ids.contains(id)) {
            let (back, restored) = self.school.restore(&repository, *id).unwrap();
            assert_eq!(restored.failed, []);
            assert!(back == *tree);
        }
    }
}

fn bytes(blocking: &BlockingStore, prefix: &str) -> u64 {
    blocking.list(prefix).unwrap().iter().map(|object| object.size).sum()
}

#[test]
fn a_copy_restores_as_the_original_does_and_a_second_stores_nothing() {
    let two = Two::new();
    let copied = two.copy(&two.ids()).unwrap();
    assert!(copied.snapshots.iter().all(|(_, fate)| *fate == Fate::Copied), "{:?}", copied.snapshots);
    two.is_whole(&two.to, &two.ids());
    for folder in ["data", "meta"] {
        let (original, copy) = (bytes(&two.from, folder), bytes(&two.to, folder));
        assert!(copy <= original + (96 << 10), "{folder}: {copy} of {original}: what was shared is still shared");
    }
    let labels = |blocking| {
        let snapshots = two.school.open(blocking).unwrap().snapshots();
        snapshots.into_iter().map(|snapshot| (snapshot.id, snapshot.label)).collect::<Vec<_>>()
    };
    assert_eq!(labels(&two.from), labels(&two.to));

    let before = two.to.list("").unwrap();
    let again = two.copy(&two.ids()).unwrap();
    assert!(again.snapshots.iter().all(|(_, fate)| *fate == Fate::There));
    assert_eq!((again.bytes_stored, again.objects, two.to.list("").unwrap()), (0, 0, before));
}

#[test]
fn one_after_the_other_costs_what_is_new_and_a_copy_can_be_copied_on() {
    let two = Two::new();
    let ids = two.ids();
    let first = two.copy(&ids[..1]).unwrap();
    let second = two.copy(&ids[..2]).unwrap();
    assert!(second.bytes_stored < first.bytes_stored / 4, "{second:?} after {first:?}");
    assert_eq!(second.snapshots[0].1, Fate::There);
    // The last one first: what it shares with the others is not moved again either.
    let third = two.school.blocking(Arc::new(MemoryStore::new()));
    two.school.create(&third);
    let copied = copy_to(&two.school, &two.school.open(&two.to).unwrap(), &third, &ids[1..2]).unwrap();
    assert_eq!(copied.snapshots, [(ids[1], Fate::Copied)]);
    two.is_whole(&third, &ids[1..2]);
    copy_to(&two.school, &two.school.open(&two.from).unwrap(), &third, &[ids[0], ids[2]]).unwrap();
    two.is_whole(&third, &[ids[1], ids[0], ids[2]]);
}

#[test]
fn a_copy_serves_the_familys_own_backups_and_nobody_else_relies_on_it() {
    let two = Two::new();
    two.copy(&two.ids()).unwrap();
    let tree = &two.trees[2].1;
    let own = two.school.backup(&mut two.school.open(&two.to).unwrap(), tree, None).unwrap();
    assert!(own.bytes_stored < 64 << 10, "{own:?}");
    let host = two.school.backup(&mut two.school.open_keyless(&two.to).unwrap(), tree, None).unwrap();
    assert!(host.bytes_stored > 6 << 20, "a host takes nobody's word: {host:?}");
    let repository = two.school.open(&two.to).unwrap();
    assert!(two.school.restore(&repository, host.snapshot).unwrap().0 == *tree);
}

#[test]
fn what_another_author_stored_there_is_read_before_it_is_relied_on() {
    let two = Two::new();
    // A host that only writes has kept the same in both places by itself.
    let host = two.school.backup(&mut two.school.open_keyless(&two.to).unwrap(), &two.trees[0].1, None).unwrap();
    let copied = two.copy(&two.ids()[..1]).unwrap();
    assert!(copied.bytes_stored < 1 << 20, "{copied:?}");
    two.is_whole(&two.to, &[host.snapshot, two.ids()[0]]);
    // And where what it stored is damaged, it is not relied on.
    let two = Two::new();
    let host = two.school.backup(&mut two.school.open_keyless(&two.to).unwrap(), &two.trees[0].1, None).unwrap();
    for object in two.to.list("data").unwrap() {
        let mut bytes = two.to.get(&object.key, 1 << 30).unwrap().to_vec();
        bytes[600] ^= 1;
        two.to.delete(&object.key).unwrap();
        two.to.put_new(&object.key, ObjectBody::Bytes(bytes.into())).unwrap();
    }
    two.copy(&two.ids()[..1]).unwrap();
    let repository = two.school.open(&two.to).unwrap();
    assert!(two.school.restore(&repository, two.ids()[0]).unwrap().0 == two.trees[0].1);
    assert!(
        !two.school.restore(&repository, host.snapshot).unwrap().1.failed.is_empty() || host.snapshot != two.ids()[0]
    );
}

#[test]
fn frames_of_a_host_that_only_writes_and_of_three_hundred_sessions_are_moved() {
    let mut two = Two::new();
    let mut tree = Tree::new();
    let mut repository = two.school.open_keyless(&two.from).unwrap();
    for n in 0..300 {
        let name = format!("file-{n:03}");
        file(&mut tree, &name, noise(300, 1_000 + n));
        let one: Tree =
            tree.iter().filter(|(path, _)| path.to_string() == name).map(|(p, n)| (p.clone(), n.clone())).collect();
        two.school.backup(&mut repository, &one, None).unwrap();
    }
    let summary = two.school.backup(&mut two.school.open_keyless(&two.from).unwrap(), &tree, None).unwrap();
    two.trees.push((summary.snapshot, tree));
    let last = two.trees[3].0;
    let copied = two.copy(&[last]).unwrap();
    assert_eq!(copied.snapshots, [(last, Fate::Copied)]);
    two.is_whole(&two.to, &[last]);
    assert!(two.to.list("data").unwrap().len() >= 2, "a header has room for 255 origins");
}

#[test]
fn a_snapshot_with_damage_is_refused_by_name_and_the_others_are_copied() {
    let two = Two::new();
    let ids = two.ids();
    // What only the second snapshot brought.
    let packs = two.from.list("data").unwrap();
    let repository = two.school.open(&two.from).unwrap();
    let second = packs.iter().min_by_key(|pack| pack.size.abs_diff(310_000)).unwrap().clone();
    let mut bytes = two.from.get(&second.key, 1 << 30).unwrap().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    two.from.delete(&second.key).unwrap();
    two.from.put_new(&second.key, ObjectBody::Bytes(bytes.into())).unwrap();
    drop(repository);
    let copied = two.copy(&ids).unwrap();
    assert_eq!(copied.snapshots[0].1, Fate::Copied);
    for (_, fate) in &copied.snapshots[1..] {
        let Fate::Refused(missing) = fate else { panic!("{fate:?}") };
        assert!(
            missing.iter().any(|missing| missing.path == path("b/more") && missing.why.contains(second.key.as_str())),
            "{missing:?}"
        );
    }
    two.is_whole(&two.to, &ids[..1]);
}

#[test]
fn whichever_operation_fails_a_copy_can_be_run_again_and_shows_nothing_half() {
    for fault in [Fault::Before(ErrorKind::TimedOut), Fault::After(ErrorKind::TimedOut), Fault::Full] {
        let two = Two::new();
        for k in 1.. {
            let store = Arc::new(MemoryStore::new());
            let good = two.school.blocking(store.clone());
            two.school.create(&good);
            let faulty = Arc::new(Faulty::new(store));
            faulty.fail_once(k, fault);
            let from = two.school.open(&two.from).unwrap();
            let outcome = copy_to(&two.school, &from, &two.school.blocking(faulty.clone()), &two.ids());
            let there: Vec<_> = two.school.open(&good).unwrap().snapshots().iter().map(|s| s.id).collect();
            assert!(two.ids().starts_with(&there), "operation {k}");
            if k % 4 == 0 {
                two.is_whole(&good, &there);
            }
            copy_to(&two.school, &from, &good, &two.ids()).unwrap();
            let repository = two.school.open(&good).unwrap();
            for (id, tree) in &two.trees {
                assert!(two.school.restore(&repository, *id).unwrap().0 == *tree, "operation {k}");
            }
            if !faulty.is_spent() {
                assert!(outcome.is_ok() && k > 5);
                break;
            }
        }
    }
}

#[test]
fn a_key_that_only_writes_another_family_and_the_same_repository_are_refused() {
    let two = Two::new();
    let keyless = two.school.open_keyless(&two.from).unwrap();
    assert!(matches!(copy_to(&two.school, &keyless, &two.to, &two.ids()), Err(RepoError::CannotRead)));
    let other = School::new();
    let foreign = other.blocking(Arc::new(MemoryStore::new()));
    other.create(&foreign);
    let before = foreign.list("").unwrap();
    let from = two.school.open(&two.from).unwrap();
    assert!(matches!(copy_to(&two.school, &from, &foreign, &two.ids()), Err(RepoError::WrongKey(_))));
    assert_eq!(foreign.list("").unwrap(), before);
    assert!(matches!(copy_to(&two.school, &from, &two.from, &two.ids()), Err(RepoError::SameRepository)));
}
