//! What is left of runs that never came to their end, how much it is, and whether anybody may still be at work on it.
//!
//! It is kept so that the run can go on, fifty days long, and counts as needed meanwhile. Whoever wants its room sooner
//! says so, and gets it where the run is surely over: its process is dead, or it is another host's and was silent for a
//! day. What was registered by then and is relied on by others stays whatever is said.

use std::collections::BTreeMap;
use std::path::Path;

use dr_format::id::{HostId, PARITY_FOLDER, PackId, SessionId, session_of_index, session_of_parity, unhex};
use dr_store::Listed;

use crate::error::RepoError;
use crate::read::repository::Repository;
use crate::write::claim::{DEAD_MS, is_running};

/// Whether somebody may be at work on an unfinished run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// A process of this host is.
    Running,
    /// It was cut off.
    CutOff,
    /// It is another host's, or of a place that shows nothing, and was heard of within a day.
    MayBeRunning,
}

/// What is left of one run that never came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    pub(crate) session: SessionId,
    /// The host that it ran on, as it shows in names of objects.
    pub host: HostId,
    /// Whether that is this one.
    pub own: bool,
    /// Packs that it stored.
    pub packs: u64,
    /// Bytes of all its objects.
    pub bytes: u64,
    /// When it was last heard of, in milliseconds since 1970 UTC, if anything says so.
    pub since_ms: Option<i64>,
    /// Whether it may still be going on.
    pub life: Life,
}

impl Repository {
    /// What is left here of runs that never came to their end. `journal`: the folder of this host's notes about this
    /// repository, as a backup has it.
    ///
    /// # Errors
    /// What the store says.
    pub fn unfinished(&self, journal: Option<&Path>, now_ms: i64) -> Result<Vec<Unfinished>, RepoError> {
        let mut listed = Vec::new();
        for folder in ["data", "meta", "idx", PARITY_FOLDER] {
            listed.extend(self.store.list(folder)?);
        }
        Ok(unfinished(self, &listed, journal, now_ms))
    }
}

/// The same, of a listing that is at hand.
pub(crate) fn unfinished<'l>(
    repository: &Repository,
    listed: impl IntoIterator<Item = &'l Listed>,
    journal: Option<&Path>,
    now_ms: i64,
) -> Vec<Unfinished> {
    let log = &repository.log;
    if !log.unknown.is_empty() {
        // What cannot be read may have ended any of them.
        return Vec::new();
    }
    let is_open = |session: &SessionId| log.state.sessions.get(session).is_none_or(|session| session.is_open());
    let mut out: BTreeMap<SessionId, Unfinished> = BTreeMap::new();
    for object in listed {
        let name = object.key.as_str();
        let pack = PackId::from_object_name(name).map(|(_, pack)| pack);
        let session = pack.map(|pack| pack.session);
        let Some(session) = session.or_else(|| session_of_index(name)).or_else(|| session_of_parity(name)) else {
            continue;
        };
        let host = name.split('/').nth(1).and_then(unhex).map(HostId);
        let Some(host) = host.filter(|_| is_open(&session)) else { continue };
        let own = repository.is_own(host);
        let empty = Unfinished { session, host, own, packs: 0, bytes: 0, since_ms: None, life: Life::CutOff };
        let one = out.entry(session).or_insert(empty);
        one.packs += u64::from(pack.is_some());
        one.bytes += object.size;
        one.since_ms = one.since_ms.max(object.since_ms);
    }
    for one in out.values_mut() {
        one.since_ms = one.since_ms.max(log.state.sessions.get(&one.session).map(|session| session.last_ms));
        let here = if one.own { is_running(journal, repository.store.temporary(), one.session) } else { None };
        let shown = || is_running(None, repository.store.temporary(), one.session) == Some(true);
        one.life = match here {
            Some(true) => Life::Running,
            Some(false) => Life::CutOff,
            None if shown() => Life::Running,
            None if one.since_ms.is_some_and(|since| now_ms.saturating_sub(since) >= DEAD_MS) => Life::CutOff,
            None => Life::MayBeRunning,
        };
    }
    out.into_values().collect()
}
