//! How far is it? Counters that the caller passes in and reads while the work goes on.

use std::sync::atomic::AtomicU64;

/// What happens meanwhile, for whoever watches.
#[derive(Debug, Default)]
pub struct Tally {
    /// Entries done.
    pub entries: AtomicU64,
    /// Bytes of contents read.
    pub bytes_read: AtomicU64,
    /// Bytes of new objects stored.
    pub bytes_stored: AtomicU64,
    /// New objects stored.
    pub objects: AtomicU64,
}
