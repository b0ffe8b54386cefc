//! One copy: a system captured and kept on one target, and read back before its key is forgotten.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use dr_plan::{SecretRef, System};
use dr_repo::{BackupOptions, Key, Label, RepoError, SnapshotId, backup};
use dr_source::driver::Size;
use dr_store::StoreError;

use crate::anchors;
use crate::capture;
use crate::capture::NoCapture;
pub(crate) use crate::copied::{Done, NoCopy};
use crate::error::RunError;
use crate::folders::made;
use crate::left_out;
use crate::left_out::{AllMet, Filter};
use crate::limit::Limit;
use crate::location::TargetLocation;
use crate::school::School;
use crate::sources;
use crate::spans;
use crate::watch::Watch;

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
    let moment = capture::Moment {
        decided: capture_started,
        real,
        zone,
        last_size,
        secrets: &secrets,
        expect: &ask.system.expect,
        stop,
    };
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
    let options = BackupOptions {
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
