//! One copy: a system captured and kept on one target, and read back before its key is forgotten.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use dr_entry::Unread;
use dr_plan::{SecretRef, System};
use dr_repo::{Capture, Key, Label, RepoError, SnapshotId, Summary, backup};
use dr_source::driver::Size;
use dr_store::StoreError;
use jiff::Timestamp;

use crate::anchors;
use crate::capture::{self, NoCapture, Watched};
use crate::error::RunError;
use crate::job::{Watch, made};
use crate::left_out::{self, AllMet, Filter, Met};
use crate::limit::Limit;
use crate::school::School;
use crate::sources;
use crate::spans;
use crate::targets::TargetLocation;

/// What a run wants of each target.
pub(crate) struct Ask<'a> {
    pub(crate) system: &'a System,
    pub(crate) key: &'a Key,
    pub(crate) snapshot: SnapshotId,
    /// The ledger's head when the run began: kept in the label, so that a ledger cut later shows. Empty: none is.
    pub(crate) anchor: String,
    pub(crate) watch: &'a dyn Watch,
    pub(crate) limit: &'a Limit,
    /// How big the system was when it was last captured.
    pub(crate) last_size: Option<&'a Size>,
    /// Shown as where it was captured, instead of where that really was.
    pub(crate) shown: Option<&'a Path>,
}

/// A copy that was made.
pub(crate) struct Done {
    pub(crate) summary: Summary,
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

/// Captures `ask.system` and keeps it at `location`; tries once more at once where that may help. Says how often it tried.
pub(crate) fn copy(school: &School, ask: &Ask<'_>, location: &TargetLocation) -> (u32, Result<Done, NoCopy>) {
    ask.watch.copying(&ask.system.id, location);
    let span = spans::copy(&ask.system.id, location);
    let (attempts, done) = span.in_scope(|| twice(|first| once(school, ask, location, first)));
    spans::copy_ended(&span, attempts, &done);
    (attempts, done)
}

/// Makes a second attempt if the first failed in a way that may be over in a moment.
fn twice<T>(mut attempt: impl FnMut(Option<NoCopy>) -> Result<T, NoCopy>) -> (u32, Result<T, NoCopy>) {
    match attempt(None) {
        Err(why) if why.may_be_retried() => (2, attempt(Some(why))),
        done => (1, done),
    }
}

/// Why a copy ended early: somebody wanted that, or its time was over.
pub(crate) fn interrupted(ask: &Ask<'_>) -> NoCopy {
    if ask.limit.is_over() { NoCopy::TookTooLong(ask.system.timeout.to_string()) } else { NoCopy::Interrupted }
}

/// One attempt; `failed` is what the one before said.
fn once(school: &School, ask: &Ask<'_>, location: &TargetLocation, failed: Option<NoCopy>) -> Result<Done, NoCopy> {
    let mut repository = school.open(location, ask.key.clone(), true).map_err(NoCopy::of)?;
    if let Some(why) = failed
        && repository.snapshots().iter().any(|snapshot| snapshot.id == ask.snapshot)
    {
        // It was committed, and then the store did not say so: nothing of it was read back.
        return Err(why);
    }
    let id = repository.id().to_string();
    let places = &school.places;
    let (scratch, journal, caches) = (places.scratch(), places.journal(&id), places.file_cache(&id));
    for folder in [&scratch, &journal, &caches] {
        made(folder).map_err(NoCopy::Other)?;
    }
    let (capture_started, real) = (school.clock.decided(), school.clock.at_real());
    let zone = &school.plan.school.timezone;
    let (last_size, stop) = (ask.last_size, ask.limit.stop());
    let secrets = |reference: &SecretRef| school.secret(reference);
    let moment = capture::Moment { decided: capture_started, real, zone, last_size, secrets: &secrets, stop };
    let begun = capture::begin(&ask.system.source, &sources::places(school, ask.system), &scratch, &moment)?;
    let watched = begun.watched;
    let filter = Filter::of(school, ask.system).map_err(NoCopy::Other)?;
    let (entries, met) = match filter {
        Some(filter) => left_out::without(begun.entries, filter),
        None => (begun.entries, AllMet::default()),
    };
    let (shape, mut paths) = capture::shape(&ask.system.source);
    if let Some(shown) = ask.shown {
        paths = vec![shown.as_os_str().as_bytes().to_vec()];
    }
    let mut tags = BTreeMap::new();
    if !ask.anchor.is_empty() {
        tags.insert(anchors::TAG.to_owned(), ask.anchor.clone());
    }
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
        level: None,
        workers: school.workers,
        clock: &|| school.clock.decided().as_millisecond(),
        stop: ask.limit.stop(),
        tally: ask.watch.tally(),
        prove: true,
    };
    let done = backup(&mut repository, entries, &options);
    let mut lost = None;
    if done.is_err() {
        let spoiled = begun.export.as_ref().and_then(|(_, spoiled)| spoiled.take());
        let broken = begun.broken.and_then(|broken| broken.take());
        lost = spoiled.map(|why| capture::no_export(why, zone)).or(broken.map(|why| NoCapture::Source(why.into())));
    }
    if lost.is_some() {
        // That was for this capture alone. Whoever else wants the run to end says so again.
        ask.limit.stop().store(false, Ordering::Relaxed);
    }
    match done {
        Ok(summary) => {
            let size = begun.export.map_or(summary.bytes, |(size, _)| size);
            let met = met.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Ok(Done { summary, capture_started, size, single_writer: repository.single_writer(), watched, met })
        }
        // The proof comes after the commit.
        Err(why) if repository.snapshots().iter().any(|snapshot| snapshot.id == ask.snapshot) => {
            Err(NoCopy::Unproved { target: location.named(), snapshot: ask.snapshot, why: why.to_string() })
        }
        Err(RepoError::Interrupted) => Err(lost.map_or_else(|| interrupted(ask), NoCopy::Capture)),
        Err(RepoError::Store(StoreError::Full { place })) => Err(NoCopy::Full { target: location.named(), place }),
        Err(RepoError::NothingRead(unread)) => Err(NoCopy::NothingRead(unread)),
        Err(source) => Err(NoCopy::of(RunError::repository(location.named(), source))),
    }
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
    fn may_be_retried(&self) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    fn store_said(kind: ErrorKind) -> NoCopy {
        let source = StoreError::Io { what: "cannot write to", place: "nas".into(), source: kind.into() };
        NoCopy::of(RunError::repository("nas", source.into()))
    }

    #[test]
    fn a_store_that_stumbles_once_is_tried_once_more_and_no_oftener() {
        let mut said = vec![Ok(()), Err(store_said(ErrorKind::ConnectionReset))];
        let (attempts, done) = twice(|_| said.pop().unwrap());
        assert_eq!((attempts, done.is_ok()), (2, true));
        let outrun = || NoCopy::of(RunError::repository("nas", RepoError::Outrun("a pack that it needs was swept")));
        let mut said = vec![Ok(()), Err(outrun())];
        assert_eq!(twice(|_| said.pop().unwrap()).0, 2);
        let (attempts, done) = twice(|_| Err::<(), _>(store_said(ErrorKind::Other)));
        assert_eq!((attempts, done.is_err()), (2, true));
    }

    #[test]
    fn what_is_full_closed_or_gone_is_not_asked_twice() {
        let full = || NoCopy::Full { target: "nas".into(), place: "nas".into() };
        for why in [full(), NoCopy::Interrupted, NoCopy::Hook(String::new()), store_said(ErrorKind::PermissionDenied)] {
            let mut why = Some(why);
            assert_eq!(twice(|_| Err::<(), _>(why.take().unwrap())).0, 1);
        }
    }
}
