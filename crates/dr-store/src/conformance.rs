//! What every store promises, as one suite: [`check`] panics at the first promise that is not kept.

#![allow(clippy::unwrap_used, reason = "a test suite that other crates' tests call")]

use std::sync::{Arc, Barrier};

use bytes::Bytes;

use crate::{BlockingStore, Key, ObjectBody, PutOutcome, Store, StoreError};

const WRITERS: usize = 16;
const ROUNDS: usize = 5;

/// Runs the suite; `fresh` makes an empty store each time it is called.
///
/// # Panics
/// If the store does not keep a promise.
pub fn check(fresh: &dyn Fn() -> Arc<dyn Store>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let store = || BlockingStore::new(fresh(), runtime.handle().clone());
    what_was_put_is_what_is_got(&store());
    a_name_is_used_once(&store());
    absent_objects_are_said_to_be_absent(&store());
    ranges_are_exact(&store());
    large_objects_stay_out_of_memory(&store());
    listings_are_sorted_and_end_at_components(&store());
    deleting_twice_is_deleting_once(&store());
    files_are_consumed_in_every_case(&store());
    one_of_many_writers_wins(&store());
    assert!(!store().place().is_empty());
}

fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

fn body(bytes: impl Into<Bytes>) -> ObjectBody {
    ObjectBody::Bytes(bytes.into())
}

/// A file with `bytes` in it, staged if the store has a place for that.
fn file(store: &BlockingStore, bytes: &[u8]) -> std::path::PathBuf {
    let name = format!("dr-conformance-{:016x}", getrandom::u64().unwrap());
    let path = store.staging().map_or_else(std::env::temp_dir, ToOwned::to_owned).join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn what_was_put_is_what_is_got(store: &BlockingStore) {
    let large: Vec<u8> = (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    for (name, bytes) in [("repo.json", b"{}".to_vec()), ("log/0", vec![]), ("data/0a/1b/2c", large)] {
        let (in_memory, as_file) = (key(name), key(&format!("{name}-file")));
        assert_eq!(store.put_new(&in_memory, body(bytes.clone())).unwrap(), PutOutcome::Created);
        assert_eq!(store.put_new(&as_file, ObjectBody::File(file(store, &bytes))).unwrap(), PutOutcome::Created);
        for key in [in_memory, as_file] {
            assert!(store.get(&key, u64::MAX).unwrap() == bytes, "{key} changed");
            assert_eq!(store.size(&key).unwrap(), bytes.len() as u64);
        }
    }
}

fn a_name_is_used_once(store: &BlockingStore) {
    let key = key("log/1");
    assert_eq!(store.put_new(&key, body("first")).unwrap(), PutOutcome::Created);
    assert_eq!(store.put_new(&key, body("second")).unwrap(), PutOutcome::Exists);
    assert_eq!(store.put_new(&key, body("first")).unwrap(), PutOutcome::Exists);
    assert_eq!(store.put_new(&key, ObjectBody::File(file(store, b"third"))).unwrap(), PutOutcome::Exists);
    assert_eq!(store.get(&key, 5).unwrap(), "first");
}

fn absent_objects_are_said_to_be_absent(store: &BlockingStore) {
    store.put_new(&key("data/0"), body("x")).unwrap();
    // A directory, a sibling, something below an object, a missing directory.
    for name in ["data", "data/1", "data/0/0", "idx/0/0"] {
        let key = key(name);
        assert!(matches!(store.get(&key, 9), Err(StoreError::NotFound { .. })), "get {name}");
        assert!(matches!(store.get_range(&key, 0, 0), Err(StoreError::NotFound { .. })), "range {name}");
        assert!(matches!(store.size(&key), Err(StoreError::NotFound { .. })), "size {name}");
    }
}

fn ranges_are_exact(store: &BlockingStore) {
    let key = key("data/0");
    store.put_new(&key, body("0123456789")).unwrap();
    for (offset, len, expected) in [(0, 10, "0123456789"), (3, 4, "3456"), (9, 1, "9"), (4, 0, ""), (10, 0, "")] {
        assert_eq!(store.get_range(&key, offset, len).unwrap(), expected, "{len} from {offset}");
    }
    for (offset, len) in [(0, 11), (10, 1), (11, 0), (u64::MAX, 1), (1, u64::MAX), (0, 1 << 62)] {
        let got = store.get_range(&key, offset, len);
        assert!(matches!(got, Err(StoreError::Short { .. })), "{len} from {offset}: {got:?}");
    }
}

fn large_objects_stay_out_of_memory(store: &BlockingStore) {
    let key = key("data/0");
    store.put_new(&key, body("0123456789")).unwrap();
    assert_eq!(store.get(&key, 10).unwrap(), "0123456789");
    assert!(matches!(store.get(&key, 9), Err(StoreError::TooLarge { size: 10, limit: 9, .. })));
}

fn listings_are_sorted_and_end_at_components(store: &BlockingStore) {
    assert_eq!(store.list("").unwrap(), []);
    let mut names = ["repo.json", "log/2", "log/10", "log-old/1", "log.old", "data/a/b/c/d/e/f/g", "data/a.b"];
    for name in names {
        store.put_new(&key(name), body(name)).unwrap();
    }
    names.sort_unstable();
    let under = |prefix: &str| -> Vec<String> {
        let listed = store.list(prefix).unwrap();
        assert!(listed.iter().all(|l| l.size == l.key.as_str().len() as u64), "a size is wrong");
        listed.iter().map(|l| l.key.to_string()).collect()
    };
    assert_eq!(under(""), names);
    assert_eq!(under("log"), ["log/10", "log/2"]);
    assert_eq!(under("log/"), ["log/10", "log/2"]);
    assert_eq!(under("data"), ["data/a.b", "data/a/b/c/d/e/f/g"]);
    assert_eq!(under("data/a/b/c/"), ["data/a/b/c/d/e/f/g"]);
    assert_eq!(under("repo.json"), ["repo.json"]);
    for nothing in ["lo", "idx", "log/3", "..", ".tmp", "repo.json/x"] {
        assert_eq!(under(nothing), [""; 0], "{nothing}");
    }
}

#[expect(clippy::disallowed_methods, reason = "it is what is tried")]
fn deleting_twice_is_deleting_once(store: &BlockingStore) {
    let (gone, kept) = (key("data/0"), key("data/1"));
    for key in [&gone, &kept] {
        store.put_new(key, body("x")).unwrap();
    }
    assert_eq!(store.get_range(&gone, 0, 1).unwrap(), "x");
    for _ in 0..2 {
        store.delete(&gone).unwrap();
        assert!(matches!(store.get(&gone, 9), Err(StoreError::NotFound { .. })));
        assert!(matches!(store.get_range(&gone, 0, 1), Err(StoreError::NotFound { .. })));
    }
    store.delete(&key("never/was")).unwrap();
    store.delete(&key("data")).unwrap();
    assert_eq!(store.get(&kept, 9).unwrap(), "x");
}

fn files_are_consumed_in_every_case(store: &BlockingStore) {
    let key = key("data/0");
    for expected in [PutOutcome::Created, PutOutcome::Exists] {
        let path = file(store, b"x");
        assert_eq!(store.put_new(&key, ObjectBody::File(path.clone())).unwrap(), expected);
        assert!(!path.exists(), "{expected:?} left its file");
    }
}

fn one_of_many_writers_wins(store: &BlockingStore) {
    for round in 0..ROUNDS {
        let key = key(&format!("log/{round}/entry"));
        let start = Barrier::new(WRITERS);
        let puts: Vec<PutOutcome> = std::thread::scope(|scope| {
            let writer = |number: usize| {
                let (key, start) = (&key, &start);
                move || {
                    let bytes = vec![u8::try_from(number).unwrap(); 5000];
                    start.wait();
                    store.put_new(key, body(bytes)).unwrap()
                }
            };
            let writers: Vec<_> = (0..WRITERS).map(|number| scope.spawn(writer(number))).collect();
            writers.into_iter().map(|w| w.join().unwrap()).collect()
        });
        let winners: Vec<usize> = (0..WRITERS).filter(|&n| puts[n] == PutOutcome::Created).collect();
        assert_eq!(winners.len(), 1, "round {round} was won by {winners:?}");
        let stored = store.get(&key, 5000).unwrap();
        assert_eq!(stored, vec![u8::try_from(winners[0]).unwrap(); 5000], "a loser's bytes were stored");
    }
}
