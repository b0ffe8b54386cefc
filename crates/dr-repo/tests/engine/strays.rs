//! Strange objects among the entries of the log: nobody is slowed down unsaid, and a repair ends it.

use std::sync::Arc;

use bytes::Bytes;
use dr_repo::Repository;
use dr_store::memory::MemoryStore;
use dr_store::{BlockingStore, Key, ObjectBody};

use crate::support::*;

struct Scene {
    school: School,
    blocking: BlockingStore,
    tree: Tree,
    /// Bytes that a backup of the same stores.
    same: u64,
}

impl Scene {
    fn new() -> Self {
        let school = School::new();
        let blocking = school.blocking(Arc::new(MemoryStore::that_may_rot()));
        school.create(&blocking);
        let tree = small_tree();
        let mut scene = Self { school, blocking, tree, same: 0 };
        scene.backup();
        scene.same = scene.backup().bytes_stored;
        scene
    }

    fn open(&self) -> Repository {
        self.school.open(&self.blocking).unwrap()
    }

    fn backup(&self) -> dr_repo::BackupReport {
        self.school.backup(&mut self.open(), &self.tree, None).unwrap()
    }

    fn lies_at(&self, n: u64, bytes: &[u8]) {
        let name = Key::new(format!("log/{n:016x}")).unwrap();
        self.blocking.put_new(&name, ObjectBody::Bytes(Bytes::copy_from_slice(bytes))).unwrap();
    }

    fn entry(&self, n: u64) -> Bytes {
        self.blocking.get(&Key::new(format!("log/{n:016x}")).unwrap(), 1 << 20).unwrap()
    }

    /// A repair ends it for good, and nothing is lost.
    #[track_caller]
    fn is_ended_by_a_repair(&self) {
        let snapshots: Vec<_> = self.open().snapshots().iter().map(|one| one.id).collect();
        let repaired = self.school.mend(&mut self.open(), 5).unwrap();
        assert_eq!(repaired.after.unwrap().findings, []);
        assert_eq!(self.open().faults(), []);
        let summary = self.backup();
        assert!(summary.distrusted.is_none() && summary.bytes_stored < self.same * 2, "{}", summary.bytes_stored);
        self.school.prune_at_once(&mut self.open(), 9, 0.05).unwrap();
        for id in snapshots {
            assert!(self.school.restore(&self.open(), id).unwrap().0 == self.tree);
        }
    }
}

#[test]
fn an_object_far_beyond_the_log_is_named_and_holds_nobody_up() {
    for bytes in [&b""[..], b"a note that somebody left"] {
        let scene = Scene::new();
        scene.lies_at(0x8000_0000_0000_0000, bytes);
        let summary = scene.backup();
        assert_eq!(summary.distrusted, None);
        assert!(summary.bytes_stored < scene.same * 2, "{} and {}", summary.bytes_stored, scene.same);
        assert_eq!(scene.open().faults().len(), 1);
        assert_eq!(scene.school.findings(&scene.open())[0].object, "log/8000000000000000");
        scene.school.prune_at_once(&mut scene.open(), 4, 0.05).unwrap();
        scene.is_ended_by_a_repair();
        assert!(!scene.blocking.list("log").unwrap().iter().any(|object| object.key.as_str().contains("8000")));
    }
}

#[test]
fn another_entrys_bytes_far_beyond_the_log_stand_for_nothing_either() {
    let scene = Scene::new();
    scene.lies_at(0x10_0000, &scene.entry(2));
    assert_eq!(scene.backup().distrusted, None);
    scene.is_ended_by_a_repair();
}

#[test]
fn who_relies_on_nothing_says_so_by_the_entry_that_cannot_be_read() {
    // Garbage in the next place, a replay there, an empty file behind a small gap, and one behind a long one.
    for (ahead, replay) in [(1, false), (1, true), (4, false), (300, false)] {
        let scene = Scene::new();
        let n = scene.open().head().0 + ahead;
        let bytes = if replay { scene.entry(1) } else { Bytes::new() };
        scene.lies_at(n, &bytes);
        let summary = scene.backup();
        assert!(summary.distrusted.is_some_and(|fault| fault.object.starts_with("log/")), "{ahead}");
        let options = (&mut scene.open(), 4, 0.05);
        assert!(scene.school.prune_at_once(options.0, options.1, options.2).is_err(), "unknown means keep");
        scene.is_ended_by_a_repair();
    }
}

#[test]
fn a_stray_behind_a_long_gap_goes_and_the_gap_with_it() {
    let scene = Scene::new();
    let last = scene.open().head().0;
    scene.lies_at(last + 400, b"stray");
    scene.is_ended_by_a_repair();
    assert!(scene.open().head().0 < last + 100, "{} after {last}", scene.open().head().0);
}
