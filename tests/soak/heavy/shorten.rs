//! A prune that is killed while it writes checkpoints of a long log and removes entries: the repository is whole after each
//! kill, and the next prune goes on.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use dr_repo::{HostId, Repository, Unlock};
use dr_store::BlockingStore;
use dr_store::local::LocalStore;

use crate::ground::{Ground, Luck, Run, count, objects, seed};
use crate::heavy::faulty::Faulty;

/// As many as three checkpoints stand for, and a few more.
const ENTRIES: u64 = 3 * 256 + 10;

/// A repository with a snapshot and a log so long that the next prune writes its third checkpoint and removes what the
/// first stands for.
fn begin(ground: &Ground) {
    let (long, from) = (ground.at("long"), ground.path("from"));
    ground.dr(["repo", "init", &long]).ended(0);
    fs::create_dir(&from).unwrap();
    fs::write(from.join("register"), Luck::new(7).noise(200_000)).unwrap();
    ground.dr(["repo", "backup", &long, from.to_str().unwrap()]).ended(0);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let store = LocalStore::open(ground.path("long")).unwrap();
    let blocking = BlockingStore::new(Arc::new(store), runtime.handle().clone());
    let password = "seven green bottles".to_owned().into();
    let mut repository = Repository::open(blocking, Unlock::Password(password), HostId([1; 4])).unwrap();
    while repository.head().0 < ENTRIES {
        repository.note("a word", 1_800_000_000_000).unwrap();
        // The third is for the prune.
        if objects(&ground.path("long/log")).len() < 600 {
            repository.checkpoint(1_800_000_000_000).unwrap();
        }
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy_all(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// A prune that ends at the request of this number that changes something, if it comes that far.
fn prune(ground: &Ground, faulty: &Faulty, moment: u64, luck: u64) -> Run {
    let mut command = ground.command(["repo", "prune", "--json", "--now", &ground.at("repo")]);
    faulty.kill(&mut command, &ground.path("repo"), moment, luck);
    Run::of(command.stdin(Stdio::null()).output().unwrap())
}

#[test]
fn a_prune_that_is_killed_while_it_shortens_the_log_leaves_it_whole_and_the_next_goes_on() {
    let (kills, ground, mut luck) = (count(8), Ground::on_memory(), Luck::new(seed()));
    let faulty = Faulty::in_folder(&ground.path("home"));
    begin(&ground);
    let repo = ground.at("repo");
    let checkpoints = || objects(&ground.path("repo/ckpt")).len();
    let entries = || objects(&ground.path("repo/log")).len();
    let fresh = || {
        let _ = fs::remove_dir_all(ground.path("repo"));
        copy_all(&ground.path("long"), &ground.path("repo"));
        // Of another copy of the repository this host would remember more than is there.
        let _ = fs::remove_dir_all(ground.path("cache"));
    };
    fresh();
    let before = (entries(), checkpoints());
    assert!(before.0 > 600 && before.1 == 2, "{before:?}");
    prune(&ground, &faulty, u64::MAX, 0).ended(0);
    let all = faulty.count();
    assert!(checkpoints() == 3 && entries() + 200 < before.0 && all > 300, "{} {} {all}", checkpoints(), entries());

    let (mut killed, mut rounds, mut while_deleting, mut before_checkpoint) = (0, 0, 0, 0);
    while killed < kills {
        rounds += 1;
        fresh();
        loop {
            let moment = match luck.below(3) {
                // Where the checkpoint is written, and entry 1 is put in its own place.
                0 => 1 + luck.below(40),
                _ => 1 + luck.below(all),
            };
            let run = prune(&ground, &faulty, moment, luck.next());
            if run.code.is_some() {
                run.ended(0);
                break;
            }
            killed += 1;
            before_checkpoint += u64::from(checkpoints() == 2);
            while_deleting += u64::from(checkpoints() == 3 && entries() < before.0);
            let check = ground.dr(["repo", "check", &repo]);
            assert_eq!(
                check.code,
                Some(0),
                "seed {}: kill {killed}, at request {moment}: {}{}",
                seed(),
                check.stdout,
                check.stderr
            );
        }
        ground.dr(["repo", "prune", &repo, "--now"]).ended(0);
        assert!(
            checkpoints() == 3 && entries() + 200 < before.0,
            "{} checkpoints, {} entries",
            checkpoints(),
            entries()
        );
        ground.dr(["repo", "check", "--read-data", &repo]).ended(0);
        ground.comes_back(&ground.path("from"));
    }
    println!(
        "shorten: seed {}: {killed} kills in {rounds} rounds at some of {all} requests, {before_checkpoint} of them before \
         the checkpoint, {while_deleting} while entries went; every check clean, every rerun done",
        seed()
    );
    assert!(while_deleting > 0, "never killed while entries went");
}
