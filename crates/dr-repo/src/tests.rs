//! What is true of the whole engine, asked from inside: where a test needs more than what anybody may see.

mod bombs;
mod key_erasure;
pub(crate) mod relocation;
mod strays;

use crate::error::RepoError;
use crate::maintain::prune::{PruneOptions, PruneReport, plan_prune};
use crate::maintain::repair::{RepairOptions, RepairReport, plan_repair};
use crate::read::repository::Repository;

/// Plans and executes.
pub(crate) fn prune(repository: &mut Repository, options: &PruneOptions<'_>) -> Result<PruneReport, RepoError> {
    plan_prune(repository, options)?.execute(repository)
}

/// Plans and executes.
pub(crate) fn repair(repository: &mut Repository, options: &RepairOptions<'_>) -> Result<RepairReport, RepoError> {
    plan_repair(repository, options)?.execute(repository, &mut |_| {})
}
