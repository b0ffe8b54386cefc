//! Which chunks does anything need, and in which pack is each of them kept? Every snapshot that counts is followed
//! through its pages; what several share is followed once.
//!
//! A bit for each place of a chunk, so that a hundred million take a dozen megabytes.

use std::sync::atomic::{AtomicBool, Ordering};

use dr_entry::EntryPath;

use crate::error::RepoError;
use crate::extents::{ExtentPage, Run};
use crate::fetch::Fetcher;
use crate::id::{ChunkId, ChunkKind, SnapshotId};
use crate::look::{Pages, Stand, as_child, lost};
use crate::lookup::{Index, Place};
use crate::page::{Child, Contents, Extent, Page};
use crate::repository::Repository;
use crate::restore::extent_page;

/// The places that are needed, and what is needed and in no pack.
pub(crate) struct Live {
    /// By pack, a bit for each chunk; packs without any have none.
    packs: Vec<Vec<u64>>,
    /// Chunks of contents that are lost already: nothing of them can be kept.
    pub(super) lost: u64,
}

impl Live {
    fn new(index: &Index) -> Self {
        Self { packs: vec![Vec::new(); index.packs() as usize], lost: 0 }
    }

    pub(super) fn has(&self, place: Place) -> bool {
        let word = self.packs.get(place.pack as usize).and_then(|bits| bits.get(place.chunk as usize / 64));
        word.is_some_and(|word| word >> (place.chunk % 64) & 1 == 1)
    }

    /// Whether anything in this pack is needed.
    pub(crate) fn has_any(&self, pack: u32) -> bool {
        self.packs.get(pack as usize).is_some_and(|bits| !bits.is_empty())
    }

    fn add(&mut self, place: Place) {
        let Some(bits) = self.packs.get_mut(place.pack as usize) else { return };
        let word = place.chunk as usize / 64;
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        bits[word] |= 1 << (place.chunk % 64);
    }
}

/// Follows these snapshots.
///
/// # Errors
/// If a page cannot be read: nobody knows what lies below it, so nothing may be removed.
pub(crate) fn mark(
    repository: &Repository,
    snapshots: &[(SnapshotId, ChunkId)],
    stop: &AtomicBool,
) -> Result<Live, RepoError> {
    let index = repository.index()?;
    let mut marker = Marker {
        repository,
        index,
        live: Live::new(index),
        pages: Pages::new(repository)?,
        fetcher: repository.fetcher()?,
        stop,
    };
    for (id, document) in snapshots {
        marker.snapshot(*id, *document)?;
    }
    Ok(marker.live)
}

struct Marker<'a> {
    repository: &'a Repository,
    index: &'a Index,
    live: Live,
    pages: Pages<'a>,
    fetcher: Fetcher<'a>,
    stop: &'a AtomicBool,
}

/// A page that is still to be followed, what is above it, and what lies before it.
struct Todo {
    child: Child,
    level: u8,
    behind: Option<EntryPath>,
    top: bool,
}

impl Marker<'_> {
    fn snapshot(&mut self, id: SnapshotId, document: ChunkId) -> Result<(), RepoError> {
        if !self.take(ChunkKind::Document, document)? {
            return Ok(());
        }
        let Some(root) = self.repository.document_in(id, document)?.root else { return Ok(()) };
        let top = Todo { child: as_child(&root), level: root.level.saturating_add(1), behind: None, top: true };
        let mut todo = vec![top];
        while let Some(Todo { child, level, behind, top }) = todo.pop() {
            if self.stop.load(Ordering::Relaxed) {
                return Err(RepoError::Interrupted);
            }
            if !self.take(ChunkKind::Tree, child.id)? {
                continue;
            }
            match self.pages.open(&child, Stand { level, behind: behind.as_ref(), top })? {
                Page::Leaf(rows) => {
                    for row in rows {
                        match row.contents {
                            Contents::Empty | Contents::Inline(_) => {}
                            Contents::Extents(extents) => self.chunks(&extents)?,
                            Contents::Tree { root, level, extents } => {
                                self.extents(Run { id: root, len: row.meta.size, extents }, level)?;
                            }
                        }
                    }
                }
                Page::Inner { level, children } => {
                    let behinds: Vec<_> =
                        std::iter::once(behind).chain(children.iter().map(|child| Some(child.last.clone()))).collect();
                    let below = children.into_iter().zip(behinds).rev();
                    todo.extend(below.map(|(child, behind)| Todo { child, level, behind, top: false }));
                }
            }
        }
        Ok(())
    }

    /// Levels only fall, so this ends.
    fn extents(&mut self, run: Run, level: u8) -> Result<(), RepoError> {
        if !self.take(ChunkKind::Extents, run.id)? {
            return Ok(());
        }
        match extent_page(run, level, &mut self.fetcher)? {
            ExtentPage::Leaf(extents) => self.chunks(&extents),
            ExtentPage::Inner { runs, .. } => runs.into_iter().try_for_each(|run| self.extents(run, level - 1)),
        }
    }

    fn chunks(&mut self, extents: &[Extent]) -> Result<(), RepoError> {
        extents.iter().try_for_each(|extent| match extent {
            Extent::Hole { .. } => Ok(()),
            Extent::Chunk { id, .. } => self.take(ChunkKind::Data, *id).map(|_| ()),
        })
    }

    /// Whether the chunk was not taken before.
    fn take(&mut self, kind: ChunkKind, id: ChunkId) -> Result<bool, RepoError> {
        let places = self.index.places(kind, id)?;
        if places.iter().any(|place| self.live.has(*place)) {
            return Ok(false);
        }
        match places.as_slice() {
            [] if kind == ChunkKind::Data => self.live.lost += 1,
            // Whoever opens it says what is wrong.
            [] => {}
            [one] => self.live.add(*one),
            _ => self.choose(kind, id, places)?,
        }
        Ok(true)
    }

    /// Several packs say that they hold it. The first that does when it is read is enough: its bytes are named anew, so
    /// that neither damage nor a host with a stolen key can make a pack stand for what it does not hold.
    fn choose(&mut self, kind: ChunkKind, id: ChunkId, mut places: Vec<Place>) -> Result<(), RepoError> {
        let state = &self.repository.log.state;
        let is_moved = |place: &Place| {
            state.packs.get(&self.index.brief(place.pack).id).is_some_and(|pack| pack.relocated || pack.condemned)
        };
        // What an earlier prune wrote anew and could not clear away after is not written anew again.
        places.sort_by_key(is_moved);
        for place in &places {
            match self.fetcher.at(kind, id, *place) {
                Ok(_) => {
                    self.live.add(*place);
                    return Ok(());
                }
                Err(error) => drop(lost(error)?),
            }
        }
        places.into_iter().for_each(|place| self.live.add(place));
        Ok(())
    }
}
