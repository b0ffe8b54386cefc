//! One system's run: its data to every target of its turn, written down before and after.
//!
//! Order: the system's lock, ledger *started*, the plan's `before`, then for each target capture, store and read back,
//! the plan's `after`, ledger *finished*, ledger *verified* for what was read back. A target that is dead, full or
//! wrong costs its own copy and no other. All copies of one run have one snapshot id; each is captured again, so each
//! says itself when its capture began. A *started* without a *finished* is a crash, and history says so.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dr_entry::{EntryPath, Unread};
use dr_ledger::{
    CheckKind, CopyOutcome, Event, History, Noticed, RunCopy, RunId, RunOutcome, SnapshotRef, emptied, last_answers,
};
use dr_media::Register;
use dr_plan::{System, SystemId, TargetId, Tree};
use dr_repo::{BackupReport, SnapshotId, new_snapshot_id};
use dr_source::driver::Size;
use dr_source::files::{Options, leaves_out, resolved};
use jiff::Timestamp;

use crate::anchors::is_unheld;
use crate::answered;
use crate::capture::{self, Watched, known_by};
use crate::copy::{self, Ask, NoCopy};
use crate::devices::Mounts;
use crate::due::DueJob;
use crate::error::RunError;
use crate::folders::lock;
use crate::hooks;
use crate::left_out::Met;
use crate::limit::within;
use crate::location::{Availability, TargetLocation};
use crate::mend::harmed;
use crate::naming::Naming;
use crate::others::{self, Other};
pub use crate::outcome::{Copy, Gap, GapKind, Run};
use crate::school::School;
use crate::spans;
pub use crate::watch::{Unwatched, Watch};

/// Runs one turn.
///
/// # Errors
/// If the ledger takes no entry or this host has no key: then nothing was done that is not written down.
pub fn run(school: &School, turn: &DueJob, watch: &dyn Watch, stop: &AtomicBool) -> Result<Run, RunError> {
    let system = school.system(turn.system.as_str())?;
    let key = school.host_key()?;
    let Some(_lock) = lock(school, &system.id)? else {
        return Ok(Run::skipped(system, turn, "another run of this system is going on"));
    };
    if !system.source.runs() {
        let why = format!("this version of dr cannot read systems of kind `{}`", system.source.kind());
        return Ok(Run::skipped(system, turn, &why));
    }
    note_killed_of(school, &system.id)?;
    let entries = school.entries()?;
    let (register, history) = (Register::of(&entries), school.history()?);
    let reached: Vec<_> =
        turn.targets.iter().map(|(target, slot)| (target, *slot, school.reach(&register, target))).collect();
    if reached.iter().all(|(target, slot, reach)| is_nothing_new(&history, system, target, *slot, reach)) {
        let mut run = Run::skipped(system, turn, "");
        run.error = None;
        run.copies = reached.into_iter().map(|(target, slot, reach)| Copy::not_made(target, slot, reach)).collect();
        return Ok(run);
    }
    let swapped: Vec<String> = reached.iter().filter_map(|(.., reach)| in_place(&register, school, reach)).collect();
    let snapshot = new_snapshot_id();
    let id = RunId(snapshot.to_string());
    let slots: BTreeMap<_, _> =
        turn.targets.iter().filter_map(|(target, slot)| Some((target.clone(), (*slot)?))).collect();
    let because = turn.because.clone();
    let span = spans::run(&id, &system.id).entered();
    let begun = Event::RunStarted { run: id.clone(), system: system.id.clone(), slots, because };
    let started = school.record(begun).inspect_err(|why| spans::failed(&span, why))?;
    let longest = Duration::from_secs(system.timeout.longest().as_secs().unsigned_abs());
    let mut met = BTreeMap::new();
    let mut run = within(longest, stop, |limit| {
        // A ledger that is known to lack something must not pass for the newest word about itself.
        let anchor = if is_unheld(&entries) { String::new() } else { started.head.to_string() };
        let last_size = history.last_size(&system.id);
        let last_size = last_size.map(|bytes| Size { bytes, counts: history.last_counts(&system.id) });
        let last_size = last_size.as_ref();
        let ask = Ask { system, key: &key, snapshot, anchor, watch, limit, last_size, shown: None };
        copies(school, &ask, reached, &mut met)
    });
    run.warned.extend(swapped);
    run.run = Some(id);
    let (answers, told) = answered::judged(school, system, &run.answers, &last_answers(&entries, &system.id));
    run.noticed.answers = answers;
    run.warned.extend(told);
    let empty = emptied(&entries, &system.id, Some(&run.noticed.paths));
    let paths = system.source.paths().into_iter().filter(|path| {
        let known = known_by(path);
        empty.iter().any(|one| one.path == known)
    });
    run.gaps.extend(paths.map(|path| Gap {
        kind: GapKind::Empty,
        path: path.clone(),
        why: format!(
            "it is empty, and in earlier copies it was not: check that it is mounted. If it is meant, take it out of the \
             plan, or say so: `dr ack {}/suspicious`",
            system.id
        ),
    }));
    run.outcome = outcome(&run);
    finish(school, &run).inspect_err(|why| spans::failed(&span, why))?;
    spans::run_ended(&span, &run);
    let is_whole = run.outcome == RunOutcome::Done && run.gaps.is_empty();
    match crate::left_out::settle(school, &system.id, &met, is_whole) {
        Ok(told) => run.warned.extend(told),
        Err(why) => run.warned.push(why.to_string()),
    }
    Ok(run)
}

/// Writes down which runs began and are dead: each says that it began, not that it ended, and nobody holds its lock.
/// What they had registered is used by the next run, and their slots stay due.
///
/// # Errors
/// If the ledger cannot be read or written, or a lock cannot be looked at.
pub fn note_killed(school: &School) -> Result<Vec<RunId>, RunError> {
    let suspects: BTreeSet<_> = school.history()?.unfinished().iter().map(|run| run.system.clone()).collect();
    let mut killed = Vec::new();
    for system in suspects {
        if let Some(_lock) = lock(school, &system)? {
            killed.extend(note_killed_of(school, &system)?);
        }
    }
    Ok(killed)
}

/// The same for one system, whose lock the caller holds. The ledger is read after the lock was taken: a run that ended
/// in between is not dead.
fn note_killed_of(school: &School, system: &SystemId) -> Result<Vec<RunId>, RunError> {
    let history = school.history()?;
    let dead: Vec<_> =
        history.unfinished().iter().filter(|run| run.system == *system).map(|run| run.run.clone()).collect();
    for run in &dead {
        school.record(Event::RunKilled { run: run.clone(), system: system.clone() })?;
    }
    Ok(dead)
}

/// That a copy goes to a disk which is there in the place of the one that the ledger says is loaded.
fn in_place(register: &Register, school: &School, reach: &Availability) -> Option<String> {
    let Availability::Here(TargetLocation { target, medium: Some(there), .. }) = reach else { return None };
    let (pool, _) = school.plan.pool_of(target)?;
    let loaded = register.loaded(pool).filter(|loaded| loaded.id != *there)?;
    Some(format!(
        "{there} is plugged in where {} was to be, so it was written instead. Say where both are: `dr media eject {}`, \
         `dr media load {there}`",
        loaded.id, loaded.id
    ))
}

/// Whether there is nothing to try and nothing to write down: no way there, or a wait that was written down before.
fn is_nothing_new(
    history: &History,
    system: &System,
    target: &TargetId,
    slot: Option<Timestamp>,
    reach: &Availability,
) -> bool {
    match reach {
        Availability::CannotRun(_) => true,
        Availability::Awaited { .. } => slot.is_some() && history.copy(&system.id, target).awaited_slot >= slot,
        Availability::Here(_) | Availability::Gone(_) => false,
    }
}

/// Everything between the two entries of the ledger.
fn copies(
    school: &School,
    ask: &Ask<'_>,
    reached: Vec<(&TargetId, Option<Timestamp>, Availability)>,
    met: &mut BTreeMap<String, Met>,
) -> Run {
    let mut run = Run::empty(ask.system);
    let tries = reached.iter().any(|(_, _, reach)| matches!(reach, Availability::Here(_)));
    let before = if tries { hooks::run(&ask.system.before, ask.limit.left()) } else { hooks::Ran::default() };
    run.told = before.told;
    let (mut seen, mut named) = (None, Told::default());
    for (target, slot, reach) in reached {
        let location = match reach {
            Availability::Here(location) => location,
            other => {
                let copy = Copy::not_made(target, slot, other);
                spans::not_made(&copy);
                run.copies.push(copy);
                continue;
            }
        };
        let (attempts, done) = match &before.failed {
            _ if ask.limit.stop().load(Ordering::Relaxed) || ask.limit.is_over() => (0, Err(copy::interrupted(ask))),
            Some(why) => (0, Err(NoCopy::Hook(why.clone()))),
            None => copy::copy(school, ask, &location),
        };
        if let (0, Err(why)) = (attempts, &done) {
            spans::not_tried(&location, why);
        }
        if attempts > 1 && done.is_ok() {
            run.told.push(format!("{} took two attempts: it did not answer as it should at first", location.named()));
        }
        let copy = Copy { attempts, ..Copy::tried(location, slot, &done) };
        run.told.extend(copy.lacks(&ask.system.id));
        run.copies.push(copy);
        match done {
            Ok(done) => {
                met.extend(done.met);
                run.bytes_read += done.summary.bytes_read;
                named.add(&done.summary);
                seen.get_or_insert((done.summary.entries, done.size, done.watched));
            }
            Err(NoCopy::NothingRead(unread)) => named.unreadable.extend(unread),
            Err(_) => {}
        }
    }
    if tries {
        // However long the copies took: what was stopped for them must go on.
        let after = hooks::run(&ask.system.after, Duration::MAX);
        run.told.extend(after.told);
        run.error = after.failed.map(|why| format!("after the copies were made, {why}"));
    }
    let (shape, paths) = capture::shape(&ask.system.source);
    run.naming = Naming::of_source(&ask.system.source, shape, &paths);
    named.tell(&mut run);
    if let Some((entries, size, watched)) = seen {
        (run.entries, run.size) = (entries, Some(size));
        run.told.extend(watched.notes());
        run.details = watched.details();
        run.told.extend(ours_inside(school, ask.system));
        run.gaps.extend(not_entered(&run.naming, &watched));
        let (mounts, changed) = (run.gaps.len() as u64, run.changed.len() as u64);
        run.noticed = Noticed { mounts, changed, ..watched.noticed() };
        run.answers = watched.answers();
    }
    run.outcome = outcome(&run);
    run
}

/// Mounts that hold something and are not in the copies.
fn not_entered(naming: &Naming, watched: &Watched) -> Vec<Gap> {
    let mounts = watched.mounts();
    if mounts.is_empty() {
        return Vec::new();
    }
    let known = Mounts::of_this_machine();
    let path = |entry: &EntryPath| PathBuf::from(OsString::from_vec(naming.on_the_machine(entry)));
    let holds = mounts.iter().map(path).filter(|path| !known.is_made_up(&resolved(path)));
    let why = "another file system is mounted there, and it is not in the copies. Leave it out with `exclude`, or write it \
               as a path or a system of its own";
    holds.map(|path| Gap { kind: GapKind::Mount, path, why: why.to_owned() }).collect()
}

/// Copies that lie inside the source though no pattern of the plan says so.
fn ours_inside(school: &School, system: &System) -> Vec<String> {
    let Some(Tree { paths, exclude, .. }) = system.source.tree() else { return Vec::new() };
    let patterns = Options { exclude: exclude.to_vec(), ..Options::default() };
    let inside =
        others::ours(school, system).into_iter().filter(|other| other.is_copy && other.is_inside && other.left_out);
    let unsaid = inside.filter(|other| !leaves_out(paths, &patterns, &other.place).unwrap_or(false));
    let said = |other: Other| {
        format!("{} lie inside it ({}) and were left out: say so with `exclude`", other.what, other.place.display())
    };
    unsaid.map(said).collect()
}

/// What is to be said of the source after all copies: each of them captured it again.
#[derive(Default)]
struct Told {
    unreadable: Vec<Unread>,
    partial: Vec<Unread>,
    changed: Vec<EntryPath>,
}

impl Told {
    fn add(&mut self, summary: &BackupReport) {
        self.unreadable.extend(summary.unreadable.iter().cloned());
        self.partial.extend(summary.partial.iter().cloned());
        self.changed.extend(summary.unsettled.iter().cloned());
    }

    /// Each once.
    fn tell(mut self, run: &mut Run) {
        for named in [&mut self.unreadable, &mut self.partial] {
            named.sort_by(|a, b| a.path.cmp(&b.path).then_with(|| a.why.cmp(&b.why)));
            named.dedup();
        }
        self.changed.sort();
        self.changed.dedup();
        (run.unreadable, run.partial, run.changed) = (self.unreadable, self.partial, self.changed);
    }
}

/// How many entries these are of.
fn paths(unreadable: &[Unread], partial: &[Unread]) -> u64 {
    let paths: BTreeSet<_> = unreadable.iter().chain(partial).map(|one| &one.path).collect();
    paths.len() as u64
}

/// The worst of what happened.
fn outcome(run: &Run) -> RunOutcome {
    let any = |outcome| run.copies.iter().any(|copy| copy.outcome == outcome);
    if any(CopyOutcome::Failed) {
        RunOutcome::Failed
    } else if !any(CopyOutcome::Done) {
        RunOutcome::Skipped
    } else if run.unreadable.is_empty() && run.partial.is_empty() && run.gaps.is_empty() && run.error.is_none() {
        RunOutcome::Done
    } else {
        RunOutcome::Incomplete
    }
}

/// Writes down how it ended, then what was read back: a look counts for copies that are known by then.
fn finish(school: &School, run: &Run) -> Result<(), RunError> {
    let Some(id) = run.run.clone() else { return Ok(()) };
    let reference = |id: SnapshotId| SnapshotRef(id.to_string());
    let copies = run.copies.iter().map(|copy| RunCopy {
        target: copy.target.clone(),
        medium: copy.medium.clone(),
        outcome: copy.outcome,
        snapshot: copy.snapshot.map(reference),
        slot: copy.slot,
        bytes_stored: copy.bytes_stored,
        error: copy.noted.clone(),
    });
    school.record(Event::RunFinished {
        run: id,
        system: run.system.clone(),
        outcome: run.outcome,
        copies: copies.collect(),
        // The copies are at least as new as the first of them.
        capture_started: run.copies.iter().filter_map(|copy| copy.capture_started).min(),
        entries: run.entries,
        bytes_read: run.bytes_read,
        size: run.size,
        unreadable: paths(&run.unreadable, &run.partial),
        noticed: run.noticed.clone(),
    })?;
    for copy in run.copies.iter().filter(|copy| copy.proved.is_some() || copy.proof_failed) {
        school.record(Event::Verified {
            target: copy.target.clone(),
            medium: copy.medium.clone(),
            system: Some(run.system.clone()),
            snapshot: copy.snapshot.map(reference),
            what: CheckKind::ReadBack,
            ok: !copy.proof_failed,
        })?;
    }
    for copy in run.copies.iter().filter(|copy| copy.lacking > 0) {
        harmed(school, (&copy.target, copy.medium.as_ref()), &copy.touched)?;
    }
    Ok(())
}
