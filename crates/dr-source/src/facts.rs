//! What a capture knew about its system, kept beside it so that a rehearsal has something to compare with.
//!
//! `sqlite` and `maildir` captures hold a file [`FACTS`] at their root. A rehearsal restores the capture, reads
//! the file with [`recorded`], asks the restored system for its facts with `probe`, and compares.

use std::io;
use std::path::Path;

use dr_entry::{Body, Content, Entry, EntryPath, Kind, Meta, Piece, Profile, Settled, Time};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::SourceError;

/// The name of the facts' entry, at the root of a capture.
pub use dr_entry::FACTS;

/// Facts are no longer.
const FACTS_MAX: u64 = 64 << 20;

/// Reads the facts from a restored capture.
///
/// # Errors
/// [`SourceError::Open`] if they are not there or not readable as facts of this kind.
pub fn recorded<F: DeserializeOwned>(restored: &Path) -> Result<F, SourceError> {
    let path = restored.join(FACTS);
    let read = dr_open::read(&path, FACTS_MAX).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
    read.map_err(|why| SourceError::open(path, why))
}

/// The facts as an entry.
pub(crate) fn entry(facts: &impl Serialize, at: Time) -> Result<Entry, String> {
    let mut bytes = serde_json::to_vec_pretty(facts).map_err(|why| why.to_string())?;
    bytes.push(b'\n');
    let size = bytes.len() as u64;
    let mut entry = held(Box::new(Made::new(bytes)), at)?;
    entry.meta.size = size;
    Ok(entry)
}

/// The facts as an entry, in a body that may not know them yet.
pub(crate) fn held(body: Box<dyn Body>, at: Time) -> Result<Entry, String> {
    let mut meta = ours(Kind::File, 0o600);
    meta.mtime = at;
    let path = EntryPath::new(FACTS).map_err(|why| why.to_string())?;
    Ok(Entry { path, meta, stamp: None, profile: Profile::Auto, body: Some(body) })
}

/// The same entry with these bytes, which were read from it.
pub(crate) fn again(mut entry: Entry, bytes: Vec<u8>) -> Result<Entry, String> {
    entry.body = Some(Box::new(Made::new(bytes)));
    Ok(entry)
}

/// A directory that stands for a system that is none.
pub(crate) fn root(at: Time) -> Entry {
    let mut meta = ours(Kind::Directory, 0o700);
    meta.mtime = at;
    Entry { path: EntryPath::root(), meta, stamp: None, profile: Profile::Auto, body: None }
}

/// What we make up belongs to whom we run as, so that the same person can put it back without being root.
pub(crate) fn ours(kind: Kind, mode: u32) -> Meta {
    let mut meta = Meta::plain(kind, mode);
    meta.user.id = rustix::process::geteuid().as_raw();
    meta.group.id = rustix::process::getegid().as_raw();
    meta
}

/// Contents that we made and hold.
pub(crate) struct Made {
    bytes: Vec<u8>,
    at: usize,
}

impl Made {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }
}

impl Body for Made {
    fn open(self: Box<Self>) -> io::Result<Box<dyn Content>> {
        Ok(self)
    }
}

impl Content for Made {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        let rest = &self.bytes[self.at..];
        let length = rest.len().min(buffer.len());
        if length == 0 {
            return Ok(Piece::End);
        }
        buffer[..length].copy_from_slice(&rest[..length]);
        self.at += length;
        Ok(Piece::Data(length))
    }

    fn settle(&mut self) -> io::Result<Settled> {
        Ok(Settled::Unchanged)
    }
}
