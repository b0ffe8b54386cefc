//! Named bytes as files below one directory of this machine: a second disk, a NAS mount, a removable medium.
//!
//! The object `a/b/c` is the file `ROOT/a/b/c`, mode 0400: once put, nothing changes it. It is written as
//! `ROOT/.tmp/<random>`, flushed, given its final name without replacing anything, and the directories that
//! lead to it are flushed, so that a crash at any point leaves whole objects and files in `.tmp`, never half an
//! object. Links inside the root are never followed, and names that are not keys are never touched.
//!
//! The root is held open for as long as the store lives, so a medium cannot be unmounted before the store is
//! dropped. If it went away nevertheless (pulled, lazily unmounted), puts and deletes fail rather than write
//! into the empty mount point, and "not there" is never said of a medium that is itself not there.
//!
//! Where the file system cannot refuse a name that is taken, one process alone writes, and says so
//! ([`Store::single_writer`]).
//!
//! Calls block inside their `async fn`, without a detour over a blocking pool: callers are plain threads on a
//! [`crate::BlockingStore`], a range read is one system call, and a hung disk must hang its caller anyway.

mod names;
mod publish;
mod readers;
mod reserve;
mod temp;
#[cfg(test)]
mod tests;
mod writer_lock;

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::{Key, Listed, ObjectBody, PutOutcome, Store, StoreError};
use publish::Way;
use readers::Readers;
use temp::Temp;
use writer_lock::{Refused, WriterLock};

pub use temp::stage;

/// The directory below the root where objects are written before they get their names.
const TEMP_DIR: &str = ".tmp";

/// A store in a directory.
pub struct LocalStore {
    root: PathBuf,
    temporary: PathBuf,
    top: File,
    /// Device and inode of the root when it was opened.
    identity: (u64, u64),
    writer: Option<Writer>,
    /// Somebody found out that only one process may write here.
    is_marked: bool,
    readers: Readers,
}

/// What only a store opened for writing has.
struct Writer {
    staging: PathBuf,
    temp_dir: File,
    /// How objects get their names. Unset only where the disk was too full to find out.
    way: OnceLock<Way>,
    /// One thread finds out.
    finding: Mutex<()>,
    /// Directories whose own names are known to be durable: their parents were flushed since they were made.
    durable: Mutex<HashSet<String>>,
}

impl LocalStore {
    /// Opens the store in `root`, which must be there already, for reading and writing, and removes what
    /// crashed writers left behind.
    ///
    /// # Errors
    /// [`StoreError::Io`] if `root` is not a directory or cannot be written to; [`StoreError::Full`];
    /// [`StoreError::Busy`] if one process at a time may write there, and another one is at it, or
    /// [`StoreError::NoLocks`] if nothing could keep that one from others.
    pub fn open(root: PathBuf) -> Result<Self, StoreError> {
        let mut store = Self::open_read_only(root)?;
        store.writer = Some(store.become_writer().map_err(|e| store.failed("cannot write to", e))?);
        store.sweep_stale()?;
        Ok(store)
    }

    /// Opens the store in `root` without writing anything at all there, now or later: for a write-protected
    /// medium, or a restore that must not touch its only copy. Puts and deletes fail.
    ///
    /// # Errors
    /// [`StoreError::Io`] if `root` is not a directory that can be read.
    pub fn open_read_only(root: PathBuf) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Io { what: "cannot open", place: root.display().to_string(), source };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = File::from(rustix::fs::open(&root, flags, Mode::empty()).map_err(|e| failed(e.into()))?);
        let metadata = top.metadata().map_err(failed)?;
        let identity = (metadata.dev(), metadata.ino());
        let is_marked = match names::open_dir(&top, TEMP_DIR) {
            Ok(temp_dir) => WriterLock::is_marked(&temp_dir).map_err(failed)?,
            // None there, or none of this user's: then it says nothing.
            Err(_) => false,
        };
        Ok(Self {
            temporary: root.join(TEMP_DIR),
            root,
            top,
            identity,
            writer: None,
            is_marked,
            readers: Readers::default(),
        })
    }

    /// Makes the directory `root` (its parent must be there) and opens it. A directory that is there already is
    /// taken as it is: whoever founds a repository in it learns from its first put whether one was there.
    ///
    /// # Errors
    /// As [`LocalStore::open`].
    pub fn create(root: PathBuf) -> Result<Self, StoreError> {
        let made = std::fs::DirBuilder::new().mode(0o700).create(&root).and_then(|()| {
            let parent = root.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            names::flush_dir(&File::open(parent)?)
        });
        match made {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(failure("cannot create", &root, e)),
            _ => Self::open(root),
        }
    }

    /// Removes the temporary files of writers that are no more, and says how many. A living writer holds a lock
    /// on each of its files (see [`stage`]), from whichever process; where the file system has no locks, nothing
    /// is removed. [`LocalStore::open`] has done this already.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the temporary files cannot be listed.
    pub fn sweep_stale(&self) -> Result<usize, StoreError> {
        let Some(writer) = &self.writer else {
            return Ok(0);
        };
        temp::sweep(&writer.temp_dir).map_err(|e| self.failed("cannot write to", e))
    }

    fn become_writer(&self) -> io::Result<Writer> {
        match rustix::fs::mkdirat(&self.top, TEMP_DIR, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(e.into()),
        }
        let temp_dir = names::open_dir(&self.top, TEMP_DIR)?;
        rustix::fs::accessat(&temp_dir, ".", rustix::fs::Access::WRITE_OK, AtFlags::empty())?;
        let writer = Writer {
            staging: self.root.join(TEMP_DIR),
            temp_dir,
            way: OnceLock::new(),
            finding: Mutex::default(),
            durable: Mutex::default(),
        };
        match writer.way() {
            // What lies on a full disk is read and deleted all the same. Whoever put it there has left a mark if one
            // process alone may write.
            Err(e) if is_full(&e) => {}
            found => drop(found?),
        }
        Ok(writer)
    }

    /// Fails if the root's name does not lead any more to the directory that was opened.
    fn still_there(&self) -> io::Result<()> {
        match std::fs::metadata(&self.root) {
            Ok(now) if (now.dev(), now.ino()) == self.identity => Ok(()),
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "it is no longer what was opened (pulled out, unmounted or replaced)",
            )),
        }
    }

    fn writer(&self) -> io::Result<&Writer> {
        self.still_there()?;
        self.writer.as_ref().ok_or_else(|| Errno::ROFS.into())
    }

    fn put(&self, key: &Key, body: &ObjectBody) -> io::Result<PutOutcome> {
        let writer = self.writer()?;
        let way = writer.way()?;
        let temp = match body {
            ObjectBody::Bytes(bytes) => {
                let mut temp = Temp::create(&writer.temp_dir)?;
                temp.file.write_all(bytes)?;
                temp
            }
            ObjectBody::File(path) if path.parent() == Some(&writer.staging) => {
                Temp::adopt(&writer.temp_dir, path.file_name().unwrap_or_default())?
            }
            ObjectBody::File(path) => {
                let mut temp = Temp::create(&writer.temp_dir)?;
                io::copy(&mut dr_open::plain(path)?, &mut temp.file)?;
                temp
            }
        };
        temp.settle()?;
        let (dir, name) = self.make_parents(writer, key)?;
        let put = way.publish(&temp, &dir, name)?;
        // Also when the object was there already: the one who put it may not have come this far yet.
        names::flush_dir(&dir)?;
        Ok(put)
    }

    /// The directory in which `key` belongs, made and durable, and its name there.
    fn make_parents<'k>(&self, writer: &Writer, key: &'k Key) -> io::Result<(File, &'k str)> {
        let mut dir = self.top.try_clone()?;
        let mut from = 0;
        while let Some(slash) = key.as_str()[from..].find('/') {
            let (path, name) = (&key.as_str()[..from + slash], &key.as_str()[from..from + slash]);
            let made = match rustix::fs::mkdirat(&dir, name, Mode::RWXU) {
                Ok(()) => true,
                Err(Errno::EXIST) => false,
                Err(e) => return Err(e.into()),
            };
            let durable = || writer.durable.lock().unwrap_or_else(PoisonError::into_inner);
            // A directory that another writer made a moment ago may not be durable yet either.
            if made || !durable().contains(path) {
                names::flush_dir(&dir)?;
                durable().insert(path.to_owned());
            }
            dir = names::open_dir(&dir, name)?;
            from += slash + 1;
        }
        Ok((dir, &key.as_str()[from..]))
    }

    fn remove(&self, key: &Key) -> io::Result<()> {
        self.writer()?;
        let gone = names::find(&self.top, key).and_then(|(dir, name, _)| {
            rustix::fs::unlinkat(&dir, name, AtFlags::empty())?;
            Ok(dir)
        });
        self.readers.forget(key);
        match gone {
            // Directories stay when their last object goes: removing them would race with puts, and the next
            // pack is likely to want them.
            Ok(dir) => names::flush_dir(&dir),
            Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn reader(&self, key: &Key) -> Result<std::sync::Arc<File>, Errno> {
        self.readers.get(key, || names::open_object(&self.top, key))
    }

    fn failed(&self, what: &'static str, source: io::Error) -> StoreError {
        failure(what, &self.root, source)
    }

    fn unread(&self, key: &Key, errno: Errno) -> StoreError {
        match (errno, self.still_there()) {
            (Errno::NOENT, Ok(())) => StoreError::NotFound { key: key.clone(), place: self.place() },
            (_, Err(e)) => self.failed("cannot read from", e),
            (e, Ok(())) => self.failed("cannot read from", e.into()),
        }
    }
}

impl Writer {
    fn way(&self) -> io::Result<&Way> {
        if let Some(way) = self.way.get() {
            return Ok(way);
        }
        let _finding = self.finding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = self.way.get() {
            return Ok(way);
        }
        let found = Way::find(&self.temp_dir)?;
        Ok(self.way.get_or_init(|| found))
    }
}

fn is_full(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn failure(what: &'static str, root: &Path, source: io::Error) -> StoreError {
    let place = root.display().to_string();
    match source.get_ref().and_then(|inside| inside.downcast_ref()) {
        Some(Refused::Busy(who)) => StoreError::Busy { place, who: who.clone() },
        Some(Refused::NoLocks) => StoreError::NoLocks { place },
        None if is_full(&source) => StoreError::Full { place },
        None => StoreError::Io { what, place, source },
    }
}

#[async_trait]
impl Store for LocalStore {
    async fn put_new(&self, key: &Key, body: ObjectBody) -> Result<PutOutcome, StoreError> {
        let put = self.put(key, &body);
        if let ObjectBody::File(path) = &body {
            // Consumed in every case. A file under `.tmp` is gone already; a leftover elsewhere is the lesser evil.
            let _ = std::fs::remove_file(path);
        }
        put.map_err(|e| self.failed("cannot write to", e))
    }

    async fn get(&self, key: &Key, limit: u64) -> Result<Bytes, StoreError> {
        let file = names::open_object(&self.top, key).map_err(|e| self.unread(key, e))?;
        let read = |file: File| {
            let size = file.metadata()?.len();
            let mut bytes = Vec::new();
            if size <= limit {
                bytes.reserve_exact(usize::try_from(size).unwrap_or(0));
                file.take(size).read_to_end(&mut bytes)?;
            }
            Ok((size, bytes))
        };
        match read(file).map_err(|e| self.failed("cannot read from", e))? {
            (size, _) if size > limit => {
                Err(StoreError::TooLarge { key: key.clone(), place: self.place(), size, limit })
            }
            (_, bytes) => Ok(bytes.into()),
        }
    }

    async fn get_range(&self, key: &Key, offset: u64, len: u64) -> Result<Bytes, StoreError> {
        let file = self.reader(key).map_err(|e| self.unread(key, e))?;
        let size = file.metadata().map_err(|e| self.failed("cannot read from", e))?.len();
        let end = offset.saturating_add(len);
        let short = || StoreError::Short { key: key.clone(), place: self.place(), end };
        if end > size {
            return Err(short());
        }
        let mut bytes = vec![0; usize::try_from(len).map_err(|_| short())?];
        match file.read_exact_at(&mut bytes, offset) {
            Ok(()) => Ok(bytes.into()),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Err(short()),
            Err(e) => Err(self.failed("cannot read from", e)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let listed = names::list(&self.top, prefix).map_err(|e| self.failed("cannot read from", e.into()))?;
        self.still_there().map_err(|e| self.failed("cannot read from", e))?;
        Ok(listed)
    }

    async fn size(&self, key: &Key) -> Result<u64, StoreError> {
        names::find(&self.top, key).map(|(_, _, size)| size).map_err(|e| self.unread(key, e))
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.remove(key).map_err(|e| self.failed("cannot write to", e))
    }

    fn staging(&self) -> Option<&Path> {
        self.writer.as_ref().map(|w| w.staging.as_path())
    }

    fn temporary(&self) -> Option<&Path> {
        Some(&self.temporary)
    }

    fn may_rot(&self) -> bool {
        true
    }

    fn single_writer(&self) -> bool {
        self.is_marked || self.writer.as_ref().is_some_and(|w| matches!(w.way.get(), Some(Way::LockedRename(_))))
    }

    fn keep_room(&self) {
        if let Some(writer) = &self.writer {
            reserve::keep(&writer.temp_dir);
        }
    }

    fn give_room(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| reserve::give(&writer.temp_dir))
    }

    fn place(&self) -> String {
        self.root.display().to_string()
    }
}
