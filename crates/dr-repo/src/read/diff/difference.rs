//! What differs between two snapshots, and in what.

use dr_entry::{EntryPath, Kind, Meta};

/// One entry that is not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where; of something renamed, where it is now.
    pub path: EntryPath,
    /// What it was, if it was there.
    pub before: Option<Meta>,
    /// What it is, if it is there.
    pub after: Option<Meta>,
    /// What became of it.
    pub change: Change,
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// The one file of these contents had another name.
    Renamed {
        /// Where it was.
        from: EntryPath,
    },
    /// It is there in both.
    Changed(Vec<Aspect>),
}

/// What of an entry is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is a part of `Meta`, or the contents")]
pub enum Aspect {
    Type,
    Content,
    Mode,
    User,
    Group,
    Time,
    Xattrs,
    Links,
}

/// Entries and bytes of contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Entries of all kinds.
    pub entries: u64,
    /// Bytes of their contents.
    pub bytes: u64,
}

/// How a comparison went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compared {
    /// Not there before.
    pub added: Amount,
    /// Not there any more.
    pub removed: Amount,
    /// Other contents or another type; bytes as they are now.
    pub changed: Amount,
    /// Other metadata only.
    pub metadata: u64,
    /// Another name only.
    pub renamed: Amount,
    /// Whether renames were looked for to the end; not among very many differences.
    pub renames_looked_for: bool,
    /// Entries of one side about which the other side's damage leaves nothing known.
    pub unknown: u64,
    /// Parts that could not be read, and why.
    pub lost: Vec<String>,
    /// Tree pages that were read.
    pub pages: u64,
}

impl Amount {
    pub(super) fn add(&mut self, meta: &Meta) {
        self.entries += 1;
        if meta.kind == Kind::File {
            self.bytes = self.bytes.saturating_add(meta.size);
        }
    }
}
