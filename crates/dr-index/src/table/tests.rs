//! Tables answer like a plain list of packs, whatever happens to their files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dr_format::header::{Origin as SealedIn, Sealed};
use dr_format::id::HostId;
use dr_format::trailer::{ChunkRow, FrameRow};

use super::paged::STRIDE;
use super::*;
use crate::error::IndexError;
use crate::layout::{PackLayout, Place, lay_out};
use crate::lookup::{Index, Judged, Origin};

const FAMILY: FamilyId = FamilyId([1; 16]);
const KINDS: [ChunkKind; 2] = [ChunkKind::Data, ChunkKind::Tree];

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Ids spread evenly; every eighth begins as its neighbour does.
fn id(number: u64) -> ChunkId {
    let mut out = [0; 24];
    blake3::Hasher::new().update(&(number - u64::from(number % 8 == 7)).to_le_bytes()).finalize_xof().fill(&mut out);
    out[8..16].copy_from_slice(&number.to_le_bytes());
    ChunkId(out)
}

#[derive(Clone)]
struct Pack {
    id: PackId,
    header: Vec<u8>,
    rows: Vec<FrameRow>,
}

impl Pack {
    fn new(session: SessionId, no: u32, chunks: &[(ChunkKind, u64)]) -> Self {
        let id_of = PackId { session, kind: PackKind::Data, no };
        let own = SealedIn { pack: id_of, salt: [2; 16], commit: [3; 32] };
        let header =
            Header { family: FAMILY, sessions: vec![Sealed { session, envelopes: vec![] }], origins: vec![own] };
        let frame = |(chunks, number): (&[(ChunkKind, u64)], u32)| {
            let chunks: Vec<_> =
                chunks.iter().map(|&(kind, n)| ChunkRow { kind, id: id(n), len: 1 + n as u32 % 999 }).collect();
            let raw_len = chunks.iter().map(|chunk| chunk.len).sum();
            FrameRow { origin: 0, number, sealed_len: raw_len + 16, raw_len, codec: 0, chunks }
        };
        Self { id: id_of, header: header.encode(), rows: chunks.chunks(3).zip(0..).map(frame).collect() }
    }

    fn laid(&self) -> PackLayout {
        lay_out(self.id, FAMILY, &self.header, &self.rows).unwrap()
    }
}

/// What a target holds, and what its log says.
#[derive(Clone, Default)]
struct World {
    objects: Vec<(Live, Vec<Pack>)>,
    superseded: BTreeSet<String>,
    swept: BTreeSet<PackId>,
    /// How often an index object was read.
    read: Arc<AtomicUsize>,
}

impl World {
    fn add(&mut self, packs: &[Vec<(ChunkKind, u64)>]) {
        let number = self.objects.len() as u64;
        let mut session = [0; 16];
        session[..8].copy_from_slice(&number.to_le_bytes());
        let session = SessionId(session);
        let packs = packs.iter().zip(0..).map(|(chunks, no)| Pack::new(session, no, chunks)).collect();
        self.take(number, session, packs);
    }

    fn take(&mut self, number: u64, session: SessionId, packs: Vec<Pack>) {
        let name = format!("idx/00000000/{session}/{number:04x}");
        let object = ObjectRef { name, len: number, digest: Digest::of(&number.to_le_bytes()) };
        self.objects.push((Live { object, session }, packs));
    }

    fn random(dice: &mut Dice, objects: u64, packs: u64, chunks: u64, pool: u64) -> Self {
        let mut world = Self::default();
        for _ in 0..objects {
            let list: Vec<Vec<_>> = (0..1 + dice.roll(packs))
                .map(|_| (0..1 + dice.roll(chunks)).map(|_| (KINDS[dice.roll(2) as usize], dice.roll(pool))).collect())
                .collect();
            world.add(&list);
        }
        world
    }

    fn live(&self) -> Vec<Live> {
        let live = self.objects.iter().map(|(live, _)| live);
        live.filter(|live| !self.superseded.contains(&live.object.name)).cloned().collect()
    }

    /// The packs that count, each once.
    fn packs(&self) -> Vec<&Pack> {
        let mut seen = BTreeSet::new();
        let live = self.objects.iter().filter(|(live, _)| !self.superseded.contains(&live.object.name));
        let packs = live.flat_map(|(_, packs)| packs);
        packs.filter(|pack| !self.swept.contains(&pack.id) && seen.insert(pack.id)).collect()
    }

    fn open(&self, folder: Option<&Path>) -> Index {
        self.try_open(folder).unwrap()
    }

    fn try_open(&self, folder: Option<&Path>) -> Result<Index, IndexError> {
        let (dir, key, live) = (TableDir::in_folder(folder), key(), self.live());
        let swept = |pack: &PackId| self.swept.contains(pack);
        let found = gather(&dir, &key, &live, &swept, &mut self.clone())?;
        let mut index = Index::default();
        for one in found {
            index.stand(one, true, &|pack, _| self.judge(pack)).map_err(|_| crate::error::mended_in_vain())?;
        }
        Ok(index.with_origin(Origin { dir, key, live, describe: Box::new(self.clone()) }))
    }

    fn judge(&self, pack: PackId) -> Option<Judged> {
        let source = pack.no.is_multiple_of(2);
        (!self.swept.contains(&pack)).then_some(Judged { host: HostId([0; 4]), source, healed: None })
    }

    fn reads(&self) -> usize {
        self.read.swap(0, Ordering::Relaxed)
    }

    /// Whether the index answers as the packs themselves would, for everything that they hold and for as much that
    /// they do not.
    fn agrees(&self, index: &Index) {
        let mut places: BTreeMap<(ChunkKind, ChunkId), BTreeSet<(PackId, u32)>> = BTreeMap::new();
        let packs = self.packs();
        assert_eq!(index.packs() as usize, packs.len());
        for pack in &packs {
            assert!(index.knows_pack(pack.id));
            for (chunk, (id, slot)) in pack.laid().slots.iter().enumerate() {
                places.entry((slot.kind, *id)).or_default().insert((pack.id, chunk as u32));
            }
        }
        let ids: BTreeSet<ChunkId> = places.keys().map(|(_, id)| *id).collect();
        let fronts: BTreeSet<u64> = ids.iter().map(front).collect();
        assert_eq!(index.chunks().unwrap(), fronts.len() as u64);
        let strange = (1_000_000..1_000_000 + ids.len() as u64 / 4).map(id);
        let near = ids.iter().map(|id| {
            ChunkId({
                let mut id = id.0;
                id[23] ^= 1;
                id
            })
        });
        for id in ids.iter().copied().chain(strange).chain(near) {
            for kind in KINDS {
                let expected = places.get(&(kind, id)).cloned().unwrap_or_default();
                let found = index.places(kind, id).unwrap();
                let named = |place: &Place| (index.brief(place.pack).id, place.chunk);
                assert_eq!(found.iter().map(named).collect::<BTreeSet<_>>(), expected);
                assert_eq!(found.len(), expected.len());
                assert_eq!(index.holds(kind, id).unwrap(), !expected.is_empty());
                let sources: BTreeSet<PackId> =
                    expected.iter().map(|(pack, _)| *pack).filter(|pack| pack.no.is_multiple_of(2)).collect();
                match index.duplicate(kind, id) {
                    None => assert!(sources.is_empty()),
                    Some(place) => assert!(sources.contains(&index.brief(place.pack).id)),
                }
                assert!(found.iter().map(|place| !index.brief(place.pack).source).is_sorted());
            }
        }
        for number in 0..index.packs() {
            let brief = index.brief(number);
            let laid = packs.iter().find(|pack| pack.id == brief.id).unwrap().laid();
            let known = index.pack(number).unwrap();
            assert!(known.header == laid.header && known.object == brief.id.object_name(HostId([0; 4])));
            assert_eq!(format!("{:?}", known.frames), format!("{:?}", laid.frames));
            for (chunk, (_, slot)) in laid.slots.iter().enumerate() {
                let found = index.slot(Place { pack: number, chunk: chunk as u32 }).unwrap();
                assert_eq!(format!("{found:?}"), format!("{slot:?}"));
            }
            let listed = index.ids_of(number).unwrap().concat();
            assert!(listed.into_iter().eq(laid.slots.iter().map(|(id, slot)| (slot.kind, *id, slot.len))));
        }
    }
}

impl Describe for World {
    fn describe(&mut self, live: &Live) -> Result<Option<Vec<Described>>, IndexError> {
        self.read.fetch_add(1, Ordering::Relaxed);
        let (_, packs) = self.objects.iter().find(|(here, _)| here == live).unwrap();
        let described = |pack: &Pack| Described {
            id: pack.id,
            whole: Some((7, Digest([7; 32]))),
            header: pack.header.clone(),
            laid: pack.laid(),
        };
        Ok(Some(packs.iter().map(described).collect()))
    }
}

fn key() -> TableKey {
    TableKey::new(&Secret([5; 32]), FAMILY, RepoId([6; 16]))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn tables_answer_like_the_packs_themselves_after_any_additions_merges_and_sweeps() {
    for seed in 0..12 {
        let (folder, mut dice) = (tempfile::tempdir().unwrap(), Dice(seed));
        let mut world = World::default();
        for step in 0..14 {
            for _ in 0..dice.roll(4) {
                let mut more = World::random(&mut dice, 1, 3, 12, 60);
                world.add(&more.objects.remove(0).1.iter().map(chunks_of).collect::<Vec<_>>());
            }
            if let Some(pack) = world.packs().get(dice.roll(40) as usize).map(|pack| pack.id) {
                world.swept.insert(pack);
            }
            // One object takes the place of two others, packs and all.
            if dice.roll(3) == 0 && world.live().len() > 2 {
                let live = world.live();
                let (a, b) = (live[0].clone(), live[1].clone());
                let both = |(live, _): &&(Live, Vec<Pack>)| *live == a || *live == b;
                let packs = world.objects.iter().filter(both).flat_map(|(_, packs)| packs.clone()).collect();
                world.superseded.extend([a.object.name.clone(), b.object.name.clone()]);
                world.take(1_000 + step, a.session, packs);
            }
            world.agrees(&world.open(Some(folder.path())));
            world.reads();
            world.agrees(&world.open(Some(folder.path())));
            assert_eq!(world.reads(), 0, "what is on this host is not read again");
        }
        world.agrees(&world.open(None));
        assert!(files(folder.path()).len() <= 3);
    }
}

fn chunks_of(pack: &Pack) -> Vec<(ChunkKind, u64)> {
    let number = |id: &ChunkId| u64::from_le_bytes(*id.0[8..].first_chunk().unwrap());
    pack.rows.iter().flat_map(|row| &row.chunks).map(|chunk| (chunk.kind, number(&chunk.id))).collect()
}

#[test]
fn many_chunks_in_many_runs_and_shards_are_all_found() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::random(&mut Dice(3), 12, 4, 900, 9_000);
    let index = world.open(Some(folder.path()));
    world.agrees(&index);
    assert!(files(folder.path()).iter().all(|file| fs::metadata(file).unwrap().permissions().mode() & 0o077 == 0));
}

#[test]
fn a_pack_that_was_left_out_is_there_again_if_the_log_never_swept_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::random(&mut Dice(4), 3, 3, 40, 90);
    drop(world.open(Some(folder.path())));
    let before = world.clone();
    world.swept = world.packs().iter().skip(1).map(|pack| pack.id).collect();
    world.agrees(&world.open(Some(folder.path())));
    // A target that was put back to an earlier day.
    before.agrees(&before.open(Some(folder.path())));
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed_and_mended_from_the_target() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::random(&mut Dice(5), 3, 3, 20, 40);
    drop(world.open(Some(folder.path())));
    let [file] = files(folder.path()).try_into().unwrap();
    let good = fs::read(&file).unwrap();
    let paged = IndexTable::open(&file, &key()).unwrap().paged;
    let bad = fs::File::options().write(true).open(&file).unwrap();
    for (at, byte) in good.iter().enumerate() {
        bad.write_all_at(&[byte ^ 1 << (at % 8)], at as u64).unwrap();
        assert!(paged.block((at / STRIDE) as u64).is_err(), "byte {at}");
        bad.write_all_at(&[*byte], at as u64).unwrap();
    }
    for len in (0..good.len()).rev() {
        bad.set_len(len as u64).unwrap();
        assert!(IndexTable::open(&file, &key()).is_none(), "{len} bytes");
    }
    for at in (0..good.len()).step_by(97) {
        let put = |bytes: &[u8]| {
            files(folder.path()).iter().for_each(|file| fs::remove_file(file).unwrap());
            fs::write(&file, bytes).unwrap();
        };
        let mut flipped = good.clone();
        flipped[at] ^= 0x10;
        put(&flipped);
        world.agrees(&world.open(Some(folder.path())));
        world.agrees(&world.open(Some(folder.path())));
        put(&good[..at]);
        world.agrees(&world.open(Some(folder.path())));
        // And while it is open: what was read a moment ago may be right, what is read next is not.
        put(&good);
        let index = world.open(Some(folder.path()));
        world.reads();
        fs::File::options().write(true).open(&file).unwrap().write_all_at(&vec![9; 3 * STRIDE], at as u64).unwrap();
        world.agrees(&index);
        assert_eq!(files(folder.path()).len(), 1);
    }
}

#[test]
fn tables_of_another_repository_or_of_nothing_are_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::random(&mut Dice(6), 3, 3, 20, 40);
    let key = TableKey::new(&Secret([5; 32]), FAMILY, RepoId([7; 16]));
    let other = TableDir::in_folder(Some(folder.path()));
    let swept = |_: &PackId| false;
    assert!(gather(&other, &key, &world.live(), &swept, &mut world.clone()).is_ok_and(|found| found.len() == 1));
    fs::write(folder.path().join("table-00"), b"").unwrap();
    fs::write(folder.path().join("table-01"), vec![0; STRIDE * 4]).unwrap();
    world.reads();
    world.agrees(&world.open(Some(folder.path())));
    assert_eq!((world.reads(), files(folder.path()).len()), (3, 1));
}

#[test]
fn what_a_killed_process_left_is_removed_and_what_a_live_one_writes_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::random(&mut Dice(7), 3, 3, 20, 40);
    let dir = TableDir::in_folder(Some(folder.path()));
    let mut writing = Builder::new(&dir, &key(), true).unwrap();
    writing.object(world.live().remove(0));
    fs::write(folder.path().join(".new-dead"), vec![1; 10_000]).unwrap();
    world.agrees(&world.open(Some(folder.path())));
    assert!(!folder.path().join(".new-dead").exists());
    assert_eq!(files(folder.path()).len(), 2, "the finished one and the one that is being written");
    drop(writing);
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn several_processes_that_make_tables_at_once_all_answer_rightly() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::random(&mut Dice(8), 6, 3, 200, 900);
    for round in 0..6 {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| world.agrees(&world.open(Some(folder.path()))));
            }
        });
        world.add(&[vec![(ChunkKind::Data, 10_000 + round)]]);
    }
    world.agrees(&world.open(Some(folder.path())));
    world.reads();
    world.agrees(&world.open(Some(folder.path())));
    assert_eq!(world.reads(), 0);
    assert!(files(folder.path()).len() <= 3);
}
