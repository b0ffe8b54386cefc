//! Opening a repository, finding what is in it, and getting it back. Nothing here changes what is stored, but for the log
//! entries that say something of it.

pub(crate) mod browse;
pub(crate) mod copies;
pub(crate) mod diff;
pub(crate) mod extent_page;
pub(crate) mod fetch;
pub(crate) mod find;
pub(crate) mod frames;
pub(crate) mod known;
pub(crate) mod labelled;
pub(crate) mod look;
pub(crate) mod repository;
pub(crate) mod restore;
pub(crate) mod touched;
