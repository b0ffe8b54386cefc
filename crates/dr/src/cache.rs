//! What this host remembers of a repository so that the next run is quick. All of it may be lost at any time.

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use dr_repo::{Digest, RepoId};

use crate::env;
use crate::output::Screen;
use crate::shown;

/// A repository's folder in the cache, for us alone.
pub struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// Of `repository`. Without a folder everything works, only slower, and an interrupted run is not taken up.
    pub fn of(repository: RepoId, screen: &Screen) -> Self {
        let Some(top) = env::cache_folder() else {
            screen.warning(
                "there is no place for a cache (DR_CACHE, XDG_CACHE_HOME and HOME are not set): every file is read",
            );
            return Self { folder: None };
        };
        let folder = top.join(repository.to_string());
        match make(&folder) {
            Ok(()) => Self { folder: Some(folder) },
            Err(why) => {
                screen.warning(&format!(
                    "the cache folder {} cannot be used: {why}; every file is read",
                    shown::path(&folder)
                ));
                Self { folder: None }
            }
        }
    }

    /// For the notes of an interrupted run.
    pub fn journal(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// For the file cache of what `words` describe, which nothing else describes the same.
    pub fn files(&self, words: &[&[u8]]) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        let mut all = Vec::new();
        for word in words {
            all.extend_from_slice(&(word.len() as u64).to_le_bytes());
            all.extend_from_slice(word);
        }
        let name = Digest::of(&all).to_string();
        Some(folder.join(format!("files-{}", &name[..16])))
    }
}

/// Where the index of `repository` is kept, if there is a place for a cache.
pub fn index_folder(repository: RepoId) -> Option<PathBuf> {
    Some(env::cache_folder()?.join(repository.to_string()).join("index"))
}

/// Where it is remembered how far the log of `repository` was seen.
pub fn seen_file(repository: RepoId) -> Option<PathBuf> {
    Some(env::cache_folder()?.join(repository.to_string()).join("seen"))
}

fn make(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // It names files and says where their contents are: nobody else's affair, however the folder came to be.
    let now = std::fs::metadata(folder)?.permissions();
    if now.mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}
