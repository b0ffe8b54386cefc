//! The stranger's reader beside dr, on one repository and with one key.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::bare;
use crate::bench::{Bench, Run, noise, objects};

/// How a repository is opened.
#[derive(Debug, Clone, Copy)]
pub enum Key {
    Password,
    File,
}

/// A bench, and the key of its repository.
pub struct Both {
    pub bench: Bench,
    key: Key,
}

impl Both {
    /// With a repository in `repo` that holds nothing yet.
    pub fn new(key: Key) -> Self {
        let both = Self { bench: Bench::new(), key };
        both.dr(&["repo", "init", "repo"]).ended(0);
        both
    }

    /// With a copy of a repository that somebody else made, in `repo`; the password is the bench's.
    pub fn with_copy_of(repository: &Path) -> Self {
        let both = Self { bench: Bench::new(), key: Key::Password };
        for (path, _) in objects(repository) {
            let to = both.path("repo").join(path.strip_prefix(repository).unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(path, to).unwrap();
        }
        both
    }

    /// With two generations of a tree of large, sparse and small files in `from`.
    pub fn with_two_generations(key: Key) -> Self {
        let both = Self::new(key);
        let tree = both.bench.tree("from", 3 << 20);
        both.backup();
        fs::write(tree.join("a.txt"), "the register of the second form\n").unwrap();
        fs::write(tree.join("below/new"), noise(9, 300_000)).unwrap();
        both.backup();
        both
    }

    pub fn backup(&self) {
        self.dr(&["repo", "backup", "repo", "from"]).ended(0);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.bench.path(name)
    }

    /// dr with this key.
    pub fn dr(&self, args: &[&str]) -> Run {
        self.run(self.bench.command(args))
    }

    /// The reader with this key, on `repo`.
    pub fn reader(&self, args: &[&str]) -> Run {
        self.run(self.reader_on("repo", args))
    }

    /// The reader with the bench's password. It never ends in a stack of Python's.
    pub fn reader_on(&self, repository: &str, args: &[&str]) -> Command {
        let mut command = bare::bare(python());
        command.arg("-B").arg(beside("docs/format/read_repository.py")).arg(repository).args(args);
        command.current_dir(self.path(".")).env("DR_PASSWORD", "seven green bottles");
        command
    }

    fn run(&self, mut command: Command) -> Run {
        if let Key::File = self.key {
            command.env_remove("DR_PASSWORD").env("DR_KEY_FILE", self.path("key"));
        }
        let run = Run::of(command.output().unwrap());
        assert!(!run.stderr.contains("Traceback"), "{}", run.stderr);
        run
    }

    /// The ids of all snapshots, oldest first.
    pub fn ids(&self) -> Vec<String> {
        let listed = self.dr(&["repo", "snapshots", "--json", "repo"]).ended(0).document();
        listed.as_array().unwrap().iter().map(|snapshot| snapshot["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// Lines of JSON as one list.
pub fn lines(run: &Run) -> Value {
    run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect()
}

/// A file of the checkout.
pub fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// A Python that has what the reader needs.
pub fn python() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| bare::python("argon2, blake3, cryptography, zstandard"))
}
