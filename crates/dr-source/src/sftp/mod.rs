//! How is a folder of another machine read? By SFTP (version 3), spoken by us through the system's own `ssh`, which checks
//! the server's key and logs in (decision 0054).
//!
//! Nothing is written there, and no link is followed. What the server says is a stranger's word: its lengths are held to
//! what came, and its names to what a name may be.

mod content;
mod error;
mod packet;
mod place;
mod session;
mod ssh;
mod walk;
mod watched;

pub(crate) use error::SftpError;
pub(crate) use place::RemotePlace;
pub(crate) use session::SftpSession;
pub(crate) use walk::RemoteWalk;
