//! What is forgotten can be put back, what is pruned is gone, and nothing else.

use std::fs;

use serde_json::{Value, json};

use crate::bench::{Bench, Run, noise, objects};

impl Bench {
    fn forget(&self, more: &[&str]) -> Run {
        let args = ["repo", "forget", "--json", &self.at("repo")].map(str::to_owned);
        self.dr(args.into_iter().chain(more.iter().map(|word| (*word).to_owned())))
    }

    fn prune(&self, more: &[&str]) -> Run {
        let args = ["repo", "prune", "--json", &self.at("repo")].map(str::to_owned);
        self.dr(args.into_iter().chain(more.iter().map(|word| (*word).to_owned())))
    }

    fn bytes(&self) -> u64 {
        objects(&self.path("repo")).iter().map(|(_, len)| len).sum()
    }

    fn is_sound(&self, snapshots: usize) {
        let listed = self.dr(["repo", "snapshots", "--json", &self.at("repo")]).ended(0).document();
        assert_eq!(listed.as_array().unwrap().len(), snapshots, "{listed}");
        let check = self.dr(["repo", "check", "--json", "--read-data", &self.at("repo")]).ended(0).document();
        assert_eq!(check["verdict"], "ok");
    }
}

fn verdicts(run: &Run) -> Vec<Value> {
    let events = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["event"] == "verdict").collect()
}

#[test]
fn what_is_forgotten_comes_back_until_its_room_is_given_back() {
    let bench = Bench::with_repository();
    let tree = bench.tree("from", 1000);
    let mut ids = Vec::new();
    for n in 0..4 {
        fs::write(tree.join("changing"), noise(n, 3_000_000)).unwrap();
        ids.push(bench.backup(&["from"], 0)["snapshot"].as_str().unwrap().to_owned());
    }
    let would = bench.forget(&["--keep-last", "1", "--dry-run"]).ended(0);
    bench.is_sound(4);
    let did = bench.forget(&["--keep-last", "1"]).ended(0);
    assert_eq!(verdicts(&would), verdicts(&did));
    assert_eq!(did.summary()["forgotten"], 3);
    assert!(verdicts(&did).iter().all(|verdict| !verdict["because"].as_str().unwrap().is_empty()));
    bench.is_sound(1);
    bench.forget(&["--undo", &ids[0][..8]]).ended(0);
    bench.is_sound(2);
    bench.forget(&[&ids[0]]).ended(0);

    let full = bench.bytes();
    bench.prune(&[]).ended(0);
    bench.forget(&["--undo", &ids[1]]).ended(0);
    bench.is_sound(2);
    bench.forget(&[&ids[1]]).ended(0);
    let would = bench.prune(&["--now", "--dry-run"]).ended(0);
    let did = bench.prune(&["--now"]).ended(0);
    assert_eq!(verdicts(&would), verdicts(&did));
    let summary = did.summary();
    assert!(summary["deleted"].as_u64() >= Some(3) && summary["waiting"] == json!(0), "{summary}");
    let left = bench.bytes();
    assert!(left < full - 8_000_000, "{left} of {full}");
    bench.forget(&["--undo", &ids[0]]).ended(1).told("Every snapshot is where it was");
    bench.is_sound(1);
    bench.dr(["repo", "restore", &bench.at("repo"), "latest", "--to", &bench.at("back")]).ended(0);
    bench.same_trees(&tree, &bench.path("back"), "");
    // And on it goes.
    let again = bench.backup(&["from"], 0);
    assert!(again["bytes_stored"].as_u64().unwrap() < 64 << 10, "{again}");
    bench.is_sound(2);
}

#[test]
fn without_a_rule_nothing_is_forgotten_and_what_is_not_there_is_said() {
    let bench = Bench::with_repository();
    bench.tree("from", 1000);
    bench.backup(&["from"], 0);
    let verdicts = verdicts(&bench.forget(&[]).ended(0));
    assert_eq!((verdicts.len(), &verdicts[0]["keep"]), (1, &json!(true)));
    bench.forget(&["ffffffffff"]).ended(1).told("no snapshot");
    bench.forget(&["--keep-last", "1", "ffffffffff"]).ended(64);
    bench.forget(&["--keep-within", "soon"]).ended(64).told("30d");
    bench.prune(&["--now"]).ended(0);
    bench.is_sound(1);
}
