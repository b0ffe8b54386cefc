//! `dr restore --rehearse`: does it come back?

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use dr_ledger::{Authenticated, Digest, RehearsalVerdict};
use dr_plan::{Class, Level, SystemId};
use dr_repo::Tally;
use dr_report::{CheckDone, Evidence, Rehearsal as Document, Rehearsed, Sample, Wipe, evidence};
use dr_run::{Ask, Part, Rehearsal, School, level_word, rehearse, written};
use dr_runbook::Runbook;
use serde_json::{Value, json};

use super::opened::{runbook, surroundings, told};
use crate::args::World;
use crate::exit::{Cause, Failure, Outcome};
use crate::{observe, shown};

/// What is typed for a rehearsal.
#[derive(Args)]
pub struct Rehearse {
    /// Carry the restore out on scratch instead, look at what came back, time it, wipe it and write the evidence
    #[arg(long, conflicts_with_all = ["to", "in_place", "dry_run", "as_of", "paths", "no_owner", "snapshot", "approved_by"])]
    pub rehearse: bool,
    /// How deep: L1, everything is there; L2, everything comes back and is looked at. Default: the plan's
    #[arg(long, value_enum, ignore_case = true, requires = "rehearse")]
    level: Option<Depth>,
    /// An empty folder away from every source and target; default: one in the cache
    #[arg(long, value_name = "DIR", requires = "rehearse")]
    scratch: Option<PathBuf>,
    /// Only so many files of each system of files
    #[arg(long, value_name = "N", requires = "rehearse")]
    pick: Option<u64>,
    /// What picks them; default: the ledger's head
    #[arg(long, value_name = "S", requires = "rehearse")]
    seed: Option<String>,
    /// A folder for the evidence; default: `evidence` in the state
    #[arg(long, value_name = "DIR", requires = "rehearse")]
    evidence: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Depth {
    #[value(name = "L1")]
    L1,
    #[value(name = "L2")]
    L2,
}

impl Rehearse {
    pub fn run(
        &self,
        school: &School,
        names: &[String],
        target: Option<&str>,
        world: &World<'_>,
    ) -> Result<Outcome, Failure> {
        let systems = self.systems(school, names, world)?;
        let level = match self.level {
            Some(Depth::L1) => Level::L1,
            Some(Depth::L2) => Level::L2,
            None => school.plan.rehearsals.level,
        };
        let tally = Tally::default();
        let ask = Ask {
            systems: &systems,
            level,
            target,
            scratch: self.scratch.as_deref(),
            pick: self.pick,
            seed: self.seed.as_deref(),
            tally: &tally,
            stop: world.signals.stop(),
        };
        let done =
            observe::while_shown(world.screen, &tally, observe::restoring, || rehearse(school, &ask, &surroundings()));
        let done = done.map_err(|e| told(e, world))?;
        let number = school.history().map_err(|e| told(e, world))?.rehearsals().len() as u64 + 1;
        let document = self.document(school, &done, number)?;
        let verdict = document.verdict();
        let failed = |why: String| Failure::new(Cause::Failed, format!("the evidence could not be written: {why}"));
        let papers = evidence(&document).map_err(|why| failed(why.to_string()))?;
        let folder = self.evidence.clone().unwrap_or_else(|| school.places.evidence());
        let folder = std::path::absolute(&folder).map_err(|why| failed(why.to_string()))?;
        let path = write(&folder, number, &papers).map_err(|why| failed(format!("{}: {why}", folder.display())))?;
        written(school, &done, verdict, &path, papers.json.as_bytes()).map_err(|e| told(e, world))?;
        say(school, &done, &document, verdict, &path, world);
        Ok(Outcome::done().with(verdict == RehearsalVerdict::Failed, Cause::Failed).with(
            matches!(
                verdict,
                RehearsalVerdict::CouldNotVerify | RehearsalVerdict::Skipped | RehearsalVerdict::Simulated
            ),
            Cause::Unverified,
        ))
    }

    /// In the runbook's order, then by tier, then as the plan has them.
    fn systems(&self, school: &School, names: &[String], world: &World<'_>) -> Result<Vec<SystemId>, Failure> {
        let mut wanted = Vec::new();
        for name in names {
            wanted.push(school.system(name).map_err(|e| told(e, world))?);
        }
        if wanted.is_empty() {
            wanted = school.plan.systems.iter().collect();
        }
        let book = runbook(school, world);
        let ids: Vec<SystemId> = wanted.iter().map(|system| system.id.clone()).collect();
        let order = book.as_ref().map(|book| runbook_order(book, school, &ids, world)).unwrap_or_default();
        wanted.sort_by_key(|system| (order.iter().position(|id| *id == system.id).unwrap_or(usize::MAX), system.tier));
        wanted.dedup_by(|a, b| a.id == b.id);
        Ok(wanted.into_iter().map(|system| system.id.clone()).collect())
    }

    fn document(&self, school: &School, done: &Rehearsal, number: u64) -> Result<Document, Failure> {
        let text = |path: &Path| {
            let read = std::fs::read(path);
            read.map_err(|why| Failure::new(Cause::Failed, format!("{} cannot be read: {why}", path.display())))
        };
        let hash = |bytes: Vec<u8>| Digest::of(&bytes).to_string();
        let by = school.actor.by.as_ref().and_then(|by| school.plan.people.get(by));
        let authenticated = match (&school.actor.by, school.actor.authenticated) {
            (None, _) => "system",
            (_, Authenticated::Login) => "login",
            _ => "named, not authenticated",
        };
        let mode = match (self.pick, &self.seed) {
            (None, _) => "full",
            (Some(_), None) => "sample",
            (Some(_), Some(_)) => "picked by the assessor",
        };
        let runbook_text = school.plan.runbook.as_ref().and_then(|path| std::fs::read(path).ok());
        Ok(Document {
            number,
            school: school.plan.school.name.clone(),
            zone: school.plan.school.timezone.clone(),
            level: level_word(done.level).to_owned(),
            mode: mode.to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            plan_hash: hash(text(&school.places.plan)?),
            runbook_hash: runbook_text.map(hash),
            ran_by: by.map_or_else(|| "dr, on this host".to_owned(), |person| person.name.clone()),
            authenticated: authenticated.to_owned(),
            began: done.began,
            ended: done.ended,
            clock_moved: school.clock.is_moved(),
            systems: done.parts.iter().map(|part| rehearsed(school, done, part)).collect(),
            sample: done.sample.map(|(picked, of, wrong)| Sample { seed: done.seed.clone(), picked, of, wrong }),
            wipe: Wipe { done: done.wiped.done, how: done.wiped.how.clone() },
            not_tested: done.not_tested.clone(),
            ledger_head: done.head,
        })
    }
}

/// The systems as the runbook's steps bring them back. One whose names are not the plan's is a warning: the order is
/// the plan's then.
fn runbook_order(book: &Runbook, school: &School, systems: &[SystemId], world: &World<'_>) -> Vec<SystemId> {
    match dr_runbook::bind(book, &school.plan) {
        Ok(bound) => {
            dr_runbook::order(&bound, systems).into_iter().filter_map(|step| step.step.system.clone()).collect()
        }
        Err(problems) => {
            problems.iter().for_each(|problem| world.screen.warning(&problem.to_string()));
            Vec::new()
        }
    }
}

fn rehearsed(school: &School, done: &Rehearsal, part: &Part) -> Rehearsed {
    let system = school.plan.system(&part.id);
    let target = part.spot.as_ref().map(|spot| spot.target.clone());
    // A disk that is in the server is in the building, whatever its target is called.
    let class = target.as_ref().and_then(|target| school.plan.targets.get(target)).map(|target| match target.class {
        Class::Disk => "onsite".to_owned(),
        other => other.as_str().to_owned(),
    });
    let check = |check: &dr_run::Check| CheckDone {
        name: check.name.clone(),
        verdict: check.verdict,
        expected: check.expected.clone(),
        actual: check.actual.clone(),
    };
    Rehearsed {
        id: part.id.clone(),
        title: system.map_or_else(|| part.id.to_string(), |system| system.title.clone()),
        verdict: part.verdict,
        level: level_word(done.level).to_owned(),
        target,
        copy_class: class,
        medium: part.spot.as_ref().and_then(|spot| spot.medium.as_ref()).map(ToString::to_string),
        snapshot: part.snapshot.map(|id| id.to_string()),
        restore_seconds: part.restore_seconds,
        recovery_point: part.recovery_point,
        files: part.files,
        bytes: part.bytes,
        checks: part.checks.iter().map(check).collect(),
        because: part.because.clone(),
    }
}

/// Writes the three documents under a name that is not taken, and says where the JSON is.
fn write(folder: &Path, number: u64, papers: &Evidence) -> std::io::Result<PathBuf> {
    use std::io::Write as _;
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let new = |path: &Path, text: &str| {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    let mut number = number;
    loop {
        let name = |end: &str| folder.join(format!("rehearsal-{number:04}.{end}"));
        match new(&name("json"), &papers.json) {
            Ok(()) => {
                new(&name("html"), &papers.html)?;
                new(&name("txt"), &papers.text)?;
                return Ok(name("json"));
            }
            // Evidence is never written over.
            Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(why) => return Err(why),
        }
    }
}

fn say(
    school: &School,
    done: &Rehearsal,
    document: &Document,
    verdict: RehearsalVerdict,
    path: &Path,
    world: &World<'_>,
) {
    let screen = world.screen;
    let systems: Vec<Value> = document
        .systems
        .iter()
        .map(|part| {
            json!({
                "id": part.id, "verdict": part.verdict, "level": part.level, "restore_seconds": part.restore_seconds,
                "recovery_point": part.recovery_point.map(|at| at.to_string()), "files": part.files,
                "bytes": part.bytes, "checks": part.checks, "target": part.target, "medium": part.medium,
                "snapshot": part.snapshot, "because": part.because,
            })
        })
        .collect();
    screen.document(&json!({
        "verdict": verdict, "evidence": shown::path(path), "number": document.number, "level": document.level,
        "systems": systems, "not_tested": done.not_tested, "seed": done.seed,
        "sample": document.sample.as_ref().map(Sample::claim), "wiped": done.wiped.done,
    }));
    let zone = &school.plan.school.timezone;
    for part in &document.systems {
        let point = part
            .recovery_point
            .map_or("nothing".to_owned(), |at| at.to_zoned(zone.clone()).strftime("%a %-d %b %H:%M").to_string());
        screen.say(&format!(
            "{:<16} {:<16} {}, {} of {point} in {:.1} s{}",
            part.id.as_str(),
            part.verdict.as_str(),
            shown::count(part.files, "file", "files"),
            shown::size(part.bytes),
            part.restore_seconds,
            part.target.as_ref().map(|target| format!(" from {target}")).unwrap_or_default(),
        ));
        if let Some(why) = &part.because {
            screen.say(&format!("  {why}"));
        }
        for check in
            part.checks.iter().filter(|check| check.verdict != RehearsalVerdict::Verified || screen.is_verbose())
        {
            screen.say(&format!(
                "  {}: {}; expected {}, was {}",
                check.verdict, check.name, check.expected, check.actual
            ));
        }
    }
    if let Some(sample) = &document.sample {
        screen.say(&format!("sample: {}", sample.claim()));
    }
    if !done.wiped.done {
        screen.error(&format!("scratch was not wiped: {}", done.wiped.how));
    }
    for line in &done.not_tested {
        screen.mention(&format!("not tested: {line}"));
    }
    screen.say(&format!("rehearsal {}: {verdict}; evidence in {}", document.number, shown::path(path)));
}
