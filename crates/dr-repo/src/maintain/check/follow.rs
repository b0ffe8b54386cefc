//! Which names of which snapshots are lost? Every tree is followed to its last chunk.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::Ordering;

use dr_entry::EntryPath;
use dr_format::extents::{ExtentPage, Run};
use dr_format::id::{ChunkId, ChunkKind, SnapshotId};
use dr_format::page::{self, Contents, Extent, Page};
use dr_format::wire::Bad;

use super::{CheckOptions, CheckReport, LOST_MAX};
use crate::error::RepoError;
use crate::read::fetch::Fetcher;
use crate::read::repository::{Repository, fault_text};
use crate::read::restore::extent_page;

/// Follows every tree; pages that several snapshots share are read once unless something in them is lost. Where that has a
/// limit in time, the newest come first, and how many were not followed to their end is counted.
pub(super) fn follow_trees(
    repository: &Repository,
    options: &CheckOptions<'_>,
    bad_chunks: &BTreeMap<ChunkId, BTreeSet<String>>,
    lost: &mut BTreeMap<String, Vec<(SnapshotId, EntryPath)>>,
    bad_objects: &mut BTreeMap<String, String>,
    is_limited: bool,
    out: &mut CheckReport,
) -> Result<(), RepoError> {
    let mut fetcher = repository.fetcher()?;
    let mut known = Known::default();
    let (mut live, enough) = (repository.log.state.live(), options.enough.filter(|_| is_limited));
    if enough.is_some() {
        live.reverse();
    }
    for (at, (id, state)) in live.iter().enumerate() {
        let id = *id;
        if enough.is_some_and(|enough| enough()) {
            out.trees_left = (live.len() - at) as u64;
            break;
        }
        if options.stop.load(Ordering::Relaxed) {
            return Err(RepoError::Interrupted);
        }
        out.snapshots += 1;
        let mut lose = |object: String, path: EntryPath| {
            let list = lost.entry(object).or_default();
            if list.len() < LOST_MAX {
                list.push((id, path));
            }
        };
        let root = match repository.document(id) {
            Ok(document) => document.root,
            Err(RepoError::Store(dr_store::StoreError::Io { what, place, source })) => {
                return Err(dr_store::StoreError::Io { what, place, source }.into());
            }
            Err(error) => {
                let object = object_of(&error, repository, ChunkKind::Document, state.document);
                bad_objects.entry(object.clone()).or_insert_with(|| fault_text(&error));
                lose(object, EntryPath::root());
                continue;
            }
        };
        if let Some(root) = root {
            let known = &mut known;
            let mut follow =
                Follow { repository, options, enough, over: false, bad_chunks, known, lose: &mut lose, bad_objects };
            follow.page(root.id, root.level, None, None, &mut fetcher)?;
            if follow.over {
                out.trees_left = (live.len() - at) as u64;
                break;
            }
        }
    }
    Ok(())
}

fn object_of(error: &RepoError, repository: &Repository, kind: ChunkKind, id: ChunkId) -> String {
    let place = repository.index().ok().and_then(|index| {
        let places = index.places(kind, id).ok()?;
        places.first().map(|place| index.object(place.pack))
    });
    match (place, error) {
        (Some(object), _) => object,
        (None, RepoError::Damaged { object, .. }) => object.clone(),
        (None, _) => format!("chunk {id}"),
    }
}

/// An extent page, and what its parent says of it: the same page may stand for many places of many files.
type Held = (ChunkId, u8, u64, u64);

/// What was followed, so that it takes as long as there are pages, whatever their parents claim.
#[derive(Default)]
struct Known {
    /// Pages below which nothing is lost.
    clean: HashSet<ChunkId>,
    /// Extent pages that are what each parent says, and below which nothing is lost.
    whole: HashSet<Held>,
    /// Extent pages below which something is lost: the first such thing.
    broken: HashMap<Held, String>,
}

struct Follow<'a> {
    repository: &'a Repository,
    options: &'a CheckOptions<'a>,
    /// Asked at each page, if there is a limit.
    enough: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// The time was over: nothing is known of the rest.
    over: bool,
    /// Chunks, and the objects from which they cannot be had.
    bad_chunks: &'a BTreeMap<ChunkId, BTreeSet<String>>,
    known: &'a mut Known,
    lose: &'a mut dyn FnMut(String, EntryPath),
    bad_objects: &'a mut BTreeMap<String, String>,
}

impl Follow<'_> {
    /// Whether everything below the page is there.
    fn page(
        &mut self,
        id: ChunkId,
        level: u8,
        behind: Option<&EntryPath>,
        last: Option<&EntryPath>,
        fetcher: &mut Fetcher<'_>,
    ) -> Result<bool, RepoError> {
        if self.known.clean.contains(&id) {
            return Ok(true);
        }
        if self.is_over()? {
            return Ok(false);
        }
        let decoded = match fetcher.chunk(ChunkKind::Tree, id) {
            Ok(bytes) => page::decode(bytes).map_err(|Bad(what)| RepoError::damaged(format!("tree page {id}"), what)),
            Err(error) => Err(error),
        };
        let whole = match decoded {
            Ok(page) if !page.stands(level.saturating_add(1), behind, last) => {
                let name = format!("tree page {id}");
                self.bad_objects.insert(name.clone(), "it is not the page that its parent means".into());
                (self.lose)(name, last.cloned().unwrap_or_default());
                false
            }
            Ok(Page::Leaf(rows)) => {
                let mut whole = true;
                for row in rows {
                    whole &= self.contents(&row.contents, row.meta.size, &row.path, fetcher)?;
                }
                whole
            }
            Ok(Page::Inner { children, .. }) => {
                let mut whole = true;
                let mut behind = behind.cloned();
                for child in children {
                    whole &= self.page(child.id, level - 1, behind.as_ref(), Some(&child.last), fetcher)?;
                    behind = Some(child.last);
                }
                whole
            }
            Err(RepoError::Store(dr_store::StoreError::Io { what, place, source })) => {
                return Err(dr_store::StoreError::Io { what, place, source }.into());
            }
            Err(error) => {
                let object = object_of(&error, self.repository, ChunkKind::Tree, id);
                self.bad_objects.entry(object.clone()).or_insert_with(|| fault_text(&error));
                (self.lose)(object, last.cloned().unwrap_or_default());
                false
            }
        };
        if whole && !self.over {
            self.known.clean.insert(id);
        }
        Ok(whole)
    }

    /// Whether enough was looked at.
    fn is_over(&mut self) -> Result<bool, RepoError> {
        if self.options.stop.load(Ordering::Relaxed) {
            return Err(RepoError::Interrupted);
        }
        self.over |= self.enough.is_some_and(|enough| enough());
        Ok(self.over)
    }

    /// The first thing that is lost among extents.
    fn lost_in(&self, extents: &[Extent]) -> Result<Option<String>, RepoError> {
        let index = self.repository.index()?;
        for extent in extents {
            let Extent::Chunk { id, .. } = extent else { continue };
            if !index.holds(ChunkKind::Data, *id)? {
                return Ok(Some(format!("chunk {id}")));
            }
            if let Some(objects) = self.bad_chunks.get(id) {
                let places = index.places(ChunkKind::Data, *id)?;
                if !places.iter().any(|place| !objects.contains(&index.object(place.pack))) {
                    return Ok(objects.first().cloned());
                }
            }
        }
        Ok(None)
    }

    /// The first thing that is lost below an extent page. Levels only fall, and no page is followed twice for the same
    /// claim, so this ends.
    fn extents(&mut self, run: Run, level: u8, fetcher: &mut Fetcher<'_>) -> Result<Option<String>, RepoError> {
        let held = (run.id, level, run.len, run.extents);
        if self.known.whole.contains(&held) || self.is_over()? {
            return Ok(None);
        }
        if let Some(lost) = self.known.broken.get(&held) {
            return Ok(Some(lost.clone()));
        }
        let lost = match extent_page(run, level, fetcher) {
            Ok(ExtentPage::Leaf(extents)) => self.lost_in(&extents)?,
            Ok(ExtentPage::Inner { runs, .. }) => {
                let mut first = None;
                for run in runs {
                    first = first.or(self.extents(run, level.saturating_sub(1), fetcher)?);
                }
                first
            }
            Err(RepoError::Store(dr_store::StoreError::Io { what, place, source })) => {
                return Err(dr_store::StoreError::Io { what, place, source }.into());
            }
            Err(error) => Some(object_of(&error, self.repository, ChunkKind::Extents, run.id)),
        };
        match &lost {
            Some(lost) => drop(self.known.broken.insert(held, lost.clone())),
            None if self.over => {}
            None => drop(self.known.whole.insert(held)),
        }
        Ok(lost)
    }

    fn contents(
        &mut self,
        contents: &Contents,
        size: u64,
        path: &EntryPath,
        fetcher: &mut Fetcher<'_>,
    ) -> Result<bool, RepoError> {
        let bad = match contents {
            Contents::Empty | Contents::Inline(_) => None,
            Contents::Extents(extents) => self.lost_in(extents)?,
            Contents::Tree { root, level, extents } => {
                self.extents(Run { id: *root, len: size, extents: *extents }, *level, fetcher)?
            }
        };
        match bad {
            None => Ok(true),
            Some(object) => {
                if object.starts_with("chunk ") {
                    self.bad_objects
                        .entry(object.clone())
                        .or_insert_with(|| "it is in no pack that can be found".into());
                }
                (self.lose)(object, path.clone());
                Ok(false)
            }
        }
    }
}
