//! What a copy could not find on the other side.

use dr_entry::EntryPath;

/// Something of a snapshot that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The first entry that it costs; the root for the tree itself.
    pub path: EntryPath,
    /// What is wrong, with the object's name.
    pub why: String,
}

/// No more things that are missing are named of one snapshot.
pub(super) const MISSING_MAX: usize = 1_000;
