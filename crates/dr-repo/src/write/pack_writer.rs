//! How a pack is written: it streams into a temporary file and is named only when whole.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use dr_format::compress::Compressor;
use dr_format::format::{FOOTER, HEADER_MAX, PACK_CHUNKS_MAX, PACK_END};
use dr_format::header::{Header, Origin, Sealed, frame_aad, pack_key, trailer_key};
use dr_format::id::{Digest, PackId, PackKind, random};
use dr_format::pack::{noise, padded};
use dr_format::seal::{Sealer, commitment, seal_once};
use dr_format::trailer::{self, ChunkRow, FrameRow};
use dr_format::wire::Bad;
use tempfile::TempPath;

use crate::error::RepoError;
use crate::write::session::Session;

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
        index: &dr_format::id::Secret,
        compressor: &mut Compressor,
    ) -> Result<FinishedPack, RepoError> {
        let rows = trailer::encode(&self.frames);
        let mut packed = Vec::new();
        let codec = compressor.compress(&rows, &mut packed)?;
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
