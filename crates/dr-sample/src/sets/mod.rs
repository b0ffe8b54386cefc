//! Large, dull trees for benches: what is in them, how far it compresses, and how the next generation differs.
//!
//! Each set is made below an empty directory and can be advanced any number of times with [`next_generation`]. Files
//! are written as they are made: memory stays below a few MB, whatever the size.

mod files;
mod set;
mod streams;
mod text;

pub use crate::put::Size;
pub use files::{many_empty, many_small, mixed, source_tree};
pub use streams::{dump, image};

use crate::Result;
use std::path::Path;

pub use set::Set;

/// Advances the set below `dir` to `generation` (2 is the first after making), and says what was written.
///
/// Of each 1,000 files so many get an insertion in their middle half, are renamed, are gone, are new (half of their
/// bytes from a neighbour): `SourceTree` 10, 1, 1, 2; `Mixed` 20, 5, 3, 5; `ManySmall` 10, 0, 2, 5. `Dump`: 0.5 % of the
/// rows are rewritten in up to 1,000 clusters and 1 % are appended. `Image`: 1 MiB is inserted at the front and 1 % of
/// the 4 KiB blocks are written over. `ManyEmpty`: 1 % new names. A tree that was not made here can be advanced as
/// `SourceTree` or `Mixed` too.
pub fn next_generation(set: Set, dir: &Path, seed: u64, generation: u32) -> Result<Size> {
    let generation = u64::from(generation);
    match set {
        Set::SourceTree | Set::Mixed | Set::ManySmall => files::advance(set, dir, seed, generation),
        Set::ManyEmpty => files::advance_empty(dir, generation),
        Set::Dump => streams::advance_dump(dir, seed, generation),
        Set::Image => streams::advance_image(dir, seed, generation),
    }
}
