//! The stages a byte goes through, one at a time, for the benches and nobody else (feature `bench`).

mod known;

use std::path::{Path, PathBuf};

use dr_entry::{EntryPath, Kind, Meta, Profile};
use dr_format::chunk::{Chunker, Sizes};
use dr_format::compress::{Compressor, Decompressor};
use dr_format::format::{FRAME_RAW, PACK_TARGET};
use dr_format::id::{ChunkId, ChunkKind, Digest, HostId, PackKind, Secret, SessionId, SnapshotId};
use dr_format::key::{Author, FamilyKey, WriterKey};
use dr_format::log_entry::{Body, Entry, Named, Registered, Runs};
use dr_format::namer::Namer;
use dr_format::pack::open_whole;
use dr_format::page::{Contents, Extent, Page, Row, decode, encode_leaf};
use dr_format::seal::Sealer;
use dr_log::fold::State;

use crate::error::RepoError;
use crate::write::packer::{NoHelpers, Packer};
use crate::write::session::Session;
pub use known::{Looking, Remembering};

/// Cutting contents into chunks.
pub struct Cutting(Chunker);

impl Cutting {
    /// With any key.
    #[must_use]
    pub fn new() -> Self {
        Self(Chunker::new(&Secret::random()))
    }

    /// With the same key each time, so that the same bytes are cut alike.
    #[must_use]
    pub fn fixed() -> Self {
        Self(Chunker::new(&Secret([0x5a; 32])))
    }

    /// The lengths of the chunks of the standard profile.
    #[must_use]
    pub fn lengths(&self, bytes: &[u8]) -> Vec<usize> {
        self.cut(Sizes::STD, bytes)
    }

    /// The lengths of the chunks of the fine profile.
    #[must_use]
    pub fn fine_lengths(&self, bytes: &[u8]) -> Vec<usize> {
        self.cut(Sizes::FINE, bytes)
    }

    fn cut(&self, sizes: Sizes, mut bytes: &[u8]) -> Vec<usize> {
        let mut lengths = Vec::new();
        while !bytes.is_empty() {
            let length = self.0.cut(sizes, bytes);
            lengths.push(length);
            bytes = &bytes[length..];
        }
        lengths
    }
}

impl Default for Cutting {
    fn default() -> Self {
        Self::new()
    }
}

/// Which zstd is linked in.
#[must_use]
pub fn zstd_version() -> &'static str {
    dr_format::compress::version()
}

/// Compressing frames, and back.
pub struct Compressing(Compressor, Decompressor);

impl Compressing {
    /// At one level of zstd.
    pub fn new(level: i32) -> Result<Self, RepoError> {
        Ok(Self(Compressor::new(level)?, Decompressor::new()?))
    }

    /// Compresses into `out`, and says which codec was worth it.
    pub fn compress(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Result<u8, RepoError> {
        Ok(self.0.compress(raw, out)?)
    }

    /// Back again; `None` if it cannot be.
    pub fn decompress(&mut self, codec: u8, packed: Vec<u8>, raw_len: usize) -> Option<Vec<u8>> {
        self.1.decompress(codec, packed, raw_len).ok()
    }
}

/// Sealing frames.
pub struct Sealing(Sealer);

impl Sealing {
    /// With any key.
    #[must_use]
    pub fn new() -> Self {
        Self(Sealer::new(&Secret::random()))
    }

    /// Seals in place; the number stands for the frame's place in its pack.
    pub fn seal(&self, number: u32, buffer: &mut Vec<u8>) {
        self.0.seal(number, &[], buffer);
    }

    /// Opens in place, and says whether it did.
    pub fn open(&self, number: u32, sealed: &mut Vec<u8>) -> bool {
        self.0.open(number, &[], sealed).is_ok()
    }
}

impl Default for Sealing {
    fn default() -> Self {
        Self::new()
    }
}

/// Naming chunks and filling packs with them, as one worker does.
pub struct Packing {
    writer: WriterKey,
    session: Session,
    namer: Namer,
}

impl Packing {
    /// With any family's key; packs are written in `staging`.
    pub fn new(staging: &Path) -> Result<Self, RepoError> {
        let writer = FamilyKey::generate().writer()?;
        let session = Session::begin(&writer, staging.to_owned(), "the benches' folder".into(), None)?;
        Ok(Self { namer: Namer::new(&writer.naming), writer, session })
    }

    /// The keyed id of contents.
    #[must_use]
    pub fn id(&self, bytes: &[u8]) -> [u8; 24] {
        self.namer.id(ChunkKind::Data, bytes).0
    }

    /// Writes packs of these chunks, and says where they are.
    pub fn write(&self, chunks: &[&[u8]], level: i32) -> Result<Vec<PathBuf>, RepoError> {
        let mut packs = Vec::new();
        let mut done = |pack: crate::write::pack_writer::FinishedPack| {
            packs.push(pack.path);
            Ok(())
        };
        let mut packer = Packer::new(&self.session, PackKind::Data, FRAME_RAW, PACK_TARGET, level)?;
        for chunk in chunks {
            packer.add(ChunkKind::Data, self.namer.id(ChunkKind::Data, chunk), chunk, &NoHelpers, &mut done)?;
        }
        packer.flush(&mut done)?;
        Ok(packs)
    }

    /// Checks a whole pack and opens its trailer; how long its rows are.
    #[must_use]
    pub fn open(&self, pack: &[u8]) -> Option<usize> {
        open_whole(pack, &self.writer.naming.index).ok().map(|opened| opened.rows.len())
    }
}

/// A leaf page of a tree.
pub struct Leaf(Vec<Row>);

impl Leaf {
    /// Of as many files, each of one chunk.
    ///
    /// # Panics
    /// Never: the names are plain.
    #[must_use]
    #[expect(clippy::unwrap_used, reason = "the names are made here")]
    pub fn of_files(count: u32) -> Self {
        let row = |number: u32| {
            let mut meta = Meta::plain(Kind::File, 0o644);
            meta.size = 5_000 + u64::from(number % 977);
            meta.mtime.seconds = 1_760_000_000 + i64::from(number % 86_400);
            let mut id = [0; 24];
            id.copy_from_slice(&blake3::hash(&number.to_le_bytes()).as_bytes()[..24]);
            let chunk = Extent::Chunk { id: ChunkId(id), len: meta.size as u32 };
            let path = EntryPath::new(format!("src/part-{:03}/file-{number:06}.c", number / 40)).unwrap();
            Row { path, meta, profile: Profile::Std, contents: Contents::Extents(vec![chunk]) }
        };
        Self((0..count).map(row).collect())
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode_leaf(&self.0)
    }

    /// How many entries the page of these bytes has.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<usize> {
        match decode(bytes).ok()? {
            Page::Leaf(rows) => Some(rows.len()),
            Page::Inner { children, .. } => Some(children.len()),
        }
    }
}

/// A log, opened.
pub struct Log(Vec<Entry>);

impl Log {
    /// Of as many commits, each a session of its own with eight packs.
    #[must_use]
    pub fn of_commits(count: u32) -> Self {
        let entry = |number: u32| {
            let mut own = [0; 16];
            own[..4].copy_from_slice(&number.to_le_bytes());
            let (session, host) = (SessionId(own), HostId([1; 4]));
            let mut before = [0; 16];
            before[..4].copy_from_slice(&number.saturating_sub(1).to_le_bytes());
            let runs = |session, last| Runs { session, host, runs: vec![(PackKind::Data, 0, last)] };
            let needs = if number == 1 { Vec::new() } else { vec![runs(SessionId(before), 7)] };
            let body = Body::Commit(Registered {
                session,
                host,
                sequence: 1,
                last: true,
                snapshots: vec![Named { id: SnapshotId(own), document: ChunkId([1; 24]), label: Vec::new() }],
                needs,
                own: vec![(PackKind::Data, 0, 7)],
                indexes: Vec::new(),
                used: Vec::new(),
                sources: Vec::new(),
                superseded: Vec::new(),
                at: 0,
            });
            let n = u64::from(number);
            let digest = Digest([0; 32]);
            let author = Author::Maintenance;
            Entry { n, before: n - 1, before_digest: digest, time_ms: 0, critical: true, author, body, digest }
        };
        Self((1..=count).map(entry).collect())
    }

    /// Folds it; how many snapshots are live.
    #[must_use]
    pub fn fold(&self) -> usize {
        let mut state = State::default();
        for entry in &self.0 {
            state.apply(entry);
        }
        state.live().len()
    }
}
