//! A folder where one process of one host alone may write: it is said, the second is refused, and nobody unlocks anything.

use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;

use dr_repo::{HostId, RepoError, Repository, Unlock};
use dr_store::BlockingStore;
use dr_store::local::LocalStore;
use serde_json::Value;

use crate::bench::{Bench, Run, noise, objects};

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
    let refused = refused.told(&format!("locked by process {} on ", first.id())).told("nobody has to unlock anything");
    refused.told("Nothing was changed");
    bench.dr(["repo", "prune", &repo]).ended(1).told(" is locked by ");
    // Who reads needs nobody's leave.
    bench.dr(["repo", "check", &repo]).ended(0);
    bench.dr(["repo", "restore", &repo, "latest", "--to", &bench.at("to")]).ended(0);
    first.kill().unwrap();
    assert_eq!(Run::of(first.wait_with_output().unwrap()).code, None);
    bench.backup(&["from"], 0);
    bench.dr(["repo", "check", "--read-data", &repo]).ended(0);
}

/// What happens there on a host of another name.
fn elsewhere<T>(bench: &Bench, hostname: &str, act: impl FnOnce(&mut Repository) -> T) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = BlockingStore::new(Arc::new(LocalStore::open(bench.path("repo")).unwrap()), runtime.handle().clone());
    let password = Unlock::Password("seven green bottles".to_owned().into());
    act(&mut Repository::open(store, password, HostId::named(hostname)).unwrap())
}

#[test]
fn a_host_that_replaces_another_one_takes_over_on_somebodys_word() {
    let bench = bench();
    let (repo, from) = (bench.at("repo"), bench.tree("from", 300_000));
    bench.backup(&["from"], 0);
    let already = bench.dr(["repo", "take-over", &repo]).ended(0);
    assert!(already.stdout.contains("may write to") && already.stdout.contains("already"), "{}", already.stdout);
    let now_ms = 1_800_000_000_000;
    elsewhere(&bench, "burnt", |burnt| burnt.take_over(now_ms).unwrap().unwrap());

    let burnt = format!("host {}", HostId::named("burnt"));
    let lies = objects(&bench.path("repo"));
    let refused = bench.dr(["repo", "backup", &repo, &from.to_string_lossy()]).ended(1);
    refused.told(&burnt).told("What is there is whole").told(&format!("`dr repo take-over {repo}`"));
    // Said first, and done only then.
    let asked = bench.dr(["repo", "take-over", &repo]).ended(64);
    asked.told(&format!("{burnt} wrote to {repo}")).told("never writes there again").told("--yes");
    bench.dr(["repo", "prune", &repo]).ended(1).told(&burnt);
    assert_eq!(objects(&bench.path("repo")), lies);
    let done = bench.dr(["repo", "take-over", "--yes", "--json", &repo]).ended(0).summary();
    assert_eq!((&done["from"], &done["from_hostname"]), (&burnt[5..].into(), &Value::Null));
    assert_eq!(objects(&bench.path("repo")).len(), lies.len() + 1, "one entry of the log");
    let own = done["host"].as_str().unwrap();

    bench.backup(&["from"], 0);
    bench.dr(["repo", "forget", &repo, "--keep-last", "1"]).ended(0);
    bench.dr(["repo", "prune", &repo, "--now"]).ended(0);
    let back = elsewhere(&bench, "burnt", |burnt| burnt.note("it was not so bad", now_ms).unwrap_err());
    assert!(matches!(&back, RepoError::OtherHost { host, .. } if host.contains(own)), "{back}");
    let lies = objects(&bench.path("repo"));
    let again = bench.dr(["repo", "take-over", "--yes", "--json", &repo]).ended(0).summary();
    assert_eq!((&again["from"], objects(&bench.path("repo"))), (&Value::Null, lies));
    bench.dr(["repo", "check", "--read-data", &repo]).ended(0);
    bench.dr(["repo", "restore", &repo, "latest", "--to", &bench.at("to")]).ended(0);
    bench.same_trees(&from, &bench.path("to"), "");

    // Where any host may write there is nothing to take.
    elsewhere(&bench, "burnt", |burnt| burnt.take_over(now_ms).unwrap().unwrap());
    let done = bench.dr(["repo", "take-over", "--yes", &repo]).ended(0);
    assert!(done.stdout.contains(&format!("(host {own})")), "{}", done.stdout);
    bench.dr(["repo", "init", "--family-of", &repo, &bench.at("second")]).ended(0);
    let lies = objects(&bench.path("second"));
    bench.dr(["repo", "take-over", "--yes", &bench.at("second")]).ended(64).told("takes several writers");
    assert_eq!(objects(&bench.path("second")), lies);
    bench.dr(["repo", "take-over", "--yes", &bench.at("nowhere")]).ended(10);
}
