//! How the contents of one file are opened, and how we know what it is that was opened.
//!
//! Between the walk and the read anybody who may write the directory can put another file under the name: people who
//! save by renaming, or somebody with a second name of a secret one. The first must not cost the file, and the second
//! must not be restored with the harmless file's owner and mode. So what is opened is the file that was met, by device
//! and inode, or else it is looked at again and kept with its own metadata.

use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use dr_entry::{Body, Content, EntryPath, Fresh, Kind, Meta, Piece, Settled, Stamp};
use rustix::fs::{CWD, FileType, Mode, OFlags, Statx, fstat, openat, readlinkat};
use rustix::io::{Errno, Result};

use super::attributes::AttributeReader;
use super::content::FileContent;
use super::directory::{Directory, Identity, descend, known, look_at, open_quietly, pin};
use super::metadata::{OwnerNames, kind, meta, stamp};
use super::names;
use super::room::{Room, is_moving};

/// NONBLOCK: a FIFO put in the file's place must not stop the run.
const QUIETLY: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY);

thread_local! {
    /// Of each thread that opens something which was replaced.
    static OWNERS: RefCell<OwnerNames> = RefCell::default();
}

/// Where a file's directory is found.
pub(crate) struct Place {
    /// Held open, unless too many are already.
    pub(crate) directory: Option<Arc<Directory>>,
    /// Where it was below an open one: found again so, following nothing.
    pub(crate) root: Arc<Directory>,
    pub(crate) path: Arc<EntryPath>,
}

pub(crate) struct FileBody {
    pub(crate) place: Place,
    pub(crate) name: CString,
    /// None if nobody could look at it: then whatever is there is taken, and kept for nobody but root.
    pub(crate) identity: Option<Identity>,
    /// As the walk saw it, which is also what its metadata say.
    pub(crate) stamp: Stamp,
    /// The group of names that it belongs to.
    pub(crate) link: Option<u64>,
    pub(crate) room: Arc<Room>,
}

impl FileBody {
    /// A file in a directory of our own.
    pub(crate) fn alone(directory: OwnedFd, name: CString, stat: &Statx) -> Self {
        let room = Arc::<Room>::default();
        let root = Directory::new(directory, &room);
        let place = Place { directory: Some(Arc::clone(&root)), root, path: Arc::default() };
        Self { place, name, identity: Some(Identity::of(stat)), stamp: stamp(stat), link: None, room }
    }

    /// One attempt. The file's directory may have been replaced as well, so every other one goes by its path.
    fn attempt(&self, attempt: usize) -> Result<Box<dyn Content>> {
        let found;
        let directory = match &self.place.directory {
            Some(held) if attempt.is_multiple_of(2) => held.as_fd(),
            _ => {
                found = self.room.wait(|| descend(self.place.root.as_fd(), &self.place.path))?;
                found.as_fd()
            }
        };
        if attempt == 0 {
            // It is what was met, nearly always.
            return match self.room.wait(|| open_quietly(directory, &self.name, QUIETLY)) {
                Err(Errno::LOOP | Errno::NXIO) => self.whatever_is_there(directory),
                other => self.opened(other?),
            };
        }
        self.whatever_is_there(directory)
    }

    /// Looks before it opens: what stands there now may be a device.
    fn whatever_is_there(&self, directory: BorrowedFd<'_>) -> Result<Box<dyn Content>> {
        let pinned = self.room.wait(|| pin(directory, &self.name))?;
        let now = look_at(pinned.as_fd())?;
        match kind(&now) {
            Some(Kind::File) => self.opened(self.room.wait(|| self.reopened(directory, &pinned))?),
            // A tree cannot stand where a file was met; it is named.
            None | Some(Kind::Directory) => Err(Errno::ISDIR),
            Some(mut kind) => {
                if let Kind::Symlink(text) = &mut kind {
                    *text = readlinkat(&pinned, c"", Vec::new())?.into_bytes();
                }
                let mut meta = fresh(&now, kind);
                let device = Identity::of(&now).device;
                let read = AttributeReader::new().of_name(directory, &self.name, device, false);
                meta.xattrs = read.found;
                Ok(Box::new(Other { fresh: Some(Fresh { meta, stamp: None }), lacking: read.lacking }))
            }
        }
    }

    /// Opens what is held; where the kernel shows no way to that, what its name means now.
    fn reopened(&self, directory: BorrowedFd<'_>, pinned: &OwnedFd) -> Result<OwnedFd> {
        let way = format!("/proc/self/fd/{}", pinned.as_raw_fd());
        match openat(CWD, &way, OFlags::RDONLY | OFlags::CLOEXEC | QUIETLY, Mode::empty()) {
            Err(Errno::NOENT) => open_quietly(directory, &self.name, QUIETLY),
            other => other,
        }
    }

    /// The contents that are open.
    fn opened(&self, fd: OwnedFd) -> Result<Box<dyn Content>> {
        let Ok(now) = look_at(fd.as_fd()) else { return self.unseen(fd) };
        if !is_file(&now) {
            return Err(Errno::LOOP);
        }
        let content = match self.identity {
            Some(identity) if identity == Identity::of(&now) => {
                let after = stamp(&now);
                // Written since it was met: whole as it is now, if it stays so.
                let fresh = (after != self.stamp).then(|| fresh(&now, Kind::File));
                let fresh = fresh.map(|meta| Fresh { meta: Meta { link: self.link, ..meta }, stamp: None });
                FileContent::new(fd, &now, after, fresh)
            }
            Some(_) => {
                let fresh = Fresh { meta: fresh(&now, Kind::File), stamp: None };
                FileContent::new(fd, &now, stamp(&now), Some(fresh))
            }
            // The walk could not look at it; now somebody could.
            None => {
                let fresh = Fresh { meta: fresh(&now, Kind::File), stamp: None };
                FileContent::new(fd, &now, stamp(&now), Some(fresh))
            }
        };
        Ok(Box::new(content))
    }

    /// Nobody can say what it is, and its contents may be readable for all that.
    fn unseen(&self, fd: OwnedFd) -> Result<Box<dyn Content>> {
        // Another question than the one that failed: contents of a device are none.
        let mode = fstat(&fd)?.st_mode;
        if FileType::from_raw_mode(mode) != FileType::RegularFile {
            return Err(Errno::LOOP);
        }
        let (identity, stamp, _) = known(fd.as_fd())?;
        Ok(Box::new(match self.identity == Some(identity) && self.stamp == stamp {
            // What the walk saw.
            true => FileContent::known(fd, identity.device, stamp),
            false => FileContent::unseen(fd, stamp),
        }))
    }

    /// The file that was met, under another name of its directory: mail changes its names all the time. Anybody who
    /// restores it finds it under the name that it had when it was met.
    fn under_another_name(&self) -> Option<Box<dyn Content>> {
        let identity = self.identity?;
        let held = match &self.place.directory {
            Some(held) => openat(held.as_fd(), c".", LIST, Mode::empty()).ok()?,
            None => {
                let above = descend(self.place.root.as_fd(), &self.place.path).ok()?;
                openat(above, c".", LIST, Mode::empty()).ok()?
            }
        };
        let moved = (self.place.path.name() == b"new").then(|| openat(&held, c"../cur", LIST, Mode::empty()).ok());
        for directory in [Some(held), moved.flatten()].into_iter().flatten() {
            let Some(name) = names::find(directory.as_fd(), identity.inode) else { continue };
            let Ok(fd) = open_quietly(directory.as_fd(), &name, QUIETLY) else { continue };
            if look_at(fd.as_fd()).is_ok_and(|now| Identity::of(&now) == identity) {
                return self.opened(fd).ok();
            }
        }
        None
    }
}

const LIST: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Body for FileBody {
    fn open(self: Box<Self>) -> io::Result<Box<dyn Content>> {
        match self.room.again(is_moving, |attempt| self.attempt(attempt)) {
            Ok(content) => Ok(content),
            Err(Errno::NOENT) => self
                .under_another_name()
                .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it was gone before it could be read")),
            Err(Errno::ISDIR) => Err(io::Error::other("it was replaced by a directory before it could be read")),
            Err(why) if is_moving(&why) => Err(io::Error::other(
                "it was replaced by something else each time that it was looked at, and could not be read",
            )),
            Err(why) => Err(why.into()),
        }
    }
}

/// Opens whatever regular file has this name now; `None` if it is something else.
pub(crate) fn open_by_name(directory: OwnedFd, name: &CStr) -> io::Result<Option<Box<dyn Content>>> {
    let fd = open_quietly(directory.as_fd(), name, QUIETLY)?;
    let now = look_at(fd.as_fd())?;
    if !is_file(&now) {
        return Ok(None);
    }
    let stamp = stamp(&now);
    Ok(Some(Box::new(FileContent::new(fd, &now, stamp, None))))
}

fn is_file(stat: &Statx) -> bool {
    FileType::from_raw_mode(u32::from(stat.stx_mode)) == FileType::RegularFile
}

/// What stands there now.
fn fresh(stat: &Statx, kind: Kind) -> Meta {
    OWNERS.with_borrow_mut(|owners| meta(stat, kind, owners))
}

/// What has no contents and stands where a file was met.
struct Other {
    fresh: Option<Fresh>,
    lacking: Vec<String>,
}

impl Content for Other {
    fn read(&mut self, _: &mut [u8]) -> io::Result<Piece> {
        Ok(Piece::End)
    }

    fn fresh(&mut self) -> Option<Fresh> {
        self.fresh.take()
    }

    fn lacking(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lacking)
    }

    fn settle(&mut self) -> io::Result<Settled> {
        Ok(Settled::Unchanged)
    }
}
