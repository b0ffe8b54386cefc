//! A folder of its own for each soak, dr started in it, and luck that a number repeats.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::bare;

pub struct Ground {
    folder: TempDir,
}

/// What a run of dr left behind.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ground {
    pub fn new() -> Self {
        let folder = bare::folder("soak-");
        fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder }
    }

    /// One whose files cost no disk: for a ledger of many thousand entries.
    pub fn on_memory() -> Self {
        let shm = Path::new("/dev/shm");
        let folder = match shm.is_dir() {
            true => TempDir::with_prefix_in("soak-", shm).unwrap(),
            false => bare::folder("soak-"),
        };
        fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// As [`Ground::path`], for a command line.
    pub fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The program alone, with an environment of its own.
    pub fn start(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = bare::bare(program);
        command
            .current_dir(self.folder.path())
            .env("DR_TEST_SWITCHES", "any-time devices")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("home"))
            .env("DR_CACHE", self.path("cache"))
            .env("DR_PASSWORD", "seven green bottles")
            .env("TZ", "Europe/London");
        command
    }

    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.start(program());
        command.args(args);
        command
    }

    #[must_use]
    pub fn dr<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    /// Backs `from` up to `repo`, to the end.
    pub fn backup(&self, from: &Path) -> Value {
        let from = from.to_str().unwrap();
        self.dr(["repo", "backup", "--json", &self.at("repo"), from]).ended(0).summary()
    }

    /// Restores the newest snapshot into `to`, compares it with `from` and removes it.
    pub fn comes_back(&self, from: &Path) {
        let to = self.path("to");
        self.dr(["repo", "restore", &self.at("repo"), "latest", "--to", &self.at("to")]).ended(0);
        self.same_trees(from, &to, "");
        fs::remove_dir_all(to).unwrap();
    }

    /// Compares two trees with a program that shares no code with dr.
    #[track_caller]
    pub fn same_trees(&self, from: &Path, to: &Path, ignore: &str) {
        let (ended, said) = self.differences(from, to, ignore);
        assert!(ended, "{} differs from {}:\n{said}", to.display(), from.display());
    }

    /// Whether the trees are the same, and what the comparing program said.
    pub fn differences(&self, from: &Path, to: &Path, ignore: &str) -> (bool, String) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/compare_trees.py");
        let python = std::env::var_os("DR_TEST_PYTHON").unwrap_or_else(|| "python3".into());
        let mut command = Command::new(python);
        command.arg(script).arg(from).arg(to);
        if !ignore.is_empty() {
            command.args(["--ignore", ignore]);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.success(), said.into_owned())
    }
}

/// Which dr is put to the test.
pub fn program() -> PathBuf {
    std::env::var_os("DR_SOAK_DR").map_or_else(|| env!("CARGO_BIN_EXE_dr").into(), PathBuf::from)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// How often, if nobody said otherwise `small`.
pub fn count(small: u64) -> u64 {
    number("DR_SOAK_COUNT").unwrap_or(small)
}

pub fn seed() -> u64 {
    number("DR_SOAK_SEED").unwrap_or(1)
}

impl Run {
    #[must_use]
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The last of the events.
    #[track_caller]
    pub fn summary(&self) -> Value {
        serde_json::from_str(self.stdout.lines().last().unwrap()).unwrap()
    }
}

/// Numbers that look like luck, the same for the same seed (xorshift64*).
pub struct Luck(u64);

impl Luck {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit.max(1)
    }

    /// From 0 to 1.
    pub fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Bytes that do not compress.
    pub fn noise(&mut self, length: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(length + 8);
        while out.len() < length {
            out.extend_from_slice(&self.next().to_le_bytes());
        }
        out.truncate(length);
        out
    }
}

/// Every object of a repository with its size.
pub fn objects(repository: &Path) -> Vec<(PathBuf, u64)> {
    let (mut out, mut folders) = (Vec::new(), vec![repository.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap() == ".tmp" {
                continue;
            }
            // What is being written may be gone again.
            match path.metadata() {
                Ok(meta) if meta.is_dir() => folders.push(path),
                Ok(meta) => out.push((path, meta.len())),
                Err(_) => {}
            }
        }
    }
    out.sort();
    out
}

/// The bytes of all objects.
pub fn bytes_of(repository: &Path) -> u64 {
    objects(repository).iter().map(|(_, size)| size).sum()
}
