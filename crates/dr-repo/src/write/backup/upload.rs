//! The end of a backup's line: packs are stored as they are finished, and the snapshot is committed.

use dr_format::id::ChunkId;
use dr_format::index_object::Record;
use dr_format::log_entry::{Body, Named, Runs};
use dr_format::snapshot::Label;
use dr_format::used_set::UsedSet;
use dr_log::fold::runs_of;

use super::BackupOptions;
use super::shared::Shared;
use crate::error::RepoError;
use crate::read::repository::Repository;
use crate::write::adopt::Journal;
use crate::write::committer::{Committer, Says};
use crate::write::marked::list_marked;
use crate::write::pack_writer::FinishedPack;
use crate::write::prove::StoredPack;

/// Stores the packs of a backup and commits its snapshot.
pub(super) struct Uploader<'a> {
    repository: &'a mut Repository,
    capture: &'a BackupOptions<'a>,
    shared: &'a Shared<'a>,
    journal: Journal,
    committer: Committer<'a>,
    stored: Vec<StoredPack>,
    /// What the snapshot uses of its own session.
    own: UsedSet,
}

impl<'a> Uploader<'a> {
    pub(super) fn new(repository: &'a mut Repository, capture: &'a BackupOptions<'a>, shared: &'a Shared<'a>) -> Self {
        Self {
            journal: Journal::of(capture.journal),
            committer: Committer::new(repository, shared.session, capture.clock, capture.tally),
            repository,
            capture,
            shared,
            stored: Vec::new(),
            own: UsedSet::new(),
        }
    }

    /// Stores a finished pack. On return it survives a power cut; it counts once it is registered.
    pub(super) fn store(&mut self, pack: FinishedPack) -> Result<(), RepoError> {
        let object = pack.id.object_name(self.shared.session.host);
        self.journal.note(pack.digest);
        let (id, frames, len, digest) = (pack.id, pack.frames, pack.len, pack.digest);
        self.committer.pack(&self.repository.store, pack, false)?;
        self.own.whole(id, frames);
        self.stored.push(StoredPack { object, len, digest });
        if self.committer.is_due() { self.register(false) } else { Ok(()) }
    }

    /// The packs of others that this session relies on so far.
    fn needs(&self) -> Vec<Runs> {
        let relied = self.shared.relied.packs().map(|number| self.shared.index.brief(number));
        runs_of(relied.map(|pack| (pack.id, pack.host)))
    }

    /// Registers what is stored, so that nothing that happens later can lose it. `last` ends the session.
    pub(super) fn register(&mut self, last: bool) -> Result<(), RepoError> {
        if self.committer.is_empty() {
            return Ok(());
        }
        let says = Says { needs: self.needs(), last, ..Says::default() };
        self.committer.register(self.repository, Body::Packs, says).map(|_| ())
    }

    /// The chunks that the snapshot uses, for whoever prunes and reads nothing.
    fn used(&mut self) -> Result<Record, RepoError> {
        let (shared, mut list) = (self.shared, std::mem::replace(&mut self.own, UsedSet::new()));
        list_marked(&mut list, shared.index, &shared.relied)?;
        let gc = &self.repository.writer.gc;
        Ok(Record::Used(list.seal(gc, shared.session.family, shared.session.id, self.capture.snapshot)?))
    }

    /// Commits the snapshot: from here on it is there.
    pub(super) fn commit(&mut self, label: &Label, document: ChunkId) -> Result<Vec<StoredPack>, RepoError> {
        if let Err(gone) = self.hold() {
            // What is whole is kept for the next attempt, if the target still takes a log entry.
            let _ = self.register(true);
            return Err(gone);
        }
        let sealed =
            label.seal(&self.repository.writer.naming.list, self.repository.writer.family, self.capture.snapshot)?;
        let used = self.used()?;
        self.committer.record(used);
        let snapshots = vec![Named { id: self.capture.snapshot, document, label: sealed }];
        let says = Says { snapshots, needs: self.needs(), last: true, ..Says::default() };
        self.committer.register(self.repository, Body::Commit, says)?;
        self.journal.clear();
        Ok(std::mem::take(&mut self.stored))
    }

    /// Whether everything that the snapshot relies on is there now.
    fn hold(&self) -> Result<(), RepoError> {
        let Shared { stands, relied, index, .. } = self.shared;
        let repository = (&self.repository.store, &self.repository.log.state, *index);
        stands.hold(repository, relied.packs(), self.stored.iter().map(|pack| (pack.object.clone(), pack.len)))
    }
}
