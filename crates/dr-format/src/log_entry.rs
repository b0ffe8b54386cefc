//! One entry of a repository's log: bytes, signature and meaning.
//!
//! The fold (`fold.rs`) says what each type does.

mod read;
mod write;

use crate::id::{ChunkId, Digest, HostId, KeyId, PackId, PackKind, SessionId, SnapshotId};
use crate::key::Author;

pub use read::{decode, read_objects, read_runs};
pub use write::{encode, write_objects, write_runs};

/// Packs of one kind, from the first number to the last.
pub type Run = (PackKind, u32, u32);

/// Packs of one session, as runs of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs {
    pub session: SessionId,
    pub host: HostId,
    pub runs: Vec<Run>,
}

/// An object that an entry vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRef {
    pub name: String,
    pub len: u64,
    pub digest: Digest,
}

/// A snapshot, as its COMMIT names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub id: SnapshotId,
    pub document: ChunkId,
    pub label: Vec<u8>,
}

/// COMMIT, PACKS, REPACK, REFRAME and IDXMERGE all register what a session stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    pub session: SessionId,
    pub host: HostId,
    pub sequence: u64,
    /// The session ends here.
    pub last: bool,
    pub snapshots: Vec<Named>,
    /// Packs of others that the snapshots need.
    pub needs: Vec<Runs>,
    /// Packs of this session that are registered by this entry.
    pub own: Vec<Run>,
    pub indexes: Vec<ObjectRef>,
    pub used: Vec<ObjectRef>,
    /// The packs whose frames were moved or rewritten (REPACK, REFRAME).
    pub sources: Vec<Runs>,
    /// Index objects that are superseded (IDXMERGE).
    pub superseded: Vec<String>,
    /// The entry in whose place its snapshots stand, where that cannot be read (IDXMERGE); 0: in its own.
    pub at: u64,
}

/// What an entry does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    Commit(Registered),
    Packs(Registered),
    Forget(Vec<SnapshotId>),
    Unforget(Vec<SnapshotId>),
    Condemn(Vec<Runs>),
    Sweep {
        packs: Vec<Runs>,
        /// Up to this entry what snapshots need was followed.
        view: u64,
        /// Snapshots that were forgotten and yet followed: they can be put back.
        undoable: Vec<SnapshotId>,
        /// What snapshots need was taken from their lists of it.
        keyless: bool,
    },
    Fence(Vec<SessionId>),
    Repack(Registered),
    Reframe(Registered),
    IndexMerge(Registered),
    Verify {
        packs: Vec<Runs>,
        level: u64,
    },
    Heal {
        pack: PackId,
        host: HostId,
        object: ObjectRef,
    },
    Hold {
        snapshots: Vec<SnapshotId>,
        until_ms: i64,
    },
    SlotAdded {
        name: String,
        digest: Digest,
    },
    SlotRemoved {
        name: String,
    },
    Revoked(KeyId),
    Note(String),
    /// Whoever does not know all of these must not write.
    Features(Vec<String>),
    Unknown {
        number: u64,
    },
}

impl Body {
    /// Whether it may only follow a log of which every entry was read: it decides what goes, and its author's word
    /// that an entry could be passed over would hide that entry from everybody.
    pub fn needs_whole_log(&self) -> bool {
        // What accounts for an entry that cannot be read must be written while it cannot.
        let accounts = |registered: &Registered| registered.superseded.is_empty();
        !matches!(self, Self::IndexMerge(registered) if accounts(registered))
            && !matches!(
                self,
                Self::Features(_)
                    | Self::Heal { .. }
                    | Self::Commit(_)
                    | Self::Packs(_)
                    | Self::Note(_)
                    | Self::SlotAdded { .. }
                    | Self::SlotRemoved { .. }
                    | Self::Revoked(_)
            )
    }
}

/// An entry whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub n: u64,
    pub before: u64,
    pub before_digest: Digest,
    /// Advisory: nothing is decided by it.
    pub time_ms: i64,
    pub critical: bool,
    pub author: Author,
    pub body: Body,
    pub digest: Digest,
}

/// Numbers of the entry types; append-only. The format page is held to this table.
#[cfg(test)]
pub const TYPES: [(&str, u64); 16] = [
    ("COMMIT", 1),
    ("PACKS", 2),
    ("FORGET", 3),
    ("CONDEMN", 4),
    ("SWEEP", 5),
    ("FENCE", 6),
    ("REPACK", 7),
    ("REFRAME", 8),
    ("IDXMERGE", 9),
    ("VERIFY", 10),
    ("HEAL", 11),
    ("HOLD", 12),
    ("KEY", 13),
    ("NOTE", 14),
    ("UNFORGET", 15),
    ("FEATURES", 16),
];

/// Whether this program knows every entry of that type (of KEY, 13, there may be others).
pub fn is_known_type(number: u64) -> bool {
    (1..=16).contains(&number) && number != 13
}

/// The name of entry `n`'s object.
pub fn object_name(n: u64) -> String {
    format!("log/{n:016x}")
}

/// The number that an object name stands for.
pub fn number_of(name: &str) -> Option<u64> {
    number_below(name, "log/")
}

/// The number that an object name in this folder stands for.
pub fn number_below(name: &str, folder: &str) -> Option<u64> {
    let hex = name.strip_prefix(folder)?;
    let canonical = hex.len() == 16 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let n = if canonical { u64::from_str_radix(hex, 16).ok()? } else { return None };
    (n > 0).then_some(n)
}
