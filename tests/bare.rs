//! What does a program that a test starts get of whoever runs the tests? The time that it is there, and nothing else.
#![allow(dead_code, reason = "shared by suites, each of which needs some of it")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::Mode;
use tempfile::TempDir;

/// How `cargo xtask test --at DATE` tells every process the time: libfaketime and what it asks the environment.
const TIME: [&str; 5] = ["LD_PRELOAD", "FAKETIME", "FAKETIME_SHARED", "FAKETIME_DONT_FAKE_MONOTONIC", "NO_FAKE_STAT"];

/// A folder of a test's own. From here on its process makes files as on most machines, whatever the umask of whoever
/// runs the tests: dr refuses a plan that others could write.
pub fn folder(prefix: &str) -> TempDir {
    rustix::process::umask(Mode::from_raw_mode(0o022));
    tempfile::Builder::new().prefix(prefix).tempdir().unwrap()
}

/// A program without an environment, but with the time of the test that starts it.
#[expect(clippy::disallowed_methods, reason = "a whole-program test starts the program")]
pub fn bare(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command.envs(TIME.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
}

/// dr without an environment, and with these switches that only tests have (`dr-switch`): `any-time`, `devices`.
pub fn dr(switches: &str) -> Command {
    let mut command = bare(env!("CARGO_BIN_EXE_dr"));
    command.env("DR_TEST_SWITCHES", switches);
    command
}

/// A Python that can import these. Plain `python3` has packages on some machines only.
#[expect(clippy::disallowed_methods, reason = "a whole-program test starts the program")]
pub fn python(imports: &str) -> PathBuf {
    let named = std::env::var_os("DR_TEST_PYTHON").map(PathBuf::from);
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/py/bin/python");
    let tried: Vec<_> = named.into_iter().chain([ours, "python3".into()]).collect();
    let works = |python: &&PathBuf| {
        let import = format!("import {imports}");
        Command::new(python).args(["-c", &import]).output().is_ok_and(|output| output.status.success())
    };
    tried.iter().find(works).cloned().unwrap_or_else(|| {
        panic!(
            "no Python with {imports}: `cargo xtask test` makes one, or set DR_TEST_PYTHON to one that has what \
             xtask/requirements.txt names; tried {tried:?}"
        )
    })
}
