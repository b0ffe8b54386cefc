//! What is odd in a log stops what it must, is told, and is ended by a repair.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use dr_format::id::{Digest, HostId};
use dr_format::key::{FamilyKey, Key, WriterKey};
use dr_format::log_entry::{Body, encode, object_name};
use dr_log::object::key;
use dr_store::memory::MemoryStore;
use dr_store::{BlockingStore, ObjectBody};

use crate::error::RepoError;
use crate::maintain::prune::PruneOptions;
use crate::maintain::repair::RepairOptions;
use crate::progress::Tally;
use crate::read::repository::{Repository, Unlock, create};
use crate::tests::{prune, repair};

struct Scene {
    runtime: tokio::runtime::Runtime,
    family: FamilyKey,
    store: BlockingStore,
}

impl Scene {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let store = BlockingStore::new(Arc::new(MemoryStore::that_may_rot()), runtime.handle().clone());
        let family = FamilyKey::generate();
        create(&store, &family, None, "2026-01-01T00:00:00Z", 0).unwrap();
        let scene = Self { runtime, family, store };
        (0..3).for_each(|_| scene.open().note("on we go", 3).unwrap());
        scene
    }

    fn open(&self) -> Repository {
        let _ = &self.runtime;
        let key = Unlock::Key(Key::Family(self.family.clone()));
        Repository::open(self.store.clone(), key, HostId([1; 4])).unwrap()
    }

    /// An entry that says it follows another one with these bytes.
    fn says(&self, n: u64, (before, digest): (u64, Digest), writer: &WriterKey) {
        let bytes = encode(n, before, digest, 5, &Body::Note("something".into()), writer);
        self.store.put_new(&key(&object_name(n)).unwrap(), ObjectBody::Bytes(Bytes::from(bytes))).unwrap();
    }

    fn prune(&self) -> Result<(), RepoError> {
        let (stop, tally, folder) = (AtomicBool::new(false), Tally::default(), tempfile::tempdir().unwrap());
        let options = PruneOptions::usual(9, true, folder.path(), &|| 9, &stop, &tally);
        prune(&mut self.open(), &options).map(drop)
    }

    fn is_ended_by_a_repair(&self) {
        let (stop, tally, folder) = (AtomicBool::new(false), Tally::default(), tempfile::tempdir().unwrap());
        let options = RepairOptions {
            now_ms: 9,
            others: &[],
            scratch: folder.path(),
            journal: None,
            clock: &|| 9,
            stop: &stop,
            tally: &tally,
        };
        let repaired = repair(&mut self.open(), &options).unwrap();
        assert_eq!(repaired.after.unwrap().findings, []);
        assert_eq!(self.open().faults(), []);
        self.prune().unwrap();
    }
}

#[test]
fn an_entry_that_is_rightly_signed_far_beyond_the_others_is_not_passed_over() {
    // All between may have been lost: what it said is not known, so nothing may go.
    for by_host in [false, true] {
        let scene = Scene::new();
        let host = scene.family.writer().unwrap();
        let maintenance = scene.open().writer;
        scene.says(5_000, (4_999, Digest([3; 32])), if by_host { &host } else { &maintenance });
        assert_eq!(scene.open().log.unknown, [5_000]);
        assert!(scene.prune().is_err());
        scene.is_ended_by_a_repair();
    }
}

#[test]
fn that_an_entry_was_another_one_is_a_report_on_a_hosts_word_alone() {
    let scene = Scene::new();
    let last = scene.open().head().0;
    scene.says(last + 1, (2, Digest([3; 32])), &scene.family.writer().unwrap());
    let opened = scene.open();
    assert_eq!((opened.log.unknown.len(), opened.log.unreadable.len()), (0, 0));
    assert_eq!(opened.faults().len(), 1, "it is told");
    scene.prune().unwrap();
    scene.is_ended_by_a_repair();
}

#[test]
fn that_an_entry_was_another_one_stops_a_prune_on_the_maintenance_keys_word() {
    let scene = Scene::new();
    let last = scene.open().head().0;
    scene.says(last + 1, (2, Digest([3; 32])), &scene.open().writer);
    assert_eq!(scene.open().log.unknown, [2]);
    assert!(scene.prune().is_err());
    scene.is_ended_by_a_repair();
}
