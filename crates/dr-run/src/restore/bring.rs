//! One snapshot on its way back: to a folder of its own, or in place, from as many copies as it takes.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use dr_entry::{EntryPath, Kind};
use dr_open::Claim;
use dr_plan::{SecretRef, System};
use dr_repo::{Description, NotWhole, RepoError, RestoreOptions, RestorePlan, RestoreReport, Shape};
use dr_source::driver::{Driver, Feed, Hands, InPlace, Load, Loaded, NotFed, Onto, Place, Whole};
use dr_source::files::{Conflict, FsRestorer, Removal, RestoreMode, Spare};
use dr_source::{FACTS, SourceError};

use super::within::{self, Outside, Part};
use super::{Wanted, above_resolved, before, fed};
use crate::error::RunError;
use crate::kept::{Kept, Opened};
use crate::naming::{Asked, Naming};
use crate::places::private_folder;
use crate::school::School;
use crate::subtree::SubtreeDestination;

pub(super) struct Back<'a> {
    pub(super) school: &'a School,
    pub(super) system: &'a System,
    /// Of the system's kind, if this version reads it.
    pub(super) driver: Option<Box<dyn Driver + 'a>>,
    pub(super) wanted: &'a Wanted<'a>,
    /// Only compares with what stands there, and writes nothing.
    pub(super) compares: bool,
    pub(super) opened: &'a [Opened],
    pub(super) choices: &'a [Kept],
    pub(super) choice: &'a Kept,
    pub(super) described: Description,
}

/// What came of it.
pub(super) struct Brought {
    pub(super) to: PathBuf,
    pub(super) loaded: Option<Loaded>,
    pub(super) naming: Naming,
    pub(super) restored: RestoreReport,
    pub(super) removal: Removal,
    pub(super) removed_names: Vec<PathBuf>,
    pub(super) left_out: Vec<EntryPath>,
    pub(super) not_there: Vec<String>,
    pub(super) never_captured: u64,
    pub(super) not_in_it: Vec<(EntryPath, String)>,
}

/// A place that is made again for each copy that is asked.
type Again<'a, D> = &'a dyn Fn() -> Result<D, SourceError>;

impl Back<'_> {
    fn from(&self) -> &Opened {
        &self.opened[self.choice.copy]
    }

    pub(super) fn bring(&self, notes: &mut Vec<String>) -> Result<Brought, RunError> {
        let (from, id) = (self.from(), self.choice.id);
        let (label, shape) = (&self.described.label, self.described.shape);
        // A tree that cannot be read is named by what comes of it.
        let naming = Naming::of(&from.repository, id, label, shape).unwrap_or_else(|_| Naming::plain(label, shape));
        let asked = Asked::of(&naming, &from.repository, id, self.wanted.paths);
        let asked = asked.map_err(|(path, why)| RunError::BadPath { path, why })?;
        let not_there = asked.not_there(&naming, &from.repository, id);
        if asked.there.is_empty() && !not_there.is_empty() {
            return Err(RunError::NoSuchPath { system: self.system.id.clone(), said: not_there });
        }
        let absent = asked.missing.iter().map(|(_, entry)| (entry.clone(), NotWhole::NotThere));
        let absent: Vec<_> = absent.collect();
        let paths = asked.there;
        let is_wanted = |path: &EntryPath| paths.is_empty() || paths.iter().any(|wanted| path.is_within(wanted));
        let mut not_in_it = self.described.unreadable.clone();
        not_in_it.retain(|(path, _)| is_wanted(path));
        let never_captured = match paths.is_empty() {
            true => label.unreadable.max(not_in_it.len() as u64),
            false => not_in_it.len() as u64,
        };
        let mut brought = Brought {
            to: PathBuf::new(),
            loaded: None,
            naming,
            restored: RestoreReport::default(),
            removal: Removal::default(),
            removed_names: Vec::new(),
            left_out: Vec::new(),
            not_there,
            never_captured,
            not_in_it,
        };
        let loads = self.driver.as_deref().and_then(|driver| driver.loads());
        let beside = loads.as_ref().and_then(|load| load.beside());
        // Of what has files beside its database, some files may be wanted alone.
        let files_alone = beside.is_some() && !paths.is_empty() && self.wanted.onto.is_none();
        let is_loaded = self.wanted.to.is_none() && !files_alone;
        if let (Some(load), true) = (&loads, is_loaded) {
            let elsewhere = match self.driver.as_deref().map(|driver| driver.in_place()) {
                Some(InPlace::Refused(why)) if beside.is_some() => Some(why),
                _ => None,
            };
            if let (true, Some(why)) = (self.wanted.delete, elsewhere) {
                return Err(self.refused(why));
            }
            self.load(load.as_ref(), &mut brought, notes)?;
            if let (Some(why), None) = (elsewhere, self.wanted.onto) {
                brought.not_there.push(format!(
                    "only the database was put back: {why}; `--to DIR` gives it, with the line that puts it there"
                ));
            } else if beside.is_some() && self.wanted.onto.is_none() {
                if self.compares {
                    notes.push(format!("the database {} would be replaced too", brought.to.display()));
                }
                // What was loaded is told apart.
                brought.restored = RestoreReport::default();
                self.to_its_place(paths, &mut brought, notes)?;
            }
        } else if self.wanted.onto.is_some() {
            return Err(self.refused("only a database is loaded into a server"));
        } else if let Some(to) = self.wanted.to {
            self.elsewhere(to, &paths, &mut brought, notes)?;
        } else {
            self.to_its_place(paths, &mut brought, notes)?;
        }
        brought.restored.failed.extend(absent);
        Ok(brought)
    }

    /// Puts files back to where the plan has them.
    fn to_its_place(
        &self,
        paths: Vec<EntryPath>,
        brought: &mut Brought,
        notes: &mut Vec<String>,
    ) -> Result<(), RunError> {
        // What no driver reads may still have copies of another time.
        match self.driver.as_deref().map_or(InPlace::Paths, |driver| driver.in_place()) {
            InPlace::Paths => self.files(&paths, brought, notes),
            InPlace::Into { top, to, delete, no_part } => {
                let exclude = match (self.wanted.delete, delete) {
                    (true, Err(why)) => return Err(self.refused(why)),
                    (true, Ok(exclude)) => Some(exclude),
                    (false, _) => None,
                };
                let paths = if paths.is_empty() { vec![top.clone()] } else { paths };
                if !paths.iter().all(|path| path.is_within(&top)) {
                    return Err(self.refused(no_part));
                }
                let part = Part { paths, folder: to, top };
                let kept = exclude.map(|exclude| (exclude, self.kept(&part)));
                self.bring_one(&part, brought, notes)?;
                match kept {
                    Some((exclude, kept)) => self.remove_others(&part, kept, exclude, brought, notes),
                    None => Ok(()),
                }
            }
            InPlace::Refused(why) => Err(self.refused(why)),
            InPlace::Whole(whole) => self.whole(whole, brought, notes),
        }
    }

    fn refused(&self, why: &'static str) -> RunError {
        RunError::NotInPlace { system: self.system.id.clone(), why }
    }

    fn mode(&self, in_place: Option<Conflict>) -> RestoreMode {
        RestoreMode { in_place, owners: self.wanted.owners }
    }

    fn in_place(&self) -> RestoreMode {
        self.mode(Some(if self.wanted.delete { Conflict::Remove } else { Conflict::Keep }))
    }

    /// The plan's folder, which is only looked at by a restore that only says what it would do.
    fn of_plan(&self, folder: &Path) -> Result<FsRestorer, SourceError> {
        FsRestorer::of_plan(folder, self.in_place(), !self.compares)
    }

    fn elsewhere(
        &self,
        to: &Path,
        paths: &[EntryPath],
        brought: &mut Brought,
        notes: &mut Vec<String>,
    ) -> Result<(), RunError> {
        brought.to = to.to_owned();
        if self.compares {
            if to.symlink_metadata().is_ok() {
                FsRestorer::empty(to, self.mode(None))?;
            }
            brought.restored = self.count(paths)?;
            return Ok(());
        }
        let first = FsRestorer::new(to, self.mode(None))?;
        let again = || FsRestorer::new(to, self.mode(Some(Conflict::Keep)));
        brought.restored = self.fill(paths, &first, &again, notes)?;
        Ok(())
    }

    fn bring_one(&self, part: &Part, brought: &mut Brought, notes: &mut Vec<String>) -> Result<(), RunError> {
        brought.to.clone_from(&part.folder);
        self.one_place(&part.paths, brought, notes, &|| self.below(part))
    }

    /// The folder of a part, seen from its top.
    fn below(&self, part: &Part) -> Result<SubtreeDestination, SourceError> {
        let (folder, write) = (&part.folder, !self.compares);
        let place: Box<dyn Place> = match &self.driver {
            Some(driver) => driver.place(folder, self.in_place(), write)?,
            None => Box::new(self.of_plan(folder)?),
        };
        Ok(SubtreeDestination::new(place, part.top.clone(), part.paths.clone()))
    }

    /// Puts `paths` back to a place, or says what that would replace there.
    fn one_place<D: Place>(
        &self,
        paths: &[EntryPath],
        brought: &mut Brought,
        notes: &mut Vec<String>,
        place: Again<'_, D>,
    ) -> Result<(), RunError> {
        let first = match place() {
            // Nothing is there that could be replaced.
            Err(SourceError::Open { why, .. }) if self.compares && why.kind() == std::io::ErrorKind::NotFound => {
                add(&mut brought.restored, self.count(paths)?);
                return Ok(());
            }
            other => other?,
        };
        let restored = match self.compares {
            true => self.plan(self.from(), paths).and_then(|plan| plan.compare(&first)).map_err(|e| self.failed(e))?,
            false => self.fill(paths, &first, place, notes)?,
        };
        add(&mut brought.restored, restored);
        Ok(())
    }

    fn failed(&self, why: RepoError) -> RunError {
        RunError::repository(self.from().location.named(), why)
    }

    fn files(&self, paths: &[EntryPath], brought: &mut Brought, notes: &mut Vec<String>) -> Result<(), RunError> {
        let exclude = match self.system.source.tree() {
            Some(tree) => tree.exclude,
            None if self.wanted.delete => return Err(self.refused("--delete is for systems of files")),
            None => &[],
        };
        let plan: Vec<PathBuf> = self.system.source.paths().into_iter().map(|path| above_resolved(path)).collect();
        let (repository, id) = (&self.from().repository, self.choice.id);
        let parts = within::parts(&within::Ask {
            shape: self.described.shape,
            came_from: &self.described.label.paths,
            wanted: paths,
            plan: &plan,
            is_directory: &|path| {
                let kind = crate::naming::kind(repository, id, path).ok()??;
                Some(kind == Kind::Directory)
            },
        });
        let parts = parts.map_err(|why| self.refused(why))?;
        if self.described.shape == Shape::Absolute && paths.is_empty() {
            let mut outside = Outside::of(&parts);
            // Damage is named by the restore itself.
            let _ = repository.list(id, &[], &mut |listed| {
                outside.look(&listed.path);
                Ok(())
            });
            brought.left_out = outside.found();
        }
        brought.to = match parts.as_slice() {
            [one] => one.folder.clone(),
            _ => PathBuf::from("/"),
        };
        for part in &parts {
            // Known before anything is touched, so that nothing is removed on the word of a list with holes.
            let kept = if self.wanted.delete { Some(self.kept(part)) } else { None };
            self.one_place(&part.paths, brought, notes, &|| self.below(part))?;
            if let Some(kept) = kept {
                self.remove_others(part, kept, exclude, brought, notes)?;
            }
        }
        Ok(())
    }

    /// What of a part stays, in order, and which of it are directories.
    fn kept(&self, part: &Part) -> Result<Vec<(EntryPath, bool)>, RepoError> {
        let mut kept = Vec::new();
        self.from().repository.list(self.choice.id, &part.paths, &mut |listed| {
            if let Some(path) = part.inside(&listed.path) {
                kept.push((path, listed.meta.kind == Kind::Directory));
            }
            Ok(())
        })?;
        Ok(kept)
    }

    fn remove_others(
        &self,
        part: &Part,
        kept: Result<Vec<(EntryPath, bool)>, RepoError>,
        exclude: &[String],
        brought: &mut Brought,
        notes: &mut Vec<String>,
    ) -> Result<(), RunError> {
        let kept = match kept {
            Ok(kept) => kept,
            Err(why) => {
                notes.push(format!("nothing was removed: the snapshot's list is not whole: {why}"));
                brought.restored.failed.push((part.top.clone(), NotWhole::Copy(why.to_string())));
                return Ok(());
            }
        };
        if self.described.label.unreadable > self.described.unreadable.len() as u64 {
            notes.push("nothing was removed: more could not be read than the snapshot has names of".to_owned());
            return Ok(());
        }
        let unread = self.described.unreadable.iter().filter_map(|(path, _)| part.inside(path)).collect();
        let places = crate::sources::places(self.school, self.system);
        let spare = Spare::new(&part.folder, (exclude, &places), unread)?;
        let place = match self.of_plan(&part.folder) {
            Err(_) if self.compares => return Ok(()),
            other => other?,
        };
        let is_directory = |path: &EntryPath| kept.iter().any(|(kept, directory)| *directory && kept == path);
        let wanted = part.paths.iter().filter_map(|path| part.inside(path)).filter(is_directory);
        let tops: Vec<_> = if part.paths.is_empty() { vec![EntryPath::root()] } else { wanted.collect() };
        for top in tops {
            let kept = kept.iter().map(|(path, _)| path.clone());
            let removal = match self.compares {
                true => place.others(&top, kept, &spare),
                false => place.remove_others(&top, kept, &spare),
            };
            brought.removed_names.extend(removal.names.iter().map(|path| part.on_the_machine(path)));
            brought.removal.removed += removal.removed;
            brought.removal.spared.extend(removal.spared.into_iter().map(|mut spared| {
                spared.path = part.outside(&spared.path);
                spared
            }));
            let failed = removal.failed.into_iter();
            let failed = failed.map(|unread| (part.outside(&unread.path), NotWhole::Place(unread.why)));
            brought.restored.failed.extend(failed);
        }
        Ok(())
    }

    /// What would come back.
    fn count(&self, paths: &[EntryPath]) -> Result<RestoreReport, RunError> {
        let mut counted = RestoreReport::default();
        let listed = self.from().repository.list(self.choice.id, paths, &mut |entry| {
            counted.entries += 1;
            if entry.meta.kind == Kind::File {
                counted.files += 1;
                counted.bytes += entry.meta.size;
            }
            Ok(())
        });
        listed.map_err(|source| self.failed(source))?;
        Ok(counted)
    }

    /// Restores from the chosen copy, and what that has lost from the others that hold the same snapshot.
    fn fill<D: Place>(
        &self,
        paths: &[EntryPath],
        first: &D,
        again: Again<'_, D>,
        notes: &mut Vec<String>,
    ) -> Result<RestoreReport, RunError> {
        let from = self.from();
        let mut sum = match self.one(from, paths, first) {
            Ok(sum) => Ok(sum),
            // The copy went away, or is damaged where nothing can be told; nothing of it is known.
            Err(why) if !is_of_the_place(&why) && !matches!(why, RepoError::Interrupted) => Err(why),
            Err(why) => return Err(self.failed(why)),
        };
        for other in self.choices.iter().filter(|other| other.id == self.choice.id && other.copy != self.choice.copy) {
            let (lost, kept): (Vec<_>, Vec<_>) = match &mut sum {
                Ok(sum) => sum.failed.drain(..).partition(|(_, why)| why.is_of_the_copy()),
                Err(why) => (vec![(EntryPath::root(), NotWhole::UpTo(why.to_string()))], Vec::new()),
            };
            if let Ok(sum) = &mut sum {
                sum.failed = kept;
            }
            if lost.is_empty() {
                break;
            }
            let helper = &self.opened[other.copy];
            // A path that only says how far something was lost stands for everything before it too.
            let whole = lost.iter().any(|(_, why)| matches!(why, NotWhole::UpTo(_)));
            let wanted: Vec<_> =
                if whole { paths.to_vec() } else { lost.iter().map(|(path, _)| path.clone()).collect() };
            let place = again()?;
            match self.one(helper, &wanted, &place) {
                Ok(more) => {
                    let is_lost = |path: &EntryPath| more.lost().any(|(missing, _)| missing == path);
                    let back = lost.iter().filter(|(path, _)| whole || !is_lost(path)).count() as u64;
                    if back > 0 {
                        notes.push(format!(
                            "{} damaged on {}, or could not be read there; taken from {}",
                            match (whole, back, lost.len() as u64) {
                                (true, ..) => "what was wanted was".to_owned(),
                                (_, 1, 1) => "1 entry was".to_owned(),
                                (_, back, all) if back == all => format!("{all} entries were"),
                                (_, back, all) => format!("{back} of {all} entries were"),
                            },
                            from.location.named(),
                            helper.location.named(),
                        ));
                    }
                    match &mut sum {
                        Ok(sum) if !whole => {
                            sum.entries += back;
                            sum.files += more.files;
                            sum.bytes += more.bytes;
                            sum.failed.extend(more.failed);
                        }
                        _ => sum = Ok(more),
                    }
                }
                Err(RepoError::Interrupted) => return Err(RunError::Interrupted),
                Err(why) if is_of_the_place(&why) => {
                    return Err(RunError::repository(helper.location.named(), why));
                }
                Err(why) => {
                    notes.push(format!("{} could not help: {why}", helper.location.named()));
                    if let Ok(sum) = &mut sum {
                        sum.failed.extend(lost);
                    }
                }
            }
        }
        notes.extend(first.put_back().strangers());
        sum.map_err(|why| self.failed(why))
    }

    fn one(
        &self,
        from: &Opened,
        paths: &[EntryPath],
        to: &dyn dr_entry::Destination,
    ) -> Result<RestoreReport, RepoError> {
        self.plan(from, paths)?.execute(to)
    }

    fn plan<'p>(&'p self, from: &'p Opened, paths: &'p [EntryPath]) -> Result<RestorePlan<'p>, RepoError> {
        dr_repo::plan_restore(&from.repository, self.choice.id, &self.options(paths))
    }

    fn options<'p>(&'p self, paths: &'p [EntryPath]) -> RestoreOptions<'p> {
        RestoreOptions { paths, workers: self.school.workers, stop: self.wanted.stop, tally: self.wanted.tally }
    }

    /// Loads a database: its dump is streamed to the program that loads it, and only the small files are put in scratch.
    fn load(&self, load: &dyn Load, brought: &mut Brought, notes: &mut Vec<String>) -> Result<(), RunError> {
        let beside = load.beside();
        if !self.wanted.paths.is_empty() || self.wanted.delete && (beside.is_none() || self.wanted.onto.is_some()) {
            return Err(self.refused("a database is loaded as a whole"));
        }
        brought.to = PathBuf::from(load.live()?);
        let is_of_it = |path: &EntryPath| beside.as_ref().is_none_or(|beside| !path.is_within(beside));
        let all = self.count(&[])?;
        if self.compares {
            brought.restored = all;
            return Ok(());
        }
        let dump = load.fed()?;
        let mut small = Vec::new();
        let listed = self.from().repository.list(self.choice.id, &[], &mut |entry| {
            if entry.meta.kind == Kind::File && entry.path != dump && is_of_it(&entry.path) {
                small.push(entry.path);
            }
            Ok(())
        });
        listed.map_err(|why| self.failed(why))?;
        let scratch = self.school.places.scratch();
        private_folder(&scratch)?;
        let claim = Claim::new(&scratch, "dr-load-").map_err(RunError::local("cannot restore to", &scratch))?;
        let folder = claim.path().join("back");
        let first = FsRestorer::new(&folder, self.mode(None))?;
        let again = || FsRestorer::new(&folder, self.mode(Some(Conflict::Keep)));
        let restored = self.fill(&small, &first, &again, notes)?;
        if let Some((_, why)) = restored.lost().next() {
            let why = format!("what came back is not whole ({why}), so nothing was loaded");
            return Err(SourceError::NotLoaded { why }.into());
        }
        let moment = self.school.clock.decided().to_zoned(self.school.plan.school.timezone.clone());
        let moment = moment.strftime("%Y%m%d_%H%M%S").to_string();
        let onto = Onto { url: self.wanted.onto, account: self.wanted.account, moment: &moment };
        let secrets = |reference: &SecretRef| self.school.secret(reference);
        let hands = Hands { secrets: &secrets, scratch: &scratch };
        if load.would_be_lost(&onto, &hands)? {
            notes.push(before::captured(self.school, self.system, self.wanted.tally, self.wanted.stop)?);
        }
        // Another copy that holds the same snapshot may be whole where this one is not.
        let mut copies = vec![self.choice.copy];
        let others = self.choices.iter().filter(|other| other.id == self.choice.id && other.copy != self.choice.copy);
        copies.extend(others.map(|other| other.copy));
        let mut failed = None;
        for copy in copies {
            let from = &self.opened[copy];
            let lost = Cell::new(false);
            let feed = |to: Feed| {
                let paths = std::slice::from_ref(&dump);
                let done = fed::feed(&from.repository, self.choice.id, &self.options(paths), to);
                lost.set(matches!(done, Err(NotFed::Lost(_))));
                done
            };
            match load.load(&folder, &feed, &onto, &hands, self.wanted.stop) {
                Ok(loaded) => {
                    brought.to = PathBuf::from(&loaded.name);
                    brought.restored = all;
                    brought.loaded = Some(loaded);
                    return Ok(());
                }
                Err(why) if lost.get() && !self.wanted.stop.load(Ordering::Relaxed) => {
                    notes.push(format!("{}: {why}", from.location.named()));
                    failed = Some(why);
                }
                Err(why) => return Err(why.into()),
            }
        }
        Err(failed.map_or_else(|| self.refused("no copy holds it"), RunError::from))
    }

    /// What goes back whole is made beside the old one, then put in its place.
    fn whole(&self, whole: &dyn Whole, brought: &mut Brought, notes: &mut Vec<String>) -> Result<(), RunError> {
        let path = &whole.stands_at()?;
        brought.to.clone_from(path);
        let (Some(above), Some(name)) = (path.parent(), whole.named().file_name()) else {
            return Err(self.refused("its path names no file"));
        };
        let entry = EntryPath::new(std::os::unix::ffi::OsStrExt::as_bytes(name)).map_err(|_| RunError::Interrupted)?;
        if self.compares {
            brought.restored = self.count(&[])?;
            // It goes back whole, over the one that is there.
            if path.symlink_metadata().is_ok() {
                brought.restored.replaces.push(entry);
            }
            return Ok(());
        }
        let failed = |what: &'static str| RunError::local(what, path);
        let beside =
            tempfile::TempDir::with_prefix_in(".dr-restore-", above).map_err(failed("cannot restore beside"))?;
        let first = FsRestorer::new(beside.path(), self.mode(None))?;
        let again = || FsRestorer::new(beside.path(), self.mode(Some(Conflict::Keep)));
        let mut restored = self.fill(&[], &first, &again, notes)?;
        let lost = restored.lost().next().map(|(_, why)| format!("what came back is not whole: {why}"));
        let new = match lost.map_or_else(|| whole.made(beside.path()), Err) {
            Ok(new) => new,
            Err(why) => {
                // Nothing of it is where it belongs.
                (restored.entries, restored.files, restored.bytes) = (0, 0, 0);
                restored.failed.retain(|(_, why)| !why.is_back());
                restored.failed.push((entry, NotWhole::Place(format!("{} was not touched: {why}", path.display()))));
                brought.restored = restored;
                return Ok(());
            }
        };
        let size = whole.exchange(&new, path).map_err(|not| RunError::local(not.what, path)(not.why))?;
        // The facts that came with it are nowhere.
        (restored.entries, restored.files, restored.bytes) = (1, 1, size);
        restored.failed.retain(|(path, _)| path.as_bytes() != FACTS.as_bytes());
        brought.restored = restored;
        Ok(())
    }
}

/// Whether no copy can help: the place to restore to ended it.
fn is_of_the_place(why: &RepoError) -> bool {
    matches!(why, RepoError::Local { .. })
}

/// One part of a system after another.
fn add(sum: &mut RestoreReport, more: RestoreReport) {
    sum.entries += more.entries;
    sum.files += more.files;
    sum.kept += more.kept;
    sum.bytes = sum.bytes.saturating_add(more.bytes);
    sum.replaces.extend(more.replaces);
    sum.failed.extend(more.failed);
}
