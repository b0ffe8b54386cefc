//! A place to restore to that takes one directory of a capture as its own root, lets nothing else in, and leaves what lies
//! above what was asked for as it is.

use std::collections::HashSet;
use std::io;
use std::sync::{Mutex, PoisonError};

use dr_entry::{Destination, EntryPath, ExistingFile, Meta, Writing};
use dr_source::driver::Place;
use dr_source::files::FsRestorer;

/// `inner`, seen from above: `top` of the capture is its root.
pub struct SubtreeDestination {
    inner: Box<dyn Place>,
    top: EntryPath,
    /// What was asked for; empty for everything below `top`.
    asked: Vec<EntryPath>,
    /// Directories above it that were not there.
    made: Mutex<HashSet<EntryPath>>,
}

impl SubtreeDestination {
    /// A view for what `asked` names, in the capture's paths.
    #[must_use]
    pub fn new(inner: Box<dyn Place>, top: EntryPath, asked: Vec<EntryPath>) -> Self {
        Self { inner, top, asked, made: Mutex::default() }
    }

    /// The path below `top`; `None` for what is not in it.
    #[must_use]
    pub fn path(&self, path: &EntryPath) -> Option<EntryPath> {
        if !path.is_within(&self.top) {
            return None;
        }
        let rest = &path.as_bytes()[self.top.as_bytes().len()..];
        EntryPath::new(rest.strip_prefix(b"/").unwrap_or(rest)).ok()
    }

    fn must(&self, path: &EntryPath) -> io::Result<EntryPath> {
        self.path(path).ok_or_else(|| io::Error::other("it does not belong there"))
    }

    fn is_asked_for(&self, path: &EntryPath) -> bool {
        self.asked.is_empty() || self.asked.iter().any(|asked| path.is_within(asked))
    }

    fn made(&self) -> std::sync::MutexGuard<'_, HashSet<EntryPath>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place for SubtreeDestination {
    fn put_back(&self) -> &FsRestorer {
        self.inner.put_back()
    }
}

impl Destination for SubtreeDestination {
    fn directory(&self, path: &EntryPath) -> io::Result<()> {
        // What lies above `top` is not a directory of ours.
        let Some(inside) = self.path(path) else { return Ok(()) };
        if self.is_asked_for(path) {
            return self.inner.directory(&inside);
        }
        if self.put_back().hold_directory(&inside)? {
            self.made().insert(inside);
        }
        Ok(())
    }

    fn file(&self, path: &EntryPath, size: u64) -> io::Result<Box<dyn Writing>> {
        self.inner.file(&self.must(path)?, size)
    }

    fn room(&self) -> Option<u64> {
        self.inner.room()
    }

    fn is_full(&self) -> bool {
        self.inner.is_full()
    }

    fn is_in_the_way(&self, path: &EntryPath, meta: &Meta) -> bool {
        self.is_asked_for(path) && self.path(path).is_some_and(|path| self.inner.is_in_the_way(&path, meta))
    }

    fn standing(&self, path: &EntryPath, meta: &Meta) -> io::Result<Option<Box<dyn ExistingFile>>> {
        self.inner.standing(&self.must(path)?, meta)
    }

    fn special(&self, path: &EntryPath, meta: &Meta) -> io::Result<()> {
        self.inner.special(&self.must(path)?, meta)
    }

    fn hard_link(&self, path: &EntryPath, first: &EntryPath) -> io::Result<()> {
        self.inner.hard_link(&self.must(path)?, &self.must(first)?)
    }

    fn finish_directory(&self, path: &EntryPath, meta: &Meta) -> io::Result<()> {
        let Some(inside) = self.path(path) else { return Ok(()) };
        if self.is_asked_for(path) || self.made().contains(&inside) {
            return self.inner.finish_directory(&inside, meta);
        }
        Ok(())
    }
}
