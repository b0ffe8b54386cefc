//! The one place from which an object of a repository goes. Whoever calls it says in the log first why it may.
//!
//! A run deletes nothing: prune, erasure and repair do, each in an order in which it can be cut off anywhere, and the log,
//! when it makes room for its own word or is shortened.

use dr_store::{BlockingStore, Key, StoreError};

/// Deletes an object. One that is not there is gone already.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub fn delete(store: &BlockingStore, object: &Key) -> Result<(), StoreError> {
    store.delete(object)
}
