//! What a tree holds, as one value that two trees can be compared by.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Digest and time of every regular file below `dir`, by its relative path.
pub fn tree(dir: &Path) -> BTreeMap<PathBuf, (blake3::Hash, i64)> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                waiting.push(path);
            } else if metadata.is_file() {
                let below = path.strip_prefix(dir).unwrap().to_owned();
                found.insert(below, (blake3::hash(&fs::read(&path).unwrap()), metadata.mtime()));
            }
        }
    }
    found
}
