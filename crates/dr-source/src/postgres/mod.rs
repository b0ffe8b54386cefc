//! How a PostgreSQL database is captured in one moment while others write to it, and what must be true of it restored.
//!
//! A session of psql exports a snapshot and counts every table in it; pg_dump dumps that same snapshot, whose stream is
//! read while it runs, without a copy on disk. Beside the dump stand the roles (pg_dumpall --globals-only) and the facts
//! ([`crate::FACTS`]), which hold numbers and names of tables, and no rows. It is whole or failed.

use std::io;
use std::path::Path;

use dr_entry::{BadPath, EntryPath};

use crate::address::file_name;

mod address;
mod archive;
mod asked;
mod capture;
mod client;
pub(crate) mod driver;
mod engine;
mod facts;
mod load;
mod rights;
mod roles;
pub(crate) mod servers;
mod session;
mod start;
#[cfg(test)]
mod tests;
mod verify;

/// The statements for the roles are no longer.
const GLOBALS_MAX: u64 = 64 << 20;

/// Everything of a capture lies in this folder, but the facts.
const FOLDER: &str = "database";
/// What ends the statements for the roles.
const GLOBALS_END: &[u8] = b"PostgreSQL database cluster dump complete";
/// The roles of the server.
const GLOBALS: &str = "globals.sql";

/// Where a file of a capture is in it.
fn at(name: &str) -> Result<EntryPath, BadPath> {
    EntryPath::root().join(FOLDER.as_bytes())?.join(name.as_bytes())
}

/// The statements for the roles, of a capture that was restored to `folder`.
fn globals(folder: &Path) -> io::Result<Vec<u8>> {
    dr_open::read(&folder.join(FOLDER).join(GLOBALS), GLOBALS_MAX)
}

/// Whether statements for the roles were written to their end.
fn ends_globals(text: &[u8]) -> bool {
    text.windows(GLOBALS_END.len()).any(|window| window == GLOBALS_END)
}

/// Where the blanks are that do not stand within a quoted name of SQL.
fn blanks(text: &str) -> impl Iterator<Item = usize> {
    let mut quoted = false;
    text.char_indices()
        .filter(move |(_, c)| {
            quoted ^= *c == '"';
            *c == ' ' && !quoted
        })
        .map(|(at, _)| at)
}

/// What a database's dump is called.
fn dump_name(database: &str) -> String {
    file_name(database, ".dump")
}
