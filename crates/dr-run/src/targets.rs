//! Can this target be reached now, and what stands behind it?

use std::path::Path;
use std::sync::Arc;

use dr_ledger::MediumKind;
use dr_media::{PoolFacts, Register};
use dr_plan::{Bandwidth, MediumId, Plan, PoolId, Target, TargetId, scheme_of};
use dr_repo::{Key, Known, RepoError, Repository, Unlock};
use dr_store::wrap::throttled::Throttled;
use dr_store::{Access, Address, BlockingStore, Credentials, Store, StoreError};

use crate::devices::Machine;
use crate::error::RunError;
pub use crate::location::{Availability, TargetLocation};
use crate::marker;
use crate::school::School;
use crate::spans;

impl School {
    /// Whether and where `target` can be reached now.
    #[must_use]
    pub fn reach(&self, register: &Register, target: &TargetId) -> Availability {
        let Some(known) = self.plan.targets.get(target) else {
            return Availability::Gone("the plan has no such target".into());
        };
        if let Some((pool, _)) = self.plan.pool_of(target) {
            return self.reach_pool(register, target, pool);
        }
        match address(known) {
            Some(address) => Availability::Here(self.location(register, target, None, address)),
            None => {
                let scheme = scheme_of(known.url().unwrap_or_default()).to_owned();
                Availability::CannotRun(format!("this version of dr cannot write to {scheme}:// targets"))
            }
        }
    }

    /// A place of copies, with what the ledger knows of it.
    pub(crate) fn location(
        &self,
        register: &Register,
        target: &TargetId,
        medium: Option<&MediumId>,
        address: Address,
    ) -> TargetLocation {
        let sights = register.sights();
        let known = sights.place(target, medium);
        let others = self.plan.targets.keys().filter(|other| medium.is_some() || *other != target);
        let taken = others.filter_map(|other| Some((sights.target(other)?.repository.clone()?, other.to_string())));
        TargetLocation {
            target: target.clone(),
            medium: medium.cloned(),
            address,
            repository: known.and_then(|sight| sight.repository.clone()),
            founded: known.is_some_and(|sight| sight.founded),
            taken: taken.collect(),
        }
    }

    fn reach_pool(&self, register: &Register, target: &TargetId, id: &PoolId) -> Availability {
        let Some(pool) = self.plan.pools.get(id) else { return Availability::Gone("the plan has no such pool".into()) };
        let Some(medium) = register.loaded(id) else { return self.awaited(register, id) };
        let machine = Machine::of(self);
        match marker::find(&machine, pool, register, &medium.id) {
            Ok(slot) => Availability::Here(self.location(register, target, Some(&medium.id), on_medium(&slot))),
            Err(why) => match self.instead(register, target, &medium.id) {
                Some(location) => Availability::Here(location),
                None => Availability::Gone(format!(
                    "{why}. The ledger says that it is loaded: plug it in again, or say `dr media eject {}`",
                    medium.id
                )),
            },
        }
    }

    /// A disk of the same pool that is plugged in where the loaded one is not: somebody changed them and told nobody. It
    /// serves as well, if it may be written; where it is said to be is for people to put right.
    fn instead(&self, register: &Register, target: &TargetId, loaded: &MediumId) -> Option<TargetLocation> {
        let (_, pool) = self.plan.pool_of(target)?;
        // Where something says that it is the loaded one, and is not, nobody knows what is going on.
        if !marker::claims(pool, loaded).is_empty() {
            return None;
        }
        let mut others = self.in_sight(register, target);
        others.retain(|location| location.medium.as_ref() != Some(loaded));
        others.into_iter().next()
    }

    /// The disks of a target's pool that are plugged in and are what the ledger knows, loaded or not. A folder that stands
    /// for a disk is always there, so that says nothing.
    pub(crate) fn in_sight(&self, register: &Register, target: &TargetId) -> Vec<TargetLocation> {
        let Some((id, pool)) = self.plan.pool_of(target) else { return Vec::new() };
        let machine = Machine::of(self);
        let media =
            register.pool(id).into_iter().filter(|medium| medium.is_usable() && medium.kind != MediumKind::Directory);
        let there = media.filter_map(|medium| Some((medium, marker::find(&machine, pool, register, &medium.id).ok()?)));
        there.map(|(medium, slot)| self.location(register, target, Some(&medium.id), on_medium(&slot))).collect()
    }

    fn awaited(&self, register: &Register, pool: &PoolId) -> Availability {
        let now = self.clock.decided();
        let facts = PoolFacts::from_plan(&self.plan, &self.calendar, register, pool, now);
        let moves = facts.map(|facts| dr_media::due(&facts, register, now)).unwrap_or_default();
        let coming = moves.into_iter().find(|moved| moved.to == dr_media::Holder::Server);
        match coming {
            Some(coming) => {
                let by = coming.by.to_zoned(self.plan.school.timezone.clone()).strftime("%a %-d %b %H:%M");
                let who = coming.custodian.map_or("nobody is there to bring it".to_owned(), |who| self.person(&who));
                Availability::Awaited { who: format!("{} from {who} by {by}", coming.medium), overdue: coming.by < now }
            }
            None if register.pool(pool).is_empty() => {
                Availability::Awaited { who: format!("no disk of the pool {pool} is registered yet"), overdue: false }
            }
            None => Availability::Awaited { who: format!("no disk of the pool {pool} is loaded"), overdue: false },
        }
    }

    fn person(&self, id: &dr_plan::PersonId) -> String {
        self.plan.people.get(id).map_or_else(|| id.to_string(), |person| person.name.clone())
    }

    /// The store at an address.
    pub(crate) fn store(&self, address: &Address, access: Access) -> Result<BlockingStore, StoreError> {
        Ok(BlockingStore::new(store(address, access)?, self.runtime.clone()))
    }

    /// The store at a location, to be written, taking no more of the line than the plan gives its target. Restores take all
    /// of it: on the bad day nothing else matters.
    fn paced(&self, location: &TargetLocation) -> Result<BlockingStore, StoreError> {
        let store = store(&location.address, Access::Write)?;
        let store = match self.plan.targets.get(&location.target).map(|target| target.bandwidth) {
            Some(Bandwidth::BytesPerSecond(most)) => Arc::new(Throttled::new(store, most)),
            _ => store,
        };
        Ok(BlockingStore::new(store, self.runtime.clone()))
    }

    /// The repository at a location, which must be the one that the ledger knows there.
    ///
    /// # Errors
    /// [`RunError::Gone`] if the ledger knows one there and there is none, [`RunError::OtherRepository`]; what the store
    /// or the repository says. A message names the target.
    pub fn open(&self, location: &TargetLocation, key: Key, write: bool) -> Result<Repository, RunError> {
        let _span = spans::target(location).entered();
        let named = |source: RepoError| RunError::repository(location.named(), source);
        let place = || location.address.to_string();
        let none = || match location.founded && location.medium.is_none() {
            true => RunError::Gone { target: location.target.clone(), place: place() },
            false => named(RepoError::NoRepository(place())),
        };
        // First without writing: an empty mount point stays empty.
        let blocking = match self.store(&location.address, Access::Read) {
            Ok(blocking) => blocking,
            Err(why) if why.is_absent() => return Err(none()),
            Err(other) => return Err(named(other.into())),
        };
        match dr_repo::known(&blocking).map_err(named)? {
            Known::Nothing => return Err(none()),
            Known::Repository { id, .. } => location.holds(&id.to_string())?,
            Known::Damaged => {}
        }
        let blocking = if write { self.paced(location).map_err(|e| named(e.into()))? } else { blocking };
        let repository = Repository::open(blocking, Unlock::Key(key), self.host_id()).map_err(named)?;
        let index = self.places.index(&repository.id().to_string());
        let seen = self.places.seen(&repository.id().to_string());
        let repository = match self.host_key() {
            Ok(key) => repository.of_host_with(&key),
            Err(_) => repository,
        };
        let repository = repository.with_index_in(Some(index)).remembered_in(Some(seen)).map_err(named)?;
        // It may have been exchanged since.
        location.holds(&repository.id().to_string())?;
        Ok(repository)
    }
}

/// Where a target of the plan keeps its copies; `None` for a pool, whose disks have addresses of their own, and where this
/// version has no store. What follows `file:` in a plan is taken as it stands.
#[must_use]
pub fn address(target: &Target) -> Option<Address> {
    let url = target.url()?;
    match scheme_of(url) {
        "" | "file" => target.local_path().map(Address::Folder),
        _ => Address::parse(url).ok(),
    }
}

/// Where the repository on a disk in this slot is.
pub(crate) fn on_medium(slot: &Path) -> Address {
    Address::Folder(slot.join(marker::REPOSITORY))
}

/// Every store of a plan is opened here.
fn store(address: &Address, access: Access) -> Result<Arc<dyn Store>, StoreError> {
    // A plan names no credentials of targets yet.
    dr_store::open(address, access, &Credentials::default())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_says_of_each_scheme_whether_there_is_a_store() {
        for scheme in dr_plan::SCHEMES {
            let url = match (scheme.word, scheme.is_path) {
                ("", _) => "/mnt/nas".to_owned(),
                (word, true) => format!("{word}:///mnt/nas"),
                (word, false) => format!("{word}://host/nas"),
            };
            let plan = format!(
                "school = \"S\"\npeople = {{ head = \"A\" }}\ncopies = {{ onsite = \"{url}\" }}\n[systems]\nx = \"/x\"\n"
            );
            let plan = dr_plan::parse(&plan, "dr.toml").unwrap();
            let target = plan.targets.values().next().unwrap();
            assert_eq!((address(target).is_some(), target.runs()), (scheme.runs, scheme.runs), "{url}");
            assert_eq!(target.local_path().is_some(), scheme.is_path, "{url}");
        }
    }
}
