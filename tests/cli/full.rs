//! A target without room: nothing earlier is lost, and with room the same command works.

use std::fs;

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};

use crate::bench::{Bench, noise};

/// A small file system of its own, until this is dropped.
struct Small(std::path::PathBuf);

impl Small {
    fn new(at: std::path::PathBuf) -> Self {
        Self::with(at, c"size=48m,mode=0700")
    }

    fn with(at: std::path::PathBuf, options: &std::ffi::CStr) -> Self {
        fs::create_dir(&at).unwrap();
        if let Err(why) = mount("none", &at, "tmpfs", MountFlags::empty(), options) {
            panic!(
                "this test needs a small file system and could not mount one: {why}. Run the tests as root, or as \
                 anybody in a namespace of their own: unshare --user --map-root-user --mount cargo xtask test"
            );
        }
        Self(at)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

#[test]
fn a_full_target_fails_by_name_and_works_again_once_there_is_room() {
    let bench = Bench::new();
    let small = Small::new(bench.path("small"));
    let repo = bench.at("small/repo");
    bench.dr(["repo", "init", &repo]).ended(0);
    bench.tree("first", 1 << 20);
    bench.dr(["repo", "backup", &repo, &bench.at("first")]).ended(0);
    fs::write(bench.path("small/ballast"), noise(3, 30 << 20)).unwrap();
    let tree = bench.tree("second", 30 << 20);
    let run = bench.dr(["repo", "backup", &repo, &bench.at("second")]).ended(1);
    run.told(&format!("{repo} is full")).told("Earlier snapshots are untouched").told("Make room");
    bench.dr(["repo", "restore", &repo, "latest", "--to", &bench.at("to-1")]).ended(0);
    bench.same_trees(&bench.path("first"), &bench.path("to-1"), "");

    fs::remove_file(bench.path("small/ballast")).unwrap();
    bench.dr(["repo", "backup", &repo, &bench.at("second")]).ended(0);
    bench.dr(["repo", "restore", &repo, "latest", "--to", &bench.at("to-2")]).ended(0);
    bench.same_trees(&tree, &bench.path("to-2"), "");
    bench.dr(["repo", "check", "--read-data", &repo]).ended(0);
    drop(small);
}

#[test]
fn a_full_place_to_restore_to_is_said_to_be_full() {
    let bench = Bench::with_repository();
    bench.tree("from", 60 << 20);
    bench.backup(&["from"], 0);
    let small = Small::new(bench.path("small"));
    // What is too large for it costs itself alone.
    let to = bench.at("small/to");
    let run = bench.dr(["repo", "restore", &bench.at("repo"), "latest", "--to", &to]).ended(3);
    run.told("there is room for").told("below/b.bin");
    assert!(!bench.path("small/to/below/b.bin").exists() && bench.path("small/to/a.txt").exists());
    // Where not a byte can be written any more, nothing else can.
    for number in 0..60_u8 {
        fs::write(bench.path("from").join(format!("mebibyte-{number}")), noise(u64::from(number) + 9, 1 << 20))
            .unwrap();
    }
    bench.backup(&["from"], 0);
    let to = bench.at("small/again");
    bench.dr(["repo", "restore", &bench.at("repo"), "latest", "--to", &to]).ended(1).told("is full");
    drop(small);
}

/// Bytes that are taken there.
fn taken(at: &std::path::Path) -> u64 {
    let about = rustix::fs::statvfs(at).unwrap();
    (about.f_blocks - about.f_bfree) * about.f_frsize
}

/// Backups of a dump that is another each day, and of what stays, for as long as they go in or so many.
fn fill(bench: &Bench, repo: &str, most: u64) {
    let from = bench.path("from");
    fs::create_dir(&from).unwrap();
    for day in 0..most {
        fs::write(from.join("dump"), noise(day + 1, 3 << 20)).unwrap();
        fs::write(from.join(format!("kept-{day}")), noise(day + 100, 200_000)).unwrap();
        if bench.dr(["repo", "backup", repo, &bench.at("from"), "-q"]).code != Some(0) {
            fs::remove_file(from.join(format!("kept-{day}"))).unwrap();
            break;
        }
    }
    fs::remove_file(from.join("dump")).unwrap();
}

#[test]
fn a_full_target_forgets_and_gives_back_room_by_itself() {
    let bench = Bench::new();
    let small = Small::with(bench.path("small"), c"size=24m,mode=0700");
    let repo = bench.at("small/repo");
    bench.dr(["repo", "init", &repo]).ended(0);
    fill(&bench, &repo, 20);
    // To the last byte.
    let _ = fs::write(bench.path("small/ballast"), noise(3, 24 << 20));
    let full = taken(&bench.path("small"));
    bench.dr(["repo", "forget", &repo, "--keep-last", "1"]).ended(0);
    for _ in 0..3 {
        let run = bench.dr(["repo", "prune", &repo, "--now"]);
        assert!(matches!(run.code, Some(0 | 3)), "{}", run.stderr);
    }
    assert!(taken(&bench.path("small")) < full);
    // The backup for which there was no room is kept so that it can go on, and so is what it relied on.
    let told = bench.dr(["repo", "prune", &repo, "--now", "--json"]).ended(0).summary();
    let kept: u64 = told["unfinished"].as_array().unwrap().iter().map(|one| one["bytes"].as_u64().unwrap()).sum();
    let held = told["held"].as_u64().unwrap();
    bench.dr(["repo", "prune", &repo, "--now", "--unfinished"]).ended(0);
    let gained = full - taken(&bench.path("small"));
    assert!(gained > 8 << 20 && gained > kept + held / 2, "{gained} of {kept} and {held}");
    bench.dr(["repo", "backup", &repo, &bench.at("from")]).ended(0);
    bench.dr(["repo", "restore", &repo, "latest", "--to", &bench.at("to")]).ended(0);
    bench.same_trees(&bench.path("from"), &bench.path("to"), "");
    bench.dr(["repo", "check", "--read-data", &repo]).ended(0);
    drop(small);
}

#[test]
fn a_target_without_a_name_left_forgets_and_gives_back_names() {
    let bench = Bench::new();
    let small = Small::with(bench.path("small"), c"size=48m,nr_inodes=160,mode=0700");
    let repo = bench.at("small/repo");
    bench.dr(["repo", "init", &repo]).ended(0);
    fill(&bench, &repo, 4);
    let some = (0..).find(|n| fs::write(bench.path(&format!("small/ballast-{n}")), "").is_err());
    assert!(some.is_some_and(|n| n > 0));
    bench.dr(["repo", "forget", &repo, "--keep-last", "1"]).ended(0);
    bench.dr(["repo", "prune", &repo, "--now"]).ended(0);
    assert!(rustix::fs::statvfs(bench.path("small")).unwrap().f_ffree > 0);
    let listed = bench.dr(["repo", "snapshots", "--json", &repo]).ended(0).document();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    bench.dr(["repo", "check", "--read-data", &repo]).ended(0);
    drop(small);
}

#[test]
fn an_init_without_room_is_ended_by_the_next_whatever_it_left() {
    let bench = Bench::new();
    bench.tree("from", 1_000);
    for (number, size) in [c"size=4k,mode=0700", c"size=8k,mode=0700", c"size=12k,mode=0700"].into_iter().enumerate() {
        let small = Small::with(bench.path(&format!("small-{number}")), size);
        let repo = bench.at(&format!("small-{number}/repo"));
        let made = bench.dr(["repo", "init", &repo]).code == Some(0);
        mount_remount(&small.0, MountFlags::empty(), c"size=10m,mode=0700").unwrap();
        let again = bench.dr(["repo", "init", &repo]);
        assert_eq!(again.code, Some(i32::from(made)), "{}", again.stderr);
        bench.dr(["repo", "backup", &repo, &bench.at("from")]).ended(0);
        bench.dr(["repo", "restore", &repo, "latest", "--to", &bench.at(&format!("to-{number}"))]).ended(0);
    }
}

#[test]
fn a_log_for_which_there_is_no_room_costs_its_lines_and_no_backup() {
    let bench = Bench::new();
    let small = Small::with(bench.path("small"), c"size=64k,mode=0700");
    let (repo, log) = (bench.at("repo"), bench.at("small/dr.log"));
    bench.dr(["repo", "init", &repo]).ended(0);
    fs::create_dir(bench.path("from")).unwrap();
    fs::write(bench.path("from/a"), noise(1, 10_000)).unwrap();
    let filled = fs::write(bench.path("small/filler"), noise(2, 100_000));
    assert!(filled.is_err());
    let said = bench.dr(["--log", &log, "repo", "backup", &repo, &bench.at("from")]).ended(0);
    assert_eq!(said.stderr.matches("the log cannot be written").count(), 1, "{}", said.stderr);
    // With room it goes on.
    fs::remove_file(bench.path("small/filler")).unwrap();
    bench.dr(["--log", &log, "repo", "backup", &repo, &bench.at("from")]).ended(0);
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.lines().last().unwrap().contains(r#""command":"repo-backup""#), "{text}");
    drop(small);
}
