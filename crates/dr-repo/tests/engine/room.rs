//! A full repository gives back room: what nobody needs goes first, with the little that is kept back for it.

use std::sync::Arc;

use bytes::Bytes;
use dr_repo::{RepoError, SnapshotId};
use dr_store::memory::MemoryStore;
use dr_store::{BlockingStore, Key, ObjectBody, StoreError};

use crate::support::*;

const ROOM: u64 = 12 << 20;

/// A repository that is full by its own doing: of each backup's pack a little is needed by the last one, too.
struct Full {
    school: School,
    store: Arc<MemoryStore>,
    blocking: BlockingStore,
    snapshots: Vec<SnapshotId>,
    tree: Tree,
}

impl Full {
    fn new() -> Self {
        let mut school = School::new();
        school.workers = 1;
        let store = Arc::new(MemoryStore::with_room_for(ROOM));
        let blocking = school.blocking(store.clone());
        school.create(&blocking);
        let mut full = Self { school, store, blocking, snapshots: Vec::new(), tree: Tree::new() };
        for day in 0.. {
            file(&mut full.tree, "dump", noise(900_000, 1_000 + day));
            file(&mut full.tree, &format!("kept-{day:03}"), noise(60_000, day));
            match full.school.backup(&mut full.open(), &full.tree, None) {
                Ok(summary) => full.snapshots.push(summary.snapshot),
                Err(RepoError::Store(StoreError::Full { .. })) => break,
                Err(other) => panic!("{other}"),
            }
        }
        full.tree.remove(&path("dump"));
        // Small ones go on for as long as there is room for any.
        for day in 500.. {
            file(&mut full.tree, &format!("small-{day}"), noise(20_000, day));
            if full.school.backup(&mut full.open(), &full.tree, None).is_err() {
                full.tree.remove(&path(&format!("small-{day}")));
                break;
            }
        }
        full.snapshots = full.open().snapshots().iter().map(|one| one.id).collect();
        assert!(full.snapshots.len() > 6, "{}", full.snapshots.len());
        full
    }

    fn open(&self) -> dr_repo::Repository {
        self.school.open(&self.blocking).unwrap()
    }

    /// Not a byte more goes in.
    fn to_the_brim(&self) {
        for number in 0.. {
            let name = Key::new(format!("status/{number:020}")).unwrap();
            let size = [60_000, 2_000, 1]
                .into_iter()
                .find(|size| self.blocking.put_new(&name, ObjectBody::Bytes(Bytes::from(vec![7; *size]))).is_ok());
            if size.is_none() {
                break;
            }
        }
    }

    /// All but the newest go, and there is room.
    fn gives_room(&self) {
        let before = self.store.taken();
        let (newest, old) = self.snapshots.split_last().unwrap();
        forget(&mut self.open(), old, 10).unwrap();
        for _ in 0..3 {
            self.school.prune_at_once(&mut self.open(), 20, 0.05).unwrap();
        }
        let after = self.store.taken();
        assert!(after < before - (3 << 20), "{before} bytes were taken, and {after} are now");
        assert!(self.school.restore(&self.open(), *newest).unwrap().0 == self.tree);
        let mut more = self.tree.clone();
        file(&mut more, "again", noise(900_000, 77));
        let again = self.school.backup(&mut self.open(), &more, None).unwrap();
        assert!(self.school.restore(&self.open(), again.snapshot).unwrap().0 == more);
    }
}

#[test]
fn a_full_repository_can_forget_and_prune_and_takes_less_room_afterwards() {
    Full::new().gives_room();
}

#[test]
fn with_no_byte_left_it_forgets_and_prunes_all_the_same() {
    let full = Full::new();
    full.to_the_brim();
    full.gives_room();
}

#[test]
fn one_that_keeps_no_room_back_gives_up_parity_for_the_word_that_gives_room() {
    let full = Full::new();
    assert!(full.blocking.give_room());
    full.to_the_brim();
    full.gives_room();
    let repaired = full.school.mend(&mut full.open(), 30).unwrap();
    assert_eq!(repaired.after.map_or(0, |after| after.without_parity), 0);
}

#[test]
fn a_backup_never_takes_the_room_that_is_kept_back() {
    let full = Full::new();
    assert!(full.blocking.give_room(), "it was kept until the end");
}
