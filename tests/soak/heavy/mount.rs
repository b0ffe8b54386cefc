//! A mounted folder that is read at random and listed whole, in 256 MiB.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::ground::{Ground, Luck, count, program, seed};
use crate::held::HeldMount;

/// What `dr mount` says that it takes.
const LIMIT: u64 = 256 << 20;
/// Reads, where the whole count is asked for.
const WHOLE: u64 = 10_000;
const FEW: u64 = 600;

fn mounted(ground: &Ground) -> HeldMount {
    let mut command = ground.start(program());
    command.args(["repo", "mount", &ground.at("repo"), &ground.at("look"), "--snapshot", "latest"]);
    HeldMount::begin(command, &ground.path("look"))
}

/// Ends it, and says how large it was.
#[track_caller]
fn ended(mounted: HeldMount, what: &str) {
    let peak = mounted.peak();
    println!("mount: {what}: VmHWM {} MiB", peak >> 20);
    assert!(peak <= LIMIT, "{what} took {} MiB", peak >> 20);
    assert_eq!(mounted.end().with(0).stderr, "");
}

#[test]
fn random_reads_of_a_large_file_are_what_it_holds() {
    let (reads, ground) = (count(FEW), Ground::new());
    let size: u64 = if reads >= WHOLE { 1 << 30 } else { 96 << 20 };
    fs::create_dir(ground.path("from")).unwrap();
    let mut luck = Luck::new(seed());
    let file = File::create(ground.path("from/image")).unwrap();
    file.set_len(size).unwrap();
    // Of each four MiB three have data, and of those one compresses.
    for piece in (0..size >> 20).filter(|piece| piece % 4 != 3) {
        let bytes = if piece % 4 == 1 { luck.noise(4 << 10).repeat(256) } else { luck.noise(1 << 20) };
        file.write_all_at(&bytes, piece << 20).unwrap();
    }
    let file = File::open(ground.path("from/image")).unwrap();
    ground.dr(["repo", "init", &ground.at("repo")]).ended(0);
    ground.backup(&ground.path("from"));
    let mounted = mounted(&ground);
    let shown = File::open(mounted.dir.join("image")).unwrap();
    assert_eq!(shown.metadata().unwrap().len(), size);
    let (began, mut longest) = (Instant::now(), 0.0f64);
    for _ in 0..reads {
        let at = luck.below(size);
        let length = luck.below(64 << 10).min(size - at) as usize;
        let (mut one, mut other) = (vec![0; length], vec![0; length]);
        let before = Instant::now();
        shown.read_exact_at(&mut one, at).unwrap();
        longest = longest.max(before.elapsed().as_secs_f64());
        file.read_exact_at(&mut other, at).unwrap();
        assert!(one == other, "they differ within {length} bytes from {at}");
    }
    println!(
        "mount: {reads} random reads of {} MiB: {:.1} s, the longest {longest:.3} s",
        size >> 20,
        began.elapsed().as_secs_f64()
    );
    let began = Instant::now();
    let (mut one, mut other, mut at) = (vec![0; 1 << 20], vec![0; 1 << 20], 0);
    while at < size {
        shown.read_exact_at(&mut one, at).unwrap();
        file.read_exact_at(&mut other, at).unwrap();
        assert!(one == other, "they differ within a MiB from {at}");
        at += 1 << 20;
    }
    println!("mount: all of it in order: {:.0} MiB/s", (size >> 20) as f64 / began.elapsed().as_secs_f64());
    drop(shown);
    ended(mounted, "a large file");
}

/// Every name below a folder, with its size.
fn listed(folder: &Path) -> Vec<(PathBuf, u64)> {
    let (mut out, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            if meta.is_dir() {
                folders.push(path);
            } else {
                out.push((path, meta.len()));
            }
        }
    }
    out.sort();
    out.into_iter().map(|(path, size)| (path.strip_prefix(folder).unwrap().to_owned(), size)).collect()
}

#[test]
fn a_long_listing_has_every_name_once() {
    let (files, ground) = (count(FEW) * 10, Ground::new());
    let from = ground.path("from");
    for number in 0..files {
        // One folder in ten holds others, and one holds a third of all.
        let folder = match number % 3 {
            0 => from.join("crowd"),
            _ => from.join(format!("{:02}/{:03}", number % 10, number % 300)),
        };
        if number < 3_000 {
            fs::create_dir_all(&folder).unwrap();
        }
        fs::write(folder.join(format!("{number:07}")), number.to_string()).unwrap();
    }
    ground.dr(["repo", "init", &ground.at("repo")]).ended(0);
    ground.backup(&from);
    let mounted = mounted(&ground);
    for round in ["first", "again"] {
        let began = Instant::now();
        let shown = listed(&mounted.dir);
        println!("mount: {} names, {round}: {:.1} s", shown.len(), began.elapsed().as_secs_f64());
        assert!(shown == listed(&from));
    }
    let listing = ground.start("ls").arg("-R").arg(&mounted.dir).output().unwrap();
    assert!(listing.status.success() && listing.stdout.split(|b| *b == b'\n').count() as u64 > files);
    ended(mounted, "a long listing");
}
