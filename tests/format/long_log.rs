//! A log whose beginning a prune has removed, as both read it.

use std::fs;
use std::sync::Arc;

use dr_repo::{HostId, Repository, Unlock, keyfile};
use dr_store::BlockingStore;
use dr_store::local::LocalStore;

use crate::reader::{Both, Key, lines};

/// Notes in the log, and checkpoints where it is time for one, until it has `n` entries.
fn grow(both: &Both, n: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let store = LocalStore::open(both.path("repo")).unwrap();
    let blocking = BlockingStore::new(Arc::new(store), runtime.handle().clone());
    let key = keyfile::from_text(&fs::read_to_string(both.path("key")).unwrap()).unwrap();
    let mut repository = Repository::open(blocking, Unlock::Key(key), HostId([1; 4])).unwrap();
    while repository.head().0 < n {
        repository.note("a word", 1_800_000_000_000).unwrap();
        repository.checkpoint(1_800_000_000_000).unwrap();
    }
}

fn names(both: &Both, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(both.path("repo").join(folder)).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_log_without_its_beginning_is_the_same_for_both() {
    let both = Both::with_two_generations(Key::File);
    let before = both.dr(&["repo", "snapshots", "--json", "repo"]).ended(0).document();
    grow(&both, 900);
    both.backup();
    let first = before[0]["id"].as_str().unwrap().to_owned();
    both.dr(&["repo", "forget", "repo", &first]).ended(0);
    both.dr(&["repo", "prune", "repo", "--now"]).ended(0);
    let (entries, checkpoints) = (names(&both, "log"), names(&both, "ckpt"));
    assert!(entries.len() < 750 && entries[1] > format!("{:016x}", 200), "{} entries", entries.len());
    assert_eq!(checkpoints.len(), 3);

    let same = || {
        let listed = both.dr(&["repo", "snapshots", "--json", "repo"]).ended(0).document();
        assert_eq!(lines(&both.reader(&["snapshots"]).ended(0)), listed);
        assert_eq!(listed.as_array().unwrap().len(), 2);
    };
    same();
    both.dr(&["repo", "check", "--read-data", "repo"]).ended(0);
    both.reader(&["check"]).ended(0);
    both.reader(&["restore", "latest", "by-reader"]).ended(0);
    assert_eq!(fs::read(both.path("by-reader/below/new")).unwrap(), fs::read(both.path("from/below/new")).unwrap());

    // The newest checkpoint rots: both name it, and read the same from an older one.
    let spoil = |name: &str| {
        let path = both.path("repo/ckpt").join(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[30] ^= 1;
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
    };
    let named = |name: &str| {
        let dr = both.dr(&["repo", "check", "--json", "repo"]).ended(3).document()["findings"].clone();
        for findings in [dr, lines(&both.reader(&["check"]).ended(3))] {
            let is_named = |finding: &serde_json::Value| finding["object"].as_str().unwrap().starts_with(name);
            assert!(findings.as_array().unwrap().iter().any(is_named), "{name} is not named in {findings}");
        }
    };
    spoil(&checkpoints[2]);
    let listed = both.dr(&["repo", "snapshots", "--json", "repo"]).document();
    assert_eq!(lines(&both.reader(&["snapshots"])), listed);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    named(&format!("ckpt/{}", checkpoints[2]));
    // All of them rot: what is left is never taken for the whole.
    spoil(&checkpoints[0]);
    spoil(&checkpoints[1]);
    named("log/");
    both.dr(&["repo", "snapshots", "repo"]).ended(3);
    both.reader(&["restore", "latest", "again"]).ended(3);
    let entries = names(&both, "log");
    let refused = both.dr(&["repo", "backup", "repo", "from"]);
    assert!(refused.code != Some(0) && names(&both, "log") == entries, "{}", refused.stderr);
}
