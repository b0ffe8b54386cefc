//! Decoders against bytes that somebody made up: they end, quickly, with a value or an error.
//!
//! Every decoder gets noise, and valid bytes with a few changes. Overflow checks are on, so any arithmetic that
//! trusts a stated number shows as a panic.

use dr_entry::{EntryPath, Kind, Meta, Profile};

use super::mangle::try_all;
use crate::header::{Envelope, Header, Origin, Sealed};
use crate::id::{ChunkId, ChunkKind, FamilyId, KeyId, PackId, PackKind, Secret, SessionId, SnapshotId};
use crate::key::FamilyKey;
use crate::page::{Child, Contents, Extent, Row};
use crate::snapshot::Document;
use crate::trailer::{ChunkRow, FrameRow};
use crate::{compress, extents, index_object, pack, page, slot, snapshot, trailer};

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
    let codec = compress::Compressor::new(1).unwrap().compress(&[5; 5_000], &mut out).unwrap();
    let mut opener = compress::Decompressor::new().unwrap();
    try_all(&out, ROUNDS, |bytes| drop(opener.decompress(codec, bytes.to_vec(), 5_000)));
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
    let (_, made) = slot::make(&FamilyKey::generate(), crate::id::Digest([0; 32]), "x").unwrap();
    try_all(&made, ROUNDS, |bytes| assert!(slot::intact(bytes).is_ok() || bytes.len() < 1 << 30));
    let family = FamilyId([4; 16]);
    let key = Secret([9; 32]);
    let line = index_object::PackLine { id: header().own(), len: 1 << 20, digest: crate::id::Digest([1; 32]) };
    let index = index_object::encode(family, SessionId([1; 16]), &key, &[line], &[]).unwrap();
    try_all(&index, ROUNDS, |bytes| drop(index_object::decode(bytes, family, &key)));
}
