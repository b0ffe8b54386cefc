//! Repositories that earlier versions wrote: each is listed, checked, restored and gone on with, by dr and by the
//! stranger's reader. `fixtures/README.md` says how they were made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::{Run, noise, objects};
use crate::reader::{Both, beside, lines, python};

fn fixture(name: &str) -> PathBuf {
    beside("tests/format/fixtures").join(name)
}

/// What a tree holds, told by a program that shares no code with dr.
#[expect(clippy::disallowed_methods, reason = "a whole-program test starts the program")]
fn listed(tree: &Path) -> String {
    let mut command = Command::new(python());
    command.arg("-B").arg(fixture("tree.py")).arg("list").arg(tree);
    Run::of(command.output().unwrap()).ended(0).stdout
}

#[track_caller]
fn same(name: &str, by: &str, expected: &str, got: &str) {
    for (expected, got) in expected.lines().zip(got.lines()) {
        assert_eq!(expected, got, "{name}, restored by {by}");
    }
    assert_eq!(expected.lines().count(), got.lines().count(), "{name}, restored by {by}");
}

/// The snapshots of a fixture and what was in each: the files beside it, in the order of the list.
fn kept(name: &str) -> Vec<(String, String)> {
    let folder = fixture(name);
    let ids = fs::read_to_string(folder.join("snapshots")).unwrap();
    let trees = (1..=3).map(|n| folder.join(format!("generation-{n}"))).filter(|path| path.exists());
    let trees: Vec<String> = trees.map(|path| fs::read_to_string(path).unwrap()).collect();
    assert_eq!(ids.lines().count(), trees.len());
    ids.lines().map(str::to_owned).zip(trees).collect()
}

fn restored(both: &Both, name: &str, kept: &[(String, String)]) {
    for (at, (id, tree)) in kept.iter().enumerate() {
        let to = format!("{name}-{at}-by-dr");
        both.dr(&["repo", "restore", "repo", id, "--to", &to]).ended(0);
        same(name, "dr", tree, &listed(&both.path(&to)));
    }
}

fn today_goes_on_with(name: &str) {
    let kept = kept(name);
    let both = Both::with_copy_of(&fixture(name).join("repo"));
    let ids: Vec<String> = kept.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(both.ids(), ids);
    let check = both.dr(&["repo", "check", "--json", "--read-data", "repo"]).ended(0).document();
    assert_eq!((&check["verdict"], &check["findings"]), (&"ok".into(), &serde_json::json!([])));
    restored(&both, name, &kept);

    let snapshots = both.dr(&["repo", "snapshots", "--json", "repo"]).ended(0).document();
    assert_eq!(lines(&both.reader(&["snapshots"]).ended(0)), snapshots);
    assert_eq!(both.reader(&["check"]).ended(0).stdout, "");
    for (at, (id, tree)) in kept.iter().enumerate() {
        let to = format!("{at}-by-reader");
        both.reader(&["restore", id, &to]).ended(0);
        same(name, "the reader", tree, &listed(&both.path(&to)));
    }

    // What comes later stands on what is there: the newest tree again and a file more costs what the file costs.
    let newest = both.path(&format!("{name}-{}-by-dr", kept.len() - 1));
    fs::write(newest.join("added"), noise(7, 5_000)).unwrap();
    let all = listed(&newest);
    let args = ["repo", "backup", "--json", "../repo", "."];
    let summary = Run::of(both.bench.command(args).current_dir(&newest).output().unwrap()).ended(0).summary();
    assert!(summary["bytes_stored"].as_u64().unwrap() < 80 << 10, "{summary}");
    both.dr(&["repo", "forget", "repo", &ids[0]]).ended(0);
    both.dr(&["repo", "prune", "--now", "repo"]).ended(0);
    let mut left = kept[1..].to_vec();
    left.push((summary["snapshot"].as_str().unwrap().to_owned(), all));
    assert_eq!(both.ids().len(), left.len());
    both.dr(&["repo", "check", "--read-data", "repo"]).ended(0);
    restored(&both, &format!("{name}-pruned"), &left);
    assert_eq!(both.reader(&["check"]).ended(0).stdout, "");
}

#[test]
fn what_the_first_version_wrote_is_restored_gone_on_with_and_pruned() {
    today_goes_on_with("first-line");
}

#[test]
fn what_was_forgotten_and_pruned_later_is_restored_gone_on_with_and_pruned_again() {
    today_goes_on_with("sweeps-1");
}

/// Every object with its bytes.
fn bytes_of(both: &Both) -> Vec<(PathBuf, Vec<u8>)> {
    objects(&both.path("repo")).into_iter().map(|(path, _)| (path.clone(), fs::read(path).unwrap())).collect()
}

/// A repository to which a later program has added a log entry that nobody knows yet.
fn tomorrow(entry: &str, reason: &str) {
    let kept = kept("sweeps-1");
    let both = Both::with_copy_of(&fixture("sweeps-1/repo"));
    fs::copy(fixture("tomorrow").join(entry), both.path("repo/log/0000000000000010")).unwrap();
    let before = bytes_of(&both);
    let ids: Vec<String> = kept.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(both.ids(), ids);
    both.dr(&["repo", "ls", "repo", "latest"]).ended(0);
    both.dr(&["repo", "check", "--read-data", "repo"]).ended(0);
    restored(&both, "tomorrow", &kept);

    both.bench.tree("from", 5_000);
    both.dr(&["repo", "init", "other", "--family-of", "repo"]).ended(0);
    both.dr(&["repo", "backup", "other", "from"]).ended(0);
    let (id, writers): (_, [&[&str]; 7]) = (
        ids[0].as_str(),
        [
            &["repo", "backup", "repo", "from"],
            &["repo", "copy", "other", "repo"],
            &["repo", "forget", "repo", &ids[0]],
            &["repo", "forget", "repo", "--keep-last", "1"],
            &["repo", "prune", "repo"],
            &["repo", "prune", "repo", "--now"],
            &["repo", "accept-rollback", "repo", "--seen", "99"],
        ],
    );
    for args in writers {
        let run = both.dr(args);
        assert_eq!(run.code, Some(1), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(reason) && run.stderr.contains("a newer dr"), "{args:?}: {}", run.stderr);
        assert!(bytes_of(&both) == before, "{args:?} changed something");
    }
    // To a repository of its own it is copied as ever.
    both.dr(&["repo", "copy", "repo", "other", id]).ended(0);
    assert!(bytes_of(&both) == before);
}

#[test]
fn a_feature_that_is_not_known_yet_stops_writing_and_says_so_and_everything_is_read() {
    tomorrow("feature", "writing takes the feature `tomorrow-1`");
}

#[test]
fn an_entry_that_is_not_known_yet_stops_writing_and_says_so_and_everything_is_read() {
    tomorrow("entry", "it is of type 77, which this program does not know");
}
