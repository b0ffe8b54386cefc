//! Second copies of the few small objects without which nothing opens: `repo.json` and the key slots. They lie beside
//! the parity, on targets where bytes may rot.

use bytes::Bytes;
use dr_format::id::Digest;
use dr_log::object::key;
use dr_log::reclaim;
use dr_store::{BlockingStore, ObjectBody, StoreError};

use crate::error::RepoError;

/// The folder of copies: `ecc/copy/` and the name of the object.
pub(crate) const FOLDER: &str = "ecc/copy";

/// The name of an object's copy.
pub(crate) fn copy_name(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

/// Keeps a second copy of an object, if what lies there may rot.
pub(crate) fn keep(store: &BlockingStore, name: &str, bytes: &[u8]) -> Result<(), RepoError> {
    if store.may_rot() {
        store.put_new(&key(&copy_name(name))?, ObjectBody::Bytes(Bytes::copy_from_slice(bytes)))?;
    }
    Ok(())
}

/// The bytes of an object, or why there are none that could be it.
pub(crate) type Read = Result<Bytes, RepoError>;

/// What there is of an object.
pub(crate) fn read(store: &BlockingStore, name: &str, limit: u64) -> Result<Read, RepoError> {
    match store.get(&key(name)?, limit) {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(error @ (StoreError::NotFound { .. } | StoreError::TooLarge { .. })) => Ok(Err(error.into())),
        Err(other) => Err(other.into()),
    }
}

/// What there is of its second copy.
pub(crate) fn read_copy(store: &BlockingStore, name: &str, limit: u64) -> Result<Read, RepoError> {
    read(store, &copy_name(name), limit)
}

/// Both, the object first.
fn both(store: &BlockingStore, name: &str, limit: u64) -> Result<[Read; 2], RepoError> {
    Ok([read(store, name, limit)?, read_copy(store, name, limit)?])
}

/// How an object and its copy stand to what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CopyState {
    Good,
    Missing,
    Bad,
}

impl CopyState {
    fn of(read: &Read, right: Digest) -> Self {
        match read {
            Ok(bytes) if Digest::of(bytes) == right => Self::Good,
            Err(RepoError::Store(StoreError::NotFound { .. })) => Self::Missing,
            _ => Self::Bad,
        }
    }
}

/// Looks at an object and its copy.
pub(crate) fn look(store: &BlockingStore, name: &str, limit: u64, right: Digest) -> Result<[CopyState; 2], RepoError> {
    Ok(both(store, name, limit)?.map(|read| CopyState::of(&read, right)))
}

/// Writes whichever of the two is not good from the other one; the names of what was written. None: there is nothing to
/// mend, or neither is good.
pub(crate) fn mend(store: &BlockingStore, name: &str, limit: u64, right: Digest) -> Result<Vec<String>, RepoError> {
    let found = both(store, name, limit)?;
    let standing = [CopyState::of(&found[0], right), CopyState::of(&found[1], right)];
    let good = found.into_iter().zip(standing).find(|(_, standing)| *standing == CopyState::Good);
    let Some((Ok(good), _)) = good else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for (standing, name) in standing.into_iter().zip([name.to_owned(), copy_name(name)]) {
        if standing == CopyState::Good {
            continue;
        }
        let object = key(&name)?;
        // The other one is whole, whenever this ends.
        reclaim::delete(store, &object)?;
        store.put_new(&object, ObjectBody::Bytes(good.clone()))?;
        out.push(name);
    }
    Ok(out)
}
