//! Large, dull trees for benches: what is in them, how far it compresses, and how the next generation differs.
//!
//! Each set is made below an empty directory and can be advanced any number of times with [`next_generation`]. Files
//! are written as they are made: memory stays below a few MB, whatever the size.

mod files;
mod streams;
mod text;

pub use crate::put::Size;
pub use files::{many_empty, many_small, mixed, source_tree};
pub use streams::{dump, image};

use crate::Result;
use std::path::Path;

/// Which set a directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// Made by [`source_tree`].
    SourceTree,
    /// Made by [`mixed`].
    Mixed,
    /// Made by [`dump`].
    Dump,
    /// Made by [`image`].
    Image,
    /// Made by [`many_small`].
    ManySmall,
    /// Made by [`many_empty`].
    ManyEmpty,
}

/// Advances the set below `dir` to `generation` (2 is the first after making), and says what was written.
///
/// `SourceTree` and `Mixed`: of each 1,000 files 10 are edited, 3 are gone, 3 are renamed and 5 are new. `Dump`: 0.5 %
/// of the rows are written anew in clusters of 50 and 1 % are appended. `Image`: 1 % of the 4 KiB blocks are written
/// over, in runs of up to 8. `ManySmall`: as the trees. `ManyEmpty`: 1 % new names.
pub fn next_generation(set: Set, dir: &Path, seed: u64, generation: u32) -> Result<Size> {
    let generation = u64::from(generation);
    match set {
        Set::SourceTree | Set::Mixed | Set::ManySmall => files::advance(set, dir, seed, generation),
        Set::ManyEmpty => files::advance_empty(dir, generation),
        Set::Dump => streams::advance_dump(dir, seed, generation),
        Set::Image => streams::advance_image(dir, seed, generation),
    }
}
