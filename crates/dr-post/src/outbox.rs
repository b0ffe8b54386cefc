//! Which messages are waiting, and how does one get in and out without being lost or doubled?
//!
//! One file for each message, closed to other accounts, complete or absent at every instant: it is written beside,
//! flushed, and put in place in one step that never replaces another message. A message that went out leaves an empty
//! mark with its name for a while, so that queueing it again is no second letter.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use dr_ledger::ChannelKind;
use jiff::{SignedDuration, Timestamp};

use crate::backoff::later;
use crate::error::PostError;
use crate::message::Message;
use crate::slip::{self, Slip, Way};

/// The folder below the state.
pub const FOLDER: &str = "outbox";
const GONE: &str = "gone";
const LOCK: &str = ".lock";
const WRITING: &str = ".writing";
const HALF: &str = ".new-";
const FILE_MAX: u64 = 16 << 20;
/// How long the name of what went out is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Messages of one school that are to go out.
#[derive(Debug, Clone)]
pub struct Outbox {
    folder: PathBuf,
}

/// A message that is not out yet by each of its ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// What.
    pub message: Message,
    /// How far it has come by each way; none if the plan had no way when it was queued.
    pub ways: Vec<Way>,
}

/// Everything in the outbox.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// Messages, oldest first.
    pub waiting: Vec<Waiting>,
    /// Files that cannot be read. They are left alone.
    pub unreadable: Vec<PathBuf>,
}

impl Outbox {
    /// The outbox in this state directory; nothing is made before something is queued.
    #[must_use]
    pub fn in_state(state: &Path) -> Self {
        Self { folder: state.join(FOLDER) }
    }

    /// Keeps a message until it has gone out by each of `channels`, or by whatever ways the plan has later if there
    /// are none. When this returns, a power cut does not lose it. The same name again changes nothing.
    ///
    /// # Errors
    /// That it could not be kept. Then nothing of it is there.
    pub fn queue(&self, message: &Message, channels: &[ChannelKind]) -> Result<(), PostError> {
        let name = file_name(&message.id)?;
        private_folder(&self.folder)?;
        let path = self.folder.join(format!("{name}.json"));
        if path.exists() || self.mark(&name).exists() {
            return Ok(());
        }
        let _writing = self.writing()?;
        let full = self.written(&path, &Slip::new(message, channels))?;
        match full.persist_noclobber(&path) {
            Ok(_) => {}
            // Somebody else queued it between the look and the write.
            Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            Err(refused) => return Err(PostError::local("keep the message", path)(refused.error)),
        }
        flush_folder(&self.folder)
    }

    /// What is waiting, oldest first.
    ///
    /// # Errors
    /// [`PostError::Unreadable`] if a single file cannot be read: an answer without it would not be the whole one.
    /// [`Outbox::look`] gives both.
    pub fn waiting(&self) -> Result<Vec<Waiting>, PostError> {
        let contents = self.look()?;
        if contents.unreadable.is_empty() {
            Ok(contents.waiting)
        } else {
            Err(PostError::Unreadable { files: contents.unreadable })
        }
    }

    /// What is waiting, and what is there and cannot be read.
    ///
    /// # Errors
    /// That the folder cannot be listed.
    pub fn look(&self) -> Result<Contents, PostError> {
        let (slips, unreadable) = self.slips()?;
        let waiting = slips.into_iter().map(|slip| Waiting { message: slip.message, ways: slip.ways }).collect();
        Ok(Contents { waiting, unreadable })
    }

    pub(crate) fn slips(&self) -> Result<(Vec<Slip>, Vec<PathBuf>), PostError> {
        let (mut slips, mut unreadable) = (Vec::new(), Vec::new());
        let failed = || PostError::local("list", &self.folder);
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok((slips, unreadable)),
            Err(why) => return Err(failed()(why)),
        };
        for entry in entries {
            let path = entry.map_err(failed())?.path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            match read_file(&path) {
                Ok(bytes) => match slip::read(&bytes).filter(|slip| self.is_at(slip, &path)) {
                    Some(slip) => slips.push(slip),
                    None => unreadable.push(path),
                },
                // It went out while we looked.
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                Err(_) => unreadable.push(path),
            }
        }
        slips.sort_by(|a, b| (a.message.queued, &a.message.id).cmp(&(b.message.queued, &b.message.id)));
        unreadable.sort();
        Ok((slips, unreadable))
    }

    /// Whether a file is where its message's name says; another place would be a second copy.
    fn is_at(&self, slip: &Slip, path: &Path) -> bool {
        self.path(slip).is_ok_and(|its| its == path)
    }

    fn path(&self, slip: &Slip) -> Result<PathBuf, PostError> {
        Ok(self.folder.join(format!("{}.json", file_name(&slip.message.id)?)))
    }

    fn mark(&self, name: &str) -> PathBuf {
        self.folder.join(GONE).join(name)
    }

    pub(crate) fn exists(&self) -> bool {
        self.folder.exists()
    }

    fn open_lock(&self, name: &str) -> Result<(File, PathBuf), PostError> {
        let path = self.folder.join(name);
        let file = dr_open::lock(&path);
        Ok((file.map_err(PostError::local("open", &path))?, path))
    }

    /// The one who sends, if nobody else does just now. Falls with the value, also when the process is killed.
    pub(crate) fn lock(&self) -> Result<Option<File>, PostError> {
        let (file, path) = self.open_lock(LOCK)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(why)) => Err(PostError::local("lock", path)(why)),
        }
    }

    /// One of those who write a new message; they do not wait for one another.
    fn writing(&self) -> Result<File, PostError> {
        let (file, path) = self.open_lock(WRITING)?;
        file.lock_shared().map_err(PostError::local("lock", path))?;
        Ok(file)
    }

    /// Clears away what killed processes left half written. Only while nobody writes; what stays is no harm.
    pub(crate) fn sweep(&self) {
        let Ok((file, _)) = self.open_lock(WRITING) else { return };
        if file.try_lock().is_err() {
            return;
        }
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(HALF.as_bytes()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Writes how far a message has come.
    pub(crate) fn note(&self, slip: &Slip) -> Result<(), PostError> {
        let path = self.path(slip)?;
        let full = self.written(&path, slip)?;
        full.persist(&path).map_err(|refused| PostError::local("keep the message", path)(refused.error))?;
        flush_folder(&self.folder)
    }

    /// Takes a message out. Its name stays for a while; on a full disk it is let go of, for a message that cannot be
    /// taken out would go out again and again.
    pub(crate) fn take_out(&self, slip: &Slip, now: Timestamp) -> Result<(), PostError> {
        let path = self.path(slip)?;
        let marked = file_name(&slip.message.id).and_then(|name| self.remember(&name, now));
        fs::remove_file(&path).map_err(PostError::local("take out", path))?;
        flush_folder(&self.folder)?;
        self.forget(now);
        marked
    }

    fn remember(&self, name: &str, now: Timestamp) -> Result<(), PostError> {
        let folder = self.folder.join(GONE);
        private_folder(&folder)?;
        let path = self.mark(name);
        dr_open::note(&path, now.to_string().as_bytes()).map_err(PostError::local("write", &path))?;
        flush_folder(&folder)
    }

    /// Lets go of old names. What cannot be removed today can be tomorrow.
    fn forget(&self, now: Timestamp) {
        for entry in fs::read_dir(self.folder.join(GONE)).into_iter().flatten().flatten() {
            let when = dr_open::text(&entry.path(), 1 << 10).ok().and_then(|text| text.parse::<Timestamp>().ok());
            if when.is_none_or(|when| later(when, REMEMBERED) < now) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn written(&self, path: &Path, slip: &Slip) -> Result<tempfile::NamedTempFile, PostError> {
        let failed = || PostError::local("keep the message", path);
        let mut bytes = serde_json::to_vec_pretty(slip).map_err(|why| failed()(why.into()))?;
        bytes.push(b'\n');
        // Of mode 0600 from its first instant, and gone again if anything below fails.
        let mut file = tempfile::Builder::new().prefix(HALF).tempfile_in(&self.folder).map_err(failed())?;
        file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(failed())?;
        Ok(file)
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    dr_open::read(path, FILE_MAX)
}

/// A message's name as a file's: whatever is not a letter, a digit, `-` or `_` becomes `%` and two digits.
fn file_name(id: &str) -> Result<String, PostError> {
    if id.is_empty() {
        return Err(PostError::NoName);
    }
    let mut name = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if name.len() > 200 {
        name.truncate(160);
        name.push_str(&blake3::hash(id.as_bytes()).to_hex()[..32]);
    }
    Ok(name)
}

pub(crate) fn private_folder(path: &Path) -> Result<(), PostError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(PostError::local("make the folder", path))
}

pub(crate) fn flush_folder(path: &Path) -> Result<(), PostError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(PostError::local("flush the folder", path))
}
