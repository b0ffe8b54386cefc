//! A target without room: nothing earlier is lost, and with room the same command works.

use std::fs;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::bench::{Bench, noise};

/// A small file system of its own, until this is dropped.
struct Small(std::path::PathBuf);

impl Small {
    fn new(at: std::path::PathBuf) -> Self {
        fs::create_dir(&at).unwrap();
        if let Err(why) = mount("none", &at, "tmpfs", MountFlags::empty(), c"size=48m,mode=0700") {
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
    let to = bench.at("small/to");
    bench.dr(["repo", "restore", &bench.at("repo"), "latest", "--to", &to]).ended(1).told("full");
    assert!(!bench.path("small/to/below/b.bin").exists());
    drop(small);
}
