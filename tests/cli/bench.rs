//! A place of its own for each test: a home, a cache, a repository, and nothing of whoever runs the tests.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::bare;

pub struct Bench {
    folder: TempDir,
}

/// What a run of dr left behind.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Bench {
    pub fn new() -> Self {
        let folder = bare::folder("bench-");
        fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder }
    }

    /// A bench with a repository in `repo`.
    pub fn with_repository() -> Self {
        let bench = Self::new();
        bench.dr(["repo", "init", &bench.at("repo")]).ended(0);
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// As [`Bench::path`], for a command line.
    pub fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// dr with an environment of its own; the password is right.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = bare::dr("any-time");
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("HOME", self.path("home"))
            .env("DR_CACHE", self.path("cache"))
            .env("DR_PASSWORD", "seven green bottles")
            .env("TZ", "Europe/London");
        command
    }

    /// Runs dr. Whoever does says which exit code is right.
    #[must_use]
    pub fn dr<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    /// Backs `paths` up to `repo` and gives the summary.
    pub fn backup(&self, paths: &[&str], code: i32) -> Value {
        let args = ["repo", "backup", "--json", &self.at("repo")].map(str::to_owned).into_iter();
        self.dr(args.chain(paths.iter().map(|path| self.at(path)))).ended(code).summary()
    }

    /// A small tree `name` with a few files, and bytes that do not compress.
    pub fn tree(&self, name: &str, bytes: usize) -> PathBuf {
        let top = self.path(name);
        fs::create_dir_all(top.join("below/deep")).unwrap();
        fs::write(top.join("a.txt"), "the register of the first form\n").unwrap();
        fs::write(top.join("below/b.bin"), noise(1, bytes)).unwrap();
        fs::write(top.join("below/deep/c"), "").unwrap();
        top
    }

    /// Compares two trees with a program that shares no code with dr.
    #[expect(clippy::disallowed_methods, reason = "a whole-program test starts the program")]
    #[track_caller]
    pub fn same_trees(&self, from: &Path, to: &Path, ignore: &str) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/compare_trees.py");
        let python = std::env::var_os("DR_TEST_PYTHON").unwrap_or_else(|| "python3".into());
        let mut command = Command::new(python);
        command.arg(script).arg(from).arg(to);
        if !ignore.is_empty() {
            command.args(["--ignore", ignore]);
        }
        Run::of(command.output().unwrap()).ended(0);
    }
}

impl Run {
    #[must_use]
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard error holds this.
    #[track_caller]
    pub fn told(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "`{words}` is not in:\n{}", self.stderr);
        self
    }

    /// The whole answer as one document.
    #[track_caller]
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// The last of the events.
    #[track_caller]
    pub fn summary(&self) -> Value {
        let summary: Value = serde_json::from_str(self.stdout.lines().last().unwrap()).unwrap();
        assert_eq!(summary["event"], "summary");
        summary
    }
}

/// Bytes that do not compress, the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(length + 8);
    while out.len() < length {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        out.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    out.truncate(length);
    out
}

/// Every object of a repository with its size.
pub fn objects(repository: &Path) -> Vec<(PathBuf, u64)> {
    let mut out = Vec::new();
    let mut folders = vec![repository.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap() == ".tmp" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                out.push((path.clone(), path.metadata().unwrap().len()));
            }
        }
    }
    out.sort();
    out
}
