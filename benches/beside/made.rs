//! The first generation of each set: made from a seed, or copied from trees that are there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dr_sample::sets::{self, Set};

use super::wanted::{Data, Wanted};

/// Makes a tree.
pub fn make(data: &Data, tree: &Path, wanted: &Wanted) -> Result<(), String> {
    match (&data.from[..], data.set) {
        ([], _) => {}
        ([one], Set::SourceTree) => return copy_all(one, tree),
        (several, _) => return pick(several, tree, wanted),
    }
    let made = match data.set {
        Set::SourceTree => sets::source_tree(tree, wanted.mib, wanted.seed),
        Set::Mixed => sets::mixed(tree, wanted.mib, wanted.seed),
        Set::Dump => sets::dump(tree, wanted.mib, wanted.seed),
        Set::Image => sets::image(tree, wanted.mib, wanted.seed),
        // At 4.5 KiB a file.
        Set::ManySmall => sets::many_small(tree, wanted.mib * 227, wanted.seed),
        Set::ManyEmpty => sets::many_empty(tree, wanted.mib * 227, wanted.seed),
    };
    made.map(drop).map_err(|e| e.to_string())
}

fn copy_all(from: &Path, to: &Path) -> Result<(), String> {
    match Command::new("cp").arg("-a").arg(from).arg(to).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cp ended with {status}")),
        Err(e) => Err(format!("cp: {e}")),
    }
}

/// The largest file that is taken.
const FILE_MAX: u64 = 96 << 20;

/// Whole folders of these trees, by a chance that the seed repeats, until they are as large as wanted.
fn pick(trees: &[PathBuf], to: &Path, wanted: &Wanted) -> Result<(), String> {
    let mut folders = Vec::new();
    for (number, top) in trees.iter().enumerate() {
        let mut left = vec![PathBuf::new()];
        while let Some(folder) = left.pop() {
            // What this user may not read is no data for us.
            let Ok(entries) = fs::read_dir(top.join(&folder)) else { continue };
            let mut files = Vec::new();
            for entry in entries.flatten() {
                let below = folder.join(entry.file_name());
                match entry.metadata() {
                    Ok(meta) if meta.is_dir() => left.push(below),
                    Ok(meta) if meta.is_file() && (1..=FILE_MAX).contains(&meta.len()) => {
                        files.push((below, meta.len()))
                    }
                    _ => {}
                }
            }
            if !files.is_empty() {
                folders.push((chance(wanted.seed, number, &folder), number, files));
            }
        }
    }
    folders.sort();
    let mut bytes = 0;
    for (_, number, files) in folders {
        for (below, length) in files {
            if bytes >= wanted.mib << 20 {
                return Ok(());
            }
            let target = to.join(number.to_string()).join(&below);
            let unread = |e: std::io::Error| format!("cannot copy {}: {e}", below.display());
            fs::create_dir_all(target.parent().unwrap_or(to)).map_err(unread)?;
            if fs::copy(trees[number].join(&below), &target).is_ok() {
                bytes += length;
            }
        }
    }
    if bytes == 0 { Err("there is no file in those trees that may be read".into()) } else { Ok(()) }
}

fn chance(seed: u64, number: usize, folder: &Path) -> u64 {
    let bytes = folder.as_os_str().as_encoded_bytes();
    // FNV-1a, turned once more so that the last byte reaches the front.
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325 ^ seed.rotate_left(32) ^ number as u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ hash >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}
