//! Objects among the entries of the log that nobody can have written there in turn, and how they go.
//!
//! Entries are created one after the other. A number far beyond the others is an accident or somebody's mischief. If what
//! lies there is no entry, it stands for nothing: it is named, holds nobody up, and `repair` removes it. If it is one, with
//! its own number and a good signature, then all before it may be gone, which is not passed over.

use std::collections::btree_map::Entry;

use dr_store::BlockingStore;

use super::{Log, MISSING, name};
use crate::error::LogError;
use crate::reclaim;

/// So many of those with the lowest numbers are looked at, and of those with the highest.
const LOOKED_AT: usize = 16;
/// So many missing ones in a row are told together.
const TOLD_EACH: usize = 4;
/// Where so many entries are missing below one that cannot be read, and nothing that can is above it, nobody has written
/// it there.
const GAP: usize = 64;

impl Log {
    /// Looks whether there are entries among the objects with numbers far beyond the others.
    pub(super) fn look_beyond(&mut self, store: &BlockingStore) -> Result<(), LogError> {
        let far = &self.implausible;
        let some: Vec<u64> = far.iter().take(LOOKED_AT).chain(far.iter().rev().take(LOOKED_AT)).copied().collect();
        let mut beyond = std::mem::take(&mut self.beyond);
        beyond.retain(|n, _| some.contains(n));
        for n in some {
            if let Entry::Vacant(place) = beyond.entry(n) {
                place.insert(self.get(store, n)?.is_ok());
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
    pub fn told(&self) -> Vec<(u64, String)> {
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
    pub fn doubted(&self) -> Vec<u64> {
        let said = self.odd.iter().map(|(n, _)| *n).filter(|n| !self.implausible.contains(n));
        let mut all: Vec<u64> = self.unknown.iter().copied().chain(said).collect();
        all.sort_unstable();
        all
    }

    /// Removes objects with numbers far beyond the others. Whatever else lies here is registered by then.
    pub fn remove_far(&mut self, store: &BlockingStore) -> Result<Vec<u64>, LogError> {
        let far = self.implausible.clone();
        self.remove(store, far)
    }

    /// Removes what cannot be read at the end of the log, behind so long a gap that nobody wrote it there in turn. The gap
    /// goes with it.
    pub fn remove_behind_gap(&mut self, store: &BlockingStore) -> Result<Vec<u64>, LogError> {
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
        self.remove(store, behind)
    }

    fn remove(&mut self, store: &BlockingStore, numbers: Vec<u64>) -> Result<Vec<u64>, LogError> {
        for n in &numbers {
            reclaim::delete(store, &name(*n)?)?;
        }
        if !numbers.is_empty() {
            // What was read before is no evidence any more of how far the log goes.
            self.read_again(store)?;
        }
        Ok(numbers)
    }
}
