//! What of all that goes does something that stays need as well? And which packs does what is rewritten rely on?

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dr_entry::EntryPath;
use dr_format::extents::{ExtentPage, Run};
use dr_format::id::{ChunkId, ChunkKind};
use dr_format::page::{Child, Contents, Extent, Page, Row};
use dr_format::tree::Root;
use dr_index::lookup::Index;

use super::scope::EraseScope;
use super::{is_gone, may_touch};
use crate::error::RepoError;
use crate::read::fetch::Fetcher;
use crate::read::look::{Pages, Stand, as_child};
use crate::read::repository::Repository;
use crate::read::restore::extent_page;

/// What stays needs this.
#[derive(Default)]
pub(super) struct Followed {
    /// Chunks of contents that go, and stay all the same: something else holds the same bytes.
    pub(super) shared: HashSet<ChunkId>,
    pub(super) extents: HashSet<ChunkId>,
    pub(super) pages: HashSet<ChunkId>,
    /// Packs that the snapshots which are rewritten rely on, by their numbers in the index.
    pub(super) needs: BTreeSet<u32>,
    /// Parts that could not be read.
    pub(super) unseen: u64,
}

/// Follows everything that stays; what several snapshots share is followed once.
pub(super) fn follow(repository: &Repository, scope: &EraseScope, stop: &AtomicBool) -> Result<Followed, RepoError> {
    let mut follower = Follower {
        repository,
        index: Arc::clone(repository.index()?),
        pages: Pages::new(repository)?,
        fetcher: repository.fetcher()?,
        scope,
        stop,
        relies: true,
        out: Followed::default(),
    };
    if scope.judged.iter().all(|one| one.ruling.stays()) {
        return Ok(follower.out);
    }
    for rewritten in &scope.rewritten {
        follower.tree(rewritten.document.root.as_ref(), &rewritten.gone)?;
    }
    follower.relies = false;
    for (_, root) in &scope.stay {
        follower.tree(root.as_ref(), &[])?;
    }
    Ok(follower.out)
}

struct Follower<'a> {
    repository: &'a Repository,
    index: Arc<Index>,
    pages: Pages<'a>,
    fetcher: Fetcher<'a>,
    scope: &'a EraseScope,
    stop: &'a AtomicBool,
    /// Whether what is followed is written rewritten, so that its packs are to be known.
    relies: bool,
    out: Followed,
}

impl Follower<'_> {
    fn tree(&mut self, root: Option<&Root>, gone: &[EntryPath]) -> Result<(), RepoError> {
        let Some(root) = root else { return Ok(()) };
        let mut todo: Vec<(Child, u8, Option<EntryPath>, bool)> =
            vec![(as_child(root), root.level.saturating_add(1), None, true)];
        while let Some((child, level, behind, top)) = todo.pop() {
            if self.stop.load(Ordering::Relaxed) {
                return Err(RepoError::Interrupted);
            }
            let touched = may_touch(gone, behind.as_ref(), (!top).then_some(&child.last));
            if !touched && !self.out.pages.insert(child.id) {
                continue;
            }
            if !touched {
                self.rely(ChunkKind::Tree, child.id)?;
            }
            let page = match self.pages.open(&child, Stand { level, behind: behind.as_ref(), top }) {
                Ok(page) => page,
                Err(error) => {
                    error.tolerate_damage()?;
                    self.out.unseen += 1;
                    continue;
                }
            };
            match page {
                Page::Leaf(rows) => {
                    for row in rows.into_iter().filter(|row| !is_gone(gone, &row.path)) {
                        self.row(row)?;
                    }
                }
                Page::Inner { level, children } => {
                    let behinds: Vec<_> =
                        std::iter::once(behind).chain(children.iter().map(|child| Some(child.last.clone()))).collect();
                    let below = children.into_iter().zip(behinds).rev();
                    todo.extend(below.map(|(child, behind)| (child, level, behind, false)));
                }
            }
        }
        Ok(())
    }

    fn row(&mut self, row: Row) -> Result<(), RepoError> {
        match row.contents {
            Contents::Empty | Contents::Inline(_) => Ok(()),
            Contents::Extents(extents) => self.chunks(&extents),
            Contents::Tree { root, level, extents } => {
                self.extents(Run { id: root, len: row.meta.size, extents }, level)
            }
        }
    }

    /// Levels only fall, so this ends.
    fn extents(&mut self, run: Run, level: u8) -> Result<(), RepoError> {
        if !self.out.extents.insert(run.id) {
            return Ok(());
        }
        self.rely(ChunkKind::Extents, run.id)?;
        match extent_page(run, level, &mut self.fetcher) {
            Ok(ExtentPage::Leaf(extents)) => self.chunks(&extents),
            Ok(ExtentPage::Inner { runs, .. }) => {
                runs.into_iter().try_for_each(|run| self.extents(run, level.saturating_sub(1)))
            }
            Err(error) => {
                error.tolerate_damage()?;
                self.out.unseen += 1;
                Ok(())
            }
        }
    }

    fn chunks(&mut self, extents: &[Extent]) -> Result<(), RepoError> {
        for extent in extents {
            let Extent::Chunk { id, .. } = extent else { continue };
            if self.scope.contents.contains_key(id) {
                self.out.shared.insert(*id);
            }
            self.rely(ChunkKind::Data, *id)?;
        }
        Ok(())
    }

    /// Notes in which pack it is found: one that is not on its way out, if there is one.
    fn rely(&mut self, kind: ChunkKind, id: ChunkId) -> Result<(), RepoError> {
        if !self.relies {
            return Ok(());
        }
        let places = self.index.places(kind, id)?;
        let stays = |pack: u32| {
            let state = self.repository.log.state.packs.get(&self.index.brief(pack).id);
            state.is_some_and(|state| !state.condemned && !state.swept)
        };
        let found = places.iter().find(|place| stays(place.pack)).or(places.first());
        self.out.needs.extend(found.map(|place| place.pack));
        Ok(())
    }
}
