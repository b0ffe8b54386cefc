//! Where a system's work is done, and the lock that one process has on it.

use std::fs::File;
use std::path::{Path, PathBuf};

use dr_plan::SystemId;

use crate::error::RunError;
use crate::places::{locked, private_folder};
use crate::school::School;

/// One run of a system at a time, in all processes. The lock goes with the process, however that ends.
pub(crate) fn lock(school: &School, system: &SystemId) -> Result<Option<File>, RunError> {
    locked(&school.places.lock(system))
}

/// Where packs of a repository are written before they have a name, and this host's notes about it.
pub(crate) fn workplace(school: &School, repository: &dr_repo::Repository) -> Result<(PathBuf, PathBuf), RunError> {
    let (scratch, journal) = (school.places.scratch(), school.places.journal(&repository.id().to_string()));
    for folder in [&scratch, &journal] {
        made(folder)?;
    }
    Ok((scratch, journal))
}

/// The folder of a path that may be missing.
pub(crate) fn made(path: &Path) -> Result<&Path, RunError> {
    private_folder(path).map(|()| path)
}
