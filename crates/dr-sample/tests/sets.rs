//! Whether the sets for benches are as large as asked, the same again, and change by as much as they say.

// Tests may unwrap; the lint only knows that of functions marked as tests, not of those they call.
#![allow(clippy::unwrap_used)]

mod tree;

use dr_sample::sets::{self, Set};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use tree::tree;

fn make(set: Set, dir: &Path) {
    match set {
        Set::SourceTree => sets::source_tree(dir, 6, 1),
        Set::Mixed => sets::mixed(dir, 6, 1),
        Set::Dump => sets::dump(dir, 2, 1),
        Set::Image => sets::image(dir, 8, 1),
        Set::ManySmall => sets::many_small(dir, 1_000, 1),
        Set::ManyEmpty => sets::many_empty(dir, 1_000, 1),
    }
    .unwrap();
}

#[test]
fn the_same_seed_makes_and_advances_the_same_set() {
    for set in [Set::SourceTree, Set::Mixed, Set::Dump, Set::Image, Set::ManySmall] {
        let outcome = || {
            let dir = tempfile::tempdir().unwrap();
            make(set, dir.path());
            let first = tree(dir.path());
            sets::next_generation(set, dir.path(), 1, 2).unwrap();
            (first, tree(dir.path()))
        };
        let (one, two) = (outcome(), outcome());
        let contents = |tree: &std::collections::BTreeMap<_, (blake3::Hash, i64)>| -> Vec<blake3::Hash> {
            tree.values().map(|(hash, _)| *hash).collect()
        };
        assert!(contents(&one.0) == contents(&two.0) && contents(&one.1) == contents(&two.1), "{set:?}");
        assert!(contents(&one.0) != contents(&one.1), "{set:?} did not change");
    }
}

#[test]
fn an_image_moves_by_a_mebibyte_and_changes_in_one_block_of_a_hundred() {
    let dir = tempfile::tempdir().unwrap();
    sets::image(dir.path(), 32, 1).unwrap();
    let before = fs::read(dir.path().join("disk.img")).unwrap();
    sets::next_generation(Set::Image, dir.path(), 1, 2).unwrap();
    let after = fs::File::open(dir.path().join("disk.img")).unwrap();
    let mut block = [0; 4_096];
    let mut differ = 0;
    for (position, was) in before.chunks(4_096).enumerate() {
        after.read_exact_at(&mut block, (1 << 20) + position as u64 * 4_096).unwrap();
        differ += usize::from(was != block);
    }
    assert_eq!(differ, 82);
}

#[test]
fn a_dump_changes_in_one_row_of_two_hundred_and_grows_by_a_hundredth() {
    let dir = tempfile::tempdir().unwrap();
    sets::dump(dir.path(), 4, 1).unwrap();
    let read = || fs::read_to_string(dir.path().join("dump.sql")).unwrap();
    let before = read();
    sets::next_generation(Set::Dump, dir.path(), 1, 2).unwrap();
    let after = read();
    let rows = before.lines().count();
    let differ = before.lines().zip(after.lines()).filter(|(one, two)| one != two).count();
    assert!((rows / 250..=rows / 150).contains(&differ), "{differ} of {rows}");
    assert_eq!(after.lines().count(), rows + (rows - 2).div_ceil(100));
}

#[test]
fn a_tree_changes_in_about_one_file_of_a_hundred() {
    let dir = tempfile::tempdir().unwrap();
    make(Set::ManySmall, dir.path());
    let before = tree(dir.path());
    sets::next_generation(Set::ManySmall, dir.path(), 1, 2).unwrap();
    let after = tree(dir.path());
    let kept = before.iter().filter(|(path, was)| after.get(*path) == Some(was)).count();
    assert_eq!((before.len(), kept), (1_000, 1_000 - 10 - 2));
    assert_eq!(after.len(), 1_000 - 2 + 5);
    make(Set::ManyEmpty, &dir.path().join("empty"));
    sets::next_generation(Set::ManyEmpty, &dir.path().join("empty"), 1, 2).unwrap();
    assert_eq!(tree(&dir.path().join("empty")).len(), 1_010);
}
