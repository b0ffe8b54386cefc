//! Does it come back? The systems in the runbook's order, brought back to scratch, looked at, timed and wiped.
//!
//! One copy of each is tried: the newest snapshot of the copy that a restore would take first, or of the target that
//! somebody chose. Nothing falls over to another copy here, because a damaged copy is what a rehearsal is to find.
//! What is picked follows from a seed that was fixed before: the assessor's, or the ledger's head.

use std::collections::{BTreeMap, BinaryHeap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dr_entry::{EntryPath, FilesOnly, Kind, Part as Aspect};
use dr_ledger::{Accepted, CheckKind, Digest, Entry, Event, Head, RehearsalVerdict, RehearsedSystem, SnapshotRef};
use dr_media::Register;
use dr_plan::{Level, System, SystemId, TargetId, show_source};
use dr_repo::{
    CheckOptions, CheckReport, NotWhole, ReadData, RepoError, RestoreOptions, RestoreReport, SnapshotId, Tally, check,
    plan_restore,
};
use dr_source::files::{FsRestorer, Owners, RestoreMode};
use dr_store::StoreError;
use jiff::Timestamp;
use rustix::fs::statvfs;

use crate::anchors::{Known, missing};
use crate::clock::Stopwatch;
use crate::error::RunError;
use crate::kept::{Closed, Kept, Opened, kept, open_all};
use crate::keys::KeyEnv;
use crate::location::TargetLocation;
use crate::probe::{self, Check};
use crate::school::School;
use crate::scratch::{Scratch, Wiped, empty};
use crate::started::{started, takes};
use crate::verify_destination::VerifyDestination;

/// How many restored files are read a second time and compared with the copy: if all are the same, fewer than one in a
/// hundred is wrong, with 95 % confidence.
const SAMPLE: usize = 299;

/// What is to be rehearsed.
pub struct Ask<'a> {
    /// The systems, in the order in which they are brought back.
    pub systems: &'a [SystemId],
    /// How deep.
    pub level: Level,
    /// From this target and no other.
    pub target: Option<&'a str>,
    /// Into this folder, empty or absent.
    pub scratch: Option<&'a Path>,
    /// So many files of each system of files only, instead of all.
    pub pick: Option<u64>,
    /// What picks; default: the ledger's head.
    pub seed: Option<&'a str>,
    /// Progress.
    pub tally: &'a Tally,
    /// Set from outside to end early.
    pub stop: &'a Arc<AtomicBool>,
}

/// What a rehearsal found.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    /// How deep it went.
    pub level: Level,
    /// Each system's part, in the order in which they were brought back.
    pub parts: Vec<Part>,
    /// What picked.
    pub seed: String,
    /// Of systems of files: how many were picked, of how many, and how many of the picked were wrong.
    pub sample: Option<(u64, u64, u64)>,
    /// The end of the scratch folder.
    pub wiped: Wiped,
    /// What was not tested, in whole sentences.
    pub not_tested: Vec<String>,
    /// The ledger's end before it began.
    pub head: Head,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
}

/// One system's part.
#[derive(Debug, Clone)]
pub struct Part {
    /// Which.
    pub id: SystemId,
    /// The worst of its checks.
    pub verdict: RehearsalVerdict,
    /// From where.
    pub location: Option<TargetLocation>,
    /// From which snapshot.
    pub snapshot: Option<SnapshotId>,
    /// From the beginning of the restore until the last probe.
    pub restore_seconds: f64,
    /// When the capture of what came back began.
    pub recovery_point: Option<Timestamp>,
    /// Files that came back.
    pub files: u64,
    /// Bytes that came back.
    pub bytes: u64,
    /// What was looked at.
    pub checks: Vec<Check>,
    /// Why it was skipped, or could not be judged.
    pub because: Option<String>,
    /// Whether a program of its own was started on what came back.
    pub started: bool,
    /// What this copy has lost, or gives back only damaged.
    pub damaged: Vec<EntryPath>,
    /// Entries that are back without something of theirs that scratch does not keep.
    not_set: u64,
    /// Files picked, of how many, and how many were wrong.
    sample: Option<(u64, u64, u64)>,
}

/// Carries it out. The scratch folder is wiped whatever happens.
///
/// # Errors
/// If it could not begin, or was interrupted. What did not come back is no error but a verdict.
pub fn rehearse(school: &School, ask: &Ask<'_>, around: &KeyEnv<'_>) -> Result<Rehearsal, RunError> {
    let key = school.reading_key(around)?;
    let head = school.ledger.head()?;
    let seed = ask.seed.map_or_else(|| head.hash.to_string()[..16].to_owned(), str::to_owned);
    let began = school.clock.decided();
    let (opened, closed) = open_all(school, &key, ask.target)?;
    let scratch = Scratch::new(school, ask.scratch)?;
    let stage = Stage { school, ask, opened: &opened, closed: &closed, seed: &seed };
    let mut checked = BTreeMap::new();
    let parts: Result<Vec<Part>, RunError> =
        ask.systems.iter().map(|id| stage.system(school.system(id.as_str())?, scratch.path(), &mut checked)).collect();
    let wiped = scratch.wipe();
    let parts = parts?;
    let sample = parts.iter().filter_map(|part| part.sample).reduce(|a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2));
    let not_tested = not_tested(school, ask, &parts)?;
    let ended = school.clock.decided();
    Ok(Rehearsal { level: ask.level, parts, seed, sample, wiped, not_tested, head, began, ended })
}

/// Writes down that it was done, with the hash of its evidence.
///
/// # Errors
/// What the ledger says.
pub fn written(
    school: &School,
    rehearsal: &Rehearsal,
    verdict: RehearsalVerdict,
    evidence: &Path,
    json: &[u8],
) -> Result<(), RunError> {
    // That the system comes back from elsewhere does not make this copy sound.
    for part in rehearsal.parts.iter().filter(|part| !part.damaged.is_empty()) {
        let (Some(location), Some(snapshot)) = (&part.location, part.snapshot) else { continue };
        school.record(Event::Verified {
            target: location.target.clone(),
            medium: location.medium.clone(),
            system: Some(part.id.clone()),
            snapshot: Some(SnapshotRef(snapshot.to_string())),
            what: CheckKind::ReadData,
            ok: false,
        })?;
    }
    let systems = rehearsal.parts.iter().map(|part| RehearsedSystem {
        system: part.id.clone(),
        verdict: part.verdict,
        seconds: part.restore_seconds,
        recovery_point: part.recovery_point,
        source_blake3: school.plan.system(&part.id).map(|system| Digest::of(show_source(system).as_bytes())),
    });
    let event = Event::Rehearsed {
        verdict,
        level: level_word(rehearsal.level).to_owned(),
        systems: systems.collect(),
        evidence: evidence.display().to_string(),
        evidence_blake3: Digest::of(json),
        picked: rehearsal.sample.map(|(picked, ..)| picked),
    };
    school.record(event).map(|_| ())
}

/// `L1`, `L2`, `L3`.
#[must_use]
pub fn level_word(level: Level) -> &'static str {
    Level::ALL.iter().find(|(_, other)| *other == level).map_or("", |(word, _)| word)
}

/// What every system's part shares.
struct Stage<'a> {
    school: &'a School,
    ask: &'a Ask<'a>,
    opened: &'a [Opened],
    closed: &'a [Closed],
    seed: &'a str,
}

impl Stage<'_> {
    fn system(
        &self,
        system: &System,
        scratch: &Path,
        checked: &mut BTreeMap<usize, Result<CheckReport, String>>,
    ) -> Result<Part, RunError> {
        let mut part = Part::of(&system.id);
        if !system.source.runs() {
            let kind = system.source.kind();
            return Ok(part.ends(RehearsalVerdict::Skipped, format!("this version of dr does not bring back `{kind}`")));
        }
        let Some(choice) = kept(self.opened, Some(&system.id)).into_iter().next() else {
            let away: Vec<_> = self.closed.iter().map(|closed| closed.target.as_str()).collect();
            return Ok(match self.opened.is_empty() {
                true => {
                    part.ends(RehearsalVerdict::CouldNotVerify, format!("no copy can be read now: {}", away.join(", ")))
                }
                false => {
                    let (verdict, why) = self.nothing_there(system)?;
                    part.ends(verdict, why)
                }
            });
        };
        let from = &self.opened[choice.copy];
        part.location = Some(from.location.clone());
        part.snapshot = Some(choice.id);
        part.recovery_point = Some(choice.started);
        let watch = Stopwatch::start();
        let done = match self.ask.level {
            Level::L1 => {
                let checked = checked.entry(choice.copy).or_insert_with(|| self.structure(from));
                listed(from, &choice, checked, &mut part);
                Ok(())
            }
            _ => {
                if let Some(why) = self.too_small(system, choice.label.bytes, scratch) {
                    return Ok(part.ends(RehearsalVerdict::CouldNotVerify, why));
                }
                self.bring(system, from, &choice, scratch, &mut part)
            }
        };
        part.restore_seconds = watch.elapsed().as_secs_f64();
        match done {
            Ok(()) => {}
            Err(RepoError::Interrupted) => return Err(RunError::Interrupted),
            Err(why) => {
                let damaged = matches!(why, RepoError::Damaged { .. } | RepoError::Newer { .. });
                let gone = matches!(why, RepoError::Store(StoreError::NotFound { .. } | StoreError::Short { .. }));
                let verdict = if damaged || gone { RehearsalVerdict::Failed } else { RehearsalVerdict::CouldNotVerify };
                return Ok(part.ends(verdict, why.to_string()));
            }
        }
        part.judge();
        Ok(part)
    }

    /// Whether scratch has no room for a system that is to be started, which is known before anything is brought back.
    fn too_small(&self, system: &System, captured: u64, scratch: &Path) -> Option<String> {
        if self.ask.level != Level::L3 {
            return None;
        }
        let takes = takes(&system.source, captured)?;
        let free = statvfs(scratch).ok().map(|about| about.f_bavail.saturating_mul(about.f_frsize))?;
        let mb = |bytes: u64| bytes.div_ceil(1_000_000);
        (free < takes).then(|| {
            format!(
                "scratch is too small to start it: {} MB are free, and {} MB are needed; name a folder with room, with --scratch",
                mb(free),
                mb(takes)
            )
        })
    }

    /// Why none of the copies that can be read holds anything of a system: the ledger says whether one should.
    fn nothing_there(&self, system: &System) -> Result<(RehearsalVerdict, String), RunError> {
        let entries = self.school.entries()?;
        let accepted = Accepted::of(&entries);
        let was_there = |one: &&Opened| {
            let known = Known::of(&one.location, &one.repository, &self.school.hostname);
            let lost = missing(&entries, &accepted, &known);
            lost.iter().any(|id| is_of(&entries, system, id))
        };
        if let Some(one) = self.opened.iter().find(was_there) {
            let named = one.location.named();
            let why = format!("the ledger says that {} was stored on {named}, and it is not there", system.title);
            return Ok((RehearsalVerdict::Failed, why));
        }
        let of_it = |one: &&Opened| system.copies.iter().any(|copy| copy.target == one.location.target);
        let there: Vec<_> = self.opened.iter().filter(of_it).map(named_here).collect();
        let why = match self.ask.target {
            Some(target) if there.is_empty() => format!("the plan keeps no copy of {} on {target}", system.title),
            _ if there.is_empty() => format!("no copy of {} can be read now", system.title),
            _ => format!("no copy of {} on {} yet", system.title, there.join(" or ")),
        };
        Ok((RehearsalVerdict::CouldNotVerify, why))
    }

    fn structure(&self, from: &Opened) -> Result<CheckReport, String> {
        let options = CheckOptions {
            read_data: ReadData::None,
            now_ms: 0,
            enough: None,
            stop: self.ask.stop,
            tally: self.ask.tally,
        };
        check(&from.repository, &options).map_err(|why| why.to_string())
    }

    /// L2: everything back, or the picked files, and looked at.
    fn bring(
        &self,
        system: &System,
        from: &Opened,
        choice: &Kept,
        scratch: &Path,
        part: &mut Part,
    ) -> Result<(), RepoError> {
        let root = scratch.join(system.id.as_str());
        let label = &choice.label;
        let picks = match self.ask.pick.filter(|_| system.source.may_be_sampled()) {
            Some(count) => Some(self.picked(from, choice.id, usize::try_from(count).unwrap_or(usize::MAX))?),
            None => None,
        };
        let paths = picks.clone().unwrap_or_default();
        let owners = std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
        let failed = |why: dr_source::SourceError| RepoError::Local {
            what: "scratch cannot be written to".into(),
            source: std::io::Error::other(why),
        };
        let empty_pick = picks.as_ref().is_some_and(Vec::is_empty);
        if !empty_pick {
            let owners = if owners { Owners::ByNumber } else { Owners::NotSet };
            let to = FsRestorer::new(&root, RestoreMode { in_place: None, owners }).map_err(failed)?;
            let options = self.options(&paths);
            let back = plan_restore(&from.repository, choice.id, &options)?.execute(&to)?;
            (part.files, part.bytes) = (back.files, back.bytes);
            part.checks.push(everything(&back));
            let of_the_copy = back.failed.iter().filter(|(_, why)| why.is_of_the_copy());
            part.damaged = of_the_copy.map(|(path, _)| path.clone()).collect();
            part.not_set = back.failed.iter().filter(|(_, why)| why.is_back()).count() as u64;
            let expected = probe::compare(&from.repository, choice.id, &paths, &root)?;
            let (files, bytes) = (expected.files, expected.bytes);
            // What scratch did not take is missing there, and may be in the copy.
            let by_scratch = back.lost().any(|(_, why)| matches!(why, NotWhole::Place(_)));
            let same = |name: &str, good: bool, expected: String, actual: String| match by_scratch && !good {
                true => Check::not_known(name, expected, actual),
                false => Check::new(name, good, expected, actual),
            };
            part.checks.push(same("files", files == back.files, files.to_string(), back.files.to_string()));
            part.checks.push(same("bytes", bytes == back.bytes, bytes.to_string(), back.bytes.to_string()));
            if picks.is_none() {
                let label = (label.files, label.entries);
                let tree = (files, expected.entries);
                let words = |(files, entries): (u64, u64)| format!("{files} files, {entries} entries");
                part.checks.push(Check::new("as many as were captured", label == tree, words(label), words(tree)));
            }
            let different = expected.different;
            let name = "names, kinds, sizes and times";
            // Not every file system keeps a time exactly.
            let coarse = |why: &NotWhole| matches!(why, NotWhole::NotSet(not_set) if not_set.parts().iter().any(|(part, _)| *part == Aspect::Time));
            let times = back.failed.iter().any(|(_, why)| coarse(why));
            let told = format!("{different} different");
            part.checks.push(match times && different > 0 {
                true => Check::not_known(name, "0 different", told),
                false => same(name, different == 0, "0 different".into(), told),
            });
            if by_scratch {
                part.because = Some("scratch did not take everything that came back".to_owned());
            } else {
                self.second_look(from, choice, picks.as_deref(), &root, part)?;
            }
        }
        part.checks.push(something(part.files, label.files, empty_pick));
        if label.unreadable > 0 {
            let missing = format!("{} entries were never captured", label.unreadable);
            part.checks.push(Check::not_known("nothing was left out at capture", "0 entries", missing));
        }
        part.checks.extend(probe::application(&system.source, &root));
        if self.ask.level == Level::L3 {
            let started = started(self.school, system, &root, scratch, self.ask.stop);
            if self.ask.stop.load(Ordering::Relaxed) {
                return Err(RepoError::Interrupted);
            }
            part.checks.extend(started.checks);
            part.started = started.program;
            part.because = part.because.take().or(started.because);
        }
        if let Some(picks) = picks {
            let wrong = part.checks.iter().filter(|check| check.verdict == RehearsalVerdict::Failed).count();
            part.sample = Some((picks.len() as u64, label.files, wrong as u64));
        }
        // Room for the next one, and nothing lies about longer than it must.
        let _ = empty(&root);
        Ok(())
    }

    /// Reads a sample of what was restored, and of the copy, a second time.
    fn second_look(
        &self,
        from: &Opened,
        choice: &Kept,
        picks: Option<&[EntryPath]>,
        root: &Path,
        part: &mut Part,
    ) -> Result<(), RepoError> {
        let sample = match picks {
            Some(picks) => picks.to_vec(),
            None => self.picked(from, choice.id, SAMPLE)?,
        };
        if sample.is_empty() {
            return Ok(());
        }
        let again = VerifyDestination::new(root).map_err(|why| RepoError::Local {
            what: "scratch cannot be read".into(),
            source: std::io::Error::other(why),
        })?;
        let compared = FilesOnly(|path: &EntryPath, size| again.file(path, size));
        let looked = plan_restore(&from.repository, choice.id, &self.options(&sample))?.execute(&compared)?;
        let wrong = looked.failed.len();
        let name = "a sample read again from disk and from the copy";
        let expected = format!("{} files the same", looked.files + wrong as u64);
        part.checks.push(Check::new(name, wrong == 0, expected, format!("{} files the same", again.same())));
        Ok(())
    }

    fn options<'p>(&'p self, paths: &'p [EntryPath]) -> RestoreOptions<'p> {
        RestoreOptions { paths, workers: self.school.workers, stop: self.ask.stop, tally: self.ask.tally }
    }

    /// The `count` files that the seed picks: those whose hash with it comes first, so that anybody can do it again.
    fn picked(&self, from: &Opened, id: SnapshotId, count: usize) -> Result<Vec<EntryPath>, RepoError> {
        let mut first: BinaryHeap<([u8; 32], EntryPath)> = BinaryHeap::new();
        from.repository.list(id, &[], &mut |entry| {
            // One name of a file with several would come back alone; it is its own file then.
            if entry.meta.kind == Kind::File && entry.meta.link.is_none() {
                let hash = Digest::of(&[self.seed.as_bytes(), b"\0", entry.path.as_bytes()].concat()).0;
                first.push((hash, entry.path));
                if first.len() > count {
                    first.pop();
                }
            }
            if self.ask.stop.load(Ordering::Relaxed) { Err(RepoError::Interrupted) } else { Ok(()) }
        })?;
        let mut picked: Vec<_> = first.into_iter().map(|(_, path)| path).collect();
        picked.sort();
        Ok(picked)
    }
}

/// A place as people speak of it: the disk, if it is one.
fn named_here(one: &Opened) -> String {
    one.location.medium.as_ref().map_or_else(|| one.location.target.to_string(), ToString::to_string)
}

/// Whether a snapshot is one that a run of this system stored.
fn is_of(entries: &[Entry], system: &System, id: &SnapshotRef) -> bool {
    entries.iter().any(|entry| match &entry.event {
        Event::RunFinished { system: of, copies, .. } if *of == system.id => {
            copies.iter().any(|copy| copy.snapshot.as_ref() == Some(id))
        }
        _ => false,
    })
}

/// Whether everything came back. What scratch did not take says nothing of the copy; what is there without an owner or an
/// attribute that scratch cannot keep is there.
fn everything(back: &RestoreReport) -> Check {
    let name = "everything comes back";
    let lost = back.lost().count();
    let of_scratch = back.lost().filter(|(_, why)| matches!(why, NotWhole::Place(_))).count();
    if lost > 0 && lost == of_scratch {
        return Check::not_known(name, "0 missing", format!("scratch did not take {lost}"));
    }
    Check::new(name, lost == 0, "0 missing", format!("{lost} missing"))
}

/// Something came back, if there was something: that what was empty comes back empty is no failure, and no proof.
fn something(files: u64, captured: u64, picked: bool) -> Check {
    let name = "there is something";
    match (files, captured) {
        (0, 0) => Check::not_known(name, "at least 1 file", "0 files, as when it was captured"),
        (0, _) if picked => Check::not_known(name, "at least 1 file", "0 files, because none was picked"),
        _ => Check::new(name, files > 0, "at least 1 file", format!("{files} files")),
    }
}

/// L1: the snapshot's own description opens, and everything that it stands for is there.
fn listed(from: &Opened, choice: &Kept, checked: &Result<CheckReport, String>, part: &mut Part) {
    let name = "what was captured is written down and opens";
    part.checks.push(match from.repository.describe(choice.id) {
        Ok(_) => Check::new(name, true, "opens", "opens"),
        Err(_) => Check::new(name, false, "opens", "does not open"),
    });
    part.files = choice.label.files;
    part.bytes = choice.label.bytes;
    part.checks.push(something(part.files, choice.label.files, false));
    let name = "everything that it stands for is there";
    part.checks.push(match checked {
        Ok(checked) => {
            // What costs only other snapshots is theirs to fail on.
            let ours = |finding: &&dr_repo::Finding| {
                finding.lost.is_empty() || finding.lost.iter().any(|(id, _)| *id == choice.id)
            };
            let bad = checked.findings.iter().filter(ours).count();
            Check::new(name, bad == 0, "0 objects missing or damaged", format!("{bad} objects missing or damaged"))
        }
        Err(why) => Check::not_known(name, "0 objects missing or damaged", why),
    });
}

/// What nobody may conclude from this rehearsal.
fn not_tested(school: &School, ask: &Ask<'_>, parts: &[Part]) -> Result<Vec<String>, RunError> {
    let mut out = Vec::new();
    let left: Vec<_> = school.plan.systems.iter().filter(|system| !ask.systems.contains(&system.id)).collect();
    if !left.is_empty() {
        let names: Vec<_> = left.iter().map(|system| system.title.as_str()).collect();
        out.push(format!("These systems were not part of it: {}.", names.join(", ")));
    }
    let tested = |target: &TargetId| {
        parts.iter().any(|part| part.location.as_ref().is_some_and(|location| location.target == *target))
    };
    let others: Vec<_> = school.plan.targets.keys().filter(|target| !tested(target)).map(|t| t.as_str()).collect();
    if !others.is_empty() {
        out.push(format!("The copies on these targets were not tried: {}.", others.join(", ")));
    }
    let register = Register::of(&school.entries()?);
    let away = register.media().values().filter(|medium| !medium.state.is_connected()).count();
    if away > 0 {
        out.push(format!("{away} disks that are not loaded were not tried."));
    }
    if ask.level == Level::L1 {
        out.push("No contents were read: L1 looks only whether everything is there.".into());
    }
    let not_set: u64 = parts.iter().map(|part| part.not_set).sum();
    if not_set > 0 {
        out.push(format!("Owners, modes, times or attributes of {not_set} entries could not be set on scratch."));
    }
    let running: Vec<_> = parts.iter().filter(|part| !part.started).map(|part| part.id.as_str()).collect();
    match (ask.level, running.len()) {
        (Level::L3, 0) => {}
        (Level::L3, some) if some < parts.len() => {
            out.push(format!("No application was started on the restored data of: {}.", running.join(", ")));
        }
        _ => out.push("No application was started on the restored data.".into()),
    }
    out.push("It ran on this host: that another machine can do it is not shown.".into());
    out.push("Nobody fetched a disk or put a key together, so the times are technical restore times only.".into());
    out.push("Whether the scratch folder lies on an encrypted disk was not looked at.".into());
    Ok(out)
}

impl Part {
    fn of(id: &SystemId) -> Self {
        Self {
            id: id.clone(),
            verdict: RehearsalVerdict::CouldNotVerify,
            location: None,
            snapshot: None,
            restore_seconds: 0.0,
            recovery_point: None,
            files: 0,
            bytes: 0,
            checks: Vec::new(),
            because: None,
            started: false,
            damaged: Vec::new(),
            not_set: 0,
            sample: None,
        }
    }

    fn ends(mut self, verdict: RehearsalVerdict, because: String) -> Self {
        (self.verdict, self.because) = (verdict, Some(because));
        self
    }

    /// The worst of the checks; nothing looked at is nothing known.
    fn judge(&mut self) {
        let any = |verdict| self.checks.iter().any(|check| check.verdict == verdict);
        self.verdict = if any(RehearsalVerdict::Failed) {
            RehearsalVerdict::Failed
        } else if self.checks.is_empty() || any(RehearsalVerdict::CouldNotVerify) {
            self.because = self.because.take().or_else(|| self.checks.iter().find_map(Check::empty_handed));
            RehearsalVerdict::CouldNotVerify
        } else {
            RehearsalVerdict::Verified
        };
    }
}
