//! Which names of which snapshots are lost? Every tree is followed to its last chunk.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::Ordering;

use dr_entry::EntryPath;

use super::{Check, Checked, LOST_MAX};
use crate::error::RepoError;
use crate::extents::Run;
use crate::fetch::Fetcher;
use crate::id::{ChunkId, ChunkKind, SnapshotId};
use crate::page::{self, Contents, Extent, Page};
use crate::repository::{Repository, fault_text};
use crate::restore::follow_extents;
use crate::wire::Bad;

/// Follows every tree; pages that several snapshots share are read once unless something in them is lost.
pub(super) fn follow_trees(
    repository: &Repository,
    options: &Check<'_>,
    bad_chunks: &BTreeMap<ChunkId, BTreeSet<String>>,
    lost: &mut BTreeMap<String, Vec<(SnapshotId, EntryPath)>>,
    bad_objects: &mut BTreeMap<String, String>,
    out: &mut Checked,
) -> Result<(), RepoError> {
    let mut fetcher = repository.fetcher()?;
    let mut clean: HashSet<ChunkId> = HashSet::new();
    for (id, state) in repository.log.state.live() {
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
            let mut follow = Follow { repository, bad_chunks, clean: &mut clean, lose: &mut lose, bad_objects };
            follow.page(root.id, root.level, None, None, &mut fetcher)?;
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

struct Follow<'a> {
    repository: &'a Repository,
    /// Chunks, and the objects from which they cannot be had.
    bad_chunks: &'a BTreeMap<ChunkId, BTreeSet<String>>,
    /// Pages below which nothing is lost.
    clean: &'a mut HashSet<ChunkId>,
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
        if self.clean.contains(&id) {
            return Ok(true);
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
        if whole {
            self.clean.insert(id);
        }
        Ok(whole)
    }

    fn contents(
        &mut self,
        contents: &Contents,
        size: u64,
        path: &EntryPath,
        fetcher: &mut Fetcher<'_>,
    ) -> Result<bool, RepoError> {
        let mut bad: Option<String> = None;
        let index = self.repository.index()?;
        let mut look = |extent: Extent| {
            if let Extent::Chunk { id, .. } = extent {
                if !index.holds(ChunkKind::Data, id)? {
                    bad.get_or_insert(format!("chunk {id}"));
                } else if let Some(objects) = self.bad_chunks.get(&id) {
                    let places = index.places(ChunkKind::Data, id)?;
                    let elsewhere = places.iter().any(|place| !objects.contains(&index.object(place.pack)));
                    if !elsewhere {
                        bad = bad.take().or_else(|| objects.first().cloned());
                    }
                }
            }
            Ok(())
        };
        match contents {
            Contents::Empty | Contents::Inline(_) => {}
            Contents::Extents(extents) => extents.iter().try_for_each(|extent| look(*extent))?,
            Contents::Tree { root, level, extents } => {
                let run = Run { id: *root, len: size, extents: *extents };
                match follow_extents(run, *level, fetcher, self.clean, &mut look) {
                    Ok(()) => {}
                    Err(RepoError::Store(dr_store::StoreError::Io { what, place, source })) => {
                        return Err(dr_store::StoreError::Io { what, place, source }.into());
                    }
                    Err(error) => {
                        bad.get_or_insert(object_of(&error, self.repository, ChunkKind::Extents, *root));
                    }
                }
            }
        }
        match bad {
            None => {
                if let Contents::Tree { root, .. } = contents {
                    self.clean.insert(*root);
                }
                Ok(true)
            }
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
