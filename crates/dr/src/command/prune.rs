//! `dr prune`: the plan's targets give back the room of what nothing needs.

use clap::Args;
use dr_repo::Tally;
use dr_run::{PruneOptions, Workplace, open_all, open_to_write, plan_prune};

use super::named::OnTarget;
use super::opened::{away, key_env, run_failure, school_unless};
use super::pruned;
use crate::context::Context;
use crate::exit::{Failure, Outcome};
use crate::observe;

/// Delete data that no snapshot references, on every copy that can be reached now
///
/// Backups may go on meanwhile. What was forgotten in the last seven days keeps its data, so that it can be put back; a
/// pack then goes in three steps a day apart, each done by the next prune. A host in write-only mode needs the recovery
/// key, or one of `dr key export`: DR_KEY_FILE names its file.
#[derive(Args)]
pub struct Prune {
    #[command(flatten)]
    on: OnTarget,
    #[command(flatten)]
    how: pruned::How,
}

impl Prune {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let (school, screen) = (school_unless(self.how.dry_run, context)?, context.screen);
        let failed = |e| run_failure(e, context);
        let key = school.maintaining_key(&key_env()).map_err(failed)?;
        let open = if self.how.dry_run { open_all } else { open_to_write };
        let (mut opened, closed) = open(&school, &key, self.on.target.as_deref()).map_err(failed)?;
        let mut outcome = away(closed, opened.is_empty(), context);
        for one in &mut opened {
            let (named, tally) = (one.location.named(), Tally::default());
            let how = PruneOptions {
                at_once: self.how.now,
                clock_is_right: context.global.yes,
                unfinished: self.how.unfinished,
                stop: context.signals.stop(),
                tally: &tally,
            };
            if !self.how.dry_run {
                how.check_clock(&school).map_err(failed)?;
            }
            let work = Workplace::new(&school, &one.repository).map_err(failed)?;
            let done = observe::while_shown(screen, &tally, observe::pruning, || {
                let plan = plan_prune(&work, one, &how)?;
                plan.verdicts().iter().for_each(|verdict| pruned::verdict(screen, verdict, Some(&named)));
                if self.how.dry_run { Ok(plan.report().clone()) } else { plan.execute(&school, one) }
            })
            .map_err(failed)?;
            outcome = outcome.and(pruned::end(
                screen,
                &done,
                &named,
                (Some(&named), &format!("dr prune --target {}", one.location.target)),
                self.how.dry_run,
            ));
        }
        Ok(outcome)
    }
}
