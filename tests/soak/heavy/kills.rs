//! A backup that is killed at any moment costs nothing but the time: no manual step, nothing lost, little stored again.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use dr_sample::sets::{self, Set};

use crate::ground::{Ground, Luck, Run, bytes_of, count, objects, seed};

/// A source of `mib` MiB that changes: half of it does not compress.
struct Source<'a> {
    ground: &'a Ground,
    mib: u64,
    generation: u32,
}

const TREES: [(&str, Set); 2] = [("source", Set::SourceTree), ("mixed", Set::Mixed)];

impl<'a> Source<'a> {
    fn begin(ground: &'a Ground, mib: u64, luck: &mut Luck) -> Self {
        let top = ground.path("from");
        sets::source_tree(&top.join("source"), mib / 4, seed()).unwrap();
        sets::mixed(&top.join("mixed"), mib / 4, seed()).unwrap();
        fs::create_dir(top.join("noise")).unwrap();
        for number in 0..mib / 4 {
            fs::write(top.join(format!("noise/{number}")), luck.noise(2 << 20)).unwrap();
        }
        Source { ground, mib, generation: 1 }
    }

    /// The next generation: about half of what does not compress is another, and the trees have lived a day.
    fn change(&mut self, luck: &mut Luck) {
        self.generation += 1;
        let top = self.ground.path("from");
        for number in 0..self.mib / 4 {
            if luck.below(2) == 0 {
                let length = (1 << 20) + luck.below(2 << 20) as usize;
                fs::write(top.join(format!("noise/{number}")), luck.noise(length)).unwrap();
            }
        }
        for (name, set) in TREES {
            sets::next_generation(set, &top.join(name), seed(), self.generation).unwrap();
        }
    }
}

fn begin_backup(ground: &Ground, from: &Path) -> Child {
    let from = from.to_str().unwrap();
    let mut command = ground.command(["repo", "backup", "--json", &ground.at("repo"), from]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The ids of all snapshots.
fn snapshots(ground: &Ground) -> Vec<serde_json::Value> {
    let listed = ground.dr(["repo", "snapshots", "--json", &ground.at("repo")]).ended(0);
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).unwrap();
    listed.iter().map(|one| one["id"].clone()).collect()
}

/// How long something takes.
fn timed(act: impl FnOnce()) -> Duration {
    let start = Instant::now();
    act();
    start.elapsed()
}

#[test]
fn backups_killed_at_random_moments_lose_nothing() {
    let (kills, mut luck, ground) = (count(12), Luck::new(seed()), Ground::new());
    let mib = if kills >= 100 { 208 } else { 40 };
    let from = ground.path("from");
    let mut source = Source::begin(&ground, mib, &mut luck);
    let (mut killed, mut rounds, mut again, mut unseen, mut kept) = (0, 0, 0, 0, Vec::new());
    let (mut unlock, mut whole) = (Duration::ZERO, Duration::ZERO);
    while killed < kills {
        // Now and then a first backup: it has no log to go by, and its host no cache.
        if rounds % 12 == 0 {
            for folder in ["repo", "cache"] {
                let _ = fs::remove_dir_all(ground.path(folder));
            }
            ground.dr(["repo", "init", &ground.at("repo")]).ended(0);
            unlock = timed(|| drop(ground.dr(["repo", "snapshots", &ground.at("repo")]).ended(0)));
            kept = Vec::new();
            if rounds == 0 {
                whole = timed(|| drop(ground.backup(&from)));
                kept = snapshots(&ground);
                source.change(&mut luck);
            }
        }
        rounds += 1;
        // Up to six kills of the backups of one generation; each goes on where the last one ended.
        let mut run = None;
        for _ in 0..6.min(kills - killed) {
            let mut child = begin_backup(&ground, &from);
            let span = whole.saturating_sub(unlock / 2).mul_f64(0.9);
            // Not waiting for anything: the moment is what luck chooses.
            std::thread::sleep(unlock / 2 + span.mul_f64(luck.part()));
            let ended = child.try_wait().unwrap().is_some();
            if !ended {
                child.kill().unwrap();
            }
            let output = child.wait_with_output().unwrap();
            if ended {
                run = Some(Run::of(output));
                break;
            }
            if output.status.code().is_some() {
                // It ended between the look and the kill.
                run = Some(Run::of(output));
                break;
            }
            killed += 1;
            if killed % 50 == 0 {
                println!("kills: {killed} of {kills}, {rounds} generations");
            }
            let check = ground.dr(["repo", "check", &ground.at("repo")]);
            assert_eq!(check.code, Some(0), "after kill {killed}: {}{}", check.stdout, check.stderr);
        }
        let run = run.unwrap_or_else(|| Run::of(begin_backup(&ground, &from).wait_with_output().unwrap()));
        let summary = run.ended(0).summary();
        again += i32::from(summary["adopted_packs"].as_u64().unwrap_or(0) > 0);
        ground.comes_back(&from);
        // A kill between the commit and the end of the process leaves a snapshot that nobody was told of: those seen
        // once must stay, and the new one must be there.
        kept.push(summary["snapshot"].clone());
        let listed = snapshots(&ground);
        assert!(kept.iter().all(|id| listed.contains(id)), "after {killed} kills {kept:?} became {listed:?}");
        unseen += listed.len() - kept.len();
        kept = listed;
        if rounds % 6 == 0 || killed >= kills {
            ground.dr(["repo", "check", "--read-data", &ground.at("repo")]).ended(0);
        }
        source.change(&mut luck);
    }
    println!(
        "kills: seed {}: {killed} kills in {rounds} generations of {mib} MiB; every check clean, every rerun done and \
         restored exactly, every snapshot kept; {again} reruns took up packs of a killed run; {unseen} kills came after the \
         commit",
        seed()
    );
}

#[test]
fn a_run_killed_at_ninety_percent_stores_at_most_a_quarter_again() {
    let (ground, mut luck) = (Ground::new(), Luck::new(seed()));
    let from = ground.path("from");
    fs::create_dir(&from).unwrap();
    for number in 0..100 {
        fs::write(from.join(number.to_string()), luck.noise(4 << 20)).unwrap();
    }
    let found = |name: &str| {
        let _ = fs::remove_dir_all(ground.path("repo"));
        ground.dr(["repo", "init", &ground.at("repo")]).ended(0);
        bytes_of(&ground.path(name))
    };
    let empty = found("repo");
    ground.backup(&from);
    let total = bytes_of(&ground.path("repo")) - empty;
    // Where the run was faster than the look at its repository there was nothing to kill, and it is tried again.
    for _ in 0..10 {
        let empty = found("repo");
        let mut child = begin_backup(&ground, &from);
        let mut stored = 0;
        while child.try_wait().unwrap().is_none() {
            stored = bytes_of(&ground.path("repo")) - empty;
            if stored * 10 >= total * 9 {
                child.kill().unwrap();
                break;
            }
        }
        if child.wait().unwrap().code().is_some() {
            continue;
        }
        let log = ground.path("repo/log");
        let entries = objects(&log).len();
        let more = ground.backup(&from)["bytes_stored"].as_u64().unwrap();
        ground.comes_back(&from);
        println!(
            "kills: killed with {stored} of {total} bytes stored and {entries} log entries; the rerun stored {more} ({} %)",
            more * 100 / total
        );
        assert!(more * 4 <= total, "{more} of {total} bytes were stored again");
        return;
    }
    panic!("ten backups ended before they could be killed at 90 %");
}
