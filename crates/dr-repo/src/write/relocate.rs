//! Which frames that are moved as they are go into one pack? As many as its size, its header and the format's limits let in.

use std::sync::Arc;

use dr_format::format::{HEADER_MAX, ORIGINS_MAX, PACK_CHUNKS_MAX};
use dr_format::header::{Header, Origin, Sealed};
use dr_format::id::{ChunkId, ChunkKind, PackId, PackKind};
use dr_format::trailer::{ChunkRow, FrameRow};
use dr_index::lookup::KnownPack;

use crate::write::session::Session;

/// A frame on its way, and what goes with it.
pub(crate) struct Frame<T> {
    pub(crate) pack: u32,
    pub(crate) frame: u16,
    pub(crate) known: Arc<KnownPack>,
    /// Where it begins in its object.
    pub(crate) at: u64,
    /// As it will stand in its new pack.
    pub(crate) row: FrameRow,
    pub(crate) with: T,
    origin: Origin,
    sealed: Sealed,
}

impl<T> Frame<T> {
    /// `None`: its pack's header does not say where it was sealed, or its chunks do not add up to it.
    pub(crate) fn new(
        pack: u32,
        frame: u16,
        known: Arc<KnownPack>,
        ids: &[(ChunkKind, ChunkId, u32)],
        with: T,
    ) -> Option<Self> {
        let slot = *known.frames.get(usize::from(frame))?;
        let origin = *known.header.origins.get(usize::from(slot.origin))?;
        let sealed = known.header.sessions.iter().find(|sealed| sealed.session == origin.pack.session)?.clone();
        let chunks: Vec<_> = ids.iter().map(|&(kind, id, len)| ChunkRow { kind, id, len }).collect();
        let total = chunks.iter().map(|chunk| u64::from(chunk.len)).sum::<u64>();
        if chunks.is_empty() || total != u64::from(slot.raw_len) {
            return None;
        }
        let row = FrameRow {
            origin: 0,
            number: slot.number,
            sealed_len: slot.sealed_len,
            raw_len: slot.raw_len,
            codec: slot.codec,
            chunks,
        };
        Some(Self { pack, frame, known, at: slot.at, row, with, origin, sealed })
    }

    pub(crate) fn end(&self) -> u64 {
        self.at + u64::from(self.row.sealed_len)
    }
}

/// The frames of one pack that is to be written.
pub(crate) struct Group<T> {
    pub(crate) kind: PackKind,
    /// Sealed bytes.
    pub(crate) bytes: u64,
    pub(crate) frames: Vec<Frame<T>>,
    /// Beside the pack's own.
    pub(crate) sessions: Vec<Sealed>,
    pub(crate) origins: Vec<Origin>,
    chunks: usize,
    header: usize,
}

fn length_of(sealed: &Sealed) -> usize {
    17 + sealed.envelopes.iter().map(|envelope| 19 + envelope.sealed.len()).sum::<usize>()
}

const ORIGIN: usize = 54;

impl<T> Group<T> {
    pub(crate) fn new(kind: PackKind, session: &Session) -> Self {
        let pack = PackId { session: session.id, kind, no: 0 };
        let own = Origin { pack, salt: [0; 16], commit: [0; 32] };
        let header = Header { family: session.family, sessions: vec![session.sealed.clone()], origins: vec![own] };
        Self {
            kind,
            bytes: 0,
            frames: Vec::new(),
            sessions: Vec::new(),
            origins: Vec::new(),
            chunks: 0,
            header: header.encode().len(),
        }
    }

    /// Whether there is room for the frame and for where it comes from.
    pub(crate) fn takes(&self, kind: PackKind, frame: &Frame<T>) -> bool {
        let (mut header, mut sessions, mut origins) = (self.header, self.sessions.len(), self.origins.len());
        match self.sessions.iter().find(|sealed| sealed.session == frame.sealed.session) {
            // A header names a session once: the same one with other envelopes goes elsewhere.
            Some(known) if *known != frame.sealed => return false,
            Some(_) => {}
            None => {
                sessions += 1;
                header += length_of(&frame.sealed);
            }
        }
        if !self.origins.contains(&frame.origin) {
            origins += 1;
            header += ORIGIN;
        }
        kind == self.kind
            && header <= HEADER_MAX
            && sessions < ORIGINS_MAX
            && origins < ORIGINS_MAX
            && self.frames.len() < PACK_CHUNKS_MAX
            && self.chunks + frame.row.chunks.len() <= PACK_CHUNKS_MAX
    }

    pub(crate) fn add(&mut self, mut frame: Frame<T>) {
        if self.sessions.iter().all(|sealed| sealed.session != frame.sealed.session) {
            self.header += length_of(&frame.sealed);
            self.sessions.push(frame.sealed.clone());
        }
        let at = self.origins.iter().position(|origin| *origin == frame.origin).unwrap_or_else(|| {
            self.header += ORIGIN;
            self.origins.push(frame.origin);
            self.origins.len() - 1
        });
        frame.row.origin = (at + 1) as u8;
        self.bytes += u64::from(frame.row.sealed_len);
        self.chunks += frame.row.chunks.len();
        self.frames.push(frame);
    }
}
