//! Is there a repository on this store, and which one? Asked without a key, in a few requests, in one place for all.

use dr_format::format::{LOG_MAX, REPO_JSON_MAX};
use dr_format::id::{Digest, RepoId};
use dr_format::log_entry::{number_below, object_name};
use dr_store::{BlockingStore, StoreError};

use crate::error::RepoError;
use crate::read::copies;
use crate::read::repository::described::{REPO_JSON, parse_described};

/// What stands on a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// No repository.
    Nothing,
    /// One that says which it is.
    Repository {
        /// Which.
        id: RepoId,
        /// The number of the newest log entry that is listed; 0 if there is none.
        newest: u64,
        /// Whether it says so by its second copy alone: `repo.json` is missing or damaged, and a repair mends it.
        by_copy: bool,
    },
    /// Something of one, and nothing that says which it is.
    Damaged,
}

/// Folders of a repository in which every object has a number.
const NUMBERED: [(&str, &str); 2] = [("log", "log/"), ("ckpt", "ckpt/")];

/// Whether anything of a repository is there: what describes it, the second copy of that, its log or its checkpoints.
///
/// # Errors
/// What the store says.
pub fn is_repository(store: &BlockingStore) -> Result<bool, StoreError> {
    for name in [REPO_JSON.to_owned(), copies::copy_name(REPO_JSON)] {
        let Ok(key) = dr_store::Key::new(name) else { return Ok(false) };
        match store.size(&key) {
            Ok(_) => return Ok(true),
            Err(StoreError::NotFound { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    has_a_log(store)
}

/// Whether there is a log, or a checkpoint of one.
pub(crate) fn has_a_log(store: &BlockingStore) -> Result<bool, StoreError> {
    newest(store).map(|newest| newest.is_some())
}

/// Which repository is there.
///
/// # Errors
/// What the store says.
pub fn known(store: &BlockingStore) -> Result<Known, RepoError> {
    let first = copies::read(store, REPO_JSON, REPO_JSON_MAX)?;
    let first = first.ok().and_then(|json| id_in(&json));
    let by_copy = first.is_none();
    let id = match first {
        Some(id) => Some(id),
        None => copies::read_copy(store, REPO_JSON, REPO_JSON_MAX)?.ok().and_then(|json| id_in(&json)),
    };
    match id {
        Some(id) => Ok(Known::Repository { id, newest: newest(store)?.unwrap_or(0), by_copy }),
        None if is_repository(store)? => Ok(Known::Damaged),
        None => Ok(Known::Nothing),
    }
}

/// Whether the log entry of that number is another one than that whose BLAKE3 is `digest`, in hex digits. One that is not
/// there, or cannot be read, is not: a checkpoint may stand for it.
#[must_use]
pub fn is_exchanged(store: &BlockingStore, n: u64, digest: &str) -> bool {
    let bytes = dr_store::Key::new(object_name(n)).ok().and_then(|key| store.get(&key, LOG_MAX).ok());
    bytes.is_some_and(|bytes| Digest::of(&bytes).to_string() != digest)
}

/// One of a later version has an id as well.
fn id_in(json: &[u8]) -> Option<RepoId> {
    match parse_described(json) {
        Ok(described) => Some(described.repo),
        Err(RepoError::Newer { .. }) => {
            let value: serde_json::Value = serde_json::from_slice(json).ok()?;
            dr_format::id::unhex(value["repo_id"].as_str()?).map(RepoId)
        }
        Err(_) => None,
    }
}

/// The highest number among the names of log entries and checkpoints.
fn newest(store: &BlockingStore) -> Result<Option<u64>, StoreError> {
    let mut newest = None;
    for (folder, below) in NUMBERED {
        let listed = store.list(folder)?;
        newest = listed.iter().filter_map(|one| number_below(one.key.as_str(), below)).max().max(newest);
    }
    Ok(newest)
}
