//! Whose snapshots does damage cost something? Told from the log alone where it must be: each commit names the packs
//! that it needs, and each label its system, also to a host that only writes.

use std::collections::BTreeSet;

use dr_format::id::{PackId, SnapshotId};
use dr_format::key::Author;
use dr_log::fold::{ranges, whole};

use crate::read::repository::Repository;

/// The systems that damage touches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched {
    /// By the names that their snapshots carry.
    pub systems: BTreeSet<String>,
    /// Any system may be touched as well: nobody can tell.
    pub any: bool,
}

impl Touched {
    pub(crate) fn add(&mut self, system: Option<String>) {
        match system {
            Some(system) if system.is_empty() => {}
            Some(system) => drop(self.systems.insert(system)),
            None => self.any = true,
        }
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.systems.extend(other.systems);
        self.any |= other.any;
    }
}

impl Repository {
    /// The names of all systems of which a snapshot is listed.
    pub(crate) fn systems(&self) -> BTreeSet<String> {
        let live = self.log.state.live().into_iter().filter_map(|(id, _)| self.system_of(id));
        live.filter(|system| !system.is_empty()).collect()
    }

    /// The system in a snapshot's label; empty where it was made without a plan. `None`: the label does not open.
    pub(crate) fn system_of(&self, id: SnapshotId) -> Option<String> {
        self.label_of(id, self.log.state.snapshots.get(&id)?).map(|label| label.system)
    }

    /// The systems of the listed snapshots that rely on any of these packs.
    pub(crate) fn relying_on(&self, packs: &BTreeSet<PackId>) -> Touched {
        let (mut out, state) = (Touched::default(), &self.log.state);
        if packs.is_empty() {
            return out;
        }
        for (id, snapshot) in state.live() {
            let mut needs = ranges(&snapshot.needs).chain([whole(snapshot.session)]);
            if needs.any(|range| packs.range(range).next().is_some()) {
                out.add(self.system_of(id));
            }
        }
        // What maintenance moved or rewrote is in nobody's commit.
        let committed: BTreeSet<_> = state.snapshots.values().map(|snapshot| snapshot.session).collect();
        let moved = |id: &PackId| {
            let author = state.sessions.get(&id.session).and_then(|session| session.author);
            author == Some(Author::Maintenance) && !committed.contains(&id.session)
        };
        out.any |= packs.iter().any(moved);
        out
    }
}
