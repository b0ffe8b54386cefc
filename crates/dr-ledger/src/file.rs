//! How an event gets into the ledger and stays there: append one line, sync it, never touch an earlier one.
//!
//! Several processes may append at once (a nightly run, a person at a terminal): each takes the file's lock, reads the
//! tail, writes one line and syncs before letting go. What an interrupted append leaves behind is a last line without
//! a newline. Nobody was told that it had been recorded; the next append copies it to `ledger.torn-N` beside the file
//! and cuts it off. A line with its newline is never cut off, whatever is in it.
//!
//! Readers take the lock shared, so that they never mistake an append under way for a torn one.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::FlockOperation;

use crate::entry::Body;
use crate::line::{LINE_MAX, Line};
use crate::verify::{Contents, Head, Scan, Verdict, scan};

/// The file's name in the state directory.
pub const FILE_NAME: &str = "ledger.jsonl";

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file system said no.
    #[error("the ledger {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The last line is whole but is not an entry, so there is nothing to chain to. Nothing was written.
    #[error("the last line of the ledger {} is damaged; nothing was added after it", path.display())]
    DamagedEnd {
        /// The file.
        path: PathBuf,
    },
    /// An entry of more than a mebibyte. Nothing was written.
    #[error("an entry of {bytes} bytes is too long for the ledger")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The event cannot be put into words. Nothing was written.
    #[error("the event cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// Asked to purge what must stay, or with an event that does not announce a purge. Nothing was changed.
    #[error("entry {n} cannot be purged")]
    NotPurgeable {
        /// Its number, 0 if the event itself is the wrong one.
        n: u64,
    },
    /// A purge would cover the traces of what broke the chain. Nothing was changed.
    #[error("the ledger {} is broken; nothing was purged", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
    },
}

/// One school's ledger: a place, not an open file. Cheap to make and to clone.
#[derive(Clone)]
pub struct Ledger {
    path: PathBuf,
    /// What was read of it last: a round reads it dozens of times, and little is added meanwhile.
    known: Arc<Mutex<Known>>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ledger").field(&self.path).finish()
    }
}

/// Whole lines, and what they say.
struct Known {
    bytes: Vec<u8>,
    scan: Scan,
}

impl Known {
    fn nothing() -> Self {
        Self { bytes: Vec::new(), scan: Scan::new(None) }
    }

    /// What these bytes say: only what was added is read, if all that was known is there byte for byte.
    fn read(&mut self, bytes: Vec<u8>) -> Contents {
        if !bytes.starts_with(&self.bytes) {
            *self = Self::nothing();
        }
        let torn = self.scan.go_on(bytes.get(self.bytes.len()..).unwrap_or_default());
        let contents = self.scan.contents(torn);
        // A line without its newline may be finished or cut off.
        *self = if bytes.ends_with(b"\n") {
            Self { bytes, scan: std::mem::replace(&mut self.scan, Scan::new(None)) }
        } else {
            Self::nothing()
        };
        contents
    }
}

/// What an append did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The new entry, which is the ledger's head until the next one.
    pub head: Head,
    /// Where the remains of an interrupted append were put.
    pub set_aside: Option<PathBuf>,
}

impl Ledger {
    /// The ledger of the state directory `state`, which must exist before the first append.
    #[must_use]
    pub fn in_state(state: &Path) -> Self {
        Self { path: state.join(FILE_NAME), known: Arc::new(Mutex::new(Known::nothing())) }
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `body` as the next entry. On return it is on the disk; on an error it is not in the ledger.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn append(&self, body: &Body) -> Result<Appended, LedgerError> {
        let text = serde_json::to_string(body)?;
        let mut open = Open::to_write(&self.path)?;
        let set_aside = open.mend()?;
        let head = open.append(&text)?;
        Ok(Appended { head, set_aside })
    }

    /// Everything in it, and whether the chain holds. A ledger that does not exist yet is an empty one.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn read(&self) -> Result<Contents, LedgerError> {
        match bytes(&self.path) {
            Err(LedgerError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(scan(&[], None)),
            other => {
                let bytes = other?;
                Ok(self.known.lock().unwrap_or_else(PoisonError::into_inner).read(bytes))
            }
        }
    }

    /// Every whole line as it stands, and where they end: a copy that can be kept elsewhere and verified there.
    ///
    /// # Errors
    /// If the file is there and cannot be read, or its last line is not an entry.
    pub fn whole(&self) -> Result<(Vec<u8>, Head), LedgerError> {
        let mut open = match Open::to_read(&self.path) {
            Err(LedgerError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok((Vec::new(), Head::EMPTY));
            }
            open => open?,
        };
        let tail = open.tail()?;
        let mut bytes = Vec::new();
        open.file.seek(SeekFrom::Start(0)).map_err(at(&self.path))?;
        open.file.read_to_end(&mut bytes).map_err(at(&self.path))?;
        bytes.truncate(usize::try_from(tail.end).unwrap_or(usize::MAX));
        Ok((bytes, tail.head))
    }

    /// The newest entry, from the tail alone: what a letter or a form prints as an anchor. Empty if there is no file.
    ///
    /// # Errors
    /// If the file is there and cannot be read, or its last line is not an entry.
    pub fn head(&self) -> Result<Head, LedgerError> {
        match Open::to_read(&self.path) {
            Err(LedgerError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Head::EMPTY),
            open => {
                let tail = open?.tail()?;
                Ok(tail.unfinished.as_ref().and_then(|line| line.entry).unwrap_or(tail.head))
            }
        }
    }
}

/// Whether the chain of the ledger at `path` holds, and still reaches `anchor`.
///
/// # Errors
/// If the file cannot be read: then nothing is known, which is not the same as broken.
pub fn verify(path: &Path, anchor: Option<Head>) -> Result<Verdict, LedgerError> {
    Ok(scan(&bytes(path)?, anchor).verdict)
}

/// The bytes of the file at `path`, read under its lock.
pub fn bytes(path: &Path) -> Result<Vec<u8>, LedgerError> {
    let mut open = Open::to_read(path)?;
    let mut bytes = Vec::new();
    open.file.read_to_end(&mut bytes).map_err(at(path))?;
    Ok(bytes)
}

/// The locked file; dropping it lets go.
pub struct Open<'a> {
    path: &'a Path,
    pub file: File,
}

/// How the file ends.
struct Tail {
    /// The last whole line.
    head: Head,
    /// Where it ends.
    end: u64,
    /// What stands after it.
    unfinished: Option<Unfinished>,
}

/// What is laid in the ledger's place is neither followed nor waited for.
const QUIETLY: i32 = (rustix::fs::OFlags::NOFOLLOW.bits() | rustix::fs::OFlags::NONBLOCK.bits()).cast_signed();

/// A last line without a newline.
struct Unfinished {
    bytes: Vec<u8>,
    /// Set if nothing but the newline is missing.
    entry: Option<Head>,
}

impl<'a> Open<'a> {
    fn to_read(path: &'a Path) -> Result<Self, LedgerError> {
        Self::locked(path, OpenOptions::new().read(true).custom_flags(QUIETLY), FlockOperation::LockShared)
    }

    pub fn to_write(path: &'a Path) -> Result<Self, LedgerError> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600).custom_flags(QUIETLY);
        Self::locked(path, &options, FlockOperation::LockExclusive)
    }

    fn locked(path: &'a Path, options: &OpenOptions, how: FlockOperation) -> Result<Self, LedgerError> {
        loop {
            let file = options.open(path).map_err(at(path))?;
            if !file.metadata().map_err(at(path))?.is_file() {
                return Err(at(path)(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file")));
            }
            rustix::io::retry_on_intr(|| rustix::fs::flock(&file, how)).map_err(|e| at(path)(e.into()))?;
            // A purge puts a new file in place of the old; whoever waited for the old one's lock must open again.
            let ours = file.metadata().map_err(at(path))?;
            match path.metadata() {
                Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => {
                    return Ok(Self { path, file });
                }
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(at(path)(e)),
            }
        }
    }

    /// Makes the file end with a whole line: adds a missing newline, or sets the remains of an append aside.
    pub fn mend(&mut self) -> Result<Option<PathBuf>, LedgerError> {
        let tail = self.tail()?;
        match tail.unfinished {
            None => Ok(None),
            Some(Unfinished { entry: Some(_), .. }) => {
                self.file.write_all(b"\n").and_then(|()| self.file.sync_data()).map_err(at(self.path))?;
                Ok(None)
            }
            Some(Unfinished { bytes, .. }) => {
                let beside = set_aside(self.path, &bytes)?;
                self.file.set_len(tail.end).and_then(|()| self.file.sync_data()).map_err(at(self.path))?;
                Ok(Some(beside))
            }
        }
    }

    /// Writes `body` as the next line of a file that ends with a whole one.
    pub fn append(&mut self, body: &str) -> Result<Head, LedgerError> {
        let tail = self.tail()?;
        let line = Line::of(tail.head.n + 1, tail.head.hash, body);
        let head = Head { n: line.n, hash: line.hash() };
        let text = line.render();
        if text.len() > LINE_MAX {
            return Err(LedgerError::TooLong { bytes: text.len() });
        }
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // The caller hears that nothing was recorded, so nothing should be. If this fails too, what is left is a
            // torn line (or a whole one that is true: the event did happen).
            let _ = self.file.set_len(tail.end);
            return Err(at(self.path)(error));
        }
        if tail.end == 0 {
            sync_directory(self.path)?;
        }
        Ok(head)
    }

    fn tail(&mut self) -> Result<Tail, LedgerError> {
        let damaged = || LedgerError::DamagedEnd { path: self.path.to_owned() };
        let length = self.file.metadata().map_err(at(self.path))?.len();
        // Enough for the longest line, the newline before it and a torn one of the same length after it; mostly the
        // first, small window will do.
        for window in [8 << 10, 2 * LINE_MAX as u64 + 2] {
            let start = length.saturating_sub(window);
            let mut bytes = Vec::new();
            self.file.seek(SeekFrom::Start(start)).map_err(at(self.path))?;
            self.file.read_to_end(&mut bytes).map_err(at(self.path))?;
            let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |newline| newline + 1);
            let before = bytes[..whole.saturating_sub(1)].iter().rposition(|&b| b == b'\n');
            if before.is_none() && start > 0 {
                continue;
            }
            let head = match &bytes[before.map_or(0, |newline| newline + 1)..whole] {
                [] => Head::EMPTY,
                [text @ .., _newline] => {
                    let line = Line::parse(text).filter(Line::body_holds).ok_or_else(damaged)?;
                    Head { n: line.n, hash: line.hash() }
                }
            };
            let rest = &bytes[whole..];
            let unfinished = (!rest.is_empty()).then(|| Unfinished { bytes: rest.to_vec(), entry: entry(rest, head) });
            return Ok(Tail { head, end: start + whole as u64, unfinished });
        }
        Err(damaged())
    }
}

/// The entry that `rest` is, if it follows `head` and lacks nothing but its newline.
fn entry(rest: &[u8], head: Head) -> Option<Head> {
    let line = Line::parse(rest)?;
    let follows = line.n == head.n + 1 && line.prev == head.hash && line.body_holds();
    follows.then(|| Head { n: line.n, hash: line.hash() })
}

/// Keeps `bytes` as `ledger.torn-N` beside the ledger, N from 1.
fn set_aside(ledger: &Path, bytes: &[u8]) -> Result<PathBuf, LedgerError> {
    for n in 1_u32.. {
        let path = ledger.with_file_name(format!("ledger.torn-{n}"));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(mut file) => {
                file.write_all(bytes).and_then(|()| file.sync_all()).map_err(at(&path))?;
                sync_directory(ledger)?;
                return Ok(path);
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(at(&path)(e)),
        }
    }
    Err(at(ledger)(io::ErrorKind::AlreadyExists.into()))
}

/// Makes a name that was just made in the ledger's directory survive a power cut.
pub fn sync_directory(ledger: &Path) -> Result<(), LedgerError> {
    let directory = ledger.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|d| d.sync_all()).map_err(at(directory))
}

pub fn at(path: &Path) -> impl FnOnce(io::Error) -> LedgerError + '_ {
    move |source| LedgerError::Io { path: path.to_owned(), source }
}
