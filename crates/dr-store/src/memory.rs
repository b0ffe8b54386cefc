//! Named bytes in memory, for tests: quick, and as easy to damage as a disk on a bad day.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Key, Listed, ObjectBody, PutOutcome, Store, StoreError};

/// A store in memory.
#[derive(Default)]
pub struct MemoryStore {
    objects: Mutex<BTreeMap<Key, Bytes>>,
    may_rot: bool,
    single_writer: bool,
    /// All there is room for, and whether a part of it is kept back.
    room: Option<u64>,
    kept: AtomicBool,
}

/// What an object takes beside its bytes, and how much is kept back where room is limited.
const EACH: u64 = 512;
const KEPT: u64 = 64 << 10;

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that is to be taken for a disk of one's own.
    #[must_use]
    pub fn that_may_rot() -> Self {
        Self { may_rot: true, ..Self::default() }
    }

    /// An empty store that is to be taken for a folder which cannot refuse a name that is taken. It has no lock: as if each
    /// who opens it had mounted it on a host of his own.
    #[must_use]
    pub fn that_takes_one_writer() -> Self {
        Self { single_writer: true, ..Self::default() }
    }

    /// An empty store with room for so many bytes, and 512 for each object.
    #[must_use]
    pub fn with_room_for(bytes: u64) -> Self {
        Self { room: Some(bytes), ..Self::that_may_rot() }
    }

    /// What is taken of the room.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.objects().values().map(|bytes| bytes.len() as u64 + EACH).sum()
    }

    /// Everything that is in the store now.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<Key, Bytes> {
        self.objects().clone()
    }

    /// Puts back a [`MemoryStore::snapshot`], or whatever else shall be in the store from now on.
    pub fn restore(&self, objects: BTreeMap<Key, Bytes>) {
        *self.objects() = objects;
    }

    /// Damages one byte of an object: `mask` says which bits flip.
    ///
    /// # Panics
    /// If there is no such byte, for then a test damages nothing and proves nothing.
    pub fn flip(&self, key: &Key, offset: usize, mask: u8) {
        let mut objects = self.objects();
        let Some(object) = objects.get_mut(key) else { panic!("{key} is not in memory") };
        let mut bytes = object.to_vec();
        bytes[offset] ^= mask;
        *object = bytes.into();
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<Key, Bytes>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &Key) -> Result<Bytes, StoreError> {
        let missing = || StoreError::NotFound { key: key.clone(), place: self.place() };
        self.objects().get(key).cloned().ok_or_else(missing)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn put_new(&self, key: &Key, body: ObjectBody) -> Result<PutOutcome, StoreError> {
        let bytes = body.into_bytes().map_err(|source| StoreError::Io {
            what: "cannot write to",
            place: self.place(),
            source,
        })?;
        let taken = self.taken() + if self.kept.load(Ordering::Relaxed) { KEPT } else { 0 };
        let mut objects = self.objects();
        if objects.contains_key(key) {
            return Ok(PutOutcome::Exists);
        }
        if self.room.is_some_and(|room| taken + bytes.len() as u64 + EACH > room) {
            return Err(StoreError::Full { place: self.place() });
        }
        objects.insert(key.clone(), bytes);
        Ok(PutOutcome::Created)
    }

    async fn get(&self, key: &Key, limit: u64) -> Result<Bytes, StoreError> {
        let bytes = self.find(key)?;
        let size = bytes.len() as u64;
        if size > limit {
            return Err(StoreError::TooLarge { key: key.clone(), place: self.place(), size, limit });
        }
        Ok(bytes)
    }

    async fn get_range(&self, key: &Key, offset: u64, len: u64) -> Result<Bytes, StoreError> {
        let bytes = self.find(key)?;
        let end = offset.saturating_add(len);
        if end > bytes.len() as u64 {
            return Err(StoreError::Short { key: key.clone(), place: self.place(), end });
        }
        // Both ends fit: they lie within a length that does.
        #[allow(clippy::cast_possible_truncation, reason = "compared with the length above")]
        Ok(bytes.slice(offset as usize..end as usize))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let prefix = prefix.trim_end_matches('/');
        let below = |key: &Key| {
            let rest = key.as_str().strip_prefix(prefix);
            prefix.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let objects = self.objects();
        let listed = objects.iter().filter(|(key, _)| below(key));
        Ok(listed.map(|(key, bytes)| Listed { key: key.clone(), size: bytes.len() as u64, since_ms: None }).collect())
    }

    async fn size(&self, key: &Key) -> Result<u64, StoreError> {
        Ok(self.find(key)?.len() as u64)
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.objects().remove(key);
        Ok(())
    }

    fn may_rot(&self) -> bool {
        self.may_rot
    }

    fn single_writer(&self) -> bool {
        self.single_writer
    }

    fn keep_room(&self) {
        let is_plenty = self.room.is_some_and(|room| self.taken() + 4 * KEPT < room);
        self.kept.fetch_or(is_plenty, Ordering::Relaxed);
    }

    fn give_room(&self) -> bool {
        self.kept.swap(false, Ordering::Relaxed)
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn memory_keeps_every_promise_of_a_store() {
        crate::conformance::check(&|| Arc::new(MemoryStore::new()));
    }

    #[tokio::test]
    async fn a_snapshot_undoes_damage() {
        let store = MemoryStore::new();
        let key = Key::new("data/0").unwrap();
        store.put_new(&key, ObjectBody::Bytes(Bytes::from_static(b"whole"))).await.unwrap();
        let before = store.snapshot();
        store.flip(&key, 0, 0x20);
        assert_eq!(store.get(&key, 9).await.unwrap(), "Whole");
        store.restore(before);
        assert_eq!(store.get(&key, 9).await.unwrap(), "whole");
    }
}
