//! Which host may write, where a store takes one writer only.
//!
//! The store keeps the processes of one host apart. Of other hosts it knows nothing, and its log is no judge there, since
//! of two who create the same number both would win. So one host alone writes: the one that committed last, and whoever
//! holds the family's key on that host. Before anybody has committed, the one that has begun.

use crate::error::RepoError;
use crate::fold::{SessionState, State};
use crate::id::{FamilyId, HostId, Secret};
use crate::log_entry::Author;
use crate::snapshot::Label;

/// The host at hand, in a place that takes one writer only.
pub(crate) struct Alone {
    place: String,
    /// As which it writes: by its own key, and by its name where the key says nothing of a host.
    own: [HostId; 2],
    family: FamilyId,
    /// Opens the labels of snapshots.
    list: Secret,
}

impl Alone {
    pub(crate) fn new(place: String, own: [HostId; 2], family: FamilyId, list: Secret) -> Self {
        Self { place, own, family, list }
    }

    /// Refuses what another host writes to.
    ///
    /// # Errors
    /// [`RepoError::OtherHost`]
    pub(crate) fn may_write(&self, state: &State) -> Result<(), RepoError> {
        let newest = state
            .snapshots
            .iter()
            .filter_map(|(id, snapshot)| state.sessions.get(&snapshot.session).map(|session| (*id, snapshot, session)))
            .max_by_key(|(_, snapshot, _)| snapshot.n);
        let theirs = match newest {
            Some((id, snapshot, session)) => {
                let label = Label::open(&snapshot.label, &self.list, self.family, id).ok();
                self.theirs(session, label.map(|label| label.hostname))
            }
            None => state.sessions.values().find_map(|session| self.theirs(session, None)),
        };
        match theirs {
            Some(host) => Err(RepoError::OtherHost { place: self.place.clone(), host }),
            None => Ok(()),
        }
    }

    /// How to call the host of a session, if it is another one.
    fn theirs(&self, session: &SessionState, hostname: Option<String>) -> Option<String> {
        let host = session.host?;
        // A host's own key has a number of its own; the family's key on the same host goes by the host's name.
        let named =
            hostname.filter(|name| matches!(session.author, Some(Author::Host(..))) || HostId::named(name) == host);
        let is_own =
            self.own.contains(&host) || named.as_deref().is_some_and(|name| self.own.contains(&HostId::named(name)));
        (!is_own).then(|| named.map_or_else(|| format!("host {host}"), |name| format!("{name} (host {host})")))
    }
}
