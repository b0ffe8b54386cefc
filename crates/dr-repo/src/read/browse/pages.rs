//! How is one row found in a tree? From the root down, by its number or by its path, one page of each level.

use std::sync::Arc;

use dr_entry::EntryPath;
use dr_format::extents::Run;
use dr_format::id::ChunkKind;
use dr_format::page::{Child, Page, Row};

use super::copies::SnapshotCopies;
use super::open_page::OpenPage;
use crate::error::RepoError;
use crate::read::extent_page::{extent_page_of, stands_as};
use crate::read::look::{Stand, Tree, as_child, rising, stands};

/// A row in its leaf.
#[derive(Clone)]
pub(super) struct LeafPlace {
    page: Arc<OpenPage>,
    at: usize,
    pub(super) number: u64,
}

impl LeafPlace {
    pub(super) fn row(&self) -> &Row {
        match &*self.page {
            OpenPage::Tree { page: Page::Leaf(rows), .. } => &rows[self.at],
            _ => unreachable!("a place is made of a leaf and a row in it"),
        }
    }
}

/// A page on the way that cannot be had.
pub(super) struct MissedPage {
    pub(super) why: RepoError,
    /// The first entry behind it, by what its parent says.
    pub(super) beyond: Option<u64>,
}

/// One snapshot's tree, to be gone down.
pub(super) struct Descent<'a> {
    view: &'a SnapshotCopies,
    tree: Arc<Tree>,
}

/// Which child of a page leads on.
enum PageGoal<'a> {
    Number(u64),
    Path(&'a dyn Fn(&EntryPath) -> bool),
}

impl<'a> Descent<'a> {
    pub(super) fn new(view: &'a SnapshotCopies) -> Result<Self, RepoError> {
        Ok(Self { view, tree: view.tree()? })
    }

    /// The row of this number.
    pub(super) fn by_number(&self, number: u64) -> Result<Option<LeafPlace>, MissedPage> {
        self.down(&PageGoal::Number(number))
    }

    /// The first row for which `past` holds, as it does for all behind that.
    pub(super) fn first(&self, past: &dyn Fn(&EntryPath) -> bool) -> Result<Option<LeafPlace>, MissedPage> {
        self.down(&PageGoal::Path(past))
    }

    fn down(&self, toward: &PageGoal<'_>) -> Result<Option<LeafPlace>, MissedPage> {
        let Some(root) = &self.tree.root else { return Ok(None) };
        let (mut child, mut level, mut behind, mut top) = (as_child(root), root.level.saturating_add(1), None, true);
        // Entries before the page.
        let mut before = 0u64;
        // Levels only fall, so this ends.
        loop {
            let stand = Stand { level, behind: behind.as_ref(), top };
            let beyond = if top { None } else { before.checked_add(child.entries) };
            let page = self.page(&child, stand).map_err(|why| MissedPage { why, beyond })?;
            let OpenPage::Tree { page: opened, ends, .. } = &*page else { return Ok(None) };
            match opened {
                Page::Leaf(rows) => {
                    let at = match toward {
                        PageGoal::Number(number) => {
                            usize::try_from(number.saturating_sub(before)).unwrap_or(usize::MAX)
                        }
                        PageGoal::Path(past) => rows.partition_point(|row| !past(&row.path)),
                    };
                    let found = at < rows.len();
                    return Ok(found.then(|| LeafPlace { page: Arc::clone(&page), at, number: before + at as u64 }));
                }
                Page::Inner { level: own, children } => {
                    let at = match toward {
                        PageGoal::Number(number) => {
                            let within = number.saturating_sub(before);
                            ends.partition_point(|end| *end <= within)
                        }
                        PageGoal::Path(past) => children.partition_point(|child| !past(&child.last)),
                    };
                    let Some(next) = children.get(at) else { return Ok(None) };
                    if let Some(last) = at.checked_sub(1) {
                        behind = children.get(last).map(|child| child.last.clone());
                        before = before.saturating_add(ends.get(last).copied().unwrap_or_default());
                    }
                    (child, level, top) = (next.clone(), *own, false);
                }
            }
        }
    }

    /// A page of the tree, held to what its parent says of it.
    fn page(&self, child: &Child, stand: Stand<'_>) -> Result<Arc<OpenPage>, RepoError> {
        let page = match self.view.pages.get(child.id) {
            Some(page) => page,
            None => {
                let page = self
                    .view
                    .chunk(ChunkKind::Tree, child.id, |bytes| OpenPage::tree(rising(bytes, child)?, child.id))?;
                let page = Arc::new(page);
                self.view.pages.keep(child.id, &page);
                page
            }
        };
        let meant = |page: &Page, entries: u64| {
            stands(page, child, stand)?;
            if !stand.top && entries != child.entries {
                return Err(RepoError::damaged(
                    format!("tree page {}", child.id),
                    "it has not as many entries as is said",
                ));
            }
            Ok(())
        };
        match &*page {
            OpenPage::Tree { page, entries, .. } => meant(page, *entries)?,
            OpenPage::Extents { .. } => {
                return Err(RepoError::damaged(format!("tree page {}", child.id), "it is no page of a tree"));
            }
        }
        Ok(page)
    }
}

/// A page of a file's extents, held to what its parent says of it.
pub(super) fn extents(view: &SnapshotCopies, run: Run, level: u8) -> Result<Arc<OpenPage>, RepoError> {
    if let Some(page) = view.pages.get(run.id) {
        match &*page {
            OpenPage::Extents { page, .. } => stands_as(page, run, level)?,
            OpenPage::Tree { .. } => {
                return Err(RepoError::damaged(format!("extent page {}", run.id), "it is no page of extents"));
            }
        }
        return Ok(page);
    }
    let page =
        view.chunk(ChunkKind::Extents, run.id, |bytes| Ok(OpenPage::extents(extent_page_of(bytes, run, level)?)))?;
    let page = Arc::new(page);
    view.pages.keep(run.id, &page);
    Ok(page)
}
