//! Whose is what is put back? By the name that the owner had, where somebody has that name here; else by the number.
//!
//! Numbers are given out again on every machine, names are what people go by. A number that must do because its name is not
//! known here, and that belongs to somebody else here, is told.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use dr_entry::{Meta, Owner};
use rustix::fs::{Gid, Uid};

/// Whether and how owners are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// By name where the name is known here, else by number.
    ByName,
    /// By number.
    ByNumber,
    /// Not at all: everything belongs to who restores, and set-user-id and set-group-id bits of files are left out,
    /// because they would lend that person's rights.
    NotSet,
}

/// Asks the system for each name once: its answer may come over the network.
pub(super) struct Resolver {
    by: Owners,
    users: Mutex<HashMap<Owner, u32>>,
    groups: Mutex<HashMap<Owner, u32>>,
    strangers: Mutex<BTreeSet<String>>,
}

type Name = Arc<[u8]>;

impl Resolver {
    pub(super) fn new(by: Owners) -> Self {
        Self { by, users: Mutex::default(), groups: Mutex::default(), strangers: Mutex::default() }
    }

    /// The owner on this machine; `None`: whoever restores.
    pub(super) fn of(&self, meta: &Meta) -> Option<(Uid, Gid)> {
        match self.by {
            Owners::NotSet => None,
            Owners::ByNumber => Some((Uid::from_raw(meta.user.id), Gid::from_raw(meta.group.id))),
            Owners::ByName => {
                let user = self.id("user", &self.users, &meta.user, user_named, user_of);
                let group = self.id("group", &self.groups, &meta.group, group_named, group_of);
                Some((Uid::from_raw(user), Gid::from_raw(group)))
            }
        }
    }

    fn id(
        &self,
        what: &str,
        known: &Mutex<HashMap<Owner, u32>>,
        owner: &Owner,
        named: fn(&[u8]) -> Option<u32>,
        of: fn(u32) -> Option<Name>,
    ) -> u32 {
        let Some(name) = &owner.name else { return owner.id };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = known.get(owner) {
            return *id;
        }
        let id = named(name).unwrap_or_else(|| {
            if let Some(here) = of(owner.id) {
                let told = format!(
                    "the {what} {} is not known here, so what was theirs has their number, {}, which is {} here",
                    dr_entry::shown(name),
                    owner.id,
                    dr_entry::shown(&here)
                );
                self.strangers.lock().unwrap_or_else(PoisonError::into_inner).insert(told);
            }
            owner.id
        });
        known.insert(owner.clone(), id);
        id
    }

    /// Owners for whom a number had to do that is somebody else's here, a sentence each.
    pub(super) fn strangers(&self) -> Vec<String> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

fn user_named(name: &[u8]) -> Option<u32> {
    uzers::get_user_by_name(os(name)).map(|user| user.uid())
}

fn group_named(name: &[u8]) -> Option<u32> {
    uzers::get_group_by_name(os(name)).map(|group| group.gid())
}

fn user_of(id: u32) -> Option<Name> {
    uzers::get_user_by_uid(id).map(|user| bytes(user.name()))
}

fn group_of(id: u32) -> Option<Name> {
    uzers::get_group_by_gid(id).map(|group| bytes(group.name()))
}

fn os(name: &[u8]) -> &std::ffi::OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(name)
}

fn bytes(name: &std::ffi::OsStr) -> Name {
    std::os::unix::ffi::OsStrExt::as_bytes(name).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dr_entry::Kind;

    fn meta(id: u32, name: &str) -> Meta {
        let mut meta = Meta::plain(Kind::File, 0o600);
        meta.user = Owner { id, name: Some(name.as_bytes().into()) };
        meta.group = meta.user.clone();
        meta
    }

    #[test]
    fn an_owner_goes_by_the_name_that_is_known_here_and_else_by_the_number() {
        let raw = |found: Option<(Uid, Gid)>| found.map(|(user, group)| (user.as_raw(), group.as_raw()));
        let by_name = Resolver::new(Owners::ByName);
        // On another machine root had the number 7, and nobody here is called so.
        assert_eq!(raw(by_name.of(&meta(7, "root"))), Some((0, 0)));
        assert_eq!(raw(by_name.of(&meta(4_000_111, "nobody of this name"))), Some((4_000_111, 4_000_111)));
        assert!(by_name.strangers().is_empty());
        assert_eq!(raw(by_name.of(&Meta::plain(Kind::File, 0o600))), Some((0, 0)));
        assert_eq!(raw(Resolver::new(Owners::ByNumber).of(&meta(7, "root"))), Some((7, 7)));
        assert_eq!(raw(Resolver::new(Owners::NotSet).of(&meta(7, "root"))), None);
    }

    #[test]
    fn a_number_that_is_somebody_elses_here_is_told_once() {
        let by_name = Resolver::new(Owners::ByName);
        for _ in 0..2 {
            by_name.of(&meta(0, "a stranger"));
        }
        let told = by_name.strangers();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().all(|line| line.contains("a stranger is not known here") && line.ends_with("root here")));
    }
}
