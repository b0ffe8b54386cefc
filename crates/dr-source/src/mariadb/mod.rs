//! How a MariaDB database is captured in one moment while others write to it, and what must be true of it restored.
//!
//! mariadb-dump reads it in one transaction; its stream is read while it runs, without a copy on disk, and the rows of
//! each table are counted in it as it passes. Beside the dump stand the facts ([`crate::FACTS`]), which hold numbers and
//! names of tables, and no rows. It is whole or failed: the program ended well and its last line says that it was done.

mod address;
mod ask;
mod asked;
pub(crate) mod capture;
mod client;
mod counter;
pub(crate) mod driver;
mod facts;
mod grants;
mod layout;
pub(crate) mod load;
mod place;
pub(crate) mod room;
mod sandbox;
pub(crate) mod servers;
mod sql;
mod start;
#[cfg(test)]
mod tests;
mod verify;
mod version;

pub use layout::FOLDER;
