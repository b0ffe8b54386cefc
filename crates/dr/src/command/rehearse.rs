//! `dr restore --rehearse`: does it come back?

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use dr_entry::EntryPath;
use dr_ledger::RehearsalVerdict;
use dr_plan::{Level, SystemId};
use dr_repo::Tally;
use dr_report::{Rehearsal as Document, Sample};
use dr_run::{Ask, Rehearsal, School};
use dr_scheduler::{Proved, SAMPLE, due_rehearsal, order, prove};
use serde_json::{Value, json};

use super::due::failure;
use super::named::Systems;
use super::opened::{key_env, run_failure, runbook};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::{observe, shown};

/// So many damaged files are named, unless somebody wants to hear more.
const NAMED: usize = 10;

/// What is typed for a rehearsal.
#[derive(Args)]
pub struct Rehearse {
    /// Carry the restore out on scratch instead, look at what came back, time it, wipe it and write the evidence
    #[arg(long, conflicts_with_all = ["to", "in_place", "dry_run", "as_of", "paths", "no_owner", "snapshot", "approved_by"])]
    pub rehearse: bool,
    /// How deep: L1, everything is there; L2, everything comes back and is looked at; L3, it is started
    /// in a closed room, or opened, and asked. Default: the plan's
    #[arg(long, value_enum, ignore_case = true, requires = "rehearse")]
    level: Option<Depth>,
    /// Only if one is due by the plan: the system that waits for it, as deep as the plan says
    #[arg(long, requires = "rehearse", conflicts_with_all = ["level", "pick", "seed"])]
    due: bool,
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
    #[value(name = "L3")]
    L3,
}

impl Rehearse {
    pub fn run(
        &self,
        school: &School,
        names: &[String],
        target: Option<&str>,
        context: &Context<'_>,
    ) -> Result<Outcome, Failure> {
        let level = match self.level {
            Some(Depth::L1) => Level::L1,
            Some(Depth::L2) => Level::L2,
            Some(Depth::L3) => Level::L3,
            None => school.plan.rehearsals.level,
        };
        let (systems, pick) = match self.due {
            false => (self.systems(school, names, context)?, self.pick),
            true if !names.is_empty() => {
                return Err(Failure::usage("--due says by itself which system: name none".to_owned()));
            }
            true => {
                let history = school.history().map_err(|why| run_failure(why, context))?;
                let Some(due) = due_rehearsal(school, &history, level) else {
                    context.screen.document(&json!({ "due": null }));
                    context.screen.mention("no rehearsal is due");
                    return Ok(Outcome::done());
                };
                (vec![due.system], due.sample.then_some(SAMPLE))
            }
        };
        let tally = Tally::default();
        let ask = Ask {
            systems: &systems,
            level,
            target,
            scratch: self.scratch.as_deref(),
            pick,
            seed: self.seed.as_deref(),
            tally: &tally,
            stop: context.signals.stop(),
        };
        let mode = match (pick, &self.seed) {
            (None, _) => "full",
            (Some(_), None) => "sample",
            (Some(_), Some(_)) => "picked by the assessor",
        };
        let done = observe::while_shown(context.screen, &tally, observe::restoring, || {
            prove(school, &ask, mode, self.evidence.as_deref(), &key_env())
        });
        let Proved { done, document, verdict, path } = done.map_err(|why| failure(why, context))?;
        say(school, &done, &document, verdict, &path, context);
        Ok(Outcome::done().with(verdict == RehearsalVerdict::Failed, Cause::Failed).with(
            matches!(
                verdict,
                RehearsalVerdict::CouldNotVerify | RehearsalVerdict::Skipped | RehearsalVerdict::Simulated
            ),
            Cause::Unverified,
        ))
    }

    /// In the runbook's order, then by tier, then as the plan has them.
    fn systems(&self, school: &School, names: &[String], context: &Context<'_>) -> Result<Vec<SystemId>, Failure> {
        let wanted = Systems { systems: names.to_vec() }.of_the_plan(school, context)?;
        let wanted: Vec<SystemId> = wanted.iter().map(|system| system.id.clone()).collect();
        // A runbook whose names are not the plan's is a warning: the order is the plan's then.
        let (systems, problems) = order(&school.plan, runbook(school, context).as_ref(), &wanted);
        problems.iter().for_each(|problem| context.screen.warning(&problem.to_string()));
        Ok(systems)
    }
}

/// What of a system a copy has lost, and which copy. Names of a sensitive system are for two people, and not told here.
fn damaged<'a>(school: &School, done: &'a Rehearsal, id: &SystemId) -> (&'a [EntryPath], &'a str) {
    let part = done.parts.iter().find(|part| part.id == *id && !part.damaged.is_empty());
    let Some((part, location)) = part.and_then(|part| Some((part, part.location.as_ref()?))) else { return (&[], "") };
    let is_open = school.plan.system(id).is_some_and(|system| !system.sensitive);
    (if is_open { &part.damaged } else { &[] }, location.target.as_str())
}

fn say(
    school: &School,
    done: &Rehearsal,
    document: &Document,
    verdict: RehearsalVerdict,
    path: &Path,
    context: &Context<'_>,
) {
    let screen = context.screen;
    let systems: Vec<Value> = document
        .systems
        .iter()
        .map(|part| {
            json!({
                "id": part.id, "verdict": part.verdict, "level": part.level, "restore_seconds": part.restore_seconds,
                "recovery_point": part.recovery_point.map(|at| at.to_string()), "files": part.files,
                "bytes": part.bytes, "checks": part.checks, "target": part.target, "medium": part.medium,
                "snapshot": part.snapshot, "because": part.because,
                "damaged": damaged(school, done, &part.id).0.iter().map(|path| shown::failed(path, "damaged")).collect::<Vec<_>>(),
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
        let line = format!(
            "{:<16} {:<16} {}, {} of {point} in {:.1} s{}",
            part.id.as_str(),
            part.verdict.as_str(),
            shown::count(part.files, "file", "files"),
            shown::size(part.bytes),
            part.restore_seconds,
            part.target.as_ref().map(|target| format!(" from {target}")).unwrap_or_default(),
        );
        match part.verdict {
            RehearsalVerdict::Verified => screen.mention(&line),
            _ => screen.say(&line),
        }
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
        let (paths, target) = damaged(school, done, &part.id);
        let named = if screen.is_verbose() { paths.len() } else { NAMED.min(paths.len()) };
        for path in &paths[..named] {
            screen.say(&format!("  damaged on {target}: {}", shown::name(path.as_bytes())));
        }
        if named < paths.len() {
            screen.say(&format!("  and {} more (-v names them)", paths.len() - named));
        }
        if !target.is_empty() {
            screen.say(&format!("  `dr repair --target {target}` mends what it can from parity or from another copy"));
        }
        // Verified, as far as anybody but its own program can say.
        let unjudged = |check: &&dr_report::CheckDone| {
            check.verdict == RehearsalVerdict::Verified && check.actual.contains("could not be judged")
        };
        for check in part.checks.iter().filter(unjudged).filter(|_| !screen.is_verbose()) {
            screen.say(&format!("  {}: {}: {}", check.verdict, check.name, check.actual));
        }
    }
    if let Some(sample) = &document.sample {
        screen.mention(&format!("sample: {}", sample.claim()));
    }
    if !done.wiped.done {
        screen.error(&format!("scratch was not wiped: {}", done.wiped.how));
    }
    for line in &done.not_tested {
        screen.mention(&format!("not tested: {line}"));
    }
    let line = format!("rehearsal {}: {verdict}; evidence in {}", document.number, shown::path(path));
    match verdict {
        RehearsalVerdict::Verified => screen.mention(&line),
        _ => screen.say(&line),
    }
}
