//! How long does it take to list 26,000 packs with their sizes, as each run does on each copy before it relies on them?
//!
//! `cargo run --release -p dr-repo --example listing [FOLDER]`: makes that many small files as packs would lie below a folder
//! of its own in FOLDER (or among temporary files), lists them three times and prints each time.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "an example that measures")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use dr_store::BlockingStore;
use dr_store::local::LocalStore;

/// A year of nightly runs of seventy systems, one pack each; and one first backup of 900 GiB.
const SESSIONS: u32 = 900;
const PACKS: u32 = 26_000;

fn main() {
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder).unwrap();
    for n in 0..PACKS {
        let (session, no) = if n < SESSIONS { (n, 0) } else { (SESSIONS, n - SESSIONS) };
        let kind = if n % 2 == 0 || session == SESSIONS { "data" } else { "meta" };
        let below = folder.path().join(format!("{kind}/aabbccdd/{session:032x}/{:03x}", no >> 12));
        fs::create_dir_all(&below).unwrap();
        fs::write(below.join(format!("{:03x}", no & 0xfff)), b"pack").unwrap();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let store = LocalStore::open(folder.path().to_owned()).unwrap();
    let blocking = BlockingStore::new(Arc::new(store), runtime.handle().clone());
    for _ in 0..3 {
        let since = busy();
        let listed = blocking.list("data").unwrap().len() + blocking.list("meta").unwrap().len();
        println!("{listed} packs listed with their sizes in {:.3} s of CPU", busy() - since);
    }
}

/// Seconds that this thread has had a processor, which says the same on a machine that has other things to do.
fn busy() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}
