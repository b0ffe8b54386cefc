//! A place to restore to that takes one directory of a capture as its own root and lets nothing else in.

use std::io;

use dr_entry::{Destination, EntryPath, Meta, Writing};

/// `inner`, seen from above: `top` of the capture is its root.
pub(crate) struct Below<D> {
    inner: D,
    top: EntryPath,
}

impl<D: Destination> Below<D> {
    pub(crate) fn new(inner: D, top: EntryPath) -> Self {
        Self { inner, top }
    }

    /// The path below `top`; `None` for what is not in it.
    fn path(&self, path: &EntryPath) -> io::Result<Option<EntryPath>> {
        if !path.is_within(&self.top) {
            return Ok(None);
        }
        let rest = &path.as_bytes()[self.top.as_bytes().len()..];
        let rest = rest.strip_prefix(b"/").unwrap_or(rest);
        EntryPath::new(rest).map(Some).map_err(io::Error::other)
    }

    fn must(&self, path: &EntryPath) -> io::Result<EntryPath> {
        self.path(path)?.ok_or_else(|| io::Error::other("it does not belong there"))
    }
}

impl<D: Destination> Destination for Below<D> {
    fn directory(&self, path: &EntryPath) -> io::Result<()> {
        // What lies above `top` is no directory of ours.
        self.path(path)?.map_or(Ok(()), |path| self.inner.directory(&path))
    }

    fn file(&self, path: &EntryPath, size: u64) -> io::Result<Box<dyn Writing>> {
        self.inner.file(&self.must(path)?, size)
    }

    fn room(&self) -> Option<u64> {
        self.inner.room()
    }

    fn special(&self, path: &EntryPath, meta: &Meta) -> io::Result<()> {
        self.inner.special(&self.must(path)?, meta)
    }

    fn hard_link(&self, path: &EntryPath, first: &EntryPath) -> io::Result<()> {
        self.inner.hard_link(&self.must(path)?, &self.must(first)?)
    }

    fn finish_directory(&self, path: &EntryPath, meta: &Meta) -> io::Result<()> {
        self.path(path)?.map_or(Ok(()), |path| self.inner.finish_directory(&path, meta))
    }
}
