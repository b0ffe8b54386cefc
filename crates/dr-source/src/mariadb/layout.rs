//! Where is what in a capture, and which programs make it?

use dr_entry::{BadPath, EntryPath};

use crate::address::file_name;

/// The dump lies in this folder.
pub const FOLDER: &str = "database";
/// The program that writes one.
pub(super) const DUMP: &str = "mariadb-dump";
/// The program that asks, and loads.
pub(super) const CLIENT: &str = "mariadb";

/// Where the dump of a database is in a capture.
pub(super) fn at(database: &str) -> Result<EntryPath, BadPath> {
    EntryPath::root().join(FOLDER.as_bytes())?.join(file_name(database, ".sql").as_bytes())
}
