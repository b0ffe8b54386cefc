//! How a SQLite database is captured whole while others write to it, and what must be true of it restored.
//!
//! The copy is made by SQLite's own backup interface in one step, under one read lock: one state of the
//! database, the write-ahead log included, never a mixture. In WAL mode writers go on meanwhile; else they wait.
//! The capture is a directory with the database under its own name and the facts ([`crate::FACTS`]) beside it.
//! Putting it back is putting back a plain file; no program may have the old one open, and its `-wal` and `-shm`
//! files must be gone.

mod asked;
mod copying;
pub(crate) mod driver;
mod judge;
mod patience;
mod start;
mod verify;

use std::ffi::CString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dr_entry::{Body, Content, Entries, Entry, EntryPath, Kind, Meta, Profile, Time, Unread};
use dr_open::Claim;
use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::driver::Questions;
use crate::files::attributes::AttributeReader;
use crate::files::body::FileBody;
use crate::files::directory::{Identity, look};
use crate::files::metadata::{OwnerNames, meta};
use crate::files::{Captured, Tally};
use crate::{FACTS, SourceError, facts};

pub use judge::{SqliteFacts, probe};
use patience::{PATIENCE, only_a_file};

/// Copies `database` into a directory of its own in `scratch`, which must have room for it, and captures that under the
/// name that `database` has, also if it is a link to a file of another one. The copy is removed when it has been read.
/// Damage that the database reports of itself is an [`Unread`] after its entry: what is left of it is kept.
///
/// # Errors
/// [`SourceError::Sqlite`] if it is not a database, locked for too long, or not readable; [`SourceError::Open`].
pub fn capture(database: &Path, scratch: &Path, started: Time) -> Result<Captured, SourceError> {
    captured(database, scratch, started, &Questions { expect: &[], pages: &[], zone: &jiff::tz::TimeZone::UTC })
}

/// The same, and the copy is asked.
fn captured(
    database: &Path,
    scratch: &Path,
    started: Time,
    questions: &Questions<'_>,
) -> Result<Captured, SourceError> {
    let real = &database.canonicalize().map_err(|why| SourceError::open(database, why))?;
    let name = database.file_name().or(real.file_name()).unwrap_or_default().to_owned();
    let path =
        EntryPath::root().join(name.as_bytes()).map_err(|why| SourceError::open(database, io::Error::other(why)))?;
    only_a_file(real)?;
    let (mut meta, lacking) = original(real)?;
    let place = Claim::new(scratch, "dr-sqlite-").map_err(|why| SourceError::open(scratch, why))?;
    let copy = place.path().join("database");
    let tally = Arc::new(Tally::default());
    if let Some(told) = copying::copy(real, &copy, scratch)? {
        tally.note(told);
    }
    let mut facts = probe(&copy).map_err(|error| of(database, error))?;
    facts.answers = asked::answers(&copy, questions);
    tally.answered(facts.answers.clone());
    let damage = facts.problems.first().map(|problem| Unread { path: path.clone(), why: damaged(problem) });
    if damage.is_some() {
        tally.damage();
    }
    let (body, size) = body(place)?;
    meta.size = size;
    let entry = Entry { path: path.clone(), meta, stamp: None, profile: Profile::Fine, body: Some(Box::new(body)) };
    let facts = facts::entry(&facts, started).map_err(|why| SourceError::open(database, io::Error::other(why)))?;
    if entry.path == facts.path {
        let why = format!("a database called {FACTS} cannot be told from the facts beside it");
        return Err(SourceError::open(database, io::Error::other(why)));
    }
    let lacking = lacking.into_iter().map(|why| Unread { path: path.clone(), why });
    let database: Vec<_> = std::iter::once(Ok(entry)).chain(damage.into_iter().chain(lacking).map(Err)).collect();
    let root = std::iter::once(Ok(facts::root(started)));
    let first = path < facts.path;
    let facts = std::iter::once(Ok(facts));
    let entries: Entries<'static> = match first {
        true => Box::new(root.chain(database).chain(facts)),
        false => Box::new(root.chain(facts).chain(database)),
    };
    Ok(Captured { entries, tally })
}

fn damaged(problem: &str) -> String {
    format!("the database is damaged, and what is left of it was kept. SQLite says: {problem}")
}

/// The same error about the database as the plan names it.
fn of(database: &Path, error: SourceError) -> SourceError {
    match error {
        SourceError::Sqlite { why, .. } => SourceError::Sqlite { path: database.to_owned(), why },
        other => other,
    }
}

/// The database in a capture that was restored to `root`. One that was captured under the name of the file that a link
/// led to is found as well.
#[must_use]
pub fn restored(root: &Path, database: &Path) -> PathBuf {
    let named = root.join(database.file_name().unwrap_or_default());
    if named.is_file() {
        return named;
    }
    let others = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut others = others.filter(|entry| entry.file_name() != FACTS).map(|entry| entry.path());
    match (others.next(), others.next()) {
        (Some(only), None) if only.is_file() => only,
        _ => named,
    }
}

/// Owner, mode, time and attributes of the database's file.
fn original(database: &Path) -> Result<(Meta, Vec<String>), SourceError> {
    let wrong = |why: rustix::io::Errno| SourceError::open(database, why);
    let parent = database.parent().unwrap_or(Path::new("/"));
    let name = database.file_name().unwrap_or_default().as_bytes();
    let name = CString::new(name).map_err(|why| SourceError::open(database, io::Error::other(why)))?;
    // The file is not opened: closing it would drop the locks of a connection that this process may have.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = openat(CWD, parent, flags, Mode::empty()).map_err(wrong)?;
    let stat = look(directory.as_fd(), &name).map_err(wrong)?;
    let mut meta = meta(&stat, Kind::File, &mut OwnerNames::default());
    let device = Identity::of(&stat).device;
    let read = AttributeReader::new().of_name(directory.as_fd(), &name, device, false);
    meta.xattrs = read.found;
    Ok((meta, read.lacking))
}

fn body(place: Claim) -> Result<(CopyBody, u64), SourceError> {
    let wrong = |why: rustix::io::Errno| SourceError::open(place.path(), why);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = openat(CWD, place.path(), flags, Mode::empty()).map_err(wrong)?;
    let name = c"database".to_owned();
    let stat = look(directory.as_fd(), &name).map_err(wrong)?;
    let file = FileBody::alone(directory, name, &stat);
    Ok((CopyBody { file, _place: place }, stat.stx_size))
}

/// The copy, removed when this is dropped: what is open can still be read then.
struct CopyBody {
    file: FileBody,
    _place: Claim,
}

impl Body for CopyBody {
    fn open(self: Box<Self>) -> io::Result<Box<dyn Content>> {
        let content = Box::new(self.file).open()?;
        Ok(Box::new(CopyContent { content, _place: self._place }))
    }
}

/// The copy while it is read. Removing it earlier would change its time and look like a change of contents.
struct CopyContent {
    content: Box<dyn Content>,
    _place: Claim,
}

// The attributes are those of the database, not of the copy: they stand in its entry.
impl Content for CopyContent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<dr_entry::Piece> {
        self.content.read(buffer)
    }

    fn settle(&mut self) -> io::Result<dr_entry::Settled> {
        self.content.settle()
    }
}
