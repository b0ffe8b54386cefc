//! Objects among the entries of the log that nobody can have written there in turn, and how they go.
//!
//! Entries are created one after the other. A number far beyond the others is an accident or somebody's mischief. If what
//! lies there is no entry, it stands for nothing: it is named, holds nobody up, and `repair` removes it. If it is one, with
//! its own number and a good signature, then all before it may be gone, which is not passed over.

use std::collections::btree_map::Entry;

use dr_store::Shelf;

use super::{Log, MISSING, name};
use crate::log_error::LogError;

/// So many of those with the lowest numbers are looked at, and of those with the highest.
const LOOKED_AT: usize = 16;
/// So many missing ones in a row are told together.
const TOLD_EACH: usize = 4;
/// Where so many entries are missing below one that cannot be read, and nothing that can is above it, nobody has written
/// it there.
const GAP: usize = 64;

impl Log {
    /// Looks whether there are entries among the objects with numbers far beyond the others.
    pub(super) fn look_beyond(&mut self, shelf: &Shelf) -> Result<(), LogError> {
        let far = &self.implausible;
        let some: Vec<u64> = far.iter().take(LOOKED_AT).chain(far.iter().rev().take(LOOKED_AT)).copied().collect();
        let mut beyond = std::mem::take(&mut self.beyond);
        beyond.retain(|n, _| some.contains(n));
        for n in some {
            if let Entry::Vacant(place) = beyond.entry(n) {
                place.insert(self.get(shelf, n)?.is_ok());
            }
        }
        self.beyond = beyond;
        Ok(())
    }

    /// The objects with numbers far beyond the others, and whether they say that entries before them are gone.
    pub(super) fn strays(&self) -> (Vec<(u64, String)>, bool) {
        let is_evidence = self.beyond.values().any(|is_entry| *is_entry);
        let what = if is_evidence {
            "its number is far beyond the others, and something there is rightly signed: entries before it may be gone"
        } else {
            "its number is far beyond the others and it is not an entry: it means nothing, and a repair removes it"
        };
        (self.implausible.iter().map(|n| (*n, what.to_owned())).collect(), is_evidence)
    }

    /// What is wrong with entries, and what is odd: a long run of missing ones as one.
    pub(crate) fn told(&self) -> Vec<(u64, String)> {
        let (mut out, mut rest): (Vec<(u64, String)>, _) = (Vec::new(), self.unreadable.as_slice());
        while let Some((first, what)) = rest.first() {
            let follow = |(at, (n, what)): &(usize, &(u64, String))| what == MISSING && *n == first + *at as u64;
            let many = rest.iter().enumerate().take_while(follow).count();
            if many < TOLD_EACH {
                out.push((*first, what.clone()));
                rest = &rest[1..];
            } else {
                out.push((*first, format!("it and the {} entries after it are missing", many - 1)));
                rest = &rest[many..];
            }
        }
        out.extend(self.odd.iter().cloned());
        out
    }

    /// What a repair has to account for: entries that cannot be read, and those of which a host says that they were others.
    pub(crate) fn doubted(&self) -> Vec<u64> {
        let said = self.odd.iter().map(|(n, _)| *n).filter(|n| !self.implausible.contains(n));
        let mut all: Vec<u64> = self.unknown.iter().copied().chain(said).collect();
        all.sort_unstable();
        all
    }

    /// Removes objects with numbers far beyond the others. Whatever else lies here is registered by then.
    pub(crate) fn remove_far(&mut self, shelf: &Shelf) -> Result<Vec<u64>, LogError> {
        let far = self.implausible.clone();
        self.remove(shelf, far)
    }

    /// Removes what cannot be read at the end of the log, behind so long a gap that nobody wrote it there in turn. The gap
    /// goes with it.
    pub(crate) fn remove_behind_gap(&mut self, shelf: &Shelf) -> Result<Vec<u64>, LogError> {
        let knows_something = self.floor() > 0 || self.read.values().any(Result::is_ok);
        if self.headless.is_some() || !knows_something {
            return Ok(Vec::new());
        }
        let (mut behind, mut some, mut gap) = (Vec::new(), Vec::new(), 0);
        for (n, outcome) in self.read.iter().rev() {
            match outcome {
                Ok(_) => break,
                Err(why) if why == MISSING => gap += 1,
                Err(_) if gap > 0 && gap < GAP => break,
                Err(_) => {
                    gap = 0;
                    some.push(*n);
                }
            }
            if gap >= GAP {
                behind.append(&mut some);
            }
        }
        self.remove(shelf, behind)
    }

    fn remove(&mut self, shelf: &Shelf, numbers: Vec<u64>) -> Result<Vec<u64>, LogError> {
        for n in &numbers {
            shelf.delete(&name(*n)?)?;
        }
        if !numbers.is_empty() {
            // What was read before is no evidence any more of how far the log goes.
            self.read_anew(shelf)?;
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use bytes::Bytes;
    use dr_store::Body as Put;
    use dr_store::memory::MemoryStore;

    use super::*;
    use crate::error::RepoError;
    use crate::id::{Digest, HostId};
    use crate::key::{FamilyKey, Key, WriterKey};
    use crate::log_entry::{Body, encode};
    use crate::progress::Tally;
    use crate::prune::{Prune, prune};
    use crate::repair::{Repair, repair};
    use crate::repository::{Repository, Unlock, create};

    struct Scene {
        runtime: tokio::runtime::Runtime,
        family: FamilyKey,
        shelf: Shelf,
    }

    impl Scene {
        fn new() -> Self {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
            let shelf = Shelf::new(Arc::new(MemoryStore::that_may_rot()), runtime.handle().clone());
            let family = FamilyKey::generate();
            create(&shelf, &family, None, "2026-01-01T00:00:00Z", 0).unwrap();
            let scene = Self { runtime, family, shelf };
            (0..3).for_each(|_| scene.open().note("on we go", 3).unwrap());
            scene
        }

        fn open(&self) -> Repository {
            let _ = &self.runtime;
            let key = Unlock::Key(Key::Family(self.family.clone()));
            Repository::open(self.shelf.clone(), key, HostId([1; 4])).unwrap()
        }

        /// An entry that says it follows another one with these bytes.
        fn says(&self, n: u64, (before, digest): (u64, Digest), writer: &WriterKey) {
            let bytes = encode(n, before, digest, 5, &Body::Note("something".into()), writer);
            self.shelf.put_new(&name(n).unwrap(), Put::Bytes(Bytes::from(bytes))).unwrap();
        }

        fn prune(&self) -> Result<(), RepoError> {
            let (stop, tally, folder) = (AtomicBool::new(false), Tally::default(), tempfile::tempdir().unwrap());
            let options = Prune::usual(9, true, folder.path(), &|| 9, &stop, &tally);
            prune(&mut self.open(), &options, &mut |_| {}).map(drop)
        }

        fn is_ended_by_a_repair(&self) {
            let (stop, tally, folder) = (AtomicBool::new(false), Tally::default(), tempfile::tempdir().unwrap());
            let options = Repair {
                now_ms: 9,
                dry: false,
                others: &[],
                scratch: folder.path(),
                journal: None,
                clock: &|| 9,
                stop: &stop,
                tally: &tally,
            };
            let repaired = repair(&mut self.open(), &options, &mut |_| {}).unwrap();
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
}
