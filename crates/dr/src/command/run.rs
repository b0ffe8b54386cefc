//! `dr run`: the systems' copies, now or when they are due.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use clap::Args;
use dr_entry::Unread;
use dr_ledger::{CopyOutcome, RehearsalVerdict, RunOutcome};
use dr_plan::SystemId;
use dr_repo::Tally;
use dr_run::anchors::hold;
use dr_run::{DueJob, Run as Done, RunError, School, TargetLocation, Watch, asked, run, seal_state, see};
use dr_scheduler::notify;
use serde_json::{Map, Value, json};

use super::due::{one_round, tell_seen, tell_swept, tell_words, with_ways};
use super::named::Systems;
use super::opened::{run_failure, runbook, school};
use crate::args::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::{observe, shown};

/// Make the systems' copies now
///
/// --due is what cron or a timer calls every few minutes: it makes the
/// copies whose turn it is, the most important first, writes the letter on its day, reminds, alerts, sends what waits,
/// rehearses and checks where this host has a key that reads, and tells the dead-man's switch that it is alive.
#[derive(Args)]
pub struct Run {
    #[command(flatten)]
    of: Systems,
    /// What is due by the schedule: copies, letters, reminders, alerts, proofs
    #[arg(long, conflicts_with_all = ["all", "systems"])]
    due: bool,
    /// Every system, which is what happens without a name too
    #[arg(long, conflicts_with = "systems")]
    all: bool,
}

/// Says on the screen which copy is under way.
pub struct Watching<'a> {
    context: &'a Context<'a>,
    tally: Tally,
    /// What copies wait for that was said already: a pool without a disk is one thing to say, however many systems wait.
    waited: Mutex<BTreeSet<String>>,
}

impl<'a> Watching<'a> {
    pub fn new(context: &'a Context<'a>) -> Self {
        Self { context, tally: Tally::default(), waited: Mutex::default() }
    }
}

/// Makes one turn's copies and shows how it goes.
pub fn conduct(
    school: &School,
    turn: &DueJob,
    watching: &Watching<'_>,
    context: &Context<'_>,
) -> Result<Done, RunError> {
    observe::while_shown(context.screen, &watching.tally, observe::backing_up, || {
        run(school, turn, watching, context.signals.stop())
    })
}

impl Watch for Watching<'_> {
    fn copying(&self, system: &SystemId, location: &TargetLocation) {
        for count in [&self.tally.entries, &self.tally.bytes_read, &self.tally.bytes_stored, &self.tally.objects] {
            count.store(0, Ordering::Relaxed);
        }
        if self.context.screen.is_verbose() {
            self.context.screen.note(&format!("{system} to {}", location.named()));
        }
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Run {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let (screen, school) = (context.screen, school(context)?);
        if self.due {
            let done = one_round(&school, context)?;
            let outcome = done.runs.iter().fold(Outcome::done(), |outcome, run| self.judged(outcome, run));
            let outcome = done.held.iter().fold(outcome, super::ledger::judged);
            return Ok(proofs(outcome, &done)
                .with(done.found_gone(), Cause::Failed)
                .with(done.ahead.is_some(), Cause::Unverified)
                .with(!done.troubles.is_empty(), Cause::Missing)
                .with(context.signals.stopped(), context.signals.cause()));
        }
        match dr_run::sweep_scratch(&school) {
            Ok(swept) => tell_swept(swept.found.len() - swept.stuck.len(), context),
            Err(why) => screen.warning(&why.to_string()),
        }
        let seen = see(&school).map_err(|e| run_failure(e, context))?;
        tell_seen(&seen, true, context);
        let turns = self.turns(&school, context)?;
        let watching = Watching::new(context);
        // Before any copy: each carries the ledger's end.
        let held = hold(&school).map_err(|e| run_failure(e, context))?;
        super::ledger::tell(&held, context);
        let (mut outcome, mut all, mut recorded) = (Outcome::done(), Vec::new(), false);
        for turn in &turns {
            if context.signals.stopped() {
                break;
            }
            let done = conduct(&school, turn, &watching, context);
            let done = done.map_err(|e| run_failure(e, context))?;
            outcome = self.judged(outcome, &done);
            recorded |= done.run.is_some();
            let shown = as_json(&done);
            screen.event(&with_event(&shown));
            all.push(shown);
            say(&watching, &done);
        }
        if seen.iter().any(|seen| seen.changed && seen.is_gone()) {
            outcome = outcome.with(true, Cause::Failed).with(!alarm(&school, context), Cause::Missing);
        }
        if recorded && !context.signals.stopped() {
            outcome = outcome.with(!outlives(&school, &watching, context)?, Cause::Missing);
        }
        screen.event(&json!({ "event": "summary", "runs": all, "misfits": held.misfits }));
        outcome = super::ledger::judged(outcome, &held);
        Ok(outcome.with(context.signals.stopped(), context.signals.cause()))
    }

    fn turns(&self, school: &School, context: &Context<'_>) -> Result<Vec<DueJob>, Failure> {
        let history = school.history().map_err(|e| run_failure(e, context))?;
        let now = school.clock.decided();
        let systems = self.of.of_the_plan(school, context)?;
        let systems: Vec<SystemId> = systems.iter().map(|system| system.id.clone()).collect();
        Ok(asked(&school.plan, &history, &systems, now))
    }

    /// What a run means for the exit code: whoever asks by name wants to know of what cannot be done; the timer was
    /// told by `plan check`.
    fn judged(&self, outcome: Outcome, run: &Done) -> Outcome {
        let any = |outcome: CopyOutcome| run.copies.iter().any(|copy| copy.outcome == outcome);
        let skipped = any(CopyOutcome::Skipped);
        let overdue = run.copies.iter().any(|copy| copy.overdue);
        outcome
            .with(run.outcome == RunOutcome::Failed || overdue, Cause::Failed)
            .with(run.outcome == RunOutcome::Incomplete, Cause::Missing)
            .with(skipped && !self.of.systems.is_empty(), Cause::Failed)
            .with(skipped && self.of.systems.is_empty() && !self.due, Cause::Missing)
    }
}

/// Tells the people of the plan at once what cannot wait for the next round; whether that could be done.
pub fn alarm(school: &School, context: &Context<'_>) -> bool {
    let book = runbook(school, context);
    match with_ways(school, context, |ways| notify(school, book.as_ref(), ways)) {
        Ok(said) => {
            tell_words(&said, context);
            true
        }
        Err(why) => {
            context.screen.warning(&format!("the people of the plan could not be told: {why}"));
            false
        }
    }
}

/// Leaves ledger, plan and runbook where they outlive this server; whether every target that is there has them.
fn outlives(school: &School, watching: &Watching<'_>, context: &Context<'_>) -> Result<bool, Failure> {
    let sealed = seal_state(school, watching, context.signals.stop()).map_err(|e| run_failure(e, context))?;
    for one in &sealed {
        if let Some(why) = &one.error {
            context.screen.warning(&format!("{}: the ledger's own copy was not made: {why}", one.target));
        }
    }
    Ok(sealed.iter().all(|one| one.error.is_none()))
}

/// A run for a script.
pub fn as_json(run: &Done) -> Value {
    let copies: Vec<_> = run
        .copies
        .iter()
        .map(|copy| {
            json!({
                "target": copy.target, "medium": copy.medium, "outcome": copy.outcome,
                "snapshot": copy.snapshot.map(|id| id.to_string()),
                "slot": copy.slot.map(|at| at.to_string()),
                "capture_started": copy.capture_started.map(|at| at.to_string()),
                "bytes_stored": copy.bytes_stored, "proved_chunks": copy.proved, "overdue": copy.overdue, "attempts": copy.attempts,
                "error": copy.error, "of_source": copy.of_source,
            })
        })
        .collect();
    let told: Vec<&String> = run.told.iter().chain(&run.warned).collect();
    json!({
        "system": run.system, "run": run.run, "outcome": run.outcome, "targets": copies, "error": run.error, "told": told,
        "entries": run.entries, "bytes_read": run.bytes_read,
    "excluded": run.noticed.excluded,
        "unreadable": several(run, &run.unreadable), "partial": several(run, &run.partial),
        "changed_while_read": run.changed.len(),
        "changed": run.changed.iter().map(|path| shown::text(&run.naming.on_the_machine(path))).collect::<Vec<_>>(),
        "gaps": run.gaps.iter().map(|gap| {
            let mut shown = named(gap.path.as_os_str().as_bytes(), &gap.why);
            shown["kind"] = gap.kind.as_str().into();
            shown
        }).collect::<Vec<_>>(),
    })
}

fn several(run: &Done, unread: &[Unread]) -> Vec<Value> {
    unread.iter().map(|unread| named(&run.naming.on_the_machine(&unread.path), &unread.why)).collect()
}

/// A path of the machine, and what is the matter with it.
fn named(path: &[u8], why: &str) -> Value {
    let mut object = Map::new();
    shown::put_name(&mut object, "path", path);
    object.insert("why".into(), why.into());
    Value::Object(object)
}

/// What rehearsals and looks at the copies mean for the exit code.
fn proofs(outcome: Outcome, done: &dr_scheduler::Done) -> Outcome {
    let verdict = done.proved.as_ref().map(|proved| proved.verdict);
    let unknown = matches!(
        verdict,
        Some(RehearsalVerdict::CouldNotVerify | RehearsalVerdict::Skipped | RehearsalVerdict::Simulated)
    );
    let sound = done.looked.as_ref().map(|looked| looked.sound);
    outcome
        .with(verdict == Some(RehearsalVerdict::Failed) || sound == Some(Some(false)), Cause::Failed)
        .with(unknown || sound == Some(None), Cause::Unverified)
}

fn with_event(shown: &Value) -> Value {
    let mut event = shown.clone();
    event["event"] = "run".into();
    event
}

/// A run for a person.
pub fn say(watching: &Watching<'_>, run: &Done) {
    let screen = watching.context.screen;
    let copies: Vec<_> = run
        .copies
        .iter()
        .map(|copy| match copy.outcome {
            CopyOutcome::Done if copy.single_writer => {
                format!("{} +{} (single-writer mode)", copy.target, shown::size(copy.bytes_stored))
            }
            CopyOutcome::Done => format!("{} +{}", copy.target, shown::size(copy.bytes_stored)),
            other => format!("{} {other}", copy.target),
        })
        .collect();
    // Where there was nothing to copy, no target failed.
    let failed = run.copies.iter().find(|copy| copy.of_source);
    let what = match failed {
        Some(_) if run.copies.iter().all(|copy| copy.of_source || copy.outcome != CopyOutcome::Done) => {
            "nothing was captured, so no target got a copy".to_owned()
        }
        _ => copies.join(", "),
    };
    let line = format!("{:<16} {:<11} {what}", run.system.as_str(), run.outcome.as_str());
    // Asked to say only what is wrong, as a timer asks, it says nothing of what went well.
    let awaited = run.copies.iter().all(|copy| matches!(copy.outcome, CopyOutcome::Done | CopyOutcome::Awaited));
    match run.outcome {
        RunOutcome::Done | RunOutcome::Skipped if awaited => screen.mention(&line),
        _ => screen.say(&line),
    }
    if let Some(why) = failed.and_then(|copy| copy.error.as_ref()) {
        screen.warning(&format!("{}: {why}", run.system));
    }
    for copy in
        run.copies.iter().filter(|copy| !copy.of_source || copy.error != failed.and_then(|one| one.error.clone()))
    {
        match (&copy.error, copy.outcome) {
            (Some(why), CopyOutcome::Awaited) => {
                let mut waited = watching.waited.lock().unwrap_or_else(PoisonError::into_inner);
                if waited.insert(format!("{} {why}", copy.target)) {
                    screen.mention(&format!("  {}: {}", copy.target, waiting(why)));
                }
            }
            (Some(why), _) => screen.warning(&format!("{}: {}: {why}", run.system, copy.target)),
            (None, _) => {}
        }
    }
    if let Some(why) = run.error.as_ref().filter(|why| !why.is_empty()) {
        screen.warning(&format!("{}: {why}", run.system));
    }
    run.warned.iter().for_each(|warned| screen.warning(&format!("{}: {warned}", run.system)));
    run.told.iter().for_each(|told| screen.note(&format!("{}: {told}", run.system)));
    let details = run.details.iter().filter(|_| screen.is_verbose());
    details.for_each(|detail| screen.note(&format!("{}: {detail}", run.system)));
    for unread in &run.unreadable {
        let path = shown::name(&run.naming.on_the_machine(&unread.path));
        screen.warning(&format!("{}: could not be read: {path}: {}", run.system, unread.why));
    }
    for one in &run.partial {
        let path = shown::name(&run.naming.on_the_machine(&one.path));
        screen.warning(&format!("{}: not wholly backed up: {path}: {}", run.system, one.why));
    }
    if !run.changed.is_empty() {
        let count = shown::count(run.changed.len() as u64, "file", "files");
        let hint = if screen.is_verbose() { "" } else { "; -v names them" };
        screen.note(&format!(
            "{}: {count} changed while read: what was kept may be half of one state and half of another{hint}",
            run.system
        ));
        if screen.is_verbose() {
            for path in &run.changed {
                let path = shown::name(&run.naming.on_the_machine(path));
                screen.note(&format!("{}: changed while it was read: {path}", run.system));
            }
        }
    }
    for gap in &run.gaps {
        screen.warning(&format!("{}: {}: {}", run.system, shown::path(&gap.path), gap.why));
    }
}

/// What a copy waits for, as a sentence.
fn waiting(why: &str) -> String {
    match why.contains("is registered yet") {
        true => format!("{why} (`dr media register`), so no copy was made there"),
        false => format!("waits for {why}"),
    }
}
