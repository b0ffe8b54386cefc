//! What can go wrong with a repository.

use dr_entry::Unread;
use dr_format::error::FormatError;
use dr_format::id::SnapshotId;
use dr_index::error::IndexError;
use dr_log::error::{LogError, PutBack};
use dr_store::StoreError;

/// Why an operation on a repository did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no `repo.json`.
    #[error("there is no repository at {0}")]
    NoRepository(String),
    /// There is one already.
    #[error("there is a repository at {0} already; nothing was changed")]
    AlreadyThere(String),
    /// No key slot opens with this password, or the key file belongs to another family.
    #[error("{0}")]
    WrongKey(String),
    /// An object does not say what it must, or not with the right seal.
    #[error("{object} is damaged: {what}")]
    Damaged {
        /// Name of the object.
        object: String,
        /// What is wrong with it.
        what: String,
    },
    /// A later program wrote this, and this one must not go on.
    #[error("{object}: {what}; use a newer dr")]
    Newer {
        /// Name of the object.
        object: String,
        /// What is not known here.
        what: String,
    },
    /// Reading needs the restore key, and only a writing key is at hand.
    #[error("this key does not read backups; the recovery key or its password does")]
    CannotRead,
    /// This key may do something here, but not that.
    #[error("nothing was written: {0}")]
    KeyMayNot(&'static str),
    /// Something there cannot be read, so nobody knows what it said. Unknown means keep.
    #[error("nothing was written: {object} {what}")]
    NotUnderstood {
        /// Name of the object.
        object: String,
        /// What is wrong with it, and what follows from that.
        what: String,
    },
    /// Somebody wanted it to stay for a while, and that is not over.
    #[error("nothing was written: snapshot {0} is held, and is not forgotten before that time is over")]
    Held(SnapshotId),
    /// It was forgotten too long ago to be put back.
    #[error("nothing was written: snapshot {0} cannot be put back: what it needs may be gone already")]
    ForgottenForGood(SnapshotId),
    /// What is copied and where it is copied to are one.
    #[error("nothing was written: both are the same repository")]
    SameRepository,
    /// A thread came to an end that is a fault of this program.
    #[error("a worker thread panicked")]
    WorkerFailed,
    /// One host alone may write there, and another one does.
    #[error("{place} accepts one writing host, currently {host}; nothing was written")]
    OtherHost {
        /// The store.
        place: String,
        /// The host that committed last, took over since, or has begun.
        host: String,
    },
    /// Any host may write there, so that none can take another one's place.
    #[error("{0} takes several writers at once, so there is nothing to take over; nothing was written")]
    SeveralWriters(String),
    /// What somebody else wrote meanwhile leaves no room for it. What was stored is kept, and running again goes on.
    #[error("the repository changed meanwhile: {0}; run again")]
    Outrun(&'static str),
    /// The log ends before what this host has seen of it, or another history stands there.
    #[error(
        "{0}. Nothing was written. If that is meant, somebody with the recovery key (DR_KEY_FILE) says so: `dr repo accept-rollback {place} --seen {n}`",
        place = .0.place, n = .0.seen.0
    )]
    RolledBack(Box<PutBack>),
    /// No snapshot of that name.
    #[error("{0}")]
    NoSnapshot(String),
    /// Something local: the cache, a temporary file.
    #[error("{what}: {source}")]
    Local {
        /// What was being done.
        what: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The caller asked to stop; what was stored is registered and a rerun goes on from there.
    #[error("interrupted; what was stored is kept and a rerun goes on from there")]
    Interrupted,
    /// There is something to back up, and not one thing of it could be read: these could not. Nothing was kept.
    #[error("nothing of what should be backed up could be read{}", first(.0))]
    NothingRead(Vec<Unread>),
    /// A number that the format does not allow would be needed.
    #[error("{0}")]
    TooMuch(String),
}

/// The first of several causes.
fn first(unread: &[Unread]) -> String {
    unread.first().map(|first| format!(" ({})", first.why)).unwrap_or_default()
}

impl From<LogError> for RepoError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Store(error) => Self::Store(error),
            LogError::Format(error) => error.into(),
            LogError::Newer { object, what } => Self::Newer { object, what },
            LogError::KeyMayNot(what) => Self::KeyMayNot(what),
            LogError::NotUnderstood { object, what } => Self::NotUnderstood { object, what },
            LogError::OtherHost { place, host } => Self::OtherHost { place, host },
            LogError::SeveralWriters(place) => Self::SeveralWriters(place),
            LogError::Outrun(by) => Self::Outrun(by),
            LogError::RolledBack(put_back) => Self::RolledBack(put_back),
            LogError::Interrupted => Self::Interrupted,
        }
    }
}

impl From<IndexError> for RepoError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Damaged { object, what } => Self::Damaged { object, what },
            // What describes index objects is ours, and so is its error.
            IndexError::Describe(error) => match error.downcast() {
                Ok(ours) => *ours,
                Err(other) => Self::damaged("the index on this host", other),
            },
        }
    }
}

impl From<FormatError> for RepoError {
    fn from(error: FormatError) -> Self {
        match error {
            FormatError::WrongKey(why) => Self::WrongKey(why),
            FormatError::Damaged { object, what } => Self::Damaged { object, what },
            FormatError::TooMuch(what) => Self::TooMuch(what),
            FormatError::Local { what, source } => Self::Local { what, source },
        }
    }
}

impl RepoError {
    /// Which kind of error it is, for a log: no name of an object, a file or a place.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Store(why) => why.kind(),
            Self::NoRepository(_) => "no-repository",
            Self::AlreadyThere(_) => "already-there",
            Self::WrongKey(_) => "wrong-key",
            Self::Damaged { .. } => "damaged",
            Self::Newer { .. } => "newer",
            Self::CannotRead => "cannot-read",
            Self::KeyMayNot(_) => "key-may-not",
            Self::NotUnderstood { .. } => "not-understood",
            Self::Held(_) => "held",
            Self::ForgottenForGood(_) => "forgotten-for-good",
            Self::SameRepository => "same-repository",
            Self::WorkerFailed => "worker-failed",
            Self::OtherHost { .. } => "other-host",
            Self::SeveralWriters(_) => "several-writers",
            Self::Outrun(_) => "outrun",
            Self::RolledBack(_) => "rolled-back",
            Self::NoSnapshot(_) => "no-snapshot",
            Self::Local { .. } => "local",
            Self::Interrupted => "interrupted",
            Self::NothingRead(_) => "nothing-read",
            Self::TooMuch(_) => "too-much",
        }
    }

    pub(crate) fn damaged(object: impl ToString, what: impl ToString) -> Self {
        Self::Damaged { object: object.to_string(), what: what.to_string() }
    }

    pub(crate) fn local(what: impl ToString) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.to_string();
        move |source| Self::Local { what, source }
    }

    /// Whether this is damage, which costs what cannot be had and no more; `Err` is for everything else.
    pub(crate) fn tolerate_damage(self) -> Result<Self, Self> {
        match self {
            Self::Damaged { .. }
            | Self::Store(StoreError::NotFound { .. } | StoreError::Short { .. } | StoreError::TooLarge { .. }) => {
                Ok(self)
            }
            other => Err(other),
        }
    }
}
