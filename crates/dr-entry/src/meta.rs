//! What an entry is, apart from its name and contents.

use std::sync::Arc;

/// A moment as a file system keeps it: seconds since 1970-01-01T00:00:00Z (negative before) and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    /// Whole seconds, rounded down.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanos: u32,
}

/// What sort of thing an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file; the only kind with contents.
    File,
    /// A directory.
    Directory,
    /// A symbolic link and its text, which is data: restored as it is, never followed.
    Symlink(Vec<u8>),
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
}

/// An owner: the number, and the name it had at capture where the system knew one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// Numeric id.
    pub id: u32,
    /// The name, as bytes. Shared: a million files have few owners.
    pub name: Option<Arc<[u8]>>,
}

/// How the contents of a file should be cut; stands with the file's tree entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// The repository decides by size and first bytes.
    #[default]
    Auto,
    /// Mean 64 KiB.
    Std,
    /// Mean 16 KiB: dumps, mail, large files edited in place.
    Fine,
    /// Mean 1 MiB: media that does not compress.
    Coarse,
}

/// Names and values of extended attributes.
pub type Attributes = Vec<(Vec<u8>, Vec<u8>)>;

/// Everything that is kept of an entry beside its name and contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// What it is.
    pub kind: Kind,
    /// Permission bits, `0o7777` at most.
    pub mode: u32,
    /// Owner.
    pub user: Owner,
    /// Group.
    pub group: Owner,
    /// Time of last modification.
    pub mtime: Time,
    /// Bytes of contents as the source saw them; 0 for all but files. What was read wins over this.
    pub size: u64,
    /// Entries of one capture with the same number (never 0) are names of one file.
    pub link: Option<u64>,
    /// Extended attributes, POSIX ACLs among them (`system.posix_acl_*`), sorted by name.
    pub xattrs: Attributes,
}

impl Meta {
    /// Metadata of something a program made up: root's, with the given kind and permission bits.
    #[must_use]
    pub fn plain(kind: Kind, mode: u32) -> Self {
        Self {
            kind,
            mode,
            user: Owner::default(),
            group: Owner::default(),
            mtime: Time::default(),
            size: 0,
            link: None,
            xattrs: Vec::new(),
        }
    }
}

/// What tells a changed file from an unchanged one without reading it. Equal stamps mean: same contents, and the same
/// extended attributes.
///
/// A source gives none where it cannot promise that, and such files are always read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Size in bytes.
    pub size: u64,
    /// Last modification.
    pub mtime: Time,
    /// Last change of the inode.
    pub ctime: Time,
    /// Inode number.
    pub inode: u64,
}
