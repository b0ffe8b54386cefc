//! Where a repository is, as people write it, and how it is opened.

use std::path::PathBuf;

use dr_repo::{HostId, RepoError, Repository, is_repository};
pub use dr_store::Access;
use dr_store::{Address, BlockingStore, Credentials, StoreError};

use crate::context::Context;
use crate::exit::Failure;
use crate::failure_text::{self, Operation};
pub use crate::hostname::hostname;
use crate::unlock;

/// The address of a repository: a path, or `file://` and a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(Address);

/// Reads an address from the command line.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn parse(text: &str) -> Result<Place, String> {
    let address = Address::parse(text).map_err(|why| why.to_string())?;
    address.absolute().map(Place).map_err(|why| format!("it is not a path: {why}"))
}

impl Place {
    /// Its address.
    pub fn address(&self) -> &Address {
        &self.0
    }

    /// The store there.
    ///
    /// # Errors
    /// What the store says.
    pub fn store(&self, access: Access, context: &Context<'_>) -> Result<BlockingStore, StoreError> {
        Ok(BlockingStore::new(dr_store::open(&self.0, access, &Credentials::default())?, context.runtime.clone()))
    }

    /// Opens the repository there, ready to look up what it holds. What is damaged but not in the way is a warning.
    ///
    /// # Errors
    /// As [`failure_text::repo`].
    pub fn open(&self, access: Access, context: &Context<'_>) -> Result<Repository, Failure> {
        let opened = self.try_open(access, context)?.and_then(|repository| repository.ready().map(|()| repository));
        self.warned(opened, context)
    }

    /// As [`Place::open`] for lists, which need no index: it is not read.
    ///
    /// # Errors
    /// As [`failure_text::repo`].
    pub fn open_for_list(&self, context: &Context<'_>) -> Result<Repository, Failure> {
        let opened = self.try_open(Access::Read, context)?;
        self.warned(opened, context)
    }

    fn warned(&self, opened: Result<Repository, RepoError>, context: &Context<'_>) -> Result<Repository, Failure> {
        let repository = opened.map_err(|e| failure_text::repo(&e, Operation::Opening, &context.signals))?;
        for fault in repository.faults() {
            context.screen.warning(&format!("{} in {}: {}", fault.object, self.shown(), fault.what));
        }
        Ok(repository)
    }

    /// As [`Place::open`], for whoever wants to judge the fault himself. No password is asked for where there is
    /// no repository.
    ///
    /// # Errors
    /// If no password or key can be had.
    pub fn try_open(&self, access: Access, context: &Context<'_>) -> Result<Result<Repository, RepoError>, Failure> {
        // Only read before it is known that this is a repository: an empty mount point stays empty.
        let there = self.store(Access::Read, context).and_then(|store| is_repository(&store));
        match there {
            Ok(true) => {}
            Ok(false) => return Ok(Err(RepoError::NoRepository(self.shown()))),
            Err(error) => return Ok(Err(error.into())),
        }
        let unlock = unlock::key(context)?;
        Ok(self
            .store(access, context)
            .map_err(RepoError::from)
            .and_then(|store| Repository::open(store, unlock, HostId::named(&hostname())))
            .and_then(|repository| {
                let id = repository.id();
                repository.with_index_in(crate::cache::index_folder(id)).remembered_in(memory(id, context))
            }))
    }

    /// For messages.
    pub fn shown(&self) -> String {
        match self.0.folder() {
            Some(folder) => crate::shown::path(folder),
            None => crate::shown::name(self.0.to_string().as_bytes()),
        }
    }
}

/// Where it is remembered how far a repository was seen: in the state of the plan, if that host knows it, so that both say
/// the same; else in the cache.
fn memory(id: dr_repo::RepoId, context: &Context<'_>) -> Option<PathBuf> {
    let of_plan =
        crate::command::opened::state_of_plan(context).map(|state| dr_run::seen_file(&state, &id.to_string()));
    of_plan.filter(|file| file.is_file()).or_else(|| crate::cache::seen_file(id))
}
