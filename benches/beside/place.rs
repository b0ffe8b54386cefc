//! Where one comparison has its folders and its programs.

use std::fs;
use std::path::{Path, PathBuf};

/// Where one program keeps its things in one repetition.
pub struct Place {
    pub top: PathBuf,
    pub repository: PathBuf,
    pub cache: PathBuf,
    pub restored: PathBuf,
}

impl Place {
    pub(super) fn new(work: &Path, program: &str) -> Self {
        let top = work.join(program.replace(' ', "-"));
        let below = |name: &str| top.join(name);
        Self { repository: below("repository"), cache: below("cache"), restored: below("restored"), top }
    }

    pub(super) fn remove(&self) -> Result<(), String> {
        match fs::remove_dir_all(&self.top) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(format!("cannot remove {}: {e}", self.top.display()))
            }
            _ => Ok(()),
        }
    }
}
