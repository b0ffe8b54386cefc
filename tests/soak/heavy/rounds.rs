//! Prunes while three hosts back up, round after round, with kills: what is acknowledged restores, nobody waits for a
//! prune, a forget does what it said it would, and room is given back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::ground::{Ground, Luck, Run, bytes_of, count, seed};

const HOSTS: usize = 3;
const KEEP: &str = "4";
/// Far beyond what a backup of so little takes on any machine: one that is not over by then waits for somebody.
const PATIENCE: Duration = Duration::from_secs(100);

#[derive(Default)]
struct Counts {
    backups: u64,
    prunes: u64,
    killed: u64,
    stopped: u64,
    /// Backups that somebody else's change had voided: beside a prune that waits for nothing, and beside a usual one.
    again: [u64; 2],
    prunes_again: u64,
    forgotten: u64,
}

struct Rounds<'a> {
    ground: &'a Ground,
    /// Hosts only write, and who prunes reads nothing.
    blind: bool,
    luck: Luck,
    /// The newest acknowledged snapshot of each host, and a copy of what it holds.
    newest: BTreeMap<usize, (String, PathBuf)>,
    copies: u64,
    counts: Counts,
    /// Wall times of backups that went through, beside a prune and beside one that was stopped.
    beside: Vec<Duration>,
    beside_stopped: Vec<Duration>,
    /// How long the last round took, within which something happens to the next.
    lasted: Duration,
}

fn signal(child: &Child, signal: Signal) {
    if let Some(pid) = Pid::from_raw(child.id() as i32) {
        // It may have ended this moment.
        let _ = kill_process(pid, signal);
    }
}

fn start(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
}

impl Rounds<'_> {
    /// dr as one of the hosts, each with a memory of its own; the last one prunes.
    fn command(&self, host: usize, args: &[&str]) -> Command {
        let key = match (self.blind, host) {
            (false, _) => "key".to_owned(),
            (true, HOSTS) => "key-prune".to_owned(),
            (true, host) => format!("key-{host}"),
        };
        self.command_with(&key, host, args)
    }

    fn command_with(&self, key: &str, host: usize, args: &[&str]) -> Command {
        let home = self.ground.path(&format!("host-{host}"));
        fs::create_dir_all(&home).unwrap();
        let mut command = self.ground.command(args);
        command.env_remove("DR_PASSWORD").env("DR_KEY_FILE", self.ground.path(key));
        command.env("HOME", &home).env("DR_CACHE", home.join("cache"));
        command
    }

    fn dr(&self, args: &[&str]) -> Run {
        Run::of(self.command(HOSTS, args).output().unwrap())
    }

    /// As whoever reads.
    fn reads(&self, args: &[&str]) -> Run {
        Run::of(self.command_with("key", HOSTS, args).output().unwrap()).ended(0)
    }

    fn from(&self, host: usize) -> PathBuf {
        self.ground.path(&format!("from-{host}"))
    }

    /// Some files that all hosts have, and some of its own that change.
    fn change(&mut self, host: usize) {
        let top = self.from(host);
        fs::create_dir_all(&top).unwrap();
        for number in 0..8 {
            let path = top.join(format!("own-{number}"));
            if !path.exists() || self.luck.below(3) == 0 {
                let length = 30_000 + self.luck.below(300_000) as usize;
                fs::write(path, self.luck.noise(length)).unwrap();
            }
            // The same few contents come and go everywhere: what one forgets another finds again.
            let shared = Luck::new(1_000 + self.luck.below(24)).noise(100_000);
            fs::write(top.join(format!("shared-{number}")), shared).unwrap();
        }
    }

    fn acknowledged(&mut self, host: usize, run: &Run) {
        let id = run.summary()["snapshot"].as_str().unwrap().to_owned();
        self.copies += 1;
        let copy = self.ground.path(&format!("copy-{}", self.copies));
        fs::create_dir(&copy).unwrap();
        for entry in fs::read_dir(self.from(host)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
        }
        if let Some((_, old)) = self.newest.insert(host, (id, copy)) {
            fs::remove_dir_all(old).unwrap();
        }
        self.counts.backups += 1;
    }

    /// What a forget says beforehand is what it then does.
    fn forget(&mut self) {
        let repo = self.ground.at("repo");
        let args = ["repo", "forget", "--json", &repo, "--keep-last", KEEP];
        let before = self.ids();
        let would = self.dr(&[&args[..], &["--dry-run"]].concat()).ended(0);
        assert_eq!(self.ids(), before, "a dry run forgot something");
        let did = self.dr(&args).ended(0);
        assert_eq!(verdicts(&would), verdicts(&did));
        let kept: Vec<String> = verdicts(&did)
            .iter()
            .filter(|verdict| verdict["keep"] == true)
            .map(|verdict| verdict["snapshot"].as_str().unwrap().to_owned())
            .collect();
        let left = self.ids();
        assert!(before.len() - left.len() == verdicts(&did).len() - kept.len());
        assert!(left.iter().all(|id| kept.contains(id)), "{left:?} {kept:?}");
        self.counts.forgotten += (before.len() - left.len()) as u64;
    }

    fn ids(&self) -> Vec<String> {
        let listed = self.dr(&["repo", "snapshots", "--json", &self.ground.at("repo")]).ended(0);
        let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
        listed.as_array().unwrap().iter().map(|snapshot| snapshot["id"].as_str().unwrap().to_owned()).collect()
    }

    /// One prune and a backup of each host at the same time. By luck the prune waits for nothing or a day from step to
    /// step, and is stopped in its middle until all backups are over, or one of the four is killed.
    fn round(&mut self) {
        self.forget();
        let repo = self.ground.at("repo");
        (0..HOSTS).for_each(|host| self.change(host));
        let began = Instant::now();
        let at_once = self.luck.below(3) > 0;
        let args: &[&str] = if at_once { &["repo", "prune", "--now", &repo] } else { &["repo", "prune", &repo] };
        let mut prune = Some(start(self.command(HOSTS, args)));
        let mut backups: Vec<Option<Child>> = (0..HOSTS)
            .map(|host| {
                let from = self.from(host);
                Some(start(self.command(host, &["repo", "backup", "--json", &repo, from.to_str().unwrap()])))
            })
            .collect();
        let (what, whom) = (self.luck.below(4), self.luck.below(HOSTS as u64) as usize);
        let at = self.lasted.mul_f64(self.luck.part());
        let (mut acted, mut stopped) = (false, false);
        while prune.is_some() || backups.iter().any(Option::is_some) {
            if !acted && began.elapsed() >= at {
                acted = true;
                match (what, prune.as_mut(), backups[whom].as_mut()) {
                    (0 | 1, Some(prune), _) => {
                        signal(prune, Signal::STOP);
                        stopped = true;
                        self.counts.stopped += 1;
                    }
                    (2, Some(prune), _) => signal(prune, Signal::KILL),
                    (3, _, Some(backup)) => signal(backup, Signal::KILL),
                    _ => {}
                }
            }
            for (host, backup) in backups.iter_mut().enumerate() {
                let Some(run) = ended(backup) else { continue };
                match run.code {
                    Some(0) => {
                        let times = if stopped { &mut self.beside_stopped } else { &mut self.beside };
                        times.push(began.elapsed());
                        self.acknowledged(host, &run);
                    }
                    None => self.counts.killed += 1,
                    _ if run.stderr.contains("run again") => self.counts.again[usize::from(!at_once)] += 1,
                    _ => panic!("host {host}: {}", run.stderr),
                }
            }
            assert!(
                began.elapsed() < PATIENCE || backups.iter().all(Option::is_none),
                "a backup waits, {} while a prune is stopped",
                if stopped { "" } else { "not" }
            );
            if stopped && backups.iter().all(Option::is_none) {
                prune.iter().for_each(|prune| signal(prune, Signal::CONT));
            }
            if let Some(run) = ended(&mut prune) {
                match run.code {
                    Some(0) => self.counts.prunes += 1,
                    None => self.counts.killed += 1,
                    _ if run.stderr.contains("run again") || run.stderr.contains("running again") => {
                        self.counts.prunes_again += 1;
                    }
                    _ => panic!("prune: {}", run.stderr),
                }
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        self.lasted = began.elapsed();
    }

    /// Every host's newest acknowledged snapshot restores as it was.
    fn prove(&self) {
        let repo = self.ground.at("repo");
        self.reads(&["repo", "check", "--read-data", &repo]);
        for (id, copy) in self.newest.values() {
            let to = self.ground.at("to");
            self.reads(&["repo", "restore", &repo, id, "--to", &to]);
            self.ground.same_trees(copy, Path::new(&to), "mtime,mode,root");
            fs::remove_dir_all(to).unwrap();
        }
    }
}

fn verdicts(run: &Run) -> Vec<Value> {
    let events = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["event"] == "verdict").collect()
}

fn ended(child: &mut Option<Child>) -> Option<Run> {
    let is_over = child.as_mut()?.try_wait().unwrap().is_some();
    let over = if is_over { child.take() } else { None };
    over.map(|child| Run::of(child.wait_with_output().unwrap()))
}

#[test]
fn prunes_beside_three_backups_lose_nothing_hold_nobody_up_and_give_room_back() {
    all_rounds(false);
}

#[test]
fn prunes_that_read_nothing_do_so_too() {
    all_rounds(true);
}

fn all_rounds(blind: bool) {
    let (rounds, ground) = (count(12), Ground::new());
    let mut all = Rounds {
        ground: &ground,
        blind,
        luck: Luck::new(seed()),
        newest: BTreeMap::new(),
        copies: 0,
        counts: Counts::default(),
        beside: Vec::new(),
        beside_stopped: Vec::new(),
        lasted: Duration::from_millis(100),
    };
    let repo = ground.at("repo");
    all.reads(&["repo", "init", &repo]);
    if blind {
        all.reads(&["key", "export", &ground.at("key-prune"), "--for", "prune"]);
        for host in 0..HOSTS {
            all.reads(&["key", "export", &ground.at(&format!("key-{host}")), "--for", "backup"]);
        }
    }
    for round in 1..=rounds {
        all.round();
        if round % 20 == 0 {
            all.prove();
            println!("rounds: {round} of {rounds}, {} bytes", bytes_of(Path::new(&repo)));
        }
    }
    // Nobody clears up: each host's next backup goes through, and then the room is free.
    for host in 0..HOSTS {
        all.change(host);
        let from = all.from(host);
        let args = ["repo", "backup", "--json", &repo, from.to_str().unwrap()];
        let run = Run::of(all.command(host, &args).output().unwrap()).ended(0);
        all.acknowledged(host, &run);
    }
    all.forget();
    all.dr(&["repo", "prune", "--json", &repo, "--now"]).ended(0);
    let last = all.dr(&["repo", "prune", "--json", &repo, "--now"]).ended(0).summary();
    all.prove();
    let live = last["live"].as_u64().unwrap();
    let packs: u64 = ["data", "meta"].iter().map(|folder| bytes_of(&ground.path(&format!("repo/{folder}")))).sum();
    let whole = bytes_of(Path::new(&repo));
    let Counts { backups, prunes, killed, stopped, again, prunes_again, forgotten } = all.counts;
    println!(
        "rounds{}: seed {}: {rounds} rounds; {backups} backups and {prunes} prunes went through, {killed} were killed; {} \
         backups beside a prune that waits for nothing had to run again, {} beside a usual one, {prunes_again} prunes; \
         {stopped} prunes were stopped until the backups beside them were over; {forgotten} snapshots forgotten as \
         announced; a backup took {:.2} s beside a prune and {:.2} s beside a stopped one (medians); in the end {packs} \
         bytes of packs for {live} that are needed ({:.3}), {whole} of all objects",
        if blind { ", blind" } else { "" },
        seed(),
        again[0],
        again[1],
        median(&mut all.beside),
        median(&mut all.beside_stopped),
        packs as f64 / live as f64,
    );
    // Blind, frames are needed whole, and a little is left to what their packs hold beside them.
    assert!(packs * 100 <= live * if blind { 110 } else { 115 }, "{packs} bytes for {live}");
}
