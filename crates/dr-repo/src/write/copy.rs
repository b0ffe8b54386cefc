//! How do snapshots get into another repository of the family? Their frames move there sealed as they are.
//!
//! What the other has is not moved again. Nothing is compressed or sealed again: a pack of moved frames names in its
//! header where each was first sealed, and that is where its key comes from for ever. Each seal is opened once on the
//! way, in memory, so that no damage is copied; where the source's word for what a frame holds is not our own, the
//! chunks are named again as well, since this author will rely on them there. A snapshot is committed last, or not.

mod bounds;
mod frame_relocator;
mod gather;
mod missing;

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use dr_format::id::{SnapshotId, wipe_stack};
use dr_format::log_entry::{Body, Named};
use dr_log::fold::runs_of;
use dr_store::BlockingStore;

use crate::error::RepoError;
use crate::progress::Tally;
use crate::read::repository::{Repository, Unlock};
use crate::write::adopt::adopt;
use crate::write::committer::{Committer, Says, begin};
use crate::write::presence::{self, Stands};
use crate::write::session::Session;
use bounds::{PLAN_BYTES, PLAN_CHUNKS};
use frame_relocator::FrameRelocator;
use gather::Gather;
use missing::MISSING_MAX;
pub use missing::Missing;

/// How snapshots are to be copied. All of it is the caller's to decide.
pub struct CopyOptions<'a> {
    /// Which, in the order in which they are to follow each other there.
    pub snapshots: &'a [SnapshotId],
    /// A folder for private notes of this host about the other repository: the run's lock.
    pub journal: Option<&'a Path>,
    /// Where packs are written before they have a name, if the store has no place for that.
    pub scratch: &'a Path,
    /// Tells the time, in milliseconds since 1970 UTC.
    pub clock: &'a (dyn Fn() -> i64 + Sync),
    /// Set from outside to end early, with everything whole registered.
    pub stop: &'a AtomicBool,
    /// Progress: bytes and objects stored.
    pub tally: &'a Tally,
}

/// What became of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is there now.
    Copied,
    /// It was there already.
    There,
    /// It was there and was forgotten there.
    Forgotten,
    /// Something of it cannot be had, so it is not there.
    Refused(Vec<Missing>),
}

/// What a copy did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CopyReport {
    /// Each snapshot that was asked for.
    pub snapshots: Vec<(SnapshotId, Fate)>,
    /// Frames that were moved.
    pub frames: u64,
    /// Bytes of them.
    pub bytes_moved: u64,
    /// Bytes of new objects.
    pub bytes_stored: u64,
    /// New objects.
    pub objects: u64,
    /// Packs of an interrupted run that were taken up.
    pub adopted: u64,
}

impl Repository {
    /// Opens another repository of the same family with this one's key.
    ///
    /// # Errors
    /// [`RepoError::WrongKey`] if it belongs to another family; otherwise as [`Repository::open`].
    pub fn sibling(&self, store: BlockingStore) -> Result<Self, RepoError> {
        Self::open(store, Unlock::Key(self.key.clone()), self.host)
    }
}

/// Copies snapshots; `each` hears of every one when its fate is certain.
///
/// # Errors
/// If nothing can be read with this key, or the other repository cannot be written. What is whole stays there.
pub fn copy(
    from: &Repository,
    to: &mut Repository,
    options: &CopyOptions<'_>,
    each: &mut dyn FnMut(SnapshotId, &Fate),
) -> Result<CopyReport, RepoError> {
    let outcome = in_session(from, to, options, each);
    wipe_stack();
    outcome
}

#[inline(never)]
fn in_session(
    from: &Repository,
    to: &mut Repository,
    options: &CopyOptions<'_>,
    each: &mut dyn FnMut(SnapshotId, &Fate),
) -> Result<CopyReport, RepoError> {
    if !from.reads() {
        return Err(RepoError::CannotRead);
    }
    if from.writer.family != to.writer.family {
        return Err(RepoError::WrongKey("the two repositories belong to different families".into()));
    }
    if from.repo == to.repo {
        return Err(RepoError::SameRepository);
    }
    to.log.may_write()?;
    let (stored, objects) = (&options.tally.bytes_stored, &options.tally.objects);
    let before = (stored.load(Ordering::Relaxed), objects.load(Ordering::Relaxed));
    let mut out = CopyReport::default();
    if !options.snapshots.iter().all(|id| to.log.state.snapshots.contains_key(id)) {
        out.adopted = adopt(to, options.journal, options.clock, options.tally)?;
        let stands = presence::look(to, options.journal)?;
        let session = begin(to, options.scratch, options.journal)?;
        let mut copier = Copier::new(from, to, options, stands, &session)?;
        let outcome = copier.all(each, &mut out);
        if outcome.is_err() {
            // What is whole is kept for the next run, if the target still takes a log entry.
            let _ = copier.register(None, true);
        }
        (out.frames, out.bytes_moved) = (copier.relocator.frames, copier.relocator.bytes);
        outcome?;
    } else {
        for id in options.snapshots {
            let fate = known(to, *id).unwrap_or(Fate::There);
            each(*id, &fate);
            out.snapshots.push((*id, fate));
        }
    }
    out.bytes_stored = stored.load(Ordering::Relaxed) - before.0;
    out.objects = objects.load(Ordering::Relaxed) - before.1;
    Ok(out)
}

/// What the other repository says of a snapshot that it has, or had.
fn known(to: &Repository, id: SnapshotId) -> Option<Fate> {
    let state = to.log.state.snapshots.get(&id)?;
    Some(if state.is_there() { Fate::There } else { Fate::Forgotten })
}

/// A copy under way.
struct Copier<'a> {
    from: &'a Repository,
    to: &'a mut Repository,
    options: &'a CopyOptions<'a>,
    session: &'a Session,
    relocator: FrameRelocator<'a>,
    committer: Committer<'a>,
    /// What is there of the packs over there.
    stands: Stands,
    /// Pages below which everything was looked at in this run, and nothing is missing.
    seen: HashSet<dr_format::id::ChunkId>,
}

impl<'a> Copier<'a> {
    fn new(
        from: &'a Repository,
        to: &'a mut Repository,
        options: &'a CopyOptions<'a>,
        stands: Stands,
        session: &'a Session,
    ) -> Result<Self, RepoError> {
        let (relocator, committer) =
            (FrameRelocator::new(from, to)?, Committer::new(to, session, options.clock, options.tally));
        Ok(Self { from, to, options, session, relocator, committer, stands, seen: HashSet::new() })
    }

    fn all(&mut self, each: &mut dyn FnMut(SnapshotId, &Fate), out: &mut CopyReport) -> Result<(), RepoError> {
        for (at, id) in self.options.snapshots.iter().enumerate() {
            let fate = match known(self.to, *id) {
                Some(fate) => fate,
                None => self.one(*id, at + 1 == self.options.snapshots.len())?,
            };
            each(*id, &fate);
            out.snapshots.push((*id, fate));
        }
        self.register(None, true)
    }

    /// Registers what is stored, and with a name commits a snapshot. `last` ends the session.
    fn register(&mut self, snapshot: Option<Named>, last: bool) -> Result<(), RepoError> {
        // An ended session, or one that never began, has nothing to say at its end.
        if snapshot.is_none() && self.committer.is_empty() && !(last && self.committer.is_open()) {
            return Ok(());
        }
        let index = self.to.index()?;
        let relied = self.relocator.relied.iter().map(|pack| index.brief(*pack));
        let needs = runs_of(relied.map(|pack| (pack.id, pack.host)));
        let body = if snapshot.is_some() { Body::Commit } else { Body::Packs };
        let snapshots = snapshot.into_iter().collect();
        self.committer.register(self.to, body, Says { snapshots, needs, last, ..Says::default() }).map(|_| ())
    }

    /// Moves what one snapshot needs, and commits it.
    fn one(&mut self, id: SnapshotId, last: bool) -> Result<Fate, RepoError> {
        let state = self.from.log.state.snapshots.get(&id);
        let state = state.ok_or_else(|| RepoError::NoSnapshot(format!("there is no snapshot {id} here")))?;
        let mut gather = Gather::new(self.from, id, state.document)?;
        loop {
            // Reading the other repository ends before anything is registered there.
            let is_done = {
                let mut theirs = self.to.fetcher()?;
                gather.fill(&mut self.relocator, &mut theirs, &mut self.seen, self.options.stop)?
            };
            loop {
                self.relocator.carry(is_done, self.session, &self.to.store, self.options.stop, &mut self.committer)?;
                self.relocator.look_elsewhere(&mut self.to.fetcher()?)?;
                if !is_done || self.relocator.is_empty() {
                    break;
                }
            }
            if self.committer.is_due() {
                self.register(None, false)?;
            }
            if is_done {
                break;
            }
        }
        let missing = std::mem::take(&mut self.relocator.missing);
        if !missing.is_empty() {
            // What was seen may lie below something that is missing.
            self.seen.clear();
            return Ok(Fate::Refused(missing));
        }
        let to = (&self.to.store, &self.to.log.state, &**self.to.index()?);
        self.stands.hold(to, self.relocator.relied.iter().copied(), std::iter::empty())?;
        let named = Named { id, document: state.document, label: state.label.clone() };
        self.register(Some(named), last)?;
        Ok(Fate::Copied)
    }
}
