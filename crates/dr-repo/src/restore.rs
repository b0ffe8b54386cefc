//! Putting a snapshot back.
//!
//! The calling thread walks the tree, makes directories and special entries, and hands batches of files to the
//! workers, who read frames, prove every chunk by its name and write. What cannot be had is named; everything
//! else is restored. Directories get their metadata last, deepest first.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, bounded};
use dr_entry::{Destination, EntryPath, Kind, Meta, Standing, Writing};

use crate::backup::{Fuse, Tally};
use crate::error::RepoError;
use crate::extents::{self, ExtentPage, Run};
use crate::fetch::{Fetcher, Found};
use crate::format::CHUNK_MAX;
use crate::frames::{FrameKey, Frames, Wanted};
use crate::id::{ChunkId, ChunkKind, SnapshotId};
use crate::page::{Contents, Extent, Row};
use crate::repository::Repository;
use crate::snapshot::{Document, Label, Shape};
use crate::tree::{Step, Walk, has_parent};
use crate::turns::{Next, Turns};

/// How a restore is to run.
pub struct Restore<'a> {
    /// Only these paths and what is below them; empty for everything.
    pub paths: &'a [EntryPath],
    /// Worker threads.
    pub workers: usize,
    /// Only compare with what stands there, and write nothing.
    pub dry: bool,
    /// Set from outside to end early.
    pub stop: &'a AtomicBool,
    /// Progress: entries and bytes put back.
    pub tally: &'a Tally,
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// Entries put back whole.
    pub entries: u64,
    /// Files among them.
    pub files: u64,
    /// Files that stood there with the same contents, and stayed.
    pub kept: u64,
    /// Bytes of contents, of the files that stayed too.
    pub bytes: u64,
    /// What was not put back, or not wholly, and why.
    pub failed: Vec<(EntryPath, String)>,
}

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
/// Files from this size have their frames opened ahead by whoever has nothing to do.
const LARGE: u64 = 4 << 20;

impl Repository {
    /// The document of a snapshot, if this key opens it.
    pub(crate) fn document(&self, id: SnapshotId) -> Result<Document, RepoError> {
        let state = self.log.state.snapshots.get(&id);
        let state = state.ok_or_else(|| RepoError::NoSnapshot(format!("there is no snapshot {id} here")))?;
        if !self.key.reads() {
            return Err(RepoError::CannotRead);
        }
        let mut fetcher = self.fetcher()?;
        let bytes = fetcher.chunk(ChunkKind::Document, state.document)?;
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

/// Everything that the threads of a restore share.
struct Shared<'a> {
    repository: &'a Repository,
    destination: &'a dyn Destination,
    options: &'a Restore<'a>,
    frames: Arc<Frames>,
    fuse: Fuse,
    outcome: Mutex<Restored>,
}

impl Shared<'_> {
    fn failed(&self, path: EntryPath, why: String) {
        if let Ok(mut outcome) = self.outcome.lock() {
            outcome.failed.push((path, why));
        }
    }

    fn kept(&self) {
        if let Ok(mut outcome) = self.outcome.lock() {
            outcome.kept += 1;
        }
    }

    fn done(&self, files: u64, bytes: u64) {
        self.options.tally.entries.fetch_add(1, Ordering::Relaxed);
        self.options.tally.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        if let Ok(mut outcome) = self.outcome.lock() {
            outcome.entries += 1;
            outcome.files += files;
            outcome.bytes = outcome.bytes.saturating_add(bytes);
        }
    }
}

/// Puts a snapshot back to `destination`.
pub fn restore(
    repository: &Repository,
    id: SnapshotId,
    options: &Restore<'_>,
    destination: &dyn Destination,
) -> Result<Restored, RepoError> {
    let document = repository.document(id)?;
    let workers = options.workers.max(1);
    let shared = Shared {
        repository,
        destination,
        options,
        frames: Arc::new(Frames::new(workers)),
        fuse: Fuse::new(),
        outcome: Mutex::new(Restored::default()),
    };
    let mut missed: HashSet<EntryPath> = options.paths.iter().cloned().collect();
    if let Some(root) = &document.root {
        let mut walk = Walk::new(root, options.paths.to_vec());
        std::thread::scope(|scope| {
            let (batches_in, batches) = bounded::<Vec<Row>>(workers * 2);
            for turns in Turns::for_all(workers, workers * 2) {
                let batches = batches.clone();
                let shared = &shared;
                scope.spawn(move || {
                    if let Err(error) = work(&batches, shared, turns) {
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
    let mut outcome = shared.outcome.into_inner().map_err(|_| RepoError::ReadOnly("a worker thread failed".into()))?;
    for wanted in missed {
        outcome.failed.push((wanted, "it is not in this snapshot".into()));
    }
    Ok(outcome)
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
                shared.failed(path, format!("entries up to this one are lost: {why}"));
                continue;
            }
        };
        while inside.last().is_some_and(|dir| !row.path.is_within(dir)) {
            inside.pop();
        }
        later.missed.remove(&row.path);
        if !shared.options.dry && !has_parent(&inside, &row.path) {
            shared.failed(row.path, "its directory could not be restored".into());
            continue;
        }
        let first = row.meta.link.and_then(|link| first_of.get(&link).cloned());
        match (&row.meta.kind, first) {
            _ if shared.options.dry && row.meta.kind != Kind::File => shared.done(0, 0),
            (Kind::Directory, _) => match shared.destination.directory(&row.path) {
                Ok(()) => {
                    inside.push(row.path.clone());
                    later.directories.push((row.path, row.meta));
                }
                Err(error) => shared.failed(row.path, error.to_string()),
            },
            (_, Some(_)) if shared.options.dry => shared.done(1, 0),
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
                    match shared.destination.special(&row.path, &row.meta) {
                        Ok(()) => shared.done(0, 0),
                        Err(error) => shared.failed(row.path, error.to_string()),
                    }
                }
            }
        }
    }
    send(batch);
    Ok(later)
}

fn finish(later: Later, shared: &Shared<'_>) -> HashSet<EntryPath> {
    for (row, first) in later.links {
        match shared.destination.hard_link(&row.path, &first) {
            Ok(()) => shared.done(u64::from(row.meta.kind == Kind::File), 0),
            Err(error) => shared.failed(row.path, format!("cannot be linked to {first}: {error}")),
        }
    }
    for (path, meta) in later.directories.into_iter().rev() {
        match shared.destination.finish_directory(&path, &meta) {
            Ok(()) => shared.done(0, 0),
            Err(error) => shared.failed(path, error.to_string()),
        }
    }
    later.missed
}

fn work(batches: &Receiver<Vec<Row>>, shared: &Shared<'_>, mut turns: Turns<Wanted>) -> Result<(), RepoError> {
    let mut fetcher = shared.repository.fetcher_sharing(Arc::clone(&shared.frames))?;
    while let Some(next) = turns.next(batches) {
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
            match file(&row, &mut fetcher, shared, &turns) {
                Ok(()) => shared.done(1, row.meta.size),
                Err(Failed::Here(why)) => shared.failed(row.path, why),
                Err(Failed::All(error)) => return Err(error),
            }
        }
    }
    turns.no_more();
    while let Some(wanted) = turns.piece() {
        fetcher.open_early(&wanted);
    }
    Ok(())
}

/// Whether a failure concerns one file or the whole restore.
enum Failed {
    Here(String),
    All(RepoError),
}

impl From<RepoError> for Failed {
    fn from(error: RepoError) -> Self {
        match error {
            RepoError::CannotRead | RepoError::Interrupted => Self::All(error),
            other => Self::Here(other.to_string()),
        }
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::All(RepoError::Local { what: "the place to restore to is full".into(), source: error })
            }
            _ => Self::Here(error.to_string()),
        }
    }
}

fn file(row: &Row, fetcher: &mut Fetcher<'_>, shared: &Shared<'_>, turns: &Turns<Wanted>) -> Result<(), Failed> {
    let mut standing = shared.destination.standing(&row.path, &row.meta)?;
    if let Some(base) = &mut standing
        && is_same(row, base.as_mut(), fetcher)?
        && let Some(base) = standing.take()
        && (shared.options.dry || base.keep(&row.meta)?)
    {
        shared.kept();
        return Ok(());
    }
    if shared.options.dry {
        return Ok(());
    }
    let writing = shared.destination.file(&row.path, row.meta.size)?;
    let ahead = (row.meta.size >= LARGE).then_some(Ahead { frames: &shared.frames, turns });
    let mut filling = Filling { writing, standing, buffer: Vec::new(), at: 0, run: None };
    match &row.contents {
        Contents::Empty => {}
        Contents::Inline(bytes) => {
            filling.writing.write_at(0, bytes)?;
            filling.at = bytes.len() as u64;
        }
        Contents::Extents(extents) => filling.put(extents, fetcher, ahead.as_ref())?,
        Contents::Tree { root, level, extents } => {
            let run = Run { id: *root, len: row.meta.size, extents: *extents };
            each_leaf(run, *level, fetcher, &mut |extents, fetcher| filling.put(&extents, fetcher, ahead.as_ref()))?;
        }
    }
    filling.flush()?;
    if filling.at != row.meta.size {
        return Err(Failed::Here("its extents do not add up to its size".into()));
    }
    Ok(filling.writing.finish(&row.meta)?)
}

/// Whether this chunk stands at this offset; if so it is in `buffer` then.
fn stands(
    standing: &mut dyn Standing,
    at: u64,
    id: ChunkId,
    len: u32,
    buffer: &mut Vec<u8>,
    fetcher: &Fetcher<'_>,
) -> Result<bool, Failed> {
    if len as usize > CHUNK_MAX {
        return Ok(false);
    }
    buffer.resize(len as usize, 0);
    Ok(standing.read_at(at, buffer)? == buffer.len() && fetcher.is(ChunkKind::Data, id, buffer))
}

/// Whether the file that stands there has these contents already. Nothing but pages of extents is fetched.
fn is_same(row: &Row, standing: &mut dyn Standing, fetcher: &mut Fetcher<'_>) -> Result<bool, Failed> {
    if standing.size() != row.meta.size {
        return Ok(false);
    }
    let (mut at, mut buffer) = (0u64, Vec::new());
    let mut all = |extents: &[Extent], fetcher: &Fetcher<'_>| -> Result<bool, Failed> {
        for extent in extents {
            let same = match *extent {
                Extent::Chunk { id, len } => stands(standing, at, id, len, &mut buffer, fetcher)?,
                Extent::Hole { len } => zeros(standing, at, len, &mut buffer)?,
            };
            if !same {
                return Ok(false);
            }
            at = at.saturating_add(extent.len());
        }
        Ok(true)
    };
    let same = match &row.contents {
        Contents::Empty => true,
        Contents::Inline(bytes) => {
            let mut there = vec![0; bytes.len()];
            at = standing.read_at(0, &mut there)? as u64;
            there == *bytes
        }
        Contents::Extents(extents) => all(extents, fetcher)?,
        Contents::Tree { root, level, extents } => {
            let run = Run { id: *root, len: row.meta.size, extents: *extents };
            let mut same = true;
            each_leaf(run, *level, fetcher, &mut |extents, fetcher| {
                same = same && all(&extents, fetcher)?;
                Ok(())
            })?;
            same
        }
    };
    Ok(same && at == row.meta.size)
}

/// Whether nothing but zeros stands there.
fn zeros(standing: &mut dyn Standing, mut at: u64, len: u64, buffer: &mut Vec<u8>) -> Result<bool, Failed> {
    let end = at.saturating_add(len);
    while at < end {
        buffer.resize(usize::try_from(end - at).unwrap_or(usize::MAX).min(1 << 20), 0);
        let read = standing.read_at(at, buffer)?;
        if read < buffer.len() || buffer.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += read as u64;
    }
    Ok(true)
}

/// A file on its way to being whole.
struct Filling {
    writing: Box<dyn Writing>,
    /// What stood there before: what is right in it need not be fetched.
    standing: Option<Box<dyn Standing>>,
    buffer: Vec<u8>,
    at: u64,
    /// Chunks that lie side by side in the file and in their frame are written at once: where, and what.
    run: Option<(u64, Found)>,
}

impl Filling {
    fn put(&mut self, extents: &[Extent], fetcher: &mut Fetcher<'_>, ahead: Option<&Ahead<'_>>) -> Result<(), Failed> {
        let mut coming = ahead.map(|ahead| ahead.coming(extents, fetcher));
        for (number, extent) in extents.iter().enumerate() {
            if let Some(coming) = &mut coming {
                coming.come_to(number);
            }
            if let Extent::Chunk { id, len } = *extent {
                if let Some(standing) = &mut self.standing
                    && stands(standing.as_mut(), self.at, id, len, &mut self.buffer, fetcher)?
                {
                    self.flush()?;
                    self.writing.write_at(self.at, &self.buffer)?;
                    self.at += u64::from(len);
                    continue;
                }
                let found = fetcher.find(ChunkKind::Data, id)?;
                if found.bytes().len() != len as usize {
                    return Err(Failed::Here(format!("chunk {id} has another length than the tree says")));
                }
                let joined = self.run.as_mut().is_some_and(|(_, run)| run.join(&found));
                if !joined {
                    self.flush()?;
                    self.run = Some((self.at, found));
                }
            } else {
                self.flush()?;
            }
            self.at = self.at.checked_add(extent.len()).ok_or_else(|| Failed::Here("it is impossibly large".into()))?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failed> {
        if let Some((at, run)) = self.run.take() {
            self.writing.write_at(at, run.bytes())?;
        }
        Ok(())
    }
}

/// Has the frames of a large file opened before they are needed.
struct Ahead<'a> {
    frames: &'a Frames,
    turns: &'a Turns<Wanted>,
}

/// The frames of a list of extents, each with the number of the first extent in it.
struct Coming<'a> {
    ahead: &'a Ahead<'a>,
    frames: Vec<(usize, FrameKey)>,
    /// Frames that were come to, and frames that were asked for.
    reached: usize,
    asked: usize,
}

/// So many frames are asked for ahead of the one that is being written.
const AHEAD: usize = 4;

impl Ahead<'_> {
    fn coming(&self, extents: &[Extent], fetcher: &Fetcher<'_>) -> Coming<'_> {
        let mut frames: Vec<(usize, FrameKey)> = Vec::new();
        for (number, extent) in extents.iter().enumerate() {
            if let Extent::Chunk { id, .. } = extent
                && let Some(frame) = fetcher.frame_of(ChunkKind::Data, *id)
                && frames.last().is_none_or(|(_, last)| *last != frame)
            {
                frames.push((number, frame));
            }
        }
        Coming { ahead: self, frames, reached: 0, asked: 0 }
    }
}

impl Coming<'_> {
    /// This extent is next.
    fn come_to(&mut self, extent: usize) {
        if self.frames.get(self.reached).is_none_or(|(first, _)| *first != extent) {
            return;
        }
        self.reached += 1;
        self.asked = self.asked.max(self.reached);
        let until = self.frames.len().min(self.reached + AHEAD);
        while self.asked < until && self.ahead.turns.somebody_waits() {
            let (_, frame) = self.frames[self.asked];
            self.asked += 1;
            if let Some(wanted) = self.ahead.frames.want(frame) {
                // Nobody took it: whoever needs it opens it.
                let _ = self.ahead.turns.offer(wanted);
            }
        }
    }
}

/// What is done with the extents of one page.
type EachLeaf<'a> = dyn FnMut(Vec<Extent>, &mut Fetcher<'_>) -> Result<(), Failed> + 'a;

/// Calls `each` with the extents of every page below an extent page, in order, and holds each page to what was said
/// of it. Levels only fall, so this ends.
fn each_leaf(run: Run, level: u8, fetcher: &mut Fetcher<'_>, each: &mut EachLeaf<'_>) -> Result<(), Failed> {
    match extent_page(run, level, fetcher)? {
        ExtentPage::Leaf(extents) => each(extents, fetcher),
        ExtentPage::Inner { runs, .. } => runs.into_iter().try_for_each(|run| each_leaf(run, level - 1, fetcher, each)),
    }
}

pub(crate) fn extent_page(run: Run, level: u8, fetcher: &mut Fetcher<'_>) -> Result<ExtentPage, RepoError> {
    let bad = |what: &str| RepoError::damaged(format!("extent page {}", run.id), what);
    let page = extents::decode(fetcher.chunk(ChunkKind::Extents, run.id)?).map_err(|e| bad(e.0))?;
    let add = |(lens, counts): (u64, u64), len: u64, extents: u64| {
        Some((lens.checked_add(len)?, counts.checked_add(extents)?))
    };
    let (own, sum) = match &page {
        ExtentPage::Leaf(extents) => (0, extents.iter().try_fold((0, 0), |sum, extent| add(sum, extent.len(), 1))),
        ExtentPage::Inner { level, runs } => {
            (*level, runs.iter().try_fold((0, 0), |sum, run| add(sum, run.len, run.extents)))
        }
    };
    if own != level || sum != Some((run.len, run.extents)) {
        return Err(bad("it is not the page that its parent means"));
    }
    Ok(page)
}

/// As [`each_extent`], for a check that only follows names: a page that was found whole is not followed again.
pub(crate) fn follow_extents(
    run: Run,
    level: u8,
    fetcher: &mut Fetcher<'_>,
    whole: &HashSet<ChunkId>,
    each: &mut dyn FnMut(Extent) -> Result<(), RepoError>,
) -> Result<(), RepoError> {
    if whole.contains(&run.id) {
        return Ok(());
    }
    match extent_page(run, level, fetcher)? {
        ExtentPage::Leaf(extents) => extents.into_iter().try_for_each(each),
        ExtentPage::Inner { runs, .. } => {
            runs.into_iter().try_for_each(|run| follow_extents(run, level - 1, fetcher, whole, each))
        }
    }
}
