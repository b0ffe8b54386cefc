//! By which steps do packs go? *Condemned*, *swept*, deleted; each is said in the log of the very state that it follows.

use std::collections::{BTreeMap, BTreeSet};

use dr_format::id::{HostId, PARITY_FOLDER, PackId, SessionId, SnapshotId, session_of_index, session_of_parity};
use dr_format::log_entry::Body;
use dr_log::error::LogError;
use dr_log::fold::{SessionState, State, runs_of, whole};
use dr_log::reclaim;
use dr_store::Listed;

use super::{DAY_MS, Pins, PruneOptions, PruneReport, Rewritten, is_undoable, pins};
use crate::error::RepoError;
use crate::maintain::erase::forget_parity;
use crate::maintain::unfinished::{Life, Unfinished};
use crate::read::repository::Repository;
use crate::write::claim::Claim;
use crate::write::committer::{Committer, Says, begin};

/// A session that has registered nothing for so long is fenced off. Six weeks of summer holidays are shorter than this.
const FENCE_MS: i64 = 50 * DAY_MS;

/// Fences off sessions that nobody waits for: such as have been silent for so long, also if they never registered
/// anything, and those that are dropped. `unfinished`: what is left of others.
pub(super) fn fence(
    repository: &mut Repository,
    options: &PruneOptions<'_>,
    keyless: bool,
    unfinished: &[Unfinished],
    dropped: &[Unfinished],
) -> Result<(), RepoError> {
    let host = repository.writer.host;
    let is_dead = |one: &&Unfinished| is_own(one, keyless, host) && Claim::of(options.journal, one.session).is_some();
    let own: Vec<SessionId> = unfinished.iter().filter(is_dead).map(|one| one.session).collect();
    let make = |state: &State| {
        // One that goes on since it was looked is not dropped.
        let heard_since = |one: &Unfinished| {
            state.sessions.get(&one.session).is_some_and(|session| Some(session.last_ms) > one.since_ms)
        };
        let dropped = dropped.iter().filter(|one| !heard_since(one)).map(|one| one.session);
        let dead = own.iter().copied().chain(dropped).collect();
        let silent = silent(state, options.now_ms, unfinished, &dead);
        (!silent.is_empty()).then(|| Body::Fence(silent.into_iter().collect()))
    };
    append(repository, options.now_ms, &make).map(|_| ())
}

/// The sessions that [`fence`] would fence off, and those that are dropped: what they need does not count.
pub(super) fn would_fence(
    repository: &Repository,
    options: &PruneOptions<'_>,
    keyless: bool,
    unfinished: &[Unfinished],
    dropped: &[Unfinished],
) -> BTreeSet<SessionId> {
    let host = repository.writer.host;
    let is_dead = |one: &&Unfinished| is_own(one, keyless, host) && options.journal.is_some();
    let own = unfinished.iter().filter(is_dead).map(|one| one.session);
    let dead: BTreeSet<SessionId> = own.chain(dropped.iter().map(|one| one.session)).collect();
    silent(&repository.log.state, options.now_ms, unfinished, &dead)
}

/// A key that only prunes goes on with nothing that it began: what a killed run left is nobody's.
fn is_own(one: &Unfinished, keyless: bool, host: HostId) -> bool {
    keyless && one.packs > 0 && one.host == host && one.life != Life::Running
}

/// Sessions that are open and that nobody waits for; `dead`: whatever the log says of when they were last heard of.
fn silent(state: &State, now_ms: i64, unfinished: &[Unfinished], dead: &BTreeSet<SessionId>) -> BTreeSet<SessionId> {
    let is_old = |since_ms: i64| now_ms.saturating_sub(since_ms) >= FENCE_MS;
    let dead = dead.iter().filter(|id| state.sessions.get(id).is_none_or(SessionState::is_open));
    let is_unknown = |one: &&Unfinished| !state.sessions.contains_key(&one.session);
    let unknown = unfinished.iter().filter(is_unknown).filter(|one| one.since_ms.is_some_and(is_old));
    let silent = state.sessions.iter().filter(|(_, session)| session.is_open() && is_old(session.last_ms));
    silent.map(|(id, _)| *id).chain(unknown.map(|one| one.session)).chain(dead.copied()).collect()
}

/// Appends what `make` says of the very state that the entry will follow; its number, if there was anything to say.
fn append(
    repository: &mut Repository,
    now_ms: i64,
    make: &dyn Fn(&State) -> Option<Body>,
) -> Result<Option<u64>, RepoError> {
    if make(&repository.log.state).is_none() {
        return Ok(None);
    }
    let (store, writer) = (repository.store.clone(), repository.writer.clone());
    let says = &mut |state: &State| make(state).ok_or(LogError::Outrun(NOTHING));
    match repository.log.append(&store, &writer, now_ms, says) {
        Err(LogError::Outrun(NOTHING)) => Ok(None),
        other => Ok(Some(other?)),
    }
}

/// The steps by which packs go.
pub(super) struct Step<'a> {
    pub(super) options: &'a PruneOptions<'a>,
    /// Up to this entry every snapshot was followed.
    view: u64,
    /// No sweep but this prune's own, and nothing that was put back, came up to this entry since.
    known: u64,
    /// What snapshots need was taken from their lists of it.
    keyless: bool,
    /// The packs that were there then, and whether something in them is needed.
    followed: BTreeMap<PackId, bool>,
    /// Of those the ones of which all that is needed was rewritten by now.
    rewritten: BTreeSet<PackId>,
    /// Sessions that count as ended: this prune's own.
    over: BTreeSet<SessionId>,
}

impl<'a> Step<'a> {
    pub(super) fn new(
        options: &'a PruneOptions<'a>,
        (view, keyless): (u64, bool),
        followed: BTreeMap<PackId, bool>,
    ) -> Self {
        Self { options, view, known: view, keyless, followed, rewritten: BTreeSet::new(), over: BTreeSet::new() }
    }

    /// What is needed of some packs was rewritten.
    pub(super) fn took(&mut self, rewritten: Rewritten) {
        self.rewritten.extend(rewritten.packs);
        self.over.extend(rewritten.session);
    }

    /// Takes these packs as far on their way out as may be, and what is on its way already.
    pub(super) fn remove_packs(
        &mut self,
        repository: &mut Repository,
        packs: &[(PackId, HostId)],
        out: &mut PruneReport,
    ) -> Result<(), RepoError> {
        self.condemn(repository, packs)?;
        self.sweep(repository)?;
        self.delete(repository, out)
    }

    fn is_due(&self, since_ms: i64) -> bool {
        let settle_ms = self.options.settle_ms;
        settle_ms == 0 || self.options.now_ms.saturating_sub(since_ms) >= settle_ms
    }

    fn condemn(&self, repository: &mut Repository, packs: &[(PackId, HostId)]) -> Result<(), RepoError> {
        let said = self.append(repository, &|state, pins| {
            let is_new = |pack: &PackId| state.packs.get(pack).is_some_and(|pack| !pack.condemned && !pack.swept);
            let free = packs.iter().filter(|(pack, _)| is_new(pack) && pins.why(pack).is_none());
            let free = runs_of(free.copied());
            (!free.is_empty()).then_some(Body::Condemn(free))
        });
        said.map(|_| ())
    }

    /// Sweeps what was condemned long enough ago, by this prune or an earlier one, and is still needed by nothing.
    fn sweep(&mut self, repository: &mut Repository) -> Result<(), RepoError> {
        let said = self.append(repository, &|state, pins| {
            // Whoever swept or put back something meanwhile knew what was not known here.
            if state.swept_at > self.known || state.returned_at > self.known {
                return None;
            }
            let is_free = |pack: &PackId| match self.followed.get(pack) {
                Some(true) => self.rewritten.contains(pack),
                Some(false) => true,
                None => false,
            };
            let ripe = state.packs.iter().filter(|(pack, at)| {
                at.condemned && !at.swept && self.is_due(at.condemned_ms) && is_free(pack) && pins.why(pack).is_none()
            });
            let packs = runs_of(ripe.map(|(pack, at)| (*pack, at.host)));
            let undoable: Vec<SnapshotId> = state
                .snapshots
                .iter()
                .filter(|(_, snapshot)| is_undoable(snapshot, self.options))
                .map(|(id, _)| *id)
                .collect();
            (!packs.is_empty()).then_some(Body::Sweep { packs, view: self.known, undoable, keyless: self.keyless })
        })?;
        // The word that packs are gone must not be the last of the log: whoever cannot read the last entry may write on.
        if let Some(n) = said.filter(|n| repository.log.state.swept_at == *n) {
            // No other came before it that it was not held to, so that the next one may stand on it.
            self.known = n;
        }
        if repository.log.state.swept_at == repository.log.head.0 {
            repository.note("what nothing needed was swept", self.options.now_ms)?;
        }
        Ok(())
    }

    /// Appends what `make` says of the very state that the entry will follow, and of what is pinned in it.
    fn append(
        &self,
        repository: &mut Repository,
        make: &dyn Fn(&State, &Pins) -> Option<Body>,
    ) -> Result<Option<u64>, RepoError> {
        let now = |state: &State| make(state, &pins(state, self.view, self.options, &self.over));
        append(repository, self.options.now_ms, &now)
    }

    /// Deletes what was swept long enough ago, and what nobody will register any more: first what describes it, then
    /// the packs.
    fn delete(&self, repository: &mut Repository, out: &mut PruneReport) -> Result<(), RepoError> {
        let state = &repository.log.state;
        out.waiting = state.packs.values().filter(|pack| pack.condemned && !pack.swept).count() as u64;
        let gone: BTreeSet<PackId> =
            state.packs.iter().filter(|(_, at)| at.swept && self.is_due(at.swept_ms)).map(|(pack, _)| *pack).collect();
        self.supersede(repository, &gone)?;
        let (objects, bytes) = forget_parity(repository, &gone, self.options.tally)?;
        (out.deleted, out.bytes_deleted) = (out.deleted + objects, out.bytes_deleted + bytes);
        let state = &repository.log.state;
        let superseded: BTreeSet<&str> =
            state.indexes.iter().filter(|index| index.superseded).map(|index| index.object.name.as_str()).collect();
        let registered: BTreeSet<&str> = state.indexes.iter().map(|index| index.object.name.as_str()).collect();
        let mut delete = |listed: Listed| -> Result<(), RepoError> {
            reclaim::delete(&repository.store, &listed.key)?;
            out.deleted += 1;
            out.bytes_deleted += listed.size;
            Ok(())
        };
        for listed in repository.store.list("idx")? {
            let name = listed.key.as_str();
            let is_left =
                !registered.contains(name) && session_of_index(name).is_some_and(|session| is_over(state, session));
            if superseded.contains(name) || is_left {
                delete(listed)?;
            }
        }
        for listed in repository.store.list(PARITY_FOLDER)? {
            let Some(session) = session_of_parity(listed.key.as_str()) else { continue };
            let is_empty = state.packs.range(whole(session)).all(|(pack, _)| gone.contains(pack));
            if is_empty && is_over(state, session) {
                delete(listed)?;
            }
        }
        for folder in ["data", "meta"] {
            for listed in repository.store.list(folder)? {
                let name = listed.key.as_str();
                let healed = PackId::from_healed_name(name).map(|(_, pack, _)| pack);
                let own = PackId::from_object_name(name).map(|(_, pack)| pack);
                let Some(pack) = healed.or(own) else { continue };
                // What repair has stored and not said yet is its own to clear away.
                let is_nobodys = healed.is_none() && !state.packs.contains_key(&pack) && is_over(state, pack.session);
                if gone.contains(&pack) || is_nobodys {
                    delete(listed)?;
                }
            }
        }
        Ok(())
    }

    /// Takes the index objects of sessions of which nothing is left out of force.
    fn supersede(&self, repository: &mut Repository, gone: &BTreeSet<PackId>) -> Result<(), RepoError> {
        let empty = |state: &State| -> Vec<String> {
            // There a snapshot says what it uses.
            let counts = state.snapshots.values().filter(|snapshot| !snapshot.lost);
            let named: BTreeSet<SessionId> = counts.map(|snapshot| snapshot.session).collect();
            let is_empty = |session: SessionId| {
                !named.contains(&session) && state.packs.range(whole(session)).all(|(pack, _)| gone.contains(pack))
            };
            let left = state.indexes.iter().filter(|index| !index.superseded && is_empty(index.session));
            left.map(|index| index.object.name.clone()).collect()
        };
        let superseded = empty(&repository.log.state);
        if superseded.is_empty() {
            return Ok(());
        }
        let session = begin(repository, self.options.scratch, self.options.journal)?;
        let mut stored = Committer::new(repository, &session, self.options.clock, self.options.tally);
        match stored.register(repository, Body::IndexMerge, Says { superseded, last: true, ..Says::default() }) {
            // Another prune was first.
            Err(RepoError::Outrun(_)) if empty(&repository.log.state).is_empty() => Ok(()),
            other => other.map(|_| ()),
        }
    }
}

/// Whether nothing more of a session can be registered.
fn is_over(state: &State, session: SessionId) -> bool {
    state.sessions.get(&session).is_some_and(|session| !session.is_open())
}

const NOTHING: &str = "there is nothing to be said any more";
