//! Put, get, list and delete named bytes somewhere. A store does not know what the bytes mean.
//!
//! [`Store`] has no verb that overwrites: an object is put once under a name that was never used, and may later
//! be deleted whole. [`open()`] makes the store of an [`Address`]: [`local`] keeps objects as files, durable as `docs/format/repository.md` asks;
//! [`memory`] is for tests; [`wrap`] holds stores around stores (faulty, recording). A new store passes
//! `conformance` (a feature) before anything else is said about it.

mod blocking;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
mod key;
pub mod local;
pub mod memory;
mod open;
mod request;
pub mod wrap;

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;

pub use blocking::BlockingStore;
pub use error::StoreError;
pub use key::{BadKey, Key};
pub use open::{Access, Address, BadAddress, Credentials, open};

/// What is put: bytes in memory, or a file that was written under [`Store::staging`] (or anywhere else).
/// A staged file is consumed by the put, whether or not it succeeds.
pub enum ObjectBody {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A whole file.
    File(PathBuf),
}

impl ObjectBody {
    /// All of it in memory, for stores that have no use for a file. The file is gone afterwards, as the put wants it.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn into_bytes(self) -> io::Result<Bytes> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::File(path) => {
                let read = std::fs::read(&path);
                // A leftover is the lesser evil: what was put is what counts.
                let _ = std::fs::remove_file(&path);
                read.map(Bytes::from)
            }
        }
    }
}

/// How a put ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// The object is there and durable.
    Created,
    /// An object of that name was there already; it is untouched, and this one was not stored.
    Exists,
}

/// One object in a listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its name.
    pub key: Key,
    /// Its size in bytes.
    pub size: u64,
    /// When it came here, in milliseconds since 1970 UTC, where the store knows: a hint that no safety may rest on.
    pub since_ms: Option<i64>,
}

/// Named bytes somewhere.
#[async_trait]
pub trait Store: Send + Sync {
    /// Stores an object under a name that must be unused. On return it survives a power cut.
    async fn put_new(&self, key: &Key, body: ObjectBody) -> Result<PutOutcome, StoreError>;

    /// The whole object, if it is at most `limit` bytes ([`StoreError::TooLarge`] otherwise).
    async fn get(&self, key: &Key, limit: u64) -> Result<Bytes, StoreError>;

    /// Exactly `len` bytes from `offset`; [`StoreError::Short`] if the object ends before that.
    async fn get_range(&self, key: &Key, offset: u64, len: u64) -> Result<Bytes, StoreError>;

    /// Every object whose name starts with `prefix` (a whole number of components, or empty), sorted by name.
    /// Names that are not keys are left out.
    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError>;

    /// The object's size in bytes.
    async fn size(&self, key: &Key) -> Result<u64, StoreError>;

    /// Deletes an object; one that is not there is deleted already.
    async fn delete(&self, key: &Key) -> Result<(), StoreError>;

    /// A directory from which [`ObjectBody::File`] can be put without copying, if there is one.
    fn staging(&self) -> Option<&Path> {
        None
    }

    /// The directory of what is not stored yet, for whoever only looks whether somebody is at work there.
    fn temporary(&self) -> Option<&Path> {
        self.staging()
    }

    /// Whether what lies here may change without anybody noticing: a disk or a medium of one's own. A service that
    /// keeps several copies and compares them does not.
    fn may_rot(&self) -> bool {
        false
    }

    /// Whether one process of one host alone may write there, since a name cannot be created so that exactly one of
    /// several writers wins. Processes of one host are kept apart by the store, which refuses the second
    /// ([`StoreError::Busy`]); hosts must be kept apart by whoever knows what was written.
    fn single_writer(&self) -> bool {
        false
    }

    /// Keeps a little room back while there is plenty, for whoever is to make room once there is none. Best effort.
    fn keep_room(&self) {}

    /// Gives up what [`Store::keep_room`] kept back; whether there was any.
    fn give_room(&self) -> bool {
        false
    }

    /// Where this is, for a message to a person; never a secret.
    fn place(&self) -> String;
}
