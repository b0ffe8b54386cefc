//! `dr restore`: systems come back.

use std::path::{Path, PathBuf};

use clap::Args;
use dr_repo::Tally;
use dr_run::{Restoration, School, Wanted, approve, open_in, plan_restore};
use dr_source::driver;
use dr_source::files::Owners;
use serde_json::json;

use super::named::{ApprovedBy, FromTarget, Moment};
use super::opened::{key_env, run_failure, school_unless};
use super::put_back;
use super::rehearse::Rehearse;
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::{observe, shown};

/// Bring systems back
///
/// From the freshest copy that is whole, on-site first; what one copy has lost is taken from another that holds the
/// same snapshot. A host in write-only mode needs the recovery key: DR_KEY_FILE names its file.
///
/// `dr find NAME` says where something is and in which snapshots; what it prints can be given to --path.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Restore {
    /// Systems of the plan, by id or title; with --rehearse none for all
    #[arg(value_name = "SYSTEM")]
    systems: Vec<String>,
    #[command(flatten)]
    moment: Moment,
    /// Only this and what is below it, as `dr find` and `dr ls` print it; may be repeated
    #[arg(long = "path", value_name = "P", allow_hyphen_values = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    from: FromTarget,
    /// Into this folder, absent or empty; of several systems, each into a folder of its own there. A database also as a
    /// new one of a server: postgres://USER@HOST/NAME or mariadb://USER@HOST/NAME
    #[arg(long, value_name = "DIR|URL")]
    to: Option<PathBuf>,
    /// To where the plan has it: files there are replaced, others are left
    #[arg(long, conflicts_with = "to")]
    in_place: bool,
    /// The name of the database that lives, typed out: with --in-place a PostgreSQL one is set aside under another name, a
    /// MariaDB one is backed up once more first and then replaced
    #[arg(long, value_name = "NAME", requires = "in_place")]
    replace: Vec<String>,
    /// Load a database by this account of its server, whose password is in PGPASSWORD, for MariaDB in MYSQL_PWD
    #[arg(long, value_name = "ROLE")]
    account: Option<String>,
    /// And remove there what the snapshot does not have; what is left out of backups or could not be read stays
    #[arg(long, requires = "in_place")]
    delete: bool,
    /// Do not set owners: everything belongs to who restores
    #[arg(long)]
    no_owner: bool,
    /// Set owners by number, even where somebody here has the name that the owner had
    #[arg(long, conflicts_with = "no_owner")]
    numeric_owner: bool,
    /// Only say what would come back, and from where; in place also what would be replaced (-v names it)
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    approved_by: ApprovedBy,
    #[command(flatten)]
    rehearse: Rehearse,
}

const EXAMPLES: &str = "\
Examples:
  dr find '*letter*'                                          where is it, and in which snapshots
  dr restore admin --path 'year 1/letter.odt' --to found      one file, beside everything
  dr restore admin --path 'year 1' --in-place --yes           a folder, to where it was
  dr restore admin --as-of yesterday --to before              as it was at the end of yesterday
  dr restore mis admin email --to back                        several systems";

impl Restore {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let school = school_unless(self.dry_run && !self.rehearse.rehearse, context)?;
        if self.rehearse.rehearse {
            return self.rehearse.run(&school, &self.systems, self.from.target.as_deref(), context);
        }
        self.asked(&school)?;
        let mut systems: Vec<String> = Vec::new();
        for name in &self.systems {
            let id = school.system_or_state(name).map_err(|e| run_failure(e, context))?.id.to_string();
            if !systems.contains(&id) {
                systems.push(id);
            }
        }
        self.confirmed(&systems, &school, context)?;
        let [several @ .., last] = systems.as_slice() else { return Err(Failure::usage("name a system")) };
        if several.is_empty() {
            return self.system_back(last, self.to.as_deref(), &school, context);
        }
        if !self.paths.is_empty() || self.moment.is_an_id() {
            return Err(Failure::usage("--path and --snapshot are of one system: name one, or leave them out"));
        }
        self.all_back(&systems, &school, context)
    }

    /// Whether it is said what comes back, and where to.
    fn asked(&self, school: &School) -> Result<(), Failure> {
        let known = || school.plan.systems.iter().map(|system| system.id.to_string()).collect::<Vec<_>>().join(", ");
        if self.systems.is_empty() {
            return Err(Failure::usage(format!("which system is to come back? The plan has {}", known())));
        }
        if self.to.is_some() || self.in_place {
            return Ok(());
        }
        // Whoever comes from another program.
        let target = self.from.target.as_deref().filter(|target| school.target(target).is_err());
        let to = target.or_else(|| self.systems.iter().map(String::as_str).find(|word| word.starts_with(['/', '.'])));
        let first = self.systems.iter().find(|name| school.system_or_state(name).is_ok());
        Err(Failure::usage(format!(
            "where is it to be restored to? `dr restore {} --to {}` makes a new folder, --in-place puts it where the plan has \
             it{}",
            first.map_or_else(|| "SYSTEM".to_owned(), |name| shown::name(name.as_bytes()).to_string()),
            to.map_or_else(|| "DIR".to_owned(), |to| shown::name(to.as_bytes()).to_string()),
            if first.is_none() { format!("; SYSTEM is one of {}", known()) } else { String::new() },
        )))
    }

    /// Several systems, each whatever becomes of the others.
    fn all_back(&self, systems: &[String], school: &School, context: &Context<'_>) -> Result<Outcome, Failure> {
        let (mut outcome, mut back) = (Outcome::done(), 0);
        for system in systems {
            if self.to.as_deref().and_then(server).is_some() {
                return Err(Failure::usage("one database is loaded at a time: name one system"));
            }
            let to = self.to.as_ref().map(|to| to.join(system));
            match self.system_back(system, to.as_deref(), school, context) {
                Ok(one) => {
                    back += 1;
                    outcome = outcome.and(one);
                }
                Err(why) if context.signals.stopped() => return Err(why),
                Err(why) => {
                    context.screen.failure(&why);
                    outcome = outcome.with(true, why.cause);
                }
            }
        }
        context.screen.event(&json!({ "event": "summary", "systems": systems, "brought_back": back }));
        context.screen.say(&format!("{back} of {} systems brought back", systems.len()));
        Ok(outcome)
    }

    /// Says what a person should know before anything is replaced, and asks for a yes.
    fn confirmed(&self, systems: &[String], school: &School, context: &Context<'_>) -> Result<(), Failure> {
        if !self.in_place {
            return Ok(());
        }
        let mut about = Vec::new();
        for name in systems {
            let system = school.system_or_state(name).map_err(|e| run_failure(e, context))?;
            let driver = driver(&system.source).ok();
            let load = driver.as_ref().and_then(|driver| driver.loads());
            // Some files beside a database leave it alone.
            let load = load.filter(|load| self.paths.is_empty() || load.beside().is_none());
            if let Some((load, live)) = load.and_then(|load| load.live().ok().map(|live| (load, live)))
                && !self.dry_run
                && !self.replace.contains(&live)
            {
                return Err(Failure::usage(format!(
                    "where {name} is restored in place, the database `{live}` that lives {}: type its name if that is meant, \
                     --replace {live}; or load it beside the one that lives, with --to {}",
                    load.in_its_place(),
                    load.new_one(),
                )));
            }
            let files = driver.map(|driver| driver.must_be_closed()).unwrap_or_default();
            let open = open_in(&files);
            if let (Some(path), false) = (files.first(), open.is_empty()) {
                about.push(format!(
                    "{} is open in {}: stop that first, or it goes on with the old database, and what it writes is lost",
                    shown::path(path),
                    open.join(", "),
                ));
            }
            let plan = system.source.paths();
            let is_outside = |path: &&PathBuf| path.is_absolute() && !plan.iter().any(|plan| path.starts_with(plan));
            for path in self.paths.iter().filter(is_outside) {
                about.push(format!("{} is not below what the plan names for {name}", shown::path(path)));
            }
        }
        about.iter().for_each(|line| context.screen.warning(line));
        if self.dry_run || context.global.yes {
            return Ok(());
        }
        let removes = if self.delete { " and removes what the snapshot does not have" } else { "" };
        Err(Failure::usage(format!(
            "restoring {} in place replaces what is there now{removes}: say --yes if that is meant, look first with \
             --dry-run -v, or restore it with --to DIR",
            systems.join(", ")
        )))
    }

    fn system_back(
        &self,
        system: &str,
        to: Option<&Path>,
        school: &School,
        context: &Context<'_>,
    ) -> Result<Outcome, Failure> {
        let screen = context.screen;
        let approved_by = self.approved_by.person(&school.plan, context)?;
        let tally = Tally::default();
        let owners = match (self.no_owner, self.numeric_owner) {
            (true, _) => Owners::NotSet,
            (_, true) => Owners::ByNumber,
            _ => Owners::ByName,
        };
        let wanted = Wanted {
            system,
            which: self.moment.which(school)?,
            target: self.from.target.as_deref(),
            paths: &self.paths,
            to: to.filter(|to| server(to).is_none()),
            onto: to.and_then(server),
            account: self.account.as_deref(),
            owners,
            delete: self.delete,
            tally: &tally,
            stop: context.signals.stop(),
        };
        let back = observe::while_shown(screen, &tally, observe::restoring, || {
            if self.dry_run {
                return plan_restore(school, &wanted, &key_env())?.compare();
            }
            // Before anything of it is looked at.
            let approved = approve(school, system, approved_by.as_ref())?;
            plan_restore(school, &wanted, &key_env())?.execute(approved)
        });
        let back = back.map_err(|e| run_failure(e, context))?;
        self.tell(system, &back, school, context);
        let missing = back.uncertain
            || back.never_captured > 0
            || back.unrecorded.is_some()
            || !back.not_there.is_empty()
            || !back.left_out.is_empty();
        Ok(put_back::outcome(&back.restored).with(missing, Cause::Missing))
    }

    fn tell(&self, system: &str, back: &Restoration, school: &School, context: &Context<'_>) {
        let screen = context.screen;
        for note in back.notes.iter().chain(&back.not_there) {
            screen.warning(note);
        }
        if back.uncertain {
            screen.warning("the newest log entry of a copy cannot be read: there may be a later snapshot than this");
        }
        put_back::tell(&back.restored, &back.naming, screen);
        put_back::tell_not_in_it(back.never_captured, &back.not_in_it, &back.naming, screen);
        for path in &back.left_out {
            let path = shown::name(&back.naming.on_the_machine(path));
            screen.warning(&format!(
                "left out: {path} is not below what the plan names for {system} today; --path {path} brings it back"
            ));
        }
        for spared in &back.spared {
            let path = put_back::name(&back.naming, &spared.path);
            screen.note(&format!("not removed: {path}: {}", spared.why));
        }
        if let Some(why) = &back.unrecorded {
            screen.warning(&format!(
                "it could not be written down that this was restored: {why}. The data are where they belong; note it by \
                 hand, and see to the folder of the state"
            ));
        }
        if let Some(loaded) = &back.loaded {
            loaded.said.iter().for_each(|line| screen.say(line));
            screen.say(&format!(
                "loaded as the database {}: {} in {}, as many as when it was captured",
                shown::name(loaded.name.as_bytes()),
                shown::count(loaded.rows, "row", "rows"),
                shown::count(loaded.tables, "table", "tables"),
            ));
        }
        screen.say(&format!(
            "{}{} from {}, snapshot {} of {}: {}, {} {} {}",
            if self.dry_run { "would restore " } else { "" },
            system,
            back.location.named(),
            &back.snapshot.to_string()[..8],
            back.recovery_point.to_zoned(school.plan.school.timezone.clone()).strftime("%a %-d %b %Y %H:%M"),
            shown::count(back.restored.files, "file", "files"),
            shown::size(back.restored.bytes),
            if self.dry_run { "to" } else { "restored to" },
            shown::path(&back.to),
        ));
        if !back.next.is_empty() {
            screen.say("to load it into a server:");
            back.next.iter().for_each(|line| screen.say(&format!("  {line}")));
        }
        if back.restored.kept > 0 {
            screen.say(&format!(
                "{} there had the same contents already",
                shown::count(back.restored.kept, "file", "files")
            ));
        }
        let replaces: Vec<String> =
            back.restored.replaces.iter().map(|path| put_back::name(&back.naming, path)).collect();
        if self.dry_run && self.in_place {
            let counted = ("file there has other contents", "files there have other contents");
            named(&replaces, counted, "replaced", context);
        }
        let removed: Vec<String> = back.removed_names.iter().map(|path| shown::path(path)).collect();
        if self.dry_run {
            named(&removed, ("name is not in the snapshot", "names are not in the snapshot"), "removed", context);
        } else if back.removed > 0 {
            let count = shown::count(back.removed, "name", "names");
            screen.say(&format!("{count} removed that the snapshot does not have"));
        }
        screen.event(&json!({
            "event": "summary", "system": system, "replaces": replaces, "restored": back.restored.entries,
            "files": back.restored.files, "bytes": back.restored.bytes, "target": back.location.target,
            "medium": back.location.medium, "snapshot": back.snapshot.to_string(),
            "recovery_point": back.recovery_point.to_string(), "to": shown::path(&back.to),
            "never_captured": back.never_captured, "not_in_it": put_back::not_in_it_json(&back.not_in_it),
            "not_there": back.not_there, "next": back.next,
            "loaded": back.loaded.as_ref().map(|one| json!({ "name": one.name, "tables": one.tables, "rows": one.rows })), "kept": back.restored.kept, "dry_run": self.dry_run, "notes": back.notes,
            "removed": back.removed,
            "removed_names": removed,
            "spared": back.spared.iter().map(|one| shown::failed(&one.path, &one.why)).collect::<Vec<_>>(),
            "left_out": back.left_out.iter().map(|path| shown::name(&back.naming.on_the_machine(path))).collect::<Vec<_>>(),
            "recorded": back.unrecorded.is_none(), "owners_not_set": back.restored.owners_not_set(),
            "failed": put_back::as_json(&back.restored.failed),
        }));
    }
}

/// The address of a server, if it is one and no folder.
fn server(to: &Path) -> Option<&str> {
    to.to_str()
        .filter(|text| ["postgres:", "postgresql:", "mariadb:", "mysql:"].iter().any(|begin| text.starts_with(begin)))
}

/// So many names there would be replaced or removed, and with -v which.
fn named(names: &[String], (one, many): (&str, &str), done: &str, context: &Context<'_>) {
    let screen = context.screen;
    if names.is_empty() {
        return;
    }
    let more = if screen.is_verbose() { ":" } else { " (-v names them)" };
    screen.say(&format!("{} and would be {done}{more}", shown::count(names.len() as u64, one, many)));
    if screen.is_verbose() {
        names.iter().for_each(|path| screen.say(&format!("  {path}")));
    }
}
