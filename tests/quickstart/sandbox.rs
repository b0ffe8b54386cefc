//! A folder and a home of its own for each test, and dr typed in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::bare;

/// A Friday night on which Thursday and Friday are over and no quiet night follows.
pub const FRIDAY_NIGHT: &str = "2026-11-20T22:30:00Z";

pub struct Sandbox(TempDir);

/// What dr answered.
pub struct Answer {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    pub fn new() -> Self {
        Self(bare::folder("quickstart-"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// dr with an environment of its own, in the sandbox.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        // Whoever tries dr has no switches either.
        let mut command = bare::dr("");
        command.args(args).current_dir(self.0.path());
        command.env("HOME", self.path("home")).env("DR_CACHE", self.path("cache")).env("TZ", "UTC");
        command
    }

    /// Types a line of words without blanks in them.
    pub fn dr(&self, line: &str) -> Answer {
        let output = self.command(line.split_whitespace()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Answer { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Every file below `name` with its bytes and modification time, folders with their time.
    pub fn everything(&self, name: &str) -> Vec<(PathBuf, Option<String>, std::time::SystemTime)> {
        fn walk(folder: &Path, all: &mut Vec<(PathBuf, Option<String>, std::time::SystemTime)>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let about = std::fs::symlink_metadata(&path).unwrap();
                let bytes = about.is_file().then(|| dr_ledger::Digest::of(&std::fs::read(&path).unwrap()).to_string());
                all.push((path.clone(), bytes, about.modified().unwrap()));
                if about.is_dir() {
                    walk(&path, all);
                }
            }
        }
        let mut all = Vec::new();
        walk(&self.path(name), &mut all);
        all.sort();
        all
    }
}

impl Answer {
    /// As it should have ended.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// A screen that fits a terminal.
    #[track_caller]
    pub fn fits(self, lines: usize) -> Self {
        assert!(self.stdout.lines().count() <= lines, "{}", self.stdout);
        for line in self.stdout.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        self
    }
}
