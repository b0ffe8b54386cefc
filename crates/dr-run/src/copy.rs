//! One copy: a system captured and kept on one target, and read back before its key is forgotten.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use dr_plan::System;
use dr_repo::{Capture, Key, Label, RepoError, SnapshotId, Summary, backup};
use dr_source::SourceError;
use dr_store::StoreError;
use jiff::Timestamp;

use crate::capture::{self, NoCapture};
use crate::error::RunError;
use crate::job::{Watch, made};
use crate::school::School;
use crate::targets::Spot;

/// zstd level of every backup unless somebody asks for another: where files stop getting much smaller for the time it
/// takes.
pub const LEVEL: i32 = 3;

/// What a run wants of each target.
pub(crate) struct Ask<'a> {
    pub(crate) system: &'a System,
    pub(crate) key: &'a Key,
    pub(crate) snapshot: SnapshotId,
    /// The ledger's head when the run began: kept in the label, so that a ledger cut later shows.
    pub(crate) anchor: String,
    pub(crate) watch: &'a dyn Watch,
    pub(crate) stop: &'a AtomicBool,
}

/// A copy that was made.
pub(crate) struct Done {
    pub(crate) summary: Summary,
    /// When its capture began, by the time that decisions are made with.
    pub(crate) capture_started: Timestamp,
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
    #[error("interrupted; what was stored is kept and a rerun goes on from there")]
    Interrupted,
    #[error("{0}. Other targets are not affected")]
    Other(RunError),
}

/// Captures `ask.system` and keeps it at `spot`.
pub(crate) fn copy(school: &School, ask: &Ask<'_>, spot: &Spot) -> Result<Done, NoCopy> {
    ask.watch.copying(&ask.system.id, spot);
    let mut repository = school.open(spot, ask.key.clone(), true).map_err(NoCopy::of)?;
    let id = repository.id().to_string();
    let places = &school.places;
    let (scratch, journal, caches) = (places.scratch(), places.journal(&id), places.file_cache(&id));
    for folder in [&scratch, &journal, &caches] {
        made(folder).map_err(NoCopy::Other)?;
    }
    let (capture_started, real) = (school.clock.decided(), school.clock.at_real());
    let entries = capture::begin(&ask.system.source, &scratch, real)?;
    let (shape, paths) = capture::shape(&ask.system.source);
    let mut tags = BTreeMap::from([("ledger".to_owned(), ask.anchor.clone())]);
    if school.clock.is_moved() {
        tags.insert("real-time".to_owned(), real.to_string());
    }
    let label = Label {
        system: ask.system.id.to_string(),
        hostname: school.hostname.clone(),
        paths,
        tags,
        started_ms: capture_started.as_millisecond(),
        ..Label::default()
    };
    let options = Capture {
        snapshot: ask.snapshot,
        label,
        shape,
        cache: Some(&caches.join(ask.system.id.as_str())),
        journal: Some(&journal),
        scratch: &scratch,
        level: LEVEL,
        workers: school.workers,
        clock: &|| school.clock.decided().as_millisecond(),
        stop: ask.stop,
        tally: ask.watch.tally(),
        prove: true,
    };
    match backup(&mut repository, entries, &options) {
        Ok(summary) => Ok(Done { summary, capture_started }),
        // The proof comes after the commit.
        Err(why) if repository.snapshots().iter().any(|snapshot| snapshot.id == ask.snapshot) => {
            Err(NoCopy::Unproved { target: spot.named(), snapshot: ask.snapshot, why: why.to_string() })
        }
        Err(RepoError::Interrupted) => Err(NoCopy::Interrupted),
        Err(RepoError::Store(StoreError::Full { place })) => Err(NoCopy::Full { target: spot.named(), place }),
        Err(source) => Err(NoCopy::of(RunError::repository(spot.named(), source))),
    }
}

impl NoCopy {
    /// The same for the ledger, which outlives what was backed up: no name of a file, a folder or a host.
    pub(crate) fn noted(&self) -> String {
        match self {
            Self::Capture(NoCapture::Missing { .. }) => "the source is missing".into(),
            Self::Capture(NoCapture::Empty { .. }) => "the source is empty".into(),
            Self::Capture(NoCapture::Source(SourceError::Locked { .. })) => {
                "another program kept the source locked".into()
            }
            Self::Capture(NoCapture::Source(_)) => "the source could not be read".into(),
            Self::Hook(_) => "a command of the plan before the capture failed".into(),
            Self::Full { target, .. } => format!("{target} is full"),
            Self::Unproved { target, .. } => format!("{target}: what was read back is not what was written"),
            Self::Interrupted => "interrupted".into(),
            Self::Other(RunError::Repository { source, target }) => match source {
                RepoError::NoRepository(_) => format!("{target}: there is no repository there"),
                RepoError::WrongKey(_) | RepoError::CannotRead => format!("{target}: this host's key does not fit"),
                RepoError::Damaged { .. } => format!("{target}: the repository is damaged"),
                RepoError::Store(_) => format!("{target}: it could not be reached, read or written"),
                _ => format!("{target}: the copy was not made"),
            },
            Self::Other(_) => "the copy was not made".into(),
        }
    }

    fn of(error: RunError) -> Self {
        match error {
            RunError::Interrupted => Self::Interrupted,
            RunError::Repository { source: RepoError::Store(StoreError::Full { place }), target } => {
                Self::Full { target, place }
            }
            other => Self::Other(other),
        }
    }
}
