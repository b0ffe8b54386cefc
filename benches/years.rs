//! Makes a repository of many daily snapshots on which a prune can be planned, and measured from outside.
//!
//! `cargo run --release -p dr-repo --features bench --bin years -- 100000000 1000 FOLDER`: chunks, snapshots, where. It
//! changes one file in a hundred each day, a hundred neighbours at a time, four chunks each. Then, for instance in a
//! control group: `DR_KEY_FILE=FOLDER/key DR_CACHE=FOLDER/cache dr repo prune --dry-run FOLDER/repo`. Of a hundred million chunks
//! the pages take 4 GiB, the tables of the index 5, and 12 while they are made.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "whoever makes it by hand is told here, also what goes wrong"
)]

use std::path::Path;
use std::sync::Arc;

use dr_repo::Key;
use dr_repo::bench::synthetic::{Years, make_years};
use dr_store::BlockingStore;
use dr_store::local::LocalStore;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let number = |at: usize, usual: u64| words.get(at).map_or(usual, |word| word.parse().unwrap());
    let (chunks, snapshots) = (number(0, 1_000_000), number(1, 100));
    let temporary = tempfile::tempdir().unwrap();
    let folder = words.get(2).map_or(temporary.path(), Path::new);
    // Where the pages are to lie, if not there.
    let repo = words.get(3).map_or_else(|| folder.join("repo"), Into::into);
    std::fs::create_dir_all(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let store = BlockingStore::new(Arc::new(LocalStore::create(repo).unwrap()), runtime.handle().clone());
    let years = Years { chunks, snapshots, churn: 10, run: 100, each: 4 };
    let staging = store.staging().unwrap().to_owned();
    let tables = |id| folder.join("cache").join(format!("{id}")).join("index");
    let progress = |day: u64, made: &_| {
        if day.is_multiple_of(100) {
            println!("day {day}: {made:?}");
        }
    };
    let (family, made) = make_years(&store, years, &staging, &tables, &progress).unwrap();
    let text = dr_repo::keyfile::to_text(&Key::Family(family));
    std::fs::write(folder.join("key"), text.as_bytes()).unwrap();
    std::fs::set_permissions(folder.join("key"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    println!("{years:?}: {made:?}");
}
