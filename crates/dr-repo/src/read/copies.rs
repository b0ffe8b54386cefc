//! Second copies of the few small objects without which nothing opens: `repo.json` and the key slots. They lie beside
//! the parity, on targets where bytes may rot.

use bytes::Bytes;
use dr_format::id::Digest;
use dr_log::object::key;
use dr_log::reclaim;
use dr_store::{Body as Put, Shelf, StoreError};

use crate::error::RepoError;

/// The folder of copies: `ecc/copy/` and the name of the object.
pub(crate) const FOLDER: &str = "ecc/copy";

/// The name of an object's copy.
pub(crate) fn copy_name(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

/// Keeps a second copy of an object, if what lies there may rot.
pub(crate) fn keep(shelf: &Shelf, name: &str, bytes: &[u8]) -> Result<(), RepoError> {
    if shelf.may_rot() {
        shelf.put_new(&key(&copy_name(name))?, Put::Bytes(Bytes::copy_from_slice(bytes)))?;
    }
    Ok(())
}

/// The bytes of an object, or why there are none that could be it.
pub(crate) type Read = Result<Bytes, RepoError>;

/// What there is of an object.
pub(crate) fn read(shelf: &Shelf, name: &str, limit: u64) -> Result<Read, RepoError> {
    match shelf.get(&key(name)?, limit) {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(error @ (StoreError::NotFound { .. } | StoreError::TooLarge { .. })) => Ok(Err(error.into())),
        Err(other) => Err(other.into()),
    }
}

/// What there is of its second copy.
pub(crate) fn read_copy(shelf: &Shelf, name: &str, limit: u64) -> Result<Read, RepoError> {
    read(shelf, &copy_name(name), limit)
}

/// Both, the object first.
fn both(shelf: &Shelf, name: &str, limit: u64) -> Result<[Read; 2], RepoError> {
    Ok([read(shelf, name, limit)?, read_copy(shelf, name, limit)?])
}

/// How an object and its copy stand to what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    Missing,
    Bad,
}

impl Standing {
    fn of(read: &Read, right: Digest) -> Self {
        match read {
            Ok(bytes) if Digest::of(bytes) == right => Self::Good,
            Err(RepoError::Store(StoreError::NotFound { .. })) => Self::Missing,
            _ => Self::Bad,
        }
    }
}

/// Looks at an object and its copy.
pub(crate) fn look(shelf: &Shelf, name: &str, limit: u64, right: Digest) -> Result<[Standing; 2], RepoError> {
    Ok(both(shelf, name, limit)?.map(|read| Standing::of(&read, right)))
}

/// Writes whichever of the two is not good from the other one; the names of what was written. None: there is nothing to
/// mend, or neither is good.
pub(crate) fn mend(shelf: &Shelf, name: &str, limit: u64, right: Digest) -> Result<Vec<String>, RepoError> {
    let found = both(shelf, name, limit)?;
    let standing = [Standing::of(&found[0], right), Standing::of(&found[1], right)];
    let good = found.into_iter().zip(standing).find(|(_, standing)| *standing == Standing::Good);
    let Some((Ok(good), _)) = good else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for (standing, name) in standing.into_iter().zip([name.to_owned(), copy_name(name)]) {
        if standing == Standing::Good {
            continue;
        }
        let object = key(&name)?;
        // The other one is whole, whenever this ends.
        reclaim::delete(shelf, &object)?;
        shelf.put_new(&object, Put::Bytes(good.clone()))?;
        out.push(name);
    }
    Ok(out)
}
