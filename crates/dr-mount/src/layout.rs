//! What is where in the mounted folder, and which number does the kernel know it by?
//!
//! A number says all there is to know: nothing is remembered of what was shown, however much that was. Small ones are the
//! folders of ours; above, which snapshot it is of, and the number of the entry in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use dr_repo::SnapshotView;

/// A snapshot, and what it is called.
pub struct MountedSnapshot {
    /// One component.
    pub name: String,
    /// When its capture began, in seconds since 1970.
    pub started: i64,
    /// What is in it.
    pub view: Arc<SnapshotView>,
}

/// The snapshots of a system, the newest first.
pub struct MountedSystem {
    /// One component.
    pub name: String,
    /// The newest first.
    pub snapshots: Vec<MountedSnapshot>,
}

/// What is mounted.
pub enum MountLayout {
    /// A folder for each system, with its snapshots.
    Systems(Vec<MountedSystem>),
    /// A folder for each snapshot, and `latest`.
    Snapshots(MountedSystem),
    /// What is in one snapshot.
    Snapshot(MountedSnapshot),
}

/// The name of the link to the newest snapshot.
pub(crate) const LATEST: &str = "latest";

/// Something that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShownNode {
    /// The mounted folder, where it is not a snapshot.
    Root,
    /// A system's folder, by its place.
    System(usize),
    /// The link to the newest of a system.
    Latest(usize),
    /// The top of a snapshot.
    Top(usize),
    /// An entry of a snapshot.
    Entry(usize, u64),
}

const ROOT: u64 = 1;
/// Below are the folders of ours, from here on what is in snapshots.
const ENTRY_BITS: u32 = 40;

/// The layout, with snapshots counted through.
pub(crate) struct Numbered {
    pub(crate) layout: MountLayout,
    /// Of each system the number of its first snapshot, and how many snapshots there are in all.
    firsts: Vec<usize>,
}

impl Numbered {
    pub(crate) fn new(layout: MountLayout) -> Self {
        let mut firsts = vec![0];
        let mut count = 0;
        let systems: &[MountedSystem] = match &layout {
            MountLayout::Systems(systems) => systems,
            MountLayout::Snapshots(system) => std::slice::from_ref(system),
            MountLayout::Snapshot(_) => &[],
        };
        for system in systems {
            count += system.snapshots.len();
            firsts.push(count);
        }
        Self { layout, firsts }
    }

    /// The systems, whether or not they have a folder of their own.
    pub(crate) fn systems(&self) -> &[MountedSystem] {
        match &self.layout {
            MountLayout::Systems(systems) => systems,
            MountLayout::Snapshots(system) => std::slice::from_ref(system),
            MountLayout::Snapshot(_) => &[],
        }
    }

    /// The snapshot of this number, and its system's place.
    pub(crate) fn snapshot(&self, number: usize) -> Option<(usize, &MountedSnapshot)> {
        if let MountLayout::Snapshot(only) = &self.layout {
            return (number == 0).then_some((0, only));
        }
        let system = self.firsts.partition_point(|first| *first <= number).checked_sub(1)?;
        let at = number - self.firsts.get(system)?;
        Some((system, self.systems().get(system)?.snapshots.get(at)?))
    }

    /// The number of a system's snapshot.
    pub(crate) fn number(&self, system: usize, at: usize) -> usize {
        self.firsts.get(system).copied().unwrap_or_default() + at
    }

    /// Where it is, for a person: below the mounted folder.
    pub(crate) fn place(&self, snapshot: usize) -> String {
        match (&self.layout, self.snapshot(snapshot)) {
            (MountLayout::Systems(systems), Some((system, it))) => {
                format!("{}/{}/", systems.get(system).map_or("", |system| &system.name), it.name)
            }
            (MountLayout::Snapshots(_), Some((_, it))) => format!("{}/", it.name),
            _ => String::new(),
        }
    }

    /// What the kernel means by a number. What it cannot mean is nothing.
    pub(crate) fn node(&self, number: u64) -> Option<ShownNode> {
        let entry = number & ((1 << ENTRY_BITS) - 1);
        match (number >> ENTRY_BITS, entry) {
            (0, ROOT) if matches!(self.layout, MountLayout::Snapshot(_)) => Some(ShownNode::Top(0)),
            (0, ROOT) if matches!(self.layout, MountLayout::Systems(_)) => Some(ShownNode::Root),
            (0, ROOT) => Some(ShownNode::System(0)),
            (0, 0) => None,
            (0, number) => {
                let system = usize::try_from((number - 2) / 2).ok().filter(|at| *at < self.systems().len())?;
                Some(if number % 2 == 0 { ShownNode::System(system) } else { ShownNode::Latest(system) })
            }
            (snapshot, entry) => {
                let snapshot = usize::try_from(snapshot - 1).ok()?;
                self.snapshot(snapshot)?;
                Some(entry.checked_sub(1).map_or(ShownNode::Top(snapshot), |entry| ShownNode::Entry(snapshot, entry)))
            }
        }
    }

    /// The number that the kernel is told. `None`: no snapshot has so many entries.
    pub(crate) fn inode(&self, node: ShownNode) -> Option<u64> {
        let of = |snapshot: usize| (snapshot as u64 + 1) << ENTRY_BITS;
        Some(match node {
            ShownNode::Root => ROOT,
            ShownNode::Top(_) if matches!(self.layout, MountLayout::Snapshot(_)) => ROOT,
            ShownNode::System(_) if matches!(self.layout, MountLayout::Snapshots(_)) => ROOT,
            ShownNode::System(at) => 2 + 2 * at as u64,
            ShownNode::Latest(at) => 3 + 2 * at as u64,
            ShownNode::Top(snapshot) => of(snapshot),
            ShownNode::Entry(snapshot, entry) => {
                of(snapshot) | entry.checked_add(1).filter(|entry| *entry < 1 << ENTRY_BITS)?
            }
        })
    }
}

/// Names for folders, each one component and all of them different: what stands in a repository may be anything. The
/// first that has a name keeps it.
pub fn folder_names(wanted: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
    let mut seen: BTreeSet<String> = BTreeSet::from([LATEST.to_owned()]);
    let mut names = Vec::new();
    for (name, more) in wanted {
        let name = one_name(&name);
        let mut fits = name.clone();
        let mut more = format!("-{}", one_name(&more));
        while !seen.insert(fits.clone()) {
            fits = format!("{name}{more}");
            more.push('+');
        }
        names.push(fits);
    }
    names
}

/// The name as one component that a file system can have.
#[must_use]
pub fn one_name(name: &str) -> String {
    let plain = |c: char| if c == '/' || c.is_control() { '_' } else { c };
    let name: String = name.chars().map(plain).take(60).collect();
    if matches!(name.as_str(), "" | "." | "..") { "_".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use dr_repo::{PageCache, SnapshotId};

    use super::*;

    fn snapshots(count: usize) -> Vec<MountedSnapshot> {
        let view = || Arc::new(SnapshotView::new(SnapshotId([1; 16]), vec![], Arc::new(PageCache::new(0)), None));
        (0..count).map(|n| MountedSnapshot { name: format!("s{n}"), started: 0, view: view() }).collect()
    }

    fn system(name: &str, count: usize) -> MountedSystem {
        MountedSystem { name: name.to_owned(), snapshots: snapshots(count) }
    }

    #[test]
    fn every_number_means_one_thing_and_what_is_no_number_of_ours_means_nothing() {
        let numbered = Numbered::new(MountLayout::Systems(vec![system("a", 2), system("none", 0), system("b", 3)]));
        let mut nodes = vec![ShownNode::Root, ShownNode::System(0), ShownNode::Latest(2), ShownNode::System(2)];
        nodes.extend(
            (0..5).flat_map(|at| [ShownNode::Top(at), ShownNode::Entry(at, 0), ShownNode::Entry(at, 7_000_000_000)]),
        );
        let numbers: BTreeSet<u64> = nodes.iter().map(|node| numbered.inode(*node).unwrap()).collect();
        assert_eq!(numbers.len(), nodes.len());
        for node in nodes {
            assert_eq!(numbered.node(numbered.inode(node).unwrap()), Some(node));
        }
        for none in [0, 8, 9, 6 << ENTRY_BITS, u64::MAX] {
            assert_eq!(numbered.node(none), None, "{none}");
        }
        assert_eq!(numbered.inode(ShownNode::Entry(0, u64::MAX)), None);
        assert_eq!(numbered.inode(ShownNode::Entry(0, (1 << ENTRY_BITS) - 1)), None);
        assert_eq!([0, 1, 2, 4].map(|at| numbered.place(at)), ["a/s0/", "a/s1/", "b/s0/", "b/s2/"]);
        assert_eq!(numbered.number(2, 1), 3);
    }

    #[test]
    fn the_mounted_folder_is_the_system_or_the_snapshot_where_there_is_one_only() {
        let one = Numbered::new(MountLayout::Snapshots(system("a", 2)));
        assert_eq!((one.node(1), one.inode(ShownNode::System(0))), (Some(ShownNode::System(0)), Some(1)));
        assert_eq!(one.node(one.inode(ShownNode::Top(1)).unwrap()), Some(ShownNode::Top(1)));
        let snapshot = Numbered::new(MountLayout::Snapshot(snapshots(1).remove(0)));
        assert_eq!((snapshot.node(1), snapshot.inode(ShownNode::Top(0))), (Some(ShownNode::Top(0)), Some(1)));
        assert_eq!(snapshot.node(snapshot.inode(ShownNode::Entry(0, 3)).unwrap()), Some(ShownNode::Entry(0, 3)));
        assert_eq!(snapshot.node(2), None);
    }

    #[test]
    fn a_folder_has_a_name_of_its_own_that_leads_nowhere_else() {
        let wanted =
            ["a", "a", "../etc", "..", "", "latest", "x\0y\n", "a"].map(|name| (name.to_owned(), "1f".to_owned()));
        let names = folder_names(wanted);
        assert_eq!(names, ["a", "a-1f", ".._etc", "_", "_-1f", "latest-1f", "x_y_", "a-1f+"]);
    }
}
