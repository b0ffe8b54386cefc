//! Which bytes does a range of a file have? Found by extent, each chunk from the frame that it lies in.

use std::sync::Arc;

use dr_format::extents::{ExtentPage, Run};
use dr_format::id::{ChunkId, ChunkKind};
use dr_format::page::{Contents, Extent, Row};

use super::copies::{BrowsedCopy, SnapshotCopies};
use super::open_page::OpenPage;
use super::pages;
use crate::error::RepoError;
use crate::read::fetch::{Fetcher, Found};

pub(super) fn read(view: &SnapshotCopies, row: &Row, at: u64, len: usize) -> Result<Vec<u8>, RepoError> {
    let end = at.saturating_add(len as u64).min(row.meta.size);
    if at >= end {
        return Ok(Vec::new());
    }
    // It is at most what was asked for.
    let mut range = Range { view, at, end, out: vec![0; (end - at) as usize], fetchers: Vec::new() };
    range.fetchers.resize_with(view.copies.len(), || None);
    match &row.contents {
        Contents::Empty => return Err(RepoError::damaged(row.path.to_string(), "it has a size and no contents")),
        Contents::Inline(bytes) => range.put(0, bytes),
        Contents::Extents(extents) => {
            let mut begin = 0u64;
            for extent in extents {
                range.extent(begin, extent)?;
                begin = begin.saturating_add(extent.len());
            }
        }
        Contents::Tree { root, level, extents } => {
            range.page(Run { id: *root, len: row.meta.size, extents: *extents }, *level, 0)?;
        }
    }
    Ok(range.out)
}

/// A range that is being filled. What nothing is put into is a hole, and zeros.
struct Range<'a> {
    view: &'a SnapshotCopies,
    at: u64,
    end: u64,
    out: Vec<u8>,
    /// One for each copy that was asked.
    fetchers: Vec<Option<Fetcher<'a>>>,
}

impl<'a> Range<'a> {
    fn is_met(&self, begin: u64, len: u64) -> bool {
        begin < self.end && begin.saturating_add(len) > self.at
    }

    /// Bytes that begin there in the file.
    fn put(&mut self, begin: u64, bytes: &[u8]) {
        put(self.at, &mut self.out, begin, bytes);
    }

    fn extent(&mut self, begin: u64, extent: &Extent) -> Result<(), RepoError> {
        match *extent {
            Extent::Chunk { id, len } if self.is_met(begin, u64::from(len)) => self.chunk(begin, id, len),
            _ => Ok(()),
        }
    }

    /// What of the range lies below a page that begins there in the file. Levels only fall, so this ends.
    fn page(&mut self, run: Run, level: u8, begin: u64) -> Result<(), RepoError> {
        let page = pages::extents(self.view, run, level)?;
        let OpenPage::Extents { page, ends, .. } = &*page else { return Ok(()) };
        let first = ends.partition_point(|end| begin.saturating_add(*end) <= self.at);
        let begins = |number: usize| {
            let before = number.checked_sub(1).and_then(|before| ends.get(before).copied()).unwrap_or_default();
            begin.saturating_add(before)
        };
        let met = (first..ends.len()).take_while(|number| begins(*number) < self.end);
        match page {
            ExtentPage::Leaf(extents) => {
                let all: Vec<_> = met.filter_map(|number| Some((begins(number), extents.get(number)?))).collect();
                all.into_iter().try_for_each(|(begin, extent)| self.extent(begin, extent))
            }
            ExtentPage::Inner { runs, .. } => {
                let below = level.checked_sub(1).ok_or_else(|| RepoError::damaged(run.id.to_string(), "a level"))?;
                let all: Vec<_> = met.filter_map(|number| Some((begins(number), *runs.get(number)?))).collect();
                all.into_iter().try_for_each(|(begin, run)| self.page(run, below, begin))
            }
        }
    }

    /// A chunk that begins there in the file, from the first copy that has it whole.
    fn chunk(&mut self, begin: u64, id: ChunkId, len: u32) -> Result<(), RepoError> {
        let view = self.view;
        let mut first_error = None;
        for (number, copy) in view.copies.iter().enumerate() {
            match self.from(number, copy, id, len) {
                Ok(found) => {
                    self.put(begin, found.bytes());
                    return Ok(());
                }
                Err(why) => {
                    first_error.get_or_insert(why);
                }
            }
        }
        Err(first_error.unwrap_or_else(|| RepoError::damaged(format!("chunk {id}"), "no copy holds it")))
    }

    fn from(&mut self, number: usize, copy: &'a BrowsedCopy, id: ChunkId, len: u32) -> Result<Found, RepoError> {
        let mut fetcher = match self.fetchers.get_mut(number).and_then(Option::take) {
            Some(fetcher) => fetcher,
            None => copy.repository.fetcher_sharing(Arc::clone(&copy.frames))?,
        };
        let found = fetcher.find(ChunkKind::Data, id);
        if let Some(slot) = self.fetchers.get_mut(number) {
            *slot = Some(fetcher);
        }
        let found = found?;
        if found.bytes().len() != len as usize {
            return Err(RepoError::damaged(format!("chunk {id}"), "it has another length than the tree says"));
        }
        Ok(found)
    }
}

fn put(at: u64, out: &mut [u8], begin: u64, bytes: &[u8]) {
    let (skipped, to) = match begin.checked_sub(at) {
        Some(to) => (0, usize::try_from(to).unwrap_or(usize::MAX)),
        None => (usize::try_from(at - begin).unwrap_or(usize::MAX), 0),
    };
    let from = bytes.get(skipped..).unwrap_or_default();
    let room = out.get_mut(to..).unwrap_or_default();
    let len = from.len().min(room.len());
    room[..len].copy_from_slice(&from[..len]);
}
