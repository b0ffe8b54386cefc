//! `dr run`: the systems' copies, now or when they are due.

use clap::Args;
use dr_ledger::{CopyOutcome, RehearsalVerdict, RunOutcome};
use dr_plan::SystemId;
use dr_run::anchors::hold;
use dr_run::{DueJob, Run as Done, School, asked, seal_state, see};
use dr_scheduler::notify;
use serde_json::{Value, json};

use super::due::{one_round, tell_seen, tell_swept, tell_words, with_ways};
use super::named::Systems;
use super::opened::{run_failure, runbook, school};
pub use crate::command::watching::{Watching, as_json, conduct, say};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};

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
