//! Every byte of every kind of object of a small repository, flipped in turn.
//!
//! For each flip: opening, checking and restoring end without a panic; the check names it (or opening refuses);
//! and whatever is restored is right, with the rest named.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_repo::{CheckOptions, ReadData, RepoError, SnapshotId, Tally};
use dr_store::memory::MemoryStore;
use dr_store::{BlockingStore, Key};

use crate::support::*;

/// Whether the damage was noticed; panics if anything wrong was passed off as right.
fn noticed(school: &School, blocking: &BlockingStore, tree: &Tree, snapshot: SnapshotId) -> bool {
    let repository = match school.open(blocking) {
        Ok(repository) => repository,
        Err(
            RepoError::Damaged { .. } | RepoError::WrongKey(_) | RepoError::Newer { .. } | RepoError::NoRepository(_),
        ) => return true,
        Err(other) => panic!("opening: {other}"),
    };
    let (stop, tally) = (AtomicBool::new(false), Tally::default());
    let check = CheckOptions { read_data: ReadData::All, now_ms: 0, enough: None, stop: &stop, tally: &tally };
    let checked = dr_repo::check(&repository, &check).expect("a check of a damaged repository ends");
    match school.restore(&repository, snapshot) {
        Err(RepoError::NoSnapshot(_) | RepoError::Damaged { .. }) => {}
        Err(other) => panic!("restoring: {other}"),
        Ok((back, restored)) => {
            for (path, node) in &back {
                let is_half = restored.failed.iter().any(|(failed, _)| failed == path);
                assert!(is_half || tree.get(path) == Some(node), "wrong data at {path}");
            }
            let all = back.len() == tree.len();
            assert!(all || !restored.failed.is_empty(), "something is missing and nothing was said");
        }
    }
    !checked.findings.is_empty()
}

fn every_flip(step_in_padding: usize, offset: usize) {
    let school = School::new();
    let store = Arc::new(MemoryStore::new());
    let blocking = school.blocking(store.clone());
    dr_repo::create(&blocking, &school.family, Some("password"), "2026-01-01T00:00:00Z", 0).unwrap();
    let mut tree = small_tree();
    file(&mut tree, "a/noise", noise(3_000, 2));
    let first = school.backup(&mut school.open(&blocking).unwrap(), &tree, None).unwrap();
    file(&mut tree, "z", words(5_000, 8));
    let second = school.backup(&mut school.open(&blocking).unwrap(), &tree, None).unwrap();
    assert!(!noticed(&school, &blocking, &tree, second.snapshot), "a whole repository has no findings");
    assert_eq!(school.restore(&school.open(&blocking).unwrap(), first.snapshot).unwrap().1.failed, []);

    let mut kinds = std::collections::BTreeSet::new();
    for listed in blocking.list("").unwrap() {
        let name = listed.key.as_str().to_owned();
        kinds.insert(name.split('/').next().unwrap().to_owned());
        let key = Key::new(name.clone()).unwrap();
        let is_padded = name.starts_with("data/") || name.starts_with("meta/") || name.starts_with("idx/");
        let step = if is_padded { step_in_padding } else { step_in_padding.div_ceil(16) };
        for at in (offset % step..listed.size as usize).step_by(step) {
            let mask = 1 << (at % 8);
            store.flip(&key, at, mask);
            assert!(noticed(&school, &blocking, &tree, second.snapshot), "{name}: flipping byte {at} was not noticed");
            store.flip(&key, at, mask);
        }
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["data", "idx", "keys", "log", "meta", "repo.json"]);
}

#[test]
fn flipped_bytes_are_noticed_and_never_pass_for_right() {
    every_flip(97, 13);
}

/// The whole count; `cargo xtask soak flips` runs it.
#[test]
#[ignore = "every byte: minutes"]
fn every_flipped_byte_is_noticed_and_never_passes_for_right() {
    every_flip(1, 0);
}
