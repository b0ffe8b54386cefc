//! How a repository begins, and what becomes of one that was begun and cut off.
//!
//! The slot first, then `repo.json`, then their copies, then the log entry that vouches for the slot. Whatever a cut leaves
//! holds nothing of anybody's: the next who makes one there clears it away, or goes on with it where it is his own.

use bytes::Bytes;
use dr_format::format::{CHUNKER_MIN8, KEM_X25519, REPO_JSON_MAX, SLOT_MAX};
use dr_format::id::{Digest, FamilyId, HostId, RepoId, random};
use dr_format::key::{FamilyKey, WriterKey};
use dr_format::log_entry::Body;
use dr_format::slot;
use dr_log::log::Log;
use dr_log::object::key;
use dr_log::reclaim;
use dr_store::{BlockingStore, ObjectBody, PutOutcome};

use super::{Described, REPO_JSON, parse_described};
use crate::error::RepoError;
use crate::read::copies;

/// Makes a repository of the key's family, with a key slot if there is a password. What an interrupted one left is cleared
/// away first, or gone on with.
///
/// # Errors
/// [`RepoError::AlreadyThere`] if there is one; otherwise what the store says.
pub fn create(
    store: &BlockingStore,
    family: &FamilyKey,
    password: Option<&str>,
    created: &str,
    now_ms: i64,
) -> Result<RepoId, RepoError> {
    if let Some(begun) = clear(store, family.family, password.is_some())? {
        return Ok(begun);
    }
    let (repo, host) = (RepoId(random()), HostId([0; 4]));
    let writer = family.as_writer(host)?;
    let json = describe(repo, &writer, created);
    let digest = Digest::of(json.as_bytes());
    // The slot first: once repo.json is there, the repository can be opened.
    let slot = match password {
        None => None,
        Some(password) => {
            let (name, bytes) = slot::make(family, digest, password)?;
            let name = format!("keys/{name}");
            put(store, &name, &bytes)?;
            keep_copy(store, &name, &bytes)?;
            Some((name, bytes))
        }
    };
    if put(store, REPO_JSON, json.as_bytes())? == PutOutcome::Exists {
        return Err(RepoError::AlreadyThere(store.place()));
    }
    keep_copy(store, REPO_JSON, json.as_bytes())?;
    if let Some((name, bytes)) = &slot {
        let vouched = Digest::of(bytes);
        let mut log = Log::open(store, family.family, writer.maintenance, digest)?;
        let said =
            log.append(store, &writer, now_ms, &mut |_| Ok(Body::SlotAdded { name: name.clone(), digest: vouched }));
        if let Err(why) = said {
            // An answer may have been lost, and not the entry.
            let vouches = |log: Log| log.state.slots.get(name) == Some(&vouched);
            if !Log::open(store, family.family, writer.maintenance, digest).is_ok_and(vouches) {
                return Err(why.into());
            }
        }
    }
    // Nobody is told that it was made before it lies there as it must be opened.
    let lies_there = |name: &str, limit, right: &[u8]| -> Result<(), RepoError> {
        match store.get(&key(name)?, limit)? == right {
            true => Ok(()),
            false => Err(RepoError::damaged(name, "what was read back is not what was written")),
        }
    };
    lies_there(REPO_JSON, REPO_JSON_MAX, json.as_bytes())?;
    if let Some((name, bytes)) = &slot {
        lies_there(name, SLOT_MAX, bytes)?;
    }
    Ok(repo)
}

/// Makes a repository of the writing key's family, without any key slot: `repo.json` holds public parts only, so a
/// host that cannot read can found one on a new target or medium. Whoever holds the family's key file reads it.
///
/// # Errors
/// [`RepoError::AlreadyThere`] if there is one; otherwise what the store says.
pub fn create_with_writer(store: &BlockingStore, writer: &WriterKey, created: &str) -> Result<RepoId, RepoError> {
    if let Some(begun) = clear(store, writer.family, false)? {
        return Ok(begun);
    }
    let repo = RepoId(random());
    let json = describe(repo, writer, created);
    match put(store, REPO_JSON, json.as_bytes())? {
        PutOutcome::Created => keep_copy(store, REPO_JSON, json.as_bytes()).map(|()| repo),
        PutOutcome::Exists => Err(RepoError::AlreadyThere(store.place())),
    }
}

/// Stores an object of ours. An answer may have been lost, and not the object.
fn put(store: &BlockingStore, name: &str, bytes: &[u8]) -> Result<PutOutcome, RepoError> {
    let name = key(name)?;
    let lies_there = || store.get(&name, REPO_JSON_MAX).is_ok_and(|found| found == bytes);
    match store.put_new(&name, ObjectBody::Bytes(Bytes::copy_from_slice(bytes))) {
        Err(_) if lies_there() => Ok(PutOutcome::Created),
        done => Ok(done?),
    }
}

fn keep_copy(store: &BlockingStore, name: &str, bytes: &[u8]) -> Result<(), RepoError> {
    if store.may_rot() {
        put(store, &copies::copy_name(name), bytes)?;
    }
    Ok(())
}

/// Clears away what an interrupted beginning left. One without slots that is this family's own, and in which nothing is
/// yet, is gone on with instead: its id.
fn clear(store: &BlockingStore, family: FamilyId, with_slot: bool) -> Result<Option<RepoId>, RepoError> {
    let there = || Err(RepoError::AlreadyThere(store.place()));
    let (slots, copied) = ("keys/", format!("{}/keys/", copies::FOLDER));
    let (mut own, mut known, mut json) = (Vec::new(), Vec::new(), false);
    for object in store.list("")? {
        let name = object.key.as_str();
        if name.starts_with(slots) || name.starts_with(&copied) {
            own.push(object.key);
        } else if name == REPO_JSON || name == copies::copy_name(REPO_JSON) {
            json = true;
            known.push(object.key);
        } else {
            // Something was stored, or said.
            return there();
        }
    }
    let has_slot = !own.is_empty();
    if json && !has_slot {
        // This is all that such a one ever has.
        let Ok(bytes) = copies::read(store, REPO_JSON, REPO_JSON_MAX)? else { return there() };
        let is_copied = !store.may_rot() || copies::read_copy(store, REPO_JSON, REPO_JSON_MAX)?.is_ok();
        let Ok(Described { repo, family: whose, .. }) = parse_described(&bytes) else { return there() };
        if whose != family || is_copied || with_slot {
            return there();
        }
        keep_copy(store, REPO_JSON, &bytes)?;
        return Ok(Some(repo));
    }
    // Until the log vouches for its slot it was not made: first what makes it look as if it were.
    for name in known.iter().chain(&own) {
        reclaim::delete(store, name)?;
    }
    Ok(None)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn describe(repo: RepoId, writer: &WriterKey, created: &str) -> String {
    let recipients: Vec<_> =
        writer.recipients.iter().map(|pk| serde_json::json!({ "kem": KEM_X25519, "pk": hex(pk) })).collect();
    let value = serde_json::json!({
        "magic": "DRREPO", "version": 1,
        "family_id": writer.family.to_string(), "repo_id": repo.to_string(), "created": created,
        "chunker": CHUNKER_MIN8, "id": 1,
        "features": { "compat": [], "ro_compat": [], "incompat": [] },
        "trust": { "maintenance": hex(&writer.maintenance) },
        "recipients": recipients,
        "gc": { "kem": KEM_X25519, "pk": hex(&writer.gc) },
    });
    format!("{value:#}\n")
}
