//! Where a repository is, as people write it, and how it is opened.

use std::path::PathBuf;
use std::sync::Arc;

use dr_repo::{HostId, RepoError, Repository, is_repository};
use dr_store::local::LocalStore;
use dr_store::{Shelf, StoreError};

use crate::args::World;
use crate::exit::Failure;
use crate::told::{self, Doing};
use crate::unlock;

/// The address of a repository: a path, or `file://` and a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(PathBuf);

/// Reads an address from the command line.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn parse(text: &str) -> Result<Place, String> {
    let path = match text.split_once("://") {
        Some(("file", path)) if path.starts_with('/') => decoded(path)?,
        Some(("file", _)) => return Err("`file://` is followed by an absolute path, as in file:///mnt/nas/dr".into()),
        Some((scheme, _))
            if !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) =>
        {
            return Err(format!(
                "this version of dr keeps repositories on local paths only (a path, or file://), not on {scheme}://"
            ));
        }
        _ => PathBuf::from(text),
    };
    std::path::absolute(path).map(Place).map_err(|why| format!("it is not a path: {why}"))
}

/// A path from a URL, with `%20` and the like undone.
fn decoded(path: &str) -> Result<PathBuf, String> {
    use std::os::unix::ffi::OsStringExt as _;
    let mut parts = path.split('%');
    let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(byte.ok_or("a `%` in a file:// address is followed by two hexadecimal digits (%25 is `%`)")?);
        out.extend_from_slice(&part.as_bytes()[2..]);
    }
    Ok(std::ffi::OsString::from_vec(out).into())
}

/// What is to be done with a repository.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Not a byte is written there.
    Read,
    Write,
}

impl Place {
    /// The folder.
    pub fn path(&self) -> &std::path::Path {
        &self.0
    }

    /// The store there.
    ///
    /// # Errors
    /// What the store says.
    pub fn shelf(&self, access: Access, world: &World<'_>) -> Result<Shelf, StoreError> {
        let store = match access {
            Access::Read => LocalStore::open_read_only(self.0.clone())?,
            Access::Write => LocalStore::open(self.0.clone())?,
        };
        Ok(Shelf::new(Arc::new(store), world.runtime.clone()))
    }

    /// Opens the repository there, ready to look up what it holds. What is damaged but not in the way is a warning.
    ///
    /// # Errors
    /// As [`told::repo`].
    pub fn open(&self, access: Access, world: &World<'_>) -> Result<Repository, Failure> {
        let opened = self.try_open(access, world)?.and_then(|repository| repository.ready().map(|()| repository));
        self.warned(opened, world)
    }

    /// As [`Place::open`] for lists, which need no index: it is not read.
    ///
    /// # Errors
    /// As [`told::repo`].
    pub fn open_for_list(&self, world: &World<'_>) -> Result<Repository, Failure> {
        let opened = self.try_open(Access::Read, world)?;
        self.warned(opened, world)
    }

    fn warned(&self, opened: Result<Repository, RepoError>, world: &World<'_>) -> Result<Repository, Failure> {
        let repository = opened.map_err(|e| told::repo(&e, Doing::Opening, &world.signals))?;
        for fault in repository.faults() {
            world.screen.warning(&format!("{} in {}: {}", fault.object, self.shown(), fault.what));
        }
        Ok(repository)
    }

    /// As [`Place::open`], for whoever wants to judge the fault himself. No password is asked for where there is
    /// no repository.
    ///
    /// # Errors
    /// If no password or key can be had.
    pub fn try_open(&self, access: Access, world: &World<'_>) -> Result<Result<Repository, RepoError>, Failure> {
        // Only read before it is known that this is a repository: an empty mount point stays empty.
        let there = self.shelf(Access::Read, world).and_then(|shelf| is_repository(&shelf));
        match there {
            Ok(true) => {}
            Ok(false) => return Ok(Err(RepoError::NoRepository(self.shown()))),
            Err(error) => return Ok(Err(error.into())),
        }
        let unlock = unlock::key(world)?;
        Ok(self
            .shelf(access, world)
            .map_err(RepoError::from)
            .and_then(|shelf| Repository::open(shelf, unlock, HostId::named(&hostname())))
            .and_then(|repository| {
                let id = repository.id();
                repository.with_index_in(crate::cache::index_folder(id)).remembered_in(memory(id, world))
            }))
    }

    /// For messages.
    pub fn shown(&self) -> String {
        crate::shown::path(&self.0)
    }
}

/// Where it is remembered how far a repository was seen: in the state of the plan, if that host knows it, so that both say
/// the same; else in the cache.
fn memory(id: dr_repo::RepoId, world: &World<'_>) -> Option<PathBuf> {
    let of_plan = crate::command::opened::state_of_plan(world).map(|state| dr_run::seen_file(&state, &id.to_string()));
    of_plan.filter(|file| file.is_file()).or_else(|| crate::cache::seen_file(id))
}

/// This machine's name.
pub fn hostname() -> String {
    crate::shown::text(rustix::system::uname().nodename().to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_local_paths_and_anything_else_is_refused_by_name() {
        let path = |text: &str| parse(text).map(|place| place.0.to_string_lossy().into_owned());
        assert_eq!(path("/mnt/nas/dr").as_deref(), Ok("/mnt/nas/dr"));
        assert_eq!(path("file:///mnt/a%20b").as_deref(), Ok("/mnt/a b"));
        assert!(path("s3://bucket/x").unwrap_err().contains("s3://"));
        assert!(path("file://host/x").is_err() && path("file:///x%2").is_err() && path("file:///x%zz").is_err());
    }
}
