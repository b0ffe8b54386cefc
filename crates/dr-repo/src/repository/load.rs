//! Which index objects make up the index of a repository, and what to do where one cannot be read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use dr_store::StoreError;

use crate::error::RepoError;
use crate::fold::PackState;
use crate::format::{FOOTER, INDEX_MAX, PACK_MAX};
use crate::header::Header;
use crate::id::{Digest, HostId, PackId, SessionId, unhex};
use crate::index_object::{self, Record};
use crate::log::key;
use crate::log_entry::ObjectRef;
use crate::lookup::{Index, NewPack};
use crate::pack::{Footer, open_trailer};
use crate::repository::{Fault, Repository, fault_text};
use crate::trailer;
use crate::wire::Bad;

/// An index that is read when something is first looked up.
#[derive(Default)]
pub(super) struct LazyIndex {
    loaded: OnceLock<(Arc<Index>, Vec<Fault>)>,
    loading: Mutex<()>,
}

impl LazyIndex {
    pub(super) fn get(&self, repository: &Repository) -> Result<&Arc<Index>, RepoError> {
        if let Some((index, _)) = self.loaded.get() {
            return Ok(index);
        }
        let _one = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((index, _)) = self.loaded.get() {
            return Ok(index);
        }
        let mut load = Load { repository, index: Index::default(), faults: Vec::new() };
        load.index_objects()?;
        Ok(&self.loaded.get_or_init(|| (Arc::new(load.index), load.faults)).0)
    }

    /// What was found damaged, if anything was looked up yet.
    pub(super) fn faults(&self) -> Vec<Fault> {
        self.loaded.get().map(|(_, faults)| faults.clone()).unwrap_or_default()
    }
}

struct Load<'a> {
    repository: &'a Repository,
    index: Index,
    faults: Vec<Fault>,
}

impl Load<'_> {
    fn index_objects(&mut self) -> Result<(), RepoError> {
        let mut objects: Vec<(ObjectRef, Option<SessionId>)> = Vec::new();
        for index in self.repository.log.state.indexes.iter().filter(|index| !index.superseded) {
            let session = format!("/{}/", index.session);
            let is_ours = index.object.name.starts_with("idx/") && index.object.name.contains(&session);
            if is_ours && index.object.len <= INDEX_MAX {
                objects.push((index.object.clone(), Some(index.session)));
            } else {
                self.faults.push(Fault { object: index.object.name.clone(), what: "it is not its session's".into() });
            }
        }
        if !self.repository.log.unreadable.is_empty() {
            // The entry that cannot be read may have named index objects: take those nobody else names.
            for listed in self.repository.shelf.list("idx")? {
                let name = listed.key.as_str();
                if objects.iter().all(|(object, _)| object.name != name) {
                    let object = ObjectRef { name: name.to_owned(), len: listed.size, digest: Digest([0; 32]) };
                    objects.push((object, None));
                }
            }
        }
        for (object, session) in objects {
            let vouched = session.map(|_| (object.len, object.digest));
            match self.read_index_object(&object.name, vouched) {
                Ok(opened) if session.is_none_or(|session| session == opened.session) => {
                    self.take_index_object(&object.name, opened);
                }
                Ok(_) => self.faults.push(Fault { object: object.name, what: "it is another session's".into() }),
                Err(RepoError::Store(other))
                    if !matches!(other, StoreError::NotFound { .. } | StoreError::TooLarge { .. }) =>
                {
                    return Err(other.into());
                }
                Err(error) => self.faults.push(Fault { object: object.name, what: fault_text(&error) }),
            }
        }
        self.missing_packs()
    }

    fn read_index_object(
        &self,
        name: &str,
        vouched: Option<(u64, Digest)>,
    ) -> Result<index_object::IndexObject, RepoError> {
        let bytes = self.repository.shelf.get(&key(name)?, INDEX_MAX)?;
        if vouched.is_some_and(|(len, digest)| len != bytes.len() as u64 || Digest::of(&bytes) != digest) {
            return Err(RepoError::damaged(name, "it is not what the log vouches for"));
        }
        index_object::decode(&bytes, self.repository.writer.family, &self.repository.writer.naming.index)
            .map_err(|Bad(what)| RepoError::damaged(name, what))
    }

    fn take_index_object(&mut self, name: &str, object: index_object::IndexObject) {
        let lines: BTreeMap<PackId, _> = object.packs.iter().map(|line| (line.id, (line.len, line.digest))).collect();
        for record in object.records {
            let (Record::Pack { kind, no, header, rows } | Record::Location { kind, no, header, rows }) = record;
            let id = PackId { session: object.session, kind, no };
            let state = self.repository.log.state.packs.get(&id);
            // What the log swept may be gone at any moment.
            if state.is_some_and(|state| state.swept) {
                continue;
            }
            let host = state.map(|state| state.host).or_else(|| host_of(name)).unwrap_or(self.repository.writer.host);
            let new = self.new_pack(id, host, state, lines.get(&id).copied());
            let taken = trailer::decode(&rows)
                .and_then(|rows| self.index.add(new, self.repository.writer.family, &header, &rows));
            if let Err(Bad(what)) = taken {
                self.faults.push(Fault { object: name.to_owned(), what: what.to_owned() });
            }
        }
    }

    fn new_pack(&self, id: PackId, host: HostId, state: Option<&PackState>, whole: Option<(u64, Digest)>) -> NewPack {
        let healed = state.and_then(|state| state.healed.as_ref());
        // Nobody takes another key's word for what a chunk holds, except a verifier's.
        let author = self.repository.log.state.sessions.get(&id.session).and_then(|session| session.author);
        let is_own = author.is_some_and(|author| author == self.repository.writer.as_author());
        let trusted = is_own || state.is_some_and(|state| state.verified >= 2);
        NewPack {
            id,
            host,
            object: healed.map_or_else(|| id.object_name(host), |object| object.name.clone()),
            whole: healed.map(|object| (object.len, object.digest)).or(whole),
            source: trusted && state.is_some_and(|state| !state.condemned && !state.swept),
        }
    }

    /// Packs that the log registers and no readable index object describes: from their own trailers.
    fn missing_packs(&mut self) -> Result<(), RepoError> {
        if self.faults.is_empty() && self.repository.log.unreadable.is_empty() {
            return Ok(());
        }
        let mut missing: Vec<(PackId, HostId)> = self
            .repository
            .log
            .state
            .packs
            .iter()
            .filter(|(id, state)| !state.swept && !self.index.knows_pack(**id))
            .map(|(id, state)| (*id, state.host))
            .collect();
        if !self.repository.log.unreadable.is_empty() {
            for folder in ["data", "meta"] {
                for listed in self.repository.shelf.list(folder)? {
                    if let Some((host, id)) = PackId::from_object_name(listed.key.as_str())
                        && !self.index.knows_pack(id)
                        && !self.repository.log.state.packs.get(&id).is_some_and(|state| state.swept)
                    {
                        missing.push((id, host));
                    }
                }
            }
            missing.sort();
            missing.dedup();
        }
        for (id, host) in missing {
            let object = id.object_name(host);
            match self.read_trailer(&object) {
                Ok((header, rows)) => {
                    let new = self.new_pack(id, host, self.repository.log.state.packs.get(&id), None);
                    let taken = trailer::decode(&rows)
                        .and_then(|rows| self.index.add(new, self.repository.writer.family, &header, &rows));
                    if let Err(Bad(what)) = taken {
                        self.faults.push(Fault { object, what: what.to_owned() });
                    }
                }
                Err(RepoError::Store(StoreError::Io { what, place, source })) => {
                    return Err(StoreError::Io { what, place, source }.into());
                }
                Err(error) => self.faults.push(Fault { object, what: fault_text(&error) }),
            }
        }
        Ok(())
    }

    /// The header and trailer rows of a pack, by ranges of the object itself.
    fn read_trailer(&self, object: &str) -> Result<(Vec<u8>, Vec<u8>), RepoError> {
        let name = key(object)?;
        let bad = |Bad(what): Bad| RepoError::damaged(object, what);
        let len = self.repository.shelf.size(&name)?;
        if !(FOOTER as u64 * 2..=PACK_MAX).contains(&len) {
            return Err(RepoError::damaged(object, "it is too short or too long for a pack"));
        }
        let footer = Footer::parse(&self.repository.shelf.get_range(&name, len - FOOTER as u64, FOOTER as u64)?, len)
            .map_err(bad)?;
        let header_len = Header::length(&self.repository.shelf.get_range(&name, 0, 16)?).map_err(bad)?;
        let header = self.repository.shelf.get_range(&name, 0, header_len as u64)?;
        let parsed = Header::parse(&header).map_err(bad)?;
        let sealed = self.repository.shelf.get_range(&name, footer.trailer_at, footer.trailer_len)?;
        let rows = open_trailer(&parsed, &header, &sealed, &self.repository.writer.naming.index).map_err(bad)?;
        Ok((header.to_vec(), rows))
    }
}

fn host_of(index_name: &str) -> Option<HostId> {
    index_name.split('/').nth(1).and_then(unhex).map(HostId)
}
