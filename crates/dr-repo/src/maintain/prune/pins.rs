//! What a prune must leave alone, whatever nothing needs.

use std::collections::BTreeSet;

use dr_format::id::{PackId, SessionId};
use dr_log::fold::{SnapshotState, State, ranges, whole};

use crate::maintain::prune::options::PruneOptions;

/// Whether it was forgotten, and not so long ago that it could not be put back.
pub(super) fn is_undoable(snapshot: &SnapshotState, options: &PruneOptions<'_>) -> bool {
    let since = snapshot.forgotten_ms.map(|at| options.now_ms.saturating_sub(at));
    // A time in the future is a clock that was set back: not long ago, except for who waits for nothing.
    !snapshot.lost && options.undo_ms > 0 && since.is_some_and(|since| since < options.undo_ms)
}

/// Why a pack stays on which such a run relies.
pub(super) const UNFINISHED: &str = "a run that needs it is not over";

/// Packs that may not go, whatever was followed: of sessions that are not over, and of snapshots that were committed
/// since `view`.
pub(super) struct Pins(pub(super) Vec<(std::ops::RangeInclusive<PackId>, &'static str)>);

/// `over`: sessions that count as ended.
pub(super) fn pins(state: &State, view: u64, options: &PruneOptions<'_>, over: &BTreeSet<SessionId>) -> Pins {
    let mut out = Vec::new();
    let mut pin = |needs: &[dr_format::log_entry::Runs], session: SessionId, why| {
        out.extend(ranges(needs).chain([whole(session)]).map(|range| (range, why)));
    };
    for (id, session) in state.sessions.iter().filter(|(id, session)| session.is_open() && !over.contains(*id)) {
        pin(&session.needs, *id, UNFINISHED);
    }
    let counts = |snapshot: &&SnapshotState| snapshot.is_there() || is_undoable(snapshot, options);
    for snapshot in state.snapshots.values().filter(|snapshot| snapshot.n > view).filter(counts) {
        pin(&snapshot.needs, snapshot.session, "a snapshot that is new may need it");
    }
    Pins(out)
}

impl Pins {
    pub(super) fn why(&self, pack: &PackId) -> Option<&'static str> {
        self.0.iter().find(|(range, _)| range.contains(pack)).map(|(_, why)| *why)
    }
}
