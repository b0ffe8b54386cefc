//! The programs that are compared: how each is found and asked to do a step.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Place;

pub struct Program {
    pub name: &'static str,
    pub version: String,
    /// What its repositories do, as far as it changes the figures.
    pub about: &'static str,
    path: PathBuf,
}

const PASSWORD: &str = "seven green bottles";

/// Name, what is said for a version, and what is to be known.
const PEERS: [(&str, &str, &str); 4] = [
    ("restic", "version", "AES-256-CTR, SHA-256, zstd; chunks of 1 MiB"),
    ("rustic", "--version", "restic's format in Rust"),
    ("borg", "--version", "repokey-blake2, zstd 3; chunks of 2 MiB, one thread"),
    ("bupstash", "--version", "XChaCha20, BLAKE3, zstd 3; has no check: everything is read instead"),
];

impl Program {
    /// dr, and those of the others that are on the search path.
    pub fn found(dr: &Path) -> Result<Vec<Self>, String> {
        let dr =
            dr.canonicalize().map_err(|e| format!("no dr at {}: {e}; cargo build --release -p dr", dr.display()))?;
        let own = "ChaCha20-Poly1305, keyed BLAKE3, zstd 2; chunks of 64 KiB in sealed frames";
        let mut found = vec![Self { name: "dr", version: version(&dr, "--version")?, about: own, path: dr }];
        let path = std::env::var_os("PATH").unwrap_or_default();
        for (name, word, about) in PEERS {
            let there = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
            if let Some(path) = there {
                found.push(Self { name, version: version(&path, word)?, about, path });
            }
        }
        Ok(found)
    }

    /// The commands of a step, in order.
    pub fn commands(&self, step: &str, place: &Place, tree: &Path) -> Vec<Command> {
        let (repository, cache, restored) = (text(&place.repository), text(&place.cache), text(&place.restored));
        let key = format!("{cache}/key");
        let tree_text = text(tree);
        let inside = format!("latest:{tree_text}");
        let archive = format!("::{step}");
        let lines: Vec<Vec<&str>> = match (self.name, step) {
            ("dr", "init") => vec![vec!["repo", "init", &repository]],
            ("dr", "list") => vec![vec!["repo", "snapshots", &repository]],
            ("dr", "restore") => vec![vec!["repo", "restore", &repository, "latest", "--to", &restored]],
            ("dr", "check") => vec![vec!["repo", "check", &repository, "--read-data"]],
            ("dr", _) => vec![vec!["repo", "backup", &repository, &tree_text]],
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
            command.current_dir(if step == "restore" { &place.restored } else { tree });
            command.env("HOME", &cache).envs(self.environment(&repository, &cache));
            command
        };
        lines.into_iter().map(start).collect()
    }

    fn environment(&self, repository: &str, cache: &str) -> Vec<(&'static str, String)> {
        let below = |name: &str| format!("{cache}/{name}");
        match self.name {
            "dr" => vec![("DR_PASSWORD", PASSWORD.into()), ("DR_CACHE", below("dr"))],
            "restic" => vec![
                ("RESTIC_PASSWORD", PASSWORD.into()),
                ("RESTIC_REPOSITORY", repository.into()),
                ("RESTIC_CACHE_DIR", below("restic")),
            ],
            "rustic" => vec![
                ("RUSTIC_PASSWORD", PASSWORD.into()),
                ("RUSTIC_REPOSITORY", repository.into()),
                ("RUSTIC_CACHE_DIR", below("rustic")),
                ("RUSTIC_NO_PROGRESS", "true".into()),
            ],
            "borg" => vec![
                ("BORG_PASSPHRASE", PASSWORD.into()),
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
