//! Where a rehearsal puts what it brings back: empty, away from every source and target, and gone afterwards.
//!
//! What is put there is the school's data in the clear, so a folder that cannot be emptied again is a failure of the
//! rehearsal, whatever it proved. Files are deleted, not overwritten: on flash that would prove nothing. What a killed
//! process left is removed at the start of the next round; a lock in each folder spares those in use.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use dr_open::{Claim, Leftovers};

use crate::error::RunError;
use crate::places::private_folder;
use crate::school::School;

/// How the folder of a rehearsal is called; in a folder that somebody named nothing else is ours.
const REHEARSAL: &str = "dr-rehearsal-";
/// In the cache, beside those of rehearsals: which folder a rehearsal was told to take.
const ELSEWHERE: &str = "elsewhere-";
/// The file in it that says which.
const WHERE: &str = "where";

/// A folder for one rehearsal.
pub(crate) struct Scratch {
    claim: Claim,
    path: PathBuf,
    /// What tells the next round of a folder outside the cache, should this process be killed.
    _elsewhere: Option<Claim>,
}

/// Whether nothing was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wiped {
    /// Whether nothing was left.
    pub done: bool,
    /// How one knows, in words.
    pub how: String,
}

impl Scratch {
    /// A new folder in `asked`, which must be empty or absent; else in the cache.
    pub(crate) fn new(school: &School, asked: Option<&Path>) -> Result<Self, RunError> {
        let own = school.places.scratch();
        private_folder(&own)?;
        let above = asked.unwrap_or(&own);
        private_folder(above)?;
        let above = above.canonicalize().map_err(RunError::local("cannot find", above))?;
        outside(school, &above)?;
        let failed = |why| RunError::local("cannot make scratch in", &above)(why);
        let mut elsewhere = None;
        if asked.is_some() {
            swept_in(&above).map_err(RunError::local("cannot look into", &above))?;
            let mut inside = fs::read_dir(&above).map_err(RunError::local("cannot look into", &above))?;
            if inside.next().is_some() {
                let why = "it is not empty; a rehearsal takes an empty folder and leaves it empty".to_owned();
                return Err(RunError::BadScratch { path: above, why });
            }
            let told = Claim::new(&own, ELSEWHERE).map_err(failed)?;
            dr_open::note(&told.path().join(WHERE), above.as_os_str().as_bytes()).map_err(failed)?;
            elsewhere = Some(told);
        }
        let claim = Claim::new(&above, REHEARSAL).map_err(failed)?;
        let path = claim.path().join("back");
        private_folder(&path)?;
        Ok(Self { claim, path, _elsewhere: elsewhere })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes everything, and looks whether it is gone.
    pub(crate) fn wipe(self) -> Wiped {
        let removed = empty(&self.path);
        let left = fs::read_dir(&self.path).map(|inside| inside.count());
        let folder = self.claim.path().to_owned();
        let gone = self.claim.close().is_ok() && fs::symlink_metadata(folder).is_err();
        match (removed, left) {
            (Ok(()), Ok(0)) if gone => {
                Wiped { done: true, how: "everything was deleted and the folder was listed again: it is empty".into() }
            }
            (Err(why), _) => Wiped { done: false, how: format!("it could not be emptied: {why}") },
            (_, Ok(left)) => Wiped { done: false, how: format!("{left} things are still in it") },
            (_, Err(why)) => Wiped { done: false, how: format!("nobody knows what is left: {why}") },
        }
    }
}

/// Removes what killed processes left in scratch: what a rehearsal had brought back, the copy of a database, all of it in
/// the clear. What a living process uses is spared.
///
/// # Errors
/// That the folder is there and cannot be listed.
pub fn sweep_scratch(school: &School) -> Result<Leftovers, RunError> {
    let own = school.places.scratch();
    let mut all = Leftovers::default();
    let failed = || RunError::local("cannot look into", &own);
    for folder in told_of(&dr_open::leftovers(&own, |_| true).map_err(failed())?) {
        // That one may be on a disk which is away; then it is told of no more, and the disk is somebody's own.
        if let Ok(swept) = swept_in(&folder) {
            all.found.extend(swept.found);
            all.stuck.extend(swept.stuck);
        }
    }
    let swept = dr_open::sweep(&own, |_| true, wholly).map_err(failed())?;
    all.found.extend(swept.found.into_iter().filter(|path| !is_note(path)));
    all.stuck.extend(swept.stuck);
    Ok(all)
}

/// What killed processes left in scratch and nobody has removed yet.
///
/// # Errors
/// That the folder is there and cannot be listed.
pub fn left_in_scratch(school: &School) -> Result<Vec<PathBuf>, RunError> {
    let own = school.places.scratch();
    let here = dr_open::leftovers(&own, |_| true).map_err(RunError::local("cannot look into", &own))?;
    let elsewhere = told_of(&here).into_iter().filter_map(|folder| dr_open::leftovers(&folder, is_rehearsal).ok());
    let mut all: Vec<_> = elsewhere.flat_map(|left| left.found).collect();
    all.extend(here.found.into_iter().filter(|path| !is_note(path)));
    Ok(all)
}

fn is_note(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_bytes().starts_with(ELSEWHERE.as_bytes()))
}

/// The folders outside the cache that dead rehearsals were told to take.
fn told_of(left: &Leftovers) -> Vec<PathBuf> {
    let notes = left.found.iter().filter(|path| is_note(path));
    let read = notes.filter_map(|path| dr_open::read(&path.join(WHERE), 64 << 10).ok());
    read.map(|bytes| PathBuf::from(OsString::from_vec(bytes))).collect()
}

/// Whether a folder is a rehearsal's: by its name, and by its lock.
fn is_rehearsal(path: &Path) -> bool {
    let named = path.file_name().is_some_and(|name| name.as_bytes().starts_with(REHEARSAL.as_bytes()));
    named && dr_open::is_claimed(path)
}

/// Removes what dead rehearsals left in a folder that somebody named.
fn swept_in(folder: &Path) -> std::io::Result<Leftovers> {
    dr_open::sweep(folder, is_rehearsal, wholly)
}

fn wholly(folder: &Path) -> std::io::Result<()> {
    empty(folder)?;
    fs::remove_dir(folder)
}

/// Removes what is in `folder`, however deep it is and whatever modes came back.
pub(crate) fn empty(folder: &Path) -> std::io::Result<()> {
    dr_source::files::wipe(folder)
}

/// Scratch must not lie in what is backed up, in a backup or in the state, nor those in it.
fn outside(school: &School, scratch: &Path) -> Result<(), RunError> {
    let sources = school.plan.systems.iter().flat_map(|system| system.source.paths()).cloned();
    let targets = school.plan.targets.values().filter_map(|target| target.local_path());
    let mounts = school.plan.pools.values().map(|pool| pool.mount.clone());
    let named = sources
        .map(|path| (path, "a source"))
        .chain(targets.map(|path| (path, "a target")))
        .chain(mounts.map(|path| (path, "the folder of the disks")))
        .chain([(school.places.state.join("keys"), "the keys")]);
    for (path, what) in named {
        let whole = path.canonicalize().unwrap_or(path);
        if scratch.starts_with(&whole) || whole.starts_with(scratch) {
            let why =
                format!("it and {what} ({}) lie in one another; name another folder with --scratch", whole.display());
            return Err(RunError::BadScratch { path: scratch.to_owned(), why });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn scratch_with_closed_directories_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("f"), "x").unwrap();
        fs::set_permissions(&deep, fs::Permissions::from_mode(0o500)).unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("link")).unwrap();
        empty(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(Path::new("/etc").exists());
    }
}
