//! Writing checkpoints, and removing what three of them stand for.
//!
//! Only the maintenance key writes one, and only where every entry was read. An entry goes once the third-newest of the
//! checkpoints that can be read, each read again for this, stands for it: two of them may be lost.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use dr_format::format::{CKPT_EVERY, CKPT_KEPT, TRAIL_MAX};
use dr_format::id::PackId;
use dr_format::key::{Author, WriterKey};
use dr_format::log_entry::{Body, encode, number_of as entry_of};
use dr_store::{BlockingStore, Listed, ObjectBody};

use super::listed;
use super::{Log, is_cut, name};
use crate::checkpoint::{Checkpoint, NEWER, number_of, object_name};
use crate::error::LogError;
use crate::fold::{CHECKPOINTS, CUT};
use crate::log::erased;
use crate::object::key;
use crate::reclaim;
use crate::rollback_guard::accepted;

/// A name that is taken by something that cannot be read is passed over for the next so many times.
const ATTEMPTS: u32 = 3;

impl Log {
    /// Writes a checkpoint if it is time for one, and returns its number. It is there, and was read back, then.
    pub fn checkpoint(
        &mut self,
        store: &BlockingStore,
        writer: &WriterKey,
        now_ms: i64,
    ) -> Result<Option<u64>, LogError> {
        for _ in 0..ATTEMPTS {
            self.refresh(store)?;
            self.may_checkpoint(writer)?;
            // Notes are not in a checkpoint, and some say what is still to be erased.
            let waits = |pack: &PackId| self.state.packs.get(pack).is_some_and(|pack| !pack.swept);
            if erased(self).iter().any(waits) {
                return Ok(None);
            }
            let there = listed(store)?.into_iter().filter(|n| *n <= self.highest && !self.spoiled.contains_key(n));
            if self.highest - there.max().unwrap_or(0).max(self.floor()) < CKPT_EVERY {
                return Ok(None);
            }
            let new = self.sum();
            let bytes = new.encode(writer)?;
            // Whoever was first wrote the same.
            let _ = store.put_new(&key(&object_name(new.n))?, ObjectBody::Bytes(Bytes::from(bytes)))?;
            match self.checkpoint_at(store, new.n)? {
                Ok(back) if back == new => {
                    self.begin_at(back);
                    self.follow();
                    return Ok(Some(new.n));
                }
                // The name is taken for good: another entry makes another name.
                _ => {
                    let note = format!("{} cannot be read back", object_name(new.n));
                    self.append(store, writer, now_ms, &mut |_| Ok(Body::Note(note.clone())))?;
                }
            }
        }
        Err(LogError::damaged("ckpt", "no checkpoint of the log could be read back after it was written"))
    }

    /// Unknown means keep.
    fn may_checkpoint(&self, writer: &WriterKey) -> Result<(), LogError> {
        self.may_write()?;
        if writer.as_author() != Author::Maintenance {
            return Err(LogError::KeyMayNot("checkpoints of the log are the recovery key's to write"));
        }
        match self.unknown.first() {
            None => Ok(()),
            Some(n) => Err(LogError::NotUnderstood {
                object: dr_format::log_entry::object_name(*n),
                what: "cannot be read, so no checkpoint can stand for it".into(),
            }),
        }
    }

    /// What the log adds up to here.
    fn sum(&self) -> Checkpoint {
        let entries = || self.read.values().filter_map(|outcome| outcome.as_ref().ok());
        // Digests stand for numbers that follow each other: what lies before an entry that only was accounted for is not
        // among them.
        let gap = self.read.iter().rev().find(|(_, outcome)| outcome.is_err()).map_or(0, |(n, _)| *n);
        let (old, was) = self.base.as_ref().map_or((&[][..], 0), |base| (&base.trail[..], base.accepted));
        let old = if gap > 0 { &[] } else { old };
        let since = entries().filter(|entry| entry.n > gap).map(|entry| entry.digest);
        let mut trail: Vec<_> = old.iter().copied().chain(since).collect();
        trail.drain(..trail.len().saturating_sub(TRAIL_MAX));
        let said = entries().filter_map(|entry| match &entry.body {
            Body::Note(text) if entry.author == Author::Maintenance => accepted(text),
            _ => None,
        });
        let mut state = self.state.clone();
        state.void.clear();
        Checkpoint { n: self.head.0, genesis: self.genesis, trail, accepted: said.fold(was, u64::max), state }
    }

    /// Removes log entries that nobody need read any more, and the checkpoints before the oldest that is kept. `gone`
    /// hears of each object.
    pub fn shorten(
        &mut self,
        store: &BlockingStore,
        writer: &WriterKey,
        now_ms: i64,
        stop: &AtomicBool,
        gone: &mut dyn FnMut(&Listed),
    ) -> Result<(), LogError> {
        self.refresh(store)?;
        self.may_checkpoint(writer)?;
        self.clear(store, gone)?;
        let there = listed(store)?;
        // As names go; those that cannot be read do not count below.
        let Some(third) = there.iter().rev().nth(CKPT_KEPT - 1).copied() else { return Ok(()) };
        let is_old = |object: &Listed, upto| entry_of(object.key.as_str()).is_some_and(|n| n > 1 && n <= upto);
        if there.len() == CKPT_KEPT && !store.list("log")?.iter().any(|object| is_old(object, third)) {
            return Ok(());
        }
        let Some(boundary) = self.boundary(store)? else { return Ok(()) };
        if !self.state.features.contains(CHECKPOINTS) {
            self.append(store, writer, now_ms, &mut |_| Ok(Body::Features(vec![CHECKPOINTS.to_owned()])))?;
        }
        self.cut(store, writer, now_ms)?;
        let old = |object: &Listed| number_of(object.key.as_str()).is_some_and(|n| n < boundary);
        let checkpoints = store.list("ckpt")?.into_iter().filter(old);
        let entries = store.list("log")?.into_iter().filter(|object| is_old(object, boundary));
        for object in checkpoints.chain(entries) {
            if stop.load(Ordering::Relaxed) {
                return Err(LogError::Interrupted);
            }
            reclaim::delete(store, &object.key)?;
            gone(&object);
        }
        Ok(())
    }

    /// Removes checkpoints that cannot be read, as long as one can, or every entry: no entry was removed but such as every
    /// checkpoint that can be read stands for.
    pub fn clear(&mut self, store: &BlockingStore, gone: &mut dyn FnMut(&Listed)) -> Result<(), LogError> {
        let spoiled = self.spoiled_now(store)?;
        let all = store.list("ckpt")?;
        let number = |object: &Listed| number_of(object.key.as_str());
        let is_read_from_its_beginning = self.base.is_none() && self.headless.is_none();
        if !all.iter().filter_map(number).any(|n| !spoiled.contains_key(&n)) && !is_read_from_its_beginning {
            return Ok(());
        }
        for object in &all {
            if number(object).is_some_and(|n| spoiled.get(&n).is_some_and(|why| why != NEWER)) {
                reclaim::delete(store, &object.key)?;
                gone(object);
            }
        }
        // What was said about them is over.
        self.refresh(store)
    }

    /// The third-newest of the checkpoints that can be read now, if there are three and they are of this log.
    fn boundary(&self, store: &BlockingStore) -> Result<Option<u64>, LogError> {
        let mut sound: Vec<Checkpoint> = Vec::new();
        for n in listed(store)?.into_iter().rev() {
            let Ok(found) = self.checkpoint_at(store, n)? else { continue };
            if sound.is_empty() && n > self.highest {
                // Somebody else is at it.
                return Ok(None);
            }
            let newer = sound.last().map_or_else(|| self.digest_of(n), |newer| newer.digest_of(n));
            // One that is further back than digests go is believed, but not the newest.
            if newer.is_some_and(|digest| digest != found.digest()) || (sound.is_empty() && newer.is_none()) {
                return Err(LogError::damaged(object_name(n), "it stands for another log than this one"));
            }
            sound.push(found);
            if sound.len() == CKPT_KEPT {
                return Ok(Some(n));
            }
        }
        Ok(None)
    }

    /// Puts an entry in the place of the first that a program which knows no checkpoints can read, and then must not
    /// write: it would take what is left for the whole log.
    fn cut(&self, store: &BlockingStore, writer: &WriterKey, now_ms: i64) -> Result<(), LogError> {
        if self.get(store, 1)?.is_ok_and(|entry| is_cut(&entry)) {
            return Ok(());
        }
        let body = Body::Features(vec![CHECKPOINTS.to_owned(), CUT.to_owned()]);
        let bytes = encode(1, 0, self.genesis, now_ms, &body, writer);
        reclaim::delete(store, &name(1)?)?;
        // Somebody else may have been first.
        let _ = store.put_new(&name(1)?, ObjectBody::Bytes(Bytes::from(bytes)))?;
        match self.get(store, 1)?.is_ok_and(|entry| is_cut(&entry)) {
            true => Ok(()),
            false => Err(LogError::damaged(dr_format::log_entry::object_name(1), "it is not what was just written")),
        }
    }
}
