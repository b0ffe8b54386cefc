//! `dr repo restore`: puts a snapshot back.

use std::path::PathBuf;

use clap::Args;
use dr_entry::{EntryPath, FilesOnly, Kind, Unread};
use dr_repo::{
    Description, NotWhole, RepoError, Repository, RestoreOptions, RestoreReport, SnapshotId, Tally, plan_restore,
};
use dr_run::SubtreeDestination;
use dr_source::files::{Conflict, FsRestorer, Owners, Removal, RestoreMode, Spare};
use serde_json::json;

use crate::command::look::paths;
use crate::command::put_back;
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::failure_text::{self, Operation};
use crate::place::{self, Access, Place};
use crate::{observe, shown};

/// Put a snapshot back
///
/// A snapshot of one directory makes DIR's contents that directory's contents; of several paths or a file, it comes
/// back as DIR/<absolute path>. What cannot be had is named, everything else is restored, and the exit code is 3.
#[derive(Args)]
pub struct Restore {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
    /// A snapshot's id, its first 8 digits or more, or the newest one
    #[arg(value_name = "ID|latest")]
    snapshot: String,
    /// Where to; absent or empty, unless --in-place
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Only this and what is below it, as `find` and `ls` print it; may be repeated
    #[arg(long = "path", value_name = "P", allow_hyphen_values = true)]
    paths: Vec<PathBuf>,
    /// Do not set owners: everything belongs to who restores
    #[arg(long)]
    no_owner: bool,
    /// Set owners by number, even where somebody here has the name that the owner had
    #[arg(long, conflicts_with = "no_owner")]
    numeric_owner: bool,
    /// Replace what is in DIR by what is in the snapshot, and leave the rest
    #[arg(long)]
    in_place: bool,
    /// And remove from DIR, or from each --path, what is not in the snapshot; what could not be read for it stays
    #[arg(long, requires = "in_place")]
    delete: bool,
    /// Let --delete leave what this matches, as it was left out of the backup; may be repeated
    #[arg(long, value_name = "GLOB", requires = "delete")]
    exclude: Vec<String>,
    /// Compare with what is in DIR, say what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Restore {
    /// Where it goes; none where nothing is there yet and nothing is to be made.
    fn destination(&self, mode: RestoreMode) -> Result<Option<FsRestorer>, Failure> {
        if self.dry_run && !self.to.exists() {
            return Ok(None);
        }
        let opened = if self.dry_run && self.in_place {
            FsRestorer::look(&self.to, mode)
        } else if self.dry_run {
            FsRestorer::empty(&self.to, mode)
        } else {
            FsRestorer::new(&self.to, mode)
        };
        opened.map(Some).map_err(|e| failure_text::source(&e, Operation::Restoring))
    }

    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let screen = context.screen;
        let repository = self.place.open(Access::Read, context)?;
        let told = |error: RepoError| failure_text::repo(&error, Operation::Reading, &context.signals);
        let snapshot = repository.find(&self.snapshot).map_err(told)?;
        let Description { label, unreadable: mut unread, .. } = repository.describe(snapshot.id).map_err(told)?;
        let tree = repository.tree(snapshot.id).map_err(told)?;
        let paths::Wanted { naming, there: wanted, missing, absent } = paths::asked(&self.paths, &repository, &tree)?;
        let absent: Vec<_> = absent.into_iter().map(|path| (path, NotWhole::NotThere)).collect();
        if wanted.is_empty() && !missing.is_empty() {
            screen.error(&format!("{}. Nothing was restored.", missing.join("; ")));
            screen.event(&json!({
                "event": "summary", "snapshot": snapshot.id.to_string(), "restored": 0, "files": 0, "bytes": 0,
                "not_there": missing, "failed": put_back::as_json(&absent),
            }));
            return Ok(Outcome::done().with(true, Cause::Failed));
        }
        missing.iter().for_each(|line| screen.warning(line));
        let uncertain = self.snapshot == "latest" && repository.latest_is_uncertain();
        if uncertain {
            screen.warning(&format!(
                "the newest log entry cannot be read, so there may be a later snapshot; restoring {}, the newest that is known",
                snapshot.id
            ));
        }
        let mode = RestoreMode {
            in_place: self.in_place.then_some(if self.delete { Conflict::Remove } else { Conflict::Keep }),
            owners: match (self.no_owner, self.numeric_owner) {
                (true, _) => Owners::NotSet,
                (_, true) => Owners::ByNumber,
                _ => Owners::ByName,
            },
        };
        // Known before anything is touched, so that nothing is removed on the word of a list with holes.
        let kept = if self.delete { Some(kept(&repository, snapshot.id, &wanted)) } else { None };
        let spare = Spare::new(&self.to, (&self.exclude, &[]), unread.iter().map(|(path, _)| path.clone()).collect())
            .map_err(|e| failure_text::source(&e, Operation::Restoring))?;
        let named_whole = label.unreadable <= unread.len() as u64;
        let destination = self.destination(mode)?;
        let destination =
            destination.map(|place| SubtreeDestination::new(Box::new(place), EntryPath::root(), self.asked(&wanted)));
        // A comparison asks of files only what stands there, and there is nothing.
        let nowhere = FilesOnly(|_: &EntryPath, _| Err(std::io::ErrorKind::Unsupported.into()));
        let tally = Tally::default();
        let options = RestoreOptions {
            paths: &wanted,
            workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            stop: context.signals.stop(),
            tally: &tally,
        };
        let mut restored = observe::while_shown(screen, &tally, observe::restoring, || {
            let plan = plan_restore(&repository, snapshot.id, &options)?;
            match &destination {
                Some(destination) if self.dry_run => plan.compare(destination),
                Some(destination) => plan.execute(destination),
                None => plan.compare(&nowhere),
            }
        })
        .map_err(|e| failure_text::repo(&e, Operation::Restoring, &context.signals))?;
        restored.failed.extend(absent);
        let place = destination.as_ref().map(dr_source::driver::Place::put_back);
        place.into_iter().flat_map(FsRestorer::strangers).for_each(|line| screen.warning(&line));
        let removal = match (kept, place) {
            (Some(_), _) if !named_whole => {
                screen.warning("nothing was removed: more could not be read than the snapshot has names of");
                Removal::default()
            }
            (Some(kept), Some(place)) => self.remove_others(kept, place, &wanted, &spare, &mut restored),
            _ => Removal::default(),
        };
        put_back::tell(&restored, &naming, screen);
        unread.retain(|(path, _)| wanted.is_empty() || wanted.iter().any(|wanted| path.is_within(wanted)));
        let whole = wanted.is_empty().then_some(label.unreadable);
        let not_in_it = whole.unwrap_or(0).max(unread.len() as u64);
        put_back::tell_not_in_it(not_in_it, &unread, &naming, screen);
        for Unread { path, why } in &removal.spared {
            screen.note(&format!("not removed: {}: {why}", put_back::name(&naming, path)));
        }
        let removed_names: Vec<_> = removal.names.iter().map(|path| put_back::name(&naming, path)).collect();
        if self.dry_run && screen.is_verbose() {
            restored
                .replaces
                .iter()
                .for_each(|path| screen.say(&format!("would replace {}", put_back::name(&naming, path))));
            removed_names.iter().for_each(|path| screen.say(&format!("would remove {path}")));
        }
        screen.event(&json!({
            "event": "summary",
            "replaces": restored.replaces.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "snapshot": snapshot.id.to_string(),
            "time": shown::rfc3339(label.started_ms),
            "restored": restored.entries,
            "files": restored.files,
            "bytes": restored.bytes,
            "kept": restored.kept,
            "bytes_fetched": repository.bytes_fetched(),
            "removed": removal.removed,
            "removed_names": removed_names,
            "spared": removal.spared.iter().map(|one| shown::failed(&one.path, &one.why)).collect::<Vec<_>>(),
            "dry_run": self.dry_run,
            "latest_is_uncertain": uncertain,
            "never_captured": not_in_it,
            "not_in_it": put_back::not_in_it_json(&unread),
            "not_there": missing,
            "owners_not_set": restored.owners_not_set(),
            "failed": put_back::as_json(&restored.failed),
        }));
        screen.mention(&self.last_line(&restored, removal.removed, &snapshot.id.to_string()[..8], label.started_ms));
        let some = uncertain || not_in_it > 0 || !missing.is_empty();
        Ok(put_back::outcome(&restored).with(some, Cause::Missing))
    }

    /// What is put back, where that is not everything: in place, what is above it stays as it is.
    fn asked(&self, wanted: &[EntryPath]) -> Vec<EntryPath> {
        if self.in_place && !wanted.iter().any(EntryPath::is_root) { wanted.to_vec() } else { Vec::new() }
    }

    fn remove_others(
        &self,
        kept: Result<Kept, RepoError>,
        place: &FsRestorer,
        wanted: &[EntryPath],
        spare: &Spare,
        restored: &mut RestoreReport,
    ) -> Removal {
        let mut all = Removal::default();
        let kept = match kept {
            Ok(kept) => kept,
            Err(why) => {
                let why = NotWhole::Copy(format!("nothing was removed: the snapshot's list is not whole: {why}"));
                restored.failed.push((EntryPath::root(), why));
                return all;
            }
        };
        for below in tops(wanted, &kept) {
            let kept = kept.iter().map(|(path, _)| path.clone());
            let removal = match self.dry_run {
                true => place.others(&below, kept, spare),
                false => place.remove_others(&below, kept, spare),
            };
            all.removed += removal.removed;
            all.names.extend(removal.names);
            all.spared.extend(removal.spared);
            let failed = removal.failed.into_iter().map(|unread| (unread.path, NotWhole::Place(unread.why)));
            restored.failed.extend(failed);
        }
        all
    }

    fn last_line(&self, restored: &RestoreReport, removed: u64, snapshot: &str, started_ms: i64) -> String {
        let mut line = format!(
            "{} snapshot {snapshot} of {} to {}: {}, {}",
            if self.dry_run { "would restore" } else { "restored" },
            shown::local(started_ms),
            shown::path(&self.to),
            shown::count(restored.entries, "entry", "entries"),
            shown::size(restored.bytes),
        );
        if restored.kept > 0 {
            line += &format!("; {} had the same contents already", shown::count(restored.kept, "file", "files"));
        }
        if removed > 0 {
            let done = if self.dry_run { "would be removed" } else { "removed" };
            line += &format!("; {} {done}", shown::count(removed, "name", "names"));
        }
        let lost = restored.lost().count() as u64;
        if lost > 0 {
            line += &format!("; {} not, as named above", shown::count(lost, "entry", "entries"));
        }
        line
    }
}

type Kept = Vec<(EntryPath, bool)>;

/// Everything that stays, in order, and whether it is a directory.
fn kept(repository: &Repository, id: SnapshotId, wanted: &[EntryPath]) -> Result<Kept, RepoError> {
    let mut kept = Vec::new();
    repository.list(id, wanted, &mut |listed| {
        kept.push((listed.path, listed.meta.kind == Kind::Directory));
        Ok(())
    })?;
    Ok(kept)
}

/// The directories below which others are removed. Beside a file that was asked for, everything stays.
fn tops(wanted: &[EntryPath], kept: &Kept) -> Vec<EntryPath> {
    if wanted.is_empty() {
        return vec![EntryPath::root()];
    }
    let is_directory =
        |path: &EntryPath| path.is_root() || kept.iter().any(|(kept, directory)| *directory && kept == path);
    wanted.iter().filter(|path| is_directory(path)).cloned().collect()
}
