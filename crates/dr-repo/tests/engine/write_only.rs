//! A host that may only write: it deduplicates, proves tonight's copy, and cannot read back.

use std::sync::Arc;

use dr_repo::RepoError;
use dr_store::memory::MemoryStore;

use crate::support::*;

#[test]
fn a_writing_key_adds_deduplicates_and_proves_and_reads_nothing_back() {
    let school = School::new();
    let blocking = school.blocking(Arc::new(MemoryStore::new()));
    school.create(&blocking);
    let tree = small_tree();
    let mut host = school.open_keyless(&blocking).unwrap();
    let first = school.backup_entries(&mut host, entries(&tree), Some("files"), true).unwrap();
    assert!(first.proved.unwrap() >= 3, "{first:?}");
    let mut host = school.open_keyless(&blocking).unwrap();
    let second = school.backup(&mut host, &tree, Some("files")).unwrap();
    assert!(second.objects <= 3 && second.bytes_read == 0, "{second:?}");
    let host = school.open_keyless(&blocking).unwrap();
    assert_eq!(host.snapshots().iter().filter(|snapshot| snapshot.label.is_some()).count(), 2);
    assert!(matches!(school.restore(&host, first.snapshot), Err(RepoError::CannotRead)));
    let family = school.open(&blocking).unwrap();
    assert_eq!(school.restore(&family, second.snapshot).unwrap().0, tree);
}

#[test]
fn another_schools_key_opens_nothing() {
    let (school, other) = (School::new(), School::new());
    let blocking = school.blocking(Arc::new(MemoryStore::new()));
    school.create(&blocking);
    assert!(matches!(other.open(&blocking), Err(RepoError::WrongKey(_))));
    assert!(matches!(other.open_keyless(&blocking), Err(RepoError::WrongKey(_))));
}
