//! Which names are names of one file.

use std::collections::HashMap;

use dr_entry::EntryPath;

use super::directory::Identity;

/// Groups of hard links met so far. Only files with several names are remembered, and each only until its last
/// name has come by, so an ordinary tree costs nothing.
#[derive(Default)]
pub(crate) struct LinkGroups {
    seen: HashMap<Identity, (u64, u32)>,
}

impl LinkGroups {
    /// The group of a file with `names` (more than one) names, met at `path`.
    pub(crate) fn group(&mut self, identity: Identity, names: u32, path: &EntryPath) -> u64 {
        let (group, left) = self.seen.entry(identity).or_insert_with(|| (number(path), names));
        let group = *group;
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.seen.remove(&identity);
        }
        group
    }
}

/// From the path of the first member, so that an unchanged tree has the same numbers in the next capture.
fn number(first: &EntryPath) -> u64 {
    let hash = blake3::Hasher::new_derive_key("dr 2026 link group v1").update(first.as_bytes()).finalize();
    let mut eight = [0; 8];
    eight.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(eight).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_file_share_a_number_that_depends_on_the_first_name_only() {
        let path = |text: &str| EntryPath::new(text.as_bytes()).unwrap();
        let one = Identity { device: 1, inode: 7 };
        let mut groups = LinkGroups::default();
        let first = groups.group(one, 2, &path("a/x"));
        let other = groups.group(Identity { device: 1, inode: 8 }, 2, &path("a/y"));
        assert_eq!(first, groups.group(one, 2, &path("b/x")));
        assert_ne!(first, other);
        let mut next_day = LinkGroups::default();
        assert_eq!(first, next_day.group(Identity { device: 3, inode: 9 }, 5, &path("a/x")));
    }
}
