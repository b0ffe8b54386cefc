//! Taking entries in: one snapshot of a stream of entries.
//!
//! Threads and what each owns: the *walker* pulls entries and settles the unchanged ones from the file cache; the
//! *workers* own a batch each through read, cut, name, look up, compress and seal, and each fills a pack of its
//! own; the *uploader* stores finished packs and registers them every 30 seconds or 256 MiB; the *collator* (the
//! calling thread) puts results back in order and builds the tree. Queues are bounded, so memory is.
//!
//! Order on the store: packs, then the index object that describes them, then the log entry. A kill at any moment
//! leaves whole packs at worst, and the next run of the same host takes those up.

mod capture;
mod collate;
mod cut;
mod effort;
mod help;
mod job;
mod shared;
mod upload;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use dr_entry::{Attributes, Entries, Entry, EntryPath, Kind, Meta, Profile, Settled, Unread};
use dr_format::format::{BLIND_FRAME_RAW, FRAME_RAW, OWNER_NAME_MAX, PACK_TARGET, XATTRS_MAX};
use dr_format::id::{ChunkId, ChunkKind, PackKind, SnapshotId, random, wipe_stack};
use dr_format::log_entry::object_name;
use dr_format::page::{Contents, Row};

use crate::abort::AbortFlag;
use crate::error::RepoError;
use crate::read::repository::{Fault, Repository};
use crate::work_queue::Next;
use crate::write::adopt::adopt;
use crate::write::cache::{CacheReader, CacheWriter};
use crate::write::committer::begin;
use crate::write::pack_writer::FinishedPack;
use crate::write::packer::Packer;
use crate::write::presence;
use crate::write::prove::prove;
pub use capture::{BackupOptions, BackupReport};
use collate::Collator;
use cut::{Cutter, FileOutcome, KeepChunk};
use effort::Effort;
use help::Help;
use job::{Done, Item, Job, Outcome};
use shared::{Linked, Shared};
use upload::Uploader;

/// A fresh snapshot id.
#[must_use]
pub fn new_snapshot_id() -> SnapshotId {
    SnapshotId(random())
}

/// How many batches may be under way or waiting for their turn in the tree.
const BATCHES_MAX: usize = 64;
const BATCH_ENTRIES: usize = 256;
const BATCH_BYTES: u64 = 2 << 20;

/// Keeps one snapshot of `entries`.
///
/// The session's key is gone from memory when this returns, whatever the outcome.
pub fn backup(
    repository: &mut Repository,
    entries: Entries<'_>,
    capture: &BackupOptions<'_>,
) -> Result<BackupReport, RepoError> {
    let outcome = in_session(repository, entries, capture);
    wipe_stack();
    outcome
}

#[inline(never)]
fn in_session(
    repository: &mut Repository,
    entries: Entries<'_>,
    capture: &BackupOptions<'_>,
) -> Result<BackupReport, RepoError> {
    repository.log.may_write()?;
    if !repository.key.writes() {
        return Err(RepoError::KeyMayNot("this key prunes and writes no backups"));
    }
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let counted =
        || (count(&capture.tally.bytes_read), count(&capture.tally.bytes_stored), count(&capture.tally.objects));
    let before = counted();
    let adopted = adopt(repository, capture.journal, capture.clock, capture.tally)?;
    let stands = presence::look(repository, capture.journal)?;

    let session = begin(repository, capture.scratch, capture.journal)?;
    let distrusted = repository.log.unreadable.first();
    let distrusted = distrusted.map(|(n, what)| Fault { object: object_name(*n), what: what.clone() });
    let rely = distrusted.is_none();
    let index = Arc::clone(repository.index()?);
    let namer = repository.namer.clone();
    let shared = Shared::new(&session, &index, &namer, rely, stands, capture.scratch)?;
    let kept = run(repository, entries, capture, &shared)?;
    let after = counted();
    Ok(BackupReport {
        bytes_read: after.0 - before.0,
        bytes_stored: after.1 - before.1,
        objects: after.2 - before.2,
        adopted,
        distrusted,
        ..kept
    })
}

fn run(
    repository: &mut Repository,
    entries: Entries<'_>,
    capture: &BackupOptions<'_>,
    shared: &Shared<'_>,
) -> Result<BackupReport, RepoError> {
    let (fuse, effort) = (AbortFlag::new(), Effort::new(capture.level));
    let keyless = !repository.key.reads();
    let workers = capture.workers.max(1);
    let mut uploader = Uploader::new(repository, capture, shared);
    let mut summary =
        BackupReport::begun(capture.snapshot, shared.stands.lacking.clone(), shared.stands.touched.clone());
    // The cache only saves time: whatever is wrong with it, the backup goes on without.
    let mut cache = capture.cache.and_then(|path| CacheWriter::create(path).map_err(|e| summary.no_cache(&e)).ok());
    let document = std::thread::scope(|scope| {
        let (jobs_in, jobs) = bounded::<Job>(workers * 2);
        let (done_in, done) = unbounded::<Done>();
        let (credit_in, credit) = bounded::<()>(BATCHES_MAX);
        let (packs_in, packs) = bounded::<FinishedPack>(1);
        let (fuse, effort) = (&fuse, &effort);
        let uploader = &mut uploader;
        scope.spawn(move || walk(entries, capture, shared, fuse, &jobs_in, &credit_in));
        for help in Help::for_all(workers) {
            let (jobs, done_in, packs_in) = (jobs.clone(), done_in.clone(), packs_in.clone());
            scope.spawn(move || {
                let worker = Worker { packs: &packs_in, capture, shared, fuse, effort, keyless };
                if let Err(error) = worker.work(&jobs, &done_in, help) {
                    fuse.blow(error);
                    // Others must not wait for a place in the queue that nobody empties.
                    jobs.iter()
                        .for_each(|job| drop(done_in.send(Done { sequence: job.sequence, results: Vec::new() })));
                }
                wipe_stack();
            });
        }
        drop((jobs, done_in));
        scope.spawn(move || {
            for pack in packs {
                if let Err(error) = uploader.store(pack) {
                    fuse.blow(error);
                    break;
                }
            }
        });
        let collator = Collator::new(capture, shared, fuse, &packs_in, (&mut cache, &mut summary));
        collator.and_then(|collator| collator.collate(&done, &credit)).map_err(|error| fuse.blow(error)).ok()
    });
    let stopped = capture.stop.load(Ordering::Relaxed);
    if stopped && !fuse.is_blown() {
        uploader.register(true)?;
        return Err(RepoError::Interrupted);
    }
    if let Err(error) = fuse.into_result() {
        // What is whole is kept for the next run, if the target still takes a log entry.
        let _ = uploader.register(false);
        return Err(error);
    }
    let Some((label, document)) = document else { return Err(RepoError::Interrupted) };
    let lines = uploader.commit(&label, document)?;
    if let Some(Err(error)) = cache.map(CacheWriter::publish) {
        summary.no_cache(&error);
    }
    if capture.prove {
        summary.proved = Some(prove(repository, shared.session, &lines, capture.stop)?);
    }
    Ok(summary)
}

fn walk(
    entries: Entries<'_>,
    capture: &BackupOptions<'_>,
    shared: &Shared<'_>,
    fuse: &AbortFlag,
    jobs: &Sender<Job>,
    credit: &Sender<()>,
) {
    let mut cache = CacheReader::open(capture.cache);
    let (mut items, mut bytes, mut sequence) = (Vec::with_capacity(BATCH_ENTRIES), 0, 0);
    let mut send = |items: &mut Vec<Item>| {
        let job = Job { sequence, items: std::mem::replace(items, Vec::with_capacity(BATCH_ENTRIES)) };
        sequence += 1;
        credit.send(()).is_ok() && jobs.send(job).is_ok()
    };
    for entry in entries {
        if fuse.is_blown() || capture.stop.load(Ordering::Relaxed) {
            return;
        }
        let item = match entry {
            Err(unread) => Item::Unread(unread),
            Ok(entry) => {
                let known = (entry.meta.kind == Kind::File).then(|| cache.find(&entry.path)).flatten();
                match known {
                    Some(known) if entry.stamp == Some(known.stamp) && shared.still_there(&known.contents) => {
                        Item::Same(entry, known)
                    }
                    _ => {
                        bytes += entry.meta.size;
                        Item::Fresh(entry)
                    }
                }
            }
        };
        items.push(item);
        if items.len() >= BATCH_ENTRIES || bytes >= BATCH_BYTES {
            bytes = 0;
            if !send(&mut items) {
                return;
            }
        }
    }
    send(&mut items);
}

/// One worker: reads, cuts, names, compresses and seals, and fills a pack of its own.
struct Worker<'a> {
    packs: &'a Sender<FinishedPack>,
    capture: &'a BackupOptions<'a>,
    shared: &'a Shared<'a>,
    fuse: &'a AbortFlag,
    effort: &'a Effort,
    keyless: bool,
}

impl Worker<'_> {
    #[inline(never)]
    fn work(&self, jobs: &Receiver<Job>, done: &Sender<Done>, mut help: Help) -> Result<(), RepoError> {
        let (shared, session) = (self.shared, self.shared.session);
        let frame = if self.keyless { BLIND_FRAME_RAW } else { FRAME_RAW };
        let mut packer = Packer::new(session, PackKind::Data, frame, PACK_TARGET, self.effort.level())?;
        let mut cutter = Cutter::new(shared, self.capture.tally, self.capture.stop);
        let mut since = (self.capture.clock)();
        let mut ready = |pack: FinishedPack| {
            let whole = (self.capture.clock)();
            let sent = self.packs.send(pack).map_err(|_| RepoError::Interrupted);
            let taken = (self.capture.clock)();
            self.effort.note(whole.saturating_sub(since), taken.saturating_sub(whole));
            since = taken;
            sent
        };
        while let Some(next) = help.next(jobs) {
            packer.set_level(self.effort.level())?;
            let job = match next {
                Next::Job(job) => job,
                Next::Piece(frame) => {
                    help.give_back(packer.seal(frame, &mut ready)?);
                    continue;
                }
            };
            let mut results = Vec::with_capacity(job.items.len());
            let mut keep = |id: ChunkId, bytes: &[u8]| packer.add(ChunkKind::Data, id, bytes, &help, &mut ready);
            let mut items = job.items.into_iter().take_while(|_| !self.fuse.is_blown());
            let outcome: Result<(), RepoError> = items.try_for_each(|item| {
                results.push(settle(item, &mut cutter, shared, &mut keep)?);
                Ok(())
            });
            // Every job is answered, also a failed one: whoever counts them must not wait for ever.
            let sent = done.send(Done { sequence: job.sequence, results });
            outcome?;
            if sent.is_err() {
                break;
            }
        }
        if self.fuse.is_blown() {
            return Ok(());
        }
        packer.seal_rest(&mut ready)?;
        help.no_more();
        while let Some(frame) = help.frame() {
            if self.fuse.is_blown() {
                return Ok(());
            }
            help.give_back(packer.seal(frame, &mut ready)?);
        }
        packer.flush(&mut ready)
    }
}

/// What becomes of one item.
fn settle(
    item: Item,
    cutter: &mut Cutter<'_>,
    shared: &Shared<'_>,
    keep: &mut KeepChunk<'_>,
) -> Result<Outcome, RepoError> {
    match item {
        Item::Unread(unread) => Ok(Outcome::Unread(unread)),
        Item::Same(entry, known) => {
            let mut meta = entry.meta;
            meta.size = known.stamp.size;
            meta.xattrs = known.xattrs;
            let row = Row { path: entry.path, meta, profile: known.profile, contents: known.contents };
            Ok(Outcome::Row { row, stamp: entry.stamp, unsettled: false, lacking: Vec::new() })
        }
        Item::Fresh(entry) => take(entry, cutter, shared, keep),
    }
}

fn take(
    entry: Entry,
    cutter: &mut Cutter<'_>,
    shared: &Shared<'_>,
    keep: &mut KeepChunk<'_>,
) -> Result<Outcome, RepoError> {
    let Entry { path, mut meta, mut stamp, profile, body } = entry;
    shorten(&mut meta);
    let Some(body) = body else {
        let lacking = put_right(&mut meta.xattrs);
        return Ok(without_contents(path, meta, lacking));
    };
    if let Some(Linked { contents, size, profile, xattrs, .. }) = shared.linked(meta.link, stamp) {
        (meta.size, meta.xattrs) = (size, xattrs);
        let row = Row { path, meta, profile, contents };
        return Ok(Outcome::Row { row, stamp, unsettled: false, lacking: Vec::new() });
    }
    let mut content = match body.open() {
        // Nothing is left out because somebody else opened too much.
        Err(source) if is_full(&source) => {
            return Err(RepoError::Local { what: "nothing more of the source can be opened".into(), source });
        }
        Err(why) => return Ok(Outcome::Unread(Unread { path, why: why.to_string() })),
        Ok(content) => content,
    };
    if let Some(fresh) = content.fresh() {
        (meta, stamp) = (fresh.meta, fresh.stamp);
        shorten(&mut meta);
    }
    let mut lacking = Vec::new();
    match content.attributes() {
        Ok(None) => {}
        Ok(Some(attributes)) => meta.xattrs = attributes,
        Err(why) => lacking.push(format!("its attributes: {why}")),
    }
    lacking.extend(content.lacking());
    lacking.extend(put_right(&mut meta.xattrs));
    if meta.kind != Kind::File {
        return Ok(without_contents(path, meta, lacking));
    }
    match cutter.take(content.as_mut(), meta.size, profile, keep)? {
        FileOutcome::Unreadable(error) => Ok(Outcome::Unread(Unread { path, why: error.to_string() })),
        FileOutcome::Whole { contents, size, profile } => {
            // A file that cannot be looked at again counts as changed.
            let unsettled = !matches!(content.settle(), Ok(Settled::Unchanged));
            meta.size = size;
            // What it lacks is asked for again next time, whether it changed or not.
            let stamp = stamp.filter(|stamp| !unsettled && stamp.size == size && lacking.is_empty());
            if let (Some(link), Some(stamp)) = (meta.link, stamp) {
                let (contents, xattrs) = (contents.clone(), meta.xattrs.clone());
                shared.remember(link, Linked { stamp, contents, size, profile, xattrs });
            }
            Ok(Outcome::Row { row: Row { path, meta, profile, contents }, stamp, unsettled, lacking })
        }
    }
}

/// Whether too many files are open, in this process or on this machine.
fn is_full(why: &std::io::Error) -> bool {
    let full = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
    full.iter().any(|errno| why.raw_os_error() == Some(errno.raw_os_error()))
}

fn without_contents(path: EntryPath, meta: Meta, lacking: Vec<String>) -> Outcome {
    let row = Row { path, meta, profile: Profile::Auto, contents: Contents::Empty };
    Outcome::Row { row, stamp: None, unsettled: false, lacking }
}

/// Names of owners that no page takes are left out.
fn shorten(meta: &mut Meta) {
    for owner in [&mut meta.user, &mut meta.group] {
        owner.name = owner.name.take().filter(|name| name.len() <= OWNER_NAME_MAX);
    }
}

/// Pages keep attributes by name, and not without end; a source that gives them otherwise is put right here. What is
/// not kept is named.
fn put_right(xattrs: &mut Attributes) -> Vec<String> {
    xattrs.sort();
    xattrs.dedup_by(|a, b| a.0 == b.0);
    let (mut all, mut lacking) = (0, Vec::new());
    xattrs.retain(|(name, value)| {
        let size = name.len() + value.len();
        let fits = all + size <= XATTRS_MAX;
        match fits {
            true => all += size,
            false => {
                lacking.push(format!("attribute {}: all of them together are larger than 1 MiB", name.escape_ascii()))
            }
        }
        fits
    });
    lacking
}
