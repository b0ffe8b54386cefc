//! How a database is copied in one state, also where its program died while it wrote, or its folder takes no files.
//!
//! SQLite's own backup interface copies under one read lock. Two things keep it from reading at all: a journal that a dead
//! program left behind, which must be rolled back first, and a write-ahead log in a folder where nothing may be written.
//! Then the files are copied as they stand, together, and SQLite puts the copy in order: the school's own files are never
//! written to. That nobody wrote to them meanwhile is seen by looking at them before and after.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dr_open::Claim;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::PATIENCE;
use super::judge::is_damage;
use crate::SourceError;

/// What SQLite keeps beside a database.
const BESIDE: [&str; 3] = ["", "-journal", "-wal"];
/// So often files that were written to meanwhile are copied again.
const TRIES: usize = 10;

/// Makes `copy` of `database`. What a person should know of how that was done.
pub(super) fn copy(database: &Path, copy: &Path, scratch: &Path) -> Result<Option<String>, SourceError> {
    match whole(database, copy, OpenFlags::SQLITE_OPEN_READ_ONLY) {
        Err(SourceError::Sqlite { why, .. }) if cannot_be_read_alone(&why) => {
            let raw = Claim::new(scratch, "dr-sqlite-").map_err(|why| SourceError::open(scratch, why))?;
            let stood = raw.path().join("database");
            let journal = together(database, &stood)?;
            remove(copy)?;
            whole(&stood, copy, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| of(database, error))?;
            Ok(journal.then(|| {
                format!(
                    "a program died while it was writing to {0} ({1}-journal is there still): what it had not finished was \
                     undone in the copy, as SQLite does it. {0} itself was not touched; start its program once, and that \
                     is done there too",
                    database.display(),
                    database.file_name().unwrap_or_default().display()
                )
            }))
        }
        // Pages that cannot be followed: kept as they stand, for whoever may save something of them.
        Err(SourceError::Sqlite { why, .. }) if is_damage(&why) => {
            remove(copy)?;
            together(database, copy)?;
            Ok(None)
        }
        done => done.map(|()| None),
    }
}

/// The same error about the database that it is really about.
fn of(database: &Path, error: SourceError) -> SourceError {
    match error {
        SourceError::Sqlite { why, .. } => SourceError::Sqlite { path: database.to_owned(), why },
        SourceError::Locked { seconds, .. } => SourceError::Locked { path: database.to_owned(), seconds },
        other => other,
    }
}

fn cannot_be_read_alone(why: &rusqlite::Error) -> bool {
    matches!(why.sqlite_error_code(), Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen))
}

fn remove(copy: &Path) -> Result<(), SourceError> {
    for end in BESIDE {
        match fs::remove_file(beside(copy, end)) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(SourceError::open(copy, why)),
            _ => {}
        }
    }
    Ok(())
}

fn beside(database: &Path, end: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(end);
    path.into()
}

/// Copies a database and what stands beside it, as they stood at one moment; whether there was a journal with something
/// in it.
fn together(database: &Path, to: &Path) -> Result<bool, SourceError> {
    for _ in 0..TRIES {
        let before = seen(database)?;
        for (end, about) in BESIDE.iter().zip(&before) {
            let (from, to) = (beside(database, end), beside(to, end));
            match about {
                Some(about) if about.is_file() => {
                    let read = dr_open::plain(&from);
                    let copied = read.and_then(|mut read| std::io::copy(&mut read, &mut fs::File::create(&to)?));
                    copied.map_err(|why| SourceError::open(&from, why))?;
                }
                Some(_) => {
                    return Err(SourceError::open(&from, std::io::Error::other("it is not a file")));
                }
                None => drop(fs::remove_file(&to)),
            }
        }
        if same(&before, &seen(database)?) {
            return Ok(before[1].as_ref().is_some_and(|journal| journal.len() > 0));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(SourceError::Locked { path: database.to_owned(), seconds: 1 })
}

fn seen(database: &Path) -> Result<Vec<Option<Metadata>>, SourceError> {
    let look = |end: &&str| match beside(database, end).symlink_metadata() {
        Ok(about) => Ok(Some(about)),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound && !end.is_empty() => Ok(None),
        Err(why) => Err(SourceError::open(beside(database, end), why)),
    };
    BESIDE.iter().map(look).collect()
}

fn same(before: &[Option<Metadata>], after: &[Option<Metadata>]) -> bool {
    let key = |about: &Option<Metadata>| {
        about.as_ref().map(|a| (a.dev(), a.ino(), a.len(), a.mtime(), a.mtime_nsec(), a.ctime(), a.ctime_nsec()))
    };
    before.iter().map(key).eq(after.iter().map(key))
}

/// All pages in one step, under one lock.
fn whole(database: &Path, copy: &Path, how: OpenFlags) -> Result<(), SourceError> {
    let wrong = |why| SourceError::Sqlite { path: database.to_owned(), why };
    let from = Connection::open_with_flags(database, how | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(wrong)?;
    from.busy_timeout(PATIENCE).map_err(wrong)?;
    let mut to = Connection::open(copy).map_err(wrong)?;
    // The copy is lost with us anyway; it need not be safe against a crash.
    to.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF").map_err(wrong)?;
    {
        let backup = Backup::new(&from, &mut to).map_err(wrong)?;
        loop {
            // A backup in several steps starts again whenever somebody writes.
            match backup.step(-1).map_err(wrong)? {
                StepResult::Done => break,
                StepResult::More => {}
                _ => return Err(SourceError::Locked { path: database.to_owned(), seconds: PATIENCE.as_secs() }),
            }
        }
    }
    to.close().map_err(|(_, why)| wrong(why))
}
