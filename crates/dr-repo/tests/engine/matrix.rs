//! Every kind of damage to every kind of object, and what becomes of it: `damage.txt` is the whole table.
//!
//! A cell says how the operation ends, and how many of the three snapshots then come back whole. After any of them, what
//! could be restored before it can still be restored.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use dr_repo::{CheckOptions, PruneOptions, ReadData, RepairOptions, RepoError, SnapshotId, Tally};
use dr_store::memory::MemoryStore;
use dr_store::{BlockingStore, Key};

use crate::support::*;

const NOW: i64 = 1_800_000_000_000;
const DAMAGES: [&str; 6] = ["delete", "truncate", "flip", "swap", "zero", "old"];
const OPERATIONS: [&str; 5] = ["check", "backup", "restore", "prune", "repair"];

struct Scene {
    school: School,
    /// The sound repository, and an earlier state of it.
    sound: BTreeMap<Key, Bytes>,
    earlier: BTreeMap<Key, Bytes>,
    trees: Vec<(SnapshotId, Tree)>,
}

impl Scene {
    fn new() -> Self {
        let school = School::new();
        let store = Arc::new(MemoryStore::that_may_rot());
        let blocking = school.blocking(store.clone());
        dr_repo::create(&blocking, &school.family, Some("four horses"), "2026-01-01T00:00:00Z", 0).unwrap();
        let (mut trees, mut earlier) = (Vec::new(), BTreeMap::new());
        for n in 0..3 {
            let mut tree = small_tree();
            (0..=n).for_each(|m| file(&mut tree, &format!("new-{m}"), noise(150_000, m)));
            let id = school.backup(&mut school.open(&blocking).unwrap(), &tree, None).unwrap().snapshot;
            trees.push((id, tree));
            if n == 0 {
                // So many entries are worth a checkpoint.
                let mut repository = school.open(&blocking).unwrap();
                (0..256).for_each(|_| repository.note("a day on which nothing happened", NOW).unwrap());
                assert!(repository.checkpoint(NOW).unwrap().is_some());
            }
            if n == 1 {
                earlier = store.snapshot();
            }
        }
        Self { school, sound: store.snapshot(), earlier, trees }
    }

    /// One object of each kind, by its kind.
    fn objects(&self) -> Vec<(&'static str, Key)> {
        let below = |folder: &str| {
            self.sound.keys().filter(move |name| name.as_str().starts_with(folder)).cloned().collect::<Vec<_>>()
        };
        let newest = |folder: &str| {
            let mut names = below(folder);
            names.retain(|name| !self.earlier.contains_key(name));
            names.remove(0)
        };
        vec![
            ("repo.json", below("repo.json").remove(0)),
            ("key slot", below("keys/").remove(0)),
            ("log, newest", below("log/").pop().unwrap()),
            ("log, older", below("log/").into_iter().rev().nth(1).unwrap()),
            ("checkpoint", below("ckpt/").remove(0)),
            ("index", newest("idx/")),
            ("data pack", newest("data/")),
            ("meta pack", newest("meta/")),
            ("parity", newest("ecc/")),
            ("second copy", below("ecc/copy/repo.json").remove(0)),
        ]
    }

    fn damaged(&self, damage: &str, name: &Key) -> BTreeMap<Key, Bytes> {
        let mut objects = self.sound.clone();
        let own = objects[name].clone();
        // Another one of the same folder, else of any.
        let folder = name.as_str().split('/').next().unwrap();
        let other = self.sound.iter().find(|(key, _)| key.as_str().starts_with(folder) && *key != name);
        let any = || self.sound.iter().find(|(key, _)| *key != name).unwrap();
        let other = other.unwrap_or_else(any).1.clone();
        let now = match damage {
            "delete" => None,
            "truncate" => Some(own.slice(..own.len() / 16)),
            "flip" => Some(own.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == own.len() / 16)).collect()),
            "swap" => Some(other),
            "zero" => Some(Bytes::from(vec![0; own.len()])),
            // As it was before most of it was written: what a disk gives back that lies about having stored it.
            _ => Some([&own[..own.len() / 16], &vec![0; own.len() - own.len() / 16][..]].concat().into()),
        };
        match now {
            None => drop(objects.remove(name)),
            Some(bytes) => drop(objects.insert(name.clone(), bytes)),
        }
        objects
    }

    fn blocking(&self, objects: BTreeMap<Key, Bytes>) -> (Arc<MemoryStore>, BlockingStore) {
        let store = Arc::new(MemoryStore::that_may_rot());
        store.restore(objects);
        (store.clone(), self.school.blocking(store))
    }

    /// Which snapshots come back whole.
    fn whole(&self, blocking: &BlockingStore) -> Vec<SnapshotId> {
        let Ok(repository) = self.school.open(blocking) else { return Vec::new() };
        let is_whole = |(id, tree): &&(SnapshotId, Tree)| {
            let back = self.school.restore(&repository, *id);
            back.is_ok_and(|(back, restored)| restored.failed.is_empty() && back == *tree)
        };
        self.trees.iter().filter(is_whole).map(|(id, _)| *id).collect()
    }

    fn act(&self, operation: &str, blocking: &BlockingStore) -> Result<String, RepoError> {
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let mut repository = self.school.open(blocking)?;
        Ok(match operation {
            "check" => {
                let options =
                    CheckOptions { read_data: ReadData::All, now_ms: NOW, enough: None, stop: &stop, tally: &tally };
                let checked = dr_repo::check(&repository, &options)?;
                match checked.findings.len() {
                    0 if checked.without_parity > 0 => "unprotected".to_owned(),
                    0 => "ok".to_owned(),
                    n => format!("{n} found"),
                }
            }
            "backup" => {
                let mut tree = self.trees[2].1.clone();
                file(&mut tree, "newest", noise(50_000, 99));
                let id = self.school.backup(&mut repository, &tree, None)?.snapshot;
                let back = self.school.restore(&self.school.open(blocking)?, id)?;
                if back.0 == tree { "done".to_owned() } else { "incomplete".to_owned() }
            }
            "restore" => {
                let latest = repository.find("latest")?.id;
                let (_, restored) = self.school.restore(&repository, latest)?;
                let which = self.trees.iter().position(|(id, _)| *id == latest).map_or(0, |at| at + 1);
                let uncertain = if repository.latest_is_uncertain() { ", uncertain" } else { "" };
                match restored.failed.len() {
                    0 => format!("#{which}{uncertain}"),
                    n => format!("#{which} less {n}{uncertain}"),
                }
            }
            "prune" => {
                let options = PruneOptions::usual(NOW, true, self.school.folder.path(), &|| NOW, &stop, &tally);
                let pruned = prune(&mut repository, &options)?;
                if pruned.damaged.is_empty() && pruned.lost == 0 { "done".to_owned() } else { "damaged".to_owned() }
            }
            _ => {
                let options = RepairOptions {
                    now_ms: NOW,
                    others: &[],
                    scratch: self.school.folder.path(),
                    journal: None,
                    clock: &|| NOW,
                    stop: &stop,
                    tally: &tally,
                };
                let repaired = repair(&mut repository, &options)?;
                match repaired.after {
                    None => "nothing to do".to_owned(),
                    Some(after) if after.findings.is_empty() => "mended".to_owned(),
                    Some(after) => format!("{} left", after.findings.len()),
                }
            }
        })
    }
}

fn word(error: &RepoError) -> &'static str {
    match error {
        RepoError::Damaged { .. } => "refused: damaged",
        RepoError::NotUnderstood { .. } => "refused: unknown",
        RepoError::WrongKey(_) => "refused: key",
        RepoError::NoRepository(_) => "refused: none",
        _ => "failed",
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whoever runs the test says whether the table is rewritten")]
fn each_kind_of_damage_to_each_kind_of_object_ends_as_the_table_says_and_costs_nothing_more() {
    let scene = Scene::new();
    let mut table = String::new();
    let _ = writeln!(
        table,
        "{:<13}{:<10}{:<8}{}",
        "object",
        "damage",
        "whole",
        OPERATIONS.map(|operation| format!("{operation:<22}")).concat().trim_end()
    );
    for (kind, name) in scene.objects() {
        for damage in DAMAGES {
            let damaged = scene.damaged(damage, &name);
            let (_, blocking) = scene.blocking(damaged.clone());
            let before = scene.whole(&blocking);
            let mut cells = Vec::new();
            for operation in OPERATIONS {
                let (_, blocking) = scene.blocking(damaged.clone());
                let outcome = scene.act(operation, &blocking).unwrap_or_else(|error| word(&error).to_owned());
                let after = scene.whole(&blocking);
                assert!(
                    before.iter().all(|id| after.contains(id)),
                    "{operation} after {damage} of {kind} lost what was there: {} of {}",
                    after.len(),
                    before.len()
                );
                let gained = if after.len() > before.len() {
                    format!(" +{}", after.len() - before.len())
                } else {
                    String::new()
                };
                cells.push(format!("{outcome}{gained}"));
            }
            let cells = cells.iter().map(|cell| format!("{cell:<22}")).collect::<String>();
            let line = format!("{kind:<13}{damage:<10}{:<8}{cells}", before.len());
            let _ = writeln!(table, "{}", line.trim_end());
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engine/damage.txt");
    if std::env::var_os("DR_TEST_WRITE").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert!(table == expected, "the table is another now; with DR_TEST_WRITE=1 this test rewrites it:\n{table}");
}
