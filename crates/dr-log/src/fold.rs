//! What a repository's log adds up to: a pure function of its entries, in order.
//!
//! An entry that breaks a rule is void: a no-op for everybody. The rules are those of
//! `docs/format/repository.md`, "What the log means".

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use dr_format::format::{OWN_MAX, SNAPSHOTS_MAX};
use dr_format::id::{ChunkId, Digest, HostId, KeyId, PackId, PackKind, SessionId, SnapshotId};
use dr_format::key::Author;
use dr_format::log_entry::{Body, Entry, ObjectRef, Registered, Runs};
use dr_format::take_over::{TakeOver, taken_over_by};

/// A pack, as far as the log knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackState {
    pub host: HostId,
    /// About to go: no duplicate may be found in it any more.
    pub condemned: bool,
    /// When it was condemned last, as the entry says.
    pub condemned_ms: i64,
    /// Gone, or free to go at any moment.
    pub swept: bool,
    /// When it was swept, as the entry says.
    pub swept_ms: i64,
    /// What was live in it when it was moved lies elsewhere too.
    pub relocated: bool,
    /// Somebody who can read has re-hashed it, to this level.
    pub verified: u64,
    /// When every byte of it was read last, as entries say: when it was registered, at first.
    pub read_ms: i64,
    /// The object it lies in now, where repair gave it a new name.
    pub healed: Option<ObjectRef>,
}

impl PackState {
    /// As it is registered.
    pub fn new(host: HostId, at_ms: i64) -> Self {
        Self {
            host,
            condemned: false,
            condemned_ms: 0,
            swept: false,
            swept_ms: 0,
            relocated: false,
            verified: 0,
            read_ms: at_ms,
            healed: None,
        }
    }

    /// The name of the object in which the pack of this state lies.
    pub fn object_name(&self, id: PackId) -> String {
        self.healed.as_ref().map_or_else(|| id.object_name(self.host), |object| object.name.clone())
    }
}

/// A snapshot, as far as the log knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotState {
    /// The entry that committed it.
    pub n: u64,
    /// The entry in whose place it stands: snapshots are ordered by this.
    pub at: u64,
    pub document: ChunkId,
    pub label: Vec<u8>,
    pub needs: Arc<[Runs]>,
    pub session: SessionId,
    /// When it was forgotten, as the entry says; none while it is there.
    pub forgotten_ms: Option<i64>,
    /// Something that it needs may be gone: it cannot be put back.
    pub lost: bool,
    pub held_until_ms: Option<i64>,
}

impl SnapshotState {
    pub fn is_there(&self) -> bool {
        self.forgotten_ms.is_none()
    }
}

/// A writing session, as far as the log knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionState {
    /// Whose it is: nobody else may write for it.
    pub author: Option<Author>,
    pub host: Option<HostId>,
    pub sequence: u64,
    pub closed: bool,
    pub fenced: bool,
    /// While it is open: the packs of others that it relies on so far.
    pub needs: Arc<[Runs]>,
    /// When it last registered something, as the entry says.
    pub last_ms: i64,
    /// The entry by which it first registered something; 0: nobody remembers.
    pub first: u64,
    /// Whose sessions all frames in its packs were moved from, sealed as they were.
    pub moved_from: Option<Author>,
}

impl SessionState {
    /// Whether it may still register something.
    pub fn is_open(&self) -> bool {
        !self.closed && !self.fenced
    }

    /// Whose word what is in its packs is: what was moved as it was is its first writer's still.
    pub fn writer(&self) -> Option<Author> {
        self.moved_from.or(self.author)
    }
}

/// An index object that somebody registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexState {
    pub object: ObjectRef,
    pub session: SessionId,
    pub superseded: bool,
}

/// Packs may be swept, and nobody may rely on one that was, wherever its frames went.
pub const SWEEPS: &str = "sweeps-1";
/// IDXMERGE may describe other sessions' packs again, and a NOTE may account for an entry that cannot be read.
pub const MENDS: &str = "mends-1";
/// Log entries that a checkpoint stands for may be gone.
pub const CHECKPOINTS: &str = "checkpoints-1";
/// Said by entry 1 alone, which is put in the place of the one that was there: the entries after it are gone.
pub const CUT: &str = "cut-1";
const KNOWN_FEATURES: [&str; 4] = [SWEEPS, MENDS, CHECKPOINTS, CUT];

pub fn is_known_feature(name: &str) -> bool {
    KNOWN_FEATURES.contains(&name)
}

/// Rules without which something would be lost. The model (`model.rs`) leaves each out in turn, and must then find how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Nothing is registered that needs a swept pack.
    Needs,
    /// Nothing is registered by a session of which a pack was swept.
    Own,
    /// Nothing is registered by a fenced session.
    Fenced,
    /// What is needed is no longer condemned.
    Reprieve,
    /// No sweep from before another sweep.
    Sweeps,
    /// No sweep from before an UNFORGET.
    Returns,
    /// What was not followed cannot be put back.
    Lost,
}

/// The sum of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    #[cfg(test)]
    pub without: Option<Rule>,
    pub packs: BTreeMap<PackId, PackState>,
    /// Those of them that are condemned, and those that were swept: an entry looks for these few among all that it needs.
    pub condemned: BTreeSet<PackId>,
    pub swept: BTreeSet<PackId>,
    pub sessions: BTreeMap<SessionId, SessionState>,
    pub snapshots: BTreeMap<SnapshotId, SnapshotState>,
    pub indexes: Vec<IndexState>,
    pub slots: BTreeMap<String, Digest>,
    pub revoked: BTreeSet<KeyId>,
    pub notes: u64,
    /// The newest SWEEP in force.
    pub swept_at: u64,
    /// The newest entry in force by which somebody who follows trees let chunks lie elsewhere than lists of what
    /// snapshots use say.
    pub followed_at: u64,
    /// The newest UNFORGET in force.
    pub returned_at: u64,
    /// Who writes in another host's place, where one host alone may write.
    pub taken_over: Option<TakeOver>,
    /// What whoever writes must know.
    pub features: BTreeSet<String>,
    /// A critical entry of a type that is not known here: this program may read and must not write.
    pub unknown: Option<(u64, u64)>,
    /// A feature that is not known here, and the entry that asks for it: the same.
    pub missing: Option<(u64, String)>,
    /// Entries that broke a rule, and which.
    pub void: Vec<(u64, &'static str)>,
}

impl State {
    /// Adds one entry. Entries come in the order of their numbers.
    pub fn apply(&mut self, entry: &Entry) {
        if let Err(why) = self.try_apply(entry) {
            self.void.push((entry.n, why));
        }
    }

    #[cfg(test)]
    fn holds(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "the model asks the state")]
    const fn holds(&self, _: Rule) -> bool {
        true
    }

    fn try_apply(&mut self, entry: &Entry) -> Result<(), &'static str> {
        if let Author::Host(_, kid) = entry.author
            && self.revoked.contains(&kid)
        {
            return Err("its author's key was revoked");
        }
        let maintenance = matches!(entry.author, Author::Maintenance);
        let hosts_may = matches!(
            entry.body,
            Body::Commit(_) | Body::Packs(_) | Body::Note(_) | Body::Verify { .. } | Body::Unknown { .. }
        );
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
            Body::Reframe(registered) => {
                self.register(entry, registered)?;
                self.followed_at = entry.n;
                self.each_pack(&registered.sources, |pack| pack.relocated = true);
                Ok(())
            }
            Body::Repack(registered) => {
                let before = self.sessions.get(&registered.session).map(|session| session.moved_from);
                let from = self.author_of(&registered.sources);
                self.register(entry, registered)?;
                if let Some(session) = self.sessions.get_mut(&registered.session) {
                    session.moved_from = from.filter(|from| before.is_none_or(|before| before == Some(*from)));
                }
                self.each_pack(&registered.sources, |pack| pack.relocated = true);
                Ok(())
            }
            Body::IndexMerge(registered) => self.merge(entry, registered),
            Body::Forget(ids) => {
                // A second FORGET does not begin the time in which it can be undone again.
                self.each_snapshot(ids, |snapshot| {
                    snapshot.forgotten_ms.get_or_insert(entry.time_ms);
                });
                Ok(())
            }
            Body::Unforget(ids) => {
                let is_lost = |snapshot: &SnapshotState| snapshot.lost && self.holds(Rule::Lost);
                if !ids.iter().all(|id| self.snapshots.get(id).is_some_and(|snapshot| !is_lost(snapshot))) {
                    return Err("what a snapshot needs may have been swept already");
                }
                self.each_snapshot(ids, |snapshot| snapshot.forgotten_ms = None);
                self.returned_at = entry.n;
                Ok(())
            }
            Body::Hold { snapshots, until_ms } => {
                self.each_snapshot(snapshots, |snapshot| snapshot.held_until_ms = Some(*until_ms));
                Ok(())
            }
            Body::Condemn(packs) => {
                for range in ranges(packs) {
                    for (id, pack) in self.packs.range_mut(range) {
                        (pack.condemned, pack.condemned_ms) = (true, entry.time_ms);
                        self.condemned.insert(*id);
                    }
                }
                Ok(())
            }
            Body::Sweep { packs, view, undoable, keyless } => {
                // R9: what is needed was followed up to `view`. What was committed since then has taken the
                // condemnation off what it needs; these two would show only in what is followed again.
                if self.swept_at > *view && self.holds(Rule::Sweeps) {
                    return Err("another sweep came in between");
                }
                if self.returned_at > *view && self.holds(Rule::Returns) {
                    return Err("a snapshot was put back in between");
                }
                let mut ready = true;
                self.each_pack(packs, |pack| ready &= pack.condemned);
                if !ready {
                    return Err("a pack was not condemned first");
                }
                for range in ranges(packs) {
                    for (id, pack) in self.packs.range_mut(range).filter(|(_, pack)| !pack.swept) {
                        (pack.swept, pack.swept_ms) = (true, entry.time_ms);
                        self.swept.insert(*id);
                    }
                }
                // What no longer counted was not followed: nobody knows whether it lost something.
                for (id, snapshot) in &mut self.snapshots {
                    snapshot.lost |= !snapshot.is_there() && !undoable.contains(id);
                }
                self.swept_at = entry.n;
                if !keyless && !packs.is_empty() {
                    self.followed_at = entry.n;
                }
                Ok(())
            }
            Body::Fence(sessions) => {
                for session in sessions {
                    let state = self.sessions.entry(*session).or_default();
                    (state.fenced, state.needs) = (true, Arc::default());
                }
                Ok(())
            }
            Body::Verify { packs, level } => {
                // A host's word counts for when something was read, not for what it holds.
                let level = if maintenance { *level } else { 0 };
                self.each_pack(packs, |pack| {
                    pack.verified = pack.verified.max(level);
                    pack.read_ms = pack.read_ms.max(entry.time_ms);
                });
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
            Body::Features(features) => {
                if let Some(feature) = features.iter().find(|feature| !is_known_feature(feature)) {
                    self.missing = Some((entry.n, feature.clone()));
                }
                self.features.extend(features.iter().cloned());
                Ok(())
            }
            Body::Note(text) => {
                self.notes += 1;
                if maintenance && let Some(host) = taken_over_by(text) {
                    self.taken_over = Some(TakeOver { n: entry.n, host });
                }
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
        // Repair describes again what others' sessions stored, also ended ones.
        let mends = matches!(entry.body, Body::IndexMerge(_));
        // Nothing more counts by it, so that it may do so whatever became of the session.
        let only_describes = mends && registered.own.is_empty() && registered.snapshots.is_empty() && !registered.last;
        if session.fenced && !only_describes && self.holds(Rule::Fenced) {
            return Err("its session was fenced off");
        }
        if session.closed && !mends {
            return Err("its session had ended");
        }
        let theirs = |author| author != entry.author && !mends || session.host != Some(registered.host);
        if session.author.is_some_and(theirs) {
            return Err("its session is another writer's");
        }
        let own: u64 = registered.own.iter().map(|(_, first, last)| u64::from(last - first) + 1).sum();
        if own > OWN_MAX || registered.snapshots.len() > SNAPSHOTS_MAX {
            return Err("it registers more at once than is allowed");
        }
        if registered.sequence <= session.sequence && !mends {
            return Err("it repeats an earlier entry of its session");
        }
        // A pack that is not known here was registered by an entry that cannot be read: it may well be there.
        // Also one whose live frames were moved: what this writer relies on may have been among the others.
        let gone = |range| self.swept.range(range).next().is_some();
        if ranges(&registered.needs).any(gone) && self.holds(Rule::Needs) {
            return Err("a pack that it needs was swept");
        }
        // A session that is new here has no packs yet.
        let known = session.author.is_some() && !only_describes;
        if known && gone(whole(registered.session)) && self.holds(Rule::Own) {
            return Err("a pack of its own session was swept");
        }
        // Needed again: what was about to go stays.
        if self.holds(Rule::Reprieve) {
            let own = known.then(|| whole(registered.session));
            for range in ranges(&registered.needs).chain(own) {
                for id in self.condemned.extract_if(range, |_| true) {
                    self.packs.entry(id).and_modify(|pack| pack.condemned = false);
                }
            }
        }
        for &(kind, first, last) in &registered.own {
            for no in first..=last {
                let pack = PackId { session: registered.session, kind, no };
                self.packs.entry(pack).or_insert_with(|| PackState::new(registered.host, entry.time_ms));
            }
        }
        for object in &registered.indexes {
            self.indexes.push(IndexState { object: object.clone(), session: registered.session, superseded: false });
        }
        let needs: Arc<[Runs]> = registered.needs.clone().into();
        for snapshot in &registered.snapshots {
            self.snapshots.entry(snapshot.id).or_insert_with(|| SnapshotState {
                n: entry.n,
                at: if mends && (1..entry.n).contains(&registered.at) { registered.at } else { entry.n },
                document: snapshot.document,
                label: snapshot.label.clone(),
                needs: Arc::clone(&needs),
                session: registered.session,
                forgotten_ms: None,
                lost: false,
                held_until_ms: None,
            });
        }
        if only_describes {
            return Ok(());
        }
        self.sessions.insert(
            registered.session,
            SessionState {
                author: session.author.or(Some(entry.author)),
                host: Some(registered.host),
                sequence: registered.sequence.max(session.sequence),
                closed: registered.last || session.closed,
                fenced: false,
                needs: if registered.last { Arc::default() } else { union(&session.needs, needs) },
                last_ms: entry.time_ms,
                first: if session.author.is_some() { session.first } else { entry.n },
                moved_from: None,
            },
        );
        Ok(())
    }

    /// Who wrote what is in all of these packs, if it was one writer.
    fn author_of(&self, packs: &[Runs]) -> Option<Author> {
        let author = |runs: &Runs| self.sessions.get(&runs.session)?.writer();
        let mut authors = packs.iter().map(author);
        let first = authors.next()??;
        authors.all(|other| other == Some(first)).then_some(first)
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

    /// These packs, as a checkpoint has them.
    pub fn set_packs(&mut self, packs: BTreeMap<PackId, PackState>) {
        let those = |is: fn(&PackState) -> bool| packs.iter().filter(|(_, at)| is(at)).map(|(id, _)| *id).collect();
        (self.condemned, self.swept) = (those(|pack| pack.condemned), those(|pack| pack.swept));
        self.packs = packs;
    }

    /// Snapshots that are there, oldest commit first.
    pub fn live(&self) -> Vec<(SnapshotId, &SnapshotState)> {
        let mut out: Vec<_> = self.snapshots.iter().filter(|(_, s)| s.is_there()).map(|(id, s)| (*id, s)).collect();
        out.sort_by_key(|(id, s)| (s.at, *id));
        out
    }
}

/// The packs that runs stand for, as ranges of their names.
pub fn ranges(runs: &[Runs]) -> impl Iterator<Item = RangeInclusive<PackId>> {
    runs.iter().flat_map(|runs| {
        runs.runs.iter().map(|&(kind, first, last)| {
            let pack = |no| PackId { session: runs.session, kind, no };
            pack(first)..=pack(last)
        })
    })
}

/// All packs of a session.
pub fn whole(session: SessionId) -> RangeInclusive<PackId> {
    PackId { session, kind: PackKind::Data, no: 0 }..=PackId { session, kind: PackKind::Meta, no: u32::MAX }
}

fn union(a: &Arc<[Runs]>, b: Arc<[Runs]>) -> Arc<[Runs]> {
    if a.is_empty() || a[..] == b[..] { b } else { a.iter().chain(b.iter()).cloned().collect() }
}

/// Packs as runs, in order.
pub fn runs_of(packs: impl IntoIterator<Item = (PackId, HostId)>) -> Vec<Runs> {
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
