//! How an open directory is held, and found again, without ever going by a path that somebody could change.
//!
//! Everything goes component by component below a directory that is open, and no link is followed. So neither
//! a link put in the way nor a path longer than the kernel's limit of 4,096 bytes matters.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dr_entry::{EntryPath, Stamp, Time};
use rustix::fs::{AtFlags, Mode, OFlags, Statx, StatxFlags, fstat, major, minor, openat, statx};
use rustix::io::{Errno, Result};

use super::metadata::stamp;
use super::room::Room;

/// An open directory that its walk and the unopened contents of its files share.
///
/// It counts itself, so that a walk far ahead of its reader does not use up the descriptors of the process.
pub(crate) struct Directory {
    fd: OwnedFd,
    room: Arc<Room>,
}

impl Directory {
    pub(crate) fn new(fd: OwnedFd, room: &Arc<Room>) -> Arc<Self> {
        room.open.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { fd, room: Arc::clone(room) })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.room.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What a file is, wherever its name went: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl Identity {
    pub(crate) fn of(stat: &Statx) -> Self {
        Self { device: u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor), inode: stat.stx_ino }
    }
}

/// Looks at a name without following it and without waking an automounter.
pub(crate) fn look(directory: BorrowedFd<'_>, name: &CStr) -> Result<Statx> {
    statx(directory, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT, StatxFlags::BASIC_STATS)
}

/// Holds what a name means now, whatever becomes of the name, and opens nothing.
pub(crate) fn pin(directory: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    openat(directory, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// Looks at what is open.
pub(crate) fn look_at(open: BorrowedFd<'_>) -> Result<Statx> {
    statx(open, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)
}

/// What is open, its stamp, and whether it has a name still; asked in another way where the usual question fails.
pub(crate) fn known(open: BorrowedFd<'_>) -> Result<(Identity, Stamp, bool)> {
    match look_at(open) {
        Ok(stat) => Ok((Identity::of(&stat), stamp(&stat), stat.stx_nlink > 0)),
        Err(_) => {
            let stat = fstat(open)?;
            let device = u64::from(major(stat.st_dev)) << 32 | u64::from(minor(stat.st_dev));
            let time = |seconds, nanos| Time { seconds, nanos: u32::try_from(nanos).unwrap_or(0) };
            let stamp = Stamp {
                size: u64::try_from(stat.st_size).unwrap_or(0),
                mtime: time(stat.st_mtime, stat.st_mtime_nsec),
                ctime: time(stat.st_ctime, stat.st_ctime_nsec),
                inode: stat.st_ino,
            };
            Ok((Identity { device, inode: stat.st_ino }, stamp, stat.st_nlink > 0))
        }
    }
}

/// Opens for reading, without touching the access time where that is allowed.
pub(crate) fn open_quietly(directory: BorrowedFd<'_>, name: &CStr, more: OFlags) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | more;
    match openat(directory, name, flags | OFlags::NOATIME, Mode::empty()) {
        // Only the owner and root may leave the access time alone.
        Err(Errno::PERM) => openat(directory, name, flags, Mode::empty()),
        other => other,
    }
}

/// Opens the directory `path` below `root` as a place to look things up in, following nothing.
pub(crate) fn descend(root: BorrowedFd<'_>, path: &EntryPath) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut here = openat(root, c".", flags, Mode::empty())?;
    for component in path.components() {
        let name = CString::new(component).map_err(|_| Errno::INVAL)?;
        here = openat(&here, &name, flags, Mode::empty())?;
    }
    Ok(here)
}
