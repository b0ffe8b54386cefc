//! On which device does something lie, and is that the same as for something else?
//!
//! A copy beside what it was made of goes with it. So whatever holds copies or sources is looked through down to whole
//! disks: partitions, LVM and its kind, RAID, btrfs, ZFS, bind mounts, overlays; what comes over the
//! network is its server and export. What cannot be told is *not known*, never separate.

mod disks;
mod machine;
mod made_up;
mod mounts;

use std::collections::BTreeSet;
use std::fmt;

pub(crate) use machine::Machine;
pub(crate) use mounts::Mounts;

/// One device, as far as that can be told: the same value means the same device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceId {
    /// A whole disk: what it calls itself, or else the kernel's name of it.
    Disk(String),
    /// What a server gives over the network.
    Export {
        /// The server's address, or its name.
        server: String,
        /// What it gives.
        path: String,
    },
    /// What a sample school or a test says.
    MadeUp(String),
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(disk) => write!(f, "disk {disk}"),
            Self::Export { server, path } => write!(f, "export {server}:{path}"),
            Self::MadeUp(name) => write!(f, "made-up {name}"),
        }
    }
}

/// Where something lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lies {
    /// On these devices: what is on several needs each of them.
    On(BTreeSet<DeviceId>),
    /// That cannot be told, and why not.
    NotKnown(String),
}

/// How two things lie to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// One device at least holds both.
    Same,
    /// No device holds both.
    Separate,
    /// That cannot be told.
    NotKnown,
}

impl Lies {
    pub(crate) fn on(device: DeviceId) -> Self {
        Self::On(BTreeSet::from([device]))
    }

    pub(crate) fn not_known(why: impl Into<String>) -> Self {
        Self::NotKnown(why.into())
    }

    /// All of them together; not known if one is not.
    pub(crate) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut devices = BTreeSet::new();
        for part in parts {
            match part {
                Self::On(more) => devices.extend(more),
                unknown @ Self::NotKnown(_) => return unknown,
            }
        }
        if devices.is_empty() { Self::not_known("nothing says on which device it lies") } else { Self::On(devices) }
    }

    /// How this lies to `other`.
    #[must_use]
    pub fn to(&self, other: &Self) -> Relation {
        let (Self::On(ours), Self::On(theirs)) = (self, other) else { return Relation::NotKnown };
        let pairs = ours.iter().flat_map(|one| theirs.iter().map(move |other| one.to(other)));
        pairs.max_by_key(|relation| relation.weight()).unwrap_or(Relation::NotKnown)
    }

    /// The devices as the ledger has them.
    pub(crate) fn names(&self) -> Option<Vec<String>> {
        match self {
            Self::On(devices) => Some(devices.iter().map(ToString::to_string).collect()),
            Self::NotKnown(_) => None,
        }
    }
}

impl DeviceId {
    fn to(&self, other: &Self) -> Relation {
        match (self, other) {
            _ if self == other => Relation::Same,
            (Self::Export { server, path }, Self::Export { server: theirs, path: other }) if server == theirs => {
                // Two exports of one server may lie on one disk of it.
                if is_within(path, other) || is_within(other, path) { Relation::Same } else { Relation::NotKnown }
            }
            _ => Relation::Separate,
        }
    }
}

impl Relation {
    /// One thing in common is enough; one that cannot be told leaves it open.
    fn weight(self) -> u8 {
        match self {
            Self::Separate => 0,
            Self::NotKnown => 1,
            Self::Same => 2,
        }
    }
}

/// Whether the export `path` is `other`, or a part of it.
fn is_within(path: &str, other: &str) -> bool {
    std::path::Path::new(path).starts_with(other.trim_end_matches('/')) || other == "/"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disks(names: &[&str]) -> Lies {
        Lies::On(names.iter().map(|name| DeviceId::Disk((*name).to_owned())).collect())
    }

    fn export(server: &str, path: &str) -> Lies {
        Lies::on(DeviceId::Export { server: server.into(), path: path.into() })
    }

    #[test]
    fn sets_that_share_one_disk_are_the_same_device() {
        assert_eq!(disks(&["a", "b"]).to(&disks(&["b", "c"])), Relation::Same);
        assert_eq!(disks(&["a"]).to(&disks(&["b", "c"])), Relation::Separate);
        assert_eq!(disks(&["a"]).to(&export("nas", "/backup")), Relation::Separate);
    }

    #[test]
    fn what_cannot_be_told_is_never_separate() {
        let unknown = Lies::not_known("tmpfs");
        assert_eq!(unknown.to(&disks(&["a"])), Relation::NotKnown);
        assert_eq!(disks(&["a"]).to(&unknown), Relation::NotKnown);
        assert_eq!(unknown.to(&unknown), Relation::NotKnown);
        assert_eq!(Lies::all([disks(&["a"]), unknown.clone()]), unknown);
        assert_ne!(Lies::all([]).to(&disks(&["a"])), Relation::Separate);
    }

    #[test]
    fn two_exports_of_one_server_may_be_one_disk() {
        assert_eq!(export("nas", "/backup").to(&export("nas", "/backup/school")), Relation::Same);
        assert_eq!(export("nas", "/").to(&export("nas", "/backup")), Relation::Same);
        assert_eq!(export("nas", "/a").to(&export("nas", "/ab")), Relation::NotKnown);
        assert_eq!(export("nas", "/a").to(&export("annexe", "/a")), Relation::Separate);
    }
}
