//! `dr prune`: the plan's targets give back the room of what nothing needs.

use clap::Args;
use dr_repo::Tally;
use dr_run::{Pruning, open_all, open_to_write, prune};

use super::named::OnTarget;
use super::opened::{away, school_unless, surroundings, told};
use super::pruned;
use crate::exit::{Failure, Outcome};
use crate::observe;
use crate::world::World;

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
    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        let (school, screen) = (school_unless(self.how.dry_run, world)?, world.screen);
        let failed = |e| told(e, world);
        let key = school.maintaining_key(&surroundings()).map_err(failed)?;
        let open = if self.how.dry_run { open_all } else { open_to_write };
        let (mut opened, closed) = open(&school, &key, self.on.target.as_deref()).map_err(failed)?;
        let mut outcome = away(closed, opened.is_empty(), world);
        for one in &mut opened {
            let (named, tally) = (one.spot.named(), Tally::default());
            let how = Pruning {
                dry: self.how.dry_run,
                at_once: self.how.now,
                clock_is_right: world.global.yes,
                unfinished: self.how.unfinished,
                stop: world.signals.stop(),
                tally: &tally,
            };
            let done = observe::while_shown(screen, &tally, observe::pruning, || {
                prune(&school, one, &how, &mut |verdict| pruned::verdict(screen, verdict, Some(&named)))
            })
            .map_err(failed)?;
            outcome = outcome.and(pruned::end(
                screen,
                &done,
                &named,
                (Some(&named), &format!("dr prune --target {}", one.spot.target)),
                self.how.dry_run,
            ));
        }
        Ok(outcome)
    }
}
