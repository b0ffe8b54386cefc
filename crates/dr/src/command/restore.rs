//! `dr restore`: a system comes back.

use std::path::PathBuf;

use clap::Args;
use dr_plan::PersonId;
use dr_repo::Tally;
use dr_run::{School, Wanted, Which, restore};
use serde_json::json;

use super::opened::{school_unless, surroundings, time, told};
use super::rehearse::Rehearse;
use crate::args::World;
use crate::exit::{Cause, Failure, Outcome};
use crate::{observe, shown};

/// Bring a system back
///
/// From the freshest copy that is whole, on-site first; what one copy has lost is taken from another that holds the
/// same snapshot. A host in write-only mode needs the recovery key: DR_KEY_FILE names its file.
#[derive(Args)]
pub struct Restore {
    /// A system of the plan; with --rehearse any number of them, none for all
    #[arg(value_name = "SYSTEM", required_unless_present = "rehearse")]
    systems: Vec<String>,
    /// Which snapshot: its id, the first 8 digits or more of it, or the newest
    #[arg(long, value_name = "ID|latest", default_value = "latest", conflicts_with = "as_of")]
    snapshot: String,
    /// The newest snapshot whose capture began by then
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// Only this and what is below it, as it was called on the source or in the backup; may be repeated
    #[arg(long = "path", value_name = "P")]
    paths: Vec<PathBuf>,
    /// From this target and no other
    #[arg(long, value_name = "T")]
    target: Option<String>,
    /// Into this folder, absent or empty
    #[arg(long, value_name = "DIR", required_unless_present_any = ["in_place", "rehearse"])]
    to: Option<PathBuf>,
    /// To where it came from: files there are replaced, others are left
    #[arg(long, conflicts_with = "to")]
    in_place: bool,
    /// Do not set owners: everything belongs to who restores
    #[arg(long)]
    no_owner: bool,
    /// Only say what would come back, and from where
    #[arg(long)]
    dry_run: bool,
    /// Who else agrees, for a system that the plan marks as sensitive
    #[arg(long, value_name = "PERSON")]
    approved_by: Option<String>,
    #[command(flatten)]
    rehearse: Rehearse,
}

impl Restore {
    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        let school = school_unless(self.dry_run && !self.rehearse.rehearse, world)?;
        if self.rehearse.rehearse {
            return self.rehearse.run(&school, &self.systems, self.target.as_deref(), world);
        }
        match self.systems.as_slice() {
            [one] => self.system_back(one, &school, world),
            _ => Err(Failure::usage("one system is restored at a time: name one")),
        }
    }

    fn which(&self, school: &School) -> Result<Which, Failure> {
        Ok(match &self.as_of {
            Some(text) => Which::AsOf(time(text, &school.plan.school.timezone)?),
            None if self.snapshot == "latest" => Which::Latest,
            None => Which::Id(self.snapshot.clone()),
        })
    }

    fn system_back(&self, system: &str, school: &School, world: &World<'_>) -> Result<Outcome, Failure> {
        let screen = world.screen;
        if self.in_place && !self.dry_run && !world.global.yes {
            return Err(Failure::usage(format!(
                "restoring {} in place replaces what is there now: say --yes if that is meant, or restore it with --to DIR",
                system
            )));
        }
        let approved_by = self.approved_by.as_ref().map(|person| PersonId::new(person.as_str())).transpose();
        let approved_by = approved_by.map_err(|why| Failure::usage(why.to_string()))?;
        let tally = Tally::default();
        let wanted = Wanted {
            system,
            which: self.which(school)?,
            target: self.target.as_deref(),
            paths: &self.paths,
            to: self.to.as_deref(),
            owners: !self.no_owner,
            dry_run: self.dry_run,
            approved_by: approved_by.as_ref(),
            tally: &tally,
            stop: world.signals.stop(),
        };
        let back =
            observe::while_shown(screen, &tally, observe::restoring, || restore(school, &wanted, &surroundings()));
        let back = back.map_err(|e| told(e, world))?;
        for note in &back.notes {
            screen.warning(note);
        }
        if back.uncertain {
            screen.warning("the newest log entry of a copy cannot be read: there may be a later snapshot than this");
        }
        for (path, why) in &back.restored.failed {
            screen.warning(&format!("not restored: {path}: {why}"));
        }
        if back.never_captured > 0 {
            screen.warning(&format!(
                "{} could not be read when this snapshot was made, so they are not in it",
                shown::count(back.never_captured, "entry", "entries")
            ));
        }
        screen.say(&format!(
            "{}{} from {}, snapshot {} of {}: {}, {} {} {}",
            if self.dry_run { "would restore " } else { "" },
            system,
            back.spot.named(),
            &back.snapshot.to_string()[..8],
            back.recovery_point.to_zoned(school.plan.school.timezone.clone()).strftime("%a %-d %b %Y %H:%M"),
            shown::count(back.restored.files, "file", "files"),
            shown::size(back.restored.bytes),
            if self.dry_run { "to" } else { "restored to" },
            shown::path(&back.to),
        ));
        if back.restored.kept > 0 {
            screen.say(&format!(
                "{} there had the same contents already",
                shown::count(back.restored.kept, "file", "files")
            ));
        }
        let replaces: Vec<String> = back.restored.replaces.iter().map(ToString::to_string).collect();
        if self.dry_run && self.in_place && !replaces.is_empty() {
            let count = shown::count(replaces.len() as u64, "file there has", "files there have");
            let more = if screen.is_verbose() { ":" } else { " (-v names them)" };
            screen.say(&format!("{count} other contents and would be replaced{more}"));
            if screen.is_verbose() {
                replaces.iter().for_each(|path| screen.say(&format!("  {path}")));
            }
        }
        screen.event(&json!({
            "event": "summary", "system": system, "replaces": replaces, "restored": back.restored.entries,
            "files": back.restored.files, "bytes": back.restored.bytes, "target": back.spot.target,
            "medium": back.spot.medium, "snapshot": back.snapshot.to_string(),
            "recovery_point": back.recovery_point.to_string(), "to": shown::path(&back.to),
            "never_captured": back.never_captured, "kept": back.restored.kept, "dry_run": self.dry_run, "notes": back.notes,
            "failed": back.restored.failed.iter().map(|(path, why)| shown::failed(path, why)).collect::<Vec<_>>(),
        }));
        let failed = &back.restored.failed;
        Ok(Outcome::done()
            .with(!failed.is_empty() && back.restored.entries == 0, Cause::Failed)
            .with(!failed.is_empty() || back.uncertain || back.never_captured > 0, Cause::Missing))
    }
}
