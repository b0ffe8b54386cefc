//! How a living system is read into entries and put back: files, databases, mailboxes.
//!
//! A capture is an iterator of [`dr_entry::Entry`]; putting back is a [`dr_entry::Destination`]. This crate
//! knows neither repositories nor plans' schedules. It reads no clock: the start of the run is passed in.

pub mod drop;
mod error;
mod facts;
mod fewer;
pub mod files;
pub mod maildir;
pub mod sqlite;
mod system;

pub use error::SourceError;
pub use facts::{FACTS, recorded};
pub use fewer::fewer_messages;
pub use system::capture_system;
