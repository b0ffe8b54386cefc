//! The programs that are compared: how each is found and asked to do a step.

use std::path::{Path, PathBuf};
use std::process::Command;

use dr_sample::sets::Set;

use super::Place;
use super::wanted::{Data, Wanted};

/// What is peculiar to a program's turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// dr as it comes.
    Plain,
    /// dr with zstd as hard as the others have it.
    Level3,
    /// dr in a control group of 128 MiB.
    Bounded,
    /// dr, cutting with this profile.
    Cut(&'static str),
    Peer,
}

pub struct Program {
    pub name: &'static str,
    pub version: String,
    /// What its repositories do, as far as it changes the figures.
    pub about: &'static str,
    pub variant: Variant,
    path: PathBuf,
}

/// Where dr looks for a password and for a key file.
pub const PASSWORD: &str = "DR_PASSWORD";
pub const KEY_FILE: &str = "DR_KEY_FILE";
pub const SECRET: &str = "seven green bottles";

pub const DR: &str = "dr";
pub const DR_LEVEL3: &str = "dr zstd 3";
pub const DR_BOUNDED: &str = "dr 128 MiB";
pub const DR_STD: &str = "dr std";
pub const DR_FINE: &str = "dr fine";

/// dr's own turns: what it is called, what it is, and what is to be known.
const OURS: [(&str, Variant, &str); 5] = [
    (
        DR,
        Variant::Plain,
        "ChaCha20-Poly1305, keyed BLAKE3, zstd as the target's speed allows; chunks of 16 or 64 KiB in sealed frames; \
         opened with a key file",
    ),
    (DR_LEVEL3, Variant::Level3, "with --compression 3"),
    (DR_BOUNDED, Variant::Bounded, "in a control group of 128 MiB; once"),
    (DR_STD, Variant::Cut("std"), "with --profile std; once, on sets of one large file"),
    (DR_FINE, Variant::Cut("fine"), "with --profile fine; once, on sets of one large file"),
];

/// What is done in one generation and then in the next.
type Steps = (&'static [&'static str], &'static [&'static str]);

const PLAIN: Steps = (&["init", "backup1", "backup2", "restore1"], &["backup3", "list", "restore", "check"]);
const PEER: Steps = (&["init", "backup1", "backup2"], &["backup3", "list", "restore", "check"]);
const FIRST: Steps = (&["init", "backup1"], &[]);

/// Name, what is said for a version, and what is to be known.
const PEERS: [(&str, &str, &str); 4] = [
    ("restic", "version", "AES-256-CTR, SHA-256, zstd; chunks of 1 MiB; opened with a password"),
    ("rustic", "--version", "restic's format in Rust; opened with a password"),
    ("borg", "--version", "repokey-blake2, zstd 3; chunks of 2 MiB, one thread; opened with a password"),
    (
        "bupstash",
        "--version",
        "XChaCha20, BLAKE3, zstd 3; opened with a key file; has no check: the last is read instead",
    ),
];

impl Program {
    /// dr in its turns, and those of the others that are there; then the names of those that are not. `root`: whether
    /// memory can be bounded here.
    pub fn found(wanted: &Wanted, root: bool) -> Result<(Vec<Self>, Vec<&'static str>), String> {
        let dr = &wanted.dr;
        let dr =
            dr.canonicalize().map_err(|e| format!("no dr at {}: {e}; cargo build --release -p dr", dr.display()))?;
        let ours = version(&dr, "--version")?;
        let mut found: Vec<Self> = OURS
            .into_iter()
            .filter(|(_, variant, _)| root || *variant != Variant::Bounded)
            .map(|(name, variant, about)| Self { name, version: ours.clone(), about, variant, path: dr.clone() })
            .collect();
        let search = std::env::var_os("PATH").unwrap_or_default();
        let mut absent = Vec::new();
        for (name, word, about) in PEERS {
            let given = wanted.bins.iter().find(|(given, _)| given == name).map(|(_, path)| path.clone());
            let there = || std::env::split_paths(&search).map(|folder| folder.join(name)).find(|file| file.is_file());
            match given.or_else(there).filter(|_| !wanted.alone) {
                Some(path) => {
                    let version = version(&path, word)?;
                    found.push(Self { name, version, about, variant: Variant::Peer, path });
                }
                None => absent.push(name),
            }
        }
        Ok((found, absent))
    }

    pub fn is_dr(&self) -> bool {
        self.variant != Variant::Peer
    }

    /// Whether it has a turn with this set in this repetition: what does not vary is looked at once.
    pub fn takes_part(&self, data: &Data, repetition: usize) -> bool {
        match self.variant {
            Variant::Plain | Variant::Level3 | Variant::Peer => true,
            Variant::Bounded => repetition == 0,
            Variant::Cut(_) => repetition == 0 && matches!(data.set, Set::Image | Set::Dump),
        }
    }

    fn steps(&self) -> Steps {
        match self.variant {
            Variant::Plain | Variant::Bounded => PLAIN,
            Variant::Level3 | Variant::Cut(_) => FIRST,
            Variant::Peer => PEER,
        }
    }

    /// What it does in the first generation.
    pub fn first_steps(&self) -> &'static [&'static str] {
        self.steps().0
    }

    /// What it does after the tree has changed.
    pub fn second_steps(&self) -> &'static [&'static str] {
        self.steps().1
    }

    /// The commands of a step, in order.
    pub fn commands(&self, step: &str, place: &Place, tree: &Path) -> Vec<Command> {
        let (repository, cache, restored) = (text(&place.repository), text(&place.cache), text(&place.restored));
        let key = format!("{cache}/key");
        let tree_text = text(tree);
        let inside = format!("latest:{tree_text}");
        let archive = format!("::{step}");
        let who = if self.is_dr() { DR } else { self.name };
        let lines: Vec<Vec<&str>> = match (who, step) {
            (DR, "init") => vec![vec!["repo", "init", &repository]],
            (DR, "list") => vec![vec!["repo", "snapshots", &repository]],
            (DR, "restore" | "restore1") => {
                vec![vec!["repo", "restore", "--json", &repository, "latest", "--to", &restored]]
            }
            (DR, "check") => vec![vec!["repo", "check", &repository, "--read-data"]],
            (DR, _) => {
                let mut line = vec!["repo", "backup", &repository, &tree_text];
                match self.variant {
                    Variant::Level3 => line.extend(["--compression", "3"]),
                    Variant::Cut(profile) => line.extend(["--profile", profile]),
                    _ => {}
                }
                vec![line]
            }
            ("restic", "init") => vec![vec!["-q", "init"]],
            ("restic", "list") => vec![vec!["-q", "snapshots"]],
            ("restic", "restore") => vec![vec!["-q", "restore", "latest", "--target", &restored]],
            ("restic", "check") => vec![vec!["-q", "check", "--read-data"]],
            ("restic", _) => vec![vec!["-q", "backup", "."]],
            ("rustic", "init") => vec![vec!["init"]],
            ("rustic", "list") => vec![vec!["snapshots"]],
            ("rustic", "restore") => vec![vec!["restore", &inside, &restored]],
            ("rustic", "check") => vec![vec!["check", "--read-data"]],
            ("rustic", _) => vec![vec!["backup", &tree_text]],
            ("borg", "init") => vec![vec!["init", "-e", "repokey-blake2"]],
            ("borg", "list") => vec![vec!["list"]],
            ("borg", "restore") => vec![vec!["extract", "::backup3"]],
            ("borg", "check") => vec![vec!["check", "--verify-data"]],
            ("borg", _) => vec![vec!["create", "--compression", "zstd,3", &archive, "."]],
            (_, "init") => vec![vec!["new-key", "-o", &key], vec!["init", "-q"]],
            (_, "list") => vec![vec!["list", "-q"]],
            (_, "restore") => vec![vec!["restore", "-q", "--ownership", "--into", &restored, "name=backup3"]],
            (_, "check") => vec![vec!["get", "-q", "name=backup3"]],
            (_, "backup1") => vec![vec!["put", "-q", "name=backup1", "::", &tree_text]],
            (_, "backup2") => vec![vec!["put", "-q", "name=backup2", "::", &tree_text]],
            (_, _) => vec![vec!["put", "-q", "name=backup3", "::", &tree_text]],
        };
        let start = |line: Vec<&str>| {
            let mut command = Command::new(&self.path);
            command.args(line);
            // borg restores to where it stands; all the others were told.
            command.current_dir(if step.starts_with("restore") { &place.restored } else { tree });
            command.env("HOME", &cache).envs(self.environment(step, &repository, &cache));
            command
        };
        lines.into_iter().map(start).collect()
    }

    fn environment(&self, step: &str, repository: &str, cache: &str) -> Vec<(&'static str, String)> {
        let below = |name: &str| format!("{cache}/{name}");
        match self.name {
            // Founded with both, so that either opens it.
            _ if self.is_dr() && step == "init" => {
                vec![(PASSWORD, SECRET.into()), (KEY_FILE, below("key")), ("DR_CACHE", below("dr"))]
            }
            // As a school's server runs it: nobody types a password at night. What one costs, the lists show.
            _ if self.is_dr() => vec![(KEY_FILE, below("key")), ("DR_CACHE", below("dr"))],
            "restic" => vec![
                ("RESTIC_PASSWORD", SECRET.into()),
                ("RESTIC_REPOSITORY", repository.into()),
                ("RESTIC_CACHE_DIR", below("restic")),
            ],
            "rustic" => vec![
                ("RUSTIC_PASSWORD", SECRET.into()),
                ("RUSTIC_REPOSITORY", repository.into()),
                ("RUSTIC_CACHE_DIR", below("rustic")),
                ("RUSTIC_NO_PROGRESS", "true".into()),
            ],
            "borg" => vec![
                ("BORG_PASSPHRASE", SECRET.into()),
                ("BORG_REPO", repository.into()),
                ("BORG_BASE_DIR", below("borg")),
            ],
            _ => vec![
                ("BUPSTASH_REPOSITORY", repository.into()),
                ("BUPSTASH_KEY", below("key")),
                ("BUPSTASH_SEND_LOG", below("send.log")),
                ("BUPSTASH_QUERY_CACHE", below("query.cache")),
            ],
        }
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn version(program: &Path, word: &str) -> Result<String, String> {
    let output = Command::new(program).arg(word).output().map_err(|e| format!("{}: {e}", program.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or("no version told").to_owned())
}
