//! How a PostgreSQL database is captured in one moment while others write to it, and what must be true of it restored.
//!
//! A session of psql exports a snapshot and counts every table in it; pg_dump dumps that same snapshot, whose stream is
//! read while it runs, without a copy on disk. Beside the dump stand the roles (pg_dumpall --globals-only) and the facts
//! ([`crate::FACTS`]), which hold numbers and names of tables, and no rows. It is whole or failed.

mod address;
mod capture;
mod client;
pub(crate) mod driver;
mod facts;
mod load;
mod rights;
mod roles;
mod session;
#[cfg(test)]
mod tests;
mod verify;

/// Everything of a capture lies in this folder, but the facts.
const FOLDER: &str = "database";
/// The roles of the server.
const GLOBALS: &str = "globals.sql";

/// What a database's dump is called. A name never holds the host's: another machine must find it.
fn dump_name(database: &str) -> String {
    let mut name = String::new();
    for c in database.chars() {
        match c {
            '%' | '/' => name.push_str(&format!("%{:02X}", u32::from(c))),
            c if c.is_control() => name.push_str(&format!("%{:02X}", u32::from(c))),
            c => name.push(c),
        }
    }
    name.push_str(".dump");
    name
}
