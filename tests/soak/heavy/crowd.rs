//! Eight writers and two prunes on one repository at once, stopped and killed at random moments, on a disk that fails now
//! and then (`faults.c`): nobody's acknowledged snapshot is lost, nothing that is left over is in anybody's way, and room
//! is given back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dr_repo::{HostId, PruneOptions, Repository, Tally, Unlock, plan_prune};
use dr_store::BlockingStore;
use dr_store::local::LocalStore;
use rustix::process::{Pid, Signal, kill_process};

use crate::ground::{Ground, Luck, Run, bytes_of, count, seed};
use crate::heavy::faulty::Faulty;

const WRITERS: usize = 8;
const PRUNERS: usize = 2;

/// A process of the crowd.
struct Busy {
    child: Child,
    /// For so many steps more it is stopped.
    stopped: u64,
    /// Its disk fails now and then.
    is_faulty: bool,
}

impl Busy {
    fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            // It may have ended this moment.
            let _ = kill_process(pid, signal);
        }
    }
}

struct Crowd<'a> {
    ground: &'a Ground,
    faulty: &'a Faulty,
    luck: Luck,
    writers: Vec<Option<Busy>>,
    pruners: Vec<Option<Busy>>,
    forgets: Vec<bool>,
    /// The newest acknowledged snapshot of each writer, and a copy of what it holds.
    newest: BTreeMap<usize, (String, PathBuf)>,
    done: u64,
    pruned: u64,
    killed: u64,
    again: u64,
    /// Ended by a fault of the disk.
    failed: u64,
    copies: u64,
}

/// Every second one on a disk that fails once in some hundred requests, or in some thousand.
fn start(ground: &Ground, faulty: &Faulty, luck: &mut Luck, args: &[&str]) -> Busy {
    let mut command = ground.command(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let is_faulty = luck.below(2) == 0;
    if is_faulty {
        faulty.befall(&mut command, &ground.path("repo"), 200 << luck.below(6), luck.next());
    }
    Busy { child: command.spawn().unwrap(), stopped: 0, is_faulty }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

impl Crowd<'_> {
    fn from(&self, writer: usize) -> PathBuf {
        self.ground.path(&format!("from-{writer}"))
    }

    /// Some files that all writers have, and some of its own that change.
    fn change(&mut self, writer: usize) {
        let top = self.from(writer);
        fs::create_dir_all(&top).unwrap();
        for number in 0..12 {
            let path = top.join(format!("own-{number}"));
            if !path.exists() || self.luck.below(4) == 0 {
                let length = 30_000 + self.luck.below(300_000) as usize;
                fs::write(path, self.luck.noise(length)).unwrap();
            }
            // The same few contents come and go everywhere: what one forgets another finds again.
            let shared = Luck::new(1_000 + self.luck.below(24)).noise(100_000);
            fs::write(top.join(format!("shared-{number}")), shared).unwrap();
        }
    }

    fn begin(&mut self) {
        let repo = self.ground.at("repo");
        for writer in 0..WRITERS {
            if self.writers[writer].is_none() {
                self.change(writer);
                let from = self.from(writer);
                let args = ["repo", "backup", "--json", &repo, from.to_str().unwrap()];
                self.writers[writer] = Some(start(self.ground, self.faulty, &mut self.luck, &args));
            }
        }
        for pruner in 0..PRUNERS {
            if self.pruners[pruner].is_none() {
                self.forgets[pruner] = !self.forgets[pruner];
                let args = match self.forgets[pruner] {
                    true => vec!["repo", "forget", "--json", &repo, "--keep-last", "4"],
                    false => vec!["repo", "prune", "--json", &repo, "--now"],
                };
                self.pruners[pruner] = Some(start(self.ground, self.faulty, &mut self.luck, &args));
            }
        }
    }

    /// Stops some, lets some go on, kills some.
    fn torment(&mut self) {
        let luck = &mut self.luck;
        for busy in self.writers.iter_mut().chain(&mut self.pruners).flatten() {
            if busy.stopped > 0 {
                busy.stopped -= 1;
                if busy.stopped == 0 {
                    busy.signal(Signal::CONT);
                }
            } else if luck.below(60) == 0 {
                busy.stopped = 1 + luck.below(60);
                busy.signal(Signal::STOP);
            } else if luck.below(250) == 0 {
                self.killed += 1;
                busy.signal(Signal::KILL);
            }
        }
    }

    fn gather(&mut self) {
        for writer in 0..WRITERS {
            let Some((run, is_faulty)) = ended(&mut self.writers[writer]) else { continue };
            match run.code {
                Some(0) => {
                    let id = run.summary()["snapshot"].as_str().unwrap().to_owned();
                    self.copies += 1;
                    let copy = self.ground.path(&format!("copy-{}", self.copies));
                    copy_tree(&self.from(writer), &copy);
                    if let Some((_, old)) = self.newest.insert(writer, (id, copy)) {
                        fs::remove_dir_all(old).unwrap();
                    }
                    self.done += 1;
                }
                None => {}
                _ if run.stderr.contains("; run again") => self.again += 1,
                Some(1) if is_faulty && is_of_the_disk(&run) => self.failed += 1,
                _ => panic!("writer {writer} ended with {:?}: {}", run.code, run.stderr),
            }
        }
        for pruner in 0..PRUNERS {
            let Some((run, is_faulty)) = ended(&mut self.pruners[pruner]) else { continue };
            match run.code {
                Some(0) => self.pruned += u64::from(!self.forgets[pruner]),
                None => {}
                Some(1) if is_faulty && is_of_the_disk(&run) => self.failed += 1,
                _ if run.stderr.contains("run again") || run.stderr.contains("running again") => self.again += 1,
                _ => panic!("pruner {pruner} ended with {:?}: {}", run.code, run.stderr),
            }
        }
    }

    fn quiet(&mut self) {
        for busy in self.writers.iter_mut().chain(&mut self.pruners).flatten() {
            busy.signal(Signal::CONT);
        }
        while self.writers.iter().chain(&self.pruners).any(Option::is_some) {
            self.gather();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Every writer's newest acknowledged snapshot restores as it was.
    fn prove(&self) {
        let repo = self.ground.at("repo");
        self.ground.dr(["repo", "check", "--read-data", &repo]).ended(0);
        for (id, copy) in self.newest.values() {
            let to = self.ground.path("to");
            self.ground.dr(["repo", "restore", &repo, id, "--to", to.to_str().unwrap()]).ended(0);
            for entry in fs::read_dir(copy).unwrap() {
                let path = entry.unwrap().path();
                let (was, is) = (fs::read(&path).unwrap(), fs::read(to.join(path.file_name().unwrap())).unwrap());
                assert!(was == is, "snapshot {id}: {} came back otherwise", path.display());
            }
            fs::remove_dir_all(to).unwrap();
        }
    }
}

/// Whether it said that the disk failed it, and what is safe.
fn is_of_the_disk(run: &Run) -> bool {
    let of_the_disk = run.stderr.contains("(os error 5)") || run.stderr.contains(" is full");
    of_the_disk
        && (run.stderr.contains("untouched") || run.stderr.contains("whole") || run.stderr.contains("Nothing was"))
}

/// What a process left behind, once it has ended, and whether its disk failed now and then.
fn ended(busy: &mut Option<Busy>) -> Option<(Run, bool)> {
    let is_over = busy.as_mut()?.child.try_wait().unwrap().is_some();
    let over = if is_over { busy.take() } else { None };
    over.map(|busy| (Run::of(busy.child.wait_with_output().unwrap()), busy.is_faulty))
}

/// Gives room back as somebody would whose clock says that a year has passed, and says how much is needed.
fn prune_in_a_year(ground: &Ground) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(365 * 86_400);
    let now_ms = i64::try_from(now.as_millis()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let store = BlockingStore::new(Arc::new(LocalStore::open(ground.path("repo")).unwrap()), runtime.handle().clone());
    let password = "seven green bottles".to_owned().into();
    let mut repository = Repository::open(store, Unlock::Password(password), HostId([1; 4])).unwrap();
    let options = PruneOptions {
        now_ms,
        undo_ms: 0,
        settle_ms: 0,
        waste: 0.05,
        unfinished: false,
        scratch: &ground.path("home"),
        journal: None,
        clock: &|| now_ms,
        stop: &AtomicBool::new(false),
        tally: &Tally::default(),
    };
    let mut prune = || plan_prune(&mut repository, &options).unwrap().execute(&mut repository).unwrap();
    for _ in 0..2 {
        prune();
    }
    prune().live
}

/// What all processes of this took that have ended, in seconds.
fn cpu_seconds() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // After the name in brackets: the 14th and 15th are those of the ended children, in hundredths.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[13..15].iter().map(|field| field.parse::<u64>().unwrap()).sum::<u64>() / 100
}

#[test]
fn writers_and_prunes_that_are_stopped_and_killed_on_a_failing_disk_lose_nothing_and_leave_nothing() {
    let (seconds, ground) = (count(60), Ground::new());
    let faulty = Faulty::in_folder(&ground.path("home"));
    // The costly part of a password, once.
    ground.dr(["repo", "init", &ground.at("repo")]).ended(0);
    let mut crowd = Crowd {
        ground: &ground,
        faulty: &faulty,
        luck: Luck::new(seed()),
        writers: (0..WRITERS).map(|_| None).collect(),
        pruners: (0..PRUNERS).map(|_| None).collect(),
        forgets: vec![false; PRUNERS],
        newest: BTreeMap::new(),
        done: 0,
        pruned: 0,
        killed: 0,
        again: 0,
        failed: 0,
        copies: 0,
    };
    let mut proved = 0;
    while cpu_seconds() < seconds || crowd.pruned < 2 || faulty.count() == 0 {
        crowd.begin();
        // Not waiting for anything: the step is the crowd's unit of luck.
        std::thread::sleep(Duration::from_millis(10));
        crowd.torment();
        crowd.gather();
        if cpu_seconds() >= proved + 300 {
            proved = cpu_seconds();
            crowd.quiet();
            crowd.prove();
            println!(
                "crowd: {} prunes, {} backups, {} kills, {} faults, {} s of CPU",
                crowd.pruned,
                crowd.done,
                crowd.killed,
                faulty.count(),
                cpu_seconds()
            );
        }
    }
    crowd.quiet();
    crowd.prove();
    // Nobody needs to clear up: the next of each goes through, and then the room is free.
    for writer in 0..WRITERS {
        crowd.change(writer);
        ground.backup(&crowd.from(writer));
    }
    let repo = ground.at("repo");
    ground.dr(["repo", "forget", &repo, "--keep-last", "1"]).ended(0);
    ground.dr(["repo", "prune", &repo, "--now"]).ended(0);
    // What a run had registered before its disk failed it is kept for the next one; who comes in a year finds nobody there.
    let live = prune_in_a_year(&ground);
    ground.dr(["repo", "check", "--read-data", &repo]).ended(0);
    let packs: u64 = ["data", "meta"].iter().map(|folder| bytes_of(&ground.path(&format!("repo/{folder}")))).sum();
    println!(
        "crowd: seed {}: {} backups and {} prunes went through, {} were killed, {} had to run again, {} failed by \
         {} faults of the disk; every acknowledged snapshot restored; {} s of CPU; in the end {packs} bytes of packs for {live} that are needed",
        seed(),
        crowd.done,
        crowd.pruned,
        crowd.killed,
        crowd.again,
        crowd.failed,
        faulty.count(),
        cpu_seconds(),
    );
    assert!(packs * 100 <= live * 115, "{packs} bytes for {live}");
}
