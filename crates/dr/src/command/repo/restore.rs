//! `dr repo restore`: puts a snapshot back.

use std::path::PathBuf;

use clap::Args;
use dr_entry::{EntryPath, FilesOnly, Kind};
use dr_repo::{Description, RepoError, Repository, Restore as Options, SnapshotId, Tally, restore};
use dr_source::files::{Extra, Manner, PutBack};
use serde_json::json;

use crate::args::World;
use crate::command::look::paths;
use crate::exit::{Cause, Failure, Outcome};
use crate::place::{self, Access, Place};
use crate::told::{self, Doing};
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
    /// Only this and what is below it, as it was called on the machine or in the snapshot; may be repeated
    #[arg(long = "path", value_name = "P")]
    paths: Vec<PathBuf>,
    /// Do not set owners: everything belongs to who restores
    #[arg(long)]
    no_owner: bool,
    /// Replace what is in DIR by what is in the snapshot, and leave the rest
    #[arg(long)]
    in_place: bool,
    /// And remove from DIR, or from each --path, what is not in the snapshot
    #[arg(long, requires = "in_place")]
    delete: bool,
    /// Compare with what is in DIR, say what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Restore {
    /// Where it goes; none where nothing is there yet and nothing is to be made.
    fn destination(&self, manner: Manner) -> Result<Option<PutBack>, Failure> {
        if self.dry_run && !self.to.exists() {
            return Ok(None);
        }
        let opened = if self.dry_run && self.in_place {
            PutBack::look(&self.to, manner)
        } else if self.dry_run {
            PutBack::empty(&self.to, manner)
        } else {
            PutBack::new(&self.to, manner)
        };
        opened.map(Some).map_err(|e| told::source(&e, Doing::Restoring))
    }

    pub fn run(&self, world: &World<'_>) -> Result<Outcome, Failure> {
        let screen = world.screen;
        let repository = self.place.open(Access::Read, world)?;
        let told = |error: RepoError| told::repo(&error, Doing::Reading, &world.signals);
        let snapshot = repository.find(&self.snapshot).map_err(told)?;
        let Description { label, shape, unreadable: unread } = repository.describe(snapshot.id).map_err(told)?;
        let wanted = paths::wanted(&self.paths, &label, shape)?;
        let uncertain = self.snapshot == "latest" && repository.latest_is_uncertain();
        if uncertain {
            screen.warning(&format!(
                "the newest log entry cannot be read, so there may be a later snapshot; restoring {}, the newest that is known",
                snapshot.id
            ));
        }
        let manner = Manner {
            in_place: self.in_place.then_some(if self.delete { Extra::Remove } else { Extra::Keep }),
            owners: !self.no_owner,
        };
        // Known before anything is touched, so that nothing is removed on the word of a list with holes.
        let kept = if self.delete { Some(kept(&repository, snapshot.id, &wanted)) } else { None };
        let mut absent = absent(&repository, snapshot.id, &wanted);
        let destination = self.destination(manner)?;
        // A dry restore asks of files only what stands there, and there is nothing.
        let nowhere = FilesOnly(|_: &EntryPath, _| Err(std::io::ErrorKind::Unsupported.into()));
        let tally = Tally::default();
        let options = Options {
            paths: &wanted,
            workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            dry: self.dry_run,
            stop: world.signals.stop(),
            tally: &tally,
        };
        let mut restored = observe::while_shown(screen, &tally, observe::restoring, || match &destination {
            Some(destination) => restore(&repository, snapshot.id, &options, destination),
            None => restore(&repository, snapshot.id, &options, &nowhere),
        })
        .map_err(|e| told::repo(&e, Doing::Restoring, &world.signals))?;
        absent.retain(|(path, _)| !restored.failed.iter().any(|(failed, _)| failed == path));
        restored.failed.append(&mut absent);
        let mut removed = 0;
        match kept {
            Some(Ok(kept)) => {
                for (below, destination) in tops(&wanted, &kept).into_iter().zip(destination.iter().cycle()) {
                    let kept = kept.iter().map(|(path, _)| path.clone());
                    let removal = match self.dry_run {
                        true => destination.others(&below, kept),
                        false => destination.remove_others(&below, kept),
                    };
                    removed += removal.removed;
                    restored.failed.extend(removal.failed.into_iter().map(|unread| (unread.path, unread.why)));
                }
            }
            Some(Err(why)) => {
                restored
                    .failed
                    .push((EntryPath::root(), format!("nothing was removed: the snapshot's list is not whole: {why}")));
            }
            None => {}
        }
        for (path, why) in &restored.failed {
            let name = if path.is_root() { ".".to_owned() } else { path.to_string() };
            screen.warning(&format!("not restored whole: {name}: {why}"));
        }
        if !unread.is_empty() && self.paths.is_empty() {
            screen.note(&format!(
                "{} could not be read when the snapshot was made, and is not in it",
                shown::count(unread.len() as u64, "entry", "entries")
            ));
        }
        if self.dry_run && screen.is_verbose() {
            restored.replaces.iter().for_each(|path| screen.say(&format!("would replace {path}")));
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
            "removed": removed,
            "dry_run": self.dry_run,
            "latest_is_uncertain": uncertain,
            "failed": restored.failed.iter().map(|(path, why)| shown::failed(path, why)).collect::<Vec<_>>(),
        }));
        let mut line = format!(
            "{} snapshot {} of {} to {}: {}, {}",
            if self.dry_run { "would restore" } else { "restored" },
            &snapshot.id.to_string()[..8],
            shown::local(label.started_ms),
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
        if !restored.failed.is_empty() {
            line +=
                &format!("; {} not, as named above", shown::count(restored.failed.len() as u64, "entry", "entries"));
        }
        screen.mention(&line);
        Ok(Outcome::done().with(!restored.failed.is_empty() || uncertain, Cause::Missing))
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

/// Which of the wanted paths the snapshot does not have.
fn absent(repository: &Repository, id: SnapshotId, wanted: &[EntryPath]) -> Vec<(EntryPath, String)> {
    let is_there = |path: &EntryPath| {
        let mut found = false;
        let listed = repository.list(id, std::slice::from_ref(path), &mut |listed| {
            found = listed.path.is_within(path);
            if found { Err(RepoError::Interrupted) } else { Ok(()) }
        });
        // A list with holes is named by the restore itself.
        found || !matches!(listed, Ok(()))
    };
    wanted
        .iter()
        .filter(|path| !path.is_root() && !is_there(path))
        .map(|path| (path.clone(), "it is not in this snapshot".to_owned()))
        .collect()
}
