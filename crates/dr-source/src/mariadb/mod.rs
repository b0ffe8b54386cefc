//! How a MariaDB database is captured in one moment while others write to it, and what must be true of it restored.
//!
//! mariadb-dump reads it in one transaction; its stream is read while it runs, without a copy on disk, and the rows of
//! each table are counted in it as it passes. Beside the dump stand the facts ([`crate::FACTS`]), which hold numbers and
//! names of tables, and no rows. It is whole or failed: the program ended well and its last line says that it was done.

use dr_entry::{BadPath, EntryPath};
use dr_plan::Server;

use crate::address::file_name;
use crate::driver::Load;

mod address;
mod ask;
pub(crate) mod capture;
mod client;
mod counter;
pub(crate) mod driver;
mod facts;
mod grants;
mod load;
mod place;
mod sandbox;
pub(crate) mod servers;
#[cfg(test)]
mod tests;
mod verify;
mod version;

/// The dump lies in this folder.
pub const FOLDER: &str = "database";
/// The program that writes one.
const DUMP: &str = "mariadb-dump";
/// The program that asks, and loads.
const CLIENT: &str = "mariadb";

/// How a database is loaded.
pub(crate) fn way(server: &Server) -> Box<dyn Load + '_> {
    Box::new(load::Way(server))
}

/// Where the dump of a database is in a capture.
fn at(database: &str) -> Result<EntryPath, BadPath> {
    EntryPath::root().join(FOLDER.as_bytes())?.join(file_name(database, ".sql").as_bytes())
}

/// A text as SQL has it. The server may take a backslash for itself or not: none is in it either way.
fn literal(text: &str) -> String {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("convert(x'{hex}' using utf8mb4)")
}

/// A name as SQL has it.
fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
