//! What the log says, and what it never does.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::process::Stdio;

use serde_json::Value;

use crate::school::{FRIDAY, Said, School};

/// The lines of a log, each of which must be one JSON object of plain values.
fn lines(school: &School, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(school.path(name)).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        for name in ["time", "level", "pid", "span", "event"] {
            assert!(line.get(name).is_some(), "without `{name}`: {line}");
        }
        assert!(line.as_object().unwrap().values().all(|value| !value.is_object() && !value.is_array()), "{line}");
    }
    lines
}

/// The lines of the log among what was said on standard error.
fn logged(said: &Said) -> Vec<&str> {
    said.stderr.lines().filter(|line| line.split(' ').next().is_some_and(|word| word.ends_with('Z'))).collect()
}

#[test]
fn a_run_is_followed_by_its_id_from_the_ledger_to_the_log() {
    let school = School::begun();
    school.dr(&["--at", FRIDAY, "--log", "dr.log", "run", "admin"]).ended(0);
    let entries = school.dr(&["--json", "ledger"]).ended(0).json();
    let started = entries.as_array().unwrap().iter().find(|entry| entry["event"]["type"] == "run-started").unwrap();
    let run = started["event"]["run"].as_str().unwrap();

    let log = lines(&school, "dr.log");
    let of_run: Vec<&Value> = log.iter().filter(|line| line["run"] == run).collect();
    let spans: BTreeSet<_> = of_run.iter().map(|line| line["span"].as_str().unwrap()).collect();
    assert_eq!(spans, BTreeSet::from(["run", "copy", "target", "repository", "request"]));
    for line in &of_run {
        assert_eq!((line["system"].as_str(), line["command"].as_str()), (Some("admin"), Some("run")), "{line}");
    }
    let ended = of_run.iter().find(|line| line["span"] == "run" && line["event"] == "end").unwrap();
    assert_eq!((ended["outcome"].as_str(), ended["copies"].as_u64()), (Some("done"), Some(3)), "{ended}");
    let awaited = of_run.iter().find(|line| line["event"] == "not-made").unwrap();
    assert_eq!(
        (awaited["target"].as_str(), awaited["outcome"].as_str()),
        (Some("disks"), Some("awaited")),
        "{awaited}"
    );
    assert!(ended["ms"].is_u64() && ended["bytes_read"].as_u64() > Some(0), "{ended}");
    for target in ["nas", "offsite"] {
        let stored = of_run.iter().filter(|line| line["target"] == target && line["verb"] == "put");
        let of_repository: BTreeSet<_> = stored.clone().map(|line| line["repository"].as_str().unwrap()).collect();
        assert_eq!(of_repository.len(), 1, "{target}");
        assert!(stored.clone().any(|line| line["object"] == "data" && line["bytes"].as_u64() > Some(0)), "{target}");
        assert!(stored.clone().all(|line| line["outcome"] == "done"), "{target}");
    }
    let last = log.last().unwrap();
    assert_eq!((last["span"].as_str(), last["code"].as_u64()), (Some("command"), Some(0)), "{last}");

    let mode = fs::metadata(school.path("dr.log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // What is called again adds to it.
    school.dr(&["--log", "dr.log", "ledger"]).ended(0);
    let longer = lines(&school, "dr.log");
    assert_eq!(longer[..log.len()], log);
    assert_eq!(longer.last().unwrap()["command"], "ledger");
}

#[test]
fn a_run_that_fails_says_which_kind_of_error_it_was() {
    let school = School::begun();
    fs::rename(school.path("nas"), school.path("pulled")).unwrap();
    school.dr(&["--at", FRIDAY, "--log", "dr.log", "run", "admin"]).ended(1);
    let log = lines(&school, "dr.log");
    let copy = |target: &str| {
        let ends = log.iter().filter(|line| line["span"] == "copy" && line["event"] == "end");
        ends.clone().find(|line| line["target"] == target && line["system"] == "admin").unwrap().clone()
    };
    let (nas, offsite) = (copy("nas"), copy("offsite"));
    assert_eq!((nas["level"].as_str(), nas["error"].as_str()), (Some("warn"), Some("gone")), "{nas}");
    assert_eq!((offsite["level"].as_str(), offsite["outcome"].as_str()), (Some("info"), Some("done")), "{offsite}");
    let run = log.iter().find(|line| line["span"] == "run" && line["event"] == "end").unwrap();
    assert_eq!((run["level"].as_str(), run["outcome"].as_str()), (Some("warn"), Some("failed")), "{run}");
}

/// Names of people, files and schools, addresses, contents and secrets are planted, and what is logged has none of them.
#[test]
fn no_name_of_a_file_or_a_person_and_no_secret_is_in_any_line() {
    let school = School::begun();
    school.plan_with(
        "Email",
        r#"before = [{ run = ["sh", "-c", "echo kestrel-9-pepper; test -e home/well", "kestrel-9-pepper"] }]"#,
    );
    let mut seen = Vec::new();
    let mut does = |key: bool, code: Option<i32>, words: &[&str]| {
        let words = [&["--log", "dr.log", "-vv"], words].concat();
        let said = if key { school.with_key(&words) } else { school.dr(&words) };
        let said = if let Some(code) = code { said.ended(code) } else { said };
        let log = logged(&said);
        assert!(!log.is_empty(), "{words:?} logs nothing: {}", said.stderr);
        seen.extend(log.into_iter().map(str::to_owned));
    };
    // A command of the plan fails, and then does not.
    does(false, Some(1), &["--at", FRIDAY, "run"]);
    school.write("home/well", b"");
    does(false, Some(0), &["run"]);
    does(false, Some(0), &["--by", "oak", "report", "weekly"]);
    does(true, Some(0), &["restore", "admin", "--to", "back"]);
    does(true, None, &["restore", "admin", "--path", "school/office/year 9/letter-99.txt", "--to", "back-2"]);
    does(true, Some(0), &["copy", "--from", "nas", "--to", "offsite"]);
    does(true, Some(0), &["check", "--read-data"]);
    does(true, Some(0), &["restore", "--rehearse"]);
    // Something is in the way of each.
    school.damage("nas");
    does(true, None, &["check", "--read-data"]);
    does(true, None, &["restore", "admin", "--to", "back-3"]);
    does(true, None, &["restore", "--rehearse"]);
    fs::rename(school.path("offsite"), school.path("pulled")).unwrap();
    fs::rename(school.path("school/mis.db"), school.path("school/gone.db")).unwrap();
    does(false, Some(1), &["run"]);
    does(false, None, &["--at", "2026-11-27T07:31:00Z", "run", "--due"]);
    does(true, None, &["copy", "--from", "nas", "--to", "offsite"]);

    let log = fs::read_to_string(school.path("dr.log")).unwrap();
    let errors: BTreeSet<_> =
        lines(&school, "dr.log").iter().filter_map(|line| Some(line["error"].as_str()?.to_owned())).collect();
    for error in ["command", "source-missing", "gone"] {
        assert!(errors.contains(error), "no {error} among {errors:?}");
    }
    assert!(log.contains("\"span\":\"round\""), "a round is logged");
    for line in log.lines() {
        assert!(!line.contains("withheld"), "a field says what is no word: {line}");
    }
    seen.push(log);
    let mut planted: Vec<String> = [
        "Ash", "ash", "Oak", "oak", "Elm", "elm", "Beech", "beech", "letter-", "office", "year", "Email", "parents",
        "mis.db", "gone.db", "Pupil", "pupil", "trip", "kestrel", "pepper", "home", "back", "school", "/", "@", "\\",
    ]
    .map(str::to_owned)
    .to_vec();
    for key in ["recovery.key", "state/keys/host.key", "state/keys/status.key"] {
        let text = fs::read_to_string(school.path(key)).unwrap_or_default();
        planted.extend(text.split_whitespace().filter(|word| word.len() >= 16).map(str::to_owned));
    }
    assert!(planted.len() > 30, "keys were looked at too");
    for line in seen.iter().flat_map(|text| text.lines()) {
        for word in &planted {
            assert!(!line.contains(word.as_str()), "`{word}` is in the log: {line}");
        }
    }
}

#[test]
fn a_place_that_is_no_plain_file_takes_no_log_and_ends_no_run() {
    let school = School::begun();
    rustix::fs::mkfifoat(rustix::fs::CWD, school.path("pipe"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    school.write("precious", b"precious");
    symlink("precious", school.path("link")).unwrap();
    for place in ["pipe", "link", "home", "/dev/full", "no-such-folder/dr.log"] {
        let said = school.dr(&["--at", FRIDAY, "--log", place, "run", "admin"]).ended(0);
        assert_eq!(said.stderr.matches("there is no log in").count(), 1, "{place}: {}", said.stderr);
    }
    assert_eq!(fs::read(school.path("precious")).unwrap(), b"precious");
}

#[test]
fn a_service_writes_runs_to_the_journal_and_whoever_asks_for_nothing_gets_no_line() {
    let school = School::begun();
    let said = |stream: Option<&str>, words: &[&str]| {
        let path = school.path("journal");
        let file = File::create(&path).unwrap();
        let about = file.metadata().unwrap();
        let mut command = school.command(words);
        if let Some(stream) = stream {
            let this = format!("{}:{}", about.dev(), about.ino());
            command.env("JOURNAL_STREAM", stream.replace("this", &this));
        }
        assert!(command.stdout(Stdio::null()).stderr(Stdio::from(file)).status().unwrap().success());
        fs::read_to_string(path).unwrap()
    };
    let due = ["--at", FRIDAY, "run", "--due", "--quiet"];
    let journal = said(Some("this"), &due);
    assert!(journal.lines().any(|line| line.starts_with("<6>run begin run=")), "{journal}");
    assert!(journal.lines().any(|line| line.starts_with("<6>run end run=")), "{journal}");
    assert!(journal.lines().any(|line| line.starts_with("<6>round end runs=3")), "{journal}");
    assert!(!journal.contains("request"), "{journal}");
    let all = said(Some("this"), &["run", "--due", "-vv"]);
    assert!(all.lines().any(|line| line.starts_with("<7>request end")), "{all}");
    // A program that a service starts has the variable as well.
    for stream in [Some("1:1"), Some(""), None] {
        let nothing = said(stream, &["run", "--due", "--quiet"]);
        assert_eq!(nothing, "", "{stream:?}");
    }
}
