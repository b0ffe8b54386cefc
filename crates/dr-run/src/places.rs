//! Where on this host are the plan, the state, the keys and the cache, and may the plan be believed?
//!
//! State is precious: ledger, keys, journals. The cache can be lost at any moment. Everything made here is closed to
//! other accounts. A plan that others can write is refused before it is read: it names commands and folders.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use dr_plan::SystemId;

use crate::error::RunError;

/// The folders of one school on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The plan's file.
    pub plan: PathBuf,
    /// What must not be lost.
    pub state: PathBuf,
    /// What may be.
    pub cache: PathBuf,
}

impl Places {
    /// The key that this host works with: a writing key, or in full mode the family's.
    #[must_use]
    pub fn host_key(&self) -> PathBuf {
        self.state.join("keys").join("host.key")
    }

    /// One run of a system at a time.
    pub(crate) fn lock(&self, system: &SystemId) -> PathBuf {
        self.state.join("locks").join(format!("{system}.lock"))
    }

    /// This host's private notes about one repository.
    pub(crate) fn journal(&self, repository: &str) -> PathBuf {
        self.state.join("journals").join(repository)
    }

    /// How far the log of one repository was seen.
    pub(crate) fn seen(&self, repository: &str) -> PathBuf {
        seen_file(&self.state, repository)
    }

    /// When the ledger was last compared with the copies, and where it ended then.
    pub(crate) fn compared(&self) -> PathBuf {
        self.state.join("ledger.compared")
    }

    /// The folder for file caches of one repository.
    pub(crate) fn file_cache(&self, repository: &str) -> PathBuf {
        self.cache.join("files").join(repository)
    }

    /// The folder for the index of one repository.
    pub(crate) fn index(&self, repository: &str) -> PathBuf {
        self.cache.join("index").join(repository)
    }

    /// For copies that have to be made before they can be read.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.cache.join("scratch")
    }

    /// Where evidence goes unless somebody says otherwise.
    #[must_use]
    pub fn evidence(&self) -> PathBuf {
        self.state.join("evidence")
    }
}

/// Where a state remembers how far the log of a repository was seen.
#[must_use]
pub fn seen_file(state: &Path, repository: &str) -> PathBuf {
    state.join("seen").join(repository)
}

/// Refuses a plan, or its folder, that anybody but this account and root can write.
///
/// # Errors
/// [`RunError::OthersCanWrite`], or that it cannot be looked at.
pub fn refuse_if_others_can_write(plan: &Path) -> Result<(), RunError> {
    let whole = plan.canonicalize().map_err(RunError::local("cannot read the plan", plan))?;
    for path in [Some(whole.as_path()), whole.parent()].into_iter().flatten() {
        let about = fs::metadata(path).map_err(RunError::local("cannot look at", path))?;
        if let Some(why) = who_else(&about) {
            return Err(RunError::OthersCanWrite { path: path.to_owned(), why });
        }
    }
    Ok(())
}

/// Who beside this account and root can write there.
fn who_else(about: &fs::Metadata) -> Option<&'static str> {
    let me = fs::metadata("/proc/self").map(|me| me.uid()).unwrap_or(0);
    match () {
        () if about.mode() & 0o002 != 0 => Some("everybody"),
        () if about.mode() & 0o020 != 0 => Some("its group"),
        () if about.uid() != me && about.uid() != 0 => Some("its owner is another account"),
        () => None,
    }
}

/// Refuses a state that anybody but this account and root can write: the folder, what lies in it, and the keys. Whoever can
/// write there can put another ledger or another key in place, or lay something in the way. One that is not there yet is
/// made closed.
///
/// # Errors
/// [`RunError::StateOpen`], or that it cannot be looked at.
pub fn refuse_open_state(state: &Path) -> Result<(), RunError> {
    let refuse = |path: &Path, about: &fs::Metadata| match who_else(about) {
        Some(why) => Err(RunError::StateOpen { path: path.to_owned(), why }),
        None => Ok(()),
    };
    match fs::metadata(state) {
        Ok(about) if about.is_dir() => refuse(state, &about)?,
        // What is no folder is told by whoever needs one.
        _ => return Ok(()),
    }
    for folder in [state.to_owned(), state.join("keys")] {
        // Whoever may not list it cannot use it either, and is told so there.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            // The mode of a link says nothing, and no file of the state is opened through one.
            match entry.metadata() {
                Ok(about) if about.is_symlink() => {}
                Ok(about) => refuse(&entry.path(), &about)?,
                Err(why) if why.kind() == std::io::ErrorKind::NotFound => {}
                Err(why) => return Err(RunError::local("cannot look at", entry.path())(why)),
            }
        }
    }
    Ok(())
}

/// Takes a lock of this school's, if no other process has it. It goes with the process, however that ends.
///
/// # Errors
/// If the file cannot be made or locked.
pub fn locked(path: &Path) -> Result<Option<File>, RunError> {
    path.parent().map_or(Ok(()), private_folder)?;
    let failed = |why| RunError::local("cannot lock", path)(why);
    let file = dr_open::lock(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(why)) => Err(failed(why)),
    }
}

/// Makes a folder, and those above it, closed to others; one that is there stays as it is.
pub(crate) fn private_folder(path: &Path) -> Result<(), RunError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(RunError::local("cannot make the folder", path))
}

/// Puts a file of mode 0600 in the place of whatever has this name: a power cut leaves the old one or the new one.
pub(crate) fn replaced_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|why| why.error)?;
    fs::File::open(folder)?.sync_all()
}

/// Writes a new file of mode 0600 that survives a power cut. Never over another.
pub(crate) fn private_file(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a key is worse than none.
        let _ = fs::remove_file(path);
        return written;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_state_that_others_can_write_is_refused_and_so_is_one_with_such_a_ledger_or_key() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("state");
        refuse_open_state(&state).unwrap();
        private_folder(&state.join("keys")).unwrap();
        for file in ["ledger.jsonl", "keys/host.key"] {
            fs::write(state.join(file), "").unwrap();
            fs::set_permissions(state.join(file), fs::Permissions::from_mode(0o600)).unwrap();
        }
        refuse_open_state(&state).unwrap();
        for (name, open, closed) in [
            ("", 0o777, 0o700),
            ("", 0o770, 0o755),
            ("ledger.jsonl", 0o666, 0o600),
            ("keys", 0o770, 0o700),
            ("keys/host.key", 0o620, 0o600),
        ] {
            fs::set_permissions(state.join(name), fs::Permissions::from_mode(open)).unwrap();
            assert!(matches!(refuse_open_state(&state), Err(RunError::StateOpen { .. })), "{name} {open:o}");
            fs::set_permissions(state.join(name), fs::Permissions::from_mode(closed)).unwrap();
        }
        refuse_open_state(&state).unwrap();
    }

    #[test]
    fn a_plan_that_others_can_write_is_refused_and_so_is_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let plan = folder.path().join("dr.toml");
        fs::write(&plan, "").unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        set(&plan, 0o644);
        set(folder.path(), 0o755);
        assert!(refuse_if_others_can_write(&plan).is_ok());
        for (path, mode) in [(plan.as_path(), 0o664), (&plan, 0o646), (folder.path(), 0o775), (folder.path(), 0o1777)] {
            set(&plan, 0o644);
            set(folder.path(), 0o755);
            set(path, mode);
            assert!(matches!(refuse_if_others_can_write(&plan), Err(RunError::OthersCanWrite { .. })), "{mode:o}");
        }
    }
}
