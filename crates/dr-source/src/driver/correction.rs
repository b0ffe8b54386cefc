//! How do the facts of a capture stay true when something is left out of it on purpose?

use dr_entry::{Entry, EntryPath, Unread};

/// What an erasure does to the facts of a kind that counts its entries.
#[derive(Debug, Clone, Copy)]
pub struct Correction {
    /// Whether a file counts, by where it lies.
    pub counts: fn(&EntryPath) -> bool,
    /// The entry of the facts again, with so many fewer.
    pub fewer: fn(Entry, u64) -> Result<Entry, Unread>,
}
