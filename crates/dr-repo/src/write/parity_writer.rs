//! Keeping parity beside what a session stores, on targets where bytes may rot.

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::Ordering;

use dr_format::id::{FamilyId, HostId, SessionId, parity_name};
use dr_format::index_object::PackLine;
use dr_format::parity::{Spare, front};
use dr_log::object::key;
use dr_store::local::stage;
use dr_store::{BlockingStore, ObjectBody, PutOutcome};
use tempfile::TempPath;

use crate::error::RepoError;
use crate::progress::Tally;
use crate::write::pack_writer::full;

/// The spare shards of packs that no parity object holds yet: a megabyte for each.
pub(crate) struct ParityWriter {
    on: bool,
    packs: Vec<Spare>,
}

impl ParityWriter {
    pub(crate) fn new(on: bool) -> Self {
        Self { on, packs: Vec::new() }
    }

    /// Of packs whose spare shards are at hand.
    pub(crate) fn of(packs: Vec<Spare>) -> Self {
        Self { on: true, packs }
    }

    /// Reads a pack that is not stored yet.
    pub(crate) fn take_file(&mut self, line: PackLine, path: &Path) -> Result<(), RepoError> {
        if !self.on {
            return Ok(());
        }
        let unread = |e| RepoError::local("cannot read a temporary file")(e);
        let file = dr_open::plain(path).map_err(unread)?;
        let spare = Spare::of(line, &mut |at, to| file.read_exact_at(to, at).map_err(unread))?;
        self.packs.push(spare);
        Ok(())
    }

    /// Takes a pack of which all bytes are at hand.
    pub(crate) fn take_bytes(&mut self, line: PackLine, bytes: &[u8]) -> Result<(), RepoError> {
        if !self.on {
            return Ok(());
        }
        let short = || RepoError::damaged(line.id.session, "a pack is shorter than it was");
        let spare = Spare::of::<RepoError>(line, &mut |at, to| {
            let from = at as usize;
            to.copy_from_slice(bytes.get(from..from + to.len()).ok_or_else(short)?);
            Ok(())
        })?;
        self.packs.push(spare);
        Ok(())
    }

    /// Stores what was taken, under the first free number from `number` on. Before the packs are registered, so that
    /// whatever counts has its parity.
    pub(crate) fn put(
        &mut self,
        store: &BlockingStore,
        (family, host, session): (FamilyId, HostId, SessionId),
        number: u32,
        tally: &Tally,
    ) -> Result<(), RepoError> {
        if self.packs.is_empty() {
            return Ok(());
        }
        let packs = std::mem::take(&mut self.packs);
        let front = front(family, session, &packs);
        let parts = || std::iter::once(front.as_slice()).chain(packs.iter().map(Spare::bytes));
        let len: u64 = parts().map(|part| part.len() as u64).sum();
        for number in number..=0xffff {
            let name = parity_name(host, session, number);
            // One buffer would be the largest piece of memory that a backup takes, and the allocator keep as much for ever
            // (decision 0021).
            let (put, _staged) = match store.staging() {
                Some(folder) => {
                    let fault = |e| full(e, &store.place());
                    let (path, mut file) = stage(folder).map_err(fault)?;
                    let path = TempPath::try_from_path(path).map_err(fault)?;
                    parts().try_for_each(|part| file.write_all(part)).map_err(fault)?;
                    (ObjectBody::File(path.to_path_buf()), Some((path, file)))
                }
                None => (ObjectBody::Bytes(parts().collect::<Vec<_>>().concat().into()), None),
            };
            if store.put_new(&key(&name)?, put)? == PutOutcome::Created {
                tally.bytes_stored.fetch_add(len, Ordering::Relaxed);
                tally.objects.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
        }
        Err(RepoError::TooMuch("a session has run out of parity objects".into()))
    }
}
