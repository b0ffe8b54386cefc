//! `dr repo prune`: the room of what nothing needs is given back.

use clap::Args;
use dr_repo::{Prune as Options, RepoError, Tally};
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
        let options = Options {
            dry: self.how.dry_run,
            unfinished: self.how.unfinished,
            journal: cache.journal(),
            ..Options::usual(clock(), self.how.now, &scratch, &clock, context.signals.stop(), &tally)
        };
        let done = observe::while_shown(screen, &tally, observe::pruning, || {
            dr_repo::prune(&mut repository, &options, &mut |verdict| pruned::verdict(screen, verdict, None))
        })
        .map_err(|e: RepoError| failure_text::repo(&e, Operation::Pruning, &context.signals))?;
        let place = self.place.shown();
        Ok(pruned::end(screen, &done, &place, (None, &format!("dr repo prune {place}")), self.how.dry_run))
    }
}
