//! How chunks become packs: they are collected into frames, frames are compressed and sealed into packs.

use dr_format::compress::Compressor;
use dr_format::format::FRAME_CHUNKS_MAX;
use dr_format::id::{ChunkId, ChunkKind, PackKind};
use dr_format::trailer::ChunkRow;

use crate::error::RepoError;
use crate::write::pack_writer::{FinishedPack, PackWriter};
use crate::write::session::Session;

/// Chunks that will be one frame, not compressed yet.
#[derive(Default)]
pub(crate) struct RawFrame {
    raw: Vec<u8>,
    rows: Vec<ChunkRow>,
}

impl RawFrame {
    fn clear(&mut self) {
        self.raw.clear();
        self.rows.clear();
    }
}

/// Where full frames can be left for somebody who has nothing to do.
pub(crate) trait Others {
    /// Gives the frame away for an empty one, if somebody waits for work.
    fn offer(&self, frame: RawFrame) -> Result<RawFrame, RawFrame>;
}

/// Nobody else is there.
pub(crate) struct NoHelpers;

impl Others for NoHelpers {
    fn offer(&self, frame: RawFrame) -> Result<RawFrame, RawFrame> {
        Err(frame)
    }
}

/// What is done with a pack that is whole.
pub(crate) type Ready<'a> = dyn FnMut(FinishedPack) -> Result<(), RepoError> + 'a;

/// Collects chunks into frames and frames into packs; owned by one worker.
pub(crate) struct Packer<'a> {
    session: &'a Session,
    kind: PackKind,
    frame_raw: usize,
    target: u64,
    filling: RawFrame,
    packed: Vec<u8>,
    compressor: Compressor,
    open: Option<PackWriter>,
}

impl<'a> Packer<'a> {
    pub(crate) fn new(
        session: &'a Session,
        kind: PackKind,
        frame_raw: usize,
        target: u64,
        level: i32,
    ) -> Result<Self, RepoError> {
        Ok(Self {
            session,
            kind,
            frame_raw,
            target,
            filling: RawFrame::default(),
            packed: Vec::new(),
            compressor: Compressor::new(level)?,
            open: None,
        })
    }

    /// zstd's level from here on.
    pub(crate) fn set_level(&mut self, level: i32) -> Result<(), RepoError> {
        Ok(self.compressor.set_level(level)?)
    }

    /// Adds a new chunk. A frame that is full goes to one of the `others` who has nothing to do, or into a pack here;
    /// `done` gets each pack that is full.
    pub(crate) fn add(
        &mut self,
        kind: ChunkKind,
        id: ChunkId,
        bytes: &[u8],
        others: &dyn Others,
        done: &mut Ready<'_>,
    ) -> Result<(), RepoError> {
        let filling = &self.filling;
        if filling.raw.len() + bytes.len() > self.frame_raw || filling.rows.len() == FRAME_CHUNKS_MAX {
            match others.offer(std::mem::take(&mut self.filling)) {
                Ok(empty) => self.filling = empty,
                Err(full) => self.filling = self.seal(full, done)?,
            }
        }
        self.filling.raw.extend_from_slice(bytes);
        self.filling.rows.push(ChunkRow { kind, id, len: bytes.len() as u32 });
        Ok(())
    }

    /// Compresses and seals one frame, and gives it back empty.
    pub(crate) fn seal(&mut self, mut frame: RawFrame, done: &mut Ready<'_>) -> Result<RawFrame, RepoError> {
        if frame.rows.is_empty() {
            return Ok(frame);
        }
        let codec = self.compressor.compress(&frame.raw, &mut self.packed)?;
        if self.open.as_ref().is_some_and(|pack| !pack.has_room(frame.rows.len())) {
            self.close_pack(done)?;
        }
        let pack = match &mut self.open {
            Some(pack) => pack,
            none => {
                none.insert(PackWriter::create(self.session, self.kind, &self.session.staging, &self.session.place)?)
            }
        };
        pack.add(codec, frame.raw.len() as u32, std::mem::take(&mut frame.rows), &mut self.packed)?;
        frame.clear();
        if pack.len() >= self.target {
            self.close_pack(done)?;
        }
        Ok(frame)
    }

    /// Seals what is not a full frame yet; packs stay open.
    pub(crate) fn seal_rest(&mut self, done: &mut Ready<'_>) -> Result<(), RepoError> {
        let rest = std::mem::take(&mut self.filling);
        self.seal(rest, done).map(|_| ())
    }

    fn close_pack(&mut self, done: &mut Ready<'_>) -> Result<(), RepoError> {
        match self.open.take() {
            Some(pack) => done(pack.finish(&self.session.naming.index, &mut self.compressor)?),
            None => Ok(()),
        }
    }

    /// Seals and closes whatever is open.
    pub(crate) fn flush(&mut self, done: &mut Ready<'_>) -> Result<(), RepoError> {
        self.seal_rest(done)?;
        self.close_pack(done)
    }
}
