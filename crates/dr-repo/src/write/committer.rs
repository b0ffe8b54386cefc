//! How the packs of one session come to count: stored, described by an index object, and named in the log.
//!
//! Every writer goes this way: backup, copy, prune, erasure and repair. Packs first, then what describes them, then the log
//! entry that makes them count.

use std::path::Path;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use dr_format::id::{Digest, HostId, SessionId, index_name};
use dr_format::index_object::{self, PackLine, Record};
use dr_format::log_entry::{Body, Named, ObjectRef, Registered, Run, Runs};
use dr_log::fold::runs_of;
use dr_log::object::key;
use dr_store::{BlockingStore, ObjectBody, PutOutcome};

use crate::error::RepoError;
use crate::progress::Tally;
use crate::read::repository::Repository;
use crate::write::pack_writer::FinishedPack;
use crate::write::parity_writer::ParityWriter;
use crate::write::session::Session;

/// Packs are registered at the latest after so much has been stored, or so much time has passed.
const REGISTER_BYTES: u64 = 256 << 20;
const REGISTER_MS: i64 = 30_000;

/// Begins a session that writes into a repository.
pub(crate) fn begin(to: &Repository, scratch: &Path, journal: Option<&Path>) -> Result<Session, RepoError> {
    // While there is plenty: whoever makes room later needs some to begin with.
    to.store.keep_room();
    let staging = to.store.staging().unwrap_or(scratch).to_owned();
    let session = Session::begin(&to.writer, staging, to.store.place(), journal)?;
    Ok(session.shows_in(to.store.staging()))
}

/// Fences a session off that did not come to its end: what it stored is nobody's, so that a prune may clear it away.
pub(crate) fn or_fence<T>(
    outcome: Result<T, RepoError>,
    session: &Session,
    to: &mut Repository,
    now_ms: i64,
) -> Result<T, RepoError> {
    if outcome.is_err() {
        let _ = to.maintain(now_ms, Body::Fence(vec![session.id]));
    }
    outcome
}

/// Stores the packs of one session and makes them count.
pub(crate) struct Committer<'a> {
    session: &'a Session,
    clock: &'a (dyn Fn() -> i64 + Sync),
    tally: &'a Tally,
    lines: Vec<PackLine>,
    records: Vec<Record>,
    parity_writer: ParityWriter,
    bytes: u64,
    since_ms: i64,
    indexes: u32,
    sequence: u64,
    ended: bool,
}

/// What an entry says beside the packs that it registers.
#[derive(Default)]
pub(crate) struct Says {
    pub(crate) snapshots: Vec<Named>,
    /// Packs of others that are relied on.
    pub(crate) needs: Vec<Runs>,
    /// Packs whose frames were moved or rewritten.
    pub(crate) sources: Vec<Runs>,
    /// Index objects that are no longer in force.
    pub(crate) superseded: Vec<String>,
    /// The session ends here.
    pub(crate) last: bool,
}

impl<'a> Committer<'a> {
    /// For what goes into `to`.
    pub(crate) fn new(
        to: &Repository,
        session: &'a Session,
        clock: &'a (dyn Fn() -> i64 + Sync),
        tally: &'a Tally,
    ) -> Self {
        Self {
            session,
            clock,
            tally,
            lines: Vec::new(),
            records: Vec::new(),
            parity_writer: ParityWriter::new(to.keeps_parity()),
            bytes: 0,
            since_ms: clock(),
            indexes: 0,
            sequence: 0,
            ended: false,
        }
    }

    fn count(&self, bytes: u64) {
        self.tally.bytes_stored.fetch_add(bytes, Ordering::Relaxed);
        self.tally.objects.fetch_add(1, Ordering::Relaxed);
    }

    /// Stores a finished pack, of frames that were sealed elsewhere if it is `moved`. On return it survives a power
    /// cut; it counts once it is registered.
    pub(crate) fn pack(&mut self, store: &BlockingStore, pack: FinishedPack, moved: bool) -> Result<(), RepoError> {
        let object = pack.id.object_name(self.session.host);
        let line = PackLine { id: pack.id, len: pack.len, digest: pack.digest };
        self.parity_writer.take_file(line, &pack.path)?;
        let outcome = store.put_new(&key(&object)?, ObjectBody::File(pack.path.clone()))?;
        drop(pack.lock);
        if outcome == PutOutcome::Exists {
            return Err(RepoError::damaged(object, "a new session's pack was there already"));
        }
        self.count(pack.len);
        self.bytes += pack.len;
        self.lines.push(line);
        let (kind, no, header, rows) = (pack.id.kind, pack.id.no, pack.header, pack.rows);
        self.records.push(match moved {
            true => Record::Location { kind, no, header, rows },
            false => Record::Pack { kind, no, header, rows },
        });
        Ok(())
    }

    /// Takes in what the next index object says beside the packs.
    pub(crate) fn record(&mut self, record: Record) {
        self.records.push(record);
    }

    /// Whether nothing waits to be registered.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether something was registered, and the session is not over.
    pub(crate) fn is_open(&self) -> bool {
        self.sequence > 0 && !self.ended
    }

    /// Whether what is stored has grown much or waited long.
    pub(crate) fn is_due(&self) -> bool {
        let waited = (self.clock)().saturating_sub(self.since_ms);
        !self.lines.is_empty() && (self.bytes >= REGISTER_BYTES || waited >= REGISTER_MS)
    }

    /// Registers what is stored with an entry of this type; which packs those are.
    pub(crate) fn register(
        &mut self,
        to: &mut Repository,
        body: fn(Registered) -> Body,
        says: Says,
    ) -> Result<Vec<Runs>, RepoError> {
        self.since_ms = (self.clock)();
        let (own, indexes) = self.describe(to)?;
        let Says { snapshots, needs, sources, superseded, last } = says;
        let registered = Registered {
            session: self.session.id,
            host: self.session.host,
            sequence: self.sequence + 1,
            last,
            snapshots,
            needs,
            own: own.clone(),
            indexes,
            used: Vec::new(),
            sources,
            superseded,
            at: 0,
        };
        let (store, writer) = (to.store.clone(), to.writer.clone());
        to.log.append(&store, &writer, (self.clock)(), &mut |_| Ok(body(registered.clone())))?;
        self.sequence += 1;
        self.ended = last;
        self.tally.objects.fetch_add(1, Ordering::Relaxed);
        Ok(vec![Runs { session: self.session.id, host: self.session.host, runs: own }])
    }

    /// Stores the index object of what is not registered yet.
    fn describe(&mut self, to: &Repository) -> Result<(Vec<Run>, Vec<ObjectRef>), RepoError> {
        if self.records.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let (session, host) = (self.session, self.session.host);
        let (lines, records) = (std::mem::take(&mut self.lines), std::mem::take(&mut self.records));
        self.bytes = 0;
        self.parity_writer.put(&to.store, (session.family, host, session.id), self.indexes, self.tally)?;
        let bytes = index_object::encode(session.family, session.id, &session.naming.index, &lines, &records)?;
        let object = put_index(&to.store, self.tally, (host, session.id), &mut self.indexes, bytes)?;
        let runs = runs_of(lines.iter().map(|line| (line.id, host)));
        Ok((runs.into_iter().flat_map(|runs| runs.runs).collect(), vec![object]))
    }
}

/// Stores an index object under the session's next free name. A name that is taken is passed over: a killed run may have
/// used it, or our own first try landed and its answer was lost. What lies there is in force for nobody.
pub(crate) fn put_index(
    store: &BlockingStore,
    tally: &Tally,
    (host, session): (HostId, SessionId),
    number: &mut u32,
    bytes: Vec<u8>,
) -> Result<ObjectRef, RepoError> {
    let (len, digest) = (bytes.len() as u64, Digest::of(&bytes));
    let bytes = Bytes::from(bytes);
    while *number <= 0xffff {
        let name = index_name(host, session, *number);
        *number += 1;
        if store.put_new(&key(&name)?, ObjectBody::Bytes(bytes.clone()))? == PutOutcome::Created {
            tally.bytes_stored.fetch_add(len, Ordering::Relaxed);
            tally.objects.fetch_add(1, Ordering::Relaxed);
            return Ok(ObjectRef { name, len, digest });
        }
    }
    Err(RepoError::TooMuch("a session has run out of index objects".into()))
}

#[cfg(test)]
mod tests {
    use dr_format::id::ChunkKind;

    use super::*;
    use crate::tests::relocation::Scene;
    use crate::write::repacker::Repacker;

    #[test]
    fn a_taken_index_name_is_passed_over_and_what_is_stored_counts() {
        let (scene, tally) = (Scene::new(), Tally::default());
        let mut repository = scene.open();
        let id = repository.namer.id(ChunkKind::Data, &[7; 5_000]);
        let session = begin(&repository, scene.folder.path(), None).unwrap();
        let taken = index_name(session.host, session.id, 0);
        repository
            .store
            .put_new(&key(&taken).unwrap(), ObjectBody::Bytes(Bytes::from_static(b"somebody was first")))
            .unwrap();
        let mut committer = Committer::new(&repository, &session, &|| 5, &tally);
        let mut repacker = Repacker::new(&session).unwrap();
        repacker.add(ChunkKind::Data, id, &[7; 5_000], &mut committer, &repository.store).unwrap();
        repacker.flush(&mut committer, &repository.store).unwrap();
        committer.register(&mut repository, Body::Packs, Says { last: true, ..Says::default() }).unwrap();
        let again = scene.open();
        assert!(again.index().unwrap().holds(ChunkKind::Data, id).unwrap());
        assert_eq!(again.log.state.indexes.iter().filter(|index| index.object.name == taken).count(), 0);
    }
}
