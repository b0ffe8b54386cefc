//! Taking entries out of every snapshot, so that nobody can bring them back.
//!
//! A snapshot that holds something of what is meant is rewritten without it: a tree of its own that shares every page
//! with the old one but those along the paths, the same times, and a label that says in whose place it stands. Then the
//! old one is taken off the list, and a sweep of no packs says that it cannot be put back. The packs that hold what was
//! erased are named in a note, and a prune writes what else lies in them rewritten, however little is wasted.
//!
//! What becomes of each snapshot is an [`ErasePlan`] first, which changes nothing. It is executed only while the snapshots
//! that it takes something out of are what they were when it was made.
//!
//! Order on the store: packs, their index object, the note, COMMIT, FORGET, SWEEP. So a kill at any moment leaves the
//! old snapshot, both, or the new one, and running again goes on from there.

mod follow;
mod parity;
mod rewrite;
mod ruling;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dr_format::id::{ChunkKind, PackId, SnapshotId, wipe_stack};
use dr_format::log_entry::Body;
use dr_index::lookup::Index;
use dr_log::error::LogError;
use dr_log::fold::{SWEEPS, SnapshotState, State};
use dr_log::log::erased;

use crate::error::RepoError;
use crate::read::repository::Repository;
use crate::write::presence;
use follow::{Followed, follow};
pub(crate) use parity::forget_parity;
pub use ruling::{EraseOptions, IsMeant, Judged, Ruling};
use ruling::{is_gone, may_touch, series};
use scope::{EraseScope, seek};

/// What an erasure did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EraseReport {
    /// Snapshots that were written rewritten, or went.
    pub snapshots: u64,
    /// Snapshots that hold some of it and stay, because they are held.
    pub held: u64,
    /// Snapshots that could not be looked through.
    pub unread: u64,
    /// Different entries that were erased.
    pub entries: u64,
    /// Bytes of their contents, what is equal counted once.
    pub bytes: u64,
    /// Chunks of contents that nothing needs any more.
    pub chunks: u64,
    /// Chunks that stay, because other files hold the same bytes.
    pub shared: u64,
    /// Packs that hold something that was erased: the next prune lets them go.
    pub packs: u64,
    /// Parts of what stays that could not be read: what they share is not known.
    pub unseen: u64,
    /// Bytes of new objects.
    pub bytes_stored: u64,
}

/// What becomes of every snapshot, and what of it goes, before anything is done.
pub struct ErasePlan<'a> {
    options: EraseOptions<'a>,
    /// By whose numbers packs are named here.
    index: Arc<Index>,
    scope: EraseScope,
    followed: Followed,
    /// These hold something that goes.
    packs: BTreeSet<PackId>,
    /// What it would come to.
    report: EraseReport,
}

/// Looks through every snapshot for what is to be erased, and changes nothing.
///
/// # Errors
/// With a key that maintains nothing or cannot read; if an entry of the log or an index object cannot be understood, for
/// then nobody knows which snapshots there are; and what the store says.
pub fn plan_erase<'a>(repository: &mut Repository, options: &EraseOptions<'a>) -> Result<ErasePlan<'a>, RepoError> {
    let planned = planned(repository, options);
    wipe_stack();
    planned
}

fn planned<'a>(repository: &mut Repository, options: &EraseOptions<'a>) -> Result<ErasePlan<'a>, RepoError> {
    repository.begin_to_maintain()?;
    // A page that lies in a pack which is not there is written rewritten.
    presence::look(repository, options.journal)?;
    repository.is_understood()?;
    let index = Arc::clone(repository.index()?);
    let scope = seek(repository, options)?;
    let is = |wanted: fn(&Ruling) -> bool| scope.judged.iter().filter(|one| wanted(&one.ruling)).count() as u64;
    let followed = follow(repository, &scope, options.stop)?;
    let packs = packs_of(repository, &scope, &followed)?;
    let shared = scope.contents.keys().filter(|id| followed.shared.contains(*id)).count() as u64;
    let report = EraseReport {
        snapshots: is(|ruling| !ruling.stays()),
        held: is(|ruling| matches!(ruling, Ruling::Held(_))),
        unread: is(|ruling| matches!(ruling, Ruling::Unread(_))),
        entries: scope.paths.len() as u64,
        bytes: scope.contents.values().map(|len| u64::from(*len)).sum::<u64>() + scope.inline,
        chunks: scope.contents.len() as u64 - shared,
        shared,
        packs: packs.len() as u64,
        unseen: followed.unseen,
        bytes_stored: 0,
    };
    Ok(ErasePlan { options: *options, index, scope, followed, packs, report })
}

impl ErasePlan<'_> {
    /// What becomes of each snapshot, oldest first.
    #[must_use]
    pub fn verdicts(&self) -> &[Judged] {
        &self.scope.judged
    }

    /// What it would come to.
    #[must_use]
    pub fn report(&self) -> &EraseReport {
        &self.report
    }

    /// Erases.
    ///
    /// # Errors
    /// [`RepoError::Outrun`] if a snapshot that it takes something out of was forgotten, put back or held since the plan was
    /// made, or the repository was read again; and what the store says.
    pub fn execute(self, repository: &mut Repository) -> Result<EraseReport, RepoError> {
        let outcome = self.run(repository);
        wipe_stack();
        outcome
    }

    fn run(self, repository: &mut Repository) -> Result<EraseReport, RepoError> {
        repository.is_planned_with(&self.index)?;
        let Self { options, scope, followed, packs, report: mut out, .. } = self;
        if out.snapshots == 0 {
            return Ok(out);
        }
        let before = options.tally.bytes_stored.load(Ordering::Relaxed);
        // Now, and not only when the old ones go: what was forgotten meanwhile must not come back under another id.
        let store = repository.store.clone();
        repository.log.refresh(&store)?;
        is_as_planned(&repository.log.state, &scope.judged, options.now_ms)?;
        rewrite::rewrite(repository, &options, &scope, &followed, &packs)?;
        // What was just stored is to be found, too.
        repository.reread_index();
        forget(repository, &options, &scope)?;
        out.bytes_stored = options.tally.bytes_stored.load(Ordering::Relaxed) - before;
        Ok(out)
    }
}

/// Whether the snapshots that something is taken out of are on the list, or forgotten, as they were.
fn is_as_planned(state: &State, judged: &[Judged], now_ms: i64) -> Result<(), LogError> {
    for one in judged.iter().filter(|one| !one.ruling.stays()) {
        let now = state.snapshots.get(&one.snapshot);
        let is_there = now.is_some_and(SnapshotState::is_there);
        match (&one.ruling, is_there) {
            (Ruling::Forgotten, true) => return Err(LogError::Outrun("a snapshot was put back")),
            (Ruling::Forgotten, false) => {}
            (_, false) => return Err(LogError::Outrun("a snapshot was forgotten")),
            (_, true) => {}
        }
        if now.and_then(|now| now.held_until_ms).is_some_and(|until| until > now_ms) {
            return Err(LogError::Outrun("a snapshot was held"));
        }
    }
    Ok(())
}

/// The packs that hold something which nothing needs any more once this is done: contents, and pages with names.
fn packs_of(repository: &Repository, scope: &EraseScope, followed: &Followed) -> Result<BTreeSet<PackId>, RepoError> {
    let index = repository.index()?;
    let contents = scope.contents.keys().filter(|id| !followed.shared.contains(*id));
    let extents = scope.extents.iter().filter(|id| !followed.extents.contains(*id));
    let pages = scope.pages.iter().filter(|id| !followed.pages.contains(*id));
    let all = contents
        .map(|id| (ChunkKind::Data, id))
        .chain(extents.map(|id| (ChunkKind::Extents, id)))
        .chain(pages.map(|id| (ChunkKind::Tree, id)))
        .chain(scope.documents.iter().map(|id| (ChunkKind::Document, id)));
    let mut out = BTreeSet::new();
    for (kind, id) in all {
        out.extend(index.places(kind, *id)?.into_iter().map(|place| index.brief(place.pack).id));
    }
    Ok(out)
}

/// Takes the old ones off the list, for good.
fn forget(repository: &mut Repository, options: &EraseOptions<'_>, scope: &EraseScope) -> Result<(), RepoError> {
    let gone: Vec<SnapshotId> = scope.judged.iter().filter(|one| !one.ruling.stays()).map(|one| one.snapshot).collect();
    let (store, writer) = (repository.store.clone(), repository.writer.clone());
    let listed = |state: &State| -> Vec<SnapshotId> {
        gone.iter().filter(|id| state.snapshots.get(*id).is_some_and(|one| one.is_there())).copied().collect()
    };
    if !listed(&repository.log.state).is_empty() {
        repository.log.append(&store, &writer, options.now_ms, &mut |state| {
            is_as_planned(state, &scope.judged, options.now_ms)?;
            Ok(Body::Forget(listed(state)))
        })?;
    }
    if !repository.log.state.features.contains(SWEEPS) {
        repository.maintain(options.now_ms, Body::Features(vec![SWEEPS.to_owned()]))?;
    }
    // A sweep says which forgotten snapshots can still be put back. This one sweeps nothing, so all others can.
    repository.log.append(&store, &writer, options.now_ms, &mut |state| {
        let undoable = state.snapshots.iter().filter(|(id, one)| !one.is_there() && !one.lost && !gone.contains(*id));
        Ok(Body::Sweep {
            packs: Vec::new(),
            view: state.swept_at.max(state.returned_at),
            undoable: undoable.map(|(id, _)| *id).collect(),
            keyless: false,
        })
    })?;
    // The word that something is gone for good must not be the last of the log, as after a sweep of packs.
    repository.note("what was erased cannot be put back", options.now_ms)
}

impl Repository {
    /// Packs that hold something which was erased and are still here: what is left to a prune. Their number and bytes.
    ///
    /// # Errors
    /// What the store says.
    pub fn left_of_erased(&self) -> Result<(u64, u64), RepoError> {
        let mut out = (0, 0);
        for pack in erased(&self.log) {
            if let Some(bytes) = parity::size_of(self, &pack)? {
                out = (out.0 + 1, out.1 + bytes);
            }
        }
        Ok(out)
    }
}
