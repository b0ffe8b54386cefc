//! `dr hold`: snapshots that must not be forgotten before a day.

use clap::Args;
use dr_repo::SnapshotId;
use dr_run::{hold, open_all, open_to_write};
use serde_json::json;

use super::named::{OnTarget, day};
use super::opened::{away, key_env, run_failure, school};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};

/// Keep snapshots from being forgotten before a day, whatever the plan says: for a request, a dispute, an incident
///
/// A later call for the same snapshot replaces the day. A host in write-only mode needs the recovery key, or one
/// of `dr key export`: DR_KEY_FILE names its file.
#[derive(Args)]
pub struct Hold {
    /// A snapshot's id, its first 8 digits or more, or a system by its id or its title: all of its snapshots
    #[arg(value_name = "ID|SYSTEM", required = true)]
    what: Vec<String>,
    /// The first day on which the plan decides again: 2027-08-31, tomorrow, friday
    #[arg(long, value_name = "DATE")]
    until: String,
    #[command(flatten)]
    on: OnTarget,
    /// Only say what would be held
    #[arg(long)]
    dry_run: bool,
}

impl Hold {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let (school, screen) = (school(context)?, context.screen);
        let failed = |e| run_failure(e, context);
        let day = day(&self.until, &school)?;
        let until = day.to_zoned(school.plan.school.timezone.clone());
        let until = until.map_err(|_| Failure::usage(format!("date out of range: {day}")))?.timestamp();
        let key = school.maintaining_key(&key_env()).map_err(failed)?;
        let open = if self.dry_run { open_all } else { open_to_write };
        let (mut opened, closed) = open(&school, &key, self.on.target.as_deref()).map_err(failed)?;
        let outcome = away(closed, opened.is_empty(), context);
        let mut held: Vec<(usize, SnapshotId)> = Vec::new();
        for what in &self.what {
            let before = held.len();
            let system = school.system_or_state(what).map(|system| system.id.to_string());
            let system = system.as_ref().map_or(what, |id| id);
            for (copy, one) in opened.iter().enumerate() {
                for snapshot in one.repository.snapshots() {
                    let is_named = what.len() >= 8 && snapshot.id.to_string().starts_with(what.as_str());
                    let is_of = snapshot.label.as_ref().is_some_and(|label| label.system == *system);
                    if (is_named || is_of) && !held.contains(&(copy, snapshot.id)) {
                        held.push((copy, snapshot.id));
                    }
                }
            }
            if held.len() == before {
                return Err(Failure::new(
                    Cause::Failed,
                    format!(
                        "no copy that can be reached now has a snapshot `{what}`, or one of a system of that name. Nothing \
                     was held."
                    ),
                ));
            }
        }
        if !self.dry_run {
            hold(&school, &mut opened, &held, until).map_err(failed)?;
        }
        for (copy, id) in &held {
            let (id, named) = (id.to_string(), opened[*copy].location.named());
            screen.event(&json!({
                "event": "verdict", "snapshot": id, "keep": true, "target": named,
                "because": format!("it is held until {day}"),
            }));
            screen.mention(&format!("hold    {}  {named}  until {day}", &id[..8]));
        }
        Ok(outcome)
    }
}
