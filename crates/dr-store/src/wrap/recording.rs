//! What was asked of a store, in order: how tests show that data is durable before the log says so.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Key, Listed, ObjectBody, PutOutcome, Store, StoreError};

/// What can be asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is the verb of `Store`")]
pub enum Verb {
    PutNew,
    Get,
    GetRange,
    List,
    Size,
    Delete,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Asked {
    /// What was asked.
    pub verb: Verb,
    /// Of which object; of [`Verb::List`], the prefix.
    pub name: String,
}

/// Passes everything on to another store and keeps a list. A request is listed when it arrives, whether or not
/// it succeeds.
pub struct Recording {
    inner: Arc<dyn Store>,
    asked: Mutex<Vec<Asked>>,
}

impl Recording {
    /// Records what is asked of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, asked: Mutex::default() }
    }

    /// Everything that was asked since the last time, in order.
    #[must_use]
    pub fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, verb: Verb, name: &str) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(Asked { verb, name: name.to_owned() });
    }
}

#[async_trait]
impl Store for Recording {
    async fn put_new(&self, key: &Key, body: ObjectBody) -> Result<PutOutcome, StoreError> {
        self.note(Verb::PutNew, key.as_str());
        self.inner.put_new(key, body).await
    }

    async fn get(&self, key: &Key, limit: u64) -> Result<Bytes, StoreError> {
        self.note(Verb::Get, key.as_str());
        self.inner.get(key, limit).await
    }

    async fn get_range(&self, key: &Key, offset: u64, len: u64) -> Result<Bytes, StoreError> {
        self.note(Verb::GetRange, key.as_str());
        self.inner.get_range(key, offset, len).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        self.note(Verb::List, prefix);
        self.inner.list(prefix).await
    }

    async fn size(&self, key: &Key) -> Result<u64, StoreError> {
        self.note(Verb::Size, key.as_str());
        self.inner.size(key).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.note(Verb::Delete, key.as_str());
        self.inner.delete(key).await
    }

    fn staging(&self) -> Option<&Path> {
        self.inner.staging()
    }

    fn temporary(&self) -> Option<&Path> {
        self.inner.temporary()
    }

    fn may_rot(&self) -> bool {
        self.inner.may_rot()
    }

    fn single_writer(&self) -> bool {
        self.inner.single_writer()
    }

    fn keep_room(&self) {
        self.inner.keep_room();
    }

    fn give_room(&self) -> bool {
        self.inner.give_room()
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;

    #[test]
    fn recording_keeps_every_promise_of_a_store() {
        crate::conformance::check(&|| Arc::new(Recording::new(Arc::new(MemoryStore::new()))));
    }

    #[tokio::test]
    async fn requests_are_listed_in_order_even_if_they_fail() {
        let store = Recording::new(Arc::new(MemoryStore::new()));
        let key = Key::new("log/1").unwrap();
        assert!(store.get(&key, 9).await.is_err());
        store.put_new(&key, ObjectBody::Bytes(Bytes::new())).await.unwrap();
        let asked = |verb| Asked { verb, name: "log/1".to_owned() };
        assert_eq!(store.take(), [asked(Verb::Get), asked(Verb::PutNew)]);
        assert_eq!(store.take(), []);
    }
}
