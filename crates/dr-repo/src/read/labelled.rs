//! What do the snapshots in a log say of where they were made? For whoever holds a record kept elsewhere to it.
//!
//! Forgotten ones are among them: the log never forgets that there was one, nor what its label said.

use dr_format::id::{HostId, SnapshotId};
use dr_format::snapshot::Label;

use crate::read::repository::Repository;

/// A snapshot that stands in the log, there still or forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// Its id.
    pub id: SnapshotId,
    /// The host that wrote it here, as far as the log says.
    pub host: Option<HostId>,
    /// Whether that is the host at hand, or nobody knows.
    pub own: bool,
    /// What it says of itself. `None`: the label does not open.
    pub label: Option<Label>,
}

impl Repository {
    /// Every snapshot that the log knows, in the order of their ids. Takes no key that reads.
    #[must_use]
    pub fn labelled(&self) -> Vec<Labelled> {
        let state = &self.log.state;
        let one = |(id, snapshot): (&SnapshotId, &dr_log::fold::SnapshotState)| {
            let host = state.sessions.get(&snapshot.session).and_then(|session| session.host);
            let own = host.is_none_or(|host| host == self.host || host == self.writer.host);
            Labelled { id: *id, host, own, label: self.label_of(*id, snapshot) }
        };
        state.snapshots.iter().map(one).collect()
    }
}
