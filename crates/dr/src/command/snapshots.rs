//! `dr snapshots`: what each copy of the school still holds.

use clap::Args;
use dr_run::{kept, open_all};
use serde_json::json;

use super::named::{OnTarget, Systems};
use super::opened::{away, key_env, question, run_failure};
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::shown;

/// List what is kept of systems, or of all, on every copy that can be reached now; newest first
#[derive(Args)]
pub struct Snapshots {
    #[command(flatten)]
    of: Systems,
    #[command(flatten)]
    on: OnTarget,
}

impl Snapshots {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let (screen, school) = (context.screen, question(context)?);
        let failed = |e| run_failure(e, context);
        let systems = self.of.ids(&school, context)?;
        let key = school.listing_key(&key_env()).map_err(failed)?;
        let (opened, closed) = open_all(&school, &key, self.on.target.as_deref()).map_err(failed)?;
        let mut all = kept(&opened, None);
        all.retain(|kept| systems.is_empty() || systems.iter().any(|id| id.as_str() == kept.label.system));
        let rows: Vec<_> = all
            .iter()
            .map(|kept| {
                let location = &opened[kept.copy].location;
                json!({
                    "id": kept.id.to_string(), "system": kept.label.system, "target": location.target, "medium": location.medium,
                    "time": kept.started.to_string(), "hostname": kept.label.hostname,
                    "paths": kept.label.paths.iter().map(|path| shown::text(path)).collect::<Vec<_>>(),
                    "tags": kept.label.tags,
                    "summary": { "entries": kept.label.entries, "files": kept.label.files, "bytes": kept.label.bytes,
                        "unreadable": kept.label.unreadable },
                })
            })
            .collect();
        screen.document(&rows);
        for kept in &all {
            let unread = if kept.label.unreadable > 0 {
                format!(", {} unreadable", kept.label.unreadable)
            } else {
                String::new()
            };
            screen.say(&format!(
                "{}  {}  {:<16} {:<20} {}, {}{unread}",
                &kept.id.to_string()[..8],
                kept.started.to_zoned(school.plan.school.timezone.clone()).strftime("%Y-%m-%d %H:%M"),
                shown::name(kept.label.system.as_bytes()),
                opened[kept.copy].location.named(),
                shown::count(kept.label.files, "file", "files"),
                shown::size(kept.label.bytes),
            ));
        }
        let outcome = away(closed, opened.is_empty(), context);
        let damaged = opened.iter().any(|one| one.repository.latest_is_uncertain());
        if damaged {
            screen.warning("a log entry cannot be read: there may be snapshots that this list does not know");
        }
        Ok(outcome.with(damaged, Cause::Missing))
    }
}
