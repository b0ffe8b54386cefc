//! By the plan: every system and snapshot, two people for what is sensitive, and an entry in the ledger.

use std::fs;

use crate::held::HeldMount;
use crate::school::{FRIDAY, School};

const LATER: &str = "2026-11-21T21:30:00Z";

impl School {
    #[track_caller]
    fn mounted(&self, words: &[&str]) -> HeldMount {
        let look = self.path("look");
        let mut command = self.command(&[&["mount"], words, &[look.to_str().unwrap()]].concat());
        command.env("DR_KEY_FILE", self.path("recovery.key"));
        HeldMount::begin(command, &look)
    }
}

#[test]
fn every_system_is_a_folder_with_its_snapshots_and_one_system_is_those() {
    let school = School::backed_up();
    school.write("school/office/year 1/new.txt", b"new");
    school.dr(&["--at", LATER, "run"]).ended(0);
    let mounted = school.mounted(&[]);
    assert_eq!(mounted.names(""), ["admin", "email", "mis"]);
    let names = mounted.names("admin");
    assert_eq!(names, ["2026-11-20T21:30:00", "2026-11-21T21:30:00", "latest"]);
    let office = school.path("school/office");
    assert!(crate::school::contents(&mounted.dir.join("admin/latest")) == crate::school::contents(&office));
    assert!(!mounted.dir.join("admin/2026-11-20T21:30:00/year 1/new.txt").exists());
    assert!(mounted.dir.join("mis/latest/mis.db").is_file());
    assert_eq!(mounted.end().with(0).stderr, "");
    let ledger = school.ledger();
    let mounts: Vec<_> = ledger.iter().filter(|line| line.starts_with("mounted")).collect();
    assert_eq!(mounts, ["mounted mis", "mounted admin", "mounted email"]);

    let mounted = school.mounted(&["Admin files"]);
    assert_eq!(mounted.names(""), names);
    mounted.end().with(0);
    let mounted = school.mounted(&["admin", "--as-of", "2026-11-21T12:00", "--target", "offsite"]);
    assert!(mounted.dir.join("year 1/letter-1.txt").is_file() && !mounted.dir.join("year 1/new.txt").exists());
    mounted.end().with(0);
    assert!(school.ledger().iter().any(|line| line == "mounted admin offsite"));
}

#[test]
fn what_one_copy_has_lost_comes_from_the_other() {
    let school = School::begun();
    // One snapshot on both: replicated, and not captured twice.
    fs::rename(school.path("offsite"), school.path("away")).unwrap();
    school.dr(&["--at", FRIDAY, "run", "admin"]).ended(1);
    fs::rename(school.path("away"), school.path("offsite")).unwrap();
    let _ = school.with_key(&["copy", "--from", "nas", "--to", "offsite", "admin"]).ended(0);
    school.damage("nas");
    let mounted = school.mounted(&["admin", "--snapshot", "latest"]);
    assert!(crate::school::contents(&mounted.dir) == crate::school::contents(&school.path("school/office")));
    assert_eq!(mounted.end().with(0).stderr, "");
}

#[test]
fn a_sensitive_system_is_shown_only_with_a_second_person() {
    let school = School::backed_up();
    school.plan_with("Admin files", "sensitive = true");
    fs::create_dir(school.path("look")).unwrap();
    let said = school.with_key(&["--by", "oak", "mount", "admin", "look"]).ended(64);
    assert!(said.stderr.contains("second person"), "{}", said.stderr);
    assert!(!school.ledger().iter().any(|line| line.starts_with("mounted")));
    let mounted = school.mounted(&["--by", "oak"]);
    assert_eq!(mounted.names(""), ["email", "mis"]);
    let said = mounted.end().with(0).stderr;
    assert!(said.contains("admin is not shown") && said.contains("--approved-by"), "{said}");
    let mounted = school.mounted(&["--by", "oak", "--approved-by", "ash"]);
    assert_eq!(mounted.names(""), ["admin", "email", "mis"]);
    mounted.end().with(0);
    let ledger = school.ledger();
    assert!(ledger.iter().any(|line| line == "accepted") && ledger.iter().any(|line| line == "mounted admin"));
}

#[test]
fn what_was_erased_is_not_shown_not_even_where_it_is_still_in_a_copy() {
    let school = School::backed_up();
    fs::rename(school.path("offsite"), school.path("away")).unwrap();
    let letter = school.path("school/office/year 1/letter-1.txt");
    let erase = ["--by", "oak", "erase", "admin", "--path", letter.to_str().unwrap(), "--because", "asked", "--yes"];
    let _ = school.with_key(&erase);
    fs::rename(school.path("away"), school.path("offsite")).unwrap();
    for target in ["nas", "offsite"] {
        let mounted = school.mounted(&["admin", "--target", target]);
        assert_eq!(mounted.names("").len(), 2, "{target}");
        let year = mounted.names("latest/year 1");
        assert!(year.len() == 9 && !year.contains(&"letter-1.txt".to_owned()), "{target}: {year:?}");
        assert!(!mounted.dir.join("latest/year 1/letter-1.txt").exists(), "{target}");
        mounted.end();
    }
}

#[test]
fn what_cannot_be_meant_is_one_sentence() {
    let school = School::backed_up();
    fs::create_dir(school.path("look")).unwrap();
    fs::create_dir(school.path("school/office/empty")).unwrap();
    for (words, code, said) in [
        (&["mount"][..], 64, "<SYSTEM|DIR>"),
        (&["mount", "nothing", "look"], 64, "nothing"),
        (&["mount", "look", "--as-of", "yesterday"], 64, "dr mount SYSTEM --as-of TIME DIR"),
        (&["mount", "admin", "email", "look"], 64, "look"),
        (&["mount", "admin", "look", "--as-of", "some day"], 64, "some day"),
        (&["mount", "admin", "look", "--snapshot", "yesterday"], 64, "--as-of"),
        (&["mount", "admin", "look", "--as-of", "2020-01-01"], 1, "no snapshot of it was begun by"),
        (&["mount", "school/office/empty"], 64, "lies in what admin backs up"),
        (&["mount", "nowhere"], 64, "make it first (mkdir)"),
    ] {
        let run = school.with_key(words).ended(code);
        assert!(run.stderr.contains(said), "{words:?}: {}", run.stderr);
    }
    // A host that only writes says which key reads.
    let run = school.dr(&["mount", "look"]).ended(12);
    assert!(run.stderr.contains("DR_KEY_FILE"), "{}", run.stderr);
    assert!(!school.ledger().iter().any(|line| line.starts_with("mounted")));
}
