//! What opens a repository, and what does not.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::bare;
use crate::bench::{Bench, Run};

#[test]
fn a_wrong_password_is_12_and_no_repository_is_10() {
    let bench = Bench::with_repository();
    bench.tree("from", 100);
    for verb in [
        &["snapshots", "repo"][..],
        &["ls", "repo"],
        &["stats", "repo"],
        &["check", "repo"],
        &["backup", "repo", "from"],
        &["restore", "repo", "latest", "--to", "to"],
    ] {
        let mut command = bench.command([&["repo"], verb].concat());
        Run::of(command.env("DR_PASSWORD", "wrong").output().unwrap()).ended(12).told("password");
        let elsewhere: Vec<_> = verb.iter().map(|word| if *word == "repo" { "nowhere" } else { word }).collect();
        bench.dr([&["repo"], &elsewhere[..]].concat()).ended(10);
        fs::create_dir(bench.path("empty")).unwrap();
        let elsewhere: Vec<_> = verb.iter().map(|word| if *word == "repo" { "empty" } else { word }).collect();
        bench.dr([&["repo"], &elsewhere[..]].concat()).ended(10).told("no repository");
        // Nothing was written into what may be a mount point without its disk.
        fs::remove_dir(bench.path("empty")).unwrap();
    }
    assert!(!bench.path("to").exists());
}

#[test]
fn a_password_comes_from_a_file_or_a_program_that_no_shell_sees() {
    let bench = Bench::with_repository();
    fs::write(bench.path("a secret"), "seven green bottles\n").unwrap();
    let run = |name: &str, value: &str| {
        let mut command = bench.command(["repo", "snapshots", "repo"]);
        Run::of(command.env_remove("DR_PASSWORD").env(name, value).output().unwrap())
    };
    run("DR_PASSWORD_FILE", &bench.at("a secret")).ended(0);
    run("DR_PASSWORD_COMMAND", &format!("cat '{}'", bench.at("a secret"))).ended(0);
    run("DR_PASSWORD_COMMAND", "echo seven green bottles").ended(0);
    run("DR_PASSWORD_COMMAND", "echo seven green bottles; true").ended(12);
    run("DR_PASSWORD_COMMAND", "false").ended(12).told("DR_PASSWORD_COMMAND");
    run("DR_PASSWORD_FILE", &bench.at("none")).ended(12).told("DR_PASSWORD_FILE");
    run("DR_PASSWORD", "").ended(12).told("empty");
    // No terminal and nothing set.
    let mut command = bench.command(["repo", "snapshots", "repo"]);
    let detached = without_a_terminal(&mut command);
    detached.ended(12).told("DR_PASSWORD");
}

/// Without the terminal of whoever runs the tests, if there is one.
fn without_a_terminal(command: &mut std::process::Command) -> Run {
    let mut detached = bare::bare("setsid");
    detached.arg("--wait").arg(command.get_program()).args(command.get_args());
    detached.env("PATH", "/usr/bin:/bin").current_dir(command.get_current_dir().unwrap());
    Run::of(detached.output().unwrap())
}

#[test]
fn a_new_key_file_is_for_its_owner_only_and_opens_every_repository_of_the_family() {
    let bench = Bench::new();
    bench.tree("from", 1000);
    let dr = |args: &[&str]| {
        let mut command = bench.command(args);
        Run::of(command.env_remove("DR_PASSWORD").env("DR_KEY_FILE", bench.path("key")).output().unwrap())
    };
    let family = |run: &Run| run.summary()["family"].clone();
    let first = dr(&["repo", "init", "--json", "one"]).ended(0);
    assert_eq!(fs::metadata(bench.path("key")).unwrap().mode() & 0o7777, 0o600);
    let key = fs::read(bench.path("key")).unwrap();
    let second = dr(&["repo", "init", "--json", "two"]).ended(0);
    assert_eq!(family(&first), family(&second));
    assert!(fs::read(bench.path("key")).unwrap() == key);
    for repository in ["one", "two"] {
        dr(&["repo", "backup", repository, "from"]).ended(0);
        dr(&["repo", "check", "--read-data", repository]).ended(0);
    }
    // Made without a password, so none opens it.
    bench.dr(["repo", "snapshots", "one"]).ended(12).told("key file");
    fs::write(bench.path("key"), &key[..key.len() - 3]).unwrap();
    dr(&["repo", "snapshots", "one"]).ended(12);
    fs::remove_file(bench.path("key")).unwrap();
    dr(&["repo", "snapshots", "one"]).ended(12).told("key");
    assert!(!bench.path("key").exists());
}

#[test]
fn init_leaves_alone_what_is_there() {
    let bench = Bench::with_repository();
    bench.dr(["repo", "init", "repo"]).ended(1).told("already");
    bench.tree("from", 10);
    bench.dr(["repo", "init", "from"]).ended(64).told("not empty");
    let mut command = bench.command(["repo", "init", "new"]);
    Run::of(command.env("DR_PASSWORD", "").output().unwrap()).ended(64).told("the password is empty");
    assert!(!bench.path("new").exists());
}

/// Answers dr's questions on a terminal of its own, as a person would, and prints the terminal's whole text.
const AT_A_TERMINAL: &str = r#"
import os, pty, sys, termios
answers, program = sys.argv[1].encode().decode("unicode_escape").encode("latin-1").split(b"|"), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execv(program[0], program)
before, text = termios.tcgetattr(terminal)[3], b""
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    text += piece
    if text.endswith(b": ") and answers:
        assert not termios.tcgetattr(terminal)[3] & termios.ECHO, "the terminal shows what is typed"
        os.write(terminal, answers.pop(0))
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.stdout.write(text.decode())
sys.exit(status)
"#;

#[test]
fn a_person_is_asked_without_showing_the_answer_and_twice_for_a_new_one() {
    let bench = Bench::new();
    let at_a_terminal = |answers: &str, args: &[&str]| {
        let mut command = bare::bare(bare::python("pty"));
        command.args(["-c", AT_A_TERMINAL, answers, env!("CARGO_BIN_EXE_dr"), "repo"]).args(args);
        command.env("DR_CACHE", bench.path("cache")).current_dir(bench.path("."));
        let run = Run::of(command.output().unwrap());
        assert!(!run.stdout.contains("bottles"), "{}", run.stdout);
        run
    };
    at_a_terminal("ten bottles\\r|nine bottles\\r", &["init", "repo"]).ended(64);
    assert!(!bench.path("repo").exists());
    at_a_terminal("ten\\x03", &["init", "repo"]).ended(130);
    assert!(!bench.path("repo").exists());
    // Backspace takes a whole character, also one of two bytes.
    at_a_terminal("ten bottl\\xc3\\xa9\\x7fes\\r|ten bottles\\r", &["init", "repo"]).ended(0);
    at_a_terminal("ten bottles\\r", &["snapshots", "repo"]).ended(0);
    at_a_terminal("two bottles\\r", &["snapshots", "repo"]).ended(12);
    at_a_terminal("\\r", &["snapshots", "repo"]).ended(12);
}

#[test]
fn a_key_to_prune_deletes_what_it_cannot_read() {
    let bench = Bench::new();
    bench.tree("from", 1000);
    let with = |key: &str, args: &[&str]| {
        let mut command = bench.command(args);
        Run::of(command.env_remove("DR_PASSWORD").env("DR_KEY_FILE", bench.path(key)).output().unwrap())
    };
    with("key", &["repo", "init", "repo"]).ended(0);
    for keep in ["one", "two"] {
        fs::write(bench.path("from").join("changes"), keep.repeat(100_000)).unwrap();
        with("key", &["repo", "backup", "repo", "from"]).ended(0);
    }
    // It is made of the recovery key, and of no other.
    with("key", &["key", "export", "prune.key", "--for", "prune"]).ended(0);
    assert_eq!(fs::metadata(bench.path("prune.key")).unwrap().mode() & 0o7777, 0o600);
    with("key", &["key", "export", "prune.key", "--for", "prune"]).ended(1).told("No key was written");
    with("prune.key", &["key", "export", "more.key", "--for", "prune"]).ended(12).told("not the recovery key");
    bench.dr(["key", "export", "more.key", "--for", "prune"]).ended(12).told("DR_KEY_FILE");
    assert!(!bench.path("more.key").exists());

    with("prune.key", &["repo", "forget", "repo", "--keep-last", "1"]).ended(0);
    let pruned = with("prune.key", &["repo", "prune", "repo", "--now", "--json"]).ended(0);
    assert!(pruned.summary()["deleted"].as_u64().unwrap() > 0, "{:?}", pruned.summary());
    for refused in [
        &["restore", "repo", "latest", "--to", "to"][..],
        &["ls", "repo"],
        &["dump", "repo", "latest", "changes"],
        &["repair", "repo"],
        &["erase", "repo", "--path", "changes", "--yes"],
    ] {
        with("prune.key", &[&["repo"], refused].concat()).ended(12);
    }
    let refused = with("prune.key", &["repo", "backup", "repo", "from"]);
    assert_ne!(refused.code, Some(0));
    refused.told("prunes and writes no backups");
    with("prune.key", &["repo", "check", "repo"]).ended(0);
    with("key", &["repo", "check", "--read-data", "repo"]).ended(0);
    with("key", &["repo", "restore", "repo", "latest", "--to", "to"]).ended(0);
    assert_eq!(fs::read(bench.path("to/changes")).unwrap(), "two".repeat(100_000).into_bytes());
}
