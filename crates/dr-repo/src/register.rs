//! Making stored packs count: storing them, describing them in index objects, and naming those in the log.
//!
//! Also what belongs to the two ends of a session: whole packs that a killed run of this host left behind are
//! taken up, and before the session's key is wiped everything new can be read back once more.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use bytes::Bytes;
use dr_store::{Body as Put, Put as Outcome};

use crate::backup::{Capture, Shared, StoredPack};
use crate::claim::{self, Claim};
use crate::error::RepoError;
use crate::fetch::open_frame;
use crate::fold::{SessionState, runs_of};
use crate::id::{ChunkId, Digest, HostId, PackId, SessionId, index_name};
use crate::index_object::{self, PackLine, Record};
use crate::log_entry::{Body, Named, ObjectRef, Registered, Run, Runs};
use crate::lookup::lay_out;
use crate::object::key;
use crate::pack::{FinishedPack, open_vouched, open_whole};
use crate::progress::Tally;
use crate::repository::Repository;
use crate::snapshot::Label;
use crate::spares::Spares;
use crate::squeeze::Unsqueezer;
use crate::trailer;
use crate::turns::two_at_a_time;
use crate::used::List;
use crate::wire::Bad;

/// Packs are registered at the latest after so much has been stored, or so much time has passed.
pub(crate) const REGISTER_BYTES: u64 = 256 << 20;
pub(crate) const REGISTER_MS: i64 = 30_000;

/// The BLAKE3s of the packs that this host wrote itself, noted before each was stored.
struct Journal(Option<PathBuf>);

impl Journal {
    fn of(folder: Option<&Path>) -> Self {
        Self(folder.map(|folder| folder.join("packs")))
    }

    fn read(&self) -> BTreeSet<String> {
        let text =
            self.0.as_ref().and_then(|path| dr_open::text(path, crate::notes::NOTE_MAX).ok()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Best effort: without the note, a killed run's pack is read back before it is taken up, or stored again.
    fn note(&self, digest: Digest) {
        let Some(path) = &self.0 else { return };
        if let Ok(mut file) = dr_open::to_add(path) {
            let _ = writeln!(file, "{digest}");
        }
    }

    fn clear(&self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Stores the packs of one session and makes them count.
pub(crate) struct Registrar<'a> {
    repository: &'a mut Repository,
    capture: &'a Capture<'a>,
    shared: &'a Shared<'a>,
    journal: Journal,
    lines: Vec<PackLine>,
    records: Vec<Record>,
    spares: Spares,
    unregistered: u64,
    since_ms: i64,
    objects: u32,
    sequence: u64,
    stored: Vec<StoredPack>,
    /// What the snapshot uses of its own session.
    own: List,
}

impl<'a> Registrar<'a> {
    pub(crate) fn new(repository: &'a mut Repository, capture: &'a Capture<'a>, shared: &'a Shared<'a>) -> Self {
        Self {
            journal: Journal::of(capture.journal),
            since_ms: (capture.clock)(),
            spares: Spares::new(repository.keeps_parity()),
            repository,
            capture,
            shared,
            lines: Vec::new(),
            records: Vec::new(),
            unregistered: 0,
            objects: 0,
            sequence: 0,
            stored: Vec::new(),
            own: List::new(),
        }
    }

    /// Stores a finished pack. On return it survives a power cut; it counts once it is registered.
    pub(crate) fn store(&mut self, pack: FinishedPack) -> Result<(), RepoError> {
        let object = pack.id.object_name(self.shared.session.host);
        self.journal.note(pack.digest);
        let line = PackLine { id: pack.id, len: pack.len, digest: pack.digest };
        self.spares.take_file(line, &pack.path)?;
        let outcome = self.repository.shelf.put_new(&key(&object)?, Put::File(pack.path.clone()))?;
        drop(pack.lock);
        if outcome == Outcome::Exists {
            return Err(RepoError::damaged(object, "a new session's pack was there already"));
        }
        self.capture.tally.bytes_stored.fetch_add(pack.len, Ordering::Relaxed);
        self.capture.tally.objects.fetch_add(1, Ordering::Relaxed);
        self.unregistered += pack.len;
        self.lines.push(line);
        self.own.whole(pack.id, pack.frames);
        self.records.push(Record::Pack { kind: pack.id.kind, no: pack.id.no, header: pack.header, rows: pack.rows });
        self.stored.push(StoredPack { object, len: pack.len, digest: pack.digest });
        let waited = (self.capture.clock)().saturating_sub(self.since_ms);
        if self.unregistered >= REGISTER_BYTES || waited >= REGISTER_MS { self.register(false) } else { Ok(()) }
    }

    /// The packs of others that this session relies on so far.
    fn needs(&self) -> Vec<Runs> {
        let relied = self.shared.relied.packs().map(|number| self.shared.index.brief(number));
        runs_of(relied.map(|pack| (pack.id, pack.host)))
    }

    /// Stores the index object of what is not registered yet.
    fn describe(&mut self) -> Result<(Vec<Run>, Vec<ObjectRef>), RepoError> {
        let session = self.shared.session;
        if self.records.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let (lines, records) = (std::mem::take(&mut self.lines), std::mem::take(&mut self.records));
        self.unregistered = 0;
        let whose = (session.family, session.host, session.id);
        self.spares.put(&self.repository.shelf, whose, self.objects, self.capture.tally)?;
        let bytes = index_object::encode(session.family, session.id, &session.naming.index, &lines, &records)?;
        let object =
            put_index(self.repository, self.capture.tally, session.host, session.id, &mut self.objects, bytes)?;
        let runs = runs_of(lines.iter().map(|line| (line.id, session.host)));
        Ok((runs.into_iter().flat_map(|runs| runs.runs).collect(), vec![object]))
    }

    /// Registers what is stored, so that nothing that happens later can lose it. `last` ends the session.
    pub(crate) fn register(&mut self, last: bool) -> Result<(), RepoError> {
        self.since_ms = (self.capture.clock)();
        if self.lines.is_empty() {
            return Ok(());
        }
        let (own, indexes) = self.describe()?;
        self.append(own, indexes, Vec::new(), last)
    }

    /// The chunks that the snapshot uses, for whoever prunes and reads nothing.
    fn used(&mut self) -> Result<Record, RepoError> {
        let (shared, mut list) = (self.shared, std::mem::replace(&mut self.own, List::new()));
        list.marked(shared.index, &shared.relied)?;
        let gc = &self.repository.writer.gc;
        list.seal(gc, shared.session.family, shared.session.id, self.capture.snapshot).map(Record::Used)
    }

    /// Commits the snapshot: from here on it is there.
    pub(crate) fn commit(&mut self, label: &Label, document: ChunkId) -> Result<Vec<StoredPack>, RepoError> {
        if let Err(gone) = self.hold() {
            // What is whole is kept for the next attempt, if the target still takes a log entry.
            let _ = self.register(true);
            return Err(gone);
        }
        let sealed =
            label.seal(&self.repository.writer.naming.list, self.repository.writer.family, self.capture.snapshot)?;
        let used = self.used()?;
        self.records.push(used);
        let (own, indexes) = self.describe()?;
        self.append(own, indexes, vec![Named { id: self.capture.snapshot, document, label: sealed }], true)?;
        self.journal.clear();
        Ok(std::mem::take(&mut self.stored))
    }

    /// Whether everything that the snapshot relies on is there now.
    fn hold(&self) -> Result<(), RepoError> {
        let Shared { stands, relied, index, .. } = self.shared;
        let repository = (&self.repository.shelf, &self.repository.log.state, *index);
        stands.hold(repository, relied.packs(), self.stored.iter().map(|pack| (pack.object.clone(), pack.len)))
    }

    fn append(
        &mut self,
        own: Vec<Run>,
        indexes: Vec<ObjectRef>,
        snapshots: Vec<Named>,
        last: bool,
    ) -> Result<(), RepoError> {
        self.sequence += 1;
        let registered = Registered {
            session: self.shared.session.id,
            host: self.shared.session.host,
            sequence: self.sequence,
            last,
            needs: self.needs(),
            own,
            indexes,
            used: Vec::new(),
            sources: Vec::new(),
            superseded: Vec::new(),
            snapshots,
            at: 0,
        };
        let is_commit = !registered.snapshots.is_empty();
        let (shelf, writer) = (self.repository.shelf.clone(), self.repository.writer.clone());
        self.repository.log.append(&shelf, &writer, (self.capture.clock)(), &mut |_| {
            Ok(if is_commit { Body::Commit(registered.clone()) } else { Body::Packs(registered.clone()) })
        })?;
        self.capture.tally.objects.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn put_index(
    repository: &Repository,
    tally: &Tally,
    host: HostId,
    session: SessionId,
    number: &mut u32,
    bytes: Vec<u8>,
) -> Result<ObjectRef, RepoError> {
    let (len, digest) = (bytes.len() as u64, Digest::of(&bytes));
    let bytes = Bytes::from(bytes);
    while *number <= 0xffff {
        let name = index_name(host, session, *number);
        *number += 1;
        if repository.shelf.put_new(&key(&name)?, Put::Bytes(bytes.clone()))? == Outcome::Created {
            tally.bytes_stored.fetch_add(len, Ordering::Relaxed);
            tally.objects.fetch_add(1, Ordering::Relaxed);
            return Ok(ObjectRef { name, len, digest });
        }
    }
    Err(RepoError::TooMuch("a session has run out of index objects".into()))
}

/// Takes up whole packs of this host that no log entry names: what a killed run left behind.
pub(crate) fn adopt(
    repository: &mut Repository,
    journal: Option<&Path>,
    clock: &(dyn Fn() -> i64 + Sync),
    tally: &Tally,
) -> Result<u64, RepoError> {
    let Some(folder) = journal.filter(|_| repository.log.unreadable.is_empty()) else { return Ok(0) };
    Claim::tidy(folder);
    let journal = Journal::of(Some(folder));
    let host = repository.writer.host;
    let mut left: BTreeMap<SessionId, Vec<(PackId, String)>> = BTreeMap::new();
    for folder in ["data", "meta"] {
        for listed in repository.shelf.list(&format!("{folder}/{host}"))? {
            if let Some((_, id)) = PackId::from_object_name(listed.key.as_str())
                && !repository.log.state.packs.contains_key(&id)
                && repository
                    .log
                    .state
                    .sessions
                    .get(&id.session)
                    .is_none_or(|session| !session.closed && !session.fenced)
            {
                left.entry(id.session).or_default().push((id, listed.key.as_str().to_owned()));
            }
        }
    }
    let noted = if left.is_empty() { BTreeSet::new() } else { journal.read() };
    let mut adopted = 0;
    for (session, packs) in left {
        // Of a live run nothing is taken.
        let Some(_claim) = dead(repository, folder, session) else { continue };
        let (mut lines, mut records) = (Vec::new(), Vec::new());
        let mut spares = Spares::new(repository.keeps_parity());
        for (id, object) in packs {
            let Ok(bytes) = repository.shelf.get(&key(&object)?, crate::format::PACK_MAX) else { continue };
            let digest = Digest::of(&bytes);
            let Ok(opened) = open_whole(&bytes, &repository.writer.naming.index) else { continue };
            let ours = opened.header.own() == id && opened.header.family == repository.writer.family;
            let trusted = noted.contains(&digest.to_string()) || rehash(repository, &object, &opened, &bytes).is_ok();
            if !ours || !trusted {
                continue;
            }
            let line = PackLine { id, len: bytes.len() as u64, digest };
            spares.take_bytes(line, &bytes)?;
            lines.push(line);
            let record =
                Record::Pack { kind: id.kind, no: id.no, header: opened.header_bytes.to_vec(), rows: opened.rows };
            records.push(record);
        }
        if lines.is_empty() {
            continue;
        }
        spares.put(&repository.shelf, (repository.writer.family, host, session), 0, tally)?;
        let index = &repository.writer.naming.index;
        let bytes = index_object::encode(repository.writer.family, session, index, &lines, &records)?;
        let object = put_index(repository, tally, host, session, &mut 0, bytes)?;
        let own = runs_of(lines.iter().map(|line| (line.id, host))).into_iter().flat_map(|runs| runs.runs).collect();
        if end(repository, session, own, vec![object], clock(), tally)? {
            adopted += lines.len() as u64;
        }
    }
    if adopted > 0 {
        repository.reread_index();
    }
    let (now_ms, author) = (clock(), repository.writer.as_author());
    let is_dead = |session: &SessionState| {
        session.is_open()
            && session.author == Some(author)
            && session.host == Some(host)
            && now_ms.saturating_sub(session.last_ms) >= DEAD_MS
    };
    let sessions = repository.log.state.sessions.iter();
    let silent: Vec<SessionId> = sessions.filter(|(_, session)| is_dead(session)).map(|(id, _)| *id).collect();
    for session in silent {
        if dead(repository, folder, session).is_some() {
            end(repository, session, Vec::new(), Vec::new(), now_ms, tally)?;
        }
    }
    Ok(adopted)
}

/// Claims a session of this host whose process is dead.
fn dead(repository: &Repository, journal: &Path, session: SessionId) -> Option<Claim> {
    let is_running = claim::is_running(None, repository.shelf.temporary(), session).unwrap_or(false);
    Claim::of(Some(journal), session).filter(|_| !is_running)
}

/// A run registers something every half a minute. One that was silent for a day is dead, and what it held may go.
pub(crate) const DEAD_MS: i64 = 24 * 3_600_000;

/// Ends a session of this host for a run that could not, with what is left of it. Whether it was not over before.
fn end(
    repository: &mut Repository,
    session: SessionId,
    own: Vec<Run>,
    indexes: Vec<ObjectRef>,
    now_ms: i64,
    tally: &Tally,
) -> Result<bool, RepoError> {
    let sequence = repository.log.state.sessions.get(&session).map_or(0, |state| state.sequence).saturating_add(1);
    let registered = Registered {
        session,
        host: repository.writer.host,
        sequence,
        last: true,
        snapshots: Vec::new(),
        needs: Vec::new(),
        own,
        indexes,
        used: Vec::new(),
        sources: Vec::new(),
        superseded: Vec::new(),
        at: 0,
    };
    let (shelf, writer) = (repository.shelf.clone(), repository.writer.clone());
    let appended = repository.log.append(&shelf, &writer, now_ms, &mut |_| Ok(Body::Packs(registered.clone())));
    let is_over = repository.log.state.sessions.get(&session).is_some_and(|session| !session.is_open());
    match appended {
        // Somebody else ended it, or fenced it off.
        Err(RepoError::Outrun(_)) if is_over => Ok(false),
        other => other.map(|_| {
            tally.objects.fetch_add(1, Ordering::Relaxed);
            true
        }),
    }
}

/// Opens every frame of a pack and names every chunk anew. Needs a key that reads.
pub(crate) fn rehash(
    repository: &Repository,
    object: &str,
    opened: &crate::pack::Opened<'_>,
    bytes: &[u8],
) -> Result<u64, RepoError> {
    let bad = |Bad(what)| RepoError::damaged(object, what);
    let rows = trailer::decode(&opened.rows).map_err(bad)?;
    let laid = lay_out(opened.header.own(), repository.writer.family, opened.header_bytes, &rows).map_err(bad)?;
    let mut unsqueezer = Unsqueezer::new()?;
    let mut chunks = 0;
    for (frame, row) in laid.frames.iter().zip(&rows) {
        let sealed = bytes
            .get(frame.at as usize..frame.at as usize + frame.sealed_len as usize)
            .ok_or_else(|| RepoError::damaged(object, "a frame lies outside it"))?;
        let raw = open_frame(&laid.header, frame, sealed.to_vec(), &repository.keys, &mut unsqueezer, object)?;
        let mut at = 0;
        for chunk in &row.chunks {
            let bytes = &raw[at..at + chunk.len as usize];
            at += chunk.len as usize;
            if repository.namer.id(chunk.kind, bytes) != chunk.id {
                return Err(RepoError::damaged(object, "a chunk in it is not what its name says"));
            }
            chunks += 1;
        }
    }
    Ok(chunks)
}

/// Reads back every pack that this session stored, opens it with the session's key and names each chunk anew.
/// Those names were taken from the source's own bytes, so equality proves the copy.
pub(crate) fn prove(
    repository: &Repository,
    shared: &Shared<'_>,
    stored: &[StoredPack],
    capture: &Capture<'_>,
) -> Result<u64, RepoError> {
    let session = shared.session;
    repository.keys.insert(session.id, (*session.key).clone());
    let proof = || {
        let chunks = two_at_a_time(stored, |pack| {
            if capture.stop.load(Ordering::Relaxed) {
                return Err(RepoError::Interrupted);
            }
            let bytes = repository.shelf.get(&key(&pack.object)?, pack.len)?;
            if Digest::of(&bytes) != pack.digest {
                return Err(RepoError::damaged(&pack.object, "what was read back is not what was written"));
            }
            let opened = open_vouched(&bytes, &session.naming.index)
                .map_err(|Bad(what)| RepoError::damaged(&pack.object, what))?;
            rehash(repository, &pack.object, &opened, &bytes)
        })?;
        Ok(chunks.into_iter().sum())
    };
    let outcome = proof();
    repository.keys.forget(session.id);
    outcome
}
