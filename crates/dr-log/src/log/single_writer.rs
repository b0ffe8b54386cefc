//! Which host may write, where a store takes one writer only.
//!
//! The store keeps the processes of one host apart. Of other hosts it knows nothing, and its log is no judge there, since
//! of two who create the same number both would win. So one host alone writes: the one that committed last, and whoever
//! holds the family's key on that host. Before anybody has committed, the one that has begun. And instead of either the
//! one that has taken over since, which is somebody's word that the other one writes no more.

use std::fmt;

use dr_format::id::{FamilyId, HostId, Secret, SnapshotId};
use dr_format::key::Author;
use dr_format::snapshot::Label;

use crate::error::LogError;
use crate::fold::{SessionState, SnapshotState, State};

/// Another host, which alone may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherWriter {
    /// As it shows in the names of objects.
    pub host: HostId,
    /// How it calls itself, where what it wrote says so.
    pub name: Option<String>,
    /// When it last registered something, in milliseconds since 1970 UTC, as it said itself.
    pub last_ms: Option<i64>,
}

impl fmt::Display for OtherWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} (host {})", self.host),
            None => write!(f, "host {}", self.host),
        }
    }
}

/// The host at hand, in a place that takes one writer only.
pub struct SingleWriterGuard {
    place: String,
    /// As which it writes: by its own key, and by its name where the key says nothing of a host.
    own: [HostId; 2],
    family: FamilyId,
    /// Opens the labels of snapshots.
    list: Secret,
}

impl SingleWriterGuard {
    pub fn new(place: String, own: [HostId; 2], family: FamilyId, list: Secret) -> Self {
        Self { place, own, family, list }
    }

    /// Refuses what another host writes to.
    ///
    /// # Errors
    /// [`LogError::OtherHost`]
    pub fn may_write(&self, state: &State) -> Result<(), LogError> {
        match self.other(state) {
            Some(other) => Err(LogError::OtherHost { place: self.place.clone(), host: other.to_string() }),
            None => Ok(()),
        }
    }

    /// The host that may write, if it is another one. What is newer decides: the newest commit, or that a host took over.
    pub fn other(&self, state: &State) -> Option<OtherWriter> {
        let newest = state
            .snapshots
            .iter()
            .filter_map(|(id, snapshot)| state.sessions.get(&snapshot.session).map(|session| (*id, snapshot, session)))
            // Repair registers a host's snapshot again that may write no more, or in a session that is nobody's own: one that
            // stands in another's place says nothing of who writes, unless there is no other.
            .max_by_key(|(_, snapshot, _)| (snapshot.at == snapshot.n, snapshot.at, snapshot.n));
        match (newest, state.taken_over) {
            (newest, Some(taken)) if newest.is_none_or(|(_, snapshot, _)| snapshot.at < taken.n) => {
                (!self.own.contains(&taken.host)).then(|| self.known(state, taken.host))
            }
            (Some((id, snapshot, session)), _) => self.theirs(session, self.hostname(id, snapshot)),
            (None, _) => state.sessions.values().find_map(|session| self.theirs(session, None)),
        }
    }

    fn hostname(&self, id: SnapshotId, snapshot: &SnapshotState) -> Option<String> {
        Label::open(&snapshot.label, &self.list, self.family, id).ok().map(|label| label.hostname)
    }

    /// What there is to say of a host that has taken over, by what it or a key of its own wrote at any time.
    fn known(&self, state: &State, host: HostId) -> OtherWriter {
        let hostnames = state.snapshots.iter().filter_map(|(id, snapshot)| self.hostname(*id, snapshot));
        let sessions = state.sessions.values().filter(|session| session.host == Some(host));
        OtherWriter {
            host,
            name: { hostnames }.find(|name| HostId::named(name) == host),
            last_ms: sessions.map(|session| session.last_ms).max(),
        }
    }

    /// The host of a session, if it is another one.
    fn theirs(&self, session: &SessionState, hostname: Option<String>) -> Option<OtherWriter> {
        let host = session.host?;
        // A host's own key has a number of its own; the family's key on the same host goes by the host's name.
        let name =
            hostname.filter(|name| matches!(session.author, Some(Author::Host(..))) || HostId::named(name) == host);
        let is_own =
            self.own.contains(&host) || name.as_deref().is_some_and(|name| self.own.contains(&HostId::named(name)));
        (!is_own).then_some(OtherWriter { host, name, last_ms: Some(session.last_ms) })
    }
}
