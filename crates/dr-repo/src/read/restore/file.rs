//! How is one file filled? From frames, as far ahead as somebody has nothing else to do; and from what stands there
//! already, as far as that is right.

use std::sync::atomic::Ordering;

use dr_entry::{ExistingFile, NotSet, Writing};
use dr_format::extents::{ExtentPage, Run};
use dr_format::format::CHUNK_MAX;
use dr_format::id::{ChunkId, ChunkKind};
use dr_format::page::{Contents, Extent, Row};

use super::{Shared, extent_page};
use crate::error::RepoError;
use crate::read::fetch::{Fetcher, Found};
use crate::read::frames::{FrameKey, Frames, Wanted};
pub(super) use crate::read::restore::failed::{Failed, full, impossible};
use crate::work_queue::WorkQueue;

/// So many extents of a large file are looked at together: at the end of each such list nothing is asked for ahead.
const GATHERED: usize = 4_096;
/// Files from this size have their frames opened ahead by whoever has nothing to do.
const LARGE: u64 = 4 << 20;

pub(super) fn file(
    row: &Row,
    fetcher: &mut Fetcher<'_>,
    shared: &Shared<'_>,
    work_queue: &WorkQueue<Wanted>,
) -> Result<(), Failed> {
    shared.claims.count(row)?;
    // What stands there and cannot be looked at is replaced.
    let mut standing = shared.destination.standing(&row.path, &row.meta).unwrap_or(None);
    if let Some(base) = &mut standing
        && is_same(row, base.as_mut(), fetcher, shared)?
        && let Some(base) = standing.take()
    {
        let kept = if shared.compares { Ok(true) } else { base.keep(&row.meta) };
        match kept {
            Ok(false) => {}
            Ok(true) => {
                shared.kept();
                return Ok(());
            }
            Err(why) => {
                if NotSet::of(&why).is_some() {
                    shared.kept();
                }
                return Err(Failed::Here(why.into()));
            }
        }
    }
    if shared.compares {
        if shared.destination.is_in_the_way(&row.path, &row.meta) {
            shared.replaces(&row.path);
        }
        return Ok(());
    }
    shared.claims.fits(row, shared.destination, fetcher)?;
    let writing = shared.destination.file(&row.path, row.meta.size)?;
    let ahead = (row.meta.size >= LARGE).then_some(Ahead { frames: &shared.frames, work_queue });
    let mut filling = Filling { writing, standing, buffer: Vec::new(), at: 0, run: None };
    match fill(row, &mut filling, ahead.as_ref(), fetcher, shared) {
        // Asked while what was written of it is still there.
        Err(Failed::Full(why)) if shared.destination.is_full() => return Err(Failed::All(full(why))),
        Err(Failed::Full(why)) => return Err(Failed::Here(why.into())),
        other => other?,
    }
    Ok(filling.writing.finish(&row.meta)?)
}

/// Writes all contents of a file.
fn fill(
    row: &Row,
    filling: &mut Filling,
    ahead: Option<&Ahead<'_>>,
    fetcher: &mut Fetcher<'_>,
    shared: &Shared<'_>,
) -> Result<(), Failed> {
    match &row.contents {
        Contents::Empty => {}
        Contents::Inline(bytes) => {
            filling.writing.write_at(0, bytes)?;
            filling.at = bytes.len() as u64;
        }
        Contents::Extents(extents) => filling.put(extents, fetcher, ahead)?,
        Contents::Tree { root, level, extents } => {
            let run = Run { id: *root, len: row.meta.size, extents: *extents };
            let mut gathered = Vec::new();
            each_leaf(run, *level, fetcher, shared, &mut |extents, fetcher| {
                gathered.extend(extents);
                if gathered.len() < GATHERED {
                    return Ok(());
                }
                filling.put(&std::mem::take(&mut gathered), fetcher, ahead)
            })?;
            filling.put(&gathered, fetcher, ahead)?;
        }
    }
    filling.flush()?;
    if filling.at != row.meta.size {
        return Err(impossible("its extents do not add up to its size"));
    }
    Ok(())
}

/// Whether this chunk stands at this offset; if so it is in `buffer` then.
fn stands(
    standing: &mut dyn ExistingFile,
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
    // What cannot be read is not what it should be.
    Ok(standing.read_at(at, buffer).is_ok_and(|read| read == buffer.len()) && fetcher.is(ChunkKind::Data, id, buffer))
}

/// Whether the file that stands there has these contents already. Nothing but pages of extents is fetched.
fn is_same(
    row: &Row,
    standing: &mut dyn ExistingFile,
    fetcher: &mut Fetcher<'_>,
    shared: &Shared<'_>,
) -> Result<bool, Failed> {
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
            at = standing.read_at(0, &mut there).unwrap_or(0) as u64;
            at == bytes.len() as u64 && there == *bytes
        }
        Contents::Extents(extents) => all(extents, fetcher)?,
        Contents::Tree { root, level, extents } => {
            let run = Run { id: *root, len: row.meta.size, extents: *extents };
            let mut same = true;
            each_leaf(run, *level, fetcher, shared, &mut |extents, fetcher| {
                same = same && all(&extents, fetcher)?;
                Ok(())
            })?;
            same
        }
    };
    Ok(same && at == row.meta.size)
}

/// Whether nothing but zeros stands there.
fn zeros(standing: &mut dyn ExistingFile, mut at: u64, len: u64, buffer: &mut Vec<u8>) -> Result<bool, Failed> {
    let end = at.saturating_add(len);
    while at < end {
        buffer.resize(usize::try_from(end - at).unwrap_or(usize::MAX).min(1 << 20), 0);
        let Ok(read) = standing.read_at(at, buffer) else { return Ok(false) };
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
    standing: Option<Box<dyn ExistingFile>>,
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
                coming.come_to(number, fetcher);
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
                    return Err(impossible(format!("chunk {id} has another length than the tree says")));
                }
                let joined = self.run.as_mut().is_some_and(|(_, run)| run.join(&found));
                if !joined {
                    self.flush()?;
                    self.run = Some((self.at, found));
                }
            } else {
                self.flush()?;
            }
            self.at = self.at.checked_add(extent.len()).ok_or_else(|| impossible("it is impossibly large"))?;
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
    work_queue: &'a WorkQueue<Wanted>,
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
/// A frame that is needed again after so few others is still open: an edited file goes back and forth between old frames
/// and new ones.
const NEAR: usize = 4;

impl Ahead<'_> {
    fn coming(&self, extents: &[Extent], fetcher: &Fetcher<'_>) -> Coming<'_> {
        let mut frames: Vec<(usize, FrameKey)> = Vec::new();
        for (number, extent) in extents.iter().enumerate() {
            if let Extent::Chunk { id, .. } = extent
                && let Some(frame) = fetcher.frame_of(ChunkKind::Data, *id)
                && frames.iter().rev().take(NEAR).all(|(_, before)| *before != frame)
            {
                frames.push((number, frame));
            }
        }
        Coming { ahead: self, frames, reached: 0, asked: 0 }
    }
}

impl Coming<'_> {
    /// This extent is next.
    fn come_to(&mut self, extent: usize, fetcher: &mut Fetcher<'_>) {
        let Some((_, key)) = self.frames.get(self.reached).copied().filter(|(first, _)| *first == extent) else {
            return;
        };
        self.reached += 1;
        self.asked = self.asked.max(self.reached);
        let until = self.frames.len().min(self.reached + AHEAD);
        while self.asked < until && self.ahead.work_queue.somebody_waits() {
            let (_, frame) = self.frames[self.asked];
            self.asked += 1;
            if let Some(wanted) = self.ahead.frames.want(frame) {
                // Nobody took it: whoever needs it opens it.
                let _ = self.ahead.work_queue.offer(wanted);
            }
        }
        // Somebody is at the frame that is needed now: meanwhile one that is needed soon.
        while self.ahead.frames.is_opening(key)
            && let Some(soon) = self.ahead.work_queue.spare()
        {
            fetcher.open_early(&soon);
        }
    }
}

/// What is done with the extents of one page.
type EachLeaf<'a> = dyn FnMut(Vec<Extent>, &mut Fetcher<'_>) -> Result<(), Failed> + 'a;

/// Calls `each` with the extents of every page below an extent page, in order, and holds each page to what was said
/// of it. What is nothing but a hole comes as one. Levels only fall, so this ends.
fn each_leaf(
    run: Run,
    level: u8,
    fetcher: &mut Fetcher<'_>,
    shared: &Shared<'_>,
    each: &mut EachLeaf<'_>,
) -> Result<(), Failed> {
    if shared.options.stop.load(Ordering::Relaxed) {
        return Err(Failed::All(RepoError::Interrupted));
    }
    if level > 0 && run.len > 0 && shared.claims.below(run, level, fetcher)? == 0 {
        return each(vec![Extent::Hole { len: run.len }], fetcher);
    }
    match extent_page(run, level, fetcher)? {
        ExtentPage::Leaf(extents) => each(extents, fetcher),
        ExtentPage::Inner { runs, .. } => {
            runs.into_iter().try_for_each(|run| each_leaf(run, level.saturating_sub(1), fetcher, shared, each))
        }
    }
}
