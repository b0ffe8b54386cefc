//! A source that somebody works in, that fails and that turns into something else, and what its backup says of it.
//!
//! The oracle: what stood whole at every moment of a run is in its snapshot, whole, or named where the disk failed; what
//! stood there all the time and is not in it is named; no snapshot is empty; nothing outside of the source is in it.

mod mutator;
mod places;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread::scope;

use serde_json::Value;

use super::faulty::Faulty;
use crate::ground::{Ground, Luck, Run, count, seed};
use mutator::{OUTSIDE, SAVED, Tree};
use places::{Place, Stress};

/// One in so many questions about the source fails in a run that is to fail.
const FAULTS_EVERY: u64 = 150;

#[test]
fn what_stood_whole_is_in_every_snapshot_whatever_else_happens_to_the_source() {
    let runs = count(3);
    let places = Place::all(runs > 10);
    let mut luck = Luck::new(seed());
    let mut figures = Figures::default();
    for (number, place) in places.iter().enumerate() {
        let share = runs / places.len() as u64 + u64::from((number as u64) < runs % places.len() as u64);
        on(place, share, &mut luck, &mut figures);
    }
    let Figures { runs, faulty, faults, stressed, files, named, nothing, kept } = figures;
    let places: Vec<_> = places.iter().map(|place| place.name).collect();
    println!(
        "source: {runs} runs on {}; {stressed} beside stress-ng, {faulty} with {faults} faults of the disk, of which \
         {nothing} ended without a snapshot; {kept} entries kept, {named} named as missing or not whole, {files} files \
         that stood still or were saved over: each whole, or named for a fault",
        places.join(", ")
    );
}

#[derive(Default)]
struct Figures {
    runs: u64,
    faulty: u64,
    faults: u64,
    stressed: u64,
    files: u64,
    named: u64,
    nothing: u64,
    kept: u64,
}

/// So many runs on one file system.
fn on(place: &Place, runs: u64, luck: &mut Luck, figures: &mut Figures) {
    let ground = Ground::on_memory();
    ground.dr(["repo", "init", &ground.at("repo")]).ended(0);
    let faulty = Faulty::in_folder(&ground.path(""));
    for number in 0..runs {
        let root = place.folder().join(format!("source-{number}"));
        let tree = Tree::make(&root, luck);
        let (fails, stresses) = (number % 3 == 1, number % 2 == 1);
        let until = AtomicBool::new(false);
        let fate = luck.next();
        let run = scope(|scope| {
            let _ends = mutator::Ends(&until);
            tree.mutate(scope, fate, &until, place.may_mount());
            let _stress = stresses.then(|| Stress::begin(&root.join("stress"), fate)).flatten().inspect(|_| {
                figures.stressed += 1;
            });
            backup(&ground, &root, fails.then_some((&faulty, fate)))
        });
        figures.runs += 1;
        if fails {
            (figures.faulty, figures.faults) = (figures.faulty + 1, faulty.count());
        }
        judge(&ground, place, &tree, &run, fails, figures);
        tree.remove();
    }
}

fn backup(ground: &Ground, root: &Path, faults: Option<(&Faulty, u64)>) -> Run {
    let from = root.to_str().unwrap();
    let mut command = ground.command(["repo", "backup", "--json", &ground.at("repo"), from, "--exclude", "*.tmp"]);
    if let Some((faulty, luck)) = faults {
        faulty.befall_source(&mut command, root, FAULTS_EVERY, luck);
    }
    Run::of(command.output().unwrap())
}

/// The paths that a summary names, below the root.
fn named(summary: &Value, list: &str, root: &Path) -> BTreeSet<String> {
    let entries = summary[list].as_array().unwrap().iter();
    let paths = entries.map(|one| one.as_str().or(one["path"].as_str()).unwrap());
    let below = |path: &str| Path::new(path).strip_prefix(root).ok().map(|path| path.to_str().unwrap().to_owned());
    // What is not below is not of the source, and there is no such thing.
    paths.map(|path| below(path).unwrap_or_else(|| panic!("{path} is not below {}", root.display()))).collect()
}

fn judge(ground: &Ground, place: &Place, tree: &Tree, run: &Run, fails: bool, figures: &mut Figures) {
    let on = place.name;
    if run.code == Some(1) && fails {
        // Where nothing can be asked of the source itself there is no snapshot, and it says so.
        figures.nothing += 1;
        assert!(run.stderr.contains("error: "), "{on}: {}", run.stderr);
        return;
    }
    assert!(matches!(run.code, Some(0 | 3)), "{on}: {:?} {}", run.code, run.stderr);
    let summary = run.summary();
    let missing = named(&summary, "unreadable", &tree.root);
    let partial = named(&summary, "partial", &tree.root);
    assert_eq!(run.code == Some(0), missing.is_empty() && partial.is_empty(), "{on}: {}", run.stderr);
    figures.kept += summary["entries"].as_u64().unwrap();
    figures.named += (missing.len() + partial.len()) as u64;

    let to = ground.path("to");
    let restored = ground.dr(["repo", "restore", &ground.at("repo"), "latest", "--to", &ground.at("to"), "--no-owner"]);
    assert!(matches!(restored.code, Some(0 | 3)), "{on}: {}", restored.stderr);
    let is_named = |path: &str| {
        Path::new(path).ancestors().any(|above| {
            let above = above.to_str().unwrap();
            missing.contains(above) || partial.contains(above)
        })
    };
    let mut names = 0;
    for (path, contents) in &tree.still {
        let found = fs::read(to.join(path)).ok();
        names += u64::from(found.is_none());
        match found {
            Some(found) => assert!(found == *contents, "{on}: {path} is not as it was: {}", run.stderr),
            None => assert!(fails && is_named(path), "{on}: {path} is missing and not named: {}", run.stderr),
        }
        figures.files += 1;
    }
    for (path, target) in &tree.links {
        match fs::read_link(to.join(path)) {
            Ok(found) => assert_eq!(found.to_str().unwrap(), target, "{on}: {path}"),
            Err(_) => assert!(fails && is_named(path), "{on}: {path} is missing and not named: {}", run.stderr),
        }
    }
    for path in &tree.attributes {
        let mut value = [0; 16];
        let there = rustix::fs::getxattr(to.join(path), "user.note", &mut value).is_ok();
        assert!(there || (fails && is_named(path)), "{on}: the attribute of {path}: {}", run.stderr);
    }
    for path in SAVED {
        match fs::read_to_string(to.join(path)) {
            Ok(text) => assert!(mutator::is_whole(&text), "{on}: {path} is {text:?}"),
            Err(_) => assert!(fails && is_named(path), "{on}: {path} is missing and not named: {}", run.stderr),
        }
        figures.files += 1;
    }
    // What was there all the time, in whatever state, is in it or named.
    for path in mutator::ALWAYS {
        let there = to.join(path).symlink_metadata().is_ok();
        assert!(there || is_named(path), "{on}: {path} is missing and not named: {}", run.stderr);
    }
    assert!(names < tree.still.len() as u64, "{on}: nothing of what stood still is there: {}", run.stderr);
    nothing_of(&to, OUTSIDE);
    // Attributes of folders that were closed meanwhile come back closed.
    mutator::open_all(&to);
    fs::remove_dir_all(to).unwrap();
}

/// No file below holds these bytes.
fn nothing_of(folder: &Path, bytes: &[u8]) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            nothing_of(&entry.path(), bytes);
        } else if kind.is_file() {
            let held = fs::read(entry.path()).unwrap_or_default();
            let holds = held.windows(bytes.len()).any(|part| part == bytes);
            assert!(!holds, "{} holds what is outside of the source", entry.path().display());
        }
    }
}
