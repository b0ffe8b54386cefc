//! How large does a snapshot say that its files are, and can that be?
//!
//! A few pages of extents that name each other over and over stand for more than any disk holds. Whoever has a host's key
//! can write such a snapshot, so its sums are held to what it says of itself, and to the room that there is, before a byte
//! is written; and what is nothing but a hole is not followed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use dr_entry::Destination;
use dr_format::extents::{ExtentPage, Run};
use dr_format::id::ChunkId;
use dr_format::page::{Contents, Extent, Row};
use dr_format::snapshot::Label;

use super::file::{Failed, impossible};
use super::{NotWhole, extent_page};
use crate::error::RepoError;
use crate::read::fetch::Fetcher;

/// Below this the file system says by itself that it is full.
const LARGE: u64 = 1 << 20;

/// An extent page, and what its parent says of it.
type Held = (ChunkId, u8, u64, u64);

/// What files claim by now, and what the snapshot says of all of them.
pub(super) struct Claims {
    all: u64,
    so_far: AtomicU64,
    /// How much below an extent page is no hole.
    data: Mutex<HashMap<Held, u64>>,
}

impl Claims {
    pub(super) fn of(label: &Label) -> Self {
        Self { all: label.bytes, so_far: AtomicU64::new(0), data: Mutex::default() }
    }

    /// Refuses a file with which there would be more than the snapshot says of itself.
    pub(super) fn count(&self, row: &Row) -> Result<(), Failed> {
        let before = self.so_far.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |sum| {
            sum.checked_add(row.meta.size).filter(|sum| *sum <= self.all || self.all == 0)
        });
        before.map(|_| ()).map_err(|_| {
            impossible(format!(
                "it claims to be {} bytes large, and with it the files would be more than the {} bytes that the snapshot \
                 says of all of them: it is not what somebody backed up",
                row.meta.size, self.all
            ))
        })
    }

    /// Refuses a file for which there is no room, before anything of it is written. Holes take none.
    pub(super) fn fits(
        &self,
        row: &Row,
        destination: &dyn Destination,
        fetcher: &mut Fetcher<'_>,
    ) -> Result<(), Failed> {
        let needed = match &row.contents {
            _ if row.meta.size < LARGE => return Ok(()),
            Contents::Empty | Contents::Inline(_) => return Ok(()),
            Contents::Extents(extents) => data(extents),
            Contents::Tree { root, level, extents } => {
                self.below(Run { id: *root, len: row.meta.size, extents: *extents }, *level, fetcher)?
            }
        };
        match destination.room() {
            // The rest may fit.
            Some(room) if needed > room => Err(Failed::Here(NotWhole::Place(format!(
                "it takes {needed} bytes, and there is room for {room} in the place to restore to"
            )))),
            _ => Ok(()),
        }
    }

    /// How much below an extent page is no hole. Levels only fall, and what a parent says of a page is looked at once, so this
    /// ends.
    pub(super) fn below(&self, run: Run, level: u8, fetcher: &mut Fetcher<'_>) -> Result<u64, RepoError> {
        let held = (run.id, level, run.len, run.extents);
        let known = || self.data.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sum) = known().get(&held) {
            return Ok(*sum);
        }
        let sum = match extent_page(run, level, fetcher)? {
            ExtentPage::Leaf(extents) => data(&extents),
            ExtentPage::Inner { runs, .. } => runs.into_iter().try_fold(0u64, |sum, run| {
                Ok::<_, RepoError>(sum.saturating_add(self.below(run, level.saturating_sub(1), fetcher)?))
            })?,
        };
        known().insert(held, sum);
        Ok(sum)
    }
}

/// Bytes of these that are no holes.
fn data(extents: &[Extent]) -> u64 {
    let chunks = extents.iter().filter(|extent| matches!(extent, Extent::Chunk { .. }));
    chunks.fold(0, |sum, extent| sum.saturating_add(extent.len()))
}
