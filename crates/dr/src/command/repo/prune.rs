//! `dr repo prune`: the room of what nothing needs is given back.

use clap::Args;
use dr_repo::{PruneOptions, RepoError, Tally, plan_prune};
use dr_run::clock;

use crate::cache::Cache;
use crate::command::pruned;
use crate::context::Context;
use crate::exit::{Failure, Outcome};
use crate::failure_text::{self, Operation};
use crate::place::{self, Access, Place};
use crate::{env, observe};

/// Delete data that no snapshot references
///
/// Backups may go on meanwhile. What was forgotten in the last seven days keeps its data, so that it can be put back; a
/// pack then goes in three steps a day apart, each done by the next prune. `--now` waits for none of this.
#[derive(Args)]
pub struct Prune {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
    #[command(flatten)]
    how: pruned::How,
}

impl Prune {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let access = if self.how.dry_run { Access::Read } else { Access::Write };
        let mut repository = self.place.open(access, context)?;
        let (scratch, tally, screen) = (env::scratch_folder(), Tally::default(), context.screen);
        let (clock, cache) = (|| clock::now().as_millisecond(), Cache::of(repository.id(), screen));
        let options = PruneOptions {
            unfinished: self.how.unfinished,
            journal: cache.journal(),
            ..PruneOptions::usual(clock(), self.how.now, &scratch, &clock, context.signals.stop(), &tally)
        };
        let done = observe::while_shown(screen, &tally, observe::pruning, || {
            let plan = plan_prune(&mut repository, &options)?;
            plan.verdicts().iter().for_each(|verdict| pruned::verdict(screen, verdict, None));
            if self.how.dry_run { Ok(plan.report().clone()) } else { plan.execute(&mut repository) }
        })
        .map_err(|e: RepoError| failure_text::repo(&e, Operation::Pruning, &context.signals))?;
        let place = self.place.shown();
        Ok(pruned::end(screen, &done, &place, (None, &format!("dr repo prune {place}")), self.how.dry_run))
    }
}
