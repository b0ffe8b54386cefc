//! What a repair found of a session, to be registered for it.

use dr_format::id::{HostId, SessionId};
use dr_format::log_entry::{ObjectRef, Registered, Run};

use crate::read::repository::Repository;

/// What a session stored, to be registered for it.
pub(super) struct RebuiltIndex {
    pub(super) session: SessionId,
    pub(super) host: HostId,
    pub(super) own: Vec<Run>,
    pub(super) indexes: Vec<ObjectRef>,
    pub(super) superseded: Vec<String>,
}

impl RebuiltIndex {
    /// The entry; `last` ends the session.
    pub(super) fn into_registered(self, repository: &Repository, last: bool) -> Registered {
        let sequence = repository.log.state.sessions.get(&self.session).map_or(0, |state| state.sequence);
        Registered {
            session: self.session,
            host: self.host,
            sequence: sequence.saturating_add(1),
            last,
            snapshots: Vec::new(),
            needs: Vec::new(),
            own: self.own,
            indexes: self.indexes,
            used: Vec::new(),
            sources: Vec::new(),
            superseded: self.superseded,
            at: 0,
        }
    }
}
