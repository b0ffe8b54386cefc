//! What goes wrong, and what it must not take with it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use crate::school::{FRIDAY, School, contents};

#[test]
fn a_plan_that_others_can_write_is_refused() {
    let school = School::begun();
    let set = |name: &str, mode| fs::set_permissions(school.path(name), Permissions::from_mode(mode)).unwrap();
    set("dr.toml", 0o664);
    let said = school.dr(&["run"]).ended(64);
    assert!(said.stderr.contains("can be written by others"), "{}", said.stderr);
    set("dr.toml", 0o644);
    set(".", 0o777);
    school.dr(&["run"]).ended(64);
    set(".", 0o700);
    assert_eq!(school.ledger(), ["initialised", "target-seen nas", "target-seen offsite"]);
}

#[test]
fn a_dead_target_costs_its_own_copy_and_no_other() {
    let school = School::begun();
    fs::rename(school.path("nas"), school.path("nas-unplugged")).unwrap();
    let run = school.dr(&["--json", "--at", FRIDAY, "run", "admin"]).ended(1).json();
    let run = &run["runs"][0];
    assert_eq!(run["outcome"], "failed");
    let outcomes: Vec<_> =
        run["targets"].as_array().unwrap().iter().map(|copy| copy["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["failed", "done", "awaited"]);
    assert!(!school.path("nas").exists(), "nothing is written where a disk should be mounted");
    school.with_key(&["restore", "admin", "--to", "out"]).ended(0);
}

#[test]
fn a_failed_copy_does_not_advance_the_clock_and_is_tried_again_after_some_minutes() {
    let school = School::begun();
    fs::rename(school.path("nas"), school.path("away")).unwrap();
    school.dr(&["--at", FRIDAY, "run", "--due"]).ended(1);
    let due = |at: &str| {
        let run = school.dr(&["--json", "--at", at, "run", "--due"]);
        let runs = run.json()["runs"].as_array().unwrap().clone();
        let copies = runs.iter().flat_map(|run| run["targets"].as_array().unwrap().clone());
        copies
            .filter(|copy| copy["target"] == "nas")
            .map(|copy| copy["outcome"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(due("2026-11-20T21:33:00Z"), [] as [&str; 0]);
    fs::rename(school.path("away"), school.path("nas")).unwrap();
    assert_eq!(due("2026-11-20T21:37:00Z"), ["done"; 3]);
    assert_eq!(due("2026-11-20T23:50:00Z"), [] as [&str; 0]);
}

#[test]
fn a_disk_that_is_awaited_is_no_failure() {
    let school = School::begun();
    let run = school.dr(&["--json", "--at", FRIDAY, "run", "--due"]).ended(0).json();
    let admin = run["runs"].as_array().unwrap().iter().find(|run| run["system"] == "admin").unwrap();
    let disks = admin["targets"].as_array().unwrap().iter().find(|copy| copy["target"] == "disks").unwrap();
    assert_eq!(disks["outcome"], "awaited");
    // It is written down once, however often the timer asks.
    let runs = || school.ledger().into_iter().filter(|line| line.starts_with("run-")).count();
    let written = runs();
    school.dr(&["--at", "2026-11-20T21:35:00Z", "run", "--due"]).ended(0);
    assert_eq!(runs(), written, "{:?}", school.ledger());
}

#[test]
fn a_source_that_is_empty_or_gone_fails_and_leaves_the_good_snapshots_alone() {
    let school = School::backed_up();
    fs::rename(school.path("school/office"), school.path("moved")).unwrap();
    school.dr(&["--at", "2026-11-21T19:30:00Z", "run", "admin"]).ended(1);
    fs::create_dir_all(school.path("school/office/empty")).unwrap();
    let said = school.dr(&["--at", "2026-11-21T21:30:00Z", "run", "admin"]).ended(1);
    assert!(said.stderr.contains("empty"), "{}", said.stderr);
    let ledger = fs::read_to_string(school.path("state/ledger.jsonl")).unwrap();
    assert!(ledger.contains("the source is empty") && !ledger.contains("school/office"), "{ledger}");
    let kept = school.dr(&["--json", "snapshots", "admin"]).ended(0).json();
    assert_eq!(kept.as_array().unwrap().len(), 2);
    school.with_key(&["restore", "admin", "--to", "out"]).ended(0);
    assert!(contents(&school.path("moved")) == contents(&school.path("out")));
}

#[test]
fn a_damaged_copy_fails_its_rehearsal_and_a_restore_takes_the_other() {
    let school = School::backed_up();
    school.damage("nas");
    let back = school.with_key(&["--json", "restore", "admin", "--to", "out"]).ended(0);
    assert!(back.stderr.contains("damaged on nas"), "{}", back.stderr);
    assert!(contents(&school.path("school/office")) == contents(&school.path("out")));
    let proof = school
        .with_key(&["--json", "--at", FRIDAY, "restore", "--rehearse", "admin", "--target", "nas"])
        .ended(1)
        .json();
    assert_eq!(proof["verdict"], "failed");
    school.with_key(&["--at", FRIDAY, "restore", "--rehearse", "admin", "--target", "offsite"]).ended(0);
}

#[test]
fn a_rehearsal_of_nothing_proves_nothing() {
    let school = School::begun();
    school.with_key(&["restore", "--rehearse", "admin"]).ended(2);
    school.dr(&["--at", FRIDAY, "run", "admin"]).ended(0);
    let proof = school.with_key(&["--json", "restore", "--rehearse", "admin", "--pick", "0"]).ended(2).json();
    let said = (proof["verdict"].as_str(), proof["systems"][0]["files"].as_u64());
    assert_eq!(said, (Some("could-not-verify"), Some(0)));
}

#[test]
fn scratch_is_never_in_a_source_a_target_or_over_something() {
    let school = School::backed_up();
    for scratch in ["school/office/scratch", "nas/scratch", "disks/scratch", "state/keys/scratch"] {
        school.with_key(&["restore", "--rehearse", "--scratch", scratch]).ended(64);
    }
    school.write("scratch/precious.txt", b"x");
    school.with_key(&["restore", "--rehearse", "--scratch", "scratch"]).ended(64);
    assert!(school.path("scratch/precious.txt").exists());
}

#[test]
fn two_runs_of_one_system_do_not_meet() {
    let school = School::begun();
    let lock = school.path("state/locks/admin.lock");
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    let held = File::create(lock).unwrap();
    held.lock().unwrap();
    let run = school.dr(&["--json", "--at", FRIDAY, "run", "admin"]).ended(1).json();
    assert_eq!(run["runs"][0]["outcome"], "skipped");
    assert_eq!(school.ledger(), ["initialised", "target-seen nas", "target-seen offsite"]);
}

#[test]
fn what_this_version_cannot_do_is_skipped_by_name() {
    let school = School::begun();
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    let plan = plan.replace(
        "[targets.disks]",
        "[targets.cloud]\nurl = \"s3://beech-lane/dr\"\nclass = \"cloud\"\n[targets.disks]",
    );
    let plan = plan.replace("targets = [\"nas\", \"offsite\"]", "targets = [\"nas\", \"cloud\"]");
    school.write("dr.toml", plan.as_bytes());
    let run = school.dr(&["--json", "--at", FRIDAY, "run", "mis"]).ended(1).json();
    let copies = run["runs"][0]["targets"].as_array().unwrap();
    assert_eq!((copies[0]["outcome"].as_str(), copies[1]["outcome"].as_str()), (Some("done"), Some("skipped")));
}

#[test]
fn an_edited_ledger_is_broken_and_a_cut_one_misses_its_anchor() {
    let school = School::backed_up();
    let path = school.path("state/ledger.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("asked for", "asked fur", 1)).unwrap();
    let said = school.dr(&["--json", "ledger", "--verify"]).ended(1).json();
    assert_eq!(said["verdict"], "broken");
    let anchor =
        school.dr(&["--json", "snapshots", "email"]).ended(0).json()[0]["tags"]["ledger"].as_str().unwrap().to_owned();
    let first = text.lines().next().unwrap();
    fs::write(&path, format!("{first}\n")).unwrap();
    // The copies know better; without them the chain of what is left holds, and only an anchor shows it.
    school.dr(&["ledger", "--verify"]).ended(1);
    for target in ["nas", "offsite"] {
        fs::rename(school.path(target), school.path(&format!("{target}-away"))).unwrap();
    }
    let said = school.dr(&["ledger", "--verify"]).ended(0);
    assert!(said.stdout.contains("it was compared with no copy"), "{}", said.stdout);
    school.dr(&["ledger", "--verify", "--anchor", &anchor]).ended(1);
}

#[test]
fn a_command_before_the_capture_that_fails_leaves_nothing_captured() {
    let school = School::begun();
    let plan = fs::read_to_string(school.path("dr.toml")).unwrap();
    let with = |hooks: &str| plan.replace("title = \"Admin files\"", &format!("title = \"Admin files\"\n{hooks}"));
    school.write("dr.toml", with("before = [{ run = [\"false\"], timeout = \"1m\" }]").as_bytes());
    let said = school.dr(&["--at", FRIDAY, "run", "admin"]).ended(1);
    assert!(said.stderr.contains("the command false failed"), "{}", said.stderr);
    let kept = school.dr(&["--json", "snapshots", "admin"]).ended(0).json();
    assert_eq!(kept.as_array().unwrap().len(), 0);
    // One that fails afterwards does not undo the copies.
    school.write("dr.toml", with("after = [{ run = [\"false\"], timeout = \"1m\" }]").as_bytes());
    let run = school.dr(&["--json", "--at", FRIDAY, "run", "admin"]).ended(3).json();
    assert_eq!(run["runs"][0]["outcome"], "incomplete");
}
