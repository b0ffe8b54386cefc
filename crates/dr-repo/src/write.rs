//! Storing what is new: packs first, what describes them, then the log entry that makes them count. Backup and copy.

pub(crate) mod adopt;
pub(crate) mod anew;
pub(crate) mod backup;
pub(crate) mod cache;
pub(crate) mod claim;
pub(crate) mod committer;
pub(crate) mod copy;
pub(crate) mod marked;
pub(crate) mod moving;
pub(crate) mod notes;
pub(crate) mod pack_writer;
pub(crate) mod packer;
pub(crate) mod presence;
pub(crate) mod prove;
pub(crate) mod session;
pub(crate) mod spares;
