//! What is damaged is found, told with what it costs, and mended; and what was read is remembered.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::bench::{Bench, Run, noise, objects};

impl Bench {
    fn look(&self, more: &[&str]) -> Run {
        let args = ["repo", "check", "--json", &self.at("repo")].map(str::to_owned);
        self.dr(args.into_iter().chain(more.iter().map(|word| (*word).to_owned())))
    }

    fn mend(&self, more: &[&str]) -> Run {
        let args = ["repo", "repair", "--json", &self.at("repo")].map(str::to_owned);
        self.dr(args.into_iter().chain(more.iter().map(|word| (*word).to_owned())))
    }

    fn object(&self, folder: &str) -> PathBuf {
        let all = objects(&self.path("repo").join(folder));
        all.into_iter().max_by_key(|(_, len)| *len).unwrap().0
    }
}

fn events(run: &Run, kind: &str) -> Vec<Value> {
    let events = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["event"] == kind).collect()
}

/// Whether a finding names this file among what it costs.
fn costs(finding: &Value, path: &str) -> bool {
    finding["lost"].as_array().unwrap().iter().any(|lost| lost["path"] == path)
}

fn with_three_megabytes() -> (Bench, PathBuf) {
    let bench = Bench::with_repository();
    let tree = bench.tree("from", 1000);
    fs::write(tree.join("large"), noise(1, 3_000_000)).unwrap();
    bench.backup(&["from"], 0);
    (bench, tree)
}

#[test]
fn a_rotten_pack_is_told_with_what_it_costs_and_healed() {
    let (bench, tree) = with_three_megabytes();
    let pack = bench.object("data");
    let whole = fs::read(&pack).unwrap();
    let mut rotten = whole.clone();
    rotten[1_000_000..1_500_000].fill(0);
    fs::write(&pack, &rotten).unwrap();
    let found = bench.look(&["--read-data"]).ended(3).document();
    assert!(costs(&found["findings"][0], "large"), "{found}");
    // Without any key the damage shows too, and not what it costs.
    let keyless = bench.look(&["--no-key", "--read-data"]).ended(3).document();
    assert_eq!((keyless["findings"].as_array().unwrap().len(), &keyless["findings"][0]["lost"]), (1, &json!([])));
    let would = bench.mend(&["--dry-run"]).ended(3);
    assert_eq!(fs::read(&pack).unwrap(), rotten);
    let did = bench.mend(&[]).ended(0);
    assert_eq!(events(&would, "damaged"), events(&did, "damaged"));
    assert!(costs(&events(&did, "damaged")[0], "large"), "{}", did.stdout);
    assert_eq!(events(&did, "mended").len(), 1);
    assert_eq!((did.summary()["left"].clone(), did.summary()["lost"].clone()), (json!(0), json!(0)));
    assert!(!pack.exists());
    assert_eq!(fs::read(pack.with_extension("h1")).unwrap(), whole);
    bench.look(&["--read-data"]).ended(0);
    bench.dr(["repo", "restore", &bench.at("repo"), "latest", "--to", &bench.at("back")]).ended(0);
    bench.same_trees(&tree, &bench.path("back"), "");
    bench.mend(&[]).ended(0);
}

#[test]
fn what_parity_cannot_heal_comes_from_another_repository() {
    let (bench, tree) = with_three_megabytes();
    bench.dr(["repo", "init", &bench.at("other"), "--family-of", &bench.at("repo")]).ended(0);
    bench.dr(["repo", "copy", &bench.at("repo"), &bench.at("other")]).ended(0);
    fs::remove_file(bench.object("data")).unwrap();
    let left = bench.mend(&[]).ended(3);
    assert!(costs(&left.summary()["findings"][0], "large"), "{}", left.stdout);
    let did = bench.mend(&["--from", &bench.at("other")]).ended(0);
    assert!(did.stdout.contains("fetched from another repository"), "{}", did.stdout);
    bench.look(&["--read-data"]).ended(0);
    bench.dr(["repo", "restore", &bench.at("repo"), "latest", "--to", &bench.at("back")]).ended(0);
    bench.same_trees(&tree, &bench.path("back"), "");
    let stranger = Bench::with_repository();
    stranger.tree("from", 10);
    stranger.backup(&["from"], 0);
    bench.mend(&["--from", &stranger.at("repo")]).ended(12);
}

#[test]
fn what_was_read_is_remembered_and_the_next_check_reads_other_parts() {
    let bench = Bench::with_repository();
    let tree = bench.tree("from", 100);
    for n in 0..3 {
        fs::write(tree.join("changing"), noise(n, 2_000_000)).unwrap();
        bench.backup(&["from"], 0);
    }
    let packs = bench.look(&[]).ended(0).document()["packs"].as_u64().unwrap();
    let mut read = 0;
    for _ in 0..packs {
        let document = bench.look(&["--budget", "1B"]).ended(0).document();
        assert_eq!((&document["packs_read"], &document["verdict"]), (&json!(1), &json!("ok")));
        read += document["bytes_read"].as_u64().unwrap();
    }
    // One at a time, each was read once.
    let of = |folder: &str| objects(&bench.path("repo").join(folder)).iter().map(|(_, len)| len).sum::<u64>();
    let total = of("data") + of("meta");
    assert_eq!(read, total);
    assert_eq!(bench.look(&["--budget", "1h"]).ended(0).document()["packs_read"].as_u64(), Some(packs));
    bench.look(&["--budget", "soon"]).ended(64).told("30m");
}

#[test]
fn a_repository_that_lost_what_opens_it_opens_from_the_second_copy() {
    let (bench, _) = with_three_megabytes();
    fs::remove_file(bench.path("repo").join("repo.json")).unwrap();
    fs::remove_dir_all(bench.path("repo").join("keys")).unwrap();
    bench.dr(["repo", "snapshots", &bench.at("repo")]).ended(0).told("repo.json");
    bench.mend(&[]).ended(0);
    let opened = bench.dr(["repo", "snapshots", &bench.at("repo")]).ended(0);
    assert!(!opened.stderr.contains("repo.json"), "{}", opened.stderr);
}
