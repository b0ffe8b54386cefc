//! Can this target be reached now, and what stands behind it?

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dr_media::{PoolFacts, Register};
use dr_plan::{Bandwidth, MediumId, Plan, PoolId, TargetId, scheme_of};
use dr_repo::{Key, RepoError, Repository, Unlock};
use dr_store::local::LocalStore;
use dr_store::wrap::throttled::Throttled;
use dr_store::{Shelf, Store, StoreError};

use crate::error::RunError;
use crate::marker;
use crate::school::School;

/// Where a copy can be made or read now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The target of the plan.
    pub target: TargetId,
    /// The medium, if the target is a pool.
    pub medium: Option<MediumId>,
    /// The folder of the repository.
    pub folder: PathBuf,
    /// The repository's id as the ledger knows it, for a medium.
    pub repository: Option<String>,
}

/// Whether a target can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Here it is.
    Here(Spot),
    /// No medium of its pool is loaded.
    Awaited {
        /// Who is to bring which, and until when, in words.
        who: String,
        /// Whether that time has passed.
        overdue: bool,
    },
    /// This version cannot go there.
    CannotRun(String),
    /// It should be here and is not.
    Gone(String),
}

impl School {
    /// Whether and where `target` can be reached now.
    #[must_use]
    pub fn reach(&self, register: &Register, target: &TargetId) -> Reach {
        let Some(known) = self.plan.targets.get(target) else {
            return Reach::Gone("the plan has no such target".into());
        };
        if let Some((pool, _)) = self.plan.pool_of(target) {
            return self.reach_pool(register, target, pool);
        }
        match known.local_path() {
            Some(folder) => Reach::Here(Spot { target: target.clone(), medium: None, folder, repository: None }),
            None => {
                let scheme = scheme_of(known.url().unwrap_or_default()).to_owned();
                Reach::CannotRun(format!("this version of dr cannot write to {scheme}:// targets"))
            }
        }
    }

    fn reach_pool(&self, register: &Register, target: &TargetId, id: &PoolId) -> Reach {
        let Some(pool) = self.plan.pools.get(id) else { return Reach::Gone("the plan has no such pool".into()) };
        let Some(medium) = register.loaded(id) else { return self.awaited(register, id) };
        match marker::find(pool, register, &medium.id) {
            Ok(slot) => Reach::Here(Spot {
                target: target.clone(),
                medium: Some(medium.id.clone()),
                folder: slot.join(marker::REPOSITORY),
                repository: medium.repository.clone(),
            }),
            Err(why) => Reach::Gone(format!(
                "{why}. The ledger says that it is loaded: plug it in again, or say `dr media eject {}`",
                medium.id
            )),
        }
    }

    fn awaited(&self, register: &Register, pool: &PoolId) -> Reach {
        let now = self.clock.decided();
        let facts = PoolFacts::from_plan(&self.plan, &self.calendar, register, pool, now);
        let moves = facts.map(|facts| dr_media::due(&facts, register, now)).unwrap_or_default();
        let coming = moves.into_iter().find(|moved| moved.to == dr_media::Holder::Server);
        match coming {
            Some(coming) => {
                let by = coming.by.to_zoned(self.plan.school.timezone.clone()).strftime("%a %-d %b %H:%M");
                let who = coming.custodian.map_or("nobody is there to bring it".to_owned(), |who| self.person(&who));
                Reach::Awaited { who: format!("{} from {who} by {by}", coming.medium), overdue: coming.by < now }
            }
            None if register.pool(pool).is_empty() => {
                Reach::Awaited { who: format!("no disk of the pool {pool} is registered yet"), overdue: false }
            }
            None => Reach::Awaited { who: format!("no disk of the pool {pool} is loaded"), overdue: false },
        }
    }

    fn person(&self, id: &dr_plan::PersonId) -> String {
        self.plan.people.get(id).map_or_else(|| id.to_string(), |person| person.name.clone())
    }

    /// The store in a folder.
    pub(crate) fn shelf(&self, folder: &Path, write: bool) -> Result<Shelf, StoreError> {
        let folder = folder.to_owned();
        let store = if write { LocalStore::open(folder)? } else { LocalStore::open_read_only(folder)? };
        Ok(Shelf::new(Arc::new(store), self.runtime.clone()))
    }

    /// The store at a spot, to be written, taking no more of the line than the plan gives its target. Restores take all
    /// of it: on the bad day nothing else matters.
    fn paced(&self, spot: &Spot) -> Result<Shelf, StoreError> {
        let store: Arc<dyn Store> = Arc::new(LocalStore::open(spot.folder.clone())?);
        let store = match self.plan.targets.get(&spot.target).map(|target| target.bandwidth) {
            Some(Bandwidth::BytesPerSecond(most)) => Arc::new(Throttled::new(store, most)),
            _ => store,
        };
        Ok(Shelf::new(store, self.runtime.clone()))
    }

    /// The repository at a spot, which for a medium must be the one that the ledger knows.
    ///
    /// # Errors
    /// What the store or the repository says; a message names the target.
    pub fn open(&self, spot: &Spot, key: Key, write: bool) -> Result<Repository, RunError> {
        let named = |source: RepoError| RunError::repository(spot.named(), source);
        // First without writing: an empty mount point stays empty.
        let shelf = match self.shelf(&spot.folder, false) {
            Ok(shelf) => shelf,
            Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Err(named(RepoError::NoRepository(spot.folder.display().to_string())));
            }
            Err(other) => return Err(named(other.into())),
        };
        if !is_repository(&shelf).map_err(|e| named(e.into()))? {
            return Err(named(RepoError::NoRepository(spot.folder.display().to_string())));
        }
        let shelf = if write { self.paced(spot).map_err(|e| named(e.into()))? } else { shelf };
        let repository = Repository::open(shelf, Unlock::Key(key), self.host_id()).map_err(named)?;
        let index = self.places.index(&repository.id().to_string());
        let seen = self.places.seen(&repository.id().to_string());
        let repository = repository.with_index_in(Some(index)).remembered_in(Some(seen)).map_err(named)?;
        match (&spot.repository, &spot.medium) {
            (Some(known), Some(medium)) if *known != repository.id().to_string() => Err(RunError::Medium {
                medium: medium.clone(),
                why: "the repository on it is not the one that the ledger knows; nothing was written".into(),
            }),
            _ => Ok(repository),
        }
    }
}

/// On-site first, then elsewhere, then disks, then the cloud.
pub(crate) fn class_order(plan: &Plan, target: &TargetId) -> u8 {
    use dr_plan::Class::{Cloud, Disk, Offsite, Onsite};
    match plan.targets.get(target).map(|target| target.class) {
        Some(Onsite) => 0,
        Some(Disk) => 1,
        Some(Offsite) => 2,
        Some(Cloud) | None => 3,
    }
}

impl Spot {
    /// For messages: the target, and the medium if it is one.
    #[must_use]
    pub fn named(&self) -> String {
        match &self.medium {
            Some(medium) => format!("{} ({medium})", self.target),
            None => self.target.to_string(),
        }
    }
}

/// Whether somebody founded a repository on this shelf.
pub(crate) fn is_repository(shelf: &Shelf) -> Result<bool, StoreError> {
    let Ok(key) = dr_store::Key::new("repo.json") else { return Ok(false) };
    match shelf.size(&key) {
        Ok(_) => Ok(true),
        Err(StoreError::NotFound { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}
