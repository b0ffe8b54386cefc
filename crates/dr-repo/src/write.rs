//! Storing what is new: packs first, what describes them, then the log entry that makes them count. Backup and copy.

pub(crate) mod adopt;
pub(crate) mod backup;
pub(crate) mod cache;
pub(crate) mod claim;
pub(crate) mod committer;
pub(crate) mod copy;
pub(crate) mod marked;
pub(crate) mod notes;
pub(crate) mod pack_writer;
pub(crate) mod packer;
pub(crate) mod parity_writer;
pub(crate) mod presence;
pub(crate) mod prove;
pub(crate) mod relocate;
pub(crate) mod repacker;
pub(crate) mod session;
