//! What a repository's log adds up to: a pure function of its entries, in order.
//!
//! An entry that breaks a rule is void: a no-op for everybody. The rules are those of
//! `docs/format/repository.md`, "What the log means".

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::id::{ChunkId, Digest, HostId, KeyId, PackId, SessionId, SnapshotId};
use crate::log_entry::{Author, Body, Entry, ObjectRef, Registered, Runs};

/// A pack, as far as the log knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackState {
    pub(crate) host: HostId,
    /// About to go: no duplicate may be found in it any more.
    pub(crate) condemned: bool,
    /// Gone, or free to go at any moment.
    pub(crate) swept: bool,
    /// Its live frames lie elsewhere too.
    pub(crate) relocated: bool,
    /// Somebody who can read has re-hashed it, to this level.
    pub(crate) verified: u64,
    /// The object it lies in now, where repair gave it a new name.
    pub(crate) healed: Option<ObjectRef>,
}

/// A snapshot, as far as the log knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SnapshotState {
    /// The entry that committed it; snapshots are ordered by this.
    pub(crate) n: u64,
    pub(crate) document: ChunkId,
    pub(crate) label: Vec<u8>,
    pub(crate) needs: Arc<[Runs]>,
    pub(crate) session: SessionId,
    pub(crate) forgotten: bool,
    pub(crate) held_until_ms: Option<i64>,
}

/// A writing session, as far as the log knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SessionState {
    /// Whose it is: nobody else may write for it.
    pub(crate) author: Option<Author>,
    pub(crate) host: Option<HostId>,
    pub(crate) sequence: u64,
    pub(crate) closed: bool,
    pub(crate) fenced: bool,
}

/// An index object that somebody registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexState {
    pub(crate) object: ObjectRef,
    pub(crate) session: SessionId,
    pub(crate) superseded: bool,
}

/// An entry registers at most so many packs.
pub(crate) const OWN_MAX: u64 = 65_536;
/// An entry commits at most so many snapshots.
pub(crate) const SNAPSHOTS_MAX: usize = 1_024;

/// The sum of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct State {
    pub(crate) packs: BTreeMap<PackId, PackState>,
    pub(crate) sessions: BTreeMap<SessionId, SessionState>,
    pub(crate) snapshots: BTreeMap<SnapshotId, SnapshotState>,
    pub(crate) indexes: Vec<IndexState>,
    pub(crate) slots: BTreeMap<String, Digest>,
    pub(crate) revoked: BTreeSet<KeyId>,
    pub(crate) notes: u64,
    /// A critical entry of a type that is not known here: this program may read and must not write.
    pub(crate) unknown: Option<(u64, u64)>,
    /// Entries that broke a rule, and which.
    pub(crate) void: Vec<(u64, &'static str)>,
}

impl State {
    /// Adds one entry. Entries come in the order of their numbers.
    pub(crate) fn apply(&mut self, entry: &Entry) {
        if let Err(why) = self.try_apply(entry) {
            self.void.push((entry.n, why));
        }
    }

    fn try_apply(&mut self, entry: &Entry) -> Result<(), &'static str> {
        if let Author::Host(_, kid) = entry.author
            && self.revoked.contains(&kid)
        {
            return Err("its author's key was revoked");
        }
        let maintenance = matches!(entry.author, Author::Maintenance);
        let hosts_may = matches!(entry.body, Body::Commit(_) | Body::Packs(_) | Body::Note(_) | Body::Unknown { .. });
        if !maintenance && !hosts_may {
            return Err("only the maintenance key may do this");
        }
        match &entry.body {
            Body::Commit(registered) | Body::Packs(registered) => {
                if let Author::Host(host, _) = entry.author
                    && host != registered.host
                {
                    return Err("its author may not write for this host");
                }
                self.register(entry, registered)
            }
            Body::Repack(registered) | Body::Reframe(registered) => {
                self.register(entry, registered)?;
                self.each_pack(&registered.sources, |pack| pack.relocated = true);
                Ok(())
            }
            Body::IndexMerge(registered) => self.merge(entry, registered),
            Body::Forget(ids) => {
                self.each_snapshot(ids, |snapshot| snapshot.forgotten = true);
                Ok(())
            }
            Body::Unforget(ids) => {
                if ids.iter().any(|id| !self.is_whole(*id)) {
                    return Err("a snapshot's packs were swept already");
                }
                self.each_snapshot(ids, |snapshot| snapshot.forgotten = false);
                Ok(())
            }
            Body::Hold { snapshots, until_ms } => {
                self.each_snapshot(snapshots, |snapshot| snapshot.held_until_ms = Some(*until_ms));
                Ok(())
            }
            Body::Condemn(packs) => {
                self.each_pack(packs, |pack| pack.condemned = true);
                Ok(())
            }
            Body::Sweep(packs) => {
                let mut ready = true;
                self.each_pack(packs, |pack| ready &= pack.condemned);
                if !ready {
                    return Err("a pack was not condemned first");
                }
                self.each_pack(packs, |pack| pack.swept = true);
                Ok(())
            }
            Body::Fence(sessions) => {
                for session in sessions {
                    self.sessions.entry(*session).or_default().fenced = true;
                }
                Ok(())
            }
            Body::Verify { packs, level } => {
                self.each_pack(packs, |pack| pack.verified = pack.verified.max(*level));
                Ok(())
            }
            Body::Heal { pack, object, .. } => match self.packs.get_mut(pack) {
                None => Err("the healed pack is not registered"),
                Some(state) => {
                    state.healed = Some(object.clone());
                    Ok(())
                }
            },
            Body::SlotAdded { name, digest } => {
                self.slots.insert(name.clone(), *digest);
                Ok(())
            }
            Body::SlotRemoved { name } => {
                self.slots.remove(name);
                Ok(())
            }
            Body::Revoked(kid) => {
                self.revoked.insert(*kid);
                Ok(())
            }
            Body::Note(_) => {
                self.notes += 1;
                Ok(())
            }
            Body::Unknown { number } => {
                // A host's key alone must not be able to stop everybody else.
                if entry.critical && maintenance {
                    self.unknown = Some((entry.n, *number));
                }
                Ok(())
            }
        }
    }

    /// R7: nothing by a fenced or closed session, nothing out of sequence, nothing that needs a swept pack.
    fn register(&mut self, entry: &Entry, registered: &Registered) -> Result<(), &'static str> {
        let session = self.sessions.get(&registered.session).cloned().unwrap_or_default();
        if session.fenced {
            return Err("its session was fenced off");
        }
        if session.closed {
            return Err("its session had ended");
        }
        let theirs = |author| author != entry.author || session.host != Some(registered.host);
        if session.author.is_some_and(theirs) {
            return Err("its session is another writer's");
        }
        let own: u64 = registered.own.iter().map(|(_, first, last)| u64::from(last - first) + 1).sum();
        if own > OWN_MAX || registered.snapshots.len() > SNAPSHOTS_MAX {
            return Err("it registers more at once than is allowed");
        }
        if registered.sequence <= session.sequence {
            return Err("it repeats an earlier entry of its session");
        }
        // A pack that is not known here was registered by an entry that cannot be read: it may well be there.
        let mut gone = false;
        self.each_pack(&registered.needs, |pack| gone |= pack.swept && !pack.relocated);
        if gone {
            return Err("a pack that it needs was swept");
        }
        // Needed again: what was about to go stays.
        self.each_pack(&registered.needs, |pack| pack.condemned = pack.swept);
        for &(kind, first, last) in &registered.own {
            for no in first..=last {
                let pack = PackId { session: registered.session, kind, no };
                self.packs.entry(pack).or_insert_with(|| PackState {
                    host: registered.host,
                    condemned: false,
                    swept: false,
                    relocated: false,
                    verified: 0,
                    healed: None,
                });
            }
        }
        for object in &registered.indexes {
            self.indexes.push(IndexState { object: object.clone(), session: registered.session, superseded: false });
        }
        let needs: Arc<[Runs]> = registered.needs.clone().into();
        for snapshot in &registered.snapshots {
            self.snapshots.entry(snapshot.id).or_insert_with(|| SnapshotState {
                n: entry.n,
                document: snapshot.document,
                label: snapshot.label.clone(),
                needs: Arc::clone(&needs),
                session: registered.session,
                forgotten: false,
                held_until_ms: None,
            });
        }
        self.sessions.insert(
            registered.session,
            SessionState {
                author: Some(entry.author),
                host: Some(registered.host),
                sequence: registered.sequence,
                closed: registered.last,
                fenced: false,
            },
        );
        Ok(())
    }

    fn merge(&mut self, entry: &Entry, registered: &Registered) -> Result<(), &'static str> {
        let live = |name: &String| self.indexes.iter().any(|index| index.object.name == *name && !index.superseded);
        if !registered.superseded.iter().all(live) {
            return Err("an index object that it replaces is not in force");
        }
        self.register(entry, registered)?;
        for index in &mut self.indexes {
            if registered.superseded.contains(&index.object.name) {
                index.superseded = true;
            }
        }
        Ok(())
    }

    fn is_whole(&self, id: SnapshotId) -> bool {
        self.snapshots.get(&id).is_some_and(|snapshot| {
            let fine = |state: &PackState| !state.swept || state.relocated;
            ranges(&snapshot.needs).flat_map(|range| self.packs.range(range)).all(|(_, state)| fine(state))
                && self.packs.iter().filter(|(pack, _)| pack.session == snapshot.session).all(|(_, state)| fine(state))
        })
    }

    fn each_snapshot(&mut self, ids: &[SnapshotId], mut change: impl FnMut(&mut SnapshotState)) {
        for id in ids {
            if let Some(snapshot) = self.snapshots.get_mut(id) {
                change(snapshot);
            }
        }
    }

    fn each_pack(&mut self, runs: &[Runs], mut change: impl FnMut(&mut PackState)) {
        // Only packs that are there are looked at: a run may name sixteen million that never were.
        for range in ranges(runs) {
            self.packs.range_mut(range).for_each(|(_, pack)| change(pack));
        }
    }

    /// Snapshots that are there, oldest commit first.
    pub(crate) fn live(&self) -> Vec<(SnapshotId, &SnapshotState)> {
        let mut out: Vec<_> = self.snapshots.iter().filter(|(_, s)| !s.forgotten).map(|(id, s)| (*id, s)).collect();
        out.sort_by_key(|(id, s)| (s.n, *id));
        out
    }
}

/// The packs that runs stand for, as ranges of their names.
fn ranges(runs: &[Runs]) -> impl Iterator<Item = RangeInclusive<PackId>> {
    runs.iter().flat_map(|runs| {
        runs.runs.iter().map(|&(kind, first, last)| {
            let pack = |no| PackId { session: runs.session, kind, no };
            pack(first)..=pack(last)
        })
    })
}

/// Packs as runs, in order.
pub(crate) fn runs_of(packs: impl IntoIterator<Item = (PackId, HostId)>) -> Vec<Runs> {
    let mut sorted: Vec<_> = packs.into_iter().collect();
    sorted.sort();
    sorted.dedup();
    let mut out: Vec<Runs> = Vec::new();
    for (pack, host) in sorted {
        if out.last().is_none_or(|runs| runs.session != pack.session) {
            out.push(Runs { session: pack.session, host, runs: Vec::new() });
        }
        let Some(runs) = out.last_mut().map(|runs| &mut runs.runs) else { continue };
        match runs.last_mut() {
            Some((kind, _, last)) if *kind == pack.kind && *last + 1 == pack.no => *last = pack.no,
            _ => runs.push((pack.kind, pack.no, pack.no)),
        }
    }
    out
}

#[cfg(test)]
mod tests;
