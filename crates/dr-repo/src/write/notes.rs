//! Which packs did a check of this host find damaged by reading them? Noted beside its other notes about the repository, so
//! that its next backup stores again what lay in them.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::error::RepoError;

/// The names of the objects, one a line. Lost, it is as if nothing had been found: the next check finds it again.
pub(crate) struct Notes(Option<PathBuf>);

/// No note is longer.
pub(crate) const NOTE_MAX: u64 = 256 << 20;

impl Notes {
    pub(crate) fn of(journal: Option<&Path>) -> Self {
        Self(journal.map(|folder| folder.join("damaged")))
    }

    pub(crate) fn read(&self) -> BTreeSet<String> {
        let text = self.0.as_ref().and_then(|path| dr_open::text(path, NOTE_MAX).ok()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) fn write(&self, names: &BTreeSet<String>) -> Result<(), RepoError> {
        let Some(path) = &self.0 else { return Ok(()) };
        let folder = path.parent().unwrap_or(Path::new("."));
        let write = || -> std::io::Result<()> {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            names.iter().try_for_each(|name| writeln!(file, "{name}"))?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            std::fs::File::open(folder)?.sync_all()
        };
        write().map_err(RepoError::local(format!("cannot write {}", path.display())))
    }
}
