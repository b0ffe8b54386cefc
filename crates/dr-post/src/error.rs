//! Why could a message not be kept, or a way not be used at all?

use std::io;
use std::path::PathBuf;

/// What goes wrong on this host. What goes wrong on the way out is no error but an answer, kept with the message.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// A file or folder of the outbox, or the key of the codes.
    #[error("cannot {what} {}: {why}", path.display())]
    Local {
        /// What was to be done.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        why: io::Error,
    },
    /// A message has no name.
    #[error("a message without a name cannot be kept")]
    NoName,
    /// Files of the outbox that nobody can read: damaged, or of a later version. They stay where they are.
    #[error("{} in the outbox cannot be read, and what they hold is not sent: {}", count(files.len()), names(files))]
    Unreadable {
        /// Which.
        files: Vec<PathBuf>,
    },
    /// The dead-man's ping did not get through.
    #[error("the dead-man's ping did not get through: {0}")]
    Ping(String),
    /// The key of the codes is not what it should be.
    #[error("{} is not a key of 32 bytes: move it away, and codes that were given out before are void", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes, so no code can be made")]
    NoRandomness,
}

impl PostError {
    pub(crate) fn local(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |why| Self::Local { what, path, why }
    }
}

fn count(files: usize) -> String {
    if files == 1 { "1 file".to_owned() } else { format!("{files} files") }
}

fn names(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}
