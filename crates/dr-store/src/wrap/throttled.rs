//! How much of a line may a target take? A store that takes its time, so that others get theirs.
//!
//! A bucket: each byte that goes out or comes in takes some time of the line, and whoever asks next waits until that
//! is over. So over any stretch it is at most the rate, plus one request. What is waited for is the promise of a runtime
//! and no thread sleeps.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::{Key, Listed, ObjectBody, PutOutcome, Store, StoreError};

/// Passes everything on to another store at no more than so many bytes a second.
pub struct Throttled {
    inner: Arc<dyn Store>,
    bytes_per_second: u64,
    /// When the line is free again.
    free: Mutex<Option<Instant>>,
}

impl Throttled {
    /// `inner` at no more than `bytes_per_second`; nothing at all is taken for one.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, bytes_per_second: u64) -> Self {
        Self { inner, bytes_per_second: bytes_per_second.max(1), free: Mutex::const_new(None) }
    }

    /// How long so many bytes take.
    fn takes(&self, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Waits for the line, and takes it for so many bytes.
    async fn take(&self, bytes: u64) {
        let mut free = self.free.lock().await;
        let begins = free.map_or_else(Instant::now, |free| free.max(Instant::now()));
        let ends = begins + self.takes(bytes);
        *free = Some(ends);
        drop(free);
        sleep_until(ends).await;
    }
}

#[async_trait]
impl Store for Throttled {
    async fn put_new(&self, key: &Key, body: ObjectBody) -> Result<PutOutcome, StoreError> {
        let bytes = match &body {
            ObjectBody::Bytes(bytes) => bytes.len() as u64,
            ObjectBody::File(path) => path.metadata().map_or(0, |about| about.len()),
        };
        self.take(bytes).await;
        self.inner.put_new(key, body).await
    }

    async fn get(&self, key: &Key, limit: u64) -> Result<Bytes, StoreError> {
        let bytes = self.inner.get(key, limit).await?;
        self.take(bytes.len() as u64).await;
        Ok(bytes)
    }

    async fn get_range(&self, key: &Key, offset: u64, len: u64) -> Result<Bytes, StoreError> {
        let bytes = self.inner.get_range(key, offset, len).await?;
        self.take(bytes.len() as u64).await;
        Ok(bytes)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(prefix).await
    }

    async fn size(&self, key: &Key) -> Result<u64, StoreError> {
        self.inner.size(key).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
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
    fn throttled_keeps_every_promise_of_a_store() {
        crate::conformance::check(&|| Arc::new(Throttled::new(Arc::new(MemoryStore::new()), 1 << 40)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_mebibyte_at_ten_kibibytes_a_second_takes_its_time_whoever_asks() {
        let store = Arc::new(Throttled::new(Arc::new(MemoryStore::new()), 10 << 10));
        let begun = Instant::now();
        let puts = (0..16).map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let key = Key::new(format!("data/{n}")).unwrap();
                store.put_new(&key, ObjectBody::Bytes(vec![0; 64 << 10].into())).await.unwrap();
            })
        });
        for put in puts.collect::<Vec<_>>() {
            put.await.unwrap();
        }
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(102_400) && took < Duration::from_secs(103), "{took:?}");
        store.get(&Key::new("data/0").unwrap(), 1 << 20).await.unwrap();
        assert!(begun.elapsed() - took >= Duration::from_millis(6_400));
    }
}
