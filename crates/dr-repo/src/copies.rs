//! Second copies of the few small objects without which nothing opens: `repo.json` and the key slots. They lie beside
//! the parity, on targets where bytes may rot.

use bytes::Bytes;
use dr_store::{Body as Put, Shelf, StoreError};

use crate::error::RepoError;
use crate::id::Digest;
use crate::log::key;
use crate::look::lost;

/// The folder of copies: `ecc/copy/` and the name of the object.
pub(crate) const FOLDER: &str = "ecc/copy";

fn copy_name(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

/// Keeps a second copy of an object, if what lies there may rot.
pub(crate) fn keep(shelf: &Shelf, name: &str, bytes: &[u8]) -> Result<(), RepoError> {
    if shelf.may_rot() {
        shelf.put_new(&key(&copy_name(name))?, Put::Bytes(Bytes::copy_from_slice(bytes)))?;
    }
    Ok(())
}

/// What there is of an object and of its copy, the object first.
pub(crate) fn both(shelf: &Shelf, name: &str, limit: u64) -> Result<[Result<Bytes, RepoError>; 2], RepoError> {
    let read = |name: &str| match shelf.get(&key(name)?, limit) {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(error @ (StoreError::NotFound { .. } | StoreError::TooLarge { .. })) => Ok(Err(RepoError::from(error))),
        Err(other) => Err(RepoError::from(other)),
    };
    Ok([read(name)?, read(&copy_name(name))?])
}

/// How an object and its copy stand to what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    Missing,
    Bad,
}

/// Looks at an object and its copy.
pub(crate) fn look(shelf: &Shelf, name: &str, limit: u64, right: Digest) -> Result<[Standing; 2], RepoError> {
    Ok(both(shelf, name, limit)?.map(|read| match read {
        Ok(bytes) if Digest::of(&bytes) == right => Standing::Good,
        Err(RepoError::Store(StoreError::NotFound { .. })) => Standing::Missing,
        _ => Standing::Bad,
    }))
}

/// The name of an object's copy, for a report.
pub(crate) fn shown(name: &str) -> String {
    copy_name(name)
}

/// Writes whichever of the two is not good from the other one. Whether there was anything to mend, and it could be.
pub(crate) fn mend(shelf: &Shelf, name: &str, limit: u64, right: Digest) -> Result<Vec<String>, RepoError> {
    let standing = look(shelf, name, limit, right)?;
    let good = both(shelf, name, limit)?.into_iter().flatten().find(|bytes| Digest::of(bytes) == right);
    let Some(good) = good else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for (standing, name) in standing.into_iter().zip([name.to_owned(), copy_name(name)]) {
        if standing == Standing::Good {
            continue;
        }
        let object = key(&name)?;
        // The other one is whole, whenever this ends.
        match shelf.delete(&object) {
            Ok(()) => {}
            Err(error) => drop(lost(error.into())?),
        }
        shelf.put_new(&object, Put::Bytes(good.clone()))?;
        out.push(name);
    }
    Ok(out)
}
