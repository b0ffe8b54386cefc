//! Whole trees there and back: exact by an independent script, and nothing stored that was stored before.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::ground::{Ground, Luck, objects, seed};

/// New bytes of the change; none of them compress, so that what they compress to is known.
const NEW_FILES: usize = 256;
const NEW_EACH: usize = 64 << 10;

#[test]
#[ignore = "minutes: /usr and whatever DR_SOAK_TREES names"]
fn trees_come_back_exactly_and_an_unchanged_one_costs_nothing() {
    let ground = Ground::new();
    let oddities = ground.path("oddities");
    fs::create_dir(&oddities).unwrap();
    for missing in dr_sample::oddities::make(&oddities).unwrap() {
        println!("trees: not made: {missing}");
    }
    there_and_back(&oddities, true);
    let trees = std::env::var("DR_SOAK_TREES").unwrap_or_else(|_| "/usr".into());
    for tree in trees.split(':').filter(|tree| !tree.is_empty()) {
        let tree = Path::new(tree);
        // What belongs to the machine is not ours to change, and too large to copy.
        if tree == Path::new("/usr") {
            there_and_back(tree, false);
            continue;
        }
        let copy = ground.path("copy");
        assert!(Command::new("cp").arg("-a").arg(tree).arg(&copy).status().unwrap().success());
        there_and_back(&copy, true);
        fs::remove_dir_all(&copy).unwrap();
    }
}

fn there_and_back(from: &Path, ours: bool) {
    let ground = Ground::new();
    let repository = ground.path("repo");
    ground.dr(["repo", "init", &ground.at("repo")]).ended(0);
    let first = ground.backup(from);
    assert_eq!(first["unreadable"], serde_json::json!([]));
    ground.comes_back(from);
    let named = from.file_name().unwrap().to_string_lossy();
    let entries = first["entries"].as_u64().unwrap();
    println!("trees: {named}: {entries} entries, {} bytes stored; restored exactly", first["bytes_stored"]);

    let before = objects(&repository);
    ground.backup(from);
    let (count, bytes) = new_since(&before, &repository);
    println!("trees: {named}: unchanged: {count} objects, {bytes} bytes");
    assert!(count <= 3 && bytes <= 64 << 10, "an unchanged backup of {named} added {count} objects, {bytes} bytes");
    if !ours {
        return;
    }

    let fresh = change(from);
    let before = objects(&repository);
    ground.backup(from);
    let (count, bytes) = new_since(&before, &repository);
    let limit = fresh * 11 / 10 + (256 << 10) * entries.div_ceil(1_000_000);
    println!("trees: {named}: {fresh} new bytes and renames: {count} objects, {bytes} bytes (at most {limit})");
    assert!(bytes <= limit, "a changed backup of {named} added {bytes} bytes, at most {limit}");
    ground.comes_back(from);
}

/// Objects that were not there before, and their bytes.
fn new_since(before: &[(std::path::PathBuf, u64)], repository: &Path) -> (usize, u64) {
    let new: Vec<u64> =
        objects(repository).into_iter().filter(|object| !before.contains(object)).map(|(_, size)| size).collect();
    (new.len(), new.iter().sum())
}

/// New files all over the tree, and as many others renamed; the new bytes.
fn change(top: &Path) -> u64 {
    let mut luck = Luck::new(seed());
    let (mut folders, mut files, mut next) = (Vec::new(), Vec::new(), vec![top.to_owned()]);
    while let Some(folder) = next.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                next.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
        folders.push(folder);
    }
    for number in 0..NEW_FILES {
        let folder = &folders[luck.below(folders.len() as u64) as usize];
        // A folder of the oddities may have no room for another name.
        let _ = fs::write(folder.join(format!("new-{number}")), luck.noise(NEW_EACH));
        if number % 4 == 0 && !files.is_empty() {
            let file = files.swap_remove(luck.below(files.len() as u64) as usize);
            fs::rename(&file, file.with_file_name(format!("renamed-{number}"))).unwrap();
        }
    }
    (NEW_FILES * NEW_EACH) as u64
}
