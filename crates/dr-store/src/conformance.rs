//! What every store promises, as one suite: [`check`] panics at the first promise that is not kept.

#![allow(clippy::unwrap_used, reason = "a test suite that other crates' tests call")]

use std::sync::{Arc, Barrier};

use bytes::Bytes;

use crate::{Body, Key, Put, Shelf, Store, StoreError};

const WRITERS: usize = 16;
const ROUNDS: usize = 5;

/// Runs the suite; `fresh` makes an empty store each time it is called.
///
/// # Panics
/// If the store does not keep a promise.
pub fn check(fresh: &dyn Fn() -> Arc<dyn Store>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let shelf = || Shelf::new(fresh(), runtime.handle().clone());
    what_was_put_is_what_is_got(&shelf());
    a_name_is_used_once(&shelf());
    absent_objects_are_said_to_be_absent(&shelf());
    ranges_are_exact(&shelf());
    large_objects_stay_out_of_memory(&shelf());
    listings_are_sorted_and_end_at_components(&shelf());
    deleting_twice_is_deleting_once(&shelf());
    files_are_consumed_in_every_case(&shelf());
    one_of_many_writers_wins(&shelf());
    assert!(!shelf().place().is_empty());
}

fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

fn body(bytes: impl Into<Bytes>) -> Body {
    Body::Bytes(bytes.into())
}

/// A file with `bytes` in it, staged if the store has a place for that.
fn file(shelf: &Shelf, bytes: &[u8]) -> std::path::PathBuf {
    let name = format!("dr-conformance-{:016x}", getrandom::u64().unwrap());
    let path = shelf.staging().map_or_else(std::env::temp_dir, ToOwned::to_owned).join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn what_was_put_is_what_is_got(shelf: &Shelf) {
    let large: Vec<u8> = (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    for (name, bytes) in [("repo.json", b"{}".to_vec()), ("log/0", vec![]), ("data/0a/1b/2c", large)] {
        let (in_memory, as_file) = (key(name), key(&format!("{name}-file")));
        assert_eq!(shelf.put_new(&in_memory, body(bytes.clone())).unwrap(), Put::Created);
        assert_eq!(shelf.put_new(&as_file, Body::File(file(shelf, &bytes))).unwrap(), Put::Created);
        for key in [in_memory, as_file] {
            assert!(shelf.get(&key, u64::MAX).unwrap() == bytes, "{key} changed");
            assert_eq!(shelf.size(&key).unwrap(), bytes.len() as u64);
        }
    }
}

fn a_name_is_used_once(shelf: &Shelf) {
    let key = key("log/1");
    assert_eq!(shelf.put_new(&key, body("first")).unwrap(), Put::Created);
    assert_eq!(shelf.put_new(&key, body("second")).unwrap(), Put::Exists);
    assert_eq!(shelf.put_new(&key, body("first")).unwrap(), Put::Exists);
    assert_eq!(shelf.put_new(&key, Body::File(file(shelf, b"third"))).unwrap(), Put::Exists);
    assert_eq!(shelf.get(&key, 5).unwrap(), "first");
}

fn absent_objects_are_said_to_be_absent(shelf: &Shelf) {
    shelf.put_new(&key("data/0"), body("x")).unwrap();
    // A directory, a sibling, something below an object, a missing directory.
    for name in ["data", "data/1", "data/0/0", "idx/0/0"] {
        let key = key(name);
        assert!(matches!(shelf.get(&key, 9), Err(StoreError::NotFound { .. })), "get {name}");
        assert!(matches!(shelf.get_range(&key, 0, 0), Err(StoreError::NotFound { .. })), "range {name}");
        assert!(matches!(shelf.size(&key), Err(StoreError::NotFound { .. })), "size {name}");
    }
}

fn ranges_are_exact(shelf: &Shelf) {
    let key = key("data/0");
    shelf.put_new(&key, body("0123456789")).unwrap();
    for (offset, len, expected) in [(0, 10, "0123456789"), (3, 4, "3456"), (9, 1, "9"), (4, 0, ""), (10, 0, "")] {
        assert_eq!(shelf.get_range(&key, offset, len).unwrap(), expected, "{len} from {offset}");
    }
    for (offset, len) in [(0, 11), (10, 1), (11, 0), (u64::MAX, 1), (1, u64::MAX), (0, 1 << 62)] {
        let got = shelf.get_range(&key, offset, len);
        assert!(matches!(got, Err(StoreError::Short { .. })), "{len} from {offset}: {got:?}");
    }
}

fn large_objects_stay_out_of_memory(shelf: &Shelf) {
    let key = key("data/0");
    shelf.put_new(&key, body("0123456789")).unwrap();
    assert_eq!(shelf.get(&key, 10).unwrap(), "0123456789");
    assert!(matches!(shelf.get(&key, 9), Err(StoreError::TooLarge { size: 10, limit: 9, .. })));
}

fn listings_are_sorted_and_end_at_components(shelf: &Shelf) {
    assert_eq!(shelf.list("").unwrap(), []);
    let mut names = ["repo.json", "log/2", "log/10", "log-old/1", "log.old", "data/a/b/c/d/e/f/g", "data/a.b"];
    for name in names {
        shelf.put_new(&key(name), body(name)).unwrap();
    }
    names.sort_unstable();
    let under = |prefix: &str| -> Vec<String> {
        let listed = shelf.list(prefix).unwrap();
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
fn deleting_twice_is_deleting_once(shelf: &Shelf) {
    let (gone, kept) = (key("data/0"), key("data/1"));
    for key in [&gone, &kept] {
        shelf.put_new(key, body("x")).unwrap();
    }
    assert_eq!(shelf.get_range(&gone, 0, 1).unwrap(), "x");
    for _ in 0..2 {
        shelf.delete(&gone).unwrap();
        assert!(matches!(shelf.get(&gone, 9), Err(StoreError::NotFound { .. })));
        assert!(matches!(shelf.get_range(&gone, 0, 1), Err(StoreError::NotFound { .. })));
    }
    shelf.delete(&key("never/was")).unwrap();
    shelf.delete(&key("data")).unwrap();
    assert_eq!(shelf.get(&kept, 9).unwrap(), "x");
}

fn files_are_consumed_in_every_case(shelf: &Shelf) {
    let key = key("data/0");
    for expected in [Put::Created, Put::Exists] {
        let path = file(shelf, b"x");
        assert_eq!(shelf.put_new(&key, Body::File(path.clone())).unwrap(), expected);
        assert!(!path.exists(), "{expected:?} left its file");
    }
}

fn one_of_many_writers_wins(shelf: &Shelf) {
    for round in 0..ROUNDS {
        let key = key(&format!("log/{round}/entry"));
        let start = Barrier::new(WRITERS);
        let puts: Vec<Put> = std::thread::scope(|scope| {
            let writer = |number: usize| {
                let (key, start) = (&key, &start);
                move || {
                    let bytes = vec![u8::try_from(number).unwrap(); 5000];
                    start.wait();
                    shelf.put_new(key, body(bytes)).unwrap()
                }
            };
            let writers: Vec<_> = (0..WRITERS).map(|number| scope.spawn(writer(number))).collect();
            writers.into_iter().map(|w| w.join().unwrap()).collect()
        });
        let winners: Vec<usize> = (0..WRITERS).filter(|&n| puts[n] == Put::Created).collect();
        assert_eq!(winners.len(), 1, "round {round} was won by {winners:?}");
        let stored = shelf.get(&key, 5000).unwrap();
        assert_eq!(stored, vec![u8::try_from(winners[0]).unwrap(); 5000], "a loser's bytes were stored");
    }
}
