//! `dr erase`: what is to be in no snapshot of a system any more, on any copy.

use clap::Args;
use dr_entry::{EntryPath, Meta};
use dr_ledger::{ErasedCopy, ErasureState, Wanted};
use dr_repo::{Tally, Tree};
use dr_run::{
    Closed, EraseOptions, Erasure, Opened, School, Unwatched, Workplace, back_up_again, begin, not_erased,
    open_whatever_is_there, plan_erase, recall, seal_state, still_there, unnamed,
};
use serde_json::{Value, json};

use super::erased::{self, Asked, What};
use super::opened::{away, key_env, run_failure, school_unless};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::{observe, shown};

/// Take a file, a folder or a message out of every snapshot of a system, on every copy
///
/// On copies that can be reached it is done at once; for the others it waits in the state folder, and `--pending` lists
/// that. Every snapshot that holds some of it is rewritten without it, in the old one's place; the old one cannot be
/// put back. Held snapshots stay as they are, and are named. The bytes go as a prune deletes packs: in steps a day apart,
/// by `dr prune` or `--pending --do`, or at once with --now. The ledger keeps who asked for it, when and why, how much it
/// was and how it stands on each copy, and never what it was called. What still lies where it is backed up from is named at
/// once; later runs leave it out and say so, until it is gone from there or somebody says with --back-up-again that it may
/// be backed up. A host in write-only mode needs the recovery key: DR_KEY_FILE names its file.
#[derive(Args)]
pub struct Erase {
    /// A system of the plan, by its id or its title
    #[arg(value_name = "SYSTEM", required_unless_present_any = ["pending", "again"], conflicts_with_all = ["pending", "again"])]
    system: Option<String>,
    #[command(flatten)]
    what: What,
    /// Why: for the ledger, so without names of pupils or files
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
    /// What this erasure took out may be backed up again: its name, as `--pending` and the runs give it
    #[arg(long = "back-up-again", value_name = "ERASURE", conflicts_with_all = ["paths", "globs", "pending"])]
    again: Option<String>,
    /// List what still waits for something, and what later runs leave out
    #[arg(long, conflicts_with_all = ["paths", "globs", "because"])]
    pending: bool,
    /// Do what can be done of it now
    #[arg(long = "do", requires = "pending")]
    carry_out: bool,
    /// Its bytes are gone on return; a restore that is under way may lose what it still wants to read
    #[arg(long)]
    now: bool,
    /// Only say what would be erased
    #[arg(long)]
    dry_run: bool,
}

impl Erase {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let school = school_unless(self.dry_run || (self.pending && !self.carry_out), context)?;
        if let Some(id) = &self.again {
            return self.back_up_again(id, &school, context);
        }
        let Some(system) = &self.system else { return self.waiting(&school, context) };
        let failed = |e| run_failure(e, context);
        let (asked, system) = (self.what.asked()?, school.system(system).map_err(failed)?.id.clone());
        let Some(by) = school.actor.by.clone() else {
            return Err(Failure::usage("an erasure is somebody's: say who decides it with --by PERSON"));
        };
        let because = self.because.as_deref().map(str::trim).unwrap_or_default();
        if !self.dry_run && because.is_empty() {
            return Err(Failure::usage("an erasure has a reason, which the ledger keeps: say it with --because TEXT"));
        }
        if !self.dry_run && !context.global.yes {
            return Err(Failure::usage(
                "what is erased cannot be had back from any copy: say --yes if that is meant, or look first with --dry-run",
            ));
        }
        let key = school.reading_key(&key_env()).map_err(failed)?;
        let (mut opened, closed) = open_whatever_is_there(&school, &key, !self.dry_run).map_err(failed)?;
        let mut erasure = if self.dry_run {
            Erasure {
                id: String::new(),
                system,
                paths: self.what.paths.clone(),
                globs: self.what.globs.clone(),
                because: because.to_owned(),
                by,
                asked: school.clock.decided(),
                copies: Vec::new(),
            }
        } else {
            begin(&school, &system, (&self.what.paths, &self.what.globs), because, &by).map_err(failed)?
        };
        self.tell_still_there(&school, &erasure, context);
        let outcome = self.on_all(&school, &mut erasure, &asked, &mut opened, context)?;
        let alone = opened.is_empty();
        drop(opened);
        self.outlive(&school, context);
        Ok(outcome.and(self.end(&erasure, closed, alone, context)))
    }

    /// Says if it still lies where it is backed up from: now somebody is there who can remove it.
    fn tell_still_there(&self, school: &School, erasure: &Erasure, context: &Context<'_>) {
        let screen = context.screen;
        let what = match still_there(school, erasure) {
            Ok(Some((0, _))) => return,
            Ok(Some((count, names))) => {
                let names: Vec<_> = names.iter().map(|name| shown::name(name.as_bytes()).to_string()).collect();
                let more = count - names.len() as u64;
                let more = if more == 0 { String::new() } else { format!(" and {more} more") };
                format!("it still lies where it is backed up from: {}{more}", names.join(", "))
            }
            Ok(None) => "look whether it still lies where it is backed up from".to_owned(),
            Err(why) => format!("whether it still lies where it is backed up from is not known: {why}"),
        };
        screen.warning(&format!("{what}. Remove it there; until then every run leaves it out, and says so"));
    }

    /// Somebody says that what was erased may be backed up again.
    fn back_up_again(&self, id: &str, school: &School, context: &Context<'_>) -> Result<Outcome, Failure> {
        if school.actor.by.is_none() {
            return Err(Failure::usage("that is somebody's decision: say whose with --by PERSON"));
        }
        let because = self.because.as_deref().map(str::trim).unwrap_or_default();
        if because.is_empty() {
            return Err(Failure::usage("it has a reason, which the ledger keeps: say it with --because TEXT"));
        }
        let left = back_up_again(school, id, because).map_err(|e| run_failure(e, context))?;
        context.screen.event(&json!({ "event": "back-up-again", "erasure": left.id, "system": left.system }));
        context.screen.mention(&format!("the next run of {} backs it up again, if it is there", left.system));
        Ok(Outcome::done())
    }

    /// Leaves what waits on the copies, sealed, so that it outlives this host. That this fails stops nothing: the next run
    /// tries it again.
    fn outlive(&self, school: &School, context: &Context<'_>) {
        if self.dry_run || context.signals.stopped() {
            return;
        }
        let sealed = seal_state(school, &Unwatched::default(), context.signals.stop());
        let why = match &sealed {
            Ok(all) => all.iter().find_map(|one| one.error.clone()),
            Err(why) => Some(why.to_string()),
        };
        if let Some(why) = why {
            context.screen.warning(&format!(
                "what was asked for is not sealed into every copy yet, and is known on this host alone: {why}. The next \
                 run tries again"
            ));
        }
    }

    /// Lists what waits, or does what can be done of it now.
    fn waiting(&self, school: &School, context: &Context<'_>) -> Result<Outcome, Failure> {
        let failed = |e| run_failure(e, context);
        if !self.carry_out {
            let all = school.waiting_erasures().map_err(failed)?;
            let unnamed = unnamed(school, &school.entries().map_err(failed)?).map_err(failed)?;
            let documents = all.iter().map(|one| json!(one)).chain(unnamed.iter().map(nameless));
            context.screen.document(&documents.collect::<Vec<_>>());
            all.iter().for_each(|erasure| list(erasure, school, context));
            unnamed.iter().for_each(|wanted| list_nameless(wanted, school, context));
            if all.is_empty() && unnamed.is_empty() {
                context.screen.mention("nothing waits to be erased");
            }
            for left in school.left_out().map_err(failed)? {
                let what: Vec<String> =
                    left.paths.iter().chain(&left.globs).map(|word| shown::name(word.as_bytes()).to_string()).collect();
                context.screen.say(&format!(
                    "left out of every run of {}, by {}: {}",
                    left.system,
                    left.id,
                    what.join(", ")
                ));
            }
            return Ok(Outcome::done().with(!unnamed.is_empty(), Cause::Missing));
        }
        let key = school.reading_key(&key_env()).map_err(failed)?;
        let (mut opened, closed) = open_whatever_is_there(school, &key, !self.dry_run).map_err(failed)?;
        let (mut outcome, alone) = (Outcome::done(), opened.is_empty());
        let recalled = match self.dry_run {
            true => 0,
            false => recall(school, &opened, context.signals.stop(), &Tally::default()).map_err(failed)?,
        };
        if recalled > 0 {
            let count = shown::count(recalled as u64, "erasure was", "erasures were");
            context.screen.mention(&format!("{count} taken up again from the sealed state"));
        }
        for lost in unnamed(school, &school.entries().map_err(failed)?).map_err(failed)? {
            list_nameless(&lost, school, context);
            outcome = outcome.with(true, Cause::Missing);
        }
        let all = school.waiting_erasures().map_err(failed)?;
        for mut erasure in all {
            let what = What { paths: erasure.paths.clone(), globs: erasure.globs.clone() };
            let asked = what.asked()?;
            outcome = outcome.and(self.on_all(school, &mut erasure, &asked, &mut opened, context)?);
            outcome = outcome.and(self.end(&erasure, Vec::new(), alone, context));
        }
        drop(opened);
        self.outlive(school, context);
        Ok(outcome.and(away(closed, alone, context)))
    }

    /// Does it on every copy that is open and not done with. One that fails costs no other.
    fn on_all(
        &self,
        school: &School,
        erasure: &mut Erasure,
        asked: &Asked,
        opened: &mut [Opened],
        context: &Context<'_>,
    ) -> Result<Outcome, Failure> {
        let (screen, zone, system) = (context.screen, school.plan.school.timezone.clone(), erasure.system.clone());
        let mut outcome = Outcome::done();
        for one in opened {
            let at = |copy: &&ErasedCopy| copy.target == one.location.target && copy.medium == one.location.medium;
            if erasure.copies.iter().find(at).is_some_and(|copy| copy.state == ErasureState::Gone) {
                continue;
            }
            let (named, tally) = (one.location.named(), Tally::default());
            let also = |tree: &Tree, path: &EntryPath, _: &Meta| asked.matches(tree, path);
            let how = EraseOptions {
                paths: &|tree| asked.entries(tree),
                also: asked.has_patterns().then_some(&also),
                asked: asked.bytes(),
                at_once: self.now,
                stop: context.signals.stop(),
                tally: &tally,
            };
            let done = observe::while_shown(screen, &tally, observe::pruning, || {
                let work = Workplace::new(school, &one.repository)?;
                let planned = plan_erase(school, &work, &system, one, &how);
                if planned.is_err() && !self.dry_run {
                    not_erased(school, erasure, &one.location)?;
                }
                let plan = planned?;
                for judged in plan.verdicts() {
                    erased::verdict(screen, judged, &zone, Some(&named));
                }
                if self.dry_run {
                    return Ok((plan.report().clone(), None));
                }
                let carried = plan.execute(school, erasure, one)?;
                Ok((carried.erased, carried.error))
            });
            match done {
                Ok((done, error)) => {
                    let left = if self.dry_run { None } else { one.repository.left_of_erased().ok() };
                    outcome = outcome.and(erased::end(screen, &done, left, &named, Some(&named), self.dry_run));
                    if let Some(error) = error {
                        screen.warning(&format!("{named}: it is in no snapshot any more, and its bytes stay: {error}"));
                        outcome = outcome.with(true, Cause::Missing);
                    }
                }
                Err(_) if context.signals.stopped() => {
                    return Err(run_failure(dr_run::RunError::Interrupted, context));
                }
                Err(error) => {
                    screen.warning(&format!("{named}: it was not erased, and waits: {error}"));
                    outcome = outcome.with(true, run_failure(error, context).cause);
                }
            }
        }
        Ok(outcome)
    }

    fn end(&self, erasure: &Erasure, closed: Vec<Closed>, alone: bool, context: &Context<'_>) -> Outcome {
        let screen = context.screen;
        screen.event(&json!({
            "event": "erasure", "erasure": erasure.id, "system": erasure.system, "by": erasure.by,
            "because": erasure.because, "copies": erasure.copies, "over": erasure.is_over(), "dry_run": self.dry_run,
        }));
        if !self.dry_run {
            let waits = erasure.copies.iter().filter(|copy| copy.state == ErasureState::Pending).count() as u64;
            if waits > 0 {
                screen.mention(&format!(
                    "it waits for {}: `dr erase --pending --do` once they are here",
                    shown::count(waits, "copy", "copies")
                ));
            }
        }
        away(closed, alone, context)
    }
}

/// One that waits and has no words here, for a script.
fn nameless(wanted: &Wanted) -> Value {
    json!({
        "id": wanted.erasure, "system": wanted.system, "because": wanted.reason, "by": wanted.by,
        "asked": wanted.asked, "copies": wanted.copies, "paths": null, "globs": null,
    })
}

/// The same for people.
fn list_nameless(wanted: &Wanted, school: &School, context: &Context<'_>) {
    let zone = &school.plan.school.timezone;
    context.screen.warning(&format!(
        "{}  {}  {}: an erasure waits, and this host does not know what it was to take out. With the recovery key \
         `dr erase --pending --do` looks for that in the sealed state on the copies; else whoever asked must ask again",
        shown::at(wanted.asked.as_millisecond(), zone),
        wanted.system,
        shown::name(wanted.reason.as_bytes()),
    ));
}

/// One erasure that waits, for people.
fn list(erasure: &Erasure, school: &School, context: &Context<'_>) {
    let zone = &school.plan.school.timezone;
    let at = |time: jiff::Timestamp| shown::at(time.as_millisecond(), zone);
    let what: Vec<String> =
        erasure.paths.iter().chain(&erasure.globs).map(|word| shown::name(word.as_bytes()).to_string()).collect();
    context.screen.say(&format!(
        "{}  {}  by {}  {}: {}",
        at(erasure.asked),
        erasure.system,
        erasure.by,
        shown::name(erasure.because.as_bytes()),
        what.join(", ")
    ));
    for copy in &erasure.copies {
        let named = copy
            .medium
            .as_ref()
            .map_or_else(|| copy.target.to_string(), |medium| format!("{} ({medium})", copy.target));
        let mut line = format!("    {named:<24} {}", copy.state);
        if let Some(until) = copy.until {
            line += &format!(", its bytes until {} at least", at(until));
        }
        if let Some(error) = &copy.error {
            line += &format!(": {error}");
        }
        context.screen.say(&line);
    }
}
