//! Whole schools: one at a time, because each is a few hundred megabytes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::sandbox::{FRIDAY_NIGHT, Sandbox};

#[test]
fn two_days_are_lived_shown_again_unchanged_and_lived_on() {
    let sandbox = Sandbox::new();
    let screen = sandbox.dr(&format!("quickstart --at {FRIDAY_NIGHT}")).ended(0).fits(24).stdout;
    for words in ["two days", "the same bytes", "disk-1 to the annexe", "verified at L2", "dr.toml status"] {
        assert!(screen.contains(words), "{words}:\n{screen}");
    }
    for folder in ["school", "nas", "offsite", "disks", "state", "evidence", "report", "runbook"] {
        assert!(sandbox.path("hazel-bank").join(folder).is_dir(), "{folder}");
    }
    assert!(!sandbox.path("home").exists() && !sandbox.path("cache").exists(), "everything is in the folder");
    assert_eq!(mode(&sandbox, "hazel-bank/recovery.key"), 0o600);

    // A second call changes nothing and shows the same.
    let before = sandbox.everything("hazel-bank");
    assert_eq!(sandbox.dr("quickstart").ended(0).stdout, screen);
    let lived = sandbox.dr("quickstart --json").ended(0).json();
    assert!(sandbox.everything("hazel-bank") == before, "a second call changed something");

    lost_and_found(&sandbox, &lived);
    papers(&sandbox);
    let status = status(&sandbox, FRIDAY_NIGHT);
    assert_eq!(status["overall"], lived["status"]);
    assert_ne!(status["overall"], "red");
    assert_eq!(status["systems"].as_array().unwrap().len(), 6);

    // Another disk's week.
    let screen = sandbox.dr(&format!("quickstart --again --at {FRIDAY_NIGHT}")).ended(0).fits(24).stdout;
    assert!(screen.contains("disk-2 to the annexe") && screen.contains("--at 2026-11-27"), "{screen}");
    assert_eq!(sandbox.dr("quickstart").ended(0).stdout, screen);
    assert_eq!(papers_in(&sandbox, "report", "html").len(), 2);
    assert_eq!(papers_in(&sandbox, "evidence", "html").len(), 2);
    ledger(&sandbox);
    assert_ne!(self::status(&sandbox, "2026-11-27T22:30:00Z")["overall"], "red");
}

/// The file is where it was, as the night before last has it.
fn lost_and_found(sandbox: &Sandbox, lived: &Value) {
    let path = lived["lost"]["path"].as_str().unwrap();
    let here = sandbox.path("hazel-bank").join(path);
    assert!(here.is_file() && fs::metadata(&here).unwrap().len() > 0);
    let key = sandbox.path("hazel-bank/recovery.key");
    let output = sandbox
        .command([
            "--plan",
            "hazel-bank/dr.toml",
            "restore",
            "admin",
            "--to",
            "back",
            "--as-of",
            "2026-11-19T23:00:00Z",
        ])
        .env("DR_KEY_FILE", key)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let below = path.strip_prefix("school/shares/office/").unwrap();
    let then = fs::read(sandbox.path("back").join(below)).unwrap();
    assert_eq!(then.len() as u64, lived["lost"]["bytes"].as_u64().unwrap());
}

/// The school's papers of one kind. What its rounds wrote by themselves is in its state and counted along.
fn papers_in(sandbox: &Sandbox, folder: &str, end: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(sandbox.path("hazel-bank").join(folder)).unwrap();
    let mut papers: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    papers.retain(|path| path.extension().is_some_and(|own| own == end));
    papers.sort();
    papers
}

/// The letter fits a page and the evidence says what it may say.
fn papers(sandbox: &Sandbox) {
    for end in ["txt", "html", "eml"] {
        assert_eq!(papers_in(sandbox, "report", end).len(), 1, "{end}");
    }
    let letter = fs::read_to_string(&papers_in(sandbox, "report", "txt")[0]).unwrap();
    assert!(letter.lines().count() <= 25, "{letter}");
    assert!(letter.lines().all(|line| line.chars().count() <= 80), "{letter}");
    let evidence = fs::read(&papers_in(sandbox, "evidence", "json")[0]).unwrap();
    let evidence: Value = serde_json::from_slice(&evidence).unwrap();
    assert_eq!(evidence["verdict"], "verified");
    assert_eq!(evidence["systems"].as_array().unwrap().len(), 6);
    ledger(sandbox);
}

fn ledger(sandbox: &Sandbox) {
    let verified = sandbox.dr("--plan hazel-bank/dr.toml --json ledger --verify").ended(0).json();
    assert_eq!(verified["verdict"], "ok");
}

fn status(sandbox: &Sandbox, at: &str) -> Value {
    sandbox.dr(&format!("--plan hazel-bank/dr.toml --json --at {at} status")).ended(0).json()
}

fn mode(sandbox: &Sandbox, name: &str) -> u32 {
    fs::metadata(sandbox.path(name)).unwrap().permissions().mode() & 0o777
}
