//! What somebody else laid in the way: nothing waits for it, follows it or believes it; and what killed runs left goes.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::school::{FRIDAY, School};

fn pipe(school: &School, name: &str) {
    let path = school.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

#[test]
fn a_pipe_or_a_link_where_disks_appear_hangs_no_copy() {
    let school = School::begun();
    for disk in ["disk-1", "disk-2"] {
        school.dr(&["--by", "oak", "media", "register", disk, "--kind", "directory"]).ended(0);
        school.dr(&["--by", "oak", "media", "init", disk]).ended(0);
    }
    school.dr(&["--by", "oak", "media", "load", "disk-1"]).ended(0);
    pipe(&school, "disks/a-stick/dr-medium.toml");
    pipe(&school, "disks/disk-2/dr-pipe");
    fs::create_dir(school.path("disks/b-stick")).unwrap();
    symlink("../a-stick/dr-medium.toml", school.path("disks/b-stick/dr-medium.toml")).unwrap();
    symlink("/dev/zero", school.path("disks/c-stick")).unwrap();
    pipe(&school, "disks/pipe");
    school.dr(&["--at", FRIDAY, "run"]).ended(0);
    // The loaded disk's own marker is a pipe: its copy fails, the others are made.
    fs::remove_file(school.path("disks/disk-1/dr-medium.toml")).unwrap();
    pipe(&school, "disks/disk-1/dr-medium.toml");
    let run = school.dr(&["--json", "run", "admin"]).ended(1).json();
    let outcomes: Vec<_> = run["runs"][0]["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|copy| (copy["target"].as_str().unwrap(), copy["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(outcomes, [("nas", "done"), ("offsite", "done"), ("disks", "failed")]);
    // A returning disk with pipes for objects and for the marks of whoever writes.
    for name in ["nas/log/0000000000000099", "nas/.tmp/.writer"] {
        let _ = fs::remove_file(school.path(name));
        pipe(&school, name);
    }
    let _ = school.dr(&["run", "mis"]);
}

#[test]
fn a_pipe_under_the_name_of_a_runbook_a_key_or_a_secret_is_named_and_not_waited_for() {
    let school = School::begun();
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    pipe(&school, "runbook.toml");
    school.write("dr.toml", format!("{plan}[runbook]\nfile = \"runbook.toml\"\n").as_bytes());
    let said = school.dr(&["--at", FRIDAY, "--json", "run", "--due"]);
    assert!(said.stderr.contains("it is a pipe and no file"), "{}", said.stderr);
    assert!(said.stdout.contains(r#""system":"admin""#), "{}", said.stdout);
    pipe(&school, "terms.toml");
    let calendar = plan.replace("[school]\n", "[school]\ncalendar = \"terms.toml\"\n");
    school.write("dr.toml", calendar.as_bytes());
    school.dr(&["plan", "check"]).ended(1);
    school.write("dr.toml", plan.as_bytes());
    fs::remove_file(school.path("state/keys/host.key")).unwrap();
    pipe(&school, "state/keys/host.key");
    let said = school.dr(&["run"]).ended(1);
    assert!(said.stderr.contains("it is a pipe and no file"), "{}", said.stderr);
}

#[test]
fn a_state_that_others_can_write_is_refused_and_no_link_in_it_is_written_through() {
    let school = School::backed_up();
    school.write("precious", b"untouched");
    let note = school.path("state/last-round");
    let _ = fs::remove_file(&note);
    symlink("../precious", &note).unwrap();
    symlink("../precious", school.path("state/locks/.copies.lock.new")).unwrap();
    school.dr(&["--at", "2026-11-20T22:00:00Z", "run", "--due"]).ended(0);
    assert_eq!(fs::read(school.path("precious")).unwrap(), b"untouched");
    assert!(note.symlink_metadata().unwrap().is_file());
    for (name, mode) in [("state", 0o777), ("state/ledger.jsonl", 0o666), ("state/keys", 0o770)] {
        let path = school.path(name);
        let was = path.metadata().unwrap().permissions();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        for command in [["run", "--due"], ["status", "-q"], ["media", "due"]] {
            let said = school.dr(&command).ended(64);
            assert!(
                said.stderr.contains("can be written by others") && said.stderr.contains("chmod"),
                "{}",
                said.stderr
            );
        }
        let doctor = school.dr(&["doctor"]).ended(1);
        assert!(doctor.stdout.contains("can be written by others"), "{}", doctor.stdout);
        fs::set_permissions(&path, was).unwrap();
    }
    school.dr(&["run", "--due"]).ended(0);
}

#[test]
fn what_killed_runs_left_in_scratch_is_counted_and_swept_and_what_is_in_use_is_spared() {
    let school = School::backed_up();
    school.write("cache/scratch/rehearsal-x1/admin/letter.txt", b"in the clear");
    school.write("cache/scratch/dr-sqlite-x2/database", b"in the clear");
    // As a living process has it, with its lock.
    school.write("cache/scratch/dr-rehearsal-x3/.in-use", b"");
    school.write("cache/scratch/dr-rehearsal-x3/back/mis.db", b"in use");
    let held = File::options().write(true).open(school.path("cache/scratch/dr-rehearsal-x3/.in-use")).unwrap();
    held.lock().unwrap();
    // A rehearsal that was told to take a folder of somebody's, and was killed.
    school.write("elsewhere/dr-rehearsal-x4/.in-use", b"");
    school.write("elsewhere/dr-rehearsal-x4/back/f", b"in the clear");
    school.write("elsewhere/dr-rehearsal-own/f", b"somebody's own");
    let elsewhere = school.path("elsewhere").canonicalize().unwrap();
    school.write("cache/scratch/elsewhere-x5/where", elsewhere.to_str().unwrap().as_bytes());
    let doctor = school.dr(&["doctor"]);
    assert!(doctor.stdout.contains("leftovers: 3 folders of killed runs"), "{}", doctor.stdout);
    let said = school.dr(&["--at", "2026-11-20T22:00:00Z", "--json", "run", "--due"]).ended(0);
    assert!(said.stdout.contains(r#"{"event":"swept","folders":3}"#), "{}", said.stdout);
    for gone in [
        "cache/scratch/rehearsal-x1",
        "cache/scratch/dr-sqlite-x2",
        "cache/scratch/elsewhere-x5",
        "elsewhere/dr-rehearsal-x4",
    ] {
        assert!(!school.path(gone).exists(), "{gone}");
    }
    assert!(school.path("cache/scratch/dr-rehearsal-x3/back/mis.db").exists());
    assert!(school.path("elsewhere/dr-rehearsal-own/f").exists());
    drop(held);
    school.dr(&["run", "mis"]).ended(0);
    assert_eq!(fs::read_dir(school.path("cache/scratch")).unwrap().count(), 0);
    school.with_key(&["restore", "--rehearse", "admin", "--scratch", "elsewhere"]).ended(64);
    school.with_key(&["restore", "--rehearse", "admin", "--scratch", "empty"]).ended(0);
    assert_eq!(fs::read_dir(school.path("empty")).unwrap().count(), 0);
}
