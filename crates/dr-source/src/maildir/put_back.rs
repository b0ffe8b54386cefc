//! How messages go back into mailboxes in which people have gone on since.
//!
//! A message keeps its contents and the front of its name, and loses the rest of it whenever it is read or flagged. One
//! that is there under another name is there: it is left as it is, and nobody gets it twice.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use dr_entry::{Destination, EntryPath, ExistingFile, Meta, Writing};

use super::listing::unique;
use crate::files::FsRestorer;

/// A tree of mailboxes to put messages back into.
pub struct IntoMailboxes {
    inner: FsRestorer,
    known: Mutex<HashMap<EntryPath, Arc<Messages>>>,
}

/// What a mailbox held when it was first looked into: each message by the part of its name that stays.
type Messages = HashMap<Vec<u8>, EntryPath>;

impl IntoMailboxes {
    /// Into what `inner` puts back to.
    #[must_use]
    pub fn new(inner: FsRestorer) -> Self {
        Self { inner, known: Mutex::default() }
    }

    /// The place itself.
    #[must_use]
    pub fn inner(&self) -> &FsRestorer {
        &self.inner
    }

    /// Where the message that was called `path` is now, if it is there.
    fn now(&self, path: &EntryPath) -> Option<EntryPath> {
        let directory = path.parent()?;
        if !matches!(directory.name(), b"cur" | b"new") {
            return None;
        }
        self.messages(&directory.parent()?).get(unique(path.name())).cloned()
    }

    fn messages(&self, mailbox: &EntryPath) -> Arc<Messages> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let messages = known.entry(mailbox.clone()).or_insert_with(|| {
            let mut messages = Messages::new();
            for folder in [&b"new"[..], b"cur"].iter().filter_map(|name| mailbox.join(name).ok()) {
                // One that cannot be listed has nothing that is known.
                for name in self.inner.names(&folder).unwrap_or_default() {
                    if let Ok(path) = folder.join(&name) {
                        messages.insert(unique(&name).to_vec(), path);
                    }
                }
            }
            Arc::new(messages)
        });
        Arc::clone(messages)
    }
}

impl Destination for IntoMailboxes {
    fn directory(&self, path: &EntryPath) -> io::Result<()> {
        self.inner.directory(path)
    }

    fn file(&self, path: &EntryPath, size: u64) -> io::Result<Box<dyn Writing>> {
        self.inner.file(path, size)
    }

    fn room(&self) -> Option<u64> {
        self.inner.room()
    }

    fn is_full(&self) -> bool {
        self.inner.is_full()
    }

    fn is_in_the_way(&self, path: &EntryPath, meta: &Meta) -> bool {
        self.inner.is_in_the_way(path, meta)
    }

    fn standing(&self, path: &EntryPath, meta: &Meta) -> io::Result<Option<Box<dyn ExistingFile>>> {
        match self.now(path) {
            Some(now) if now != *path => self.inner.seen(&now),
            _ => self.inner.standing(path, meta),
        }
    }

    fn special(&self, path: &EntryPath, meta: &Meta) -> io::Result<()> {
        self.inner.special(path, meta)
    }

    fn hard_link(&self, path: &EntryPath, first: &EntryPath) -> io::Result<()> {
        self.inner.hard_link(path, first)
    }

    fn finish_directory(&self, path: &EntryPath, meta: &Meta) -> io::Result<()> {
        self.inner.finish_directory(path, meta)
    }
}
