//! Where a rehearsal puts what it brings back: empty, away from every source and target, and gone afterwards.
//!
//! What is put there is the school's data in the clear, so a folder that cannot be emptied again is a failure of the
//! rehearsal, whatever it proved. Files are deleted, not overwritten: on flash that would prove nothing.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::RunError;
use crate::places::private_folder;
use crate::school::School;

/// A folder for one rehearsal.
pub(crate) struct Scratch {
    path: PathBuf,
    /// Ours to remove altogether.
    made: Option<TempDir>,
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
    /// `asked`, which must be empty or absent; else a new folder in the cache.
    pub(crate) fn new(school: &School, asked: Option<&Path>) -> Result<Self, RunError> {
        let scratch = match asked {
            None => {
                let above = school.places.scratch();
                private_folder(&above)?;
                let made = TempDir::with_prefix_in("rehearsal-", &above)
                    .map_err(RunError::local("cannot make scratch in", above))?;
                Self { path: made.path().to_owned(), made: Some(made) }
            }
            Some(path) => {
                private_folder(path)?;
                Self { path: path.to_owned(), made: None }
            }
        };
        let path = scratch.path.canonicalize().map_err(RunError::local("cannot find", &scratch.path))?;
        outside(school, &path)?;
        let bad = |why: String| RunError::BadScratch { path: path.clone(), why };
        let mut inside = fs::read_dir(&path).map_err(RunError::local("cannot look into", &path))?;
        if inside.next().is_some() {
            return Err(bad("it is not empty; a rehearsal empties its scratch when it ends".into()));
        }
        Ok(Self { path, made: scratch.made })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes everything, and looks whether it is gone.
    pub(crate) fn wipe(self) -> Wiped {
        let removed = empty(&self.path);
        let left = fs::read_dir(&self.path).map(|inside| inside.count());
        let gone = match self.made {
            Some(made) => {
                let path = made.path().to_owned();
                made.close().is_ok() && fs::symlink_metadata(path).is_err()
            }
            None => true,
        };
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
