//! Decoders against bytes that somebody made up: they end, quickly, with a value or an error.
//!
//! Every decoder gets noise, and valid bytes with a few changes. Overflow checks are on, so any arithmetic that
//! trusts a stated number shows as a panic.

use dr_entry::{EntryPath, Kind, Meta, Profile};

use crate::header::{Envelope, Header, Origin, Sealed};
use crate::id::{ChunkId, ChunkKind, FamilyId, HostId, KeyId, PackId, PackKind, Secret, SessionId, SnapshotId};
use crate::key::FamilyKey;
use crate::log_entry::{self, Body, Registered};
use crate::page::{Child, Contents, Extent, Row};
use crate::snapshot::Document;
use crate::trailer::{ChunkRow, FrameRow};
use crate::{extents, fold, index_object, pack, page, slot, snapshot, squeeze, trailer};

/// A small deterministic source of choices.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below.max(1)
    }
}

/// Calls `decode` with noise and with changed copies of `valid`.
fn try_all(valid: &[u8], rounds: usize, mut decode: impl FnMut(&[u8])) {
    decode(valid);
    decode(&[]);
    let mut dice = Dice(valid.len() as u64 + 1);
    for round in 0..rounds {
        let mut bytes = valid.to_vec();
        for _ in 0..=dice.roll(4) {
            let at = dice.roll(bytes.len());
            match dice.roll(5) {
                0 => bytes[at] ^= 1 << dice.roll(8),
                1 => bytes[at] = 0xff,
                2 => bytes.truncate(at.max(1)),
                3 => {
                    let len = dice.roll(9);
                    bytes.splice(at..at, std::iter::repeat_n(0xff, len));
                }
                _ => {
                    let (from, len) = (dice.roll(bytes.len()), dice.roll(32));
                    let piece = bytes[from..(from + len).min(bytes.len())].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        decode(&bytes);
        let noise: Vec<u8> = (0..dice.roll(200)).map(|_| dice.roll(256) as u8).collect();
        decode(&noise);
        if round % 4 == 0 {
            decode(&[&valid[..valid.len().min(16)], &noise].concat());
        }
    }
}

const ROUNDS: usize = 3_000;

fn header() -> Header {
    let pack = PackId { session: SessionId([1; 16]), kind: PackKind::Data, no: 7 };
    let envelope = Envelope { kem: 1, to: KeyId([2; 16]), sealed: vec![3; 144] };
    Header {
        family: FamilyId([4; 16]),
        sessions: vec![Sealed { session: SessionId([1; 16]), envelopes: vec![envelope] }],
        origins: vec![Origin { pack, salt: [5; 16], commit: [6; 32] }],
    }
}

#[test]
fn packs_and_their_parts() {
    let bytes = header().encode();
    try_all(&bytes, ROUNDS, |bytes| drop(Header::parse(bytes)));
    // The header's own checksum stops most changes: also try with the checksum made right again.
    try_all(&bytes, ROUNDS, |bytes| {
        if bytes.len() > 24 {
            let at = bytes.len() - 8;
            let mut fixed = bytes[..at].to_vec();
            fixed[12..16].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
            let check = blake3::hash(&fixed);
            fixed.extend_from_slice(&check.as_bytes()[..8]);
            drop(Header::parse(&fixed));
        }
    });
    let rows = trailer::encode(&[FrameRow {
        origin: 0,
        number: 0,
        sealed_len: 116,
        raw_len: 100,
        codec: 0,
        chunks: vec![ChunkRow { kind: ChunkKind::Data, id: ChunkId([7; 24]), len: 100 }],
    }]);
    try_all(&rows, ROUNDS, |bytes| drop(trailer::decode(bytes)));
    try_all(&trailer::pad(0, rows.len(), &rows), ROUNDS, |bytes| {
        assert!(trailer::unpad(bytes).is_ok_and(|(codec, _, _)| codec < 255) || bytes.len() < 1 << 30)
    });
    try_all(&[0xff; 64], ROUNDS, |bytes| drop(pack::Footer::parse(bytes, u64::MAX)));
    try_all(&[0; 200], ROUNDS, |bytes| drop(pack::open_whole(bytes, &Secret([0; 32]))));
    let mut out = Vec::new();
    let codec = squeeze::Squeezer::new(1).unwrap().squeeze(&[5; 5_000], &mut out).unwrap();
    let mut opener = squeeze::Unsqueezer::new().unwrap();
    try_all(&out, ROUNDS, |bytes| drop(opener.unsqueeze(codec, bytes.to_vec(), 5_000)));
}

#[test]
fn pages() {
    let row = |name: &str, contents: Contents, size: u64| {
        let mut meta = Meta::plain(Kind::File, 0o644);
        meta.size = size;
        meta.link = Some(9);
        meta.xattrs = vec![(b"user.a".to_vec(), vec![1; 9])];
        Row { path: EntryPath::new(name.as_bytes()).unwrap(), meta, profile: Profile::Std, contents }
    };
    let chunk = Extent::Chunk { id: ChunkId([1; 24]), len: 10 };
    let leaf = page::encode_leaf(&[
        row("a", Contents::Inline(vec![1, 2, 3]), 3),
        row("a/b", Contents::Extents(vec![chunk, Extent::Hole { len: 5 }]), 15),
        row("c", Contents::Tree { root: ChunkId([2; 24]), level: 1, extents: 99 }, 1 << 40),
        Row {
            path: EntryPath::new(&b"d"[..]).unwrap(),
            meta: Meta::plain(Kind::CharDevice { major: 1, minor: 2 }, 0o600),
            profile: Profile::Auto,
            contents: Contents::Empty,
        },
    ]);
    try_all(&leaf, ROUNDS * 4, |bytes| drop(page::decode(bytes)));
    let child = |last: &str| Child {
        last: EntryPath::new(last.as_bytes()).unwrap(),
        id: ChunkId([3; 24]),
        entries: 4,
        bytes: 5,
    };
    try_all(&page::encode_inner(1, &[child("a"), child("b")]), ROUNDS, |bytes| drop(page::decode(bytes)));
    let mut pages = Vec::new();
    let mut builder = extents::ExtentBuilder::new();
    let mut keep = |bytes: &[u8]| {
        pages.push(bytes.to_vec());
        Ok::<_, crate::wire::Bad>(ChunkId([pages.len() as u8; 24]))
    };
    (0..3_000).for_each(|_| builder.push(chunk, &mut keep).unwrap());
    builder.finish(&mut keep).unwrap();
    for page in [&pages[0], &pages[pages.len() - 1]] {
        try_all(page, ROUNDS, |bytes| drop(extents::decode(bytes)));
    }
}

#[test]
fn a_small_page_cannot_become_a_large_memory() {
    // Each row shares all but its last byte with a long path: front-coding makes that cheap to write.
    let long = "x/".repeat(200_000);
    let children: Vec<Child> = (0..20_000u32)
        .map(|n| Child {
            last: EntryPath::new(format!("{long}{n:08}").into_bytes()).unwrap(),
            id: ChunkId([1; 24]),
            entries: 1,
            bytes: 1,
        })
        .take(300)
        .collect();
    let bytes = page::encode_inner(1, &children);
    assert!(bytes.len() < 1 << 20);
    assert!(page::decode(&bytes).is_err_and(|e| e.0.contains("memory")));
}

#[test]
fn documents_labels_slots_and_index_objects() {
    let id = SnapshotId([1; 16]);
    let document = Document { unreadable: vec![(b"a".to_vec(), "b".into())], ..Document::default() };
    try_all(&document.encode(id), ROUNDS, |bytes| drop(Document::decode(bytes, id)));
    try_all(&[0; 300], ROUNDS, |bytes| drop(snapshot::Label::open(bytes, &Secret([0; 32]), FamilyId([0; 16]), id)));
    let (_, made) = slot::make(&FamilyKey::generate(), crate::Digest([0; 32]), "x").unwrap();
    try_all(&made, ROUNDS, |bytes| assert!(slot::intact(bytes).is_ok() || bytes.len() < 1 << 30));
    let family = FamilyId([4; 16]);
    let key = Secret([9; 32]);
    let line = index_object::PackLine { id: header().own(), len: 1 << 20, digest: crate::Digest([1; 32]) };
    let index = index_object::encode(family, SessionId([1; 16]), &key, &[line], &[]).unwrap();
    try_all(&index, ROUNDS, |bytes| drop(index_object::decode(bytes, family, &key)));
}

#[test]
fn log_entries_even_well_signed_ones() {
    let family = FamilyKey::generate();
    let writer = family.as_writer(HostId([1; 4])).unwrap();
    let body = Body::Packs(Registered {
        session: SessionId([1; 16]),
        host: HostId([1; 4]),
        sequence: u64::MAX,
        last: true,
        snapshots: vec![],
        needs: fold::runs_of([(header().own(), HostId([1; 4]))]),
        own: vec![(PackKind::Data, 0, (1 << 24) - 1)],
        indexes: vec![],
        used: vec![],
        sources: vec![],
        superseded: vec![],
        at: 0,
    });
    let bytes = log_entry::encode(1, 0, crate::Digest([0; 32]), 0, &body, &writer);
    let entry = log_entry::decode(&bytes, family.family, &writer.maintenance).unwrap();
    let mut state = fold::State::default();
    state.apply(&entry);
    assert!(state.packs.is_empty(), "sixteen million packs in one entry are void, not sixteen million rows");
    try_all(&bytes, ROUNDS / 3, |bytes| drop(log_entry::decode(bytes, family.family, &writer.maintenance)));
    // With the signature made right again, as somebody with a stolen key would.
    let cbor_len = u32::from_le_bytes([bytes[10], bytes[11], bytes[12], bytes[13]]) as usize;
    let cbor = bytes[14..14 + cbor_len].to_vec();
    try_all(&cbor, ROUNDS, |cbor| {
        let mut out = bytes[..10].to_vec();
        out.extend_from_slice(&(cbor.len() as u32).to_le_bytes());
        out.extend_from_slice(cbor);
        out.extend_from_slice(&writer.author().0);
        out.push(0);
        let signature = writer.sign(&[b"dr log v1".as_slice(), &out].concat());
        out.extend_from_slice(&signature);
        if let Ok(entry) = log_entry::decode(&out, family.family, &writer.maintenance) {
            fold::State::default().apply(&entry);
        }
    });
}
