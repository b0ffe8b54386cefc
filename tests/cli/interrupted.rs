//! A backup that is ended, in order or not, keeps what was stored, and running again goes on from there.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{Bench, Run, noise, objects};

/// A little more than three packs, and none of it compresses.
const BYTES: usize = 100 << 20;

/// A backup of standard input that has been given so much that at least one pack must lie in the repository:
/// of the three that are done one may wait and one be under way.
fn half_way(bench: &Bench, bytes: &[u8]) -> Child {
    let mut child = bench
        .command(["repo", "backup", "--json", &bench.at("repo"), "--stdin", "big"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    child
}

fn all(bench: &Bench, bytes: &[u8]) -> serde_json::Value {
    let mut child = half_way(bench, bytes);
    drop(child.stdin.take());
    Run::of(child.wait_with_output().unwrap()).ended(0).summary()
}

/// The same command, begun by `program`.
#[expect(clippy::disallowed_methods, reason = "a whole-program test starts the program")]
fn under(program: &str, inner: &Command) -> Command {
    let mut command = Command::new(program);
    command.arg(inner.get_program()).args(inner.get_args()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(inner.get_current_dir().unwrap());
    command
}

fn stop(child: Child, signal: Signal) -> std::process::Output {
    kill_process(Pid::from_child(&child), signal).unwrap();
    // Standard input stays open until it has ended: it is the signal that ends it.
    let mut child = child;
    let stdin = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    output
}

#[test]
fn sigterm_ends_with_143_and_what_was_stored_is_not_stored_again() {
    let bench = Bench::with_repository();
    let bytes = noise(11, BYTES);
    let child = half_way(&bench, &bytes);
    let run = Run::of(stop(child, Signal::TERM)).ended(143).told("interrupted");
    assert!(run.stdout.contains(r#""code":143"#));
    let listed = bench.dr(["repo", "snapshots", "--json", &bench.at("repo")]).ended(0).document();
    assert_eq!(listed, serde_json::json!([]));
    let stored = all(&bench, &bytes)["bytes_stored"].as_u64().unwrap();
    assert!(stored < (BYTES / 4 * 3) as u64, "{stored} bytes were stored again");
    bench.dr(["repo", "check", "--read-data", &bench.at("repo")]).ended(0);
}

#[test]
fn sigint_ends_with_130() {
    let bench = Bench::with_repository();
    let child = half_way(&bench, &noise(12, 8 << 20));
    Run::of(stop(child, Signal::INT)).ended(130);
}

#[test]
fn a_terminal_that_goes_away_ends_a_backup_in_order_with_129() {
    let bench = Bench::with_repository();
    let child = half_way(&bench, &noise(14, 8 << 20));
    let run = Run::of(stop(child, Signal::HUP)).ended(129).told("interrupted");
    assert!(run.stdout.contains(r#""code":129"#));
}

#[test]
fn whoever_begins_a_backup_with_nohup_has_it_outlive_the_terminal() {
    let bench = Bench::with_repository();
    let inner = bench.command(["repo", "backup", "--json", &bench.at("repo"), "--stdin", "kept"]);
    let mut child =
        under("nohup", &inner).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Once it takes what it is given it has long begun to listen for signals.
    let bytes = noise(15, 4 << 20);
    child.stdin.as_mut().unwrap().write_all(&bytes).unwrap();
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    drop(child.stdin.take());
    let summary = Run::of(child.wait_with_output().unwrap()).ended(0).summary();
    assert_eq!(summary["bytes"], bytes.len());
}

#[test]
fn what_holds_keys_leaves_no_core_dump_and_may_open_all_the_files_that_it_may() {
    let bench = Bench::with_repository();
    let child = half_way(&bench, &noise(16, 8 << 20));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let limit = |name: &str| -> Vec<String> {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().take(2).map(str::to_owned).collect()
    };
    assert_eq!(limit("Max core file size")[0], "0");
    let files = limit("Max open files");
    assert_eq!(files[0], files[1]);
    Run::of(stop(child, Signal::TERM)).ended(143);
}

#[test]
fn what_a_killed_backup_stored_is_taken_up() {
    let bench = Bench::with_repository();
    let bytes = noise(13, BYTES);
    let child = half_way(&bench, &bytes);
    let data = bench.path("repo/data");
    while !data.exists() || objects(&data).is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(stop(child, Signal::KILL).status.code(), None);
    let summary = all(&bench, &bytes);
    assert!(summary["adopted_packs"].as_u64().unwrap() >= 1, "{summary}");
    let stored = summary["bytes_stored"].as_u64().unwrap();
    assert!(stored < (BYTES / 4 * 3) as u64, "{stored} bytes were stored again");
    bench.dr(["repo", "restore", &bench.at("repo"), "latest", "--to", &bench.at("to")]).ended(0);
    assert!(std::fs::read(bench.path("to/big")).unwrap() == bytes);
}
