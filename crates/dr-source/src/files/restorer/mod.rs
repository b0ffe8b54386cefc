//! How captured files are put back below one root, with all they carried, and nothing outside it is touched.
//!
//! Parents are opened below the root's descriptor with links forbidden at every step, so no path and no link
//! that somebody plants meanwhile leads elsewhere. Directories are made closed (0700) and get their real mode
//! last. Into an empty place files are made under their own name, never over another; in place, each is made
//! beside its old self and renamed over it. What is dropped unfinished is removed.

mod apply;
mod existing;
mod file_writer;
mod folding;
mod mode;
mod owners;
mod reader;
mod remove;
mod root;
mod tree;
mod writable;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use dr_entry::{Destination, EntryPath, ExistingFile, Kind, Meta, Writing};
pub use owners::Owners;
pub use reader::{About, TreeReader, wipe};
pub use remove::{Removal, Spare};
pub use root::file_of_plan;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawDir, linkat, mkdirat, openat, readlinkat, unlinkat};
use rustix::io::Errno;

use super::directory::look;
use super::{metadata, names};
use crate::SourceError;
use file_writer::FileWriter;
use folding::Folding;
use mode::Inner;
pub use mode::{Conflict, RestoreMode};
use owners::Resolver;
use root::Way;
use tree::Tree;

/// A place on this machine's file system to restore to.
pub struct FsRestorer {
    inner: Arc<Inner>,
}

impl FsRestorer {
    /// Prepares `root`, making it and the directories above it if they are absent.
    ///
    /// # Errors
    /// [`SourceError::NotEmpty`] if there is something and `mode` is not in place; [`SourceError::Link`];
    /// [`SourceError::Open`].
    pub fn new(root: &Path, mode: RestoreMode) -> Result<Self, SourceError> {
        if mode.in_place.is_some() {
            return Ok(Self::at(root::open(root, Way { make: true, last_may_be_link: true })?, mode, true));
        }
        if let Some(above) = root.parent().filter(|above| !above.as_os_str().is_empty()) {
            std::fs::create_dir_all(above).map_err(|why| SourceError::open(above, why))?;
        }
        match mkdirat(CWD, root, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(why) => return Err(SourceError::open(root, why)),
        }
        Self::empty(root, mode)
    }

    /// The folder that a plan names, to restore to in place: it is not itself a link. `make`: it is made if it is absent.
    ///
    /// # Errors
    /// [`SourceError::Link`]; [`SourceError::Open`].
    pub fn of_plan(root: &Path, mode: RestoreMode, make: bool) -> Result<Self, SourceError> {
        Ok(Self::at(root::open(root, Way { make, last_may_be_link: false })?, mode, make))
    }

    /// `root`, which must be there and empty. Nothing is made.
    ///
    /// # Errors
    /// [`SourceError::NotEmpty`]; [`SourceError::Open`].
    pub fn empty(root: &Path, mode: RestoreMode) -> Result<Self, SourceError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(CWD, root, flags, Mode::empty()).map_err(|why| SourceError::open(root, why))?;
        let opened = Self::at(fd, mode, false);
        let directory = opened.inner.tree.directory(&EntryPath::root());
        let directory = directory.map_err(|why| SourceError::open(root, why))?;
        let mut buffer = names::buffer();
        let mut raw = RawDir::new(&directory.fd, &mut buffer);
        while let Some(entry) = raw.next() {
            let entry = entry.map_err(|why| SourceError::open(root, why))?;
            if entry.file_name() != c"." && entry.file_name() != c".." {
                return Err(SourceError::NotEmpty { path: root.to_owned() });
            }
        }
        Ok(opened)
    }

    /// `root` as it is. Nothing is made, so this is also for a look at what a restore would do.
    ///
    /// # Errors
    /// [`SourceError::Open`] if it is not there, or is no directory; [`SourceError::Link`].
    pub fn look(root: &Path, mode: RestoreMode) -> Result<Self, SourceError> {
        Ok(Self::at(root::open(root, Way { make: false, last_may_be_link: true })?, mode, false))
    }

    /// `writes`: something is going to be put there.
    fn at(root: OwnedFd, mode: RestoreMode, writes: bool) -> Self {
        let tree = Tree::new(root, mode.in_place.is_some());
        let root = tree.directory(&EntryPath::root()).ok().filter(|_| writes && mode.in_place.is_some());
        let folding = root.and_then(|root| Folding::of(&tree, root.fd.as_fd()));
        Self { inner: Arc::new(Inner { tree, mode, owners: Resolver::new(mode.owners), folding }) }
    }

    /// Owners for whom a number had to do that is somebody else's here, a sentence each.
    #[must_use]
    pub fn strangers(&self) -> Vec<String> {
        self.inner.owners.strangers()
    }

    /// Sees to it that there is a directory at `path`, and leaves one that is there as it is. Whether it was made.
    ///
    /// # Errors
    /// Whatever the operating system says; a link is no directory.
    pub fn hold_directory(&self, path: &EntryPath) -> io::Result<bool> {
        match self.inner.tree.directory(path) {
            Ok(_) => Ok(false),
            Err(Errno::NOENT) => self.directory(path).map(|()| true),
            Err(why) => Err(why.into()),
        }
    }

    /// The names in a directory.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn names(&self, directory: &EntryPath) -> io::Result<Vec<Vec<u8>>> {
        let place = self.inner.tree.directory(directory)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fresh = openat(&place.fd, c".", flags, Mode::empty())?;
        let names = names::Names::read(fresh.as_fd(), &mut names::buffer())?;
        Ok(names.iter().map(|name| name.to_bytes().to_vec()).collect())
    }

    /// The file that is at `path`, to be compared and left as it is.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn seen(&self, path: &EntryPath) -> io::Result<Option<Box<dyn ExistingFile>>> {
        let (place, name) = self.inner.tree.parent(path)?.ok_or(io::ErrorKind::IsADirectory)?;
        Ok(existing::see(&place, &name)?.map(|seen| Box::new(seen) as Box<dyn ExistingFile>))
    }

    /// Says what [`FsRestorer::remove_others`] would remove, and removes nothing.
    pub fn others(&self, below: &EntryPath, kept: impl Iterator<Item = EntryPath>, spare: &Spare) -> Removal {
        remove::others(&self.inner.tree, below, kept, spare, &mut |_| Ok(()))
    }

    /// Removes what is at or below `below` and not among `kept`, which ascends and holds every directory above
    /// what it holds, nor to be spared. Other file systems mounted there are left alone. For after a restore in place; the
    /// times of the directories stay as restored.
    pub fn remove_others(&self, below: &EntryPath, kept: impl Iterator<Item = EntryPath>, spare: &Spare) -> Removal {
        let tree = &self.inner.tree;
        remove::others(tree, below, kept, spare, &mut |path| remove::remove(tree, path))
    }
}

impl Destination for FsRestorer {
    fn directory(&self, path: &EntryPath) -> io::Result<()> {
        let Inner { tree, mode, .. } = &*self.inner;
        let Some((place, name)) = tree.parent(path)? else {
            return Ok(());
        };
        self.inner.take(path)?;
        match mkdirat(&place.fd, &name, Mode::RWXU) {
            Err(Errno::EXIST) if mode.in_place.is_some() => {}
            other => return Ok(other?),
        }
        // Something is there: a directory is used again, anything else makes room.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&place.fd, &name, flags, Mode::empty()) {
            Ok(existing) => writable::make_writable(existing.as_fd()),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                unlinkat(&place.fd, &name, AtFlags::empty())?;
                Ok(mkdirat(&place.fd, &name, Mode::RWXU)?)
            }
            Err(why) => Err(why.into()),
        }
    }

    fn file(&self, path: &EntryPath, size: u64) -> io::Result<Box<dyn Writing>> {
        let (place, name) = self.inner.tree.parent(path)?.ok_or(io::ErrorKind::IsADirectory)?;
        self.inner.take(path)?;
        Ok(Box::new(FileWriter::file(Arc::clone(&self.inner), place, name, size)?))
    }

    fn room(&self) -> Option<u64> {
        let root = self.inner.tree.directory(&EntryPath::root()).ok()?;
        let about = rustix::fs::fstatvfs(&root.fd).ok()?;
        Some(about.f_bavail.saturating_mul(about.f_frsize))
    }

    fn is_full(&self) -> bool {
        let Ok(root) = self.inner.tree.directory(&EntryPath::root()) else { return true };
        file_writer::takes_a_block(&self.inner.tree, root.fd.as_fd()).is_err_and(|why| {
            let kind = io::Error::from(why).kind();
            matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        })
    }

    fn is_in_the_way(&self, path: &EntryPath, meta: &Meta) -> bool {
        let Ok(Some((place, name))) = self.inner.tree.parent(path) else { return false };
        let Ok(about) = look(place.fd.as_fd(), &name) else { return false };
        match (metadata::kind(&about), &meta.kind) {
            (Some(Kind::Symlink(_)), Kind::Symlink(text)) => {
                readlinkat(&place.fd, &name, Vec::new()).is_ok_and(|is| is.as_bytes() != text)
            }
            (Some(Kind::File), Kind::File) => true,
            (there, wanted) => there.as_ref() != Some(wanted),
        }
    }

    fn standing(&self, path: &EntryPath, meta: &Meta) -> io::Result<Option<Box<dyn ExistingFile>>> {
        if self.inner.mode.in_place.is_none() {
            return Ok(None);
        }
        if self.inner.take(path).is_err() {
            return Ok(None);
        }
        let (place, name) = match self.inner.tree.parent(path) {
            // Its directory is not there yet.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            other => other?.ok_or(io::ErrorKind::IsADirectory)?,
        };
        let found = existing::find(&self.inner, &place, &name, meta)?;
        Ok(found.map(|found| Box::new(found) as Box<dyn ExistingFile>))
    }

    fn special(&self, path: &EntryPath, meta: &Meta) -> io::Result<()> {
        if matches!(meta.kind, Kind::File | Kind::Directory) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (place, name) = self.inner.tree.parent(path)?.ok_or(io::ErrorKind::IsADirectory)?;
        self.inner.take(path)?;
        file_writer::special(&self.inner, &place, &name, meta)
    }

    fn hard_link(&self, path: &EntryPath, first: &EntryPath) -> io::Result<()> {
        let tree = &self.inner.tree;
        let (from, old) = tree.parent(first)?.ok_or(io::ErrorKind::IsADirectory)?;
        let (place, name) = tree.parent(path)?.ok_or(io::ErrorKind::IsADirectory)?;
        self.inner.take(path)?;
        if self.inner.mode.in_place.is_none() {
            return Ok(linkat(&from.fd, &old, &place.fd, &name, AtFlags::empty())?);
        }
        let temporary = tree.unused_name(|name| linkat(&from.fd, &old, &place.fd, name, AtFlags::empty()))?;
        let replaced = self.inner.replace(&place, &temporary, &name);
        // Renaming one name of a file over another of the same file does nothing and leaves both.
        let _ = unlinkat(&place.fd, &temporary, AtFlags::empty());
        replaced
    }

    fn finish_directory(&self, path: &EntryPath, meta: &Meta) -> io::Result<()> {
        let Inner { tree, mode, owners, .. } = &*self.inner;
        let place = tree.directory(path)?;
        tree.forget(path);
        let foreign = mode.in_place.is_some() || place.inherits;
        apply::apply(&apply::Thing::Open(place.fd.as_fd()), meta, owners.of(meta), foreign)
    }
}
