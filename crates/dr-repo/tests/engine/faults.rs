//! The k-th operation on the store fails, for every k.

use std::io::ErrorKind;
use std::sync::Arc;

use dr_store::memory::MemoryStore;
use dr_store::wrap::faulty::{Fault, Faulty};

use crate::support::*;

#[test]
fn whichever_operation_fails_a_backup_can_be_run_again_and_loses_nothing() {
    for fault in [Fault::Before(ErrorKind::TimedOut), Fault::After(ErrorKind::TimedOut), Fault::Full] {
        for k in 1.. {
            let school = School::new();
            let store = Arc::new(MemoryStore::new());
            let good = school.blocking(store.clone());
            school.create(&good);
            let tree = small_tree();
            let first = school.backup(&mut school.open(&good).unwrap(), &tree, None).unwrap();
            let mut changed = tree.clone();
            file(&mut changed, "new", noise(100_000, k));

            let faulty = Arc::new(Faulty::new(store.clone()));
            faulty.fail_once(k, fault);
            let blocking = school.blocking(faulty.clone());
            let outcome =
                school.open(&blocking).and_then(|mut repository| school.backup(&mut repository, &changed, None));
            let spent = faulty.is_spent();

            let repository = school.open(&good).unwrap();
            repository.ready().unwrap();
            assert_eq!(repository.faults(), []);
            assert!(school.restore(&repository, first.snapshot).unwrap().0 == tree);
            if let Ok(summary) = &outcome {
                assert!(school.restore(&repository, summary.snapshot).unwrap().0 == changed, "operation {k}");
            }
            let again = school.backup(&mut school.open(&good).unwrap(), &changed, None).unwrap();
            assert!(school.restore(&school.open(&good).unwrap(), again.snapshot).unwrap().0 == changed);
            if !spent {
                assert!(outcome.is_ok() && k > 5);
                break;
            }
        }
    }
}

#[test]
fn whichever_operation_fails_a_forget_can_be_run_again_and_forgets_nothing_else() {
    for fault in [Fault::Before(ErrorKind::TimedOut), Fault::After(ErrorKind::TimedOut), Fault::Full] {
        let school = School::new();
        let tree = small_tree();
        for k in 1.. {
            let store = Arc::new(MemoryStore::new());
            let good = school.blocking(store.clone());
            school.create(&good);
            let ids: Vec<_> = (0..3)
                .map(|_| school.backup(&mut school.open(&good).unwrap(), &tree, None).unwrap().snapshot)
                .collect();
            let faulty = Arc::new(Faulty::new(store));
            faulty.fail_once(k, fault);
            let blocking = school.blocking(faulty.clone());
            let outcome = school.open(&blocking).and_then(|mut repository| {
                forget(&mut repository, &ids[..1], 5)?;
                repository.unforget(&ids[..1], 6)?;
                forget(&mut repository, &ids[..2], 7)
            });
            let repository = school.open(&good).unwrap();
            assert_eq!(repository.faults(), []);
            let listed: Vec<_> = repository.snapshots().iter().map(|one| one.id).collect();
            assert!(listed == ids || listed == ids[1..] || listed == ids[2..], "operation {k}: {listed:?}");
            assert!(outcome.is_err() || listed == ids[2..]);
            for id in &ids {
                assert!(school.restore(&repository, *id).unwrap().0 == tree, "operation {k}");
            }
            forget(&mut school.open(&good).unwrap(), &ids[..2], 8).unwrap();
            assert_eq!(school.open(&good).unwrap().snapshots().len(), 1);
            school.open(&good).unwrap().unforget(&ids[..2], 9).unwrap();
            assert_eq!(school.open(&good).unwrap().snapshots().len(), 3, "nothing of them was lost");
            if !faulty.is_spent() {
                assert!(outcome.is_ok() && k > 5);
                break;
            }
        }
    }
}
