//! The index of a repository that nobody has: as many chunks as asked for, for the bench and nobody else (feature
//! `bench`).

mod years;

use std::path::Path;

use dr_format::header::{Header, Origin as SealedIn, Sealed};
use dr_format::id::{ChunkId, ChunkKind, Digest, FamilyId, HostId, PackId, PackKind, RepoId, Secret, SessionId};
use dr_format::log_entry::ObjectRef;
use dr_format::trailer::{ChunkRow, FrameRow};
use dr_index::error::{IndexError, mended_in_vain};
use dr_index::layout::lay_out;
use dr_index::lookup::{Index, Judged, Origin};
use dr_index::table::{Describe, Described, Live, TableDir, TableKey, gather};

use crate::error::RepoError;
pub use years::{Made as MadeYears, Years, make as make_years};

/// Chunks of a pack, of a frame, and packs of an index object: 32 MiB of 64 KiB chunks, registered every 256 MiB.
const PACK_CHUNKS: u64 = 512;
const FRAME_CHUNKS: u64 = 16;
const OBJECT_PACKS: u64 = 8;
const FAMILY: FamilyId = FamilyId([1; 16]);

/// An open index of made-up packs.
pub struct Synthetic {
    index: Index,
    chunks: u64,
}

/// How many index objects had to be read.
pub struct Opened {
    /// The index.
    pub index: Synthetic,
    /// Objects that no table on this host stood for.
    pub read: u64,
}

fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

fn id(number: u64) -> ChunkId {
    let mut out = [0; 24];
    for (part, salt) in out.chunks_exact_mut(8).zip([0x9e37_79b9_7f4a_7c15u64, 0xd1b5_4a32_d192_ed03, 0x8cb9_2ba7]) {
        part.copy_from_slice(&mix(number.wrapping_mul(salt).wrapping_add(salt)).to_le_bytes());
    }
    ChunkId(out)
}

fn session(object: u64) -> SessionId {
    let mut out = [0; 16];
    out[..8].copy_from_slice(&mix(object + 1).to_le_bytes());
    SessionId(out)
}

fn live(object: u64) -> Live {
    let session = session(object);
    let name = format!("idx/00000000/{session}/0000");
    let digest = Digest::of(&object.to_le_bytes());
    Live { object: ObjectRef { name, len: object, digest }, session }
}

/// Tells of each object what its number stands for; the store's and the cipher's work is not in this bench.
struct Made {
    chunks: u64,
    read: u64,
}

impl Describe for Made {
    fn describe(&mut self, live: &Live) -> Result<Option<Vec<Described>>, IndexError> {
        self.read += 1;
        let first = live.object.len * OBJECT_PACKS;
        let mut packs = Vec::with_capacity(OBJECT_PACKS as usize);
        for (no, pack) in (0..).zip(first..first + OBJECT_PACKS) {
            let numbers = (pack * PACK_CHUNKS..self.chunks.min((pack + 1) * PACK_CHUNKS)).collect::<Vec<_>>();
            if numbers.is_empty() {
                break;
            }
            let id_of = PackId { session: live.session, kind: PackKind::Data, no };
            let own = SealedIn { pack: id_of, salt: [2; 16], commit: [3; 32] };
            let sessions = vec![Sealed { session: live.session, envelopes: Vec::new() }];
            let header = Header { family: FAMILY, sessions, origins: vec![own] }.encode();
            let row = |n: &u64| ChunkRow { kind: ChunkKind::Data, id: id(*n), len: 64 << 10 };
            let frame = |(chunks, number): (&[u64], u32)| FrameRow {
                origin: 0,
                number,
                sealed_len: (chunks.len() as u32) << 15,
                raw_len: (chunks.len() as u32) << 16,
                codec: 1,
                chunks: chunks.iter().map(row).collect(),
            };
            let rows: Vec<_> = numbers.chunks(FRAME_CHUNKS as usize).zip(0..).map(frame).collect();
            let laid = lay_out(id_of, FAMILY, &header, &rows)
                .map_err(|_| IndexError::damaged("a made-up pack", "it does not hold together"))?;
            packs.push(Described { id: id_of, whole: Some((32 << 20, Digest([4; 32]))), header, laid });
        }
        Ok(Some(packs))
    }
}

impl Synthetic {
    /// Opens the index of `chunks` chunks in `folder`, made first if it is not there.
    pub fn open(folder: &Path, chunks: u64) -> Result<Opened, RepoError> {
        let (dir, key) = (TableDir::in_folder(Some(folder)), TableKey::new(&Secret([5; 32]), FAMILY, RepoId([6; 16])));
        let live: Vec<Live> = (0..chunks.div_ceil(PACK_CHUNKS * OBJECT_PACKS)).map(live).collect();
        let mut made = Made { chunks, read: 0 };
        let found = gather(&dir, &key, &live, &|_| false, &mut made)?;
        let mut index = Index::default();
        let judge = |_, _: &str| Some(Judged { host: HostId([0; 4]), source: true, healed: None });
        for one in found {
            index.stand(one, true, &judge).map_err(|_| mended_in_vain())?;
        }
        let read = made.read;
        let index = index.with_origin(Origin { dir, key, live, describe: Box::new(made) });
        Ok(Opened { index: Self { index, chunks }, read })
    }

    /// Asks for chunk `number` as a backup does.
    #[must_use]
    pub fn is_duplicate(&self, number: u64) -> bool {
        self.index.duplicate(ChunkKind::Data, id(number)).is_some()
    }

    /// Asks where chunk `number` lies, as a restore does; whether it lies where it should.
    pub fn is_in_place(&self, number: u64) -> Result<bool, RepoError> {
        let places = self.index.places(ChunkKind::Data, id(number))?;
        let Some(place) = places.first() else { return Ok(false) };
        let slot = self.index.slot(*place)?;
        let within = number % PACK_CHUNKS;
        Ok(u64::from(place.chunk) == within && u64::from(slot.frame) == within / FRAME_CHUNKS)
    }

    /// Chunks that there are.
    #[must_use]
    pub fn chunks(&self) -> u64 {
        self.chunks
    }

    /// Packs that are known.
    #[must_use]
    pub fn packs(&self) -> u32 {
        self.index.packs()
    }
}
