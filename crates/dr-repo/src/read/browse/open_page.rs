//! What is a decoded page made of, so that something in it is found at once? And how much memory does it take?

use dr_format::extents::{ExtentPage, Run};
use dr_format::id::ChunkId;
use dr_format::page::{Child, Contents, Extent, Page, Row};

use crate::error::RepoError;

/// A page, decoded, and what it takes to find something in it at once.
pub(super) enum OpenPage {
    /// Of a tree. `ends`: how many entries lie in it up to and with each child; empty for a leaf.
    Tree { page: Page, entries: u64, ends: Vec<u64>, size: usize },
    /// Of a large file. `ends`: how many bytes lie in it up to and with each extent or page below.
    Extents { page: ExtentPage, ends: Vec<u64>, size: usize },
}

impl OpenPage {
    /// About how much memory it takes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Tree { size, .. } | Self::Extents { size, .. } => *size,
        }
    }

    pub(super) fn tree(page: Page, id: ChunkId) -> Result<Self, RepoError> {
        let (mut sum, mut ends) = (0u64, Vec::new());
        let size = match &page {
            Page::Leaf(rows) => {
                sum = rows.len() as u64;
                rows.iter().map(row_size).sum()
            }
            Page::Inner { children, .. } => {
                for child in children {
                    let added = sum.checked_add(child.entries);
                    sum = added.ok_or_else(|| RepoError::damaged(format!("tree page {id}"), "it counts too much"))?;
                    ends.push(sum);
                }
                children.iter().map(|child| size_of::<Child>() + 8 + child.last.as_bytes().len()).sum()
            }
        };
        Ok(Self::Tree { page, entries: sum, ends, size })
    }

    pub(super) fn extents(page: ExtentPage) -> Self {
        let mut sum = 0u64;
        // That they can be summed up was seen when the page was held to what its parent says.
        let mut upto = |len: u64| {
            sum = sum.saturating_add(len);
            sum
        };
        let ends: Vec<u64> = match &page {
            ExtentPage::Leaf(extents) => extents.iter().map(|extent| upto(extent.len())).collect(),
            ExtentPage::Inner { runs, .. } => runs.iter().map(|run| upto(run.len)).collect(),
        };
        let size = ends.len() * (8 + size_of::<Run>().max(size_of::<Extent>()));
        Self::Extents { page, ends, size }
    }
}

fn row_size(row: &Row) -> usize {
    let contents = match &row.contents {
        Contents::Inline(bytes) => bytes.len(),
        Contents::Extents(extents) => extents.len() * size_of::<Extent>(),
        Contents::Empty | Contents::Tree { .. } => 0,
    };
    let xattrs = row.meta.xattrs.iter().map(|(name, value)| name.len() + value.len() + 64);
    size_of::<Row>() + 32 + row.path.as_bytes().len() + contents + xattrs.sum::<usize>()
}
