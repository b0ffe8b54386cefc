//! One thing being made: a file while it is written, or a link, FIFO, socket or device at once.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use dr_entry::{Kind, Meta, NotSet, Writing};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ftruncate, makedev, mknodat, openat, statat, symlinkat, unlinkat};
use rustix::io::{Errno, Result, pwrite};

use super::apply::{Thing, apply};
use super::tree::Place;
use super::{Inner, Tree};
use crate::files::directory::look_at;

/// A file between its making and its end.
pub(super) struct FileWriter {
    inner: Arc<Inner>,
    place: Arc<Place>,
    fd: OwnedFd,
    name: CString,
    /// In place: what it is called until it takes its name.
    temporary: Option<CString>,
    size: u64,
    written: u64,
    done: bool,
}

impl FileWriter {
    pub(super) fn file(inner: Arc<Inner>, place: Arc<Place>, name: CString, size: u64) -> io::Result<Self> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let make = |name: &CStr| openat(&place.fd, name, flags, Mode::RUSR | Mode::WUSR);
        let (fd, temporary) = match inner.mode.in_place {
            None => (make(&name)?, None),
            Some(_) => {
                let mut made = None;
                let temporary = inner.tree.unused_name(|name| make(name).map(|fd| made = Some(fd)))?;
                (made.ok_or(io::ErrorKind::Other)?, Some(temporary))
            }
        };
        Ok(Self { inner, place, fd, name, temporary, size, written: 0, done: false })
    }
}

impl Writing for FileWriter {
    fn write_at(&mut self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match pwrite(&self.fd, bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    bytes = &bytes[count..];
                    offset += count as u64;
                }
                Err(Errno::INTR) => {}
                Err(why) => return Err(why.into()),
            }
        }
        self.written = self.written.max(offset);
        Ok(())
    }

    fn finish(mut self: Box<Self>, meta: &Meta) -> io::Result<()> {
        if self.written != self.size {
            ftruncate(&self.fd, self.size)?;
        }
        let owned = self.inner.owners.of(meta);
        let applied = apply(&Thing::Open(self.fd.as_fd()), meta, owned, self.place.inherits);
        if let Some(temporary) = &self.temporary {
            self.inner.replace(&self.place, temporary, &self.name)?;
        }
        self.done = true;
        applied
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        if !self.done {
            // Nobody is left to tell; the name says what it is if it stays.
            let name = self.temporary.as_ref().unwrap_or(&self.name);
            let _ = unlinkat(&self.place.fd, name, AtFlags::empty());
        }
    }
}

pub(super) fn special(inner: &Inner, place: &Place, name: &CString, meta: &Meta) -> io::Result<()> {
    let temporary = match inner.mode.in_place {
        None => {
            make(place, name, &meta.kind)?;
            None
        }
        Some(_) => Some(unused(&inner.tree, place, &meta.kind)?),
    };
    let made = temporary.as_ref().unwrap_or(name);
    let applied = dress(inner, place, made, meta);
    if let Err(why) = &applied
        && NotSet::of(why).is_none()
    {
        let _ = unlinkat(&place.fd, made, AtFlags::empty());
        return applied;
    }
    if let Some(temporary) = &temporary
        && let Err(why) = inner.replace(place, temporary, name)
    {
        let _ = unlinkat(&place.fd, temporary, AtFlags::empty());
        return Err(why);
    }
    applied
}

fn unused(tree: &Tree, place: &Place, kind: &Kind) -> Result<CString> {
    tree.unused_name(|name| make(place, name, kind))
}

fn make(place: &Place, name: &CStr, kind: &Kind) -> Result<()> {
    let node = |file_type, device| mknodat(&place.fd, name, file_type, Mode::RUSR | Mode::WUSR, device);
    let made = match kind {
        Kind::Symlink(text) => symlinkat(&text[..], &place.fd, name),
        Kind::Fifo => node(FileType::Fifo, 0),
        Kind::Socket => node(FileType::Socket, 0),
        Kind::CharDevice { major, minor } => node(FileType::CharacterDevice, makedev(*major, *minor)),
        Kind::BlockDevice { major, minor } => node(FileType::BlockDevice, makedev(*major, *minor)),
        Kind::File | Kind::Directory => Err(Errno::INVAL),
    };
    made.inspect_err(|why| leave_nothing(place, name, *why))
}

/// Takes away what a file system made although it said that it could not.
///
/// exFAT by FUSE makes an empty file when it is asked for a FIFO, a socket or a device, and the kernel answers with an
/// input/output error because the kind is wrong. A file that anybody wrote to is never touched.
fn leave_nothing(place: &Place, name: &CStr, why: Errno) {
    if why == Errno::EXIST {
        return;
    }
    let is_empty_file = |found: rustix::fs::Stat| {
        FileType::from_raw_mode(found.st_mode) == FileType::RegularFile && found.st_size == 0 && found.st_nlink == 1
    };
    if statat(&place.fd, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(is_empty_file) {
        let _ = unlinkat(&place.fd, name, AtFlags::empty());
    }
}

fn dress(inner: &Inner, place: &Place, name: &CStr, meta: &Meta) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = openat(&place.fd, name, flags, Mode::empty())?;
    let now = look_at(held.as_fd())?;
    // Others may be able to write this directory when restoring in place: what they put there is not touched.
    if crate::files::metadata::kind(&now).map(|kind| std::mem::discriminant(&kind))
        != Some(std::mem::discriminant(&meta.kind))
        || now.stx_nlink != 1
    {
        return Err(io::Error::other("somebody else put something in its place"));
    }
    let inherits = place.inherits && !matches!(meta.kind, Kind::Symlink(_));
    apply(&Thing::Held(held.as_fd()), meta, inner.owners.of(meta), inherits)
}

/// Whether a small file can still be written in a directory; it is removed again.
pub(super) fn takes_a_block(tree: &Tree, directory: BorrowedFd<'_>) -> Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut made = None;
    let name =
        tree.unused_name(|name| openat(directory, name, flags, Mode::RUSR | Mode::WUSR).map(|fd| made = Some(fd)))?;
    // More than a file system keeps beside a name.
    let written = made.map_or(Ok(0), |fd| pwrite(&fd, &[1; 4096], 0));
    let removed = unlinkat(directory, &name, AtFlags::empty());
    match written? {
        4096 => removed,
        _ => Err(Errno::NOSPC),
    }
}
