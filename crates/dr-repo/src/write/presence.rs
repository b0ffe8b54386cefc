//! Is what a new snapshot would rely on there?
//!
//! The log says what was stored, the store what is there now. Packs are listed before anything is looked up, so that a
//! chunk in a pack that is missing, cut off or known to be damaged is no duplicate and is stored again from the source;
//! and again before COMMIT, so that no snapshot counts whose packs went meanwhile.

use std::collections::BTreeSet;
use std::path::Path;

use dr_format::id::PackId;
use dr_index::lookup::Index;
use dr_log::fold::State;
use dr_log::object::key;
use dr_store::{BlockingStore, Listed, StoreError};

use crate::error::RepoError;
use crate::read::repository::Repository;
use crate::read::touched::Touched;
use crate::write::notes::Notes;

/// The old fault that tests can plant again: what the log says is believed without a look.
const PLANTED: &str = "packs-believed";
/// Up to so many packs are asked for one by one, more are listed.
const ONE_BY_ONE: usize = 128;

/// A pack that earlier snapshots rely on and nobody can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// Name of its object.
    pub object: String,
    /// What is wrong with it.
    pub what: String,
}

/// What a writer found before it looked anything up.
#[derive(Debug, Default)]
pub(crate) struct Stands {
    /// How long each pack is, by its number, where somebody vouches for it.
    lens: Vec<Option<u64>>,
    pub(crate) lacking: Vec<Lacking>,
    /// Whose snapshots that costs something.
    pub(crate) touched: Touched,
}

/// Every pack's object and its size, in order of their names.
struct Listing(Vec<Listed>);

impl Listing {
    fn of(store: &BlockingStore) -> Result<Self, RepoError> {
        let mut all = store.list("data")?;
        all.append(&mut store.list("meta")?);
        all.sort_unstable();
        Ok(Self(all))
    }

    fn size(&self, name: &str) -> Option<u64> {
        let found = self.0.binary_search_by(|listed| listed.key.as_str().cmp(name));
        found.ok().map(|at| self.0[at].size)
    }
}

/// What is wrong with an object of this size that should be so long.
pub(crate) fn wrong(size: Option<u64>, len: Option<u64>) -> Option<String> {
    match (size, len) {
        (None, _) => Some("it is missing".to_owned()),
        (Some(size), Some(len)) if size != len => Some(format!("it is {size} bytes and should be {len}")),
        _ => None,
    }
}

/// Looks which packs are there and of their length, for whoever writes into the repository: from then on no duplicate is
/// found in any other, nor in one that a check of this host found damaged.
pub(crate) fn look(repository: &mut Repository, journal: Option<&Path>) -> Result<Stands, RepoError> {
    if dr_switch::is_planted(PLANTED) {
        return Ok(Stands::default());
    }
    let mut found = compare(repository, journal)?;
    if !found.bad.is_empty() {
        // Somebody may have let packs go, or healed them under other names, since the log was read.
        repository.refresh()?;
        found = compare(repository, journal)?;
    }
    let index = repository.index()?;
    let packs: BTreeSet<PackId> = found.bad.iter().map(|(pack, _)| index.brief(*pack).id).collect();
    index.distrust(found.bad.iter().map(|(pack, _)| *pack));
    let lacking = found.bad.into_iter().map(|(pack, what)| Lacking { object: index.object(pack), what }).collect();
    Ok(Stands { lens: found.lens, lacking, touched: repository.relying_on(&packs) })
}

struct Compared {
    lens: Vec<Option<u64>>,
    /// Numbers of packs, and what is wrong with them.
    bad: Vec<(u32, String)>,
}

fn compare(repository: &Repository, journal: Option<&Path>) -> Result<Compared, RepoError> {
    let (index, notes) = (repository.index()?, Notes::of(journal).read());
    let lens = index.lens()?;
    let listing = Listing::of(&repository.store)?;
    let what = |(pack, len): (u32, &Option<u64>)| {
        let object = index.object(pack);
        let damaged = || notes.contains(&object).then(|| "a check found it damaged".to_owned());
        wrong(listing.size(&object), *len).or_else(damaged).map(|what| (pack, what))
    };
    let bad = (0..).zip(&lens).filter_map(what).collect();
    Ok(Compared { lens, bad })
}

impl Stands {
    /// Holds packs to presence and length once more, right before a snapshot that relies on them is committed. `own`:
    /// name and length of what its session stored.
    pub(crate) fn hold(
        &self,
        (store, state, index): (&BlockingStore, &State, &Index),
        relied: impl Iterator<Item = u32>,
        own: impl Iterator<Item = (String, u64)>,
    ) -> Result<(), RepoError> {
        if dr_switch::is_planted(PLANTED) {
            return Ok(());
        }
        let of = |pack: u32| {
            let brief = index.brief(pack);
            let object = state.packs.get(&brief.id).map_or_else(|| index.object(pack), |at| at.object_name(brief.id));
            // One that was healed meanwhile is as long as it was.
            (object, self.lens.get(pack as usize).copied().flatten())
        };
        let all: Vec<(String, Option<u64>)> = relied.map(of).chain(own.map(|(name, len)| (name, Some(len)))).collect();
        let is_there = match all.len() <= ONE_BY_ONE {
            true => all.iter().try_fold(true, |good, (name, len)| {
                Ok::<_, RepoError>(good && wrong(size(store, name)?, *len).is_none())
            })?,
            false => {
                let listing = Listing::of(store)?;
                all.iter().all(|(name, len)| wrong(listing.size(name), *len).is_none())
            }
        };
        if is_there { Ok(()) } else { Err(RepoError::Outrun("a pack that it relies on is gone or was cut off")) }
    }
}

fn size(store: &BlockingStore, name: &str) -> Result<Option<u64>, RepoError> {
    match store.size(&key(name)?) {
        Ok(size) => Ok(Some(size)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(other) => Err(other.into()),
    }
}
