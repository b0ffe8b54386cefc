//! A directory with a million files is backed up, backed up again and restored in a quarter of a GiB.

use crate::bounded::Bounded;
use crate::ground::{Ground, count};

const LIMIT: u64 = 256 << 20;

#[test]
#[ignore = "minutes, and root"]
fn a_million_empty_files_fit_into_a_quarter_of_a_gib() {
    let (files, ground) = (count(1_000_000), Ground::new());
    let from = ground.path("from");
    dr_sample::sets::many_empty(&from, files, 1).unwrap();
    let bounded = Bounded::make(LIMIT);
    let (repo, to, tree) = (ground.at("repo"), ground.at("to"), ground.at("from"));
    ground.dr(["repo", "init", &repo]).ended(0);
    let steps: [(&str, &[&str]); 4] = [
        ("backup", &["repo", "backup", "--json", &repo, &tree]),
        ("backup again", &["repo", "backup", "--json", &repo, &tree]),
        ("restore", &["repo", "restore", "--json", &repo, "latest", "--to", &to]),
        ("check", &["repo", "check", "--json", "--read-data", &repo]),
    ];
    for (name, args) in steps {
        let (run, peak) = bounded.dr(&ground, args);
        assert_eq!(run.code, Some(0), "{name}, VmHWM {} MiB: {}{}", peak >> 20, run.stdout, run.stderr);
        println!("million: {name} of {files} files in {} MiB: VmHWM {} MiB", LIMIT >> 20, peak >> 20);
    }
    println!("million: the group's own peak, page cache and all: {} MiB", bounded.peak() >> 20);
    ground.same_trees(&from, &ground.path("to"), "");
    println!("million: restored exactly");
}
