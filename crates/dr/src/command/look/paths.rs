//! Which entries of a snapshot a person means by a path, and what is said where there is none.

use std::path::{Path, PathBuf};

use dr_entry::{BadPath, EntryPath};
use dr_repo::{Label, Repository, Shape, Tree};
use dr_run::{Asked, Naming};

use crate::exit::{Cause, Failure};

/// Paths that were asked for, and how entries are called.
pub struct Wanted {
    pub naming: Naming,
    /// What of it is there; empty for everything if nothing was asked for.
    pub there: Vec<EntryPath>,
    /// What is not, a sentence each.
    pub missing: Vec<String>,
    /// The same as the entries that they would be.
    pub absent: Vec<EntryPath>,
}

/// How the entries of a snapshot are called. Where its tree cannot be read, what is read next says so.
pub fn naming(repository: &Repository, tree: &Tree) -> Naming {
    Naming::of(repository, tree.id, &tree.label, tree.shape).unwrap_or_else(|_| Naming::plain(&tree.label, tree.shape))
}

/// The entries that `paths` name.
///
/// # Errors
/// [`Cause::Usage`] for a path that cannot name an entry, [`Cause::Failed`] if none of them is there.
pub fn wanted(paths: &[PathBuf], repository: &Repository, tree: &Tree) -> Result<Wanted, Failure> {
    let asked = asked(paths, repository, tree)?;
    if asked.there.is_empty() && !asked.missing.is_empty() {
        return Err(Failure::new(Cause::Failed, format!("{}.", asked.missing.join("; "))));
    }
    Ok(asked)
}

/// The same, whatever is there.
///
/// # Errors
/// [`Cause::Usage`] for a path that cannot name an entry.
pub fn asked(paths: &[PathBuf], repository: &Repository, tree: &Tree) -> Result<Wanted, Failure> {
    let naming = naming(repository, tree);
    let asked = Asked::of(&naming, repository, tree.id, paths).map_err(|(path, why)| unfit(&path, why))?;
    let missing = asked.not_there(&naming, repository, tree.id);
    let absent = asked.missing.into_iter().map(|(_, entry)| entry).collect();
    Ok(Wanted { naming, there: asked.there, missing, absent })
}

/// That a path cannot name anything in a snapshot.
pub fn unfit(path: &Path, why: BadPath) -> Failure {
    Failure::usage(format!("{}: {why}. Nothing was looked for.", crate::shown::path(path)))
}

/// How an entry was called on the machine, by what a snapshot says of itself.
pub fn on_the_machine(entry: &EntryPath, paths: &[Vec<u8>], shape: Shape) -> Vec<u8> {
    let label = Label { paths: paths.to_vec(), ..Label::default() };
    Naming::plain(&label, shape).on_the_machine(entry)
}
