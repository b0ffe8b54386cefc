//! The first version that backed up and restored, on a repository that today's dr has forgotten and pruned in: it reads
//! everything, writes nothing, and says why. `cargo xtask soak day-one` builds it from its commit.

use std::fs;
use std::path::{Path, PathBuf};

use crate::ground::{Ground, Luck, Run, objects};

fn bytes_of(repository: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    objects(repository).into_iter().map(|(path, _)| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
#[ignore = "needs the program of an early commit in DR_SOAK_OLD: a soak"]
fn a_day_one_program_reads_what_todays_wrote_and_writes_nothing() {
    let old =
        std::env::var_os("DR_SOAK_OLD").expect("DR_SOAK_OLD names an early dr; `cargo xtask soak day-one` does it");
    let (ground, mut luck) = (Ground::new(), Luck::new(1));
    let (repo, from) = (ground.at("repo"), ground.path("from"));
    fs::create_dir(&from).unwrap();
    ground.dr(["repo", "init", &repo]).ended(0);
    let mut ids = Vec::new();
    for generation in 0..4 {
        for number in 0..20 {
            if generation == 0 || number % 3 == 0 {
                fs::write(from.join(format!("file-{number}")), luck.noise(100_000)).unwrap();
            }
        }
        let copy = ground.path(&format!("copy-{generation}"));
        fs::create_dir(&copy).unwrap();
        for entry in fs::read_dir(&from).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
        }
        ids.push((ground.backup(&from)["snapshot"].as_str().unwrap().to_owned(), copy));
    }
    ground.dr(["repo", "forget", &repo, &ids[1].0, &ids[2].0]).ended(0);
    ground.dr(["repo", "forget", &repo, "--undo", &ids[2].0]).ended(0);
    ground.dr(["repo", "prune", &repo, "--now"]).ended(0);
    ids.remove(1);

    let before = bytes_of(Path::new(&repo));
    let old = |args: &[&str]| {
        let mut command = ground.start(&old);
        // Its own notes, as a host has that was never updated.
        command.args(args).env("HOME", ground.path("old")).env("DR_CACHE", ground.path("old"));
        Run::of(command.output().unwrap())
    };
    let listed = old(&["repo", "snapshots", "--json", &repo]).ended(0).stdout;
    assert!(ids.iter().all(|(id, _)| listed.contains(id.as_str())), "{listed}");
    old(&["repo", "ls", &repo, "latest"]).ended(0);
    old(&["repo", "stats", &repo]).ended(0);
    old(&["repo", "check", "--read-data", &repo]).ended(0);
    for (id, copy) in &ids {
        let to = ground.at("to");
        old(&["repo", "restore", &repo, id, "--to", &to]).ended(0);
        ground.same_trees(copy, Path::new(&to), "mtime,mode,root");
        fs::remove_dir_all(to).unwrap();
    }
    let refused = old(&["repo", "backup", &repo, from.to_str().unwrap()]).ended(1);
    println!("day-one: {} snapshots restored; backup said: {}", ids.len(), refused.stderr.trim());
    assert!(refused.stderr.contains("which this program does not know"), "{}", refused.stderr);
    assert!(bytes_of(Path::new(&repo)) == before, "it changed something");
}
