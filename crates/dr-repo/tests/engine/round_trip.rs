//! What was captured is what is put back, and little is stored for it.

use std::sync::Arc;

use dr_store::memory::MemoryStore;

use crate::support::*;

#[test]
fn a_tree_comes_back_exactly_and_an_unchanged_backup_adds_three_small_objects() {
    let school = School::new();
    let blocking = school.blocking(Arc::new(MemoryStore::new()));
    school.create(&blocking);
    let tree = small_tree();
    let mut repository = school.open(&blocking).unwrap();
    let first = school.backup(&mut repository, &tree, Some("files")).unwrap();
    assert_eq!((first.entries, first.files, first.unreadable.len()), (11, 5, 0));
    let mut repository = school.open(&blocking).unwrap();
    let (back, restored) = school.restore(&repository, first.snapshot).unwrap();
    assert_eq!(restored.failed, []);
    assert_eq!(back, tree);

    let second = school.backup(&mut repository, &tree, Some("files")).unwrap();
    assert_eq!(second.bytes_read, 0, "unchanged files are not read");
    assert!(second.objects <= 3 && second.bytes_stored <= 64 << 10, "{second:?}");
    let third = school.backup(&mut school.open(&blocking).unwrap(), &tree, None).unwrap();
    assert!(third.bytes_read > 0 && third.objects <= 3, "a lost cache costs a re-read and nothing else: {third:?}");
    let repository = school.open(&blocking).unwrap();
    assert_eq!(repository.snapshots().len(), 3);
    assert_eq!(repository.find("latest").unwrap().id, third.snapshot);
    for snapshot in repository.snapshots() {
        assert_eq!(school.restore(&repository, snapshot.id).unwrap().0, tree);
    }
}

#[test]
fn large_sparse_and_many_files_come_back() {
    let school = School::new();
    let blocking = school.blocking(Arc::new(MemoryStore::new()));
    school.create(&blocking);
    let mut tree = Tree::new();
    other(&mut tree, "", dr_entry::Kind::Directory);
    for n in 0..3_000 {
        file(&mut tree, &format!("file-{n:05}"), words(n % 700, n as u64));
    }
    file(&mut tree, "large", noise(70 << 20, 9));
    let mut sparse = vec![0; 3 << 20];
    sparse.extend(words(500_000, 3));
    sparse.extend(vec![0; 1 << 20]);
    file(&mut tree, "sparse", sparse);
    file(&mut tree, "zeros", vec![0; 5 << 20]);
    let mut repository = school.open(&blocking).unwrap();
    let first = school.backup(&mut repository, &tree, None).unwrap();
    let repository = school.open(&blocking).unwrap();
    let (back, restored) = school.restore(&repository, first.snapshot).unwrap();
    assert_eq!(restored.failed, []);
    assert!(back == tree);

    // An edit in the middle of a large file costs about what was edited.
    let large = tree.get_mut(&path("large")).unwrap();
    large.bytes.splice(30 << 20..30 << 20, words(100, 77));
    large.meta.size += 100;
    let second = school.backup(&mut school.open(&blocking).unwrap(), &tree, None).unwrap();
    assert!(second.bytes_stored < 400 << 10, "{second:?}");
    assert!(school.restore(&school.open(&blocking).unwrap(), second.snapshot).unwrap().0 == tree);
}

#[test]
fn a_file_with_several_names_is_read_once() {
    let school = School::new();
    let blocking = school.blocking(Arc::new(MemoryStore::new()));
    school.create(&blocking);
    let mut tree = Tree::new();
    // Few enough files between the names that one worker has both: two at once may both come first.
    for name in ["a", "z"] {
        file(&mut tree, name, noise(500_000, 1));
        tree.get_mut(&path(name)).unwrap().meta.link = Some(7);
    }
    for n in 0..200 {
        file(&mut tree, &format!("m{n:05}"), vec![]);
    }
    let summary = school.backup(&mut school.open(&blocking).unwrap(), &tree, None).unwrap();
    assert_eq!((summary.bytes_read, summary.bytes), (500_000, 1_000_000));
    let (back, restored) = school.restore(&school.open(&blocking).unwrap(), summary.snapshot).unwrap();
    assert_eq!(restored.failed, []);
    assert!(back == tree);
}

#[test]
fn an_empty_source_is_a_snapshot_of_nothing() {
    let school = School::new();
    let blocking = school.blocking(Arc::new(MemoryStore::new()));
    school.create(&blocking);
    let summary = school.backup(&mut school.open(&blocking).unwrap(), &Tree::new(), None).unwrap();
    let (back, restored) = school.restore(&school.open(&blocking).unwrap(), summary.snapshot).unwrap();
    assert_eq!((back.len(), restored.entries), (0, 0));
}
