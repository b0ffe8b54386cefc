//! Which names of a tree are left out, asked before anybody touches what they stand for.

use std::collections::HashSet;
use std::ffi::CStr;

use dr_entry::EntryPath;

use super::exclude::Exclude;
use super::names::Listed;

/// What is left out of one capture. Asked before anybody touches what a name stands for: that may be a mount whose
/// server is gone.
pub(crate) struct Filter {
    pub(crate) exclude: Exclude,
    /// Absolute path of the root without a slash at the end.
    pub(crate) prefix: Vec<u8>,
    /// Paths that the plan names, absolute and without links: gone into wherever they are.
    pub(crate) named: HashSet<Vec<u8>>,
}

/// What becomes of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Kept,
    LeftOut,
    /// Left out if it is a directory, and nobody knows whether it is one.
    OfItsKind,
}

impl Filter {
    /// `listed`: what the directory `parent` calls it.
    pub(crate) fn verdict(&self, parent: &EntryPath, name: &CStr, listed: Listed) -> Verdict {
        if self.exclude.is_empty() {
            return Verdict::Kept;
        }
        let (name, above) = (name.to_bytes(), parent.as_bytes());
        let whole = match parent.is_root() {
            true => [&self.prefix[..], b"/", name].concat(),
            false => [&self.prefix[..], b"/", above, b"/", name].concat(),
        };
        let of = |is_directory| self.exclude.leaves_out(&whole, is_directory);
        match listed {
            Listed::Directory if of(true) => Verdict::LeftOut,
            Listed::File | Listed::Other if of(false) => Verdict::LeftOut,
            Listed::Unknown if of(false) => Verdict::LeftOut,
            Listed::Unknown if of(true) => Verdict::OfItsKind,
            _ => Verdict::Kept,
        }
    }

    pub(crate) fn is_named(&self, path: &EntryPath) -> bool {
        // One that is named alone is the root itself.
        self.named.len() > 1 && self.named.contains(&[&self.prefix[..], b"/", path.as_bytes()].concat())
    }

    /// Whether whatever is in this directory is left out.
    pub(crate) fn empties(&self, path: &EntryPath) -> bool {
        let inner = [&self.prefix[..], b"/", path.as_bytes(), b"/\x01"].concat();
        [false, true].iter().all(|is_directory| self.exclude.leaves_out(&inner, *is_directory))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::exclude::Root;
    use super::*;

    #[test]
    fn a_name_is_judged_before_its_kind_is_known_where_that_does_not_matter() {
        let root = [Root::of(Path::new("/none"))];
        let exclude = Exclude::new(&["*.tmp".to_owned(), "mnt/".to_owned()], &root, &[]).unwrap();
        let filter = Filter { exclude, prefix: b"/none".to_vec(), named: HashSet::new() };
        let verdict = |name, listed| filter.verdict(&EntryPath::root(), name, listed);
        for listed in [Listed::Unknown, Listed::Directory, Listed::File, Listed::Other] {
            assert_eq!(verdict(c"a.tmp", listed), Verdict::LeftOut);
            assert_eq!(verdict(c"kept", listed), Verdict::Kept);
        }
        assert_eq!(verdict(c"mnt", Listed::Directory), Verdict::LeftOut);
        assert_eq!(verdict(c"mnt", Listed::Unknown), Verdict::OfItsKind);
        assert_eq!(verdict(c"mnt", Listed::File), Verdict::Kept);
        assert_eq!(verdict(c"mnt", Listed::Other), Verdict::Kept);
    }
}
