//! What Hazel Bank Junior School keeps on its disks, how a day there changes it, and which file gets lost.
//!
//! Below the given directory: `shares/` (teachers' folders, photographs, `curriculum/` and `office/`), `mis/mis.db`
//! (the pupil records, SQLite), `mail/` (a Maildir++) and `www/` (the static site).

mod day;
mod mail;
mod records;
mod shares;
mod site;
mod size;

pub use crate::put::Size;
pub use day::{Day, live_a_day};

use crate::random::Random;
use crate::{Error, Result, at, put};
use std::path::{Path, PathBuf};

pub use size::{MESSAGES, PUPILS};

/// What [`make`] made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Documents, spreadsheets and pictures of the shares.
    pub shares: Size,
    /// The pupil records.
    pub mis: Size,
    /// The mailbox, its folder markers included.
    pub mail: Size,
    /// The site.
    pub www: Size,
    /// Marks in the register before any day is lived.
    pub attendance_rows: u64,
}

/// Makes the school below `dir`, as it stands on the morning of `day0` (seconds since 1970).
///
/// Takes a few seconds and about 120 MB. What is there already is written over; better give an empty directory.
pub fn make(dir: &Path, seed: u64, day0: i64) -> Result<Made> {
    put::directory(dir)?;
    let shares = shares::make(&dir.join("shares"), seed, day0)?;
    let (mis, attendance_rows) = records::make(&dir.join("mis"), seed, day0)?;
    let mail = mail::make(&dir.join("mail"), seed, day0)?;
    let www = site::make(&dir.join("www"), seed, day0)?;
    Ok(Made { shares, mis, mail, www, attendance_rows })
}

/// The file that [`lose`] would lose now, relative to `shares/`: a document of the office that the school needs.
pub fn precious(dir: &Path, seed: u64) -> Result<PathBuf> {
    let office = PathBuf::from("office");
    let files = put::files_below(&dir.join("shares/office"))?;
    let candidates: Vec<&PathBuf> = files.iter().filter(|f| matches!(put::extension(f), "docx" | "xlsx")).collect();
    if candidates.is_empty() {
        return Err(Error::Unfit { path: dir.to_owned(), lacks: "a school with documents in its office" });
    }
    Ok(office.join(Random::of(seed, "lose", 0).pick(&candidates)))
}

/// Deletes the [`precious`] file and says which it was. Read it before, to compare what comes back.
pub fn lose(dir: &Path, seed: u64) -> Result<PathBuf> {
    let lost = precious(dir, seed)?;
    let path = dir.join("shares").join(&lost);
    std::fs::remove_file(&path).map_err(at(&path))?;
    Ok(lost)
}
