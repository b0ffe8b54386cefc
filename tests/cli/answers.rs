//! What dr answers: the shapes that scripts rely on, help, and readers who go away.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;

use crate::bench::Bench;

#[test]
fn answers_have_the_fields_that_scripts_rely_on() {
    let bench = Bench::with_repository();
    let tree = bench.tree("from", 100_000);
    fs::write(tree.join(OsStr::from_bytes(b"caf\xe9")), "latin 1").unwrap();
    let summary = bench.backup(&["from"], 0);
    for field in ["snapshot", "entries", "bytes_read", "bytes_stored", "unreadable"] {
        assert!(!summary[field].is_null(), "{field}");
    }
    let repo = bench.at("repo");
    let list = bench.dr(["repo", "snapshots", "--json", &repo]).ended(0).document();
    assert_eq!(list[0]["id"], summary["snapshot"]);
    assert_eq!(list[0]["paths"][0], bench.at("from"));
    assert!(list[0]["time"].as_str().unwrap().ends_with("+00:00"));
    assert_eq!(list[0]["summary"]["entries"], summary["entries"]);
    for field in ["hostname", "tags"] {
        assert!(!list[0][field].is_null(), "{field}");
    }
    let stats = bench.dr(["repo", "stats", "--json", &repo]).ended(0).document();
    for field in ["snapshots", "chunks", "packs", "bytes", "logical_bytes"] {
        assert!(stats[field].as_u64().unwrap() > 0, "{field}");
    }
    let entries = bench.dr(["repo", "ls", "--json", &repo, "latest"]).ended(0).document();
    let entries = entries.as_array().unwrap();
    assert_eq!(entries.len() as u64, summary["entries"].as_u64().unwrap());
    let odd = entries.iter().find(|entry| entry["path"] == "caf\\xe9").unwrap();
    assert_eq!(odd["path_b64"], "Y2Fm6Q==");
    assert_eq!((odd["kind"].as_str(), odd["size"].as_u64()), (Some("file"), Some(7)));
}

#[test]
fn broken_pipe_is_success() {
    let bench = Bench::with_repository();
    let tree = bench.path("from");
    fs::create_dir(&tree).unwrap();
    // More names than any pipe holds.
    for n in 0..3_000 {
        fs::write(tree.join(format!("a file with a name that takes some room {n:060}")), "").unwrap();
    }
    bench.backup(&["from"], 0);
    let mut child =
        bench.command(["repo", "ls", &bench.at("repo")]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn mistakes_on_the_command_line_are_64_and_help_is_0() {
    let bench = Bench::new();
    for args in [
        &["repo", "backup"][..],
        &["repo", "frobnicate"],
        &["repo", "init", "s3://bucket/path"],
        &["repo", "backup", "x", "y", "--compression", "99"],
        &["repo", "backup", "x", "y", "--tag", "novalue"],
        &["repo", "restore", "x", "latest"],
        &["repo", "restore", "x", "latest", "--to", "y", "--delete"],
        &["repo", "check", "x", "--read-data-subset", "some"],
    ] {
        let run = bench.dr(args).ended(64);
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{args:?}");
        // A script that asked for JSON gets an object here as for every other failure.
        let said = bench.dr([&["--json"], args].concat()).ended(64).document();
        assert_eq!((said["event"].as_str(), said["code"].as_u64()), (Some("error"), Some(64)), "{args:?}");
        assert!(!said["message"].as_str().unwrap().is_empty(), "{args:?}");
    }
    assert!(bench.dr(["--help"]).ended(0).stdout.contains("repo"));
    assert!(bench.dr(["--version"]).ended(0).stdout.starts_with("dr "));
}

#[test]
fn quiet_says_nothing_when_all_is_well() {
    let bench = Bench::new();
    bench.tree("from", 100);
    for args in [
        &["repo", "init", "-q", "repo"][..],
        &["repo", "backup", "-q", "repo", "from"],
        &["repo", "restore", "-q", "repo", "latest", "--to", "to"],
        &["repo", "check", "-q", "repo"],
    ] {
        let run = bench.dr(args).ended(0);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""), "{args:?}");
    }
}
