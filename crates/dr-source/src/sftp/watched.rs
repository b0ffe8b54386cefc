//! What does an answer of the server cost: one entry, or the whole capture?

use std::io;

use super::error::{PROGRAM, SftpError};
use super::session::SftpSession;
use crate::output::Broken;

/// A connection whose loss ends the capture.
pub(super) struct WatchedSession {
    pub(super) session: SftpSession,
    pub(super) broken: Broken,
}

impl WatchedSession {
    /// What is lost is lost for all that would have come; what is refused costs one entry.
    pub(super) fn told<T>(&self, answer: Result<T, SftpError>) -> io::Result<T> {
        answer.map_err(|why| {
            if matches!(why, SftpError::Lost(_)) {
                self.broken.missing(PROGRAM, &why.to_string());
            }
            io::Error::other(why.to_string())
        })
    }
}
