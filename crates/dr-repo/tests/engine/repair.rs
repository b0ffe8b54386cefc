//! What is damaged is mended as far as anything of it can be had, and nothing that was still there is lost by that.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use dr_repo::{
    CheckOptions, CheckReport, CopyOptions, Mended, PruneOptions, ReadData, RepairOptions, RepairReport, RepoError,
    Repository, SnapshotId, Tally, plan_repair,
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
    trees: Vec<(SnapshotId, Tree)>,
}

impl Scene {
    /// A repository on a disk that may rot, with snapshots of these trees.
    fn of(trees: Vec<Tree>) -> Self {
        let school = School::new();
        let store = Arc::new(MemoryStore::that_may_rot());
        let blocking = school.blocking(store.clone());
        school.create(&blocking);
        let mut scene = Self { school, store, blocking, trees: Vec::new() };
        trees.into_iter().for_each(|tree| scene.keep(tree));
        scene
    }

    fn three() -> Self {
        let mut trees = vec![small_tree()];
        for n in 1..3 {
            let mut tree = trees[n - 1].clone();
            file(&mut tree, &format!("new-{n}"), noise(150_000, n as u64));
            trees.push(tree);
        }
        Self::of(trees)
    }

    fn keep(&mut self, tree: Tree) {
        let id = self.school.backup(&mut self.open(), &tree, None).unwrap().snapshot;
        self.trees.push((id, tree));
    }

    fn open(&self) -> Repository {
        self.school.open(&self.blocking).unwrap()
    }

    fn names(&self, folder: &str) -> Vec<Key> {
        self.blocking.list(folder).unwrap().into_iter().map(|listed| listed.key).collect()
    }

    /// Exchanges the bytes of an object.
    fn change(&self, name: &Key, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.blocking.get(name, u64::MAX).unwrap().to_vec();
        change(&mut bytes);
        self.blocking.delete(name).unwrap();
        self.blocking.put_new(name, ObjectBody::Bytes(Bytes::from(bytes))).unwrap();
    }

    fn mend(&self, blocking: &BlockingStore, others: &[Repository]) -> Result<(RepairReport, Vec<Mended>), RepoError> {
        let mut mended = Vec::new();
        let options = RepairOptions {
            now_ms: NOW,
            others,
            scratch: self.school.folder.path(),
            journal: None,
            clock: &|| NOW,
            stop: &AtomicBool::new(false),
            tally: &Tally::default(),
        };
        let index = self.school.folder.path().join("index");
        let mut repository = self.school.open(blocking)?.with_index_in(index.exists().then_some(index));
        let plan = plan_repair(&mut repository, &options)?;
        let repaired = plan.execute(&mut repository, &mut |one| mended.push(one.clone()))?;
        Ok((repaired, mended))
    }

    /// Mends, and then everything is whole.
    #[track_caller]
    fn is_mended(&self, others: &[Repository]) -> Vec<Mended> {
        let (repaired, mended) = self.mend(&self.blocking, others).unwrap();
        assert_eq!(repaired.after.map(|after| after.findings), Some(vec![]), "{mended:?}");
        self.is_whole();
        mended
    }

    fn checked(&self) -> CheckReport {
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let options = CheckOptions { read_data: ReadData::All, now_ms: NOW, enough: None, stop: &stop, tally: &tally };
        dr_repo::check(&self.open(), &options).unwrap()
    }

    #[track_caller]
    fn is_whole(&self) {
        let checked = self.checked();
        assert_eq!((checked.findings, checked.without_parity), (vec![], 0));
        let repository = self.open();
        let ids: Vec<SnapshotId> = self.trees.iter().map(|(id, _)| *id).collect();
        assert_eq!(repository.snapshots().iter().map(|snapshot| snapshot.id).collect::<Vec<_>>(), ids);
        for (id, tree) in &self.trees {
            let (back, restored) = self.school.restore(&repository, *id).unwrap();
            assert_eq!(restored.failed, []);
            assert!(back == *tree, "snapshot {id} comes back otherwise");
        }
        // Whoever prunes and backs up next finds nothing strange.
        let before = self.store.snapshot();
        self.prune();
        let again = self.school.backup(&mut self.open(), &self.trees[0].1, None).unwrap();
        assert!(self.school.restore(&self.open(), again.snapshot).unwrap().0 == self.trees[0].1);
        self.store.restore(before);
    }

    fn prune(&self) {
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let options = PruneOptions::usual(NOW, true, self.school.folder.path(), &|| NOW, &stop, &tally);
        prune(&mut self.open(), &options).unwrap();
    }

    /// A second repository of the family that has the same snapshots.
    fn twin(&self) -> Repository {
        let blocking = self.school.blocking(Arc::new(MemoryStore::new()));
        self.school.create(&blocking);
        let (from, mut to) = (self.open(), self.school.open(&blocking).unwrap());
        let ids: Vec<SnapshotId> = self.trees.iter().map(|(id, _)| *id).collect();
        let options = CopyOptions {
            snapshots: &ids,
            journal: None,
            scratch: self.school.folder.path(),
            clock: &|| NOW,
            stop: &AtomicBool::new(false),
            tally: &Tally::default(),
        };
        dr_repo::copy(&from, &mut to, &options, &mut |_, _| {}).unwrap();
        self.school.open(&blocking).unwrap()
    }
}

#[test]
fn half_a_mebibyte_of_any_pack_is_healed_bit_for_bit_under_a_new_name() {
    let mut tree = small_tree();
    file(&mut tree, "large", noise(12 << 20, 9));
    let scene = Scene::of(vec![tree]);
    let packs = [scene.names("data"), scene.names("meta")].concat();
    assert!(packs.len() >= 2);
    let before = scene.store.snapshot();
    for name in &packs {
        let whole = scene.blocking.get(name, u64::MAX).unwrap();
        for part in 0..4 {
            scene.store.restore(before.clone());
            let from = (whole.len() * part / 3).min(whole.len().saturating_sub(512 << 10));
            scene.change(name, |bytes| {
                let to = (from + (512 << 10)).min(bytes.len());
                bytes[from..to].fill(0x5a);
            });
            let mended = scene.is_mended(&[]);
            assert_eq!(mended.len(), 1, "{mended:?}");
            let healed = Key::new(format!("{name}.h1")).unwrap();
            assert_eq!(scene.blocking.get(&healed, u64::MAX).unwrap(), whole);
            assert!(scene.blocking.get(name, u64::MAX).is_err(), "what it replaces is gone");
        }
    }
}

#[test]
fn a_pack_that_is_healed_twice_and_then_swept_leaves_nothing() {
    let mut scene = Scene::three();
    let name = scene.names("data").remove(0);
    scene.change(&name, |bytes| bytes[100] ^= 1);
    scene.is_mended(&[]);
    let healed = Key::new(format!("{name}.h1")).unwrap();
    scene.change(&healed, |bytes| bytes.truncate(1));
    scene.is_mended(&[]);
    assert_eq!(scene.names("data").iter().filter(|one| one.as_str().starts_with(name.as_str())).count(), 1);
    let keep = scene.trees.split_off(2);
    let mut repository = scene.open();
    forget(&mut repository, &[scene.trees[0].0, scene.trees[1].0], NOW).unwrap();
    forget(&mut repository, &[keep[0].0], NOW).unwrap();
    drop(repository);
    scene.prune();
    for folder in ["data", "meta", "idx"] {
        assert_eq!(scene.names(folder), [], "{folder}");
    }
    assert_eq!(scene.names("ecc"), [Key::new("ecc/copy/repo.json").unwrap()]);
}

#[test]
fn an_index_object_that_is_lost_is_made_again_from_the_packs() {
    for damage in 0..2 {
        let scene = Scene::three();
        // Also by a host that has all of it in tables of its own.
        let cache = scene.school.folder.path().join("index");
        scene.open().with_index_in(Some(cache)).ready().unwrap();
        for name in scene.names("idx") {
            match damage {
                0 => scene.blocking.delete(&name).unwrap(),
                _ => scene.change(&name, |bytes| bytes[60] ^= 0x80),
            }
        }
        let mended = scene.is_mended(&[]);
        let of = |how: &str| mended.iter().filter(|one| one.how.starts_with(how)).count();
        assert_eq!((of("its packs were read"), of("lists what snapshots"), mended.len()), (3, 3, 6), "{mended:?}");
        // Duplicates are found again by whoever trusts what was read.
        let again = scene.school.backup(&mut scene.open(), &scene.trees[2].1, None).unwrap();
        assert!(again.bytes_stored < 20_000, "{again:?}");
    }
}

#[test]
fn a_snapshot_whose_log_entry_is_lost_is_registered_again_in_its_place() {
    for lost in 1..=3 {
        for damage in 0..2 {
            let scene = Scene::three();
            let name = Key::new(format!("log/{lost:016x}")).unwrap();
            match damage {
                0 if lost == 3 => continue, // The newest entry, gone without a trace: nobody can know.
                0 => scene.blocking.delete(&name).unwrap(),
                _ => scene.change(&name, |bytes| bytes[40] ^= 1),
            }
            assert!(!scene.checked().findings.is_empty());
            assert_eq!(scene.open().snapshots().len(), 2);
            let mended = scene.is_mended(&[]);
            assert!(mended.iter().any(|one| one.object == name.as_str()), "{mended:?}");
        }
    }
}

#[test]
fn what_parity_cannot_heal_comes_from_another_repository_of_the_school() {
    for folder in ["data", "meta"] {
        let scene = Scene::three();
        let twin = scene.twin();
        for name in [scene.names("ecc"), scene.names(folder)].concat() {
            scene.blocking.delete(&name).unwrap();
        }
        let (alone, _) = scene.mend(&scene.blocking, &[]).unwrap();
        let left = alone.after.unwrap().findings;
        assert!(left.iter().any(|finding| !finding.lost.is_empty()), "{left:?}");
        let mended = scene.is_mended(&[twin]);
        assert!(mended.iter().any(|one| one.how.contains("fetched")), "{mended:?}");
    }
}

#[test]
fn unrecoverable_chunks_are_reported_and_the_rest_kept() {
    let mut scene = Scene::three();
    for name in scene.names("ecc") {
        scene.blocking.delete(&name).unwrap();
    }
    // The pack of the third snapshot's new file.
    let before: Vec<Key> = scene.names("data");
    let mut tree = scene.trees[2].1.clone();
    file(&mut tree, "doomed", noise(100_000, 77));
    scene.keep(tree);
    let pack = scene.names("data").into_iter().find(|name| !before.contains(name)).unwrap();
    scene.blocking.delete(&pack).unwrap();
    scene.names("ecc").iter().for_each(|name| scene.blocking.delete(name).unwrap());
    let (repaired, _) = scene.mend(&scene.blocking, &[]).unwrap();
    let lost: Vec<_> = repaired.after.unwrap().findings.into_iter().flat_map(|finding| finding.lost).collect();
    assert_eq!(lost, [(scene.trees[3].0, path("doomed"))]);
    for (id, tree) in &scene.trees[..3] {
        assert!(scene.school.restore(&scene.open(), *id).unwrap().0 == *tree);
    }
    let (back, restored) = scene.school.restore(&scene.open(), scene.trees[3].0).unwrap();
    assert_eq!((restored.failed.len(), back.len()), (1, scene.trees[3].1.len() - 1));
}

#[test]
fn parity_that_is_damaged_or_missing_is_made_again() {
    let scene = Scene::three();
    let parity = scene.names("ecc");
    let parity: Vec<Key> = parity.into_iter().filter(|name| !name.as_str().contains("copy")).collect();
    assert_eq!(parity.len(), 3);
    scene.blocking.delete(&parity[0]).unwrap();
    scene.change(&parity[1], |bytes| bytes[20] ^= 1);
    scene.change(&parity[2], |bytes| *bytes.last_mut().unwrap() ^= 1);
    let checked = scene.checked();
    assert_eq!(checked.findings.len(), 2, "{:?}", checked.findings);
    assert!(checked.without_parity >= 2);
    scene.is_mended(&[]);
}

#[test]
fn what_opens_a_repository_is_there_twice() {
    let scene = Scene::three();
    let school = &scene.school;
    let (store, name) = (Arc::new(MemoryStore::that_may_rot()), Key::new("repo.json").unwrap());
    let blocking = school.blocking(store.clone());
    dr_repo::create(&blocking, &school.family, Some("four horses"), "2026-01-01T00:00:00Z", 0).unwrap();
    let open = || {
        let password = dr_repo::Unlock::Password("four horses".to_owned().into());
        Repository::open(blocking.clone(), password, HOST)
    };
    let sound = store.snapshot();
    let slot = blocking.list("keys").unwrap().remove(0).key;
    for name in [&name, &slot] {
        for at in [None, Some(0), Some(5), Some(60)] {
            store.restore(sound.clone());
            match at {
                None => blocking.delete(name).unwrap(),
                Some(at) => store.flip(name, at, 4),
            }
            let repository = open().unwrap();
            assert!(repository.faults().iter().any(|fault| fault.object == name.as_str()) || at.is_none());
            drop(repository);
            let (repaired, mended) = scene.mend(&blocking, &[]).unwrap();
            assert_eq!(repaired.after.unwrap().findings, [], "{name} {at:?} {mended:?}");
            assert!(store.snapshot().get(name) == sound.get(name));
        }
        store.restore(sound.clone());
        store.flip(&Key::new(format!("ecc/copy/{name}")).unwrap(), 3, 1);
        assert!(open().unwrap().faults().is_empty());
        let (repaired, _) = scene.mend(&blocking, &[]).unwrap();
        assert_eq!((repaired.before.findings.len(), repaired.after.unwrap().findings), (1, vec![]));
    }
}

#[test]
fn what_is_sound_is_left_as_it_is() {
    let scene = Scene::three();
    let before = scene.store.snapshot();
    let (repaired, mended) = scene.mend(&scene.blocking, &[]).unwrap();
    assert_eq!((mended, repaired.after), (vec![], None));
    assert!(scene.store.snapshot() == before);
    assert!(matches!(
        repair(
            &mut scene.school.open_keyless(&scene.blocking).unwrap(),
            &RepairOptions {
                now_ms: NOW,
                others: &[],
                scratch: scene.school.folder.path(),
                journal: None,
                clock: &|| NOW,
                stop: &AtomicBool::new(false),
                tally: &Tally::default(),
            }
        ),
        Err(RepoError::KeyMayNot(_))
    ));
}

#[test]
fn whichever_operation_fails_a_repair_can_be_run_again_and_loses_nothing() {
    let whole = Scene::three();
    let parity: Vec<Key> = whole.names("ecc").into_iter().filter(|name| !name.as_str().contains("copy")).collect();
    let (data, meta) = (whole.names("data"), whole.names("meta"));
    whole.change(&data[0], |bytes| bytes[99] ^= 1);
    whole.change(&meta[1], |bytes| bytes.truncate(50));
    whole.change(&parity[2], |bytes| bytes[18] ^= 1);
    whole.blocking.delete(&whole.names("idx")[1]).unwrap();
    whole.change(&Key::new(format!("log/{:016x}", 2)).unwrap(), |bytes| bytes[30] ^= 1);
    for fault in [Fault::Before(ErrorKind::TimedOut), Fault::After(ErrorKind::TimedOut), Fault::Full] {
        for k in 1.. {
            let store = Arc::new(MemoryStore::that_may_rot());
            store.restore(whole.store.snapshot());
            let faulty = Arc::new(Faulty::new(store.clone() as Arc<dyn Store>));
            faulty.fail_once(k, fault);
            let outcome = whole.mend(&whole.school.blocking(faulty.clone()), &[]);
            let spent = faulty.is_spent();
            let blocking = whole.school.blocking(store.clone());
            let (repaired, mended) = whole.mend(&blocking, &[]).unwrap();
            if let Some(after) = repaired.after {
                assert_eq!(after.findings, [], "operation {k}, {fault:?}: {mended:?}");
            }
            let repository = whole.school.open(&blocking).unwrap();
            let ids: Vec<SnapshotId> = whole.trees.iter().map(|(id, _)| *id).collect();
            assert_eq!(repository.snapshots().iter().map(|snapshot| snapshot.id).collect::<Vec<_>>(), ids, "{k}");
            for (id, tree) in &whole.trees {
                assert!(whole.school.restore(&repository, *id).unwrap().0 == *tree, "operation {k}, {fault:?}");
            }
            if !spent {
                assert!(outcome.is_ok() && k > 20, "{k}");
                break;
            }
        }
    }
}

#[test]
fn whichever_operation_fails_a_check_names_no_damage_that_is_not_there() {
    let scene = Scene::three();
    for kind in [ErrorKind::TimedOut, ErrorKind::PermissionDenied] {
        for k in 1.. {
            let faulty = Arc::new(Faulty::new(scene.store.clone() as Arc<dyn Store>));
            faulty.fail_once(k, Fault::Before(kind));
            let blocking = scene.school.blocking(faulty.clone());
            let (stop, tally) = (AtomicBool::new(false), Tally::default());
            let options =
                CheckOptions { read_data: ReadData::All, now_ms: NOW, enough: None, stop: &stop, tally: &tally };
            let outcome = scene.school.open(&blocking).and_then(|repository| dr_repo::check(&repository, &options));
            if !faulty.is_spent() {
                assert!(k > 15 && outcome.is_ok(), "{k}");
                break;
            }
            // Nothing is known then, or all is well: what failed was asked again, or did not matter.
            let found = outcome.map(|checked| checked.findings).unwrap_or_default();
            assert_eq!(found, [], "operation {k}, {kind:?}");
        }
    }
}
