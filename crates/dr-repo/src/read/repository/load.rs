//! Which index objects make up the index of a repository, and what to do where one cannot be read.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use dr_format::format::{FOOTER, INDEX_MAX, PACK_MAX};
use dr_format::header::Header;
use dr_format::id::{Digest, FamilyId, HostId, PackId, Secret, session_of_index, unhex};
use dr_format::index_object::{self, Record};
use dr_format::log_entry::ObjectRef;
use dr_format::pack::{Footer, open_trailer};
use dr_format::trailer;
use dr_format::wire::Bad;
use dr_index::error::{IndexError, mended_in_vain, no_room};
use dr_index::layout::lay_out;
use dr_index::lookup::{Index, Judged, Origin};
use dr_index::table::{
    Builder, Describe, Described, Failed, Found, IndexTable, Live, TableDir, TableKey, Torn, gather,
};
use dr_log::fold::SessionState;
use dr_log::object::key;
use dr_store::{BlockingStore, Key, StoreError};

use crate::error::RepoError;
pub(super) use crate::read::repository::lazy_index::LazyIndex;
use crate::read::repository::{Fault, Repository, fault_text};

impl Repository {
    /// Which chunk lies where.
    pub(crate) fn index(&self) -> Result<&Arc<Index>, RepoError> {
        self.index.get(|folder| Load::new(self, folder).index())
    }
}

/// The bytes of an index object, if they are those that the log vouches for.
pub(crate) fn read_vouched(store: &BlockingStore, name: &Key, object: &ObjectRef) -> Result<Bytes, RepoError> {
    let bytes = store.get(name, INDEX_MAX)?;
    if object.len == bytes.len() as u64 && Digest::of(&bytes) == object.digest {
        Ok(bytes)
    } else {
        Err(RepoError::damaged(&object.name, "it is not what the log vouches for"))
    }
}

/// Reads index objects, and keeps apart what is wrong with them.
struct Reader {
    store: BlockingStore,
    family: FamilyId,
    index: Secret,
    faults: Vec<Fault>,
    /// What could be read of objects that are not as they should be.
    remains: Vec<(Live, Vec<Described>)>,
}

impl Reader {
    fn of(repository: &Repository) -> Self {
        let writer = &repository.writer;
        Self {
            store: repository.store.clone(),
            family: writer.family,
            index: writer.naming.index.clone(),
            faults: Vec::new(),
            remains: Vec::new(),
        }
    }

    fn fault(&mut self, object: &str, what: impl Into<String>) {
        self.faults.push(Fault { object: object.to_owned(), what: what.into() });
    }

    /// Opens an object; one that nobody vouches for has no digest. `None`: it cannot be used, and that was noted.
    fn open(&mut self, object: &ObjectRef, vouched: bool) -> Result<Option<index_object::IndexObject>, RepoError> {
        let name = key(&object.name)?;
        let read = match vouched {
            true => read_vouched(&self.store, &name, object),
            false => self.store.get(&name, INDEX_MAX).map_err(RepoError::from),
        };
        let opened = read.and_then(|bytes| {
            index_object::decode(&bytes, self.family, &self.index)
                .map_err(|Bad(what)| RepoError::damaged(&object.name, what))
        });
        match opened {
            Ok(opened) => Ok(Some(opened)),
            Err(RepoError::Store(other))
                if !matches!(other, StoreError::NotFound { .. } | StoreError::TooLarge { .. }) =>
            {
                Err(other.into())
            }
            Err(error) => {
                self.fault(&object.name, fault_text(&error));
                Ok(None)
            }
        }
    }

    /// Lays out the packs of an object, and says whether all of them are as they should be.
    fn lay_out(&mut self, name: &str, object: index_object::IndexObject) -> (Vec<Described>, bool) {
        let lines: BTreeMap<PackId, _> = object.packs.iter().map(|line| (line.id, (line.len, line.digest))).collect();
        let (mut packs, mut whole) = (Vec::with_capacity(object.records.len()), true);
        for record in object.records {
            let (Record::Pack { kind, no, header, rows } | Record::Location { kind, no, header, rows }) = record else {
                continue;
            };
            let id = PackId { session: object.session, kind, no };
            let laid = trailer::decode(&rows).and_then(|rows| lay_out(id, self.family, &header, &rows));
            match laid {
                Ok(laid) => packs.push(Described { id, whole: lines.get(&id).copied(), header, laid }),
                Err(Bad(what)) => {
                    self.fault(name, what);
                    whole = false;
                }
            }
        }
        (packs, whole)
    }
}

impl Describe for Reader {
    fn describe(&mut self, live: &Live) -> Result<Option<Vec<Described>>, IndexError> {
        let name = &live.object.name;
        let Some(opened) = self.open(&live.object, true).map_err(IndexError::describe)? else { return Ok(None) };
        if opened.session != live.session {
            self.fault(name, "it is another session's");
            return Ok(None);
        }
        let (packs, whole) = self.lay_out(name, opened);
        if whole {
            return Ok(Some(packs));
        }
        self.remains.push((live.clone(), packs));
        Ok(None)
    }
}

const ATTEMPTS: u32 = 3;

/// What keeps an index from being made.
enum Stopped {
    Repo(RepoError),
    Table(Failed),
}

impl From<RepoError> for Stopped {
    fn from(error: RepoError) -> Self {
        Self::Repo(error)
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Repo(error.into())
    }
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Table(Failed::Disk(error))
    }
}

impl From<IndexError> for Stopped {
    fn from(error: IndexError) -> Self {
        Self::Repo(error.into())
    }
}

impl From<Torn> for Stopped {
    fn from(torn: Torn) -> Self {
        Self::Table(Failed::Torn(torn))
    }
}

impl From<Failed> for Stopped {
    fn from(failed: Failed) -> Self {
        Self::Table(failed)
    }
}

struct Load<'a> {
    repository: &'a Repository,
    dir: TableDir,
    key: TableKey,
    reader: Reader,
}

impl<'a> Load<'a> {
    fn new(repository: &'a Repository, folder: Option<&Path>) -> Self {
        let key = TableKey::new(&repository.writer.naming.index, repository.writer.family, repository.repo);
        Self { repository, dir: TableDir::in_folder(folder), key, reader: Reader::of(repository) }
    }

    fn index(mut self) -> Result<(Arc<Index>, Vec<Fault>), RepoError> {
        let live = self.live();
        let strange = std::mem::take(&mut self.reader.faults);
        for _ in 0..ATTEMPTS {
            self.reader.faults.clone_from(&strange);
            self.reader.remains.clear();
            let index = match self.attempt(&live) {
                Ok(index) => index,
                Err(Stopped::Repo(error)) => return Err(error),
                Err(Stopped::Table(Failed::Disk(error))) => return Err(no_room(&error).into()),
                Err(Stopped::Table(Failed::Torn(_))) => continue,
            };
            let describe = Box::new(Reader::of(self.repository));
            let origin = Origin { dir: self.dir, key: self.key, live, describe };
            return Ok((Arc::new(index.with_origin(origin)), self.reader.faults));
        }
        Err(mended_in_vain().into())
    }

    /// The index objects in force that may be what they are called.
    fn live(&mut self) -> Vec<Live> {
        let (mut live, mut names): (Vec<Live>, HashSet<&str>) = (Vec::new(), HashSet::new());
        let repository = self.repository;
        for index in repository.log.state.indexes.iter().filter(|index| !index.superseded) {
            let name = index.object.name.as_str();
            if session_of_index(name) != Some(index.session) || index.object.len > INDEX_MAX {
                self.reader.fault(name, "it is not its session's");
            } else if names.insert(name) {
                live.push(Live { object: index.object.clone(), session: index.session });
            }
        }
        live
    }

    fn attempt(&mut self, live: &[Live]) -> Result<Index, Stopped> {
        let repository = self.repository;
        let swept = |id: &PackId| repository.log.state.packs.get(id).is_some_and(|state| state.swept);
        let judge = |id: PackId, object: &str| judge(repository, id, host_of(object));
        let found = gather(&self.dir, &self.key, live, &swept, &mut self.reader)?;
        let mut index = Index::default();
        for one in found {
            index.stand(one, true, &judge)?;
        }
        // What nobody vouches for is looked up as well, and never kept.
        if let Some(table) = self.remains(live, &index)? {
            index.stand(Found::of(table), false, &judge)?;
        }
        Ok(index)
    }

    /// Whatever can be learned where an index object or a log entry cannot be read.
    fn remains(&mut self, live: &[Live], index: &Index) -> Result<Option<IndexTable>, Stopped> {
        let mut remains = Remains { builder: None, taken: BTreeSet::new(), index };
        for (live, packs) in std::mem::take(&mut self.reader.remains) {
            remains.take(&self.dir, &self.key, live, packs)?;
        }
        if !self.repository.log.unknown.is_empty() {
            // The entry that cannot be read may have named index objects: take those nobody else names.
            let names: HashSet<&str> = live.iter().map(|live| live.object.name.as_str()).collect();
            for listed in self.repository.store.list("idx")? {
                let name = listed.key.as_str();
                let object = ObjectRef { name: name.to_owned(), len: listed.size, digest: Digest([0; 32]) };
                if !names.contains(name)
                    && let Some(opened) = self.reader.open(&object, false)?
                {
                    let session = opened.session;
                    let (packs, _) = self.reader.lay_out(name, opened);
                    remains.take(&self.dir, &self.key, Live { object, session }, packs)?;
                }
            }
        }
        if !self.reader.faults.is_empty() || !self.repository.log.unknown.is_empty() {
            for (id, host) in self.missing_packs(&remains)? {
                self.take_trailer(id, host, &mut remains)?;
            }
        }
        Ok(remains.builder.map(Builder::finish).transpose()?)
    }

    /// Packs that the log registers, or that lie there, and no readable index object describes.
    fn missing_packs(&self, known: &Remains<'_>) -> Result<BTreeSet<(PackId, HostId)>, Stopped> {
        let log = &self.repository.log;
        let registered = log.state.packs.iter().filter(|(id, state)| !state.swept && !known.knows(**id));
        let mut missing: BTreeSet<(PackId, HostId)> = registered.map(|(id, state)| (*id, state.host)).collect();
        if !log.unknown.is_empty() {
            for folder in ["data", "meta"] {
                for listed in self.repository.store.list(folder)? {
                    if let Some((host, id)) = PackId::from_object_name(listed.key.as_str())
                        && !known.knows(id)
                        && !log.state.packs.get(&id).is_some_and(|state| state.swept)
                    {
                        missing.insert((id, host));
                    }
                }
            }
        }
        Ok(missing)
    }

    fn take_trailer(&mut self, id: PackId, host: HostId, remains: &mut Remains<'_>) -> Result<(), Stopped> {
        let state = self.repository.log.state.packs.get(&id);
        let name = state.map_or_else(|| id.object_name(host), |state| state.object_name(id));
        let (header, rows) = match self.read_trailer(&name) {
            Ok(read) => read,
            Err(RepoError::Store(StoreError::Io { what, place, source })) => {
                return Err(StoreError::Io { what, place, source }.into());
            }
            Err(error) => {
                self.reader.fault(&name, fault_text(&error));
                return Ok(());
            }
        };
        let laid = trailer::decode(&rows).and_then(|rows| lay_out(id, self.reader.family, &header, &rows));
        match laid {
            Ok(laid) => {
                let object = ObjectRef { name, len: 0, digest: Digest([0; 32]) };
                let pack = Described { id, whole: None, header, laid };
                remains.take(&self.dir, &self.key, Live { object, session: id.session }, vec![pack])
            }
            Err(Bad(what)) => {
                self.reader.fault(&name, what);
                Ok(())
            }
        }
    }

    /// The header and trailer rows of a pack, by ranges of the object itself.
    fn read_trailer(&self, object: &str) -> Result<(Vec<u8>, Vec<u8>), RepoError> {
        let name = key(object)?;
        let bad = |Bad(what): Bad| RepoError::damaged(object, what);
        let len = self.repository.store.size(&name)?;
        if !(FOOTER as u64 * 2..=PACK_MAX).contains(&len) {
            return Err(RepoError::damaged(object, "it is too short or too long for a pack"));
        }
        let footer = Footer::parse(&self.repository.store.get_range(&name, len - FOOTER as u64, FOOTER as u64)?, len)
            .map_err(bad)?;
        let header_len = Header::length(&self.repository.store.get_range(&name, 0, 16)?).map_err(bad)?;
        let header = self.repository.store.get_range(&name, 0, header_len as u64)?;
        let parsed = Header::parse(&header).map_err(bad)?;
        let sealed = self.repository.store.get_range(&name, footer.trailer_at, footer.trailer_len)?;
        let rows = open_trailer(&parsed, &header, &sealed, &self.repository.writer.naming.index).map_err(bad)?;
        Ok((header.to_vec(), rows))
    }
}

/// A table of what the target cannot be asked for again in the same way.
struct Remains<'a> {
    builder: Option<Builder>,
    taken: BTreeSet<PackId>,
    index: &'a Index,
}

impl Remains<'_> {
    fn knows(&self, id: PackId) -> bool {
        self.index.knows_pack(id) || self.taken.contains(&id)
    }

    fn take(&mut self, dir: &TableDir, key: &TableKey, live: Live, packs: Vec<Described>) -> Result<(), Stopped> {
        let packs: Vec<_> = packs.into_iter().filter(|pack| !self.knows(pack.id)).collect();
        if packs.is_empty() {
            return Ok(());
        }
        let builder = match &mut self.builder {
            Some(builder) => builder,
            None => self.builder.insert(Builder::new(dir, key, false)?),
        };
        builder.object(live);
        for pack in packs {
            if self.taken.insert(pack.id) {
                builder.pack(pack.id, pack.whole, &pack.header, &pack.laid)?;
            }
        }
        Ok(())
    }
}

/// What the log makes of a pack. `None`: it was swept, and what the log swept may be gone at any moment.
fn judge(repository: &Repository, id: PackId, named: Option<HostId>) -> Option<Judged> {
    let log = &repository.log.state;
    let state = log.packs.get(&id);
    if state.is_some_and(|state| state.swept) {
        return None;
    }
    // Nobody takes another key's word for what a chunk holds, except a verifier's.
    let author = log.sessions.get(&id.session).and_then(SessionState::writer);
    let is_own = author.is_some_and(|author| author == repository.writer.as_author());
    let trusted = is_own || state.is_some_and(|state| state.verified >= 2);
    Some(Judged {
        host: state.map(|state| state.host).or(named).unwrap_or(repository.writer.host),
        source: trusted && state.is_some_and(|state| !state.condemned && !state.swept),
        healed: state.and_then(|state| state.healed.clone()),
    })
}

fn host_of(index_name: &str) -> Option<HostId> {
    index_name.split('/').nth(1).and_then(unhex).map(HostId)
}
