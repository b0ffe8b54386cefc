//! Putting a snapshot back.
//!
//! The snapshot, opened, is a [`RestorePlan`]: it is compared with what stands in a place, or executed there.
//!
//! The calling thread walks the tree, makes directories and special entries, and hands batches of files to the
//! workers, who read frames, prove every chunk by its name and write. What cannot be had is named; everything
//! else is restored. Directories get their metadata last, deepest first.

mod claims;
mod failed;
mod file;
mod not_whole;
mod shared;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, bounded};
use dr_entry::{Destination, EntryPath, Kind, Meta, NotSet, Part};
use dr_format::id::{ChunkId, ChunkKind, SnapshotId};
use dr_format::page::Row;
use dr_format::snapshot::{Document, Label, Shape};
use dr_format::tree::{Step, Walk, has_parent};

use crate::abort::AbortFlag;
use crate::error::RepoError;
use crate::read::fetch::Fetcher;
use crate::read::frames::{Frames, Wanted};
use crate::read::repository::Repository;
use crate::work_queue::{Next, WorkQueue};
use claims::Claims;
use file::{Failed, file};
pub use not_whole::NotWhole;
use shared::Shared;
pub use shared::{RestoreOptions, RestoreReport};

pub(crate) use crate::read::extent_page::{extent_page, extent_page_of};

/// An entry as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Where it is.
    pub path: EntryPath,
    /// What it is.
    pub meta: Meta,
}

/// What a snapshot says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// What lists show.
    pub label: Label,
    /// Whether entries stand under one directory's own root or under absolute paths.
    pub shape: Shape,
    /// What could not be captured, and why; at most 10,000 entries.
    pub unreadable: Vec<(EntryPath, String)>,
}

/// Small batches: workers stay near each other, and share the frames that are open.
const BATCH_FILES: usize = 256;
const BATCH_BYTES: u64 = 2 << 20;

impl Repository {
    /// The document of a snapshot, if this key opens it.
    pub(crate) fn document(&self, id: SnapshotId) -> Result<Document, RepoError> {
        let state = self.log.state.snapshots.get(&id);
        let state = state.ok_or_else(|| RepoError::NoSnapshot(format!("there is no snapshot {id} here")))?;
        self.document_in(id, state.document)
    }

    /// The document of a snapshot, in a chunk that something says is it.
    pub(crate) fn document_in(&self, id: SnapshotId, chunk: ChunkId) -> Result<Document, RepoError> {
        if !self.key.reads() {
            return Err(RepoError::CannotRead);
        }
        let mut fetcher = self.fetcher()?;
        let bytes = fetcher.chunk(ChunkKind::Document, chunk)?;
        Document::decode(bytes, id).map_err(|e| RepoError::damaged(format!("snapshot {id}"), e.0))
    }

    /// What a snapshot says of itself.
    pub fn describe(&self, id: SnapshotId) -> Result<Description, RepoError> {
        let document = self.document(id)?;
        let unreadable = document
            .unreadable
            .into_iter()
            .filter_map(|(path, why)| EntryPath::new(path).ok().map(|path| (path, why)))
            .collect();
        Ok(Description { label: document.label, shape: document.shape, unreadable })
    }

    /// Calls `each` with every entry of a snapshot, in path order.
    pub fn list(
        &self,
        id: SnapshotId,
        paths: &[EntryPath],
        each: &mut dyn FnMut(Listed) -> Result<(), RepoError>,
    ) -> Result<(), RepoError> {
        let document = self.document(id)?;
        let Some(root) = document.root else { return Ok(()) };
        let mut fetcher = self.fetcher()?;
        let mut walk = Walk::new(&root, paths.to_vec());
        let mut lost = None;
        loop {
            match walk.next(&mut |id| fetcher.chunk(ChunkKind::Tree, id).map(<[u8]>::to_vec)) {
                Step::Row(row) => each(Listed { path: row.path, meta: row.meta })?,
                Step::Lost { why, .. } => {
                    lost.get_or_insert(why);
                }
                Step::End => return lost.map_or(Ok(()), Err),
            }
        }
    }
}

/// A snapshot that is to be put back, opened, and which of it.
pub struct RestorePlan<'a> {
    repository: &'a Repository,
    options: RestoreOptions<'a>,
    document: Document,
}

/// Opens a snapshot that is to be put back.
///
/// # Errors
/// [`RepoError::CannotRead`] with a key that reads nothing; and why it cannot be opened.
pub fn plan_restore<'a>(
    repository: &'a Repository,
    id: SnapshotId,
    options: &RestoreOptions<'a>,
) -> Result<RestorePlan<'a>, RepoError> {
    Ok(RestorePlan { repository, options: *options, document: repository.document(id)? })
}

impl RestorePlan<'_> {
    /// Says what a restore to `destination` would find there and replace. Nothing is written, and of the snapshot only what it
    /// takes to compare is read.
    ///
    /// # Errors
    /// What the store says, and [`RepoError::Interrupted`].
    pub fn compare(&self, destination: &dyn Destination) -> Result<RestoreReport, RepoError> {
        self.run(destination, true)
    }

    /// Puts it back to `destination`. What was deleted from the repository since it was opened is named as what cannot be
    /// had, like all that is damaged.
    ///
    /// # Errors
    /// What the store says, [`RepoError::Interrupted`], and that the place is full.
    pub fn execute(&self, destination: &dyn Destination) -> Result<RestoreReport, RepoError> {
        self.run(destination, false)
    }

    fn run(&self, destination: &dyn Destination, compares: bool) -> Result<RestoreReport, RepoError> {
        let Self { repository, options, document } = self;
        let workers = options.workers.max(1);
        let shared = Shared {
            repository,
            destination,
            options,
            compares,
            frames: Arc::new(Frames::new(workers)),
            fuse: AbortFlag::new(),
            outcome: Mutex::new(RestoreReport::default()),
            claims: Claims::of(&document.label),
        };
        let mut missed: HashSet<EntryPath> = options.paths.iter().cloned().collect();
        if let Some(root) = &document.root {
            let mut walk = Walk::new(root, options.paths.to_vec());
            std::thread::scope(|scope| {
                let (batches_in, batches) = bounded::<Vec<Row>>(workers * 2);
                for work_queue in WorkQueue::for_all(workers, workers * 2) {
                    let batches = batches.clone();
                    let shared = &shared;
                    scope.spawn(move || {
                        if let Err(error) = work(&batches, shared, work_queue) {
                            shared.fuse.blow(error);
                            batches.iter().for_each(drop);
                        }
                    });
                }
                drop(batches);
                let send = |batch: Vec<Row>| drop(batches_in.send(batch));
                match lay_out(&mut walk, &shared, &send) {
                    Ok(later) => {
                        drop(batches_in);
                        Some(later)
                    }
                    Err(error) => {
                        shared.fuse.blow(error);
                        None
                    }
                }
            })
            .into_iter()
            .for_each(|later| missed = finish(later, &shared));
        }
        shared.fuse.into_result()?;
        if options.stop.load(Ordering::Relaxed) {
            return Err(RepoError::Interrupted);
        }
        let mut outcome = shared.outcome.into_inner().map_err(|_| RepoError::WorkerFailed)?;
        outcome.replaces.sort();
        for wanted in missed {
            outcome.failed.push((wanted, NotWhole::NotThere));
        }
        Ok(outcome)
    }
}

/// What waits until all files are written.
struct Later {
    /// Paths that were asked for and not met.
    missed: HashSet<EntryPath>,
    links: Vec<(Row, EntryPath)>,
    directories: Vec<(EntryPath, Meta)>,
}

/// Walks the tree in order, makes what has no contents, and hands out the rest.
fn lay_out(walk: &mut Walk, shared: &Shared<'_>, send: &dyn Fn(Vec<Row>)) -> Result<Later, RepoError> {
    let repository = shared.repository;
    let mut fetcher = repository.fetcher()?;
    let missed = shared.options.paths.iter().filter(|path| !path.is_root()).cloned().collect();
    let mut later = Later { missed, links: Vec::new(), directories: Vec::new() };
    let mut first_of: HashMap<u64, EntryPath> = HashMap::new();
    // Directories around the current row that exist.
    let mut inside: Vec<EntryPath> = Vec::new();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    loop {
        if shared.fuse.is_blown() || shared.options.stop.load(Ordering::Relaxed) {
            return Ok(later);
        }
        let row = match walk.next(&mut |id| fetcher.chunk(ChunkKind::Tree, id).map(<[u8]>::to_vec)) {
            Step::Row(row) => *row,
            Step::End => break,
            Step::Lost { up_to, why } => {
                if let RepoError::Store(dr_store::StoreError::Io { .. }) = why {
                    return Err(why);
                }
                let path = up_to.unwrap_or_default();
                shared.failed(path, NotWhole::UpTo(why.to_string()));
                continue;
            }
        };
        while inside.last().is_some_and(|dir| !row.path.is_within(dir)) {
            inside.pop();
        }
        later.missed.remove(&row.path);
        if !shared.compares && !has_parent(&inside, &row.path) {
            shared.failed(row.path, NotWhole::Place("its directory could not be restored".into()));
            continue;
        }
        let first = row.meta.link.and_then(|link| first_of.get(&link).cloned());
        match (&row.meta.kind, first) {
            _ if shared.compares && row.meta.kind != Kind::File => {
                if shared.destination.is_in_the_way(&row.path, &row.meta) {
                    shared.replaces(&row.path);
                }
                shared.done(0, 0);
            }
            (Kind::Directory, _) => match shared.destination.directory(&row.path) {
                Ok(()) => {
                    inside.push(row.path.clone());
                    later.directories.push((row.path, row.meta));
                }
                Err(error) => shared.failed(row.path, error.into()),
            },
            (_, Some(_)) if shared.compares => shared.done(1, 0),
            (_, Some(first)) => later.links.push((row, first)),
            (kind, None) => {
                if let Some(link) = row.meta.link {
                    first_of.insert(link, row.path.clone());
                }
                if *kind == Kind::File {
                    bytes = row.meta.size.saturating_add(bytes);
                    batch.push(row);
                    if batch.len() >= BATCH_FILES || bytes >= BATCH_BYTES {
                        bytes = 0;
                        send(std::mem::take(&mut batch));
                    }
                } else {
                    shared.put(&row.path, shared.destination.special(&row.path, &row.meta), 0);
                }
            }
        }
    }
    send(batch);
    Ok(later)
}

fn finish(later: Later, shared: &Shared<'_>) -> HashSet<EntryPath> {
    let mut alone = None;
    let failures = if later.links.is_empty() { HashMap::new() } else { shared.failures() };
    for (row, first) in later.links {
        // What is so of a file is so under each of its names.
        let of_first = failures.get(&first);
        if let Some(why) = of_first.filter(|why| !why.is_back()) {
            shared.failed(row.path, why.clone());
            continue;
        }
        match shared.destination.hard_link(&row.path, &first) {
            Ok(()) => {
                shared.done(u64::from(row.meta.kind == Kind::File), 0);
                if let Some(why) = of_first {
                    shared.failed(row.path, why.clone());
                }
            }
            // Where a file cannot have two names, there are two files.
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                let made = by_itself(&row, shared, &mut alone);
                let files = u64::from(row.meta.kind == Kind::File);
                let mut not_set = match made {
                    Ok(()) => NotSet::default(),
                    Err(NotWhole::NotSet(not_set)) => not_set,
                    Err(_) => {
                        let why = format!("cannot be linked to {first}: {error}");
                        shared.failed(row.path, NotWhole::Place(why));
                        continue;
                    }
                };
                not_set.push(Part::Link, format!("it is a file of its own and not another name of {first}: {error}"));
                shared.done(files, 0);
                shared.failed(row.path, NotWhole::NotSet(not_set));
            }
            Err(error) => shared.failed(row.path, NotWhole::Place(format!("cannot be linked to {first}: {error}"))),
        }
    }
    for (path, meta) in later.directories.into_iter().rev() {
        shared.put(&path, shared.destination.finish_directory(&path, &meta), 0);
    }
    later.missed
}

/// Makes the entry as one of its own. What it takes to read is made once.
fn by_itself<'a>(
    row: &Row,
    shared: &Shared<'a>,
    alone: &mut Option<(Fetcher<'a>, WorkQueue<Wanted>)>,
) -> Result<(), NotWhole> {
    if row.meta.kind != Kind::File {
        return Ok(shared.destination.special(&row.path, &row.meta)?);
    }
    if alone.is_none() {
        let fetcher = shared.repository.fetcher_sharing(Arc::clone(&shared.frames));
        let fetcher = fetcher.map_err(|why| NotWhole::Copy(why.to_string()))?;
        *alone = WorkQueue::for_all(1, 1).into_iter().next().map(|work_queue| (fetcher, work_queue));
    }
    let Some((fetcher, work_queue)) = alone else { return Err(NotWhole::Place("no thread is left".into())) };
    match file(row, fetcher, shared, work_queue) {
        Ok(()) => Ok(()),
        Err(Failed::Here(why)) => Err(why),
        Err(Failed::Full(why)) => Err(why.into()),
        Err(Failed::All(why)) => Err(NotWhole::Copy(why.to_string())),
    }
}

fn work(batches: &Receiver<Vec<Row>>, shared: &Shared<'_>, mut work_queue: WorkQueue<Wanted>) -> Result<(), RepoError> {
    let mut fetcher = shared.repository.fetcher_sharing(Arc::clone(&shared.frames))?;
    while let Some(next) = work_queue.next(batches) {
        let batch = match next {
            Next::Job(batch) => batch,
            Next::Piece(wanted) => {
                fetcher.open_early(&wanted);
                continue;
            }
        };
        for row in batch {
            if shared.fuse.is_blown() || shared.options.stop.load(Ordering::Relaxed) {
                break;
            }
            match file(&row, &mut fetcher, shared, &work_queue) {
                Ok(()) => shared.done(1, row.meta.size),
                Err(Failed::Here(why)) => {
                    if why.is_back() {
                        shared.done(1, row.meta.size);
                    }
                    shared.failed(row.path, why);
                }
                Err(Failed::Full(why)) if shared.destination.is_full() => return Err(file::full(why)),
                Err(Failed::Full(why)) => shared.failed(row.path, why.into()),
                Err(Failed::All(error)) => return Err(error),
            }
        }
    }
    work_queue.no_more();
    while let Some(wanted) = work_queue.piece() {
        fetcher.open_early(&wanted);
    }
    Ok(())
}
