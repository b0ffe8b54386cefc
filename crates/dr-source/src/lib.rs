//! How a living system is read into entries and put back: files, databases, mailboxes.
//!
//! Each kind of source of a plan has a [`Driver`], which [`driver()`] finds.
//! A capture is an iterator of [`dr_entry::Entry`]; putting back is a [`dr_entry::Destination`]. This crate
//! knows neither repositories nor plans' schedules. It reads no clock: the start of the run is passed in.

mod address;
mod command;
pub mod driver;
mod drivers;
pub mod drop;
mod error;
mod facts;
pub mod files;
pub mod maildir;
mod mariadb;
mod opens;
pub mod output;
mod postgres;
mod programs;
mod sftp;
pub mod sqlite;
mod website;

pub use driver::{Check, Driver, Verdict};
pub use drivers::driver;
pub use error::SourceError;
pub use facts::{FACTS, recorded};
pub use mariadb::servers::databases as mariadb_databases;
pub use postgres::servers::{Database, databases as postgres_databases};
pub use website::{DATABASE, SITE};
