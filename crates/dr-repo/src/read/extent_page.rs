//! A page of a file's extents.

use dr_format::extents;
use dr_format::extents::{ExtentPage, Run};
use dr_format::id::ChunkKind;

use crate::error::RepoError;
use crate::read::fetch::Fetcher;

pub(crate) fn extent_page(run: Run, level: u8, fetcher: &mut Fetcher<'_>) -> Result<ExtentPage, RepoError> {
    extent_page_of(fetcher.chunk(ChunkKind::Extents, run.id)?, run, level)
}

/// The extent page that these bytes are, held to what its parent says.
pub(crate) fn extent_page_of(bytes: &[u8], run: Run, level: u8) -> Result<ExtentPage, RepoError> {
    let bad = |what: &str| RepoError::damaged(format!("extent page {}", run.id), what);
    let page = extents::decode(bytes).map_err(|e| bad(e.0))?;
    stands_as(&page, run, level).map(|()| page)
}

/// Whether a page is the one that its parent means.
pub(crate) fn stands_as(page: &ExtentPage, run: Run, level: u8) -> Result<(), RepoError> {
    let add = |(lens, counts): (u64, u64), len: u64, extents: u64| {
        Some((lens.checked_add(len)?, counts.checked_add(extents)?))
    };
    let (own, sum) = match page {
        ExtentPage::Leaf(extents) => (0, extents.iter().try_fold((0, 0), |sum, extent| add(sum, extent.len(), 1))),
        ExtentPage::Inner { level, runs } => {
            (*level, runs.iter().try_fold((0, 0), |sum, run| add(sum, run.len, run.extents)))
        }
    };
    if own != level || sum != Some((run.len, run.extents)) {
        let object = format!("extent page {}", run.id);
        return Err(RepoError::damaged(object, "it is not the page that its parent means"));
    }
    Ok(())
}
