//! Are the evidence of rehearsals and the letters still what the ledger says they were?
//!
//! The ledger keeps the hash of each rehearsal's JSON, and that has the hashes of the page and the text that people read.
//! Of a letter it keeps the hashes of both. Papers that were written by an older version, which kept fewer hashes, are
//! named as not held.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use dr_ledger::{Digest, Entry, Event};
use dr_run::School;
use serde::Serialize;

/// One paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paper {
    /// Where it is, or should be.
    pub file: PathBuf,
    /// The entry that speaks of it; none if no entry does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// How it stands.
    pub verdict: Standing,
}

/// How a paper stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is what was written.
    Ok,
    /// It is another one.
    Changed,
    /// It is not there, or cannot be read.
    Missing,
    /// It is there, and nothing says what it was.
    NotHeld,
    /// It lies among the evidence, and the ledger knows of no such rehearsal.
    Unknown,
}

/// No evidence is larger: what is, is no evidence.
const PAPER_MAX: u64 = 64 << 20;

/// Every paper that the ledger speaks of, in its order, and what lies among the evidence beside them.
#[must_use]
pub fn papers(school: &School, entries: &[Entry]) -> Vec<Paper> {
    let (mut all, mut letters) = (Vec::new(), BTreeMap::new());
    for entry in entries {
        match &entry.event {
            Event::Rehearsed { evidence, evidence_blake3, .. } => {
                rehearsal(&found(school, Path::new(evidence)), entry.n, *evidence_blake3, &mut all);
            }
            // One that was written again under the same number stands for the one before.
            Event::LetterWritten { number, text_blake3, html_blake3, .. } => {
                letters.insert(*number, (entry.n, *text_blake3, *html_blake3));
            }
            _ => {}
        }
    }
    let folder = school.places.state.join("letters");
    for (number, (n, text, html)) in letters {
        let name = |end: &str| folder.join(format!("letter-{number:04}.{end}"));
        // Letters are for reading and throwing away: one that is not kept here is not missed.
        for (file, hash) in [(name("txt"), Some(text)), (name("html"), html)] {
            let verdict = standing(&file, hash);
            if verdict != Standing::Missing {
                all.push(Paper { file, entry: Some(n), verdict });
            }
        }
    }
    let known: BTreeSet<PathBuf> = all.iter().map(|paper| paper.file.clone()).collect();
    let mut beside: Vec<PathBuf> = std::fs::read_dir(school.places.evidence())
        .map(|read| read.flatten().map(|file| file.path()).collect())
        .unwrap_or_default();
    beside.retain(|file| is_evidence(file) && !known.contains(file));
    beside.sort();
    all.extend(beside.into_iter().map(|file| Paper { file, entry: None, verdict: Standing::Unknown }));
    all
}

fn is_evidence(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let end = file.extension().unwrap_or_default();
    name.starts_with("rehearsal-") && ["json", "html", "txt"].iter().any(|known| end == *known)
}

/// Where a rehearsal's evidence is: where it was written, or in the evidence folder of a state that was moved.
fn found(school: &School, written: &Path) -> PathBuf {
    match written.symlink_metadata() {
        Err(why) if why.kind() == ErrorKind::NotFound => {
            let moved = written.file_name().map(|name| school.places.evidence().join(name));
            moved.filter(|moved| moved.symlink_metadata().is_ok()).unwrap_or_else(|| written.to_owned())
        }
        _ => written.to_owned(),
    }
}

/// The three papers of one rehearsal.
fn rehearsal(json: &Path, n: u64, hash: Digest, all: &mut Vec<Paper>) {
    let verdict = standing(json, Some(hash));
    let document: Option<serde_json::Value> = match verdict {
        Standing::Ok => read(json).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()),
        _ => None,
    };
    let of = |key: &str| document.as_ref()?.get(key)?.as_str().and_then(|hex| Digest::from_hex(hex).ok());
    let beside = [("html", of("html_blake3")), ("txt", of("text_blake3"))];
    all.push(Paper { file: json.to_owned(), entry: Some(n), verdict });
    for (end, hash) in beside {
        let file = json.with_extension(end);
        let verdict = standing(&file, hash);
        all.push(Paper { file, entry: Some(n), verdict });
    }
}

fn standing(file: &Path, hash: Option<Digest>) -> Standing {
    match (read(file), hash) {
        (Err(why), _) if why.kind() == ErrorKind::InvalidData => Standing::Changed,
        (Err(_), _) => Standing::Missing,
        (Ok(_), None) => Standing::NotHeld,
        (Ok(bytes), Some(hash)) if Digest::of(&bytes) == hash => Standing::Ok,
        (Ok(_), Some(_)) => Standing::Changed,
    }
}

/// What is in a file. What is no plain file, or far too large, is none of ours and is not opened.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let about = file.symlink_metadata()?;
    if !about.is_file() || about.len() > PAPER_MAX {
        return Err(ErrorKind::InvalidData.into());
    }
    dr_open::read(file, PAPER_MAX)
}
