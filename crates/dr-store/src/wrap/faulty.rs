//! A store that fails when told to: how tests cut a run short after every single request it makes.
//!
//! Requests are counted from 1, whatever their verb. Run once without a fault, ask [`Faulty::count`], then run
//! again for every number up to that.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Key, Listed, ObjectBody, PutOutcome, Store, StoreError};

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// With an error of this kind, and nothing was done.
    Before(io::ErrorKind),
    /// With an error of this kind, although it was done: the answer got lost.
    After(io::ErrorKind),
    /// No space left. Befalls only puts.
    Full,
    /// The object's first bytes, this many at most, are stored under its name, and the put fails: what a medium
    /// without atomic names leaves when it is pulled. Befalls only puts.
    Torn(usize),
}

#[derive(Default)]
struct Plan {
    count: u64,
    fault: Option<(u64, Fault)>,
    lasting: bool,
}

/// Passes requests on to another store, except those that shall fail.
pub struct Faulty {
    inner: Arc<dyn Store>,
    plan: Mutex<Plan>,
}

impl Faulty {
    /// Fails nothing yet, only counts.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, plan: Mutex::default() }
    }

    /// Fails the first request from the `number`-th on that `fault` can befall, and no other. Counting starts
    /// again at 1.
    pub fn fail_once(&self, number: u64, fault: Fault) {
        *self.plan() = Plan { count: 0, fault: Some((number, fault)), lasting: false };
    }

    /// Fails every request from the `number`-th on that `fault` can befall. Counting starts again at 1.
    pub fn fail_from(&self, number: u64, fault: Fault) {
        *self.plan() = Plan { count: 0, fault: Some((number, fault)), lasting: true };
    }

    /// Fails nothing any more. Counting starts again at 1.
    pub fn heal(&self) {
        *self.plan() = Plan::default();
    }

    /// How many requests there were since counting last started.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.plan().count
    }

    /// Whether the fault has happened, if it was to happen once. A test whose fault never happened proves nothing.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.plan().fault.is_none()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request and says how it shall fail.
    fn strike(&self, is_put: bool) -> Option<Fault> {
        let mut plan = self.plan();
        plan.count += 1;
        let (number, fault) = plan.fault?;
        if plan.count < number || (!is_put && matches!(fault, Fault::Full | Fault::Torn(_))) {
            return None;
        }
        if !plan.lasting {
            plan.fault = None;
        }
        Some(fault)
    }

    fn error(&self, what: &'static str, kind: io::ErrorKind) -> StoreError {
        StoreError::Io { what, place: self.place(), source: io::Error::new(kind, "as the test asked") }
    }

    /// Passes a request that is not a put on, or not.
    async fn pass<T>(
        &self,
        what: &'static str,
        request: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match self.strike(false) {
            Some(Fault::Before(kind)) => Err(self.error(what, kind)),
            Some(Fault::After(kind)) => {
                request.await?;
                Err(self.error(what, kind))
            }
            Some(Fault::Full | Fault::Torn(_)) | None => request.await,
        }
    }
}

#[async_trait]
impl Store for Faulty {
    async fn put_new(&self, key: &Key, body: ObjectBody) -> Result<PutOutcome, StoreError> {
        const WHAT: &str = "cannot write to";
        let Some(fault) = self.strike(true) else {
            return self.inner.put_new(key, body).await;
        };
        if let Fault::After(kind) = fault {
            self.inner.put_new(key, body).await?;
            return Err(self.error(WHAT, kind));
        }
        // Also a put that fails consumes its file.
        let bytes = body.into_bytes().map_err(|e| self.error(WHAT, e.kind()))?;
        match fault {
            Fault::Before(kind) | Fault::After(kind) => Err(self.error(WHAT, kind)),
            Fault::Full => Err(StoreError::Full { place: self.place() }),
            Fault::Torn(keep) => {
                self.inner.put_new(key, ObjectBody::Bytes(bytes.slice(..keep.min(bytes.len())))).await?;
                Err(self.error(WHAT, io::ErrorKind::ConnectionReset))
            }
        }
    }

    async fn get(&self, key: &Key, limit: u64) -> Result<Bytes, StoreError> {
        self.pass("cannot read from", self.inner.get(key, limit)).await
    }

    async fn get_range(&self, key: &Key, offset: u64, len: u64) -> Result<Bytes, StoreError> {
        self.pass("cannot read from", self.inner.get_range(key, offset, len)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        self.pass("cannot read from", self.inner.list(prefix)).await
    }

    async fn size(&self, key: &Key) -> Result<u64, StoreError> {
        self.pass("cannot read from", self.inner.size(key)).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.pass("cannot write to", self.inner.delete(key)).await
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

    fn key() -> Key {
        Key::new("data/0").unwrap()
    }

    fn body() -> ObjectBody {
        ObjectBody::Bytes(Bytes::from_static(b"0123456789"))
    }

    #[test]
    fn without_a_fault_it_keeps_every_promise_of_a_store() {
        crate::conformance::check(&|| Arc::new(Faulty::new(Arc::new(MemoryStore::new()))));
    }

    #[tokio::test]
    async fn each_fault_leaves_what_its_name_says() {
        for (fault, left) in [
            (Fault::Before(io::ErrorKind::TimedOut), None),
            (Fault::Full, None),
            (Fault::After(io::ErrorKind::TimedOut), Some(10)),
            (Fault::Torn(4), Some(4)),
        ] {
            let memory = Arc::new(MemoryStore::new());
            let store = Faulty::new(memory.clone());
            store.fail_once(2, fault);
            assert_eq!(store.list("").await.unwrap(), []);
            assert!(store.put_new(&key(), body()).await.is_err(), "{fault:?}");
            assert!(store.is_spent());
            assert_eq!(memory.size(&key()).await.ok(), left, "{fault:?}");
            assert_eq!(store.list("").await.unwrap().len(), usize::from(left.is_some()));
        }
    }

    #[tokio::test]
    async fn a_full_store_still_reads_and_deletes() {
        let store = Faulty::new(Arc::new(MemoryStore::new()));
        store.put_new(&key(), body()).await.unwrap();
        store.fail_from(1, Fault::Full);
        assert_eq!(store.size(&key()).await.unwrap(), 10);
        store.delete(&key()).await.unwrap();
        for _ in 0..2 {
            assert!(matches!(store.put_new(&key(), body()).await, Err(StoreError::Full { .. })));
        }
        assert_eq!(store.count(), 4);
        store.heal();
        assert_eq!(store.put_new(&key(), body()).await.unwrap(), PutOutcome::Created);
    }
}
