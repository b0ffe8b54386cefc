//! Describing packs again whose index object is damaged or gone.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use dr_format::id::{Digest, HostId, PackId, SessionId, index_name, session_of_index, unhex};
use dr_format::index_object::{self, PackLine, Record};
use dr_format::log_entry::{Body, ObjectRef};
use dr_format::pack::open_whole;
use dr_log::fold::whole;
use dr_log::object::key;
use dr_log::reclaim;
use dr_store::{ObjectBody, PutOutcome};

use super::Mending;
use super::packs::{object_of, remains};
use super::rebuilt_index::RebuiltIndex;
use crate::error::RepoError;
use crate::read::repository::{Repository, read_vouched};
use crate::write::prove::rehash;

/// A pack as an index object describes it, proved by reading all of it. `None`: it is damaged.
pub(super) fn described(repository: &Repository, id: PackId, bytes: &[u8], object: &str) -> Option<(PackLine, Record)> {
    let opened = open_whole(bytes, &repository.writer.naming.index).ok()?;
    let is_own = opened.header.own() == id && opened.header.family == repository.writer.family;
    if !is_own || rehash(repository, object, &opened, bytes).is_err() {
        return None;
    }
    let line = PackLine { id, len: bytes.len() as u64, digest: Digest::of(bytes) };
    let (kind, no, header, rows) = (id.kind, id.no, opened.header_bytes.to_vec(), opened.rows);
    let is_moved = opened.header.origins.len() > 1;
    let record = match is_moved {
        true => Record::Location { kind, no, header, rows },
        false => Record::Pack { kind, no, header, rows },
    };
    Some((line, record))
}

/// Stores an index object of a session under the first name that is free.
pub(super) fn store(
    repository: &Repository,
    host: HostId,
    session: SessionId,
    (lines, records): (&[PackLine], &[Record]),
) -> Result<ObjectRef, RepoError> {
    let writer = &repository.writer;
    let bytes = index_object::encode(writer.family, session, &writer.naming.index, lines, records)?;
    let (len, digest, bytes) = (bytes.len() as u64, Digest::of(&bytes), Bytes::from(bytes));
    // A name that an entry has used is never used again, also if nothing is there.
    let used = |name: &str| repository.log.state.indexes.iter().any(|index| index.object.name == name);
    for name in (0..=0xffff).map(|number| index_name(host, session, number)).filter(|name| !used(name)) {
        if repository.store.put_new(&key(&name)?, ObjectBody::Bytes(bytes.clone()))? == PutOutcome::Created {
            return Ok(ObjectRef { name, len, digest });
        }
    }
    Err(RepoError::TooMuch("a session has run out of index objects".into()))
}

/// Describes packs again of which an index object in force cannot be read.
pub(super) fn describe(repository: &mut Repository, mending: &mut Mending<'_>) -> Result<(), RepoError> {
    let mut bad: BTreeMap<(HostId, SessionId), Vec<ObjectRef>> = BTreeMap::new();
    // Not what this host knows of them: another one has only what lies there.
    let mut described_well: BTreeSet<PackId> = BTreeSet::new();
    for index in repository.log.state.indexes.iter().filter(|index| !index.superseded) {
        let name = &index.object.name;
        let host = name.split('/').nth(1).and_then(unhex).map(HostId);
        let Some(host) = host.filter(|_| session_of_index(name) == Some(index.session)) else { continue };
        let writer = &repository.writer;
        let read = read_vouched(&repository.store, &key(name)?, &index.object).and_then(|bytes| {
            index_object::decode(&bytes, writer.family, &writer.naming.index)
                .map_err(|why| RepoError::damaged(name, why.0))
        });
        match read {
            Ok(read) => described_well.extend(read.packs.iter().map(|line| line.id)),
            Err(error) => {
                error.tolerate_damage()?;
                bad.entry((host, index.session)).or_default().push(index.object.clone());
            }
        }
    }
    for ((host, session), objects) in bad {
        mending.may_go_on()?;
        mending.unlisted.insert((host, session));
        let (mut lines, mut records, mut all) = (Vec::new(), Vec::new(), true);
        let packs: Vec<PackId> =
            repository.log.state.packs.range(whole(session)).filter(|(_, at)| !at.swept).map(|(id, _)| *id).collect();
        for id in packs {
            if described_well.contains(&id) {
                continue;
            }
            let object = object_of(repository, id, host);
            match described(repository, id, &remains(&repository.store, &object)?, &object) {
                Some((line, record)) => {
                    lines.push(line);
                    records.push(record);
                }
                None => all = false,
            }
        }
        let indexes = match lines.is_empty() {
            true => Vec::new(),
            false => vec![store(repository, host, session, (&lines, &records))?],
        };
        // What could not be described is still looked for as long as the damaged one is in force.
        let superseded: Vec<String> = objects.iter().filter(|_| all).map(|object| object.name.clone()).collect();
        if indexes.is_empty() && superseded.is_empty() {
            continue;
        }
        let how = indexes.first().map_or_else(
            || "it described nothing that is still there".to_owned(),
            |object| format!("its packs were read and indexed again, by {}", object.name),
        );
        let rebuilt = RebuiltIndex { session, host, own: Vec::new(), indexes, superseded };
        let registered = rebuilt.into_registered(repository, false);
        repository.maintain(mending.options.now_ms, Body::IndexMerge(registered))?;
        if all {
            for object in objects {
                reclaim::delete(&repository.store, &key(&object.name)?)?;
                mending.mended(object.name, how.clone());
            }
        }
    }
    repository.reread_index();
    Ok(())
}
