//! `dr repair`: the plan's targets are mended.

use clap::Args;
use dr_repo::Tally;
use dr_run::{RepairOptions, Workplace, open_all, open_to_write, plan_repair};

use super::named::OnTarget;
use super::opened::{away, key_env, run_failure, school_unless};
use super::repaired;
use crate::context::Context;
use crate::exit::{Failure, Outcome};
use crate::observe;

/// Mend what is damaged on the copies that can be reached now, from parity or from another copy
///
/// First says what is lost from which files, then mends: packs from their parity, what is lost beyond that from the
/// other copies that can be reached. Everything is read again at the end; what is left is named, with exit code 3. A
/// host in write-only mode needs the recovery key: DR_KEY_FILE names its file.
#[derive(Args)]
pub struct Repair {
    #[command(flatten)]
    on: OnTarget,
    /// Only say what is lost
    #[arg(long)]
    dry_run: bool,
}

impl Repair {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let (school, screen) = (school_unless(self.dry_run, context)?, context.screen);
        let failed = |e| run_failure(e, context);
        let key = school.reading_key(&key_env()).map_err(failed)?;
        let open = if self.dry_run { open_all } else { open_to_write };
        let (mut opened, closed) = open(&school, &key, self.on.target.as_deref()).map_err(failed)?;
        let mut outcome = away(closed, opened.is_empty(), context);
        for one in &mut opened {
            let named = one.location.named();
            // Every other copy may have what this one lacks.
            let (others, _) = open_all(&school, &key, None).map_err(failed)?;
            let others = others.into_iter().filter(|other| other.repository.id() != one.repository.id());
            let others: Vec<_> = others.map(|other| other.repository).collect();
            let tally = Tally::default();
            let how = RepairOptions { others: &others, stop: context.signals.stop(), tally: &tally };
            let work = Workplace::new(&school, &one.repository).map_err(failed)?;
            let done = observe::while_shown(screen, &tally, observe::checking, || {
                let plan = plan_repair(&work, one, &how)?;
                plan.findings().iter().for_each(|finding| repaired::damaged(finding, Some(&named), screen));
                match self.dry_run {
                    true => plan.only_looked(&school, one),
                    false => plan.execute(&school, one, &mut |mended| repaired::mended(mended, Some(&named), screen)),
                }
            })
            .map_err(failed)?;
            outcome = outcome.and(repaired::end(&done, &named, Some(&named), self.dry_run, screen));
        }
        Ok(outcome)
    }
}
