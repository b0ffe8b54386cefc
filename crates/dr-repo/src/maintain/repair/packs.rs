//! Healing packs bit for bit from their parity.

use bytes::Bytes;
use dr_format::format::PACK_MAX;
use dr_format::id::{Digest, HostId, PARITY_FOLDER, PackId, SessionId, random, session_of_parity};
use dr_format::index_object::PackLine;
use dr_format::log_entry::{Body, ObjectRef, Registered};
use dr_format::pack::open_whole;
use dr_format::parity::Row;
use dr_log::fold::runs_of;
use dr_log::object::key;
use dr_log::reclaim;
use dr_store::{BlockingStore, ObjectBody, PutOutcome};

use super::Mending;
use super::rebuilt_index::RebuiltIndex;
use crate::error::RepoError;
use crate::maintain::check::{CheckReport, table};
use crate::read::repository::Repository;
use crate::write::prove::rehash;

/// What is there of an object: nothing, if it is missing or far too long.
pub(super) fn remains(blocking: &BlockingStore, object: &str) -> Result<Vec<u8>, RepoError> {
    match blocking.get(&key(object)?, PACK_MAX) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => RepoError::from(error).tolerate_damage().map(|_| Vec::new()),
    }
}

/// Parity for a pack: each table that speaks of it, and the spare shards.
fn rows(repository: &Repository, (id, host): (PackId, HostId)) -> Result<Vec<(Row, Bytes)>, RepoError> {
    let mut out = Vec::new();
    for listed in repository.store.list(&format!("{PARITY_FOLDER}/{host}/{}", id.session))? {
        if session_of_parity(listed.key.as_str()) != Some(id.session) {
            continue;
        }
        let rows = match table(repository, &listed.key, listed.size) {
            Ok(rows) => rows,
            Err(error) => {
                error.tolerate_damage()?;
                continue;
            }
        };
        for row in rows.into_iter().filter(|row| row.line.id == id) {
            let spare = repository.store.get_range(&listed.key, row.at, row.len)?;
            out.push((row, spare));
        }
    }
    Ok(out)
}

/// Whether these bytes are that pack, every chunk of it named again: for where nothing vouches for its digest.
pub(super) fn is_proved(repository: &Repository, id: PackId, object: &str, bytes: &[u8]) -> bool {
    let Ok(opened) = open_whole(bytes, &repository.writer.naming.index) else { return false };
    opened.header.own() == id
        && opened.header.family == repository.writer.family
        && rehash(repository, object, &opened, bytes).is_ok()
}

/// The bytes of a damaged pack, healed; `whole`: what the log vouches for. `None` if its parity does not suffice.
pub(super) fn healed(
    repository: &Repository,
    pack: (PackId, HostId),
    damaged: &[u8],
    whole: Option<(u64, Digest)>,
) -> Result<Option<Vec<u8>>, RepoError> {
    for (row, spare) in rows(repository, pack)? {
        let PackLine { len, digest, .. } = row.line;
        if whole.is_some_and(|whole| whole != (len, digest)) {
            continue;
        }
        if let Some(bytes) = row.heal(damaged.to_vec(), &spare)?
            && (whole.is_some() || is_proved(repository, pack.0, &pack.0.object_name(pack.1), &bytes))
        {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// Stores a healed pack under the first new name that is free, and reads it back.
pub(super) fn store(
    repository: &Repository,
    (id, host): (PackId, HostId),
    bytes: Vec<u8>,
) -> Result<ObjectRef, RepoError> {
    let bytes = Bytes::from(bytes);
    for time in 1..1_000 {
        let name = id.healed_name(host, time);
        let outcome = repository.store.put_new(&key(&name)?, ObjectBody::Bytes(bytes.clone()))?;
        // What an earlier repair left there, that was cut short, is as good if it is the same.
        if remains(&repository.store, &name)? == bytes {
            return Ok(ObjectRef { name, len: bytes.len() as u64, digest: Digest::of(&bytes) });
        }
        if outcome == PutOutcome::Created {
            return Err(RepoError::damaged(name, "what was read back is not what was written"));
        }
    }
    Err(RepoError::TooMuch("a pack was healed too often".into()))
}

/// Says where a pack lies now, and removes what it replaces.
pub(super) fn replace(
    repository: &mut Repository,
    (pack, host): (PackId, HostId),
    object: ObjectRef,
    now_ms: i64,
) -> Result<(), RepoError> {
    let before = object_of(repository, pack, host);
    repository.maintain(now_ms, Body::Heal { pack, host, object: object.clone() })?;
    if before != object.name {
        reclaim::delete(&repository.store, &key(&before)?)?;
    }
    repository.reread_index();
    Ok(())
}

/// Length and digest of a pack, as the log vouches for them.
pub(super) fn vouched(repository: &Repository, id: PackId) -> Result<Option<(u64, Digest)>, RepoError> {
    let index = repository.index()?;
    index.number_of(id).map_or(Ok(None), |number| Ok(index.pack(number)?.whole))
}

/// The object in which a pack lies.
pub(super) fn object_of(repository: &Repository, pack: PackId, host: HostId) -> String {
    let state = repository.log.state.packs.get(&pack);
    state.map_or_else(|| pack.object_name(host), |state| state.object_name(pack))
}

/// Heals what a check found damaged.
pub(super) fn heal(
    repository: &mut Repository,
    found: &CheckReport,
    mending: &mut Mending<'_>,
) -> Result<(), RepoError> {
    for &(id, host) in &found.unsound {
        mending.may_go_on()?;
        let Some(state) = repository.log.state.packs.get(&id) else { continue };
        if state.swept {
            continue;
        }
        let object = object_of(repository, id, host);
        let whole = vouched(repository, id)?;
        let damaged = remains(&repository.store, &object)?;
        // Its bytes are those that were stored: what is wrong with it was stored like that, and parity has the same.
        if whole.is_some_and(|(len, digest)| len == damaged.len() as u64 && Digest::of(&damaged) == digest) {
            continue;
        }
        let Some(bytes) = healed(repository, (id, host), &damaged, whole)? else { continue };
        let stored = store(repository, (id, host), bytes)?;
        let how = format!("healed from its parity, bit for bit; it is {} now", stored.name);
        replace(repository, (id, host), stored, mending.options.now_ms)?;
        trust_again(repository, (id, host), mending.options.now_ms)?;
        mending.mended(object, how);
    }
    Ok(())
}

/// Takes the condemnation off a pack that is whole again, by a session that stores nothing and needs it.
fn trust_again(repository: &mut Repository, pack: (PackId, HostId), now_ms: i64) -> Result<(), RepoError> {
    if !repository.log.state.packs.get(&pack.0).is_some_and(|state| state.condemned) {
        return Ok(());
    }
    let (session, host) = (SessionId(random()), repository.writer.host);
    let nothing = RebuiltIndex { session, host, own: Vec::new(), indexes: Vec::new(), superseded: Vec::new() };
    let registered = Registered { needs: runs_of([pack]), ..nothing.into_registered(repository, true) };
    repository.maintain(now_ms, Body::Packs(registered))?;
    repository.reread_index();
    Ok(())
}
