//! Trees of extreme shapes are backed up, backed up again, restored and checked in 128 MiB.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use rustix::fs::{SeekFrom, seek};

use crate::bounded::Bounded;
use crate::ground::{Ground, Luck, count, seed};

/// Memory, and with it whatever the kernel keeps of the files for this group.
const LIMIT: u64 = 128 << 20;
const MANY: u64 = 1_000_000;
const FEW: u64 = 3_000;
const GIB: u64 = 1 << 30;

/// Backs `from` up twice, restores it to `to` and checks the repository. Bounded where the whole count is asked for, for
/// that needs root.
fn there_and_back(ground: &Ground, what: &str, whole: bool) {
    let bounded = if whole { Bounded::make(LIMIT) } else { Bounded::watched() };
    let (repo, to, tree) = (ground.at("repo"), ground.at("to"), ground.at("from"));
    ground.dr(["repo", "init", &repo]).ended(0);
    let steps: [(&str, &[&str]); 4] = [
        ("backup", &["repo", "backup", "--json", &repo, &tree]),
        ("backup again", &["repo", "backup", "--json", &repo, &tree]),
        ("restore", &["repo", "restore", "--json", &repo, "latest", "--to", &to]),
        ("check", &["repo", "check", "--json", "--read-data", &repo]),
    ];
    for (name, args) in steps {
        let started = std::time::Instant::now();
        let (run, peak) = bounded.dr(ground, args);
        assert_eq!(run.code, Some(0), "{what}, {name}, VmHWM {} MiB: {}{}", peak >> 20, run.stdout, run.stderr);
        println!("shapes: {what}: {name}: VmHWM {} MiB, {:.1} s", peak >> 20, started.elapsed().as_secs_f64());
        assert!(peak < LIMIT, "{what}, {name} took {} MiB", peak >> 20);
        if name == "backup again" {
            let stored = run.summary()["bytes_stored"].as_u64().unwrap();
            assert!(stored < 64 << 10, "{what}: nothing had changed, and {stored} bytes were stored");
        }
    }
    println!("shapes: {what}: the group's own peak, page cache and all: {} MiB", bounded.peak() >> 20);
}

#[test]
fn a_directory_of_a_million() {
    let (files, ground) = (count(FEW), Ground::new());
    let from = ground.path("from");
    dr_sample::sets::many_empty(&from, files, seed()).unwrap();
    there_and_back(&ground, "a crowded directory", files >= MANY);
    ground.same_trees(&from, &ground.path("to"), "");
}

#[test]
fn a_million_files_of_four_kib() {
    let (files, ground) = (count(FEW), Ground::new());
    let from = ground.path("from");
    let mut luck = Luck::new(seed());
    for number in 0..files {
        let folder = from.join(format!("{:04}", number / 1_000));
        if number % 1_000 == 0 {
            fs::create_dir_all(&folder).unwrap();
        }
        fs::write(folder.join(format!("{number:07}")), luck.noise(4 << 10)).unwrap();
    }
    there_and_back(&ground, "small files", files >= MANY);
    ground.same_trees(&from, &ground.path("to"), "");
}

#[test]
fn an_image_of_300_gib_that_is_nearly_all_holes() {
    let (whole, ground) = (count(FEW) >= MANY, Ground::new());
    let size = if whole { 300 * GIB } else { 3 * GIB };
    fs::create_dir(ground.path("from")).unwrap();
    let (from, to) = (ground.path("from/disk.img"), ground.path("to/disk.img"));
    let (image, mut luck) = (File::create(&from).unwrap(), Luck::new(seed()));
    image.set_len(size).unwrap();
    for _ in 0..300 {
        let (at, length) = (luck.below(size >> 16) << 16, luck.below(128) << 10);
        image.write_all_at(&luck.noise(length as usize), at).unwrap();
    }
    image.write_all_at(b"the end", size - 7).unwrap();
    there_and_back(&ground, "holes", whole);
    let extents = same_extents(&from, &to);
    println!("shapes: holes: {extents} stretches of data in {} GiB are the same", size / GIB);
}

/// Compares what two files hold, hole by hole: how many stretches of data there were.
fn same_extents(from: &Path, to: &Path) -> u64 {
    let (left, right) = (File::open(from).unwrap(), File::open(to).unwrap());
    let (a, b) = (left.metadata().unwrap(), right.metadata().unwrap());
    assert_eq!((a.len(), a.mtime(), a.mode()), (b.len(), b.mtime(), b.mode()));
    let slack = 1_024;
    assert!(b.blocks() <= a.blocks() + slack, "{} blocks became {}: holes were filled", a.blocks(), b.blocks());
    let mut stretches = 0;
    // Where either has data the other has the same, or zeros that it does not show.
    for file in [&left, &right] {
        let mut at = 0;
        while let Ok(start) = seek(file, SeekFrom::Data(at)) {
            let end = seek(file, SeekFrom::Hole(start)).unwrap();
            stretches += 1;
            at = start;
            while at < end {
                let length = (end - at).min(1 << 20) as usize;
                let (mut one, mut other) = (vec![0; length], vec![0; length]);
                left.read_exact_at(&mut one, at).unwrap();
                right.read_exact_at(&mut other, at).unwrap();
                assert!(one == other, "they differ within {length} bytes from {at}");
                at += length as u64;
            }
        }
    }
    stretches
}

#[test]
fn five_hundred_levels_past_path_max() {
    let (whole, ground) = (count(FEW) >= MANY, Ground::new());
    let from = ground.path("from");
    let length = dr_sample::oddities::past_path_max(&from, 500).unwrap();
    assert!(length > 4_096);
    there_and_back(&ground, "levels", whole);
    ground.same_trees(&from, &ground.path("to"), "");
    println!("shapes: levels: 500, a path of {length} bytes");
}
