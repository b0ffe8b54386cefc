//! By the plan: copies are looked at, what is damaged is told, and mended from parity or from another copy.

use std::fs;
use std::path::PathBuf;

use school::School;
use serde_json::Value;

use crate::school;

const EVENING: &str = "2026-11-20T22:30:00Z";

impl School {
    /// The largest object below a folder of a target.
    fn largest(&self, below: &str) -> PathBuf {
        let mut folders = vec![self.path(below)];
        let mut largest = (0, PathBuf::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                let len = entry.metadata().unwrap().len();
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else if len > largest.0 {
                    largest = (len, entry.path());
                }
            }
        }
        largest.1
    }
}

fn of<'a>(documents: &'a Value, target: &str) -> &'a Value {
    documents.as_array().unwrap().iter().find(|one| one["target"] == target).unwrap()
}

#[test]
fn a_copy_that_rots_is_found_and_mended_and_the_ledger_says_so() {
    let school = School::backed_up();
    // A host that only writes looks at what it may, and says what it cannot.
    let looked = school.dr(&["--at", EVENING, "--json", "check", "--budget", "1h"]).ended(0).json();
    for target in ["nas", "offsite"] {
        let one = of(&looked, target);
        assert_eq!((&one["verdict"], &one["packs"]), (&Value::from("ok"), &one["packs_read"]), "{one}");
        assert!(one["not_checked"].to_string().contains("trees"), "{one}");
    }
    school.dr(&["--at", EVENING, "repair"]).ended(12);

    let pack = school.largest("nas/data");
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 0x40;
    fs::write(&pack, &bytes).unwrap();
    school.dr(&["--at", EVENING, "check", "nas"]).ended(0);
    let found = school.with_key(&["--at", EVENING, "--json", "check", "nas", "--read-data"]).ended(3).json();
    assert_eq!(of(&found, "nas")["verdict"], "damaged");
    school.with_key(&["--at", EVENING, "repair", "--dry-run"]).ended(3);
    let mended = school.with_key(&["--at", EVENING, "repair"]).ended(0);
    assert!(mended.stdout.contains("healed from its parity"), "{}", mended.stdout);
    let after = school.with_key(&["--at", EVENING, "--json", "check", "--read-data"]).ended(0).json();
    assert_eq!(of(&after, "nas")["verdict"], "ok");

    // Beyond what parity heals: the other copy has the same chunks.
    fs::remove_dir_all(school.path("nas/ecc")).unwrap();
    fs::remove_file(school.largest("nas/data")).unwrap();
    let mended = school.with_key(&["--at", EVENING, "repair", "--target", "nas"]).ended(0);
    assert!(mended.stdout.contains("fetched from another repository"), "{}", mended.stdout);
    school.with_key(&["--at", EVENING, "check", "nas", "--read-data"]).ended(0);
    school.with_key(&["restore", "admin", "--target", "nas", "--to", "back"]).ended(0);
    let ledger = school.ledger();
    assert!(ledger.iter().any(|line| line.starts_with("note")), "{ledger:?}");
    assert!(ledger.iter().filter(|line| line.starts_with("verified")).count() >= 4, "{ledger:?}");
    school.dr(&["ledger", "--verify"]).ended(0);
    school.dr(&["--at", EVENING, "check", "nowhere"]).ended(64);
}
