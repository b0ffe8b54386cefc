//! What a killed run of this host left behind: whole packs that no log entry names are taken up, and its session is ended.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use dr_format::id::{Digest, PackId, SessionId};
use dr_format::index_object::{self, PackLine, Record};
use dr_format::log_entry::{Body, ObjectRef, Registered, Run};
use dr_format::pack::open_whole;
use dr_log::error::LogError;
use dr_log::fold::{SessionState, runs_of};
use dr_log::object::key;

use crate::error::RepoError;
use crate::progress::Tally;
use crate::read::repository::Repository;
use crate::write::claim::{self, Claim, DEAD_MS};
use crate::write::committer::put_index;
use crate::write::parity_writer::ParityWriter;
use crate::write::prove::rehash;

/// The BLAKE3s of the packs that this host wrote itself, noted before each was stored.
pub(crate) struct Journal(Option<PathBuf>);

impl Journal {
    pub(crate) fn of(folder: Option<&Path>) -> Self {
        Self(folder.map(|folder| folder.join("packs")))
    }

    fn read(&self) -> BTreeSet<String> {
        let text = self
            .0
            .as_ref()
            .and_then(|path| dr_open::text(path, crate::write::notes::NOTE_MAX).ok())
            .unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Best effort: without the note, a killed run's pack is read back before it is taken up, or stored again.
    pub(crate) fn note(&self, digest: Digest) {
        let Some(path) = &self.0 else { return };
        if let Ok(mut file) = dr_open::to_add(path) {
            let _ = writeln!(file, "{digest}");
        }
    }

    pub(crate) fn clear(&self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
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
        for listed in repository.store.list(&format!("{folder}/{host}"))? {
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
        let mut parity_writer = ParityWriter::new(repository.keeps_parity());
        for (id, object) in packs {
            let Ok(bytes) = repository.store.get(&key(&object)?, dr_format::format::PACK_MAX) else { continue };
            let digest = Digest::of(&bytes);
            let Ok(opened) = open_whole(&bytes, &repository.writer.naming.index) else { continue };
            let ours = opened.header.own() == id && opened.header.family == repository.writer.family;
            let trusted = noted.contains(&digest.to_string()) || rehash(repository, &object, &opened, &bytes).is_ok();
            if !ours || !trusted {
                continue;
            }
            let line = PackLine { id, len: bytes.len() as u64, digest };
            parity_writer.take_bytes(line, &bytes)?;
            lines.push(line);
            let record =
                Record::Pack { kind: id.kind, no: id.no, header: opened.header_bytes.to_vec(), rows: opened.rows };
            records.push(record);
        }
        if lines.is_empty() {
            continue;
        }
        parity_writer.put(&repository.store, (repository.writer.family, host, session), 0, tally)?;
        let index = &repository.writer.naming.index;
        let bytes = index_object::encode(repository.writer.family, session, index, &lines, &records)?;
        let object = put_index(&repository.store, tally, (host, session), &mut 0, bytes)?;
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
    let is_running = claim::is_running(None, repository.store.temporary(), session).unwrap_or(false);
    Claim::of(Some(journal), session).filter(|_| !is_running)
}

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
    let (store, writer) = (repository.store.clone(), repository.writer.clone());
    let appended = repository.log.append(&store, &writer, now_ms, &mut |_| Ok(Body::Packs(registered.clone())));
    let is_over = repository.log.state.sessions.get(&session).is_some_and(|session| !session.is_open());
    match appended {
        // Somebody else ended it, or fenced it off.
        Err(LogError::Outrun(_)) if is_over => Ok(false),
        other => Ok(other.map(|_| {
            tally.objects.fetch_add(1, Ordering::Relaxed);
            true
        })?),
    }
}
