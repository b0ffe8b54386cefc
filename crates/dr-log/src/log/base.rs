//! Where reading the log begins: the newest checkpoint that can be read.
//!
//! Checkpoints that cannot be read are passed over for older ones, and said. Their numbers stand all the same: an entry
//! at or below one counts only if it is certain that it was never removed.

use std::collections::{BTreeMap, BTreeSet};

use dr_format::format::CKPT_MAX;
use dr_format::id::Digest;
use dr_format::log_entry::Entry;
use dr_store::{BlockingStore, StoreError};

use super::{Log, listed};
use crate::checkpoint::{Checkpoint, object_name};
use crate::error::LogError;
use crate::object::key;

impl Log {
    /// Up to which entry a checkpoint stands for the log.
    pub(super) fn floor(&self) -> u64 {
        self.base.as_ref().map_or(0, |base| base.n)
    }

    /// Reads a checkpoint: itself, or what is wrong with it.
    pub(super) fn checkpoint_at(&self, store: &BlockingStore, n: u64) -> Result<Result<Checkpoint, String>, LogError> {
        match store.get(&key(&object_name(n))?, CKPT_MAX) {
            Ok(bytes) => {
                Ok(Checkpoint::decode(&bytes, n, self.genesis, &self.maintenance).map_err(|bad| bad.0.to_owned()))
            }
            Err(StoreError::NotFound { .. }) => Ok(Err("it is missing".to_owned())),
            Err(StoreError::TooLarge { .. }) => Ok(Err("it is larger than a checkpoint can be".to_owned())),
            Err(other) => Err(other.into()),
        }
    }

    /// Begins at the newest checkpoint of these that can be read, if what is known so far does not reach as far.
    pub(super) fn rebase(&mut self, store: &BlockingStore, listed: &BTreeSet<u64>) -> Result<(), LogError> {
        self.spoiled.retain(|n, _| listed.contains(n));
        let is_whole = self.unknown.is_empty();
        for n in listed.iter().rev().copied().filter(|n| *n > self.floor()).collect::<Vec<_>>() {
            if is_whole && n <= self.highest {
                break;
            }
            if self.spoiled.contains_key(&n) {
                continue;
            }
            match self.checkpoint_at(store, n)? {
                Ok(checkpoint) => {
                    self.begin_at(checkpoint);
                    break;
                }
                Err(why) => drop(self.spoiled.insert(n, why)),
            }
        }
        Ok(())
    }

    /// Of all checkpoints, those that cannot be read, and why.
    pub fn spoiled_now(&self, store: &BlockingStore) -> Result<BTreeMap<u64, String>, LogError> {
        let mut out = BTreeMap::new();
        for n in listed(store)? {
            if let Err(why) = self.checkpoint_at(store, n)? {
                out.insert(n, why);
            }
        }
        Ok(out)
    }

    pub(super) fn begin_at(&mut self, checkpoint: Checkpoint) {
        self.read = self.read.split_off(&(checkpoint.n + 1));
        self.highest = self.highest.max(checkpoint.n);
        self.base = Some(checkpoint);
    }

    /// The digest of an entry, if that is known.
    pub(super) fn digest_of(&self, n: u64) -> Option<Digest> {
        let read = || self.read.get(&n).and_then(|outcome| outcome.as_ref().ok()).map(|entry| entry.digest);
        self.base.as_ref().and_then(|base| base.digest_of(n)).or_else(read)
    }

    /// Reads everything once more, as if nothing were known.
    pub(super) fn read_again(&mut self, store: &BlockingStore) -> Result<(), LogError> {
        let fresh = Self::open(store, self.family, self.maintenance, self.genesis)?;
        let old = std::mem::replace(self, fresh);
        (self.seen, self.read_only, self.alone) = (old.seen, old.read_only, old.alone);
        self.remember();
        Ok(())
    }

    /// Whether an entry that was just created counts for everybody. Its number may have been used before: whoever
    /// stopped for long enough may create an entry that was removed long ago. A checkpoint stands for such a number,
    /// and says which entry it was.
    pub(super) fn counts(&mut self, store: &BlockingStore, n: u64, entry: Entry) -> Result<bool, LogError> {
        let digest = entry.digest;
        // One that could not be read when the log did not reach as far stands for nothing.
        let is_mischief = |at: &u64| *at > self.highest && self.spoiled.contains_key(at);
        if listed(store)?.range(n..).all(is_mischief) {
            self.read.insert(n, Ok(entry));
            self.highest = self.highest.max(n);
            self.follow();
            return Ok(true);
        }
        // Nothing that was read before is evidence: it may be gone.
        self.read_again(store)?;
        let is_whole = || self.headless.is_none() && (self.floor() + 1..=n).all(|n| self.digest_of(n).is_some());
        Ok(self.digest_of(n) == Some(digest) && (n <= self.floor() || is_whole()))
    }
}
