//! How the contents of one file are read, and how we know that it is still the file that was walked past.
//!
//! Between the walk and the read anybody who may write the directory can put another file under the name, for
//! example a second name of a secret one. It would then be restored with the harmless file's owner and mode.
//! So what is opened must be the same regular file, by device and inode, or it is not read at all.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use dr_entry::{Attributes, Body, Content, EntryPath, Piece, Settled, Stamp};
use rustix::fs::{Advice, FileType, OFlags, SeekFrom, Statx, fadvise, seek};
use rustix::io::{Errno, pread};

use super::attributes::of_open;
use super::directory::{Directory, Identity, descend, look_at, open_quietly};
use super::metadata::stamp;

/// Files from this size on are read ahead in large steps.
const LARGE: u64 = 4 << 20;

/// Where the file's directory is found again.
pub(crate) enum Parent {
    /// Held open.
    Open(Arc<Directory>),
    /// Too many are open already: found by its path below an open one, following nothing.
    Below(Arc<Directory>, EntryPath),
}

pub(crate) struct FileBody {
    pub(crate) parent: Parent,
    pub(crate) name: CString,
    pub(crate) identity: Identity,
    /// As the walk saw it, which is also what its metadata say.
    pub(crate) stamp: Stamp,
}

impl Body for FileBody {
    fn open(self: Box<Self>) -> io::Result<Box<dyn Content>> {
        // NONBLOCK: a FIFO put in the file's place must not stop the run.
        let more = OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = match &self.parent {
            Parent::Open(directory) => open_quietly(directory.as_fd(), &self.name, more),
            Parent::Below(root, path) => {
                descend(root.as_fd(), path).and_then(|directory| open_quietly(directory.as_fd(), &self.name, more))
            }
        };
        let fd = fd.map_err(|why| match why {
            Errno::LOOP | Errno::NXIO => replaced(),
            Errno::NOENT => io::Error::new(io::ErrorKind::NotFound, "it was gone before it could be read"),
            other => other.into(),
        })?;
        let now = look_at(fd.as_fd())?;
        if !is_file(&now) || Identity::of(&now) != self.identity {
            return Err(replaced());
        }
        if now.stx_size >= LARGE {
            // Advice only: nothing is lost where it is refused.
            let _ = fadvise(&fd, 0, None, Advice::Sequential);
        }
        Ok(Box::new(FileContent::new(fd, &now, self.stamp)))
    }
}

/// Opens whatever regular file has this name now; `None` if it is something else.
pub(crate) fn open_by_name(directory: OwnedFd, name: &CStr) -> io::Result<Option<Box<dyn Content>>> {
    let fd = open_quietly(directory.as_fd(), name, OFlags::NONBLOCK | OFlags::NOCTTY)?;
    let now = look_at(fd.as_fd())?;
    if !is_file(&now) {
        return Ok(None);
    }
    let stamp = stamp(&now);
    Ok(Some(Box::new(FileContent::new(fd, &now, stamp))))
}

fn is_file(stat: &Statx) -> bool {
    FileType::from_raw_mode(u32::from(stat.stx_mode)) == FileType::RegularFile
}

fn replaced() -> io::Error {
    io::Error::other("it was replaced by something else before it could be read")
}

struct FileContent {
    fd: OwnedFd,
    device: u64,
    before: Stamp,
    size: u64,
    sparse: bool,
    offset: u64,
    /// Sparse files only: up to here we know that there is data.
    data_until: u64,
}

impl FileContent {
    fn new(fd: OwnedFd, now: &Statx, before: Stamp) -> Self {
        let sparse = now.stx_blocks.saturating_mul(512) < now.stx_size;
        let device = Identity::of(now).device;
        Self { fd, device, before, size: now.stx_size, sparse, offset: 0, data_until: 0 }
    }

    /// At a hole, its length; at data, notes how far that goes.
    fn hole(&mut self) -> io::Result<Option<u64>> {
        if self.offset < self.data_until {
            return Ok(None);
        }
        let data = match seek(&self.fd, SeekFrom::Data(self.offset)) {
            Ok(at) => at,
            // No data after here: a hole to the end.
            Err(Errno::NXIO) => self.size,
            Err(Errno::INVAL | Errno::NOTSUP) => {
                self.sparse = false;
                return Ok(None);
            }
            Err(why) => return Err(why.into()),
        };
        if data > self.offset {
            return Ok(Some(data - self.offset));
        }
        self.data_until = match seek(&self.fd, SeekFrom::Hole(self.offset)) {
            Ok(at) => at,
            Err(Errno::NXIO) => self.size,
            Err(why) => return Err(why.into()),
        };
        Ok(None)
    }
}

impl Content for FileContent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        // What was appended since is left to the next run, and `settle` says that there was something. Files
        // of the kernel's own say size 0 and still have contents, so those are read until nothing comes.
        if self.offset >= self.size && self.size > 0 {
            return Ok(Piece::End);
        }
        let mut length = buffer.len();
        if self.sparse {
            if let Some(hole) = self.hole()? {
                self.offset += hole;
                return Ok(Piece::Hole(hole));
            }
            if self.sparse {
                length = length.min(usize::try_from(self.data_until - self.offset).unwrap_or(usize::MAX));
            }
        }
        if self.size > 0 {
            length = length.min(usize::try_from(self.size - self.offset).unwrap_or(usize::MAX));
        }
        loop {
            match pread(&self.fd, &mut buffer[..length], self.offset) {
                Ok(0) => return Ok(Piece::End),
                Ok(read) => {
                    self.offset += read as u64;
                    return Ok(Piece::Data(read));
                }
                Err(Errno::INTR) => {}
                Err(why) => return Err(why.into()),
            }
        }
    }

    fn attributes(&mut self) -> io::Result<Option<Attributes>> {
        Ok(Some(of_open(self.fd.as_fd(), self.device)?))
    }

    fn settle(&mut self) -> io::Result<Settled> {
        let after = stamp(&look_at(self.fd.as_fd())?);
        Ok(if after == self.before { Settled::Unchanged } else { Settled::Changed })
    }
}
