//! How a SQLite database is captured whole while others write to it, and what must be true of it restored.
//!
//! The copy is made by SQLite's own backup interface in one step, under one read lock: one state of the
//! database, the write-ahead log included, never a mixture. In WAL mode writers go on meanwhile; else they wait.
//! The capture is a directory with the database under its own name and the facts ([`crate::FACTS`]) beside it.
//! Putting it back is putting back a plain file; no program may have the old one open, and its `-wal` and `-shm`
//! files must be gone.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use dr_entry::{Body, Content, Entries, Entry, EntryPath, Kind, Meta, Profile, Time};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{CWD, Mode, OFlags, openat};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::files::attributes::AttributeReader;
use crate::files::body::{FileBody, Parent};
use crate::files::directory::{Directory, Identity, look};
use crate::files::metadata::{OwnerNames, meta, stamp};
use crate::{FACTS, SourceError, facts};

/// How long a writer that holds the database may keep us waiting.
const PATIENCE: Duration = Duration::from_secs(30);

/// What can be said of a database without knowing what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqliteFacts {
    /// Whether SQLite's full integrity check found nothing.
    pub integrity_ok: bool,
    /// What it found, the first few.
    pub problems: Vec<String>,
    /// Rows of each table.
    pub tables: BTreeMap<String, u64>,
    /// Tables that this SQLite cannot count, such as virtual ones of a module it lacks.
    pub uncounted: Vec<String>,
}

/// Copies `database` into a directory of its own in `scratch`, which must have room for it, and captures that.
/// The copy is removed when it has been read.
///
/// # Errors
/// [`SourceError::Sqlite`] if it is no database, locked for too long, or not readable; [`SourceError::Open`].
pub fn capture(database: &Path, scratch: &Path, started: Time) -> Result<Entries<'static>, SourceError> {
    let database = &database.canonicalize().map_err(|why| SourceError::open(database, why))?;
    let name = database.file_name().unwrap_or_default().to_owned();
    let path =
        EntryPath::root().join(name.as_bytes()).map_err(|why| SourceError::open(database, io::Error::other(why)))?;
    let mut meta = original(database)?;
    let place = TempDir::with_prefix_in("dr-sqlite-", scratch).map_err(|why| SourceError::open(scratch, why))?;
    let copy = place.path().join("database");
    copy_whole(database, &copy)?;
    let facts = probe(&copy)?;
    let (body, size) = body(place)?;
    meta.size = size;
    let entry = Entry { path, meta, stamp: None, profile: Profile::Fine, body: Some(Box::new(body)) };
    let facts = facts::entry(&facts, started).map_err(|why| SourceError::open(database, io::Error::other(why)))?;
    if entry.path == facts.path {
        let why = format!("a database called {FACTS} cannot be told from the facts beside it");
        return Err(SourceError::open(database, io::Error::other(why)));
    }
    let mut entries = vec![facts::root(started), entry, facts];
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Box::new(entries.into_iter().map(Ok)))
}

/// Checks the database at `path` as a whole and counts its rows. Nothing is written, not even a lock file,
/// unless there is a write-ahead log beside it to be read.
///
/// # Errors
/// [`SourceError::Sqlite`] if it cannot be opened as a database at all; damage is a fact, not an error.
pub fn probe(path: &Path) -> Result<SqliteFacts, SourceError> {
    let wrong = |why| SourceError::Sqlite { path: path.to_owned(), why };
    let database = open_to_read(path).map_err(wrong)?;
    let mut facts =
        SqliteFacts { integrity_ok: false, problems: Vec::new(), tables: BTreeMap::new(), uncounted: Vec::new() };
    match check(&database) {
        Ok(problems) => {
            facts.integrity_ok = problems.is_empty();
            facts.problems = problems;
        }
        Err(why) => facts.problems.push(why.to_string()),
    }
    for table in tables(&database).map_err(wrong)? {
        let quoted = table.replace('"', "\"\"");
        match database.query_row(&format!("SELECT count(*) FROM \"{quoted}\""), [], |row| row.get::<_, i64>(0)) {
            Ok(rows) => drop(facts.tables.insert(table, rows.unsigned_abs())),
            Err(_) => facts.uncounted.push(table),
        }
    }
    Ok(facts)
}

fn check(database: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = database.prepare("PRAGMA integrity_check(10)")?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(if lines == ["ok"] { Vec::new() } else { lines })
}

fn tables(database: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    database.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if PathBuf::from(log).exists() {
        let database = Connection::open_with_flags(path, flags)?;
        database.busy_timeout(PATIENCE)?;
        return Ok(database);
    }
    // `immutable`: a database in WAL mode would otherwise want to make files beside itself.
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
}

fn copy_whole(database: &Path, copy: &Path) -> Result<(), SourceError> {
    let wrong = |why| SourceError::Sqlite { path: database.to_owned(), why };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let from = Connection::open_with_flags(database, flags).map_err(wrong)?;
    from.busy_timeout(PATIENCE).map_err(wrong)?;
    let mut to = Connection::open(copy).map_err(wrong)?;
    // The copy is lost with us anyway; it need not be safe against a crash.
    to.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF").map_err(wrong)?;
    {
        let backup = Backup::new(&from, &mut to).map_err(wrong)?;
        loop {
            // All pages in one step: a backup in several starts again whenever somebody writes.
            match backup.step(-1).map_err(wrong)? {
                StepResult::Done => break,
                StepResult::More => {}
                _ => return Err(SourceError::Locked { path: database.to_owned(), seconds: PATIENCE.as_secs() }),
            }
        }
    }
    to.close().map_err(|(_, why)| wrong(why))
}

/// Owner, mode, time and attributes of the database's file.
fn original(database: &Path) -> Result<Meta, SourceError> {
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
    meta.xattrs = AttributeReader::new().of_name(directory.as_fd(), &name, device, false).map_err(wrong)?;
    Ok(meta)
}

fn body(place: TempDir) -> Result<(CopyBody, u64), SourceError> {
    let wrong = |why: rustix::io::Errno| SourceError::open(place.path(), why);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = openat(CWD, place.path(), flags, Mode::empty()).map_err(wrong)?;
    let name = c"database".to_owned();
    let stat = look(directory.as_fd(), &name).map_err(wrong)?;
    let parent = Parent::Open(Directory::new(directory, &Arc::new(AtomicUsize::new(0))));
    let file = FileBody { parent, name, identity: Identity::of(&stat), stamp: stamp(&stat) };
    Ok((CopyBody { file, _place: place }, stat.stx_size))
}

/// The copy, removed when this is dropped: what is open can still be read then.
struct CopyBody {
    file: FileBody,
    _place: TempDir,
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
    _place: TempDir,
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
