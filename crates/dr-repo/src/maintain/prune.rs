//! Giving back the room of what nothing needs any more.
//!
//! Follows what every snapshot needs (`mark.rs`), decides what becomes of each pack (`plan.rs`), writes what is left of
//! half-used packs into new ones, and lets the old ones go in three steps: *condemned*, nobody looks for duplicates in
//! them any more; *swept*, nobody may rely on them; deleted. Whoever backs up meanwhile waits for none of this. The log
//! decides who was first: a pack that somebody relied on before it was swept stays, and who relies on one that was
//! swept has not committed. The times between the steps are so that this seldom happens; no safety rests on a clock.
//!
//! All that is decided is a [`PrunePlan`] first, which changes nothing. What others write between plan and execution is
//! the same as what they write while a prune is at work: each step is said of the very state of the log that it follows.

mod keyless;
mod mark;
mod options;
mod pins;
mod plan;
mod repack;
mod rewrite;
mod step;
mod weigh;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dr_format::id::{HostId, PackId, wipe_stack};
use dr_format::key::Key;
use dr_format::log_entry::Body;
use dr_index::lookup::Index;
use dr_log::error::LogError;
use dr_log::fold::{SWEEPS, SessionState};
use dr_log::log::erased;
use dr_store::StoreError;

use crate::error::RepoError;
use crate::maintain::unfinished::{Life, Unfinished};
use crate::read::repository::Repository;
pub(crate) use keyless::{Frames, Lists};
pub(crate) use mark::{Live, mark};
use options::{DAY_MS, Rewritten, target};
pub use options::{PruneOptions, PruneReport};
use pins::{Pins, UNFINISHED, is_undoable, pins};
use plan::{Fate, plan};
use step::Step;
use weigh::{Needed, uses};

/// What becomes of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Name of its object.
    pub pack: String,
    /// Its size.
    pub bytes: u64,
    /// Whether it stays.
    pub keep: bool,
    /// Why.
    pub because: String,
}

/// What becomes of every pack, and why, before anything is done.
pub struct PrunePlan<'a> {
    options: PruneOptions<'a>,
    /// Up to this entry of the log every snapshot was followed.
    view: u64,
    /// By whose numbers packs are named here.
    index: Arc<Index>,
    needed: Needed,
    /// Packs in which nothing is needed.
    gone: Vec<(PackId, HostId)>,
    moved: Vec<Half>,
    /// What is left of runs that never came to their end, but for those that are dropped.
    left: Vec<Unfinished>,
    verdicts: Vec<Verdict>,
    /// What it would come to.
    report: PruneReport,
}

/// Plans what is to go, and changes nothing.
///
/// With a key that reads, trees are followed. With a pruning key, which reads nothing, snapshots' own lists are believed,
/// and frames are moved as they are sealed.
///
/// # Errors
/// With a key that maintains nothing; if anything cannot be understood, for then nobody knows what is
/// needed; and what the store says.
pub fn plan_prune<'a>(repository: &mut Repository, options: &PruneOptions<'a>) -> Result<PrunePlan<'a>, RepoError> {
    let planned = planned(repository, options);
    wipe_stack();
    planned
}

fn planned<'a>(repository: &mut Repository, options: &PruneOptions<'a>) -> Result<PrunePlan<'a>, RepoError> {
    repository.begin_to_prune()?;
    let gc = match repository.key() {
        Key::Pruner(pruner) => Some(pruner.gc.clone()),
        _ if repository.reads() => None,
        _ => return Err(RepoError::CannotRead),
    };
    repository.is_understood()?;
    let mut out = PruneReport::default();
    let unfinished = repository.unfinished(options.journal, options.now_ms)?;
    let is_dropped = |one: &Unfinished| options.unfinished && one.life == Life::CutOff;
    let left: Vec<Unfinished>;
    (out.dropped, left) = unfinished.into_iter().partition(is_dropped);
    let view = repository.log.head.0;
    let state = &repository.log.state;
    let over = step::would_fence(repository, options, gc.is_some(), &left, &out.dropped);
    out.unfinished = left.iter().filter(|one| !over.contains(&one.session)).cloned().collect();
    let counts = state.snapshots.iter().filter(|(_, one)| one.is_there() || is_undoable(one, options));
    let mut wanted: Vec<_> = counts.map(|(id, snapshot)| (snapshot.n, *id, snapshot.document)).collect();
    // What was committed together lies together.
    wanted.sort_unstable_by_key(|(n, id, _)| (*n, *id));
    let wanted: Vec<_> = wanted.into_iter().map(|(_, id, document)| (id, document)).collect();
    let known = match &gc {
        None => mark(repository, &wanted, Some(options.scratch), options.stop).map(Needed::Chunks),
        Some(gc) => keyless::listed(repository, &wanted, gc, options.stop).map(Needed::Frames),
    };
    let needed = match known {
        Ok(needed) => needed,
        Err(why) => return Err(outrun(repository, view, why)),
    };
    let index = Arc::clone(repository.index()?);
    let uses = uses(repository, &needed, &pins(&repository.log.state, view, options, &over), &erased(&repository.log))?;
    let fates = plan(&uses, options.waste, target);
    let (mut gone, mut moved, mut verdicts) = (Vec::new(), Vec::new(), Vec::with_capacity(uses.len()));
    for (used, fate) in uses.iter().zip(fates) {
        let brief = index.brief(used.pack);
        let keep = matches!(fate, Fate::Keep(_));
        out.packs += 1;
        out.bytes += used.bytes;
        out.live += used.live;
        out.removable += u64::from(!keep);
        match &fate {
            Fate::Keep(why)
                if why == UNFINISHED && !out.unfinished.iter().any(|one| one.session == brief.id.session) =>
            {
                out.held += used.bytes.saturating_sub(used.live);
            }
            Fate::Keep(_) => {}
            Fate::Remove(_) => gone.push((brief.id, brief.host)),
            Fate::Rewrite(_) => moved.push(Half { pack: used.pack, is_full: used.live >= used.bytes / 20 * 19 }),
        }
        let (Fate::Keep(because) | Fate::Remove(because) | Fate::Rewrite(because)) = fate;
        verdicts.push(Verdict { pack: index.object(used.pack), bytes: used.bytes, keep, because });
    }
    out.lost = needed.lost();
    out.rewritten = moved.len() as u64;
    Ok(PrunePlan { options: *options, view, index, needed, gone, moved, left, verdicts, report: out })
}

impl PrunePlan<'_> {
    /// What becomes of each pack.
    #[must_use]
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// What it would come to, as far as that is known before it is done.
    #[must_use]
    pub fn report(&self) -> &PruneReport {
        &self.report
    }

    /// Removes what nothing needs.
    ///
    /// A pack that somebody relies on since the plan was made stays; if another prune swept something since, nothing is
    /// swept here, and what is condemned waits for the next one.
    ///
    /// # Errors
    /// [`RepoError::Outrun`] if the repository was read again since the plan was made; and what the store says.
    pub fn execute(self, repository: &mut Repository) -> Result<PruneReport, RepoError> {
        let outcome = self.run(repository);
        wipe_stack();
        outcome
    }

    fn run(self, repository: &mut Repository) -> Result<PruneReport, RepoError> {
        repository.is_planned_with(&self.index)?;
        let Self { options, view, needed, gone, moved, left, report: mut out, .. } = self;
        let before = options.tally.bytes_stored.load(Ordering::Relaxed);
        let keyless = matches!(needed, Needed::Frames(_));
        // First, so that what it lets go goes now.
        step::fence(repository, &options, keyless, &left, &out.dropped)?;
        let state = &repository.log.state;
        let is_kept = |one: &Unfinished| state.sessions.get(&one.session).is_none_or(SessionState::is_open);
        let is_fenced = |one: &Unfinished| state.sessions.get(&one.session).is_some_and(|session| session.fenced);
        let (dropped, goes_on): (Vec<_>, Vec<_>) = out.dropped.into_iter().partition(is_fenced);
        out.dropped = dropped;
        out.unfinished = left.into_iter().chain(goes_on).filter(is_kept).collect();
        out.rewritten = 0;
        let goes = !gone.is_empty() || !moved.is_empty();
        if goes && !repository.log.state.features.contains(SWEEPS) {
            repository.maintain(options.now_ms, Body::Features(vec![SWEEPS.to_owned()]))?;
        }
        let followed = followed(repository, &needed)?;
        let mut step = Step::new(&options, (view, keyless), followed);
        // What nobody needs goes first: it gives the room that moving the rest takes.
        if !gone.is_empty() || moved.is_empty() {
            step.remove_packs(repository, &gone, &mut out)?;
        }
        empty(repository, &needed, moved, &mut step, &mut out)?;
        shorten(repository, &options, &mut out)?;
        out.bytes_stored = options.tally.bytes_stored.load(Ordering::Relaxed) - before;
        repository.refresh()?;
        Ok(out)
    }
}

/// A pack that is half used.
#[derive(Clone, Copy)]
struct Half {
    pack: u32,
    /// It would only be put together with others.
    is_full: bool,
}

/// Rewrites what is needed of packs that are half used, and lets them go. Where there is no room for all of them
/// together they are taken in halves, since each that goes gives room for the next.
fn empty(
    repository: &mut Repository,
    needed: &Needed,
    moved: Vec<Half>,
    step: &mut Step<'_>,
    out: &mut PruneReport,
) -> Result<(), RepoError> {
    let options = step.options;
    let mut waiting: Vec<Vec<Half>> = if moved.is_empty() { Vec::new() } else { vec![moved] };
    let (mut is_short, mut failed, mut made) = (false, 0, 0);
    while let Some(mut some) = waiting.pop() {
        let packs: Vec<u32> = some.iter().map(|half| half.pack).collect();
        let written = match needed {
            // By itself it is put together with nothing.
            _ if is_short && some.iter().all(|half| half.is_full) => {
                out.removable -= some.len() as u64;
                continue;
            }
            _ if failed >= NO_ROOM_MOST => Err(dr_store::StoreError::Full { place: String::new() }.into()),
            Needed::Chunks(live) => rewrite::rewrite(repository, options, live, &packs),
            Needed::Frames(frames) => repack::repack(repository, options, frames, &packs),
        };
        match written {
            Ok(rewritten) => {
                let briefs = packs.iter().map(|pack| Ok(repository.index()?.brief(*pack)));
                let (mut gone, mut left) = (Vec::new(), Vec::new());
                for (half, brief) in some.iter().zip(briefs.collect::<Result<Vec<_>, RepoError>>()?) {
                    if rewritten.packs.contains(&brief.id) {
                        gone.push((brief.id, brief.host));
                    } else if !rewritten.damaged.contains_key(&brief.id) {
                        left.push(*half);
                    }
                }
                // What another prune has swept meanwhile is gone, and not damaged.
                let is_swept = |pack: &PackId| repository.log.state.packs.get(pack).is_some_and(|pack| pack.swept);
                let damaged = rewritten.damaged.iter().filter(|(pack, _)| !is_swept(pack));
                out.damaged.extend(damaged.map(|(_, name)| name.clone()));
                out.rewritten += gone.len() as u64;
                step.took(rewritten);
                step.remove_packs(repository, &gone, out)?;
                if !left.is_empty() {
                    is_short = true;
                    waiting.push(left);
                }
            }
            Err(RepoError::Store(StoreError::Full { .. })) => {
                is_short = true;
                // What was written by then is nobody's, and takes the room that there was.
                step.remove_packs(repository, &[], out)?;
                let store = repository.store.clone();
                if options.settle_ms > 0 || failed >= NO_ROOM_MOST {
                    (out.no_room, out.removable) = (out.no_room + some.len() as u64, out.removable - some.len() as u64);
                } else if some.len() > 1 {
                    let second = some.split_off(some.len() / 2);
                    waiting.extend([second, some]);
                } else if made < MADE_MOST && repository.log.make_room(&store, made + 1)? {
                    made += 1;
                    waiting.push(some);
                } else {
                    failed += 1;
                    (out.no_room, out.removable) = (out.no_room + some.len() as u64, out.removable - some.len() as u64);
                }
            }
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

/// Room is made for so many, by what is kept back and by parity, which `repair` makes again.
const MADE_MOST: u32 = 8;
/// After so many packs for which there is no room, each alone, no other is tried.
const NO_ROOM_MOST: u32 = 3;

/// Writes down what the log adds up to, if it is time, and removes entries that nobody need read any more.
fn shorten(repository: &mut Repository, options: &PruneOptions<'_>, out: &mut PruneReport) -> Result<(), RepoError> {
    let (store, writer) = (repository.store.clone(), repository.writer.clone());
    let log = &mut repository.log;
    log.refresh(&store)?;
    if !log.unknown.is_empty() {
        // Unknown means keep. It is among the faults, and stops the next prune.
        return Ok(());
    }
    match log.checkpoint(&store, &writer, options.now_ms) {
        // It is an ease, and nothing that must be.
        Err(LogError::Store(StoreError::Full { .. })) => return Ok(()),
        done => done?,
    };
    log.shorten(&store, &writer, options.now_ms, options.stop, &mut |object| {
        out.deleted += 1;
        out.bytes_deleted += object.size;
    })?;
    Ok(())
}

/// Whoever sweeps at once may have taken away what was being followed here.
fn outrun(repository: &mut Repository, view: u64, why: RepoError) -> RepoError {
    let is_gone = matches!(&why, RepoError::Damaged { .. } | RepoError::Store(StoreError::NotFound { .. }));
    let store = repository.store.clone();
    match is_gone && repository.log.refresh(&store).is_ok() && repository.log.state.swept_at > view {
        true => RepoError::Outrun("another prune swept what was looked at"),
        false => why,
    }
}

/// The packs that were there when the snapshots were followed, and whether something in them is needed.
fn followed(repository: &Repository, needed: &Needed) -> Result<BTreeMap<PackId, bool>, RepoError> {
    let index = repository.index()?;
    Ok((0..index.packs()).map(|pack| (index.brief(pack).id, needed.has_any(pack))).collect())
}
