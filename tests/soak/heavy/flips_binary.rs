//! A flipped bit in any kind of object, met by the program: named by the check, and never passed off as right.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::ground::{Ground, Luck, count, objects, seed};

/// Two snapshots of a tree that has text, noise, holes and links.
fn prepare(ground: &Ground, luck: &mut Luck) -> PathBuf {
    let from = ground.path("from");
    dr_sample::sets::source_tree(&from.join("code"), 1, seed()).unwrap();
    fs::write(from.join("noise"), luck.noise(300_000)).unwrap();
    fs::hard_link(from.join("noise"), from.join("same")).unwrap();
    ground.dr(["repo", "init", &ground.at("repo")]).ended(0);
    ground.backup(&from);
    fs::write(from.join("later"), luck.noise(5_000)).unwrap();
    ground.backup(&from);
    from
}

/// Flips one bit of an object, and again flips it back.
fn flip(object: &Path, at: u64, bit: u8) {
    let mut bytes = fs::read(object).unwrap();
    bytes[at as usize] ^= 1 << bit;
    let mode = fs::metadata(object).unwrap().permissions();
    fs::set_permissions(object, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(object, bytes).unwrap();
    fs::set_permissions(object, mode).unwrap();
}

#[test]
fn a_flipped_bit_is_named_and_what_comes_back_is_right() {
    let (per_kind, mut luck, ground) = (count(2), Luck::new(seed()), Ground::new());
    let from = prepare(&ground, &mut luck);
    let repository = ground.path("repo");
    let mut kinds: BTreeMap<String, Vec<(PathBuf, u64)>> = BTreeMap::new();
    for (path, size) in objects(&repository) {
        let kind = path.strip_prefix(&repository).unwrap().iter().next().unwrap().to_string_lossy().into_owned();
        kinds.entry(kind).or_default().push((path, size));
    }
    let named: Vec<&str> = kinds.keys().map(String::as_str).collect();
    assert_eq!(named, ["data", "ecc", "idx", "keys", "log", "meta", "repo.json"]);
    for (kind, all) in &kinds {
        let (mut whole, mut partly, mut refused) = (0, 0, 0);
        for _ in 0..per_kind {
            let (object, size) = &all[luck.below(all.len() as u64) as usize];
            let (at, bit) = (luck.below(*size), luck.below(8) as u8);
            let name = object.strip_prefix(&repository).unwrap().to_str().unwrap();
            let what = format!("seed {}: bit {bit} of byte {at} of {name} ({size} bytes)", seed());
            flip(object, at, bit);
            // Nothing that this machine remembers may stand in for what the repository says.
            let _ = fs::remove_dir_all(ground.path("cache"));
            let check = ground.dr(["repo", "check", "--json", "--read-data", &ground.at("repo")]);
            let said = format!("{what}: code {:?}\n{}\n{}", check.code, check.stdout, check.stderr);
            assert!(!said.contains("panicked"), "check panicked: {said}");
            assert!(matches!(check.code, Some(1 | 3)), "check: {said}");
            assert!(said.matches(name).count() > 1, "the check does not name it: {said}");
            let _ = fs::remove_dir_all(ground.path("cache"));
            let restore =
                ground.dr(["repo", "restore", "--json", &ground.at("repo"), "latest", "--to", &ground.at("to")]);
            let said = format!("{what}: code {:?}\n{}\n{}", restore.code, restore.stdout, restore.stderr);
            assert!(!said.contains("panicked"), "restore panicked: {said}");
            match restore.code {
                Some(0) => {
                    ground.same_trees(&from, &ground.path("to"), "");
                    whole += 1;
                }
                Some(3) => {
                    right_or_named(&ground, &from, &restore.summary(), &said);
                    partly += 1;
                }
                Some(1) => refused += 1,
                _ => panic!("restore: {said}"),
            }
            let _ = fs::remove_dir_all(ground.path("to"));
            flip(object, at, bit);
        }
        println!(
            "flips-binary: seed {}: {kind}: {per_kind} flips, all named by the check; restored whole {whole}, with \
             something named {partly}, refused {refused}",
            seed()
        );
    }
    ground.comes_back(&from);
    ground.dr(["repo", "check", "--read-data", &ground.at("repo")]).ended(0);
}

/// After exit code 3: every file that came back has the right bytes, and every one that did not is named, or the
/// snapshot is an older one and that was said.
fn right_or_named(ground: &Ground, from: &Path, summary: &serde_json::Value, said: &str) {
    let is_failed = |path: &Path| {
        summary["failed"].as_array().unwrap().iter().any(|one| {
            let (failed, why) = (one["path"].as_str().unwrap(), one["why"].as_str().unwrap());
            let is_range = why.starts_with("entries up to this one are lost");
            failed.is_empty() || path.starts_with(failed) || (is_range && path <= Path::new(failed))
        })
    };
    let older = said.contains("newest log entry") || said.contains("may not be the newest");
    let mut left = vec![from.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let below = path.strip_prefix(from).unwrap();
            let back = ground.path("to").join(below);
            if path.is_dir() {
                left.push(path);
                continue;
            }
            match fs::read(&back) {
                Ok(bytes) => assert!(bytes == fs::read(&path).unwrap(), "{} is wrong: {said}", below.display()),
                Err(_) => assert!(is_failed(below) || older, "{} is lost unnamed: {said}", below.display()),
            }
        }
    }
}
