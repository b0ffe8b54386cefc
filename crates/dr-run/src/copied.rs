//! What came of one copy, or why there is none.

use std::collections::BTreeMap;

use dr_entry::Unread;
use dr_repo::{BackupReport, RepoError, SnapshotId};
use dr_store::StoreError;
use jiff::Timestamp;

use crate::capture::{NoCapture, Watched};
use crate::error::RunError;
use crate::left_out::Met;

/// A copy that was made.
pub(crate) struct Done {
    pub(crate) summary: BackupReport,
    /// When its capture began, by the time that decisions are made with.
    pub(crate) capture_started: Timestamp,
    /// Bytes of everything captured.
    pub(crate) size: u64,
    /// One process of one host alone may write there.
    pub(crate) single_writer: bool,
    /// What else is known of the capture.
    pub(crate) watched: Watched,
    /// What was met of what had been erased, and left out.
    pub(crate) met: BTreeMap<String, Met>,
}

/// Why there is no copy: in full for the person at the screen, and by [`NoCopy::noted`] for the ledger.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCopy {
    #[error(transparent)]
    Capture(#[from] NoCapture),
    #[error("{0}; nothing was captured, earlier backups are untouched")]
    Hook(String),
    #[error(
        "{target} is full ({place}): this copy was not made. What is there stays good; make room and run again, it goes on from there"
    )]
    Full { target: String, place: String },
    #[error(
        "{target}: what was read back is not what was written ({why}); do not rely on this copy, and look at the disk"
    )]
    Unproved { target: String, snapshot: SnapshotId, why: String },
    #[error(
        "nothing of the source could be read: no snapshot was made, and earlier backups are untouched. Look at what is named, \
         then run again"
    )]
    NothingRead(Vec<Unread>),
    #[error("interrupted; what was stored is kept and a rerun goes on from there")]
    Interrupted,
    #[error(
        "it took longer than {0}, which is the plan's limit for one run; what was stored is kept and the next run goes on from there"
    )]
    TookTooLong(String),
    #[error("{0}. Other targets are not affected")]
    Other(RunError),
}

impl NoCopy {
    /// The same for the ledger, which outlives what was backed up: no name of a file, a folder or a host.
    pub(crate) fn noted(&self) -> String {
        match self {
            Self::Capture(why) => why.noted(),
            Self::Hook(_) => "a command of the plan before the capture failed".into(),
            Self::Full { target, .. } => format!("{target} is full"),
            Self::Unproved { target, .. } => format!("{target}: what was read back is not what was written"),
            Self::NothingRead(_) => "nothing of the source could be read".into(),
            Self::Interrupted => "interrupted".into(),
            Self::TookTooLong(_) => "took longer than its limit".into(),
            Self::Other(RunError::Repository { source, target }) => match source {
                RepoError::NoRepository(_) => format!("{target}: there is no repository there"),
                RepoError::WrongKey(_) | RepoError::CannotRead => format!("{target}: this host's key does not fit"),
                RepoError::Damaged { .. } => format!("{target}: the repository is damaged"),
                RepoError::Store(StoreError::Busy { .. }) => format!("{target}: another process was writing there"),
                RepoError::OtherHost { .. } => format!("{target}: another host writes there"),
                RepoError::Store(_) => format!("{target}: it could not be reached, read or written"),
                _ => format!("{target}: the copy was not made"),
            },
            Self::Other(RunError::Gone { target, .. }) => format!("{target}: the place for it is not there"),
            Self::Other(RunError::OtherRepository { target, .. }) => {
                format!("{target}: another repository stands there")
            }
            Self::Other(_) => "the copy was not made".into(),
        }
    }

    /// Which kind of fault it is, for a log.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Capture(why) => why.kind(),
            Self::Hook(_) => "command",
            Self::Full { .. } => "full",
            Self::Unproved { .. } => "unproved",
            Self::NothingRead(_) => "nothing-read",
            Self::Interrupted => "interrupted",
            Self::TookTooLong(_) => "took-too-long",
            Self::Other(why) => why.kind(),
        }
    }

    /// Whether the same attempt may succeed in a moment. What is full, closed to us or not there stays so.
    pub(super) fn may_be_retried(&self) -> bool {
        use std::io::ErrorKind::{
            NotADirectory, NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
        };
        if matches!(self, Self::Other(RunError::Repository { source: RepoError::Outrun(_), .. })) {
            return true;
        }
        let Self::Other(RunError::Repository { source: RepoError::Store(StoreError::Io { source, .. }), .. }) = self
        else {
            return false;
        };
        let stays = [NotADirectory, NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull];
        !stays.contains(&source.kind())
    }

    pub(super) fn of(error: RunError) -> Self {
        match error {
            RunError::Interrupted => Self::Interrupted,
            RunError::Repository { source: RepoError::Store(StoreError::Full { place }), target } => {
                Self::Full { target, place }
            }
            other => Self::Other(other),
        }
    }
}
