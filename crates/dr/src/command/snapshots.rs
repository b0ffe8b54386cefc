//! `dr snapshots`: what each copy of the school still holds.

use clap::Args;
use dr_run::{kept, open_all};
use serde_json::json;

use super::named::{OnTarget, Systems};
use super::opened::{away, question, surroundings, told};
use crate::exit::{Cause, Failure, Outcome};
use crate::shown;
use crate::world::World;

/// List what is kept of systems, or of all, on every copy that can be reached now; newest first
#[derive(Args)]
pub struct Snapshots {
    #[command(flatten)]
    of: Systems,
    #[command(flatten)]
    on: OnTarget,
}

impl Snapshots {
    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        let (screen, school) = (world.screen, question(world)?);
        let failed = |e| told(e, world);
        let systems = self.of.ids(&school, world)?;
        let key = school.listing_key(&surroundings()).map_err(failed)?;
        let (opened, closed) = open_all(&school, &key, self.on.target.as_deref()).map_err(failed)?;
        let mut all = kept(&opened, None);
        all.retain(|kept| systems.is_empty() || systems.iter().any(|id| id.as_str() == kept.label.system));
        let rows: Vec<_> = all
            .iter()
            .map(|kept| {
                let spot = &opened[kept.copy].spot;
                json!({
                    "id": kept.id.to_string(), "system": kept.label.system, "target": spot.target, "medium": spot.medium,
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
                opened[kept.copy].spot.named(),
                shown::count(kept.label.files, "file", "files"),
                shown::size(kept.label.bytes),
            ));
        }
        let outcome = away(closed, opened.is_empty(), world);
        let damaged = opened.iter().any(|one| one.repository.latest_is_uncertain());
        if damaged {
            screen.warning("a log entry cannot be read: there may be snapshots that this list does not know");
        }
        Ok(outcome.with(damaged, Cause::Missing))
    }
}
