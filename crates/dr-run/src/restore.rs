//! How a system comes back: from the freshest copy that is whole, on-site first, and from another where one is damaged.
//!
//! A snapshot has the same id on every copy, so what one copy has lost is taken from the next that holds the same one;
//! two snapshots are never mixed. Every chunk is proved by its name on the way. That it was done stands in the ledger.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use dr_entry::{Destination, EntryPath};
use dr_ledger::{Decision, Event, RestoreOutcome, SnapshotRef};
use dr_plan::{PersonId, Source, System, SystemId};
use dr_repo::{Description, RepoError, Restore, Restored, Shape, SnapshotId, Tally};
use dr_source::files::{Extra, Manner, PutBack};
use dr_source::{SourceError, maildir, sqlite};
use jiff::Timestamp;

use crate::below::Below;
use crate::erasures::unnamed;
use crate::error::RunError;
use crate::kept::{Closed, Kept, Opened, kept, open_all};
use crate::keys::Surroundings;
use crate::school::School;
use crate::state::STATE;
use crate::targets::Spot;

/// Which moment is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The newest there is.
    Latest,
    /// The snapshot of this id, or of a beginning of one.
    Id(String),
    /// The newest whose capture began by then.
    AsOf(Timestamp),
}

/// What is wanted back.
pub struct Wanted<'a> {
    /// Whose data.
    pub system: &'a str,
    /// Which moment.
    pub which: Which,
    /// No other target than this.
    pub target: Option<&'a str>,
    /// Only these paths: below the system's folder, or as they were on the source; empty for everything.
    pub paths: &'a [PathBuf],
    /// Into this folder, absent or empty; `None`: where it came from.
    pub to: Option<&'a Path>,
    /// Whether owners are set.
    pub owners: bool,
    /// Only say what would be restored.
    pub dry_run: bool,
    /// Who else agrees, for a system that is marked sensitive.
    pub approved_by: Option<&'a PersonId>,
    /// Progress.
    pub tally: &'a Tally,
    /// Set from outside to end early.
    pub stop: &'a AtomicBool,
}

/// What came back.
#[derive(Debug)]
pub struct Restoration {
    /// From where.
    pub spot: Spot,
    /// Which snapshot.
    pub snapshot: SnapshotId,
    /// When its capture began.
    pub recovery_point: Timestamp,
    /// To where.
    pub to: PathBuf,
    /// Counts, and what did not come back.
    pub restored: Restored,
    /// What could not be captured when the snapshot was made: it is not in it.
    pub never_captured: u64,
    /// Everything that a person should know: copies that were damaged or away, and what was done instead.
    pub notes: Vec<String>,
    /// Whether a newer snapshot may exist that cannot be seen.
    pub uncertain: bool,
}

/// Brings a system back.
///
/// # Errors
/// If nothing could be read, or there is nowhere to put it.
pub fn restore(school: &School, wanted: &Wanted<'_>, around: &Surroundings<'_>) -> Result<Restoration, RunError> {
    let system = &*school.system_or_state(wanted.system)?;
    if wanted.to.is_none() && system.id.as_str() == STATE {
        let why = "what happened since would be lost from the ledger";
        return Err(RunError::NotInPlace { system: system.id.clone(), why });
    }
    if !wanted.dry_run {
        second_person(school, system, wanted.approved_by, "restore")?;
    }
    let key = school.reading_key(around)?;
    let (opened, closed) = open_all(school, &key, wanted.target)?;
    let choices = choose(system, &wanted.which, &opened, &closed)?;
    let mut notes: Vec<String> = Vec::new();
    let of_system = |closed: &&Closed| system.copies.iter().any(|copy| copy.target == closed.target);
    // That a disk is away is how it should be.
    for closed in closed.iter().filter(|closed| closed.error.is_some()).filter(of_system) {
        notes.push(format!("{} was not asked: {}", closed.target, closed.why));
    }
    let uncertain = matches!(wanted.which, Which::Latest | Which::AsOf(_))
        && opened.iter().any(|one| one.repository.latest_is_uncertain());
    for choice in &choices {
        let from = &opened[choice.copy];
        let described = match from.repository.describe(choice.id) {
            Ok(described) => described,
            Err(why) => {
                notes.push(format!("{}: snapshot {} cannot be read: {why}", from.spot.named(), choice.id));
                continue;
            }
        };
        notes.extend(to_be_erased(school, &system.id, &from.spot));
        let back = Back { school, system, wanted, opened: &opened, choices: &choices, choice, described };
        let (to, restored) = back.bring(&mut notes)?;
        let outcome = Restoration {
            spot: from.spot.clone(),
            snapshot: choice.id,
            recovery_point: choice.started,
            to,
            restored,
            never_captured: choice.label.unreadable,
            notes,
            uncertain,
        };
        if !wanted.dry_run {
            record(school, system, &outcome)?;
        }
        return Ok(outcome);
    }
    let why = notes.join("; ");
    Err(RunError::NoCopy { system: system.id.clone(), why, wrong_key: false, no_repository: false })
}

/// What a person must know who restores from a copy on which something still waits to be erased. It keeps nobody from it:
/// on the bad day the rest is what counts.
fn to_be_erased(school: &School, system: &SystemId, spot: &Spot) -> Option<String> {
    let not_known = |why| Some(format!("whether something of it was to be erased is not known: {why}"));
    let waits = match school.waiting_erasures() {
        Ok(all) => all.iter().any(|erasure| erasure.system == *system && erasure.waits_for(spot)),
        Err(why) => return not_known(why),
    };
    let unnamed = match school.entries().and_then(|entries| unnamed(school, &entries)) {
        Ok(all) => all.iter().any(|one| one.system == *system && one.waits_for(&spot.target, spot.medium.as_ref())),
        Err(why) => return not_known(why),
    };
    if unnamed {
        return Some(format!(
            "something of {system} was to be erased and is in this copy still. What it was is not known on this host: \
             `dr erase --pending --do`, with the recovery key, looks for that in the sealed state; then erase it from \
             what was restored"
        ));
    }
    waits.then(|| {
        format!(
            "something of {system} was to be erased and is in this copy still: erase it from what was restored, as \
             `dr erase --pending` says"
        )
    })
}

/// Names and contents of a sensitive system are for two people together.
pub(crate) fn second_person(
    school: &School,
    system: &System,
    approved_by: Option<&PersonId>,
    to: &str,
) -> Result<(), RunError> {
    if !system.sensitive {
        return Ok(());
    }
    let Some(second) = approved_by else { return Err(RunError::SecondPerson { system: system.id.clone() }) };
    if !school.plan.people.contains_key(second) {
        return Err(RunError::UnknownPerson { person: second.clone() });
    }
    if school.actor.by.as_ref().is_none_or(|by| by == second) {
        return Err(RunError::SecondPerson { system: system.id.clone() });
    }
    let about = format!("{to} {}", system.id);
    let reason = Some(format!("{second} agreed, named and not authenticated"));
    school.record(Event::Accepted { decision: Decision::Approved, about, reason, until: None }).map(|_| ())
}

/// The snapshots to try, best first; all of one run before those of the next.
pub(crate) fn choose(
    system: &System,
    which: &Which,
    opened: &[Opened],
    closed: &[Closed],
) -> Result<Vec<Kept>, RunError> {
    let all = kept(opened, Some(&system.id));
    let away = || {
        let away: Vec<_> = closed.iter().map(|closed| format!("{}: {}", closed.target, closed.why)).collect();
        if away.is_empty() { String::new() } else { format!(" (not asked: {})", away.join("; ")) }
    };
    if opened.is_empty() {
        let said = |is: fn(&RepoError) -> bool| move |closed: &Closed| matches!(&closed.error, Some(RunError::Repository { source, .. }) if is(source));
        return Err(RunError::NoCopy {
            system: system.id.clone(),
            why: format!("no copy can be read now{}", away()),
            wrong_key: closed.iter().any(said(|e| matches!(e, RepoError::WrongKey(_) | RepoError::CannotRead))),
            no_repository: closed.iter().any(said(|e| matches!(e, RepoError::NoRepository(_)))),
        });
    }
    let none = |why: String| Err(RunError::NoSnapshot { system: system.id.clone(), why });
    let chosen: Vec<Kept> = match which {
        Which::Latest => all,
        Which::AsOf(then) => as_of(all, *then),
        Which::Id(name) if name.len() < 8 => {
            return none(format!("`{name}` is too short: give at least 8 digits of a snapshot's id, or `latest`"));
        }
        Which::Id(name) => {
            let found: Vec<_> = all.into_iter().filter(|kept| kept.id.to_string().starts_with(name.as_str())).collect();
            if found.iter().any(|kept| kept.id != found[0].id) {
                return none(format!("several snapshots begin with `{name}`"));
            }
            found
        }
    };
    if chosen.is_empty() {
        let what = match which {
            Which::Latest => "there is no snapshot of it yet".to_owned(),
            Which::Id(name) => format!("there is no snapshot `{name}` of it"),
            Which::AsOf(then) => format!("no snapshot of it was begun by {then}"),
        };
        return none(format!("{what} on any copy that can be read now{}", away()));
    }
    Ok(chosen)
}

/// Those whose capture began by `then`, newest first by their own times: who names a moment goes by the clock.
fn as_of(all: Vec<Kept>, then: Timestamp) -> Vec<Kept> {
    let began = |one: &Kept| all.iter().filter(|kept| kept.run == one.run).map(|kept| kept.started).min();
    let mut by_then: Vec<_> =
        all.iter().filter(|kept| kept.started <= then).map(|kept| (began(kept), kept.clone())).collect();
    by_then.sort_by(|(a, _), (b, _)| b.cmp(a));
    by_then.into_iter().map(|(_, kept)| kept).collect()
}

fn record(school: &School, system: &System, outcome: &Restoration) -> Result<(), RunError> {
    let restored = &outcome.restored;
    let how = match (restored.failed.is_empty(), restored.entries) {
        (true, _) => RestoreOutcome::Done,
        (false, 0) => RestoreOutcome::Failed,
        (false, _) => RestoreOutcome::Incomplete,
    };
    let event = Event::Restored {
        system: system.id.clone(),
        target: outcome.spot.target.clone(),
        snapshot: SnapshotRef(outcome.snapshot.to_string()),
        files: restored.files,
        bytes: restored.bytes,
        outcome: how,
    };
    school.record(event).map(|_| ())
}

/// One snapshot on its way back.
struct Back<'a> {
    school: &'a School,
    system: &'a System,
    wanted: &'a Wanted<'a>,
    opened: &'a [Opened],
    choices: &'a [Kept],
    choice: &'a Kept,
    described: Description,
}

impl Back<'_> {
    fn bring(&self, notes: &mut Vec<String>) -> Result<(PathBuf, Restored), RunError> {
        let paths = self.paths()?;
        if self.wanted.dry_run {
            let to = self.wanted.to.map_or_else(|| self.origin(), |to| Ok(to.to_owned()))?;
            let manner = Manner { in_place: Some(Extra::Keep), owners: self.wanted.owners };
            // In place, what stands there is compared; elsewhere everything would be written.
            if let (None, Source::Files { .. }, Ok(standing)) =
                (self.wanted.to, &self.system.source, PutBack::look(&to, manner))
            {
                let from = &self.opened[self.choice.copy];
                let compared = self.one(from, &paths, &standing);
                return Ok((to, compared.map_err(|e| RunError::repository(from.spot.named(), e))?));
            }
            let mut counted = self.count(&paths)?;
            // A database goes back whole, over the one that is there.
            if let (None, Source::Sqlite { path }) = (self.wanted.to, &self.system.source)
                && path.symlink_metadata().is_ok()
                && let Some(name) = path.file_name().and_then(|name| name.to_str())
            {
                counted.replaces.extend(EntryPath::new(name.as_bytes()).ok());
            }
            return Ok((to, counted));
        }
        match (self.wanted.to, &self.system.source) {
            (Some(to), _) => {
                let manner = |in_place| Manner { in_place, owners: self.wanted.owners };
                let first = PutBack::new(to, manner(None))?;
                let again = || PutBack::new(to, manner(Some(Extra::Keep)));
                Ok((to.to_owned(), self.fill(&paths, &first, &again, notes)?))
            }
            (None, Source::Sqlite { path }) => self.database(path, notes),
            (None, Source::Maildir { path }) => {
                if !self.wanted.paths.is_empty() {
                    let why = "parts of a mailbox tree cannot be told from what people did since";
                    return Err(RunError::NotInPlace { system: self.system.id.clone(), why });
                }
                let tree = EntryPath::new(maildir::TREE).map_err(|_| RunError::Interrupted)?;
                let place = || Ok(Below::new(self.in_place(path)?, tree.clone()));
                let first = place()?;
                Ok((path.clone(), self.fill(std::slice::from_ref(&tree), &first, &place, notes)?))
            }
            (None, _) => {
                let to = self.origin()?;
                let place = || self.in_place(&to);
                let first = place()?;
                Ok((to.clone(), self.fill(&paths, &first, &place, notes)?))
            }
        }
    }

    fn in_place(&self, to: &Path) -> Result<PutBack, SourceError> {
        PutBack::new(to, Manner { in_place: Some(Extra::Keep), owners: self.wanted.owners })
    }

    /// Where it came from.
    fn origin(&self) -> Result<PathBuf, RunError> {
        use std::os::unix::ffi::OsStrExt as _;
        if self.described.shape == Shape::Absolute {
            return Ok(PathBuf::from("/"));
        }
        let now = self.system.source.paths();
        let then = self.described.label.paths.first().map(|path| Path::new(std::ffi::OsStr::from_bytes(path)));
        match (now.as_slice(), then) {
            ([now], _) => Ok((*now).clone()),
            (_, Some(then)) => Ok(then.to_owned()),
            _ => Err(RunError::NotInPlace { system: self.system.id.clone(), why: "nobody knows where it came from" }),
        }
    }

    /// The wanted paths as the snapshot names them.
    fn paths(&self) -> Result<Vec<EntryPath>, RunError> {
        use std::os::unix::ffi::OsStrExt as _;
        let roots = &self.described.label.paths;
        let named = |path: &PathBuf| {
            let bytes = path.as_os_str().as_bytes();
            let below = match (self.described.shape, roots.as_slice()) {
                (Shape::Directory, [root]) if path.is_absolute() => {
                    path.strip_prefix(std::ffi::OsStr::from_bytes(root)).ok().map(|rest| rest.as_os_str().as_bytes())
                }
                _ => Some(bytes),
            };
            let plain = below.unwrap_or(bytes);
            let plain = plain.strip_prefix(b"./").unwrap_or(plain);
            let start = plain.iter().position(|&b| b != b'/').unwrap_or(plain.len());
            let end = plain.iter().rposition(|&b| b != b'/').map_or(start, |last| last + 1);
            EntryPath::new(&plain[start..end]).map_err(|why| RunError::NoSnapshot {
                system: self.system.id.clone(),
                why: format!("{} is no path in a backup: {why}", path.display()),
            })
        };
        self.wanted.paths.iter().map(named).collect()
    }

    /// What would come back.
    fn count(&self, paths: &[EntryPath]) -> Result<Restored, RunError> {
        let from = &self.opened[self.choice.copy];
        let mut counted = Restored::default();
        from.repository
            .list(self.choice.id, paths, &mut |entry| {
                counted.entries += 1;
                if entry.meta.kind == dr_entry::Kind::File {
                    counted.files += 1;
                    counted.bytes += entry.meta.size;
                }
                Ok(())
            })
            .map_err(|source| RunError::repository(from.spot.named(), source))?;
        Ok(counted)
    }

    /// Restores from the chosen copy, and what that has lost from the others that hold the same snapshot.
    fn fill<D: Destination>(
        &self,
        paths: &[EntryPath],
        first: &D,
        again: &dyn Fn() -> Result<D, SourceError>,
        notes: &mut Vec<String>,
    ) -> Result<Restored, RunError> {
        let from = &self.opened[self.choice.copy];
        let mut sum = self.one(from, paths, first).map_err(|e| RunError::repository(from.spot.named(), e))?;
        for other in self.choices.iter().filter(|other| other.id == self.choice.id && other.copy != self.choice.copy) {
            let (lost, kept): (Vec<_>, Vec<_>) = sum.failed.drain(..).partition(|(_, why)| is_of_the_copy(why));
            sum.failed = kept;
            if lost.is_empty() {
                break;
            }
            let from = &self.opened[other.copy];
            notes.push(format!(
                "{} entries were damaged on {}; they were taken from {}",
                lost.len(),
                self.opened[self.choice.copy].spot.named(),
                from.spot.named()
            ));
            // A path that only says how far something was lost stands for everything before it too.
            let whole = lost.iter().any(|(_, why)| why.starts_with("entries up to"));
            let wanted: Vec<_> =
                if whole { paths.to_vec() } else { lost.iter().map(|(path, _)| path.clone()).collect() };
            let place = again()?;
            match self.one(from, &wanted, &place) {
                Ok(more) => {
                    sum.failed.extend(more.failed);
                    if whole {
                        (sum.entries, sum.files, sum.bytes) = (more.entries, more.files, more.bytes);
                    } else {
                        sum.entries += lost.len() as u64;
                        sum.files += more.files;
                        sum.bytes += more.bytes;
                    }
                }
                Err(RepoError::Interrupted) => return Err(RunError::Interrupted),
                Err(why) => {
                    notes.push(format!("{} could not help: {why}", from.spot.named()));
                    sum.failed.extend(lost);
                }
            }
        }
        Ok(sum)
    }

    fn one(&self, from: &Opened, paths: &[EntryPath], to: &dyn Destination) -> Result<Restored, RepoError> {
        let options = Restore {
            paths,
            workers: self.school.workers,
            dry: self.wanted.dry_run,
            stop: self.wanted.stop,
            tally: self.wanted.tally,
        };
        dr_repo::restore(&from.repository, self.choice.id, &options, to)
    }

    /// A database goes back whole: made beside the old one, then put in its place, and the old one's logs with it gone.
    fn database(&self, path: &Path, notes: &mut Vec<String>) -> Result<(PathBuf, Restored), RunError> {
        // Where a link leads: it stays, and what it stands for is replaced.
        let real = path.canonicalize();
        let (named, path) = (path, real.as_deref().unwrap_or(path));
        let Some(above) = path.parent().filter(|_| path.file_name().is_some()) else {
            return Err(RunError::NotInPlace { system: self.system.id.clone(), why: "its path names no file" });
        };
        let failed = |what: &'static str| RunError::local(what, path);
        crate::places::private_folder(above)?;
        let beside =
            tempfile::TempDir::with_prefix_in(".dr-restore-", above).map_err(failed("cannot restore beside"))?;
        let manner = |in_place| Manner { in_place, owners: self.wanted.owners };
        let first = PutBack::new(beside.path(), manner(None))?;
        let again = || PutBack::new(beside.path(), manner(Some(Extra::Keep)));
        let restored = self.fill(&[], &first, &again, notes)?;
        let new = sqlite::restored(beside.path(), named);
        if !restored.failed.is_empty() || !new.is_file() {
            notes.push(format!("{} was not touched: what came back is not whole", path.display()));
            return Ok((path.to_owned(), restored));
        }
        for log in ["-wal", "-shm", "-journal"] {
            let mut log_path = path.as_os_str().to_owned();
            log_path.push(log);
            match std::fs::remove_file(&log_path) {
                Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failed("cannot remove the log of")(why));
                }
                _ => {}
            }
        }
        std::fs::rename(&new, path).map_err(failed("cannot replace"))?;
        Ok((path.to_owned(), restored))
    }
}

/// Whether a failure is the copy's, so that another copy may help; else it is the destination's, where none can.
fn is_of_the_copy(why: &str) -> bool {
    ["damaged", " is not in ", " ends before ", "are lost", "cannot read from", "no pack", "not known"]
        .iter()
        .any(|sign| why.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dr_store::StoreError;

    #[test]
    fn what_a_copy_has_lost_is_told_from_what_a_place_refuses() {
        let key = || dr_store::Key::new("data/a").unwrap();
        let place = || "nas".to_owned();
        for lost in [
            RepoError::Damaged { object: "data/a".into(), what: "a frame does not open".into() },
            StoreError::NotFound { key: key(), place: place() }.into(),
            StoreError::Short { key: key(), place: place(), end: 7 }.into(),
        ] {
            assert!(is_of_the_copy(&lost.to_string()), "{lost}");
        }
        for refused in ["Permission denied (os error 13)", "File exists (os error 17)", "its owner could not be set"] {
            assert!(!is_of_the_copy(refused), "{refused}");
        }
    }
}
