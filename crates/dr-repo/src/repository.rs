//! A repository, opened: its keys, its log and its index.

use std::collections::BTreeMap;

use bytes::Bytes;
use dr_store::{Body, Put, Shelf, StoreError};

use crate::error::RepoError;
use crate::fetch::{Namer, SessionKeys};
use crate::fold::{PackState, SnapshotState};
use crate::format::{CHUNKER_MIN8, FOOTER, INDEX_MAX, KEM_X25519, PACK_MAX, REPO_JSON_MAX, SLOT_MAX};
use crate::header::Header;
use crate::id::{Digest, FamilyId, HostId, PackId, RepoId, SessionId, SnapshotId, random, unhex};
use crate::index_object::{self, Record};
use crate::key::{FamilyKey, Key, WriterKey};
use crate::log::{Log, key};
use crate::log_entry::{Body as Entry, ObjectRef};
use crate::lookup::{Index, NewPack};
use crate::pack::{Footer, open_trailer};
use crate::slot::{self, NotOpened};
use crate::snapshot::Label;
use crate::trailer;
use crate::wire::Bad;

/// What a repository is opened with.
pub enum Unlock {
    /// The password of one of its key slots.
    Password(zeroize::Zeroizing<String>),
    /// A key file's key.
    Key(Key),
}

/// Something that is wrong with an object, found while opening or checking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Name of the object.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
}

/// A snapshot in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id.
    pub id: SnapshotId,
    /// The log entry that committed it: snapshots are ordered by this, not by any clock.
    pub number: u64,
    /// What it says of itself. `None`: the label does not open.
    pub label: Option<Label>,
    /// Not to be removed before this time, in milliseconds since 1970 UTC.
    pub held_until_ms: Option<i64>,
}

/// An open repository.
pub struct Repository {
    pub(crate) shelf: Shelf,
    pub(crate) key: Key,
    pub(crate) writer: WriterKey,
    pub(crate) namer: Namer,
    pub(crate) keys: SessionKeys,
    pub(crate) repo: RepoId,
    pub(crate) log: Log,
    pub(crate) index: Index,
    /// What was found damaged while opening; everything else works.
    pub(crate) faults: Vec<Fault>,
}

/// The name under which a repository describes itself.
pub(crate) const REPO_JSON: &str = "repo.json";

/// Makes a repository of the key's family, with a key slot if there is a password.
///
/// # Errors
/// [`RepoError::AlreadyThere`] if there is one; otherwise what the store says.
pub fn create(
    shelf: &Shelf,
    family: &FamilyKey,
    password: Option<&str>,
    created: &str,
    now_ms: i64,
) -> Result<RepoId, RepoError> {
    match shelf.size(&key(REPO_JSON)?) {
        Ok(_) => return Err(RepoError::AlreadyThere(shelf.place())),
        Err(StoreError::NotFound { .. }) => {}
        Err(other) => return Err(other.into()),
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
            shelf.put_new(&key(&name)?, Body::Bytes(Bytes::from(bytes.clone())))?;
            Some((name, Digest::of(&bytes)))
        }
    };
    if shelf.put_new(&key(REPO_JSON)?, Body::Bytes(Bytes::from(json.into_bytes())))? == Put::Exists {
        return Err(RepoError::AlreadyThere(shelf.place()));
    }
    if let Some((name, slot)) = slot {
        let mut log = Log::open(shelf, family.family, writer.maintenance, digest)?;
        log.append(shelf, &writer, now_ms, &mut |_| Ok(Entry::SlotAdded { name: name.clone(), digest: slot }))?;
    }
    Ok(repo)
}

/// Makes a repository of the writing key's family, without any key slot: `repo.json` holds public parts only, so a
/// host that cannot read can found one on a new target or medium. Whoever holds the family's key file reads it.
///
/// # Errors
/// [`RepoError::AlreadyThere`] if there is one; otherwise what the store says.
pub fn create_with_writer(shelf: &Shelf, writer: &WriterKey, created: &str) -> Result<RepoId, RepoError> {
    let repo = RepoId(random());
    let json = describe(repo, writer, created);
    match shelf.put_new(&key(REPO_JSON)?, Body::Bytes(Bytes::from(json.into_bytes())))? {
        Put::Created => Ok(repo),
        Put::Exists => Err(RepoError::AlreadyThere(shelf.place())),
    }
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

/// What `repo.json` says, parsed.
struct Described {
    repo: RepoId,
    family: FamilyId,
    maintenance: [u8; 32],
    read_only: Option<String>,
}

fn parse_described(bytes: &[u8]) -> Result<Described, RepoError> {
    let bad = |what: &str| RepoError::damaged(REPO_JSON, what);
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|_| bad("it is not JSON"))?;
    if value["magic"] != "DRREPO" {
        return Err(bad("it does not describe a repository"));
    }
    if value["version"] != 1 {
        return Err(RepoError::Newer {
            object: REPO_JSON.into(),
            what: format!("its format is version {}", value["version"]),
        });
    }
    let features = |set: &str| -> Vec<String> {
        let list = value["features"][set].as_array().cloned().unwrap_or_default();
        list.iter().map(|feature| feature.as_str().unwrap_or("?").to_owned()).collect()
    };
    if let Some(feature) = features("incompat").first() {
        return Err(RepoError::Newer { object: REPO_JSON.into(), what: format!("it needs the feature `{feature}`") });
    }
    let text = |pointer: &str| value.pointer(pointer).and_then(|v| v.as_str()).unwrap_or_default();
    Ok(Described {
        repo: RepoId(unhex(text("/repo_id")).ok_or_else(|| bad("its id cannot be read"))?),
        family: FamilyId(unhex(text("/family_id")).ok_or_else(|| bad("its family cannot be read"))?),
        maintenance: unhex(text("/trust/maintenance")).ok_or_else(|| bad("its maintenance key cannot be read"))?,
        read_only: features("ro_compat").into_iter().next(),
    })
}

impl Repository {
    /// Opens the repository on `shelf`. `host` is how this host shows in the names of what it writes, where the
    /// key does not say.
    ///
    /// # Errors
    /// [`RepoError::NoRepository`], [`RepoError::WrongKey`], or what is damaged so that nothing can be read.
    pub fn open(shelf: Shelf, unlock: Unlock, host: HostId) -> Result<Self, RepoError> {
        let json = match shelf.get(&key(REPO_JSON)?, REPO_JSON_MAX) {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound { .. }) => return Err(RepoError::NoRepository(shelf.place())),
            Err(StoreError::TooLarge { .. }) => return Err(RepoError::damaged(REPO_JSON, "it is too large")),
            Err(other) => return Err(other.into()),
        };
        let digest = Digest::of(&json);
        let mut faults = Vec::new();
        let (own_key, vouched) = match unlock {
            Unlock::Key(key) => (key, None),
            Unlock::Password(password) => {
                let (family, vouched) = open_slots(&shelf, &password, &mut faults)?;
                (Key::Family(family), Some(vouched))
            }
        };
        if vouched.is_some_and(|vouched| vouched != digest) {
            return Err(RepoError::damaged(REPO_JSON, "it is not what the key slot vouches for"));
        }
        let described = parse_described(&json)?;
        if described.family != own_key.family() {
            return Err(RepoError::WrongKey(format!("the key does not belong to the repository at {}", shelf.place())));
        }
        let writer = match &own_key {
            Key::Family(family) => family.as_writer(host)?,
            Key::Writer(writer) => (**writer).clone(),
        };
        if described.maintenance != writer.maintenance {
            return Err(RepoError::damaged(REPO_JSON, "it names a maintenance key that is not this family's"));
        }
        let log = Log::open(&shelf, described.family, described.maintenance, digest)?;
        if let Some((n, _)) = log.unreadable.iter().find(|(n, _)| *n == 0) {
            let _ = n;
            return Err(RepoError::damaged(REPO_JSON, "the log was begun under another one: it was exchanged"));
        }
        let family = match &own_key {
            Key::Family(family) => Some(family.clone()),
            Key::Writer(_) => None,
        };
        let mut repository = Self {
            namer: Namer::new(&writer.naming),
            keys: SessionKeys::new(family.as_ref())?,
            shelf,
            key: own_key,
            writer,
            repo: described.repo,
            log,
            index: Index::default(),
            faults,
        };
        repository.log.read_only = described.read_only;
        repository.load_index()?;
        Ok(repository)
    }

    /// This repository's id.
    #[must_use]
    pub fn id(&self) -> RepoId {
        self.repo
    }

    /// The store it lies on.
    #[must_use]
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
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

    /// What was found damaged while opening. Empty is good.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let log = self
            .log
            .unreadable
            .iter()
            .map(|(n, what)| Fault { object: crate::log_entry::object_name(*n), what: what.clone() });
        log.chain(self.faults.iter().cloned()).collect()
    }

    /// Whether the newest log entry cannot be read, so that nobody knows whether `latest` is the latest.
    #[must_use]
    pub fn latest_is_uncertain(&self) -> bool {
        self.log.newest_is_unreadable()
    }

    /// The snapshots, oldest commit first.
    #[must_use]
    pub fn snapshots(&self) -> Vec<Snapshot> {
        let open = |id: SnapshotId, state: &SnapshotState| {
            Label::open(&state.label, &self.writer.naming.list, self.writer.family, id).ok()
        };
        self.log
            .state
            .live()
            .into_iter()
            .map(|(id, state)| Snapshot {
                id,
                number: state.n,
                label: open(id, state),
                held_until_ms: state.held_until_ms,
            })
            .collect()
    }

    /// The snapshot of that id, of a unique beginning of one (8 digits or more), or `latest`.
    ///
    /// # Errors
    /// [`RepoError::NoSnapshot`] says why not.
    pub fn find(&self, name: &str) -> Result<Snapshot, RepoError> {
        let all = self.snapshots();
        if name == "latest" {
            return all
                .into_iter()
                .next_back()
                .ok_or_else(|| RepoError::NoSnapshot("there is no snapshot here yet".into()));
        }
        if name.len() < 8 {
            return Err(RepoError::NoSnapshot(format!(
                "`{name}` is too short: give at least 8 digits of a snapshot's id, or `latest`"
            )));
        }
        let mut found = all.into_iter().filter(|snapshot| snapshot.id.to_string().starts_with(name));
        match (found.next(), found.next()) {
            (Some(snapshot), None) => Ok(snapshot),
            (None, _) => Err(RepoError::NoSnapshot(format!("there is no snapshot `{name}` here"))),
            _ => Err(RepoError::NoSnapshot(format!("several snapshots begin with `{name}`"))),
        }
    }

    /// Writes a note into the log; anybody who reads the log sees it.
    ///
    /// # Errors
    /// What the store says.
    pub fn note(&mut self, text: &str, now_ms: i64) -> Result<(), RepoError> {
        self.log.append(&self.shelf, &self.writer, now_ms, &mut |_| Ok(Entry::Note(text.to_owned()))).map(|_| ())
    }

    /// A second key slot for another password.
    ///
    /// # Errors
    /// [`RepoError::CannotRead`] with a key that may only write.
    pub fn add_password(&mut self, password: &str, now_ms: i64) -> Result<(), RepoError> {
        let Key::Family(family) = &self.key else { return Err(RepoError::CannotRead) };
        let json = self.shelf.get(&key(REPO_JSON)?, REPO_JSON_MAX)?;
        let (name, bytes) = slot::make(family, Digest::of(&json), password)?;
        let name = format!("keys/{name}");
        let digest = Digest::of(&bytes);
        self.shelf.put_new(&key(&name)?, Body::Bytes(Bytes::from(bytes)))?;
        self.log
            .append(&self.shelf, &self.writer, now_ms, &mut |_| Ok(Entry::SlotAdded { name: name.clone(), digest }))
            .map(|_| ())
    }

    /// Reads what others, or this handle, have added since.
    pub fn refresh(&mut self) -> Result<(), RepoError> {
        self.log.refresh(&self.shelf)?;
        self.index = Index::default();
        self.faults.clear();
        self.load_index()
    }

    fn load_index(&mut self) -> Result<(), RepoError> {
        let mut objects: Vec<(ObjectRef, Option<SessionId>)> = Vec::new();
        for index in self.log.state.indexes.iter().filter(|index| !index.superseded) {
            let session = format!("/{}/", index.session);
            let is_ours = index.object.name.starts_with("idx/") && index.object.name.contains(&session);
            if is_ours && index.object.len <= INDEX_MAX {
                objects.push((index.object.clone(), Some(index.session)));
            } else {
                self.faults.push(Fault { object: index.object.name.clone(), what: "it is not its session's".into() });
            }
        }
        if !self.log.unreadable.is_empty() {
            // The entry that cannot be read may have named index objects: take those nobody else names.
            for listed in self.shelf.list("idx")? {
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
        self.load_missing_packs()
    }

    pub(crate) fn read_index_object(
        &self,
        name: &str,
        vouched: Option<(u64, Digest)>,
    ) -> Result<index_object::IndexObject, RepoError> {
        let bytes = self.shelf.get(&key(name)?, INDEX_MAX)?;
        if vouched.is_some_and(|(len, digest)| len != bytes.len() as u64 || Digest::of(&bytes) != digest) {
            return Err(RepoError::damaged(name, "it is not what the log vouches for"));
        }
        index_object::decode(&bytes, self.writer.family, &self.writer.naming.index)
            .map_err(|Bad(what)| RepoError::damaged(name, what))
    }

    fn take_index_object(&mut self, name: &str, object: index_object::IndexObject) {
        let lines: BTreeMap<PackId, _> = object.packs.iter().map(|line| (line.id, (line.len, line.digest))).collect();
        for record in object.records {
            let (Record::Pack { kind, no, header, rows } | Record::Location { kind, no, header, rows }) = record;
            let id = PackId { session: object.session, kind, no };
            let state = self.log.state.packs.get(&id);
            // What the log swept may be gone at any moment.
            if state.is_some_and(|state| state.swept) {
                continue;
            }
            let host = state.map(|state| state.host).or_else(|| host_of(name)).unwrap_or(self.writer.host);
            let new = self.new_pack(id, host, state, lines.get(&id).copied());
            let taken = trailer::decode(&rows).and_then(|rows| self.index.add(new, self.writer.family, &header, &rows));
            if let Err(Bad(what)) = taken {
                self.faults.push(Fault { object: name.to_owned(), what: what.to_owned() });
            }
        }
    }

    fn new_pack(&self, id: PackId, host: HostId, state: Option<&PackState>, whole: Option<(u64, Digest)>) -> NewPack {
        let healed = state.and_then(|state| state.healed.as_ref());
        // Nobody takes another key's word for what a chunk holds, except a verifier's.
        let author = self.log.state.sessions.get(&id.session).and_then(|session| session.author);
        let is_own = author.is_some_and(|author| author == self.writer.as_author());
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
    fn load_missing_packs(&mut self) -> Result<(), RepoError> {
        if self.faults.is_empty() && self.log.unreadable.is_empty() {
            return Ok(());
        }
        let mut missing: Vec<(PackId, HostId)> = self
            .log
            .state
            .packs
            .iter()
            .filter(|(id, state)| !state.swept && !self.index.knows_pack(**id))
            .map(|(id, state)| (*id, state.host))
            .collect();
        if !self.log.unreadable.is_empty() {
            for folder in ["data", "meta"] {
                for listed in self.shelf.list(folder)? {
                    if let Some((host, id)) = PackId::from_object_name(listed.key.as_str())
                        && !self.index.knows_pack(id)
                        && !self.log.state.packs.get(&id).is_some_and(|state| state.swept)
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
                    let new = self.new_pack(id, host, self.log.state.packs.get(&id), None);
                    let taken =
                        trailer::decode(&rows).and_then(|rows| self.index.add(new, self.writer.family, &header, &rows));
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
        let len = self.shelf.size(&name)?;
        if !(FOOTER as u64 * 2..=PACK_MAX).contains(&len) {
            return Err(RepoError::damaged(object, "it is too short or too long for a pack"));
        }
        let footer =
            Footer::parse(&self.shelf.get_range(&name, len - FOOTER as u64, FOOTER as u64)?, len).map_err(bad)?;
        let header_len = Header::length(&self.shelf.get_range(&name, 0, 16)?).map_err(bad)?;
        let header = self.shelf.get_range(&name, 0, header_len as u64)?;
        let parsed = Header::parse(&header).map_err(bad)?;
        let sealed = self.shelf.get_range(&name, footer.trailer_at, footer.trailer_len)?;
        let rows = open_trailer(&parsed, &header, &sealed, &self.writer.naming.index).map_err(bad)?;
        Ok((header.to_vec(), rows))
    }
}

/// What is wrong, without naming the object a second time.
pub(crate) fn fault_text(error: &RepoError) -> String {
    match error {
        RepoError::Damaged { what, .. } => what.clone(),
        RepoError::Store(StoreError::NotFound { .. }) => "it is missing".to_owned(),
        RepoError::Store(StoreError::Short { .. }) => "it is cut off".to_owned(),
        RepoError::Store(StoreError::TooLarge { .. }) => "it is too large".to_owned(),
        other => other.to_string(),
    }
}

fn host_of(index_name: &str) -> Option<HostId> {
    index_name.split('/').nth(1).and_then(unhex).map(HostId)
}

fn open_slots(shelf: &Shelf, password: &str, faults: &mut Vec<Fault>) -> Result<(FamilyKey, Digest), RepoError> {
    let (mut tried, mut damaged) = (0, Vec::new());
    // A hostile store could list slots for ever; each costs a quarter of a second.
    for listed in shelf.list("keys")?.into_iter().take(32) {
        let bytes = match shelf.get(&listed.key, SLOT_MAX) {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound { .. } | StoreError::TooLarge { .. }) => {
                damaged.push(Fault { object: listed.key.to_string(), what: "it is too large or gone".into() });
                continue;
            }
            Err(other) => return Err(other.into()),
        };
        match slot::open(&bytes, password) {
            Ok(opened) => {
                faults.append(&mut damaged);
                return Ok(opened);
            }
            Err(NotOpened::WrongPassword) => tried += 1,
            Err(NotOpened::Damaged(what)) => damaged.push(Fault { object: listed.key.to_string(), what }),
        }
    }
    match (tried, damaged.into_iter().next()) {
        (0, Some(Fault { object, what })) => Err(RepoError::Damaged { object, what }),
        (0, None) => Err(RepoError::WrongKey("this repository has no password; it opens with its key file".into())),
        (_, Some(Fault { object, .. })) => {
            Err(RepoError::WrongKey(format!("the password fits no key slot that can be read ({object} is damaged)")))
        }
        (_, None) => Err(RepoError::WrongKey("wrong password".into())),
    }
}
