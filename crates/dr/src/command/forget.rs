//! `dr forget`: what the plan no longer keeps goes off the list, with a reason for each.

use std::collections::BTreeSet;

use clap::Args;
use dr_run::{Opened, School, open_all, open_to_write, plan_forget, put_back};
use jiff::Timestamp;
use serde_json::json;

use super::named::{OnTarget, Systems};
use super::opened::{away, key_env, run_failure, school_unless};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::shown;

/// Take what the plan no longer keeps off the list, on every copy that can be reached now
///
/// Each system by its `retention` and `max-age` on each target. What is held, what the plan does not know, and all of a
/// system whose newest run was unlike the others stays. Nothing is deleted: that is for `dr prune`, and for a week
/// `--undo` puts a snapshot back. A host in write-only mode needs the recovery key, or one of `dr key
/// export`: DR_KEY_FILE names its file.
#[derive(Args)]
pub struct Forget {
    #[command(flatten)]
    of: Systems,
    #[command(flatten)]
    on: OnTarget,
    /// Put this snapshot back wherever it was forgotten: its id, or the first 8 digits or more
    #[arg(long, value_name = "ID", conflicts_with_all = ["systems", "dry_run"])]
    undo: Option<String>,
    /// Only say what would be forgotten
    #[arg(long)]
    dry_run: bool,
}

/// Says that ages are judged by an earlier time than the clock's.
fn tell_leap(school: &School, aged: Timestamp, context: &Context<'_>) {
    let (now, zone) = (school.clock.decided(), &school.plan.school.timezone);
    let shown = |at: Timestamp| shown::at(at.as_millisecond(), zone);
    context.screen.event(&json!({ "event": "clock-leapt", "from": aged.to_string(), "to": now.to_string() }));
    context.screen.warning(&format!(
        "the clock leapt from {} to {} with nothing noted in between, so it may be wrong: how old a snapshot is was judged \
         as of {}. If the clock is right, say --yes; after a week of rounds it is believed without that",
        shown(aged),
        shown(now),
        shown(aged),
    ));
}

impl Forget {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let (school, screen) = (school_unless(self.dry_run, context)?, context.screen);
        let failed = |e| run_failure(e, context);
        let is_id = |name: &str| name == "latest" || (name.len() >= 8 && name.bytes().all(|b| b.is_ascii_hexdigit()));
        if let Some(id) = self.of.systems.iter().find(|name| is_id(name) && school.system_or_state(name).is_err()) {
            return Err(Failure::usage(format!(
                "`{id}` names a snapshot, and `dr forget` goes by the plan, system by system. `dr repo forget URL ID` takes \
                 one snapshot off one copy's list"
            )));
        }
        let systems: BTreeSet<String> = self.of.ids(&school, context)?.iter().map(ToString::to_string).collect();
        let key = school.maintaining_key(&key_env()).map_err(failed)?;
        let open = if self.dry_run { open_all } else { open_to_write };
        let (mut opened, closed) = open(&school, &key, self.on.target.as_deref()).map_err(failed)?;
        let outcome = away(closed, opened.is_empty(), context);
        if let Some(name) = &self.undo {
            return self.back(name, &school, &mut opened, context).map(|done| outcome.and(done));
        }
        let (aged, leapt) = school.age_time().map_err(failed)?;
        let now = if context.global.yes { school.clock.decided() } else { aged };
        if leapt && !context.global.yes {
            tell_leap(&school, aged, context);
        }
        let plan = plan_forget(&school, &opened, &systems, now).map_err(failed)?;
        for verdict in plan.verdicts() {
            let (id, named) = (verdict.id.to_string(), opened[verdict.copy].location.named());
            screen.event(&json!({
                "event": "verdict", "snapshot": id, "keep": verdict.keep, "because": verdict.because, "target": named,
                "system": verdict.system, "time": verdict.started.and_then(|time| shown::rfc3339(time.as_millisecond())),
            }));
            let word = if verdict.keep { "keep" } else { "forget" };
            let at = verdict
                .started
                .map_or_else(String::new, |time| shown::at(time.as_millisecond(), &school.plan.school.timezone));
            let system = shown::name(verdict.system.as_bytes());
            screen.mention(&format!("{word:6}  {}  {at:16}  {system:<16} {named:<20} {}", &id[..8], verdict.because));
        }
        let kept = plan.verdicts().len() as u64 - plan.removes();
        let forgotten = match self.dry_run {
            true => plan.removes(),
            false => plan.execute(&school, &mut opened).map_err(failed)?,
        };
        screen.event(&json!({
            "event": "summary", "kept": kept, "forgotten": forgotten, "dry_run": self.dry_run,
        }));
        let would = if self.dry_run { "would be " } else { "" };
        screen.mention(&format!("{forgotten} {would}forgotten, {kept} kept"));
        Ok(outcome)
    }

    fn back(
        &self,
        name: &str,
        school: &School,
        opened: &mut [Opened],
        context: &Context<'_>,
    ) -> Result<Outcome, Failure> {
        let back = put_back(school, opened, name).map_err(|e| run_failure(e, context))?;
        if back.is_empty() {
            return Err(Failure::new(
                Cause::Failed,
                format!("no copy that can be reached now has forgotten a snapshot `{name}`. Nothing was changed."),
            ));
        }
        for (copy, id) in back {
            let named = opened[copy].location.named();
            context.screen.event(&json!({
                "event": "verdict", "snapshot": id.to_string(), "keep": true, "because": "it was put back",
                "target": named,
            }));
            context.screen.mention(&format!("back    {}  {named}", &id.to_string()[..8]));
        }
        Ok(Outcome::done())
    }
}
