//! What one day does to the school's files: edits, new, moved and deleted documents, registers, mail, a page of news.

use super::shares::Desk;
use super::{mail, records, site};
use crate::dates::{DAY, date};
use crate::random::Random;
use crate::{Error, Result, at, document, put};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const EDITED: usize = 30;
const RENAMED: usize = 4;
const DELETED: usize = 3;

/// What changed in a day. Paths are relative to `shares/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// Documents that were edited and saved again.
    pub edited: Vec<PathBuf>,
    /// Documents and pictures that are new.
    pub new: Vec<PathBuf>,
    /// Files that have another name, old and new.
    pub renamed: Vec<(PathBuf, PathBuf)>,
    /// Files that are gone.
    pub deleted: Vec<PathBuf>,
    /// Marks added to the register.
    pub marks: u64,
    /// Earlier marks that were corrected.
    pub corrections: u64,
    /// Messages that arrived.
    pub delivered: u64,
    /// Messages whose file was renamed, as they were read.
    pub flagged: u64,
}

/// Lives the `day`th day after the first (1 is the day after `day0`), which changes what is below `dir`.
///
/// The outcome depends on the state, the seed and the day alone. A day can be lived once: its register cannot be taken
/// twice. Days are calendar days; choose `day0` so that they are not a Saturday if that matters.
pub fn live_a_day(dir: &Path, seed: u64, day: u32) -> Result<Day> {
    let morning = records::first_day(&dir.join("mis"))?.div_euclid(DAY) * DAY + i64::from(day) * DAY;
    let mut random = Random::of(seed, "day", u64::from(day));
    let registers = records::live(&dir.join("mis"), &mut random, morning)?;
    let post = mail::live(&dir.join("mail"), seed, day, &mut random, morning)?;
    site::live(&dir.join("www"), &mut random, morning)?;
    let mut lived = Day {
        edited: Vec::new(),
        new: Vec::new(),
        renamed: Vec::new(),
        deleted: Vec::new(),
        marks: registers.marks,
        corrections: registers.corrections,
        delivered: post.delivered,
        flagged: post.flagged,
    };
    let mut desk = Desk::today(seed, u64::from(day), morning);
    let shares = dir.join("shares");
    change_files(&shares, &mut desk, &mut lived)?;
    add_files(&shares, &mut desk, morning, &mut lived)?;
    Ok(lived)
}

fn change_files(shares: &Path, desk: &mut Desk, lived: &mut Day) -> Result<()> {
    let mut files = put::files_below(shares)?;
    files.retain(|path| document::is_editable(path));
    if files.len() < EDITED + RENAMED + DELETED {
        return Err(Error::Unfit { path: shares.to_owned(), lacks: "enough documents for a day's work" });
    }
    // Drawn together, so that no file is edited and deleted; which of them meets which fate is a second draw.
    let drawn = desk.random.some_of(files.len(), EDITED + RENAMED + DELETED);
    let fates: BTreeSet<usize> = desk.random.some_of(drawn.len(), RENAMED + DELETED).into_iter().collect();
    for (position, file) in drawn.into_iter().enumerate() {
        let name = files[file].clone();
        let path = shares.join(&name);
        if !fates.contains(&position) {
            let bytes = put::read(&path)?;
            let saved = desk.saved();
            let bytes = document::edited(&path, &bytes, saved, &desk.words, &mut desk.random)?;
            put::save_again(&path, &bytes, saved)?;
            lived.edited.push(name);
        } else if lived.deleted.len() < DELETED && (lived.renamed.len() == RENAMED || desk.random.chance(50)) {
            fs::remove_file(&path).map_err(at(&path))?;
            lived.deleted.push(name);
        } else {
            let stem = name.file_stem().and_then(|stem| stem.to_str()).unwrap_or("document");
            let to = free(shares, &name, &format!("{stem} FINAL"), put::extension(&name));
            fs::rename(&path, shares.join(&to)).map_err(at(&path))?;
            lived.renamed.push((name, to));
        }
    }
    Ok(())
}

/// A name beside `name` that nothing has yet.
fn free(shares: &Path, name: &Path, stem: &str, extension: &str) -> PathBuf {
    let mut stem = stem.to_owned();
    loop {
        let candidate = name.with_file_name(format!("{stem}.{extension}"));
        if !shares.join(&candidate).exists() {
            return candidate;
        }
        stem.push_str(" (2)");
    }
}

fn add_files(shares: &Path, desk: &mut Desk, morning: i64, lived: &mut Day) -> Result<()> {
    let today = date(morning);
    for number in 0..8 {
        let topic = desk.words.topic(&mut desk.random);
        let (folder, extension) = match number {
            0..=2 => ("curriculum/Year 4/Science/2 Spring", "docx"),
            3 => ("office/letters", "docx"),
            4 => ("office/finance/Orders", "xlsx"),
            5 => ("office/finance/Ledger", "csv"),
            _ => ("photos/New", "jpg"),
        };
        put::directory(&shares.join(folder))?;
        let name = free(shares, &Path::new(folder).join("x"), &format!("{today} {topic} {number}"), extension);
        let path = shares.join(&name);
        match extension {
            "docx" => desk.docx(&path, &topic, "S. Rowan", number == 3)?,
            "xlsx" => desk.xlsx(&path, &topic, "R. Elm", 6)?,
            "csv" => desk.csv(&path, "payee")?,
            _ => desk.photo(&path, 1_760, 1_320)?,
        }
        lived.new.push(name);
    }
    Ok(())
}
