//! Snapshots as folders that can be looked into with whatever a person likes: a read-only FUSE file system.
//!
//! It shows what it was given ([`MountLayout`]) and decides nothing: which snapshots, and who may see them, is the caller's. Nothing
//! is read before somebody asks for it. What cannot be read is an input/output error for that file and a sentence for
//! the person who mounted ([`Mounted::said`]); everything else goes on. A copy that does not answer costs a time limit and
//! then the same error: no program hangs for good in a folder of ours.
//!
//! Only who mounted it sees anything (the kernel keeps others out), set-user-id bits, devices and programs in it do
//! nothing, and no name leads out of it: a name of an entry is one component by its type.

mod attributes;
mod layout;
mod mounted;
mod readers;
mod serve;

pub use layout::{MountLayout, MountedSnapshot, MountedSystem, folder_names, one_name};
pub use mounted::{MountEnding, MountError, Mounted, mount, suits};
