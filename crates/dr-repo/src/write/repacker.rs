//! Rewriting chunks, into packs of one session.

use dr_format::format::{FRAME_RAW, META_FRAME_RAW, META_PACK_TARGET, PACK_TARGET};
use dr_format::id::{ChunkId, ChunkKind, PackKind};
use dr_store::BlockingStore;

use crate::error::RepoError;
use crate::write::committer::Committer;
use crate::write::pack_writer::FinishedPack;
use crate::write::packer::{NoHelpers, Packer};
use crate::write::session::Session;

/// zstd's level for what is rewritten: it is to stay.
const LEVEL: i32 = 3;

/// Packs of both kinds that are being filled.
pub(crate) struct Repacker<'a> {
    data: Packer<'a>,
    meta: Packer<'a>,
}

impl<'a> Repacker<'a> {
    pub(crate) fn new(session: &'a Session) -> Result<Self, RepoError> {
        Ok(Self {
            data: Packer::new(session, PackKind::Data, FRAME_RAW, PACK_TARGET, LEVEL)?,
            meta: Packer::new(session, PackKind::Meta, META_FRAME_RAW, META_PACK_TARGET, LEVEL)?,
        })
    }

    /// Adds a chunk to the packs of its kind. Packs that are full are stored.
    pub(crate) fn add(
        &mut self,
        kind: ChunkKind,
        id: ChunkId,
        bytes: &[u8],
        committer: &mut Committer<'_>,
        store: &BlockingStore,
    ) -> Result<(), RepoError> {
        let packer = if kind == ChunkKind::Data { &mut self.data } else { &mut self.meta };
        packer.add(kind, id, bytes, &NoHelpers, &mut |pack: FinishedPack| committer.pack(store, pack, false))
    }

    /// Stores whatever is open.
    pub(crate) fn flush(&mut self, committer: &mut Committer<'_>, store: &BlockingStore) -> Result<(), RepoError> {
        for packer in [&mut self.data, &mut self.meta] {
            packer.flush(&mut |pack: FinishedPack| committer.pack(store, pack, false))?;
        }
        Ok(())
    }
}
