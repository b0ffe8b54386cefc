//! `dr repo erase`: what is to be in no snapshot any more.

use clap::Args;
use dr_entry::{EntryPath, Meta};
use dr_repo::{EraseOptions, PruneOptions, RepoError, Tally, Tree, plan_erase, plan_prune};
use dr_run::clock;
use jiff::tz::TimeZone;

use crate::cache::Cache;
use crate::command::erased::{self, What};
use crate::context::Context;
use crate::exit::{Failure, Outcome};
use crate::failure_text::{self, Operation};
use crate::place::{self, Access, Place};
use crate::{env, observe};

/// Take a file, a folder or a message out of every snapshot
///
/// Every snapshot that holds some of it is rewritten without it and stands in the old one's place; the old one cannot
/// be put back. Held snapshots stay as they are, and are named. The bytes go as a prune deletes packs: in steps a day
/// apart, each done by the next prune, or at once with --now. Erase it where it lies first, or the next backup has it
/// again.
#[derive(Args)]
pub struct Erase {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
    #[command(flatten)]
    what: What,
    /// Only say what would be erased
    #[arg(long)]
    dry_run: bool,
    /// Its bytes are gone on return; a restore that is under way may lose what it still wants to read
    #[arg(long)]
    now: bool,
}

impl Erase {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let asked = self.what.asked()?;
        let access = if self.dry_run { Access::Read } else { Access::Write };
        let mut repository = self.place.open(access, context)?;
        let (scratch, tally, screen) = (env::scratch_folder(), Tally::default(), context.screen);
        let (clock, cache) = (|| clock::now().as_millisecond(), Cache::of(repository.id(), screen));
        let (zone, shown) = (TimeZone::system(), self.place.shown());
        let told = |error: RepoError| failure_text::repo(&error, Operation::Erasing, &context.signals);
        let also = |tree: &Tree, path: &EntryPath, _: &Meta| asked.matches(tree, path);
        let options = EraseOptions {
            now_ms: clock(),
            system: None,
            paths: &|tree| asked.entries(tree),
            also: asked.has_patterns().then_some(&also),
            asked: asked.bytes(),
            scratch: &scratch,
            journal: cache.journal(),
            clock: &clock,
            stop: context.signals.stop(),
            tally: &tally,
        };
        let done = observe::while_shown(screen, &tally, observe::pruning, || {
            let plan = plan_erase(&mut repository, &options)?;
            plan.verdicts().iter().for_each(|judged| erased::verdict(screen, judged, &zone, None));
            let erased = if self.dry_run { plan.report().clone() } else { plan.execute(&mut repository)? };
            if self.dry_run || repository.left_of_erased()?.0 == 0 {
                return Ok((erased, None));
            }
            // Nothing but what was erased goes before its time.
            let usual = PruneOptions::usual(clock(), false, &scratch, &clock, context.signals.stop(), &tally);
            let settle_ms = if self.now { 0 } else { usual.settle_ms };
            let prune = PruneOptions { journal: cache.journal(), settle_ms, ..usual };
            let planned = plan_prune(&mut repository, &prune);
            let pruned = planned.and_then(|plan| plan.execute(&mut repository));
            Ok((erased, Some(pruned)))
        });
        let (erased, pruned) = done.map_err(told)?;
        let left = if self.dry_run { None } else { Some(repository.left_of_erased().map_err(told)?) };
        let outcome = erased::end(screen, &erased, left, &shown, None, self.dry_run);
        match pruned {
            Some(Err(error)) => Err(failure_text::repo(&error, Operation::Pruning, &context.signals)),
            _ => Ok(outcome),
        }
    }
}
