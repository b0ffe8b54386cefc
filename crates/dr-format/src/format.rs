//! Every magic number and limit of the storage format, in one place.
//!
//! `docs/format/repository.md` is the page that a stranger reads; a test compares its tables with these
//! constants. Do not change a value: released bytes rely on it. A new need gets a new number.

/// First bytes of a pack.
pub const PACK_MAGIC: &[u8; 8] = b"DRPACK01";
/// Last bytes of a pack.
pub const PACK_END: &[u8; 8] = b"DRENDP01";
/// First bytes of an index object.
pub const INDEX_MAGIC: &[u8; 8] = b"DRINDEX1";
/// First bytes of a log entry.
pub const LOG_MAGIC: &[u8; 8] = b"DRLOGEN1";
/// First bytes of a checkpoint.
pub const CKPT_MAGIC: &[u8; 8] = b"DRCKPT01";
/// First bytes of a key slot.
pub const SLOT_MAGIC: &[u8; 8] = b"DRKEYSL1";
/// First bytes of a parity object.
pub const PARITY_MAGIC: &[u8; 8] = b"DRPARIT1";
/// First bytes of a tree page.
pub const PAGE_MAGIC: &[u8; 4] = b"DRTP";
/// First bytes of an extent page.
pub const EXTENT_MAGIC: &[u8; 4] = b"DREX";
/// The version that follows each magic.
pub const VERSION: u16 = 1;

/// Suite 1: ChaCha20-Poly1305. 2 (AES-256-GCM) is reserved.
pub const SUITE_CHACHA: u8 = 1;
/// KEM 1: X25519 with HPKE base mode. 2 (with ML-KEM-768) is reserved.
pub const KEM_X25519: u8 = 1;
/// Chunker 1: the minimum of a keyed hash over 8 bytes.
pub const CHUNKER_MIN8: u64 = 1;
/// Codec 0: stored as it is.
pub const CODEC_STORE: u8 = 0;
/// Codec 1: one zstd frame.
pub const CODEC_ZSTD: u8 = 1;

/// Bytes of an AEAD tag.
pub const TAG: usize = 16;
/// Bytes of the fixed footer of a pack.
pub const FOOTER: usize = 64;
/// A pack is closed at this size.
pub const PACK_TARGET: u64 = 32 << 20;
/// A meta pack is closed at this size.
pub const META_PACK_TARGET: u64 = 8 << 20;
/// No pack is larger.
pub const PACK_MAX: u64 = 256 << 20;
/// No pack header is larger.
pub const HEADER_MAX: usize = 64 << 10;
/// Plain trailers are padded to a multiple of this before sealing.
pub const TRAILER_ALIGN: usize = 4 << 10;
/// No trailer is larger, sealed or plain.
pub const TRAILER_MAX: usize = 8 << 20;
/// A pack holds at most this many chunks, and this many frames.
pub const PACK_CHUNKS_MAX: usize = 65_535;
/// A frame holds at most this many chunks.
pub const FRAME_CHUNKS_MAX: usize = 4_096;
/// Raw bytes of a frame, unless one chunk alone is larger.
pub const FRAME_RAW: usize = 1 << 20;
/// Raw bytes of a frame of tree pages, which are read one at a time.
pub const META_FRAME_RAW: usize = 256 << 10;
/// Raw bytes of a data frame of a host that cannot read back, since nobody may split it later.
pub const BLIND_FRAME_RAW: usize = 256 << 10;
/// No chunk is larger, whatever it holds.
pub const CHUNK_MAX: usize = 4 << 20;
/// `pack_no` stays below this.
pub const PACK_NO_MAX: u32 = 1 << 24;
/// A pack names at most this many sessions, and this many origins.
pub const ORIGINS_MAX: usize = 255;
/// A session is sealed to at most this many recipients.
pub const RECIPIENTS_MAX: usize = 16;

/// `repo.json` is at most this large.
pub const REPO_JSON_MAX: u64 = 64 << 10;
/// A key slot is at most this large.
pub const SLOT_MAX: u64 = 4 << 10;
/// A log entry is at most this large.
pub const LOG_MAX: u64 = 16 << 20;
/// A checkpoint is at most this large.
pub const CKPT_MAX: u64 = 256 << 20;
/// What a checkpoint holds, decompressed, is at most this large.
pub const CKPT_RAW_MAX: usize = 512 << 20;
/// A checkpoint knows at most so many packs.
pub const CKPT_PACKS_MAX: usize = 1 << 22;
/// A checkpoint names the digests of at most so many entries.
pub const TRAIL_MAX: usize = 1_024;
/// So many log entries lie between two checkpoints.
pub const CKPT_EVERY: u64 = 256;
/// So many checkpoints that can be read are kept, and every entry after the oldest of them.
pub const CKPT_KEPT: usize = 3;
/// An index object is at most this large.
pub const INDEX_MAX: u64 = 256 << 20;
/// What an index object holds, opened, is at most this large.
pub const INDEX_RAW_MAX: usize = 512 << 20;
/// Parity code 1: Leopard over GF(2^16), a copy for short packs.
pub const PARITY_LEOPARD: u8 = 1;
/// Bytes of a shard.
pub const SHARD: usize = 128 << 10;
/// A pack has at most so many spare shards, and as many as it has shards if these are fewer.
pub const SPARES: usize = 8;
/// What stands before the spare shards in a parity object is at most this large.
pub const PARITY_TABLE_MAX: usize = 16 << 20;
/// A sealed label is at most this large.
pub const LABEL_MAX: usize = 4 << 10;

/// Argon2id memory accepted, in KiB.
pub const ARGON2_M: std::ops::RangeInclusive<u32> = 19 << 10..=1 << 20;
/// Argon2id passes accepted.
pub const ARGON2_T: std::ops::RangeInclusive<u32> = 1..=10;
/// Argon2id lanes accepted.
pub const ARGON2_P: std::ops::RangeInclusive<u32> = 1..=16;

/// Pages lie at most this deep.
pub const LEVELS_MAX: u8 = 64;
/// A page holds at most this many rows.
pub const PAGE_ROWS_MAX: usize = 1 << 16;
/// A writer cuts a tree page no earlier than at so many raw bytes.
pub const PAGE_MIN: usize = 1 << 10;
/// A writer cuts a tree page at so many raw bytes at the latest (one larger row makes a page of its own).
pub const PAGE_CUT: usize = 192 << 10;
/// A writer also cuts a leaf page once its paths and attributes take so many bytes decoded.
pub const PAGE_DECODED_CUT: usize = 8 << 20;
/// Paths, attributes and owners' names of one page take at most so many bytes once they are decoded.
pub const PAGE_DECODED_MAX: usize = 64 << 20;
/// An owner's name is at most this long; a longer one is not kept.
pub const OWNER_NAME_MAX: usize = 255;
/// Extended attributes of one entry, names and values together, are at most this large.
pub const XATTRS_MAX: usize = 1 << 20;
/// Contents up to this size stand in the tree page itself.
pub const INLINE_MAX: usize = 128;
/// A file with more extents than this has its extents in pages of their own.
pub const EXTENTS_INLINE_MAX: usize = 64;
/// zstd windows are at most 2 to this power (8 MiB).
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;

// What the writer promises fits into what the reader accepts.
const _: () = {
    assert!(FRAME_RAW <= CHUNK_MAX && META_FRAME_RAW <= FRAME_RAW && BLIND_FRAME_RAW <= FRAME_RAW);
    assert!(PACK_TARGET + (CHUNK_MAX as u64) * 2 < PACK_MAX);
    assert!(PAGE_CUT + XATTRS_MAX + (2 << 20) < CHUNK_MAX);
};
/// An entry registers at most so many packs.
pub const OWN_MAX: u64 = 65_536;
/// An entry commits at most so many snapshots.
pub const SNAPSHOTS_MAX: usize = 1_024;
