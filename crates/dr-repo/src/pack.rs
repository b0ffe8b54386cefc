//! Packs: header, sealed frames, sealed trailer, padding, footer.
//!
//! A pack streams into a temporary file and is named only when whole. Frame `k` of a pack is sealed with nonce
//! `k` under a key that 16 random bytes make unique, so a retry can only send the very same bytes again.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::error::RepoError;
use crate::format::{FOOTER, HEADER_MAX, PACK_CHUNKS_MAX, PACK_END, PACK_MAX, TAG, TRAILER_MAX};
use crate::header::{Header, Origin, Sealed, frame_aad, pack_key, trailer_key};
use crate::id::{ChunkId, ChunkKind, Digest, PackId, PackKind, random};
use crate::seal::{Sealer, commitment, open_once, seal_once};
use crate::session::Session;
use crate::squeeze::{Squeezer, Unsqueezer};
use crate::trailer::{self, ChunkRow, FrameRow};
use crate::wire::{Bad, Cursor};

/// The whole length that a pack or index object of `len` bytes is padded to: Padmé below 1 MiB, then 64 KiB.
pub(crate) fn padded(len: u64) -> u64 {
    if len >= 1 << 20 {
        return len.next_multiple_of(64 << 10);
    }
    let exponent = 63 - len.max(2).leading_zeros();
    let kept = 32 - exponent.leading_zeros();
    len.next_multiple_of(1 << exponent.saturating_sub(kept))
}

/// `len` bytes that say nothing.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    blake3::Hasher::new_keyed(&random()).finalize_xof().fill(&mut out);
    out
}

/// A pack being filled.
pub(crate) struct PackWriter {
    header: Header,
    header_bytes: Vec<u8>,
    key: Sealer,
    file: File,
    path: TempPath,
    hasher: blake3::Hasher,
    len: u64,
    frames: Vec<FrameRow>,
    chunks: usize,
    place: String,
}

/// A whole pack in a temporary file, not stored yet.
pub(crate) struct FinishedPack {
    pub(crate) id: PackId,
    pub(crate) path: PathBuf,
    pub(crate) len: u64,
    pub(crate) digest: Digest,
    pub(crate) header: Vec<u8>,
    pub(crate) rows: Vec<u8>,
    pub(crate) frames: usize,
    /// Keeps others from sweeping the file away as a dead writer's.
    pub(crate) lock: File,
}

impl PackWriter {
    pub(crate) fn create(session: &Session, kind: PackKind, staging: &Path, place: &str) -> Result<Self, RepoError> {
        Self::create_for(session, kind, staging, place, (&[], &[]))
    }

    /// A pack that takes frames which were sealed elsewhere, in packs of these sessions.
    pub(crate) fn create_for(
        session: &Session,
        kind: PackKind,
        staging: &Path,
        place: &str,
        (sessions, origins): (&[Sealed], &[Origin]),
    ) -> Result<Self, RepoError> {
        let id = session.next_pack(kind)?;
        let salt = random();
        let key = pack_key(&session.key, session.family, id, &salt);
        let own = Origin { pack: id, salt, commit: commitment(&key) };
        let header = Header {
            family: session.family,
            sessions: [std::slice::from_ref(&session.sealed), sessions].concat(),
            origins: [&[own], origins].concat(),
        };
        let header_bytes = header.encode();
        if header_bytes.len() > HEADER_MAX {
            return Err(RepoError::TooMuch("a session is sealed to too many recipients".into()));
        }
        let fault = |e| full(e, place);
        let (path, file) = dr_store::local::stage(staging).map_err(fault)?;
        let path = TempPath::try_from_path(path).map_err(fault)?;
        let mut writer = Self {
            header,
            key: Sealer::new(&key),
            file,
            path,
            hasher: blake3::Hasher::new(),
            len: 0,
            frames: Vec::new(),
            chunks: 0,
            header_bytes: Vec::new(),
            place: place.to_owned(),
        };
        writer.write(&header_bytes)?;
        writer.header_bytes = header_bytes;
        Ok(writer)
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Whether `more` chunks would break a limit of the format.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        self.chunks + more <= PACK_CHUNKS_MAX && self.frames.len() < PACK_CHUNKS_MAX
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), RepoError> {
        self.file.write_all(bytes).map_err(|e| full(e, &self.place))?;
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Seals one frame. `packed` is used up as scratch.
    pub(crate) fn add(
        &mut self,
        codec: u8,
        raw_len: u32,
        chunks: Vec<ChunkRow>,
        packed: &mut Vec<u8>,
    ) -> Result<(), RepoError> {
        let number = self.frames.len() as u32;
        let aad = frame_aad(self.header.family, self.header.own(), number, raw_len, codec);
        self.key.seal(number, &aad, packed);
        self.write(packed)?;
        self.chunks += chunks.len();
        self.frames.push(FrameRow { origin: 0, number, sealed_len: packed.len() as u32, raw_len, codec, chunks });
        Ok(())
    }

    /// Takes a frame as it was sealed in the pack that its row names as its origin.
    pub(crate) fn add_moved(&mut self, row: FrameRow, sealed: &[u8]) -> Result<(), RepoError> {
        self.write(sealed)?;
        self.chunks += row.chunks.len();
        self.frames.push(row);
        Ok(())
    }

    /// Closes the pack: trailer, padding, footer. Reads back what it is about to rely on.
    pub(crate) fn finish(
        mut self,
        index: &crate::id::Secret,
        squeezer: &mut Squeezer,
    ) -> Result<FinishedPack, RepoError> {
        let rows = trailer::encode(&self.frames);
        let mut packed = Vec::new();
        let codec = squeezer.squeeze(&rows, &mut packed)?;
        let plain = trailer::pad(codec, rows.len(), &packed);
        let own = self.header.origins[0];
        let key = trailer_key(index, self.header.family, own.pack, &own.salt);
        let sealed = seal_once(&key, &self.header_bytes, &plain);
        // The same property on two paths: what a reader would make of these bytes is what we meant.
        let ours = |what: &str| RepoError::damaged(own.pack.session, format!("a pack would not read back: {what}"));
        if Header::parse(&self.header_bytes).map_err(|Bad(what)| ours(what))? != self.header {
            return Err(ours("its header differs"));
        }
        if trailer::decode(&rows).map_err(|Bad(what)| ours(what))? != self.frames {
            return Err(ours("its trailer differs"));
        }
        let trailer_at = self.len;
        self.write(&sealed)?;
        let total = padded(self.len + FOOTER as u64);
        let padding = noise((total - self.len) as usize - FOOTER);
        self.write(&padding)?;
        let mut footer = Vec::with_capacity(FOOTER);
        footer.extend_from_slice(&trailer_at.to_le_bytes());
        footer.extend_from_slice(&(sealed.len() as u32).to_le_bytes());
        footer.extend_from_slice(&[0; 4]);
        let mut prefix = self.hasher.clone();
        prefix.update(&footer);
        footer.extend_from_slice(prefix.finalize().as_bytes());
        footer.extend_from_slice(&[0; 8]);
        footer.extend_from_slice(PACK_END);
        self.write(&footer)?;
        let digest = Digest(*self.hasher.finalize().as_bytes());
        let path = self.path.keep().map_err(|e| RepoError::local("cannot keep a temporary file")(e.error))?;
        Ok(FinishedPack {
            id: own.pack,
            path,
            len: self.len,
            digest,
            header: self.header_bytes,
            rows,
            frames: self.frames.len(),
            lock: self.file,
        })
    }
}

/// An error of writing where packs are staged: on most targets that is the target itself.
pub(crate) fn full(source: std::io::Error, place: &str) -> RepoError {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    let place = place.to_owned();
    match source.kind() {
        StorageFull | QuotaExceeded => dr_store::StoreError::Full { place }.into(),
        _ => dr_store::StoreError::Io { what: "cannot write to", place, source }.into(),
    }
}

/// Opens the sealed trailer of a pack that lies whole in a reader's hands.
pub(crate) fn open_trailer(
    header: &Header,
    header_bytes: &[u8],
    sealed: &[u8],
    index: &crate::id::Secret,
) -> Result<Vec<u8>, Bad> {
    let own = header.origins[0];
    let key = trailer_key(index, header.family, own.pack, &own.salt);
    let plain = open_once(&key, header_bytes, sealed).map_err(|_| Bad("its trailer does not open"))?;
    let (codec, raw_len, packed) = trailer::unpad(&plain)?;
    Unsqueezer::new().map_err(|_| Bad("zstd cannot start"))?.unsqueeze(codec, packed.to_vec(), raw_len)
}

/// The places of a pack's parts, read from its footer.
pub(crate) struct Footer {
    pub(crate) trailer_at: u64,
    pub(crate) trailer_len: u64,
    pub(crate) prefix: Digest,
}

impl Footer {
    pub(crate) fn parse(bytes: &[u8], object_len: u64) -> Result<Self, Bad> {
        let mut cursor = Cursor::new(bytes);
        let (trailer_at, trailer_len, zero) = (cursor.u64()?, u64::from(cursor.u32()?), cursor.u32()?);
        let prefix = Digest(cursor.array()?);
        if zero != 0 || cursor.u64()? != 0 || cursor.take(8)? != PACK_END {
            return Err(Bad("it does not end as a pack does"));
        }
        let fits = trailer_at
            .checked_add(trailer_len)
            .and_then(|end| end.checked_add(FOOTER as u64))
            .is_some_and(|end| end <= object_len);
        if !fits || trailer_len > (TRAILER_MAX + TAG) as u64 || object_len > PACK_MAX {
            return Err(Bad("its footer points outside it"));
        }
        Ok(Self { trailer_at, trailer_len, prefix })
    }
}

/// A whole pack's bytes, checked and taken apart without the keys of its contents.
pub(crate) struct Opened<'a> {
    pub(crate) header: Header,
    pub(crate) header_bytes: &'a [u8],
    pub(crate) rows: Vec<u8>,
}

/// Checks a whole pack by its own footer, and opens its trailer.
pub(crate) fn open_whole<'a>(bytes: &'a [u8], index: &crate::id::Secret) -> Result<Opened<'a>, Bad> {
    let at = bytes.len().checked_sub(FOOTER).ok_or(Bad("it is too short"))?;
    if Digest::of(&bytes[..at + 16]) != Footer::parse(&bytes[at..], bytes.len() as u64)?.prefix {
        return Err(Bad("its own checksum does not match"));
    }
    open_vouched(bytes, index)
}

/// Opens the trailer of a whole pack whose BLAKE3 was compared with one that is relied on: its own checksum, which is
/// over the same bytes, says nothing more.
pub(crate) fn open_vouched<'a>(bytes: &'a [u8], index: &crate::id::Secret) -> Result<Opened<'a>, Bad> {
    let at = bytes.len().checked_sub(FOOTER).ok_or(Bad("it is too short"))?;
    let footer = Footer::parse(&bytes[at..], bytes.len() as u64)?;
    let header_len = Header::length(bytes)?;
    let header_bytes = bytes.get(..header_len).ok_or(Bad("its header runs past its end"))?;
    let header = Header::parse(header_bytes)?;
    let sealed = &bytes[footer.trailer_at as usize..(footer.trailer_at + footer.trailer_len) as usize];
    let rows = open_trailer(&header, header_bytes, sealed, index)?;
    Ok(Opened { header, header_bytes, rows })
}

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
pub(crate) struct Alone;

impl Others for Alone {
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
    squeezer: Squeezer,
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
            squeezer: Squeezer::new(level)?,
            open: None,
        })
    }

    /// zstd's level from here on.
    pub(crate) fn set_level(&mut self, level: i32) -> Result<(), RepoError> {
        self.squeezer.set_level(level)
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
        if filling.raw.len() + bytes.len() > self.frame_raw || filling.rows.len() == crate::format::FRAME_CHUNKS_MAX {
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
        let codec = self.squeezer.squeeze(&frame.raw, &mut self.packed)?;
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
            Some(pack) => done(pack.finish(&self.session.naming.index, &mut self.squeezer)?),
            None => Ok(()),
        }
    }

    /// Seals and closes whatever is open.
    pub(crate) fn flush(&mut self, done: &mut Ready<'_>) -> Result<(), RepoError> {
        self.seal_rest(done)?;
        self.close_pack(done)
    }
}
