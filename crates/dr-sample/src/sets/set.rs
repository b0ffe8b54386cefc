//! Which sets there are.

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
