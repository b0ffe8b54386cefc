//! What does looking into snapshots need of a repository? Their trees' roots, and pages one at a time.

use dr_entry::EntryPath;
use dr_format::id::{ChunkKind, SnapshotId};
use dr_format::page::{self, Child, Page, Row};
use dr_format::snapshot::{Label, Shape};
use dr_format::tree::Root;

use crate::error::RepoError;
use crate::read::fetch::Fetcher;
use crate::read::repository::Repository;

/// A snapshot whose tree can be looked into: its document was read, none of its pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Which snapshot.
    pub id: SnapshotId,
    /// What it says of itself.
    pub label: Label,
    /// Whether entries stand under one directory's own root or under absolute paths.
    pub shape: Shape,
    pub(crate) root: Option<Root>,
}

impl Repository {
    /// Reads what a snapshot says of itself, and where its tree begins.
    pub fn tree(&self, id: SnapshotId) -> Result<Tree, RepoError> {
        let document = self.document(id)?;
        Ok(Tree { id, label: document.label, shape: document.shape, root: document.root })
    }
}

/// Reads tree pages and holds each to what its parent says of it.
pub(crate) struct Pages<'a> {
    fetcher: Fetcher<'a>,
    /// Pages read so far.
    pub(crate) read: u64,
}

/// Where a page is meant to stand.
#[derive(Clone, Copy)]
pub(crate) struct Stand<'a> {
    /// The level above it.
    pub(crate) level: u8,
    /// What lies before it ends here.
    pub(crate) behind: Option<&'a EntryPath>,
    /// The root of a tree: nobody says where it ends.
    pub(crate) top: bool,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(repository: &'a Repository) -> Result<Self, RepoError> {
        Ok(Self { fetcher: repository.fetcher()?, read: 0 })
    }

    /// The page that `child` names, with its rows in strict order.
    pub(crate) fn open(&mut self, child: &Child, stand: Stand<'_>) -> Result<Page, RepoError> {
        self.read += 1;
        stood(self.fetcher.chunk(ChunkKind::Tree, child.id)?, child, stand)
    }
}

/// The page that these bytes are, held to what its parent says.
fn stood(bytes: &[u8], child: &Child, stand: Stand<'_>) -> Result<Page, RepoError> {
    let page = rising(bytes, child)?;
    stands(&page, child, stand).map(|()| page)
}

/// Whether a page is the one that its parent means.
pub(crate) fn stands(page: &Page, child: &Child, stand: Stand<'_>) -> Result<(), RepoError> {
    if page.stands(stand.level, stand.behind, (!stand.top).then_some(&child.last)) {
        return Ok(());
    }
    Err(RepoError::damaged(format!("tree page {}", child.id), "it is not the page that its parent means"))
}

/// The page that these bytes are, with its rows in strict order.
pub(crate) fn rising(bytes: &[u8], child: &Child) -> Result<Page, RepoError> {
    let bad = |what: &str| RepoError::damaged(format!("tree page {}", child.id), what);
    let page = page::decode(bytes).map_err(|e| bad(e.0))?;
    let rises = match &page {
        Page::Leaf(rows) => rows.is_sorted_by(|a, b| a.path < b.path),
        Page::Inner { children, .. } => children.is_sorted_by(|a, b| a.last < b.last),
    };
    if rises { Ok(page) } else { Err(bad("its entries are out of order")) }
}

/// The root of a tree, as if a page named it.
pub(crate) fn as_child(root: &Root) -> Child {
    Child { last: EntryPath::root(), id: root.id, entries: 0, bytes: 0 }
}

/// Whether two rows stand for the same thing with the same contents, whoever owns it and whatever its time is.
pub(crate) fn same_contents(a: &Row, b: &Row) -> bool {
    a.meta.kind == b.meta.kind && a.meta.size == b.meta.size && a.contents == b.contents
}

/// Whether `path` is one of `wanted` or below one; everything is if there is none.
pub(crate) fn is_wanted(wanted: &[EntryPath], path: &EntryPath) -> bool {
    wanted.is_empty() || wanted.iter().any(|wanted| path.is_within(wanted))
}
