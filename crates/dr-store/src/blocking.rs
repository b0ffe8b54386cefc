//! A store as plain threads use it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::runtime::Handle;
use tracing::Span;

use crate::{Key, Listed, ObjectBody, PutOutcome, Store, StoreError, request};

/// A [`Store`] with blocking verbs, for threads that do CPU work and are not part of the async runtime.
/// Must not be called from inside the runtime's own tasks.
#[derive(Clone)]
pub struct BlockingStore {
    store: Arc<dyn Store>,
    runtime: Handle,
    fetched: Arc<AtomicU64>,
    /// What requests are a part of, for logs: they come from threads that know nothing of it.
    within: Span,
}

#[allow(missing_docs, clippy::missing_errors_doc, reason = "each verb is the one of `Store`")]
impl BlockingStore {
    #[must_use]
    pub fn new(store: Arc<dyn Store>, runtime: Handle) -> Self {
        Self { store, runtime, fetched: Arc::default(), within: Span::current() }
    }

    /// The same, its requests logged as a part of `span`. Without this they are a part of what was going on when it was made.
    #[must_use]
    pub fn within(self, span: Span) -> Self {
        Self { within: span, ..self }
    }

    /// What its requests are logged as a part of.
    #[must_use]
    pub fn span(&self) -> &Span {
        &self.within
    }

    pub fn put_new(&self, key: &Key, body: ObjectBody) -> Result<PutOutcome, StoreError> {
        let span = request::begin(&self.within, "put", key.as_str());
        request::sends(&span, &body);
        request::ended(span, self.runtime.block_on(self.store.put_new(key, body)))
    }

    pub fn get(&self, key: &Key, limit: u64) -> Result<Bytes, StoreError> {
        let span = request::begin(&self.within, "get", key.as_str());
        request::ended(span, self.runtime.block_on(self.store.get(key, limit))).inspect(|bytes| self.count(bytes))
    }

    pub fn get_range(&self, key: &Key, offset: u64, len: u64) -> Result<Bytes, StoreError> {
        let span = request::begin(&self.within, "get-range", key.as_str());
        let answer = self.runtime.block_on(self.store.get_range(key, offset, len));
        request::ended(span, answer).inspect(|bytes| self.count(bytes))
    }

    fn count(&self, bytes: &Bytes) {
        self.fetched.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }

    /// Bytes that were got through this blocking and its clones so far.
    #[must_use]
    pub fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    pub fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let span = request::begin(&self.within, "list", prefix);
        request::ended(span, self.runtime.block_on(self.store.list(prefix)))
    }

    pub fn size(&self, key: &Key) -> Result<u64, StoreError> {
        let span = request::begin(&self.within, "size", key.as_str());
        request::ended(span, self.runtime.block_on(self.store.size(key)))
    }

    pub fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let span = request::begin(&self.within, "delete", key.as_str());
        request::ended(span, self.runtime.block_on(self.store.delete(key)))
    }

    #[must_use]
    pub fn staging(&self) -> Option<&Path> {
        self.store.staging()
    }

    #[must_use]
    pub fn temporary(&self) -> Option<&Path> {
        self.store.temporary()
    }

    #[must_use]
    pub fn may_rot(&self) -> bool {
        self.store.may_rot()
    }

    #[must_use]
    pub fn single_writer(&self) -> bool {
        self.store.single_writer()
    }

    pub fn keep_room(&self) {
        self.store.keep_room();
    }

    #[must_use]
    pub fn give_room(&self) -> bool {
        self.store.give_room()
    }

    #[must_use]
    pub fn place(&self) -> String {
        self.store.place()
    }
}
