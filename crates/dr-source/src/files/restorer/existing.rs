//! A file that stands where one is to be put back: looked at, and kept if it is the one already.
//!
//! Only a file with one name that belongs to its right owner already. One with more names would change under the
//! others; one that somebody else put there could still be open for writing to them after it was given away.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use dr_entry::{ExistingFile, Kind, Meta, Stamp};
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::{Errno, pread};

use super::Inner;
use super::apply::{Thing, apply};
use super::tree::Place;
use crate::files::directory::look_at;
use crate::files::metadata::{kind, stamp};

pub(super) struct Found {
    inner: Arc<Inner>,
    fd: OwnedFd,
    before: Stamp,
}

/// The file of that name, if there is one that may be kept.
pub(super) fn find(inner: &Arc<Inner>, place: &Place, name: &CString, meta: &Meta) -> io::Result<Option<Found>> {
    let Some(fd) = open(place, name)? else { return Ok(None) };
    let now = look_at(fd.as_fd())?;
    let owner = inner.owners.of(meta).map_or_else(rustix::process::geteuid, |(user, _)| user).as_raw();
    let may_stay = kind(&now) == Some(Kind::File) && now.stx_nlink == 1 && now.stx_uid == owner;
    Ok(may_stay.then(|| Found { inner: Arc::clone(inner), fd, before: stamp(&now) }))
}

/// A file that is looked at and left as it is.
pub(super) struct Seen {
    fd: OwnedFd,
    before: Stamp,
}

/// The file of that name, whosever it is.
pub(super) fn see(place: &Place, name: &CString) -> io::Result<Option<Seen>> {
    let Some(fd) = open(place, name)? else { return Ok(None) };
    let now = look_at(fd.as_fd())?;
    Ok((kind(&now) == Some(Kind::File)).then(|| Seen { fd, before: stamp(&now) }))
}

fn open(place: &Place, name: &CString) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match openat(&place.fd, name, flags, Mode::empty()) {
        Ok(fd) => Ok(Some(fd)),
        // Whatever is there, it is replaced; what cannot be replaced says so then.
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::ACCESS | Errno::PERM | Errno::ISDIR | Errno::NODEV) => {
            Ok(None)
        }
        Err(why) => Err(why.into()),
    }
}

fn read_at(fd: &OwnedFd, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match pread(fd, &mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(Errno::INTR) => {}
            Err(why) => return Err(why.into()),
        }
    }
    Ok(filled)
}

impl ExistingFile for Seen {
    fn size(&self) -> u64 {
        self.before.size
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        read_at(&self.fd, offset, buffer)
    }

    fn keep(self: Box<Self>, _: &Meta) -> io::Result<bool> {
        Ok(stamp(&look_at(self.fd.as_fd())?) == self.before)
    }
}

impl ExistingFile for Found {
    fn size(&self) -> u64 {
        self.before.size
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        read_at(&self.fd, offset, buffer)
    }

    fn keep(self: Box<Self>, meta: &Meta) -> io::Result<bool> {
        if stamp(&look_at(self.fd.as_fd())?) != self.before {
            return Ok(false);
        }
        apply(&Thing::Open(self.fd.as_fd()), meta, self.inner.owners.of(meta), true)?;
        Ok(true)
    }
}
