//! What is on this machine that a plan could be about?

use std::path::PathBuf;

use dr_source::Database;

/// What was found. Empty where nothing was found or nothing could be read: it only makes proposals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Folders at the top of the places where people keep things.
    pub folders: Vec<Folder>,
    /// SQLite databases, the largest first.
    pub databases: Vec<PathBuf>,
    /// Trees of Maildirs, each by its root.
    pub mail: Vec<PathBuf>,
    /// Databases of servers that answered when they were asked.
    pub served: Vec<Database>,
    /// Database servers of which there is data or a socket, and which named no database: the word of the plan, and where.
    pub servers: Vec<(&'static str, PathBuf)>,
    /// Folders of WordPress, whose database is elsewhere.
    pub sites: Vec<PathBuf>,
    /// File systems other than the machine's own.
    pub mounts: Vec<Mount>,
    /// Disks that can be unplugged.
    pub disks: Vec<Disk>,
    /// The full name of who sits here, if the account has one.
    pub person: Option<String>,
}

/// A folder that people keep things in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// Its own folders.
    pub inner: Vec<PathBuf>,
    /// Whether there are files in it that are neither databases nor mail.
    pub has_files: bool,
}

/// A file system that is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where it is mounted.
    pub at: PathBuf,
    /// How far away it is.
    pub reach: Reach,
}

/// How far away a file system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// A disk of this machine.
    Disk,
    /// Another machine of the local network.
    Network,
    /// Something that is usually not in the building.
    Away,
}

/// A disk that can be unplugged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The name that the operating system has for it.
    pub name: String,
    /// Where it is mounted, if it is.
    pub at: Option<PathBuf>,
}
