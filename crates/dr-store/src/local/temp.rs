//! Files that are not objects yet, and which of them nobody is writing any more.
//!
//! A writer locks its file for as long as it has it open; the lock dies with the process. So a file in the
//! temporary directory that can be locked belongs to nobody and may go.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

/// The file among the temporary ones that is locked.
pub(super) const MARK: &str = "single-writer";

/// Makes a new, locked, empty file under a store's [`crate::Store::staging`] for [`crate::ObjectBody::File`]. The lock
/// tells sweepers that somebody is at work: keep the file open until it was put.
///
/// # Errors
/// Whatever the file system says; among others that it is full.
pub fn stage(staging: &Path) -> io::Result<(PathBuf, File)> {
    let (name, file) = create(&File::open(staging)?)?;
    Ok((staging.join(name), file))
}

/// A file in the temporary directory. Its name goes when this goes.
pub(super) struct Temp<'d> {
    pub(super) dir: &'d File,
    pub(super) name: Vec<u8>,
    pub(super) file: File,
}

impl<'d> Temp<'d> {
    pub(super) fn create(dir: &'d File) -> io::Result<Self> {
        let (name, file) = create(dir)?;
        Ok(Self { dir, name: name.into_bytes(), file })
    }

    /// Takes over a file that was made by [`stage`], or otherwise written where that would have made it.
    pub(super) fn adopt(dir: &'d File, name: &OsStr) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(dir, name, flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "what was staged is not a plain file"));
        }
        Ok(Self { dir, name: name.as_bytes().to_vec(), file })
    }

    /// Makes the content durable and read-only. The mode matters less than the content: a file system without
    /// modes is no reason to fail.
    pub(super) fn settle(&self) -> io::Result<()> {
        match rustix::fs::fchmod(&self.file, Mode::RUSR) {
            Ok(()) | Err(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {}
            Err(e) => return Err(e.into()),
        }
        Ok(rustix::io::retry_on_intr(|| rustix::fs::fdatasync(&self.file))?)
    }
}

impl Drop for Temp<'_> {
    fn drop(&mut self) {
        // Gone already if it was renamed; and a leftover is found by the next sweep.
        let _ = rustix::fs::unlinkat(self.dir, self.name.as_slice(), AtFlags::empty());
    }
}

fn create(dir: &File) -> io::Result<(String, File)> {
    loop {
        let name = format!("{:016x}", getrandom::u64().map_err(io::Error::from)?);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(dir, name.as_str(), flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => File::from(file),
            Err(Errno::EXIST | Errno::INTR) => continue,
            Err(e) => return Err(e.into()),
        };
        let locked = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
        match locked {
            // Where there are no locks, no sweeper gets one.
            Ok(()) | Err(Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            // A sweeper was quicker and is about to remove it.
            Err(Errno::WOULDBLOCK | Errno::INTR) => continue,
            Err(e) => return Err(e.into()),
        }
        // A sweeper may have come and gone between the two calls above.
        if file.metadata()?.nlink() > 0 {
            return Ok((name, file));
        }
    }
}

/// Removes the files that nobody holds, and counts them.
pub(super) fn sweep(dir: &File) -> io::Result<usize> {
    let mut removed = 0;
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        // It stays: whoever comes next must know how this folder is written.
        if entry.file_name().to_bytes() == MARK.as_bytes() {
            continue;
        }
        // Over NFS an exclusive lock needs a writable descriptor; elsewhere a settled file cannot be opened so.
        let open = |mode| {
            let flags = mode | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            rustix::fs::openat(dir, entry.file_name(), flags, Mode::empty())
        };
        let Ok(file) = open(OFlags::RDWR).or_else(|_| open(OFlags::RDONLY)) else {
            continue;
        };
        let file = File::from(file);
        if !file.metadata()?.is_file() || rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        match rustix::fs::unlinkat(dir, entry.file_name(), AtFlags::empty()) {
            Ok(()) => removed += 1,
            Err(Errno::NOENT) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(removed)
}
