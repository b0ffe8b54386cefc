//! Which chunks does a snapshot need? Its document, its pages, and what its files consist of, page by page.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use dr_entry::EntryPath;
use dr_format::extents::{ExtentPage, Run};
use dr_format::id::{ChunkId, ChunkKind, SnapshotId};
use dr_format::page::{Child, Contents, Extent, Page, Row};
use dr_format::snapshot::Document;

use super::frame_relocator::{FrameRelocator, Need};
use crate::error::RepoError;
use crate::read::fetch::Fetcher;
use crate::read::look::{Pages, Stand, as_child};
use crate::read::repository::Repository;
use crate::read::restore::extent_page;

/// A snapshot on the way through.
pub(super) struct Gather<'a> {
    repository: &'a Repository,
    pages: Pages<'a>,
    extents: Fetcher<'a>,
    /// What is to be looked at; the last first.
    todo: Vec<Todo>,
}

enum Todo {
    Document(SnapshotId, ChunkId),
    Page { child: Child, level: u8, behind: Option<EntryPath>, top: bool },
    Row(Box<Row>),
    Extents { run: Run, level: u8, path: Rc<EntryPath> },
}

impl<'a> Gather<'a> {
    pub(super) fn new(repository: &'a Repository, id: SnapshotId, document: ChunkId) -> Result<Self, RepoError> {
        Ok(Self {
            repository,
            pages: Pages::new(repository)?,
            extents: repository.fetcher()?,
            todo: vec![Todo::Document(id, document)],
        })
    }

    /// Adds to the plan until it is full; whether everything was looked at.
    pub(super) fn fill(
        &mut self,
        relocator: &mut FrameRelocator<'_>,
        theirs: &mut Fetcher<'_>,
        seen: &mut HashSet<ChunkId>,
        stop: &AtomicBool,
    ) -> Result<bool, RepoError> {
        while !relocator.is_full() {
            let Some(todo) = self.todo.pop() else { return Ok(true) };
            if stop.load(Ordering::Relaxed) {
                return Err(RepoError::Interrupted);
            }
            match todo {
                Todo::Document(id, document) => self.document(id, document, relocator, theirs)?,
                Todo::Page { child, level, behind, top } => {
                    if seen.insert(child.id) {
                        self.page(&child, level, behind, top, relocator, theirs)?;
                    }
                }
                Todo::Row(row) => self.row(*row, relocator, theirs)?,
                Todo::Extents { run, level, path } => {
                    if seen.insert(run.id) {
                        self.extents(run, level, &path, relocator, theirs)?;
                    }
                }
            }
        }
        Ok(false)
    }

    fn document(
        &mut self,
        id: SnapshotId,
        document: ChunkId,
        relocator: &mut FrameRelocator<'_>,
        theirs: &mut Fetcher<'_>,
    ) -> Result<(), RepoError> {
        let path = Rc::new(EntryPath::root());
        match self.repository.document(id) {
            Ok(Document { root, .. }) => {
                relocator.need(Need { kind: ChunkKind::Document, id: document, len: None, path }, theirs)?;
                self.todo.extend(root.map(|root| Todo::Page {
                    child: as_child(&root),
                    level: root.level.saturating_add(1),
                    behind: None,
                    top: true,
                }));
                Ok(())
            }
            Err(error) => error.tolerate_damage().map(|why| relocator.miss(&path, &why.to_string())),
        }
    }

    fn page(
        &mut self,
        child: &Child,
        level: u8,
        behind: Option<EntryPath>,
        top: bool,
        relocator: &mut FrameRelocator<'_>,
        theirs: &mut Fetcher<'_>,
    ) -> Result<(), RepoError> {
        let path = Rc::new(child.last.clone());
        let page = match self.pages.open(child, Stand { level, behind: behind.as_ref(), top }) {
            Ok(page) => page,
            Err(error) => return error.tolerate_damage().map(|why| relocator.miss(&path, &why.to_string())),
        };
        relocator.need(Need { kind: ChunkKind::Tree, id: child.id, len: None, path }, theirs)?;
        match page {
            Page::Leaf(rows) => self.todo.extend(rows.into_iter().rev().map(|row| Todo::Row(Box::new(row)))),
            Page::Inner { level, children } => {
                let behinds: Vec<_> =
                    std::iter::once(behind).chain(children.iter().map(|child| Some(child.last.clone()))).collect();
                let children = children.into_iter().zip(behinds).rev();
                self.todo.extend(children.map(|(child, behind)| Todo::Page { child, level, behind, top: false }));
            }
        }
        Ok(())
    }

    fn row(&mut self, row: Row, relocator: &mut FrameRelocator<'_>, theirs: &mut Fetcher<'_>) -> Result<(), RepoError> {
        let path = Rc::new(row.path);
        match row.contents {
            Contents::Empty | Contents::Inline(_) => Ok(()),
            Contents::Extents(extents) => chunks(&extents, &path, relocator, theirs),
            Contents::Tree { root, level, extents } => {
                self.todo.push(Todo::Extents { run: Run { id: root, len: row.meta.size, extents }, level, path });
                Ok(())
            }
        }
    }

    fn extents(
        &mut self,
        run: Run,
        level: u8,
        path: &Rc<EntryPath>,
        relocator: &mut FrameRelocator<'_>,
        theirs: &mut Fetcher<'_>,
    ) -> Result<(), RepoError> {
        let page = match extent_page(run, level, &mut self.extents) {
            Ok(page) => page,
            Err(error) => return error.tolerate_damage().map(|why| relocator.miss(path, &why.to_string())),
        };
        let need = Need { kind: ChunkKind::Extents, id: run.id, len: None, path: Rc::clone(path) };
        relocator.need(need, theirs)?;
        match page {
            ExtentPage::Leaf(extents) => chunks(&extents, path, relocator, theirs),
            ExtentPage::Inner { level, runs } => {
                let level = level.saturating_sub(1);
                let runs = runs.into_iter().rev();
                self.todo.extend(runs.map(|run| Todo::Extents { run, level, path: Rc::clone(path) }));
                Ok(())
            }
        }
    }
}

fn chunks(
    extents: &[Extent],
    path: &Rc<EntryPath>,
    relocator: &mut FrameRelocator<'_>,
    theirs: &mut Fetcher<'_>,
) -> Result<(), RepoError> {
    extents.iter().try_for_each(|extent| match extent {
        Extent::Hole { .. } => Ok(()),
        Extent::Chunk { id, len } => {
            relocator.need(Need { kind: ChunkKind::Data, id: *id, len: Some(*len), path: Rc::clone(path) }, theirs)
        }
    })
}
