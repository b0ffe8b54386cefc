//! A daemon that is killed at any moment: the ledger holds, no system runs twice at once, the next start goes on, and
//! the status claims nothing that is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::ground::{Ground, Luck, count, seed};

/// Two hours before its first evening.
const FOUNDED: &str = "2026-11-02T18:00:00Z";
const SYSTEMS: [&str; 6] = ["mis", "admin", "email", "curriculum", "file-server", "website"];

/// Six systems of small files, two targets, everything due once a day.
fn school(ground: &Ground, luck: &mut Luck) {
    let mut plan = String::from(
        "state = \"state\"\nschool = \"Hazel Bank\"\n\
         people = { head = \"A. Ash <head@hazelbank.example>\", it = \"J. Oak <oak@provider.example>\" }\n\
         [targets.nas]\nurl = \"nas\"\n[targets.away]\nurl = \"away\"\nclass = \"offsite\"\n",
    );
    for system in SYSTEMS {
        plan += &format!("[systems.{system}]\nsource = \"school/{system}\"\nschedule = \"daily at 19:00\"\n");
        for number in 0..6 {
            let folder = ground.path(&format!("school/{system}"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(number.to_string()), luck.noise(200 << 10)).unwrap();
        }
    }
    fs::write(ground.path("dr.toml"), plan).unwrap();
    ground.dr(["--at", FOUNDED, "init", "--recovery-key-out", "recovery.key"]).ended(0);
}

/// Starts a daemon that believes that it is `at`, and kills it after `wait`, counted from its first sign of life.
fn kill_after(ground: &Ground, at: Timestamp, wait: Duration) {
    let mut command = ground.command(["--json", "--at", &at.to_string(), "daemon"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Not waiting for anything: the moment is what luck chooses.
    std::thread::sleep(wait);
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said until then; the last line may be torn.
    while lines.next().is_some() {}
}

fn ledger(ground: &Ground) -> Vec<Value> {
    serde_json::from_str(&ground.dr(["--json", "ledger"]).ended(0).stdout).unwrap()
}

/// No run of a system begins before the one before it ended or was found dead, and nothing ends twice.
#[track_caller]
fn no_two_at_once(entries: &[Value]) -> usize {
    let (mut open, mut killed) = (BTreeMap::new(), 0);
    for entry in entries {
        let event = &entry["event"];
        let (kind, system, run) =
            (event["type"].as_str().unwrap(), event["system"].to_string(), event["run"].to_string());
        match kind {
            "run-started" => {
                let before = open.insert(system.clone(), run.clone());
                assert!(before.is_none(), "{system}: {run} began while {before:?} was not over");
            }
            "run-finished" | "run-killed" => {
                assert_eq!(open.remove(&system), Some(run), "{kind} of {system} at {}", entry["n"]);
                killed += usize::from(kind == "run-killed");
            }
            _ => {}
        }
    }
    killed
}

/// Every copy that the status claims is there.
#[track_caller]
fn claims_only_what_is_there(ground: &Ground, at: Timestamp) {
    let status = ground.dr(["--json", "--at", &at.to_string(), "status"]);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    for target in ["nas", "away"] {
        let mut command = ground.command(["--json", "repo", "snapshots", target]);
        let listed = command.env("DR_KEY_FILE", ground.path("recovery.key")).output().unwrap();
        let listed: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
        let there: BTreeSet<&str> = listed.iter().map(|one| one["id"].as_str().unwrap()).collect();
        for system in status["systems"].as_array().unwrap() {
            for copy in system["copies"].as_array().unwrap().iter().filter(|copy| copy["target"] == target) {
                if let Some(snapshot) = copy["snapshot"].as_str() {
                    assert!(there.contains(snapshot), "{} on {target} claims {snapshot}", system["id"]);
                }
            }
        }
    }
}

#[test]
fn a_daemon_killed_at_random_moments_loses_nothing_and_claims_nothing() {
    let (kills, mut luck, ground) = (count(12), Luck::new(seed()), Ground::new());
    school(&ground, &mut luck);
    let mut at: Timestamp = "2026-11-02T20:00:00Z".parse().unwrap();
    let start = Instant::now();
    let first = ground.dr(["--json", "--at", &at.to_string(), "run", "--due"]);
    assert!(matches!(first.code, Some(0 | 3)), "{}{}", first.stdout, first.stderr);
    let whole = start.elapsed();
    for kill in 1..=kills {
        // A day later for every third; in between the next start resumes what the last one began.
        if kill % 3 == 0 {
            at += SignedDuration::from_hours(24);
            let system = SYSTEMS[luck.below(6) as usize];
            fs::write(ground.path(&format!("school/{system}/new-{kill}")), luck.noise(100 << 10)).unwrap();
        } else {
            at += SignedDuration::from_mins(7);
        }
        kill_after(&ground, at, whole.mul_f64(luck.part()));
        ground.dr(["ledger", "--verify"]).ended(0);
        no_two_at_once(&ledger(&ground));
        if kill % 10 == 0 || kill == kills {
            claims_only_what_is_there(&ground, at);
        }
        if kill % 50 == 0 {
            println!("daemon: {kill} of {kills} kills");
        }
    }
    // The next start puts everything right without anybody's help.
    at += SignedDuration::from_hours(24);
    let last = ground.dr(["--json", "--at", &at.to_string(), "run", "--due"]);
    assert!(matches!(last.code, Some(0 | 3)), "{}{}", last.stdout, last.stderr);
    let entries = ledger(&ground);
    let killed = no_two_at_once(&entries);
    claims_only_what_is_there(&ground, at);
    let finished = |system: &str| {
        let mine = entries
            .iter()
            .rev()
            .find(|entry| entry["event"]["type"] == "run-finished" && entry["event"]["system"] == system);
        mine.unwrap()["event"]["outcome"].as_str().unwrap().to_owned()
    };
    assert!(SYSTEMS.iter().all(|system| finished(system) == "done"));
    for system in SYSTEMS {
        let mut command = ground.command(["--at", &at.to_string(), "restore", system, "--to", "to"]);
        let output = command.env("DR_KEY_FILE", ground.path("recovery.key")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        ground.same_trees(&ground.path(&format!("school/{system}")), &ground.path("to"), "");
        fs::remove_dir_all(ground.path("to")).unwrap();
    }
    println!(
        "daemon: seed {}: {kills} kills, {killed} of them in the middle of a run; {} entries, the ledger held after each",
        seed(),
        entries.len()
    );
}
