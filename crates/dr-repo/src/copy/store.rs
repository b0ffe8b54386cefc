//! How packs of moved frames come to count: stored, described by a location record, and named in the log.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use dr_store::{Body as Put, Put as Outcome, Shelf};

use super::Copying;
use crate::error::RepoError;
use crate::fold::runs_of;
use crate::id::Digest;
use crate::index_object::{self, PackLine, Record};
use crate::log::key;
use crate::log_entry::{Body, Named, ObjectRef, Registered, Run};
use crate::pack::FinishedPack;
use crate::register::{REGISTER_BYTES, REGISTER_MS};
use crate::repository::Repository;
use crate::session::Session;

/// What one session has stored.
pub(super) struct Stored<'a> {
    session: &'a Session,
    options: &'a Copying<'a>,
    lines: Vec<PackLine>,
    records: Vec<Record>,
    bytes: u64,
    since_ms: i64,
    indexes: u32,
    sequence: u64,
    ended: bool,
}

impl<'a> Stored<'a> {
    pub(super) fn new(session: &'a Session, options: &'a Copying<'a>) -> Self {
        Self {
            session,
            options,
            lines: Vec::new(),
            records: Vec::new(),
            bytes: 0,
            since_ms: (options.clock)(),
            indexes: 0,
            sequence: 0,
            ended: false,
        }
    }

    fn count(&self, bytes: u64) {
        self.options.tally.bytes_stored.fetch_add(bytes, Ordering::Relaxed);
        self.options.tally.objects.fetch_add(1, Ordering::Relaxed);
    }

    /// Stores a finished pack. On return it survives a power cut; it counts once it is registered.
    pub(super) fn pack(&mut self, shelf: &Shelf, pack: FinishedPack) -> Result<(), RepoError> {
        let object = pack.id.object_name(self.session.host);
        let outcome = shelf.put_new(&key(&object)?, Put::File(pack.path.clone()))?;
        drop(pack.lock);
        if outcome == Outcome::Exists {
            return Err(RepoError::damaged(object, "a new session's pack was there already"));
        }
        self.count(pack.len);
        self.bytes += pack.len;
        self.lines.push(PackLine { id: pack.id, len: pack.len, digest: pack.digest });
        let (kind, no) = (pack.id.kind, pack.id.no);
        self.records.push(Record::Location { kind, no, header: pack.header, rows: pack.rows });
        Ok(())
    }

    /// Registers what is stored if that has grown much or waited long.
    pub(super) fn register_if_due(&mut self, to: &mut Repository, relied: &BTreeSet<u32>) -> Result<(), RepoError> {
        let waited = (self.options.clock)().saturating_sub(self.since_ms);
        if self.lines.is_empty() || (self.bytes < REGISTER_BYTES && waited < REGISTER_MS) {
            return Ok(());
        }
        self.register(to, None, relied, false)
    }

    /// Registers what is stored, and with a name commits a snapshot. `last` ends the session.
    pub(super) fn register(
        &mut self,
        to: &mut Repository,
        snapshot: Option<Named>,
        relied: &BTreeSet<u32>,
        last: bool,
    ) -> Result<(), RepoError> {
        // An ended session, or one that never began, has nothing to say at its end.
        if snapshot.is_none() && self.lines.is_empty() && (self.ended || self.sequence == 0 || !last) {
            return Ok(());
        }
        self.since_ms = (self.options.clock)();
        let (own, indexes) = self.describe(to)?;
        let index = to.index()?;
        let needs = runs_of(relied.iter().map(|pack| {
            let brief = index.brief(*pack);
            (brief.id, brief.host)
        }));
        let is_commit = snapshot.is_some();
        let registered = Registered {
            session: self.session.id,
            host: self.session.host,
            sequence: self.sequence + 1,
            last,
            snapshots: snapshot.into_iter().collect(),
            needs,
            own,
            indexes,
            used: Vec::new(),
            sources: Vec::new(),
            superseded: Vec::new(),
        };
        let (shelf, writer) = (to.shelf.clone(), to.writer.clone());
        to.log.append(&shelf, &writer, (self.options.clock)(), &mut |_| {
            Ok(if is_commit { Body::Commit(registered.clone()) } else { Body::Packs(registered.clone()) })
        })?;
        self.sequence += 1;
        self.ended = last;
        self.options.tally.objects.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Stores the index object of what is not registered yet.
    fn describe(&mut self, to: &Repository) -> Result<(Vec<Run>, Vec<ObjectRef>), RepoError> {
        if self.lines.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let (session, host) = (self.session, self.session.host);
        let (lines, records) = (std::mem::take(&mut self.lines), std::mem::take(&mut self.records));
        self.bytes = 0;
        let bytes = index_object::encode(session.family, session.id, &session.naming.index, &lines, &records)?;
        let (len, digest) = (bytes.len() as u64, Digest::of(&bytes));
        if self.indexes > 0xffff {
            return Err(RepoError::TooMuch("a session has run out of index objects".into()));
        }
        let name = format!("idx/{host}/{}/{:04x}", session.id, self.indexes);
        self.indexes += 1;
        if to.shelf.put_new(&key(&name)?, Put::Bytes(Bytes::from(bytes)))? == Outcome::Exists {
            return Err(RepoError::damaged(name, "a new session's index object was there already"));
        }
        self.count(len);
        let runs = runs_of(lines.iter().map(|line| (line.id, host)));
        Ok((runs.into_iter().flat_map(|runs| runs.runs).collect(), vec![ObjectRef { name, len, digest }]))
    }
}
