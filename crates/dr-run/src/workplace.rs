//! Where a verb works on this host, and by which clock: what its plan borrows for as long as it lasts.

use std::path::PathBuf;

use dr_repo::Repository;

use crate::error::RunError;
use crate::folders::workplace;
use crate::school::School;

/// The folders that a verb needs on this host for one repository, and its clock.
pub struct Workplace<'a> {
    /// Where packs are written before they have a name.
    pub(crate) scratch: PathBuf,
    /// This host's notes about the repository.
    pub(crate) journal: PathBuf,
    /// Tells the time, in milliseconds since 1970 UTC.
    pub(crate) clock: Box<dyn Fn() -> i64 + Sync + 'a>,
}

impl<'a> Workplace<'a> {
    /// Makes the folders, where they are missing.
    ///
    /// # Errors
    /// If one cannot be made.
    pub fn new(school: &'a School, repository: &Repository) -> Result<Self, RunError> {
        let (scratch, journal) = workplace(school, repository)?;
        Ok(Self { scratch, journal, clock: Box::new(|| school.clock.decided().as_millisecond()) })
    }
}
