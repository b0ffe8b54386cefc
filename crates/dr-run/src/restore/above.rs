//! Which folders above a place are links.

use std::path::{Path, PathBuf};

/// The path with the links in the folders above it followed, as far as they are there; the last name is taken as it is.
pub(crate) fn above_resolved(path: &Path) -> PathBuf {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return path.to_owned() };
    let resolved = above.ancestors().find_map(|known| {
        let rest = above.strip_prefix(known).ok()?;
        known.canonicalize().ok().map(|known| known.join(rest))
    });
    resolved.unwrap_or_else(|| above.to_owned()).join(name)
}
