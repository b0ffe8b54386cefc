//! `dr repo repair`: what is damaged is mended as far as anything of it can be had.

use clap::Args;
use dr_repo::{RepairOptions, RepoError, Tally, plan_repair};
use dr_run::clock;

use crate::cache::Cache;
use crate::command::repaired;
use crate::context::Context;
use crate::exit::{Failure, Outcome};
use crate::failure_text::{self, Operation};
use crate::place::{self, Access, Place};
use crate::{env, observe};

/// Mend what is damaged
///
/// First says what is lost from which files. Then packs are healed from their parity, what describes them is made
/// again, snapshots whose log entry is lost are registered again, and lost chunks are fetched from the repositories
/// named with --from. Everything is read again at the end; what is left is named, with exit code 3. Nothing is deleted
/// before what replaces it was read back.
#[derive(Args)]
pub struct Repair {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
    /// Another repository of the same family, that may have what is lost here
    #[arg(long, value_name = "URL", value_parser = place::parse)]
    from: Vec<Place>,
    /// Only say what is lost
    #[arg(long)]
    dry_run: bool,
}

impl Repair {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let told = |e: RepoError| failure_text::repo(&e, Operation::Mending, &context.signals);
        let access = if self.dry_run { Access::Read } else { Access::Write };
        let mut repository = self.place.try_open(access, context)?.map_err(told)?;
        let others = self
            .from
            .iter()
            .map(|from| {
                from.store(Access::Read, context).map_err(RepoError::from).and_then(|store| repository.sibling(store))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(told)?;
        let (scratch, tally, screen) = (env::scratch_folder(), Tally::default(), context.screen);
        let clock = || clock::now().as_millisecond();
        let cache = Cache::of(repository.id(), screen);
        let options = RepairOptions {
            now_ms: clock(),
            others: &others,
            scratch: &scratch,
            journal: cache.journal(),
            clock: &clock,
            stop: context.signals.stop(),
            tally: &tally,
        };
        let done = observe::while_shown(screen, &tally, observe::checking, || {
            let plan = plan_repair(&mut repository, &options)?;
            plan.findings().iter().for_each(|finding| repaired::damaged(finding, None, screen));
            match self.dry_run {
                true => Ok(plan.report().clone()),
                false => plan.execute(&mut repository, &mut |mended| repaired::mended(mended, None, screen)),
            }
        })
        .map_err(told)?;
        Ok(repaired::end(&done, &self.place.shown(), None, self.dry_run, screen))
    }
}
