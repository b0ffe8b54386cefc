//! What is erased is in no snapshot and in no pack, and everything else is as it was.

use std::fs;

use serde_json::{Value, json};

use crate::bench::{Bench, Run, noise, objects};

impl Bench {
    fn erase(&self, more: &[&str]) -> Run {
        let args = ["repo", "erase", "--json", &self.at("repo")].map(str::to_owned);
        self.dr(args.into_iter().chain(more.iter().map(|word| (*word).to_owned())))
    }

    fn listed(&self) -> Vec<Value> {
        let listed = self.dr(["repo", "snapshots", "--json", &self.at("repo")]).ended(0).document();
        listed.as_array().unwrap().clone()
    }

    fn bytes_in(&self, folder: &str) -> u64 {
        let start = self.path("repo").join(folder);
        objects(&self.path("repo")).iter().filter(|(path, _)| path.starts_with(&start)).map(|(_, len)| len).sum()
    }
}

fn verdicts(run: &Run) -> Vec<Value> {
    let events = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["event"] == "verdict").collect()
}

/// Three snapshots: the first two with a large file that is to go, the third without.
fn three() -> (Bench, Vec<Value>) {
    let bench = Bench::with_repository();
    let tree = bench.tree("from", 100_000);
    fs::create_dir(tree.join("pupil")).unwrap();
    fs::write(tree.join("pupil/report.odt"), noise(8, 4_000_000)).unwrap();
    for n in 0..3u8 {
        fs::write(tree.join("changing"), [n; 5_000]).unwrap();
        if n == 2 {
            fs::remove_dir_all(tree.join("pupil")).unwrap();
        }
        bench.backup(&["from"], 0);
    }
    let before = bench.listed();
    (bench, before)
}

#[test]
fn a_file_goes_from_every_snapshot_and_its_bytes_with_it() {
    let (bench, before) = three();
    let bytes = bench.bytes_in("data");
    let path = bench.at("from/pupil");
    let would = bench.erase(&["--path", &path, "--dry-run"]).ended(0);
    assert_eq!((bench.listed(), bench.bytes_in("data")), (before.clone(), bytes));
    let did = bench.erase(&["--path", &path, "--now"]).ended(0);
    assert_eq!(verdicts(&would), verdicts(&did));
    assert!(verdicts(&did).iter().all(|verdict| !verdict["because"].as_str().unwrap().is_empty()));
    let summary = did.summary();
    assert_eq!((&summary["snapshots"], &summary["entries"], &summary["left"]), (&json!(2), &json!(2), &json!(0)));
    assert!(bench.bytes_in("data") < bytes - 3_900_000, "{} of {bytes}", bench.bytes_in("data"));
    let after = bench.listed();
    assert_eq!(after.len(), 3);
    for (old, new) in before.iter().zip(&after) {
        assert_eq!((&old["time"], &old["number"], &old["tags"]), (&new["time"], &new["number"], &new["tags"]));
    }
    assert_eq!(after[2]["id"], before[2]["id"], "what did not have it is left alone, and is the latest");
    assert_eq!(after[0]["replaces"], before[0]["id"]);
    let id = before[0]["id"].as_str().unwrap();
    bench.dr(["repo", "forget", &bench.at("repo"), "--undo", id]).ended(1);
    bench.dr(["repo", "check", "--read-data", &bench.at("repo")]).ended(0);
    let found = bench.dr(["repo", "find", "--json", &bench.at("repo"), "report.odt"]).ended(1).document();
    assert_eq!(found, json!([]));
    bench
        .dr(["repo", "restore", &bench.at("repo"), after[0]["id"].as_str().unwrap(), "--to", &bench.at("to")])
        .ended(0);
    assert!(bench.path("to/below/b.bin").exists() && !bench.path("to/pupil").exists());
    assert_eq!(bench.erase(&["--path", &path]).ended(0).summary()["snapshots"], 0);
    // And on it goes.
    let again = bench.backup(&["from"], 0);
    assert!(again["bytes_stored"].as_u64().unwrap() < 64 << 10, "{again}");
}

#[test]
fn a_pattern_finds_a_file_wherever_it_is_and_without_now_its_bytes_wait() {
    let (bench, before) = three();
    let bytes = bench.bytes_in("data");
    let summary = bench.erase(&["--glob", "*.odt"]).ended(0).summary();
    assert_eq!((&summary["snapshots"], &summary["entries"]), (&json!(2), &json!(1)));
    assert!(summary["left"].as_u64() > Some(0), "{summary}");
    assert!(bench.bytes_in("data") >= bytes);
    // Deleted by whoever prunes at last, however little it was.
    bench.dr(["repo", "prune", "--now", &bench.at("repo")]).ended(0);
    assert_eq!(bench.erase(&["--glob", "*.odt"]).ended(0).summary()["left"], 0);
    assert!(bench.bytes_in("data") < bytes - 3_900_000);
    assert_eq!(bench.listed().len(), before.len());
}

#[test]
fn what_cannot_be_meant_is_refused_and_nothing_is_touched_that_is_only_called_alike() {
    let (bench, before) = three();
    bench.erase(&[]).ended(64).told("--path");
    bench.erase(&["--path", "../x"]).ended(64);
    bench.erase(&["--glob", "a["]).ended(64);
    for path in ["/pupil", "/elsewhere/pupil", "pupil/report", "from/pupil"] {
        assert_eq!(bench.erase(&["--path", path]).ended(0).summary()["snapshots"], 0, "{path}");
    }
    assert_eq!(bench.listed(), before);
    // As the snapshot has it, it is found.
    assert_eq!(bench.erase(&["--path", "pupil"]).ended(0).summary()["snapshots"], 2);
}
