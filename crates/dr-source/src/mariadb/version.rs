//! Which version does a server or a program say that it is?

use std::fmt;

/// One version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ServerVersion {
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) patch: u32,
}

impl ServerVersion {
    /// Whether programs of this version know what a server of `other` has: patches bring nothing that a dump would hold.
    pub(super) fn knows(self, other: Self) -> bool {
        (self.major, self.minor) >= (other.major, other.minor)
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Who made a server or a program, and its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vendor {
    MariaDb(ServerVersion),
    /// MySQL, or whatever else speaks its language.
    Other(ServerVersion),
}

/// Out of what a server or a program says of itself: `10.11.19-MariaDB-0+deb12u1`,
/// `mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)`,
/// `mariadb-dump from 11.4.2-MariaDB, client 10.19 for Linux (x86_64)`, `mysqldump  Ver 8.0.36 for Linux on x86_64`.
pub(super) fn version(said: &str) -> Option<Vendor> {
    let is_mariadb = said.contains("MariaDB");
    let after = |word: &str| said.find(word).and_then(|at| number(&said[at + word.len()..]));
    let found = after("Distrib ").or_else(|| after(" from ")).or_else(|| after("Ver ")).or_else(|| number(said))?;
    Some(if is_mariadb { Vendor::MariaDb(found) } else { Vendor::Other(found) })
}

fn number(text: &str) -> Option<ServerVersion> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let mut parts = text[..end].split('.').map(|part| part.parse().ok());
    let major = parts.next()??;
    Some(ServerVersion { major, minor: parts.next()??, patch: parts.next().flatten().unwrap_or(0) })
}
