//! `dr copy`: one target gets what another has.

use clap::Args;
use dr_repo::Tally;
use dr_run::replicate;

use super::moved::Told;
use super::named::Systems;
use super::opened::{key_env, run_failure, school};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::observe;

/// Copy missing snapshots to another target
///
/// Snapshots that it lacks are copied there, sealed as they are: nothing is captured, compressed or encrypted again. A
/// host in write-only mode needs the recovery key: DR_KEY_FILE names its file.
#[derive(Args)]
pub struct Copy {
    /// Where the snapshots are
    #[arg(long, value_name = "TARGET")]
    from: String,
    /// Where they are to be as well
    #[arg(long, value_name = "TARGET")]
    to: String,
    #[command(flatten)]
    of: Systems,
}

impl Copy {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        if self.from == self.to {
            return Err(Failure::usage(format!("source and target are both {}: name two targets", self.from)));
        }
        let school = school(context)?;
        let failed = |e| run_failure(e, context);
        let mut replicate = replicate(&school, (&self.from, &self.to), &self.of.systems, &key_env()).map_err(failed)?;
        let telling = Told::new(context.screen, &replicate.from.1);
        let tally = Tally::default();
        let copied = observe::while_shown(context.screen, &tally, observe::copying, || {
            replicate.copy(&school, context.signals.stop(), &tally, &mut |id, fate| telling.fate(id, fate))
        })
        .map_err(failed)?;
        let (from, waits) = (replicate.from.0.named(), !replicate.waiting.is_empty());
        for system in &replicate.waiting {
            context.screen.warning(&format!(
                "nothing of {system} was copied: something of it is to be erased on {from} first (`dr erase --pending`)"
            ));
        }
        let uncertain = replicate.from.1.latest_is_uncertain();
        if uncertain {
            context.screen.warning("a log entry cannot be read: there may be snapshots that were not copied");
        }
        Ok(telling.end(&copied, &replicate.to.1, false).with(uncertain || waits, Cause::Missing))
    }
}
