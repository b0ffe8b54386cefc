//! A repository, opened: its keys, its log, and its index once something is looked up.

mod create;
pub(crate) mod described;
mod fault;
mod lazy_index;
mod load;
mod maintain;
mod slots;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use dr_format::format::REPO_JSON_MAX;
use dr_format::id::{Digest, HostId, RepoId, SnapshotId};
use dr_format::key::{Author, Key, WriterKey};
use dr_format::log_entry::Body;
use dr_format::namer::Namer;
use dr_format::slot;
use dr_format::snapshot::Label;
use dr_log::fold::SnapshotState;
use dr_log::log::{Log, OtherWriter, SingleWriterGuard};
use dr_log::object::key;
use dr_store::{BlockingStore, ObjectBody, StoreError};
use tracing::debug_span;

use crate::error::RepoError;
use crate::read::copies;
use crate::read::fetch::{Fetcher, SessionKeys};
use crate::read::frames::Frames;
pub use create::{create, create_with_writer};
pub(crate) use described::{Described, REPO_JSON, parse_described};
pub use fault::Fault;
pub(crate) use fault::fault_text;
use load::LazyIndex;
pub(crate) use load::read_vouched;
use slots::open_slots;

/// What a repository is opened with.
pub enum Unlock {
    /// The password of one of its key slots.
    Password(zeroize::Zeroizing<String>),
    /// A key file's key.
    Key(Key),
}

/// A snapshot in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id.
    pub id: SnapshotId,
    /// The log entry that committed it, or the one in whose place it stands: snapshots are ordered by this, not by any
    /// clock.
    pub number: u64,
    /// What it says of itself. `None`: the label does not open.
    pub label: Option<Label>,
    /// Not to be removed before this time, in milliseconds since 1970 UTC.
    pub held_until_ms: Option<i64>,
    /// The snapshot in whose place it stands, if the maintenance key says so.
    pub replaces: Option<SnapshotId>,
}

/// Those of these snapshots in whose place another of them stands: an erasure was cut off before it took them off the
/// list, and whoever counts snapshots must not count both.
#[must_use]
pub fn rewritten_same(all: &[Snapshot]) -> BTreeSet<SnapshotId> {
    let replaced: BTreeSet<_> = all.iter().filter_map(|one| one.replaces).collect();
    all.iter().map(|one| one.id).filter(|id| replaced.contains(id)).collect()
}

/// Enough of an id to tell repositories apart in a log.
fn short(id: RepoId) -> String {
    id.to_string().chars().take(8).collect()
}

/// An open repository.
pub struct Repository {
    pub(crate) store: BlockingStore,
    pub(crate) key: Key,
    pub(crate) writer: WriterKey,
    /// How this host shows by its name, whatever its key says.
    pub(crate) host: HostId,
    pub(crate) namer: Namer,
    pub(crate) keys: SessionKeys,
    pub(crate) repo: RepoId,
    pub(crate) log: Log,
    index: LazyIndex,
    /// Whether whoever made it wants parity.
    parity: bool,
    /// What was found damaged while opening; everything else works.
    faults: Vec<Fault>,
    /// As whom this host writes with another key than the one at hand.
    also: Option<HostId>,
}

impl Repository {
    /// Opens the repository on `store`. `host` is how this host shows in the names of what it writes, where the
    /// key does not say ([`HostId::named`]).
    ///
    /// # Errors
    /// [`RepoError::NoRepository`], [`RepoError::WrongKey`], or what is damaged so that nothing can be read.
    pub fn open(store: BlockingStore, unlock: Unlock, host: HostId) -> Result<Self, RepoError> {
        let json = copies::read(&store, REPO_JSON, REPO_JSON_MAX)?;
        // The second copy is read only where the first does not serve.
        let copy = || copies::read_copy(&store, REPO_JSON, REPO_JSON_MAX);
        let copy_now = if json.is_err() { copy()?.ok() } else { None };
        if json.is_err() && copy_now.is_none() {
            return Err(match json {
                Err(RepoError::Store(StoreError::NotFound { .. })) if crate::read::known::has_a_log(&store)? => {
                    RepoError::damaged(REPO_JSON, "it is missing, and so is its second copy")
                }
                Err(RepoError::Store(StoreError::NotFound { .. })) => RepoError::NoRepository(store.place()),
                _ => RepoError::damaged(REPO_JSON, "it is too large"),
            });
        }
        let mut faults = Vec::new();
        let (own_key, vouched) = match unlock {
            Unlock::Key(key) => (key, None),
            Unlock::Password(password) => {
                let fits = |vouched: &Digest| {
                    let is = |read: &copies::Read| read.as_ref().is_ok_and(|bytes| Digest::of(bytes) == *vouched);
                    is(&json)
                        || copy_now.as_ref().map_or_else(copy, |copy| Ok(Ok(copy.clone()))).is_ok_and(|it| is(&it))
                };
                let (family, vouched) = open_slots(&store, &password, &fits, &mut faults)?;
                (Key::Family(family), Some(vouched))
            }
        };
        let writer = match &own_key {
            Key::Family(family) => family.as_writer(host)?,
            Key::Writer(writer) => (**writer).clone(),
            Key::Pruner(pruner) => pruner.writer.clone(),
        };
        let first = match json.as_ref().map_err(fault_text) {
            Ok(json) => match begin(&store, json, vouched, &writer) {
                Ok((described, log)) => return Self::begun(store, own_key, (writer, host), described, log, faults),
                Err(why @ (RepoError::Damaged { .. } | RepoError::WrongKey(_) | RepoError::Newer { .. })) => why,
                // It is the store that fails, and not this object that is bad.
                Err(other) => return Err(other),
            },
            Err(what) => RepoError::damaged(REPO_JSON, what),
        };
        let copy = if copy_now.is_some() { copy_now } else { copy()?.ok() };
        match copy.map(|copy| begin(&store, &copy, vouched, &writer)) {
            Some(Ok((described, log))) => {
                faults.push(Fault { object: REPO_JSON.into(), what: fault_text(&first) });
                Self::begun(store, own_key, (writer, host), described, log, faults)
            }
            _ => Err(first),
        }
    }

    fn begun(
        store: BlockingStore,
        own_key: Key,
        (writer, host): (WriterKey, HostId),
        described: Described,
        log: Log,
        faults: Vec<Fault>,
    ) -> Result<Self, RepoError> {
        let family = match &own_key {
            Key::Family(family) => Some(family.clone()),
            Key::Writer(_) | Key::Pruner(_) => None,
        };
        let within = debug_span!(parent: store.span().id(), "repository", repository = short(described.repo).as_str());
        let store = if within.is_disabled() { store } else { store.within(within) };
        let mut repository = Self {
            namer: Namer::new(&writer.naming),
            keys: SessionKeys::new(family.as_ref())?,
            store,
            key: own_key,
            writer,
            host,
            repo: described.repo,
            log,
            index: LazyIndex::default(),
            parity: described.parity,
            faults,
            also: None,
        };
        repository.log.read_only = described.read_only;
        if repository.store.single_writer() {
            let (place, writer) = (repository.store.place(), &repository.writer);
            let alone = SingleWriterGuard::new(place, [writer.host, host], writer.family, writer.naming.list.clone());
            repository.log.alone = Some(alone);
        }
        Ok(repository)
    }

    /// This host writes here with that key, whichever is at hand now: what it left unfinished is its own.
    #[must_use]
    pub fn of_host_with(self, key: &Key) -> Self {
        let also = match key {
            Key::Writer(writer) => Some(writer.host),
            Key::Family(_) | Key::Pruner(_) => None,
        };
        Self { also, ..self }
    }

    /// Whether a host is this one, as it shows in names of objects.
    pub(crate) fn is_own(&self, host: HostId) -> bool {
        [Some(self.writer.host), Some(self.host), self.also].contains(&Some(host))
    }

    /// Keeps the index in `folder`, this host's own for this repository, so that the next run need not read it from
    /// the target again. Without one it lies among temporary files for as long as this is open. It can be lost or
    /// damaged at any time; it is never believed.
    #[must_use]
    pub fn with_index_in(self, folder: Option<std::path::PathBuf>) -> Self {
        Self { index: LazyIndex::in_folder(folder), ..self }
    }

    /// Remembers in this file how far the log was seen, and holds it to what was seen before: a repository that was put
    /// back to an earlier state can be read, and is not written before somebody accepts that.
    ///
    /// # Errors
    /// What the store says.
    pub fn remembered_in(mut self, path: Option<std::path::PathBuf>) -> Result<Self, RepoError> {
        if let Some(path) = path {
            self.log.remember_in(&self.store, path)?;
        }
        Ok(self)
    }

    /// The newest log entry that this host has seen, if the log does not go on from it and nobody has accepted that.
    #[must_use]
    pub fn behind(&self) -> Option<(u64, Digest)> {
        self.log.behind()
    }

    /// Accepts, for every host of the school, that the repository was put back, by a note in its log; `seen`: the newest
    /// entry that any of them had seen.
    ///
    /// # Errors
    /// [`RepoError::KeyMayNot`] for a key that maintains nothing; otherwise what the store says.
    pub fn accept_rollback(&mut self, seen: u64, now_ms: i64) -> Result<(), RepoError> {
        Ok(self.log.accept(&self.store.clone(), &self.writer.clone(), seen, now_ms)?)
    }

    /// The host that alone may write here, if it is another one: where the store takes one writer only, the one that
    /// committed last or has taken over since; before that the one that has begun.
    #[must_use]
    pub fn other_writer(&self) -> Option<OtherWriter> {
        self.log.other_writer()
    }

    /// Says, by a note in the log, that this host writes here from now on in the place of the one that may, and returns that
    /// one; none: this host may write already, and nothing was written. It is somebody's word that the other one writes no
    /// more: of two that do, one would lose what it wrote.
    ///
    /// # Errors
    /// [`RepoError::SeveralWriters`] where any host may write, [`RepoError::KeyMayNot`] for a key that maintains nothing;
    /// otherwise what refuses any writing, and what the store says.
    pub fn take_over(&mut self, now_ms: i64) -> Result<Option<OtherWriter>, RepoError> {
        Ok(self.log.take_over(&self.store.clone(), &self.writer.clone(), self.host, now_ms)?)
    }

    /// Gets the index ready, which the first look-up does otherwise: lists and notes need none of it.
    pub fn ready(&self) -> Result<(), RepoError> {
        self.index().map(|_| ())
    }

    /// For reading chunks, in one thread.
    pub(crate) fn fetcher(&self) -> Result<Fetcher<'_>, RepoError> {
        self.fetcher_sharing(Arc::new(Frames::new(1)))
    }

    /// One that shares the frames that are open with others.
    pub(crate) fn fetcher_sharing(&self, frames: Arc<Frames>) -> Result<Fetcher<'_>, RepoError> {
        Fetcher::new(&self.store, self.index()?, &self.keys, &self.namer, frames)
    }

    /// Whether parity is kept here, by which `repair` heals what has rotted.
    #[must_use]
    pub fn keeps_parity(&self) -> bool {
        self.parity && self.store.may_rot()
    }

    /// Whether one process of one host alone may write here ([`dr_store::Store::single_writer`]).
    #[must_use]
    pub fn single_writer(&self) -> bool {
        self.store.single_writer()
    }

    /// Bytes that were got from the store since this was opened, and by opening it.
    #[must_use]
    pub fn bytes_fetched(&self) -> u64 {
        self.store.fetched()
    }

    /// This repository's id.
    #[must_use]
    pub fn id(&self) -> RepoId {
        self.repo
    }

    /// The key that it was opened with.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The store it lies on.
    #[must_use]
    pub fn store(&self) -> &BlockingStore {
        &self.store
    }

    /// Whether the key at hand reads backups, or only writes them.
    #[must_use]
    pub fn reads(&self) -> bool {
        self.key.reads()
    }

    /// The newest log entry in force: its number and BLAKE3, for a record kept elsewhere.
    #[must_use]
    pub fn head(&self) -> (u64, Digest) {
        self.log.head
    }

    /// What was found damaged while opening, and while [`Repository::ready`]. Empty is good.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let log = self.log.told();
        let log = log.into_iter().map(|(n, what)| Fault { object: dr_format::log_entry::object_name(n), what });
        let behind = self.log.behind().map(|(n, _)| Fault {
            object: dr_format::log_entry::object_name(n),
            what: match self.log.head.0 {
                last if last < n => format!(
                    "this host has seen it, and the log ends with entry {last}: the repository was put back or exchanged"
                ),
                _ => "this host has seen another one there: the repository was put back or exchanged".to_owned(),
            },
        });
        let checkpoints = self
            .log
            .spoiled
            .iter()
            .map(|(n, what)| Fault { object: dr_log::checkpoint::object_name(*n), what: what.clone() });
        log.chain(behind).chain(checkpoints).chain(self.faults.iter().cloned()).chain(self.index.faults()).collect()
    }

    /// Whether the newest log entry cannot be read, so that nobody knows whether `latest` is the latest.
    #[must_use]
    pub fn latest_is_uncertain(&self) -> bool {
        self.log.newest_is_unreadable()
    }

    /// The snapshots, oldest commit first.
    #[must_use]
    pub fn snapshots(&self) -> Vec<Snapshot> {
        self.ordered(self.log.state.live())
    }

    /// The snapshots that were forgotten, oldest commit first. Whether one can be put back shows when it is tried.
    #[must_use]
    pub fn forgotten(&self) -> Vec<Snapshot> {
        let gone = self.log.state.snapshots.iter().filter(|(_, state)| !state.is_there());
        self.ordered(gone.map(|(id, state)| (*id, state)).collect())
    }

    /// By the entry that committed each; what was rewritten without something stands where it stood before.
    fn ordered(&self, all: Vec<(SnapshotId, &SnapshotState)>) -> Vec<Snapshot> {
        let shown = |(id, state): (SnapshotId, &SnapshotState)| {
            let label = self.label_of(id, state);
            let (replaces, number) = (self.replaces(state, label.as_ref()), self.stands_at(state, label.as_ref()));
            (state.n, Snapshot { id, number, label, held_until_ms: state.held_until_ms, replaces })
        };
        let mut out: Vec<(u64, Snapshot)> = all.into_iter().map(shown).collect();
        out.sort_by_key(|(n, snapshot)| (snapshot.number, *n, snapshot.id));
        out.into_iter().map(|(_, snapshot)| snapshot).collect()
    }

    pub(crate) fn label_of(&self, id: SnapshotId, state: &SnapshotState) -> Option<Label> {
        Label::open(&state.label, &self.writer.naming.list, self.writer.family, id).ok()
    }

    /// The snapshot in whose place one stands. Only the maintenance key's word counts: with a host's key alone nobody can
    /// put a false snapshot in a true one's place.
    pub(crate) fn replaces(&self, state: &SnapshotState, label: Option<&Label>) -> Option<SnapshotId> {
        let own = self.log.state.sessions.get(&state.session)?;
        label.filter(|_| own.author == Some(Author::Maintenance))?.replaces
    }

    /// The entry in whose place a snapshot stands. Entries only fall, so this ends.
    fn stands_at(&self, state: &SnapshotState, label: Option<&Label>) -> u64 {
        let (mut at, mut replaces) = (state, self.replaces(state, label));
        while let Some(id) = replaces
            && let Some(before) = self.log.state.snapshots.get(&id).filter(|before| before.n < at.n)
        {
            (at, replaces) = (before, self.replaces(before, self.label_of(id, before).as_ref()));
        }
        at.at
    }

    /// The snapshot of that id, of a unique beginning of one (8 digits or more), or `latest`.
    ///
    /// # Errors
    /// [`RepoError::NoSnapshot`] says why not.
    pub fn find(&self, name: &str) -> Result<Snapshot, RepoError> {
        among(self.snapshots(), name)
    }

    /// As [`Repository::find`], among those that were forgotten.
    ///
    /// # Errors
    /// [`RepoError::NoSnapshot`] says why not.
    pub fn find_forgotten(&self, name: &str) -> Result<Snapshot, RepoError> {
        among(self.forgotten(), name)
    }

    /// Writes a note into the log; anybody who reads the log sees it.
    ///
    /// # Errors
    /// What the store says.
    pub fn note(&mut self, text: &str, now_ms: i64) -> Result<(), RepoError> {
        self.log.append(&self.store, &self.writer, now_ms, &mut |_| Ok(Body::Note(text.to_owned())))?;
        Ok(())
    }

    /// A second key slot for another password.
    ///
    /// # Errors
    /// [`RepoError::CannotRead`] with a key that may only write.
    pub fn add_password(&mut self, password: &str, now_ms: i64) -> Result<(), RepoError> {
        let Key::Family(family) = &self.key else { return Err(RepoError::CannotRead) };
        let (name, bytes) = slot::make(family, self.log.genesis(), password)?;
        let name = format!("keys/{name}");
        let digest = Digest::of(&bytes);
        self.store.put_new(&key(&name)?, ObjectBody::Bytes(Bytes::from(bytes.clone())))?;
        copies::keep(&self.store, &name, &bytes)?;
        self.log
            .append(&self.store, &self.writer, now_ms, &mut |_| Ok(Body::SlotAdded { name: name.clone(), digest }))?;
        Ok(())
    }

    /// Writes down what the log adds up to, if 256 entries have come since the last time, so that whoever opens this
    /// need not read them; the number of the entry as far as which. `None`: it is not time for it.
    ///
    /// # Errors
    /// [`RepoError::KeyMayNot`] for a key that maintains nothing, [`RepoError::NotUnderstood`] while an entry cannot be
    /// read; otherwise what the store says.
    pub fn checkpoint(&mut self, now_ms: i64) -> Result<Option<u64>, RepoError> {
        self.may_maintain()?;
        Ok(self.log.checkpoint(&self.store, &self.writer, now_ms)?)
    }

    /// Reads what others, or this handle, have added since.
    pub fn refresh(&mut self) -> Result<(), RepoError> {
        self.log.refresh(&self.store)?;
        self.index = self.index.unread();
        self.faults.clear();
        self.ready()
    }

    /// What was just registered is to be found too: the index is read again when something is next looked up.
    pub(crate) fn reread_index(&mut self) {
        self.index = self.index.unread();
    }
}

fn among(mut all: Vec<Snapshot>, name: &str) -> Result<Snapshot, RepoError> {
    let none = |why: String| Err(RepoError::NoSnapshot(why));
    if name == "latest" {
        return all.pop().map_or_else(|| none("there is no snapshot here yet".into()), Ok);
    }
    if name.len() < 8 {
        return none(format!("`{name}` is too short: give at least 8 digits of a snapshot's id, or `latest`"));
    }
    let mut found = all.into_iter().filter(|snapshot| snapshot.id.to_string().starts_with(name));
    match (found.next(), found.next()) {
        (Some(snapshot), None) => Ok(snapshot),
        (None, _) => none(format!("there is no snapshot `{name}` here")),
        _ => none(format!("several snapshots begin with `{name}`")),
    }
}

/// What a `repo.json` describes, and the log that was begun under it.
fn begin(
    store: &BlockingStore,
    json: &[u8],
    vouched: Option<Digest>,
    writer: &WriterKey,
) -> Result<(Described, Log), RepoError> {
    let digest = Digest::of(json);
    if vouched.is_some_and(|vouched| vouched != digest) {
        return Err(RepoError::damaged(REPO_JSON, "it is not what the key slot vouches for"));
    }
    let described = parse_described(json)?;
    if described.family != writer.family {
        return Err(RepoError::WrongKey(format!("the key does not belong to the repository at {}", store.place())));
    }
    if described.maintenance != writer.maintenance {
        return Err(RepoError::damaged(REPO_JSON, "it names a maintenance key that is not this family's"));
    }
    let log = Log::open(store, described.family, described.maintenance, digest)?;
    if log.unreadable.iter().any(|(n, _)| *n == 0) {
        return Err(RepoError::damaged(REPO_JSON, "the log was begun under another one: it was exchanged"));
    }
    Ok((described, log))
}
