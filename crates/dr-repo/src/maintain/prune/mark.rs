//! Which chunks does anything need, and in which pack is each of them kept? Every snapshot that counts is followed
//! through its pages; what several share is followed once. The chunks of contents that they name are sorted and looked up
//! all together.
//!
//! Of a page only the ids are read. Leaves wait for each other and are opened in the order in which they lie, so that a
//! frame is opened once for all that are wanted of it. A bit for each place of a chunk, so that a hundred million take a
//! dozen megabytes; everything else is bounded.

mod near;

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use dr_format::extents::{ExtentPage, Run};
use dr_format::id::{ChunkId, ChunkKind, SnapshotId};
use dr_format::page::{Extent, Leads};
use dr_index::bits::Bits;
use dr_index::layout::{IdHasher, Place};
use dr_index::lookup::{BatchLookup, Index, Wanted};
use dr_index::table::TableDir;

use crate::error::RepoError;
use crate::read::fetch::{Fetcher, Found};
use crate::read::repository::Repository;
use crate::read::restore::{extent_page, extent_page_of};
use near::Near;

/// The places that are needed, and what is needed and in no pack.
pub(crate) struct Live {
    bits: Bits,
    /// Chunks of contents that are lost already: nothing of them can be kept.
    pub(super) lost: u64,
}

impl Live {
    pub(super) fn has(&self, place: Place) -> bool {
        self.bits.has(place.pack, place.chunk)
    }

    /// Whether anything in this pack is needed.
    pub(crate) fn has_any(&self, pack: u32) -> bool {
        self.bits.has_any(pack)
    }

    /// By pack and chunk.
    pub(crate) fn bits(&self) -> &Bits {
        &self.bits
    }

    /// The places in a pack of so many chunks that are needed.
    pub(crate) fn of(&self, pack: u32, chunks: u32) -> impl Iterator<Item = Place> {
        (0..chunks).map(move |chunk| Place { pack, chunk }).filter(|place| self.has(*place))
    }

    /// Whether of so many chunks of this pack some are needed and some are not.
    pub(super) fn is_mixed(&self, pack: u32, chunks: u32) -> bool {
        let needed = self.bits.count(pack);
        needed != 0 && needed != chunks
    }

    fn add(&mut self, place: Place) {
        self.bits.set(place.pack, place.chunk);
    }
}

/// Pages that were followed are remembered by their names up to so many, in a hundred megabytes; of others it is asked
/// where they lie.
const SEEN_MOST: usize = if cfg!(test) { 8 } else { (1 << 22) / 8 * 7 };

/// So many places wait until they are marked together.
const TOGETHER: usize = if cfg!(test) { 4 } else { 1 << 12 };
/// So many leaves wait at most for those that lie beside them.
const LEAVES: usize = if cfg!(test) { 8 } else { 1 << 16 };

/// Follows these snapshots; best in the order in which they were committed, in which their pages lie. What does not fit
/// into memory lies meanwhile in a file without a name, in `scratch` or where temporary files are.
///
/// # Errors
/// If a page cannot be read: nobody knows what lies below it, so nothing may be removed.
pub(crate) fn mark(
    repository: &Repository,
    snapshots: &[(SnapshotId, ChunkId)],
    scratch: Option<&Path>,
    stop: &AtomicBool,
) -> Result<Live, RepoError> {
    let index = repository.index()?;
    let mut marker = Marker {
        repository,
        index,
        live: Live { bits: Bits::new(index.sizes()?), lost: 0 },
        fetcher: repository.fetcher()?,
        near: Near::default(),
        seen: HashSet::default(),
        leads: Leads::default(),
        leaves: Vec::new(),
        stop,
    };
    let mut wanted = Wanted::new(TableDir(scratch.map(Path::to_owned)));
    for (id, document) in snapshots {
        marker.snapshot(*id, *document, &mut wanted)?;
    }
    marker.seen = HashSet::default();
    marker.contents(&wanted.end()?)?;
    Ok(marker.live)
}

struct Marker<'a> {
    repository: &'a Repository,
    index: &'a Index,
    live: Live,
    fetcher: Fetcher<'a>,
    near: Near,
    seen: HashSet<ChunkId, BuildHasherDefault<IdHasher>>,
    leads: Leads,
    /// Leaves that are kept and were not opened yet.
    leaves: Vec<(Place, ChunkId)>,
    stop: &'a AtomicBool,
}

/// What is to be done about a page.
enum Visit {
    /// It was followed before.
    Before,
    /// It is kept, and this is one place of it.
    At(Place),
    /// It is to be looked for wherever it may be.
    Somewhere,
}

impl Marker<'_> {
    fn snapshot(&mut self, id: SnapshotId, document: ChunkId, wanted: &mut Wanted) -> Result<(), RepoError> {
        if let Visit::Before = self.take(ChunkKind::Document, document)? {
            return Ok(());
        }
        let Some(root) = self.repository.document_in(id, document)?.root else { return Ok(()) };
        // What is to be followed, and its level. Levels only fall, so this ends.
        let mut todo = vec![(root.id, root.level)];
        while let Some((id, level)) = todo.pop() {
            match self.take(ChunkKind::Tree, id)? {
                Visit::Before => {}
                Visit::At(place) if level == 0 => {
                    self.leaves.push((place, id));
                    if self.leaves.len() == LEAVES {
                        self.leaves(wanted)?;
                    }
                }
                taken => {
                    let at = if let Visit::At(place) = taken { Some(place) } else { None };
                    self.page(id, at, level, wanted)?;
                    if let Some(below) = level.checked_sub(1) {
                        todo.extend(self.leads.ids.iter().rev().map(|id| (*id, below)));
                    }
                }
            }
        }
        self.leaves(wanted)
    }

    /// Opens the leaves that wait.
    fn leaves(&mut self, wanted: &mut Wanted) -> Result<(), RepoError> {
        let mut leaves = std::mem::take(&mut self.leaves);
        leaves.sort_unstable_by_key(|(place, _)| (place.pack, place.chunk));
        for (place, id) in leaves.drain(..) {
            self.page(id, Some(place), 0, wanted)?;
        }
        self.leaves = leaves;
        Ok(())
    }

    /// Reads what a page leads to, of the copy at a place if one is known, and notes what a leaf names.
    fn page(&mut self, id: ChunkId, at: Option<Place>, level: u8, wanted: &mut Wanted) -> Result<(), RepoError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(RepoError::Interrupted);
        }
        if let Some(place) = at {
            let found = self.fetcher.at(ChunkKind::Tree, id, place);
            match found.and_then(|found| lead(&mut self.leads, &found, id, level)) {
                Ok(()) => return self.note(level, wanted),
                Err(error) => drop(error.tolerate_damage()?),
            }
            self.keep_a_whole_one(ChunkKind::Tree, id)?;
        }
        let found = self.fetcher.find(ChunkKind::Tree, id)?;
        lead(&mut self.leads, &found, id, level)?;
        self.note(level, wanted)
    }

    fn note(&mut self, level: u8, wanted: &mut Wanted) -> Result<(), RepoError> {
        if level > 0 {
            return Ok(());
        }
        self.leads.ids.iter().try_for_each(|id| wanted.add(id))?;
        let mut trees = std::mem::take(&mut self.leads.trees);
        for (run, level) in trees.drain(..) {
            self.extents(run, level, wanted)?;
        }
        self.leads.trees = trees;
        Ok(())
    }

    /// Levels only fall, so this ends.
    fn extents(&mut self, run: Run, level: u8, wanted: &mut Wanted) -> Result<(), RepoError> {
        let page = match self.take(ChunkKind::Extents, run.id)? {
            Visit::Before => return Ok(()),
            Visit::Somewhere => extent_page(run, level, &mut self.fetcher)?,
            Visit::At(place) => {
                let found = self.fetcher.at(ChunkKind::Extents, run.id, place);
                match found.and_then(|found| extent_page_of(found.bytes(), run, level)) {
                    Ok(page) => page,
                    Err(error) => {
                        error.tolerate_damage()?;
                        self.keep_a_whole_one(ChunkKind::Extents, run.id)?;
                        extent_page(run, level, &mut self.fetcher)?
                    }
                }
            }
        };
        match page {
            ExtentPage::Leaf(extents) => chunks(&extents, wanted),
            ExtentPage::Inner { runs, .. } => runs.into_iter().try_for_each(|run| self.extents(run, level - 1, wanted)),
        }
    }

    /// Looks for a document or page that was not followed before, and keeps it.
    fn take(&mut self, kind: ChunkKind, id: ChunkId) -> Result<Visit, RepoError> {
        if self.seen.contains(&id) {
            return Ok(Visit::Before);
        }
        let is_full = self.seen.len() >= SEEN_MOST;
        // Where not everything is remembered, another copy may have been met before.
        let near = self.near.get(kind, &id).filter(|place| !is_full || self.live.has(*place));
        let places = match near {
            Some(place) => vec![place],
            None => self.index.places(kind, id)?,
        };
        if places.iter().any(|place| self.live.has(*place)) {
            return Ok(Visit::Before);
        }
        if !is_full {
            self.seen.insert(id);
        }
        if near.is_none()
            && let Some(place) = places.iter().find(|place| !self.is_moved(place))
        {
            // What was written together is read together.
            self.near.learn(place.pack, self.index.ids_of(place.pack)?);
        }
        match places.as_slice() {
            // Whoever opens it says what is wrong.
            [] => Ok(Visit::Somewhere),
            [one] => {
                self.live.add(*one);
                Ok(Visit::At(*one))
            }
            _ => {
                self.choose(kind, id, places)?;
                Ok(Visit::Somewhere)
            }
        }
    }

    /// A copy of a page is damaged that was met by the way: others may be whole.
    fn keep_a_whole_one(&mut self, kind: ChunkKind, id: ChunkId) -> Result<(), RepoError> {
        let places = self.index.places(kind, id)?;
        self.choose(kind, id, places)
    }

    /// What an earlier prune rewrote and could not clear away after is not rewritten once more.
    fn is_moved(&self, place: &Place) -> bool {
        let state = &self.repository.log.state;
        state.packs.get(&self.index.brief(place.pack).id).is_some_and(|pack| pack.relocated || pack.condemned)
    }

    /// Keeps the chunks of contents that were named.
    fn contents(&mut self, batch: &BatchLookup) -> Result<(), RepoError> {
        struct Joined {
            ones: Bits,
            waiting: Vec<Place>,
            /// Places of chunks that begin alike, and how many of them belong together.
            several: Vec<Place>,
            together: Vec<u32>,
            lost: u64,
        }
        let begin = || Joined {
            ones: self.live.bits.unset(),
            waiting: Vec::with_capacity(TOGETHER),
            several: Vec::new(),
            together: Vec::new(),
            lost: 0,
        };
        let mut joined = self.index.places_of_all(batch, begin, |joined, places| match places {
            [] => joined.lost += 1,
            [one] => {
                joined.waiting.push(*one);
                if joined.waiting.len() == TOGETHER {
                    joined.ones.set_all(&mut joined.waiting);
                }
            }
            more => {
                joined.several.extend_from_slice(more);
                joined.together.push(more.len() as u32);
            }
        })?;
        joined.ones.set_all(&mut joined.waiting);
        let Joined { ones, several, together, lost, .. } = joined;
        self.live.lost = lost;
        self.live.bits.join(ones);
        let mut several = several.as_slice();
        for many in together {
            if self.stop.load(Ordering::Relaxed) {
                return Err(RepoError::Interrupted);
            }
            let (places, rest) = several.split_at(many as usize);
            several = rest;
            self.alike(places)?;
        }
        Ok(())
    }

    /// Of chunks whose ids begin alike each is kept once. Seldom are they more than one chunk: then one that nobody
    /// needs may be kept beside one that somebody does.
    fn alike(&mut self, places: &[Place]) -> Result<(), RepoError> {
        let mut by_name: Vec<((ChunkKind, ChunkId), Vec<Place>)> = Vec::new();
        for place in places {
            let name = self.index.named(*place)?;
            match by_name.iter_mut().find(|(other, _)| *other == name) {
                Some((_, places)) => places.push(*place),
                None => by_name.push((name, vec![*place])),
            }
        }
        for ((kind, id), mut places) in by_name {
            if places.iter().any(|place| self.live.has(*place)) {
                continue;
            }
            // As a look-up gives them: what is there for good first.
            places.sort_by_key(|place| (!self.index.brief(place.pack).source, place.pack, place.chunk));
            match places.as_slice() {
                [one] => self.live.add(*one),
                _ => self.choose(kind, id, places)?,
            }
        }
        Ok(())
    }

    /// Several packs say that they hold it. The first that does when it is read is enough: its bytes are named again, so
    /// that neither damage nor a host with a stolen key can make a pack stand for what it does not hold.
    fn choose(&mut self, kind: ChunkKind, id: ChunkId, mut places: Vec<Place>) -> Result<(), RepoError> {
        places.sort_by_key(|place| self.is_moved(place));
        for place in &places {
            match self.fetcher.at(kind, id, *place) {
                Ok(_) => {
                    self.live.add(*place);
                    return Ok(());
                }
                Err(error) => drop(error.tolerate_damage()?),
            }
        }
        places.into_iter().for_each(|place| self.live.add(place));
        Ok(())
    }
}

/// Reads the page that was found, and holds it to its level.
fn lead(leads: &mut Leads, found: &Found, id: ChunkId, level: u8) -> Result<(), RepoError> {
    let bad = |what: &str| RepoError::damaged(format!("tree page {id}"), what);
    leads.read(found.bytes()).map_err(|e| bad(e.0))?;
    if leads.level == level { Ok(()) } else { Err(bad("it is not the page that its parent means")) }
}

fn chunks(extents: &[Extent], wanted: &mut Wanted) -> Result<(), RepoError> {
    extents.iter().try_for_each(|extent| match extent {
        Extent::Hole { .. } => Ok(()),
        Extent::Chunk { id, .. } => Ok(wanted.add(id)?),
    })
}

#[cfg(test)]
mod tests;
