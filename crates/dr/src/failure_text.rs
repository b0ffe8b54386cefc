//! How what went wrong below is told to a person, and which exit code it means.

use std::io::ErrorKind;

use dr_repo::RepoError;
use dr_source::SourceError;
use dr_store::{BlockingStore, StoreError};

use crate::exit::{Cause, Failure};
use crate::output::Screen;
use crate::signals::Signals;

/// What dr was doing when something went wrong, which decides what is still safe and what to do next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Opening,
    Founding,
    BackingUp,
    Reading,
    Restoring,
    Copying,
    Forgetting,
    Pruning,
    Erasing,
    Mending,
}

impl Operation {
    /// What is still safe, and what to do next.
    fn assurance(self) -> &'static str {
        match self {
            Self::Opening | Self::Reading => "Nothing was changed.",
            Self::Founding => "No repository was made.",
            Self::BackingUp => {
                "Earlier snapshots are untouched; what was stored by now is kept, and running again goes on from there."
            }
            Self::Copying => {
                "Earlier snapshots there are untouched; what was copied whole is kept, and running again goes on from there."
            }
            Self::Mending => {
                "Nothing that was there is lost; what was mended counts, and running again goes on from there."
            }
            Self::Forgetting => "Every snapshot is where it was.",
            Self::Pruning => {
                "Every snapshot that is listed is whole; what was done counts, and running again goes on from there."
            }
            Self::Erasing => {
                "Every snapshot is there, as it was or without what was to be erased; running again goes on from there."
            }
            Self::Restoring => "The repository is untouched; what was restored so far is where it belongs.",
        }
    }
}

/// A fault of a repository or its store.
pub fn repo(error: &RepoError, operation: Operation, signals: &Signals) -> Failure {
    let (cause, next) = match error {
        RepoError::Interrupted => return interrupted(operation, signals),
        RepoError::NoRepository(place) => (
            Cause::NoRepository,
            format!("Check the address and that the disk is mounted, or run `dr repo init {place}`."),
        ),
        RepoError::WrongKey(_) | RepoError::CannotRead => {
            (Cause::WrongKey, "Try the right password or key file.".to_owned())
        }
        RepoError::NoSnapshot(_) => (Cause::Failed, "`dr repo snapshots` lists what is there.".to_owned()),
        RepoError::Store(StoreError::Full { .. }) => (Cause::Failed, "Make room there, then run again.".to_owned()),
        RepoError::Store(StoreError::Busy { .. }) => {
            (Cause::Failed, "Run again when that has ended; nobody has to unlock anything.".to_owned())
        }
        RepoError::Store(StoreError::NoLocks { .. }) => {
            (Cause::Failed, "Mount it in another way, or take another target; what is there can be read.".to_owned())
        }
        RepoError::OtherHost { place, .. } => (
            Cause::Failed,
            format!(
                "It can be read and restored from anywhere. If this host replaces that one, which never writes there \
                 again, somebody with the recovery key says so: `dr repo take-over {place}`. Else give this host a \
                 repository of its own (`dr repo init --family-of`, `dr repo copy`), or one on a file system that takes \
                 several writers."
            ),
        ),
        RepoError::NothingRead(_) => {
            (Cause::Failed, "No snapshot was made. Look at what is named, then run again.".to_owned())
        }
        RepoError::SeveralWriters(_) => (Cause::Usage, String::new()),
        RepoError::Store(StoreError::Io { source, .. })
            if is_nothing_there(source) && operation == Operation::Opening =>
        {
            (Cause::NoRepository, "Check the address and that the disk is mounted.".to_owned())
        }
        RepoError::Store(StoreError::Io { .. }) => {
            (Cause::Failed, "Check that the target is there and writable, then run again.".to_owned())
        }
        RepoError::RolledBack { .. } => (Cause::Failed, "Find out who did that.".to_owned()),
        RepoError::Damaged { .. } => (
            Cause::Failed,
            "`dr repo check` says what else is damaged; another copy of the repository may have it whole.".to_owned(),
        ),
        _ => (Cause::Failed, String::new()),
    };
    let assurance = match error {
        // Nothing was begun that could be gone on with.
        RepoError::OtherHost { .. } => "What is there is whole.",
        RepoError::SeveralWriters(_) => "Back up there as it is.",
        _ => operation.assurance(),
    };
    Failure::new(cause, format!("{error}. {assurance} {next}").trim_end().to_owned())
}

/// In one line, that only one process of one host at a time may write to a place, if it is so there.
pub fn single_writer(blocking: &BlockingStore, screen: &Screen) {
    if blocking.single_writer() {
        screen.mention(&format!(
            "{}: single-writer mode: its file system does not refuse names that are taken, so one host alone may write \
             there, one process at a time",
            blocking.place()
        ));
    }
}

/// A fault of a store before there is a repository.
pub fn store(error: StoreError, operation: Operation, signals: &Signals) -> Failure {
    repo(&RepoError::from(error), operation, signals)
}

/// Somebody asked dr to end.
fn interrupted(operation: Operation, signals: &Signals) -> Failure {
    Failure::new(signals.cause(), format!("interrupted, as asked. {}", operation.assurance()))
}

/// A fault of what is captured, or of the place to restore to.
pub fn source(error: &SourceError, operation: Operation) -> Failure {
    let cause = match error {
        SourceError::Pattern { .. } | SourceError::NoPaths | SourceError::NotEmpty { .. } => Cause::Usage,
        _ => Cause::Failed,
    };
    let hint = match error {
        SourceError::NotEmpty { .. } => " (--in-place)",
        _ => "",
    };
    Failure::new(
        cause,
        format!(
            "{error}{hint}. {}",
            if operation == Operation::BackingUp { "Nothing was backed up." } else { "Nothing was restored." }
        ),
    )
}

fn is_nothing_there(why: &std::io::Error) -> bool {
    matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
