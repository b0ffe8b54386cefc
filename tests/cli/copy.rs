//! A copy in another repository is what the original is, whatever ended the command that makes it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::bench::{Bench, Run, noise, objects};

impl Bench {
    /// A repository of the family of `repo`.
    fn sibling(&self, name: &str) {
        self.dr(["repo", "init", &self.at(name), "--family-of", &self.at("repo")]).ended(0);
    }

    fn copy(&self, more: &[&str]) -> Run {
        let args = ["repo", "copy", "--json", &self.at("repo"), &self.at("other")].map(str::to_owned);
        self.dr(args.into_iter().chain(more.iter().map(|word| (*word).to_owned())))
    }

    fn ids(&self, repository: &str) -> Vec<String> {
        let listed = self.dr(["repo", "snapshots", "--json", &self.at(repository)]).ended(0).document();
        listed.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn what_is_copied_restores_as_the_original_does_and_is_copied_once() {
    let bench = Bench::with_repository();
    let tree = bench.path("from");
    dr_sample::oddities::make(&tree).unwrap();
    bench.backup(&["from"], 0);
    fs::write(tree.join("later"), noise(3, 400_000)).unwrap();
    bench.backup(&["from"], 0);
    let ids = bench.ids("repo");
    bench.sibling("other");
    let latest = bench.copy(&["latest"]).ended(0).summary();
    assert_eq!((&latest["copied"], &latest["refused"]), (&json!(1), &json!([])));
    assert_eq!(bench.ids("other"), ids[1..]);
    let one = bench.copy(&[&ids[0][..10]]).ended(0).told("older capture");
    assert_eq!((&one.summary()["copied"], &one.summary()["there"]), (&json!(1), &json!(0)));
    let before = objects(&bench.path("other"));
    let again = bench.copy(&["--all"]).ended(0).summary();
    assert_eq!((&again["copied"], &again["there"], &again["objects"]), (&json!(0), &json!(2), &json!(0)));
    assert_eq!(objects(&bench.path("other")), before);

    for (repository, id, to) in [("repo", &ids[0], "a"), ("other", &ids[0], "b"), ("other", &ids[1], "c")] {
        bench.dr(["repo", "restore", &bench.at(repository), id, "--to", &bench.at(to)]).ended(0);
    }
    bench.same_trees(&bench.path("a"), &bench.path("b"), "");
    bench.same_trees(&tree, &bench.path("c"), "");
    let check = bench.dr(["repo", "check", "--json", "--read-data", &bench.at("other")]).ended(0).document();
    assert_eq!(check["verdict"], "ok");
    // A backup there finds everything that came with the copy.
    let summary = bench.dr(["repo", "backup", "--json", &bench.at("other"), &bench.at("from")]).ended(0).summary();
    assert!(summary["bytes_stored"].as_u64().unwrap() < 64 << 10, "{summary}");
}

#[test]
fn another_family_a_wrong_key_no_repository_and_the_same_one_are_told_apart() {
    let bench = Bench::with_repository();
    bench.tree("from", 1000);
    bench.backup(&["from"], 0);
    bench.copy(&[]).ended(10).told("Check the address");
    assert!(!bench.path("other").exists());
    bench.dr(["repo", "init", &bench.at("other")]).ended(0);
    let before = objects(&bench.path("other"));
    bench.copy(&[]).ended(12).told("another family").told("--family-of");
    assert_eq!(objects(&bench.path("other")), before);
    bench.dr(["repo", "copy", &bench.at("repo"), &bench.at("repo")]).ended(64).told("same repository");
    bench.sibling("third");
    bench.dr(["repo", "copy", &bench.at("repo"), &bench.at("third"), "ffffffffff"]).ended(1).told("no snapshot");
    bench.dr(["repo", "copy", &bench.at("repo"), &bench.at("third"), "--all", "latest"]).ended(64);
    let args = ["repo", "copy", &bench.at("repo"), &bench.at("third")].map(str::to_owned);
    let wrong = bench.command(args).env("DR_PASSWORD", "wrong").output().unwrap();
    assert_eq!(wrong.status.code(), Some(12));
}

#[test]
fn a_snapshot_of_which_something_is_damaged_is_left_out_by_name() {
    let bench = Bench::with_repository();
    let tree = bench.tree("from", 1000);
    bench.backup(&["from"], 0);
    fs::write(tree.join("below/more.bin"), noise(8, 300_000)).unwrap();
    let before = objects(&bench.path("repo"));
    bench.backup(&["from"], 0);
    let start = bench.path("repo/data");
    let (pack, _) =
        objects(&bench.path("repo")).into_iter().find(|o| o.0.starts_with(&start) && !before.contains(o)).unwrap();
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(&pack, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&pack, bytes).unwrap();
    bench.sibling("other");
    let ids = bench.ids("repo");
    let run = bench.copy(&[]).ended(3).told("below/more.bin");
    let summary = run.summary();
    assert_eq!((&summary["copied"], &summary["refused"]), (&json!(1), &json!([ids[1]])));
    let told: Value = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).nth(1).unwrap();
    assert_eq!((&told["outcome"], &told["missing"][0]["path"]), (&json!("refused"), &json!("below/more.bin")));
    assert_eq!(bench.ids("other"), ids[..1]);
    bench.dr(["repo", "check", "--read-data", &bench.at("other")]).ended(0);
}

#[test]
fn what_a_copy_that_was_ended_has_stored_is_taken_up_by_the_next() {
    let bench = Bench::with_repository();
    fs::create_dir(bench.path("from")).unwrap();
    fs::write(bench.path("from/big"), noise(21, 120 << 20)).unwrap();
    bench.backup(&["from"], 0);
    for (other, signal, code) in [("killed", Signal::KILL, None), ("ended", Signal::TERM, Some(143))] {
        bench.sibling(other);
        let data = bench.path(other).join("data");
        let mut child = bench
            .command(["repo", "copy", "--json", &bench.at("repo"), &bench.at(other)])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while child.try_wait().unwrap().is_none() {
            if data.exists() && !objects(&data).is_empty() {
                break;
            }
            std::thread::yield_now();
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait_with_output().unwrap().status.code(), code);
        assert_eq!(bench.ids(other), [""; 0], "nothing half is visible");
        let whole: u64 = objects(&data).iter().map(|(_, size)| size).sum();
        let args = ["repo", "copy", "--json", &bench.at("repo"), &bench.at(other)].map(str::to_owned);
        let summary = bench.dr(args).ended(0).summary();
        let stored = summary["bytes_stored"].as_u64().unwrap();
        // Of what was there already parity is made once more.
        assert!(stored + whole < 130 << 20, "{stored} bytes were stored again, {whole} were there");
        bench.dr(["repo", "check", "--read-data", &bench.at(other)]).ended(0);
        bench.dr(["repo", "restore", &bench.at(other), "latest", "--to", &bench.at(&format!("to-{other}"))]).ended(0);
        assert!(fs::read(bench.path(&format!("to-{other}/big"))).unwrap() == noise(21, 120 << 20));
    }
}
