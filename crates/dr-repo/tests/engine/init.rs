//! Making a repository is cut off at any request, and made again: it opens, takes a backup and gives it back.

use std::io::ErrorKind;
use std::sync::Arc;

use dr_repo::{FamilyKey, RepoError, Repository, Unlock, create, create_with_writer};
use dr_store::BlockingStore;
use dr_store::memory::MemoryStore;
use dr_store::wrap::faulty::{Fault, Faulty};

use crate::support::*;

const CREATED: &str = "2026-01-01T00:00:00Z";

fn unlock(password: &str) -> Unlock {
    Unlock::Password(password.to_owned().into())
}

#[track_caller]
fn works(school: &School, mut repository: Repository) {
    assert_eq!(repository.faults(), []);
    let summary = school.backup(&mut repository, &small_tree(), None).unwrap();
    repository.refresh().unwrap();
    assert!(school.restore(&repository, summary.snapshot).unwrap().0 == small_tree());
    assert_eq!(school.findings(&repository), []);
    assert_eq!(
        dr_repo::check(
            &repository,
            &dr_repo::CheckOptions {
                read_data: dr_repo::ReadData::None,
                now_ms: 0,
                enough: None,
                stop: &std::sync::atomic::AtomicBool::new(false),
                tally: &dr_repo::Tally::default(),
            },
        )
        .unwrap()
        .without_parity,
        0
    );
}

/// Cuts `make` off at each of these requests in turn, up to its end, then calls it again, and lets `open` open what it made.
fn cut_at(
    requests: &mut dyn Iterator<Item = u64>,
    fault: Fault,
    lasting: bool,
    make: &dyn Fn(&School, &BlockingStore) -> Result<(), RepoError>,
    open: &dyn Fn(&School, &BlockingStore) -> Repository,
) {
    let school = School::new();
    for k in requests {
        let store = Arc::new(MemoryStore::that_may_rot());
        let faulty = Arc::new(Faulty::new(store.clone()));
        if lasting {
            faulty.fail_from(k, fault)
        } else {
            faulty.fail_once(k, fault)
        }
        let first = make(&school, &school.blocking(faulty.clone()));
        let came_to_its_end = faulty.count() < k;
        let good = school.blocking(store);
        match make(&school, &good) {
            Ok(()) => assert!(first.is_err(), "request {k}: made twice"),
            // It was made, or all of it was there when its answer was lost.
            Err(RepoError::AlreadyThere(_)) => {}
            Err(other) => panic!("request {k}: {other}"),
        }
        works(&school, open(&school, &good));
        if came_to_its_end {
            assert!(first.is_ok() && k > 3);
            return;
        }
    }
}

#[test]
fn an_init_with_a_key_file_that_is_cut_off_anywhere_is_ended_by_the_next() {
    let make = |school: &School, blocking: &BlockingStore| create(blocking, &school.family, None, CREATED, 0).map(drop);
    let write =
        |school: &School, blocking: &BlockingStore| create_with_writer(blocking, &school.writer, CREATED).map(drop);
    let open = |school: &School, blocking: &BlockingStore| school.open(blocking).unwrap();
    for fault in [Fault::Before(ErrorKind::TimedOut), Fault::After(ErrorKind::TimedOut), Fault::Full] {
        for lasting in [true, false] {
            cut_at(&mut (1..), fault, lasting, &make, &open);
            cut_at(&mut (1..), fault, lasting, &write, &open);
        }
    }
}

#[test]
fn an_init_with_a_password_that_is_cut_off_anywhere_is_cleared_by_the_next() {
    // Each makes a family of its own, as somebody does who tries again.
    let make = |_: &School, blocking: &BlockingStore| {
        create(blocking, &FamilyKey::generate(), Some("one"), CREATED, 0).map(drop)
    };
    let open = |_: &School, blocking: &BlockingStore| Repository::open(blocking.clone(), unlock("one"), HOST).unwrap();
    // A password takes its time: the slot, its copy, `repo.json`, its copy, the entry, and reading back.
    let all = [2, 3, 4, 5, 9, 11];
    cut_at(&mut all.into_iter(), Fault::Before(ErrorKind::TimedOut), true, &make, &open);
    cut_at(&mut [4, 9].into_iter(), Fault::After(ErrorKind::TimedOut), false, &make, &open);
}

#[test]
fn the_second_init_may_have_another_password() {
    let school = School::new();
    for k in [4, 5] {
        let store = Arc::new(MemoryStore::that_may_rot());
        let faulty = Arc::new(Faulty::new(store.clone()));
        faulty.fail_from(k, Fault::Full);
        create(&school.blocking(faulty), &FamilyKey::generate(), Some("one"), CREATED, 0).unwrap_err();
        let blocking = school.blocking(store);
        create(&blocking, &FamilyKey::generate(), Some("two"), CREATED, 0).unwrap();
        assert!(matches!(Repository::open(blocking.clone(), unlock("one"), HOST), Err(RepoError::WrongKey(_))));
        works(&school, Repository::open(blocking, unlock("two"), HOST).unwrap());
    }
}

#[test]
fn a_key_slot_that_opens_and_does_not_fit_is_passed_over() {
    // An older program left its slot behind and made another: of the two either may come first.
    let school = School::new();
    for _ in 0..2 {
        let (one, other) = (Arc::new(MemoryStore::that_may_rot()), Arc::new(MemoryStore::that_may_rot()));
        let blocking = school.blocking(one.clone());
        create(&blocking, &school.family, Some("the same"), CREATED, 0).unwrap();
        create(&school.blocking(other.clone()), &FamilyKey::generate(), Some("the same"), CREATED, 0).unwrap();
        let mut both = one.snapshot();
        let stray = other.snapshot().into_iter().filter(|(name, _)| name.as_str().starts_with("keys/"));
        both.extend(stray);
        one.restore(both);
        let opened = Repository::open(blocking, unlock("the same"), HOST).unwrap();
        assert_eq!(opened.key().family(), school.family.family);
    }
}

#[test]
fn nothing_that_was_ever_used_is_cleared_away() {
    let school = School::new();
    let store = Arc::new(MemoryStore::that_may_rot());
    let blocking = school.blocking(store.clone());
    create(&blocking, &school.family, Some("one"), CREATED, 0).unwrap();
    let there = store.snapshot();
    for family in [&school.family, &FamilyKey::generate()] {
        for password in [Some("one"), Some("two"), None] {
            assert!(matches!(create(&blocking, family, password, CREATED, 0), Err(RepoError::AlreadyThere(_))));
            assert!(store.snapshot() == there);
        }
    }
    // Another family's that has no slot is no left-over of ours.
    let store = Arc::new(MemoryStore::that_may_rot());
    let blocking = school.blocking(store.clone());
    school.create(&blocking);
    let there = store.snapshot();
    for password in [Some("two"), None] {
        let made = create(&blocking, &FamilyKey::generate(), password, CREATED, 0);
        assert!(matches!(made, Err(RepoError::AlreadyThere(_))));
        assert!(store.snapshot() == there);
    }
}
