//! A folder where one process of one host alone may write: it is said, the second is refused, and nobody unlocks anything.

use std::io::Write as _;
use std::process::Stdio;

use crate::bench::{Bench, Run, noise};

const SAID: &str = "single-writer mode";

impl Run {
    #[track_caller]
    fn mentions(self) {
        assert!(self.stdout.contains(SAID), "`{SAID}` is not in:\n{}", self.stdout);
    }
}

/// A repository in a folder whose file system does not refuse names that are taken, as somebody found out before.
fn bench() -> Bench {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("repo/.tmp")).unwrap();
    std::fs::write(bench.path("repo/.tmp/single-writer"), "").unwrap();
    bench.dr(["repo", "init", &bench.at("repo")]).ended(0).mentions();
    bench
}

#[test]
fn every_command_works_and_says_that_one_writer_is_let_in() {
    let bench = bench();
    let (repo, from) = (bench.at("repo"), bench.tree("from", 300_000));
    for _ in 0..3 {
        bench.dr(["repo", "backup", &repo, &bench.at("from")]).ended(0).mentions();
    }
    bench.dr(["repo", "check", "--read-data", &repo]).ended(0).mentions();
    let stats = bench.dr(["repo", "stats", "--json", &repo]).ended(0).document();
    assert_eq!(stats["single_writer"], true);
    bench.dr(["repo", "stats", &repo]).ended(0).mentions();
    bench.dr(["repo", "forget", &repo, "--keep-last", "1"]).ended(0);
    bench.dr(["repo", "prune", &repo, "--now"]).ended(0);
    bench.dr(["repo", "repair", &repo]).ended(0);
    let second = bench.at("second");
    bench.dr(["repo", "init", "--family-of", &repo, &second]).ended(0);
    bench.dr(["repo", "copy", &repo, &second]).ended(0);
    bench.dr(["repo", "copy", &second, &repo]).ended(0);
    bench.dr(["repo", "restore", &repo, "latest", "--to", &bench.at("to")]).ended(0);
    bench.same_trees(&from, &bench.path("to"), "");
}

#[test]
fn the_second_process_is_refused_by_name_and_goes_through_once_the_first_was_killed() {
    let bench = bench();
    bench.tree("from", 300_000);
    let (repo, from) = (bench.at("repo"), bench.at("from"));
    bench.backup(&["from"], 0);
    let mut first = bench
        .command(["repo", "backup", "--json", &repo, "--stdin", "big"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // More than a pipe holds: it reads by now, so it has the lock.
    first.stdin.as_mut().unwrap().write_all(&noise(7, 4 << 20)).unwrap();
    let refused = bench.dr(["repo", "backup", &repo, &from]).ended(1);
    let refused = refused.told(&format!("now it is process {} on ", first.id())).told("nobody has to unlock anything");
    refused.told("Nothing was changed");
    bench.dr(["repo", "prune", &repo]).ended(1).told("one process at a time may write");
    // Who reads needs nobody's leave.
    bench.dr(["repo", "check", &repo]).ended(0);
    bench.dr(["repo", "restore", &repo, "latest", "--to", &bench.at("to")]).ended(0);
    first.kill().unwrap();
    assert_eq!(Run::of(first.wait_with_output().unwrap()).code, None);
    bench.backup(&["from"], 0);
    bench.dr(["repo", "check", "--read-data", &repo]).ended(0);
}
