//! Holds `docs/format/repository.md` to the code: magics, limits, entry types and every test vector of the page.

use std::collections::BTreeMap;

use dr_entry::{EntryPath, Kind, Meta, Owner, Profile, Time};

use super::page_text::{hex, page_text, section, unhex, vectors};
use crate::chunk::{Chunker, Sizes};
use crate::compress::Decompressor;
use crate::extents::{self, ExtentPage};
use crate::format::*;
use crate::header::{Envelope, Header, Origin, Sealed, frame_aad, pack_key, trailer_key};
use crate::id::{ChunkId, ChunkKind, Digest, FamilyId, HostId, PackId, PackKind, Secret, SessionId, SnapshotId};
use crate::index_object::{self, PackLine, Record};
use crate::key::{FamilyKey, Key};
use crate::key_text;
use crate::log_entry::{self, Body};
use crate::namer::Namer;
use crate::pack::padded;
use crate::page::{self, Child, Contents, Extent, Row};
use crate::seal::{Sealer, commitment, derive, key_id, open_from, open_once, public_of, seal_once, seal_to};
use crate::slot;
use crate::snapshot::{Document, Label, Shape};
use crate::trailer::{self, ChunkRow, FrameRow};
use crate::tree::Root;
use crate::used_set;
use crate::wire::{Cursor, put_varint, zigzag};

/// The cells of every table row of a section, without heads and rules.
fn rows(section: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect::<Vec<_>>()
    };
    let lines: Vec<&str> = section.lines().collect();
    (0..lines.len())
        .filter(|&at| lines[at].starts_with('|') && !lines[at].starts_with("|-"))
        .filter(|&at| !lines.get(at + 1).is_some_and(|next| next.starts_with("|-")))
        .map(|at| cells(lines[at]))
        .collect()
}

#[test]
fn the_magics_of_the_page_are_those_of_the_code() {
    let expected: Vec<(&str, &[u8])> = vec![
        ("pack, first bytes", PACK_MAGIC),
        ("pack, last bytes", PACK_END),
        ("index object", INDEX_MAGIC),
        ("log entry", LOG_MAGIC),
        ("key slot", SLOT_MAGIC),
        ("parity object", PARITY_MAGIC),
        ("checkpoint", CKPT_MAGIC),
        ("tree page", PAGE_MAGIC),
        ("extent page", EXTENT_MAGIC),
    ];
    let found = rows(&section(&page_text(), "### Magics"));
    let found: Vec<(&str, &[u8])> = found.iter().map(|row| (row[0].as_str(), row[1].as_bytes())).collect();
    assert_eq!(found, expected);
    assert_eq!((VERSION, SUITE_CHACHA, KEM_X25519, CHUNKER_MIN8, CODEC_STORE, CODEC_ZSTD), (1, 1, 1, 1, 0, 1));
}

/// The shortest length that a pack may state for its header.
fn header_least() -> u64 {
    let front = |len: u32| [&PACK_MAGIC[..], &[1, 0, 1, 1], &len.to_le_bytes()].concat();
    (0..1000).find(|len| Header::length(&front(*len)).is_ok()).unwrap().into()
}

#[test]
fn the_limits_of_the_page_are_those_of_the_code() {
    let expected: BTreeMap<&str, u64> = [
        ("`repo.json`", REPO_JSON_MAX),
        ("key slot", SLOT_MAX),
        ("log entry", LOG_MAX),
        ("checkpoint", CKPT_MAX),
        ("checkpoint, decompressed", CKPT_RAW_MAX as u64),
        ("packs of a checkpoint", CKPT_PACKS_MAX as u64),
        ("digests in a trail", TRAIL_MAX as u64),
        ("entries from one checkpoint to the next", CKPT_EVERY),
        ("checkpoints that are kept", CKPT_KEPT as u64),
        ("index object", INDEX_MAX),
        ("index records, decompressed", INDEX_RAW_MAX as u64),
        ("shard of a pack", SHARD as u64),
        ("spare shards of a pack", SPARES as u64),
        ("table of a parity object", PARITY_TABLE_MAX as u64),
        ("sealed label", LABEL_MAX as u64),
        ("pack", PACK_MAX),
        ("pack header", HEADER_MAX as u64),
        ("pack header, least", header_least()),
        ("trailer, plain or sealed rows", TRAILER_MAX as u64),
        ("trailer, plain, is a multiple of", TRAILER_ALIGN as u64),
        ("pack footer", FOOTER as u64),
        ("AEAD tag", TAG as u64),
        ("chunks of a pack", PACK_CHUNKS_MAX as u64),
        ("chunks of a frame", FRAME_CHUNKS_MAX as u64),
        ("frame of several chunks, raw", FRAME_RAW as u64),
        ("meta frame, raw", META_FRAME_RAW as u64),
        ("data frame of a write-only host, raw", BLIND_FRAME_RAW as u64),
        ("chunk", CHUNK_MAX as u64),
        ("data pack is closed at", PACK_TARGET),
        ("meta pack is closed at", META_PACK_TARGET),
        ("pack number is below", u64::from(PACK_NO_MAX)),
        ("origins of a pack", ORIGINS_MAX as u64),
        ("envelopes of a session", RECIPIENTS_MAX as u64),
        ("Argon2id memory, least, KiB", u64::from(*ARGON2_M.start())),
        ("Argon2id memory, most, KiB", u64::from(*ARGON2_M.end())),
        ("Argon2id passes", u64::from(*ARGON2_T.end())),
        ("Argon2id lanes", u64::from(*ARGON2_P.end())),
        ("level of a page", u64::from(LEVELS_MAX)),
        ("rows of a page", PAGE_ROWS_MAX as u64),
        ("tree page is cut from", PAGE_MIN as u64),
        ("tree page is cut at", PAGE_CUT as u64),
        ("paths and attributes of a leaf page, decoded, cut at", PAGE_DECODED_CUT as u64),
        ("paths and attributes of a page, decoded", PAGE_DECODED_MAX as u64),
        ("owner's name", OWNER_NAME_MAX as u64),
        ("packs that an entry registers", crate::format::OWN_MAX),
        ("snapshots that an entry commits", crate::format::SNAPSHOTS_MAX as u64),
        ("extended attributes of an entry", XATTRS_MAX as u64),
        ("inline contents", INLINE_MAX as u64),
        ("extents in a tree page, of one file", EXTENTS_INLINE_MAX as u64),
        ("zstd window", 1 << ZSTD_WINDOW_LOG_MAX),
        ("paths in each list of a document", crate::snapshot::LISTED_MAX as u64),
        ("path", dr_entry::PATH_MAX as u64),
        ("path component", dr_entry::COMPONENT_MAX as u64),
    ]
    .into();
    let found = rows(&section(&page_text(), "## Limits"));
    let found: BTreeMap<&str, u64> =
        found.iter().map(|row| (row[0].as_str(), row[1].replace(',', "").parse().unwrap())).collect();
    let trimmed: BTreeMap<&str, u64> = expected.iter().map(|(name, n)| (name.trim_matches('`'), *n)).collect();
    assert_eq!(found, trimmed);
    assert_eq!((*ARGON2_T.start(), *ARGON2_P.start()), (1, 1));
}

#[test]
fn the_entry_types_of_the_page_are_those_of_the_code() {
    let found = rows(&section(&page_text(), "### Entry types"));
    let found: Vec<(&str, u64)> = found.iter().map(|row| (row[1].as_str(), row[0].parse().unwrap())).collect();
    assert_eq!(found, log_entry::TYPES);
}

fn run<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|at| first + at as u8)
}

/// The invented family of the page.
fn family() -> FamilyKey {
    FamilyKey { family: FamilyId(run(0xa0)), secret: Secret(run(0x01)) }
}

const SESSION: SessionId = SessionId([0x51; 16]);
const SNAPSHOT: SnapshotId = SnapshotId([0x71; 16]);
const SALT: [u8; 16] = [0x61; 16];
const CONTENTS: &[u8] = b"One frame of the format page.\n";
const PASSWORD: &str = "caf\u{e9} at noon";

fn pack() -> PackId {
    PackId { session: SESSION, kind: PackKind::Data, no: 5 }
}

fn session_key() -> Secret {
    Secret(run(0x81))
}

fn tree_page(namer: &Namer) -> Vec<u8> {
    let path = |text: &str| EntryPath::new(text.as_bytes()).unwrap();
    let owner = |id, name: &str| Owner { id, name: Some(name.as_bytes().into()) };
    let meta = |kind, mode, size| Meta {
        user: owner(1000, "a.ash"),
        group: Owner { id: 100, name: None },
        mtime: Time { seconds: 1_700_000_000, nanos: 5 },
        size,
        ..Meta::plain(kind, mode)
    };
    let row = |path, meta, contents| Row { path, meta, profile: Profile::Std, contents };
    let mut linked = meta(Kind::File, 0o600, CONTENTS.len() as u64 + 4096);
    linked.link = Some(7);
    linked.xattrs = vec![(b"user.note".to_vec(), b"x".to_vec())];
    let extents = vec![
        Extent::Chunk { id: namer.id(ChunkKind::Data, CONTENTS), len: CONTENTS.len() as u32 },
        Extent::Hole { len: 4096 },
    ];
    page::encode_leaf(&[
        Row { profile: Profile::Auto, ..row(path(""), meta(Kind::Directory, 0o755, 0), Contents::Empty) },
        row(path("a"), meta(Kind::File, 0o644, 2), Contents::Inline(b"hi".to_vec())),
        row(path("a.link"), meta(Kind::Symlink(b"a".to_vec()), 0o777, 0), Contents::Empty),
        row(path("b"), linked, Contents::Extents(extents)),
    ])
}

fn document(root: ChunkId) -> (Label, Document) {
    let label = Label {
        system: "mis".into(),
        hostname: "server".into(),
        paths: vec![b"/srv/mis".to_vec()],
        tags: [("term".to_owned(), "autumn".to_owned())].into(),
        started_ms: 1_700_000_000_000,
        ended_ms: 1_700_000_001_000,
        entries: 4,
        files: 2,
        bytes: 4128,
        unreadable: 0,
        replaces: None,
    };
    let document = Document {
        label: label.clone(),
        shape: Shape::Directory,
        root: Some(Root { id: root, level: 0 }),
        unreadable: vec![],
        unsettled: vec![],
        chunker: CHUNKER_MIN8,
        tool: "dr 1".into(),
    };
    (label, document)
}

fn header(sealed: Vec<u8>, to: crate::id::KeyId) -> Header {
    let own = pack_key(&session_key(), family().family, pack(), &SALT);
    Header {
        family: family().family,
        sessions: vec![Sealed { session: SESSION, envelopes: vec![Envelope { kem: KEM_X25519, to, sealed }] }],
        origins: vec![Origin { pack: pack(), salt: SALT, commit: commitment(&own) }],
    }
}

/// Everything on the page that follows from the family's secret without chance.
fn computed() -> Vec<(&'static str, Vec<u8>)> {
    let key = family();
    let (naming, writer) = (key.naming(), key.as_writer(HostId(run(0x41))).unwrap());
    let namer = Namer::new(&naming);
    let reading = key.reading();
    let public = public_of(&reading).unwrap();
    let pack_key = pack_key(&session_key(), key.family, pack(), &SALT);
    let aad = frame_aad(key.family, pack(), 0, CONTENTS.len() as u32, CODEC_STORE);
    let mut frame = CONTENTS.to_vec();
    Sealer::new(&pack_key).seal(0, &aad, &mut frame);
    let frames = [FrameRow {
        origin: 0,
        number: 0,
        sealed_len: frame.len() as u32,
        raw_len: CONTENTS.len() as u32,
        codec: CODEC_STORE,
        chunks: vec![ChunkRow {
            kind: ChunkKind::Data,
            id: namer.id(ChunkKind::Data, CONTENTS),
            len: CONTENTS.len() as u32,
        }],
    }];
    let tree = tree_page(&namer);
    let root = namer.id(ChunkKind::Tree, &tree);
    let (label, document) = document(root);
    let inner =
        page::encode_inner(1, &[Child { last: EntryPath::new(&b"b"[..]).unwrap(), id: root, entries: 4, bytes: 4128 }]);
    let note = Body::Note("hello".into());
    let genesis = Digest([0x31; 32]);
    let entry = log_entry::encode(1, 0, genesis, 1_700_000_000_000, &note, &writer);
    vec![
        ("id root", naming.id_root.0.to_vec()),
        ("id key, data", naming.id_key(ChunkKind::Data).to_vec()),
        ("id key, tree", naming.id_key(ChunkKind::Tree).to_vec()),
        ("id key, extents", naming.id_key(ChunkKind::Extents).to_vec()),
        ("id key, document", naming.id_key(ChunkKind::Document).to_vec()),
        ("chunk", naming.chunk.0.to_vec()),
        ("page", naming.page.0.to_vec()),
        ("index", naming.index.0.to_vec()),
        ("list", naming.list.0.to_vec()),
        ("read private", reading.0.to_vec()),
        ("read public", public.to_vec()),
        ("read key id", key_id(&public).0.to_vec()),
        ("gc public", writer.gc.to_vec()),
        ("maintenance seed", writer.signing.0.to_vec()),
        ("maintenance public", writer.maintenance.to_vec()),
        ("maintenance key id", writer.author().0.to_vec()),
        ("pack key", pack_key.0.to_vec()),
        ("pack commitment", commitment(&pack_key).to_vec()),
        ("trailer key", trailer_key(&naming.index, key.family, pack(), &SALT).0.to_vec()),
        ("index key", derive("dr v1 index", &[&naming.index.0, &key.family.0, &SESSION.0, &SALT]).0.to_vec()),
        ("label key", derive("dr v1 label", &[&naming.list.0, &key.family.0, &SNAPSHOT.0]).0.to_vec()),
        ("frame aad", aad.to_vec()),
        ("frame sealed", frame),
        ("chunk id", namer.id(ChunkKind::Data, CONTENTS).0.to_vec()),
        ("trailer rows", trailer::encode(&frames)),
        ("tree page", tree),
        ("tree page id", root.0.to_vec()),
        ("inner page", inner),
        ("document", document.encode(SNAPSHOT)),
        ("label sealed", label.seal(&naming.list, key.family, SNAPSHOT).unwrap()),
        ("log entry", entry.clone()),
        ("log entry digest", Digest::of(&entry).0.to_vec()),
    ]
}

#[test]
fn the_vectors_of_the_page_are_what_the_code_computes() {
    let page = vectors();
    for (name, value) in computed() {
        assert_eq!(page.get(name).map(|v| hex(v)), Some(hex(&value)), "{name}");
    }
    assert_eq!(page.len(), computed().len() + 4, "the page has a vector that nothing here computes");
}

#[test]
fn what_the_page_sealed_by_chance_opens() {
    let page = vectors();
    let key = family();
    let public = public_of(&key.reading()).unwrap();
    let inside = open_from(&key.reading(), &public, key.family, SESSION, &page["envelope"]).unwrap();
    let naming = key.naming();
    assert_eq!(*inside, [session_key().0, naming.index.0, naming.id_root.0].concat());
    let pruner = key.pruner().unwrap();
    let raw = used_set::open(&page["used-set"], &pruner.gc, key.family, SESSION).unwrap();
    let mut said = Vec::new();
    used_set::each(&raw, |pack, uses| said.push((pack, uses))).unwrap();
    assert_eq!(said, [(pack(), used_set::Uses::Whole(2))]);
    let Ok((back, json)) = slot::open(&page["slot"], "cafe\u{301} at noon\n") else { panic!("the slot opens") };
    assert_eq!((back.family, back.secret.0, json), (key.family, key.secret.0, Digest([0x31; 32])));
}

/// Prints what the page should hold, for whoever changes it: run with `--run-ignored only --no-capture`.
#[test]
#[ignore = "prints a fresh set of vectors"]
fn print_vectors() {
    let key = family();
    for (name, value) in computed() {
        println!("{name} = {}", hex(&value));
    }
    let inside = [session_key().0, key.naming().index.0, key.naming().id_root.0].concat();
    let public = public_of(&key.reading()).unwrap();
    println!("envelope = {}", hex(&seal_to(&public, key.family, SESSION, &inside).unwrap()));
    let mut list = used_set::UsedSet::new();
    list.whole(pack(), 2);
    let gc = key.pruner().unwrap().writer.gc;
    println!("used-set = {}", hex(&list.seal(&gc, key.family, SESSION, SNAPSHOT).unwrap()));
    println!("slot = {}", hex(&slot::make(&key, Digest([0x31; 32]), PASSWORD).unwrap().1));
    println!("{}", *key_text::to_text(&Key::Family(key)));
    for sizes in [Sizes::STD, Sizes::FINE] {
        let (cuts, digest) = golden(sizes);
        println!("{:?} {} {digest}", &cuts[..3], cuts.len());
    }
}

#[test]
fn the_key_file_of_the_page_is_the_family_of_the_vectors() {
    let text = section(&page_text(), "## Test vectors");
    let start = text.find("dr-key 1 family\n").unwrap();
    let end = start + text[start..].find("```").unwrap();
    assert_eq!(&text[start..end], key_text::to_text(&Key::Family(family())).as_str());
}

/// The page's generator and its cuts of a million bytes.
fn golden(sizes: Sizes) -> (Vec<usize>, String) {
    let chunker = Chunker::new(&Secret(*b"golden vectors of chunker one..."));
    let mut state = 42u64;
    let bytes: Vec<u8> = (0..1_000_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect();
    let (mut cuts, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let len = chunker.cut(sizes, &bytes[at..]);
        cuts.push(len);
        at += len;
    }
    let text = cuts.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let digest = blake3::hash(format!("[{text}]").as_bytes()).to_hex()[..16].to_string();
    (cuts, digest)
}

#[test]
fn the_golden_cuts_of_the_page_are_those_of_the_code() {
    let found = rows(&section(&page_text(), "### Golden cuts"));
    let expected: Vec<Vec<String>> = [("std", Sizes::STD), ("fine", Sizes::FINE)]
        .into_iter()
        .map(|(name, sizes)| {
            let (cuts, digest) = golden(sizes);
            vec![name.to_owned(), cuts[0].to_string(), cuts[1].to_string(), cuts.len().to_string(), digest]
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn an_index_object_opens_by_the_layout_of_the_page() {
    let key = family();
    let index = key.naming().index;
    let line = PackLine { id: pack(), len: 4096, digest: Digest([0x21; 32]) };
    let record = Record::Pack { kind: PackKind::Data, no: 5, header: vec![1, 2, 3], rows: vec![4, 5] };
    let bytes = index_object::encode(key.family, SESSION, &index, &[line], &[record]).unwrap();
    assert_eq!(&bytes[..12], [INDEX_MAGIC.as_slice(), &[1, 0, 1, 0]].concat());
    assert_eq!((&bytes[12..28], &bytes[28..44]), (&key.family.0[..], &SESSION.0[..]));
    let sealing = derive("dr v1 index", &[&index.0, &key.family.0, &SESSION.0, &bytes[44..60]]);
    assert_eq!(&bytes[60..64], [1, 0, 0, 0]);
    assert_eq!((bytes[64], &bytes[65..69], &bytes[69..77]), (1, &[5, 0, 0, 0][..], &4096u64.to_le_bytes()[..]));
    assert_eq!(&bytes[77..109], [0x21; 32]);
    let sealed_len = u32::from_le_bytes(bytes[109..113].try_into().unwrap()) as usize;
    let plain = open_once(&sealing, &bytes[..113], &bytes[113..113 + sealed_len]).unwrap();
    let raw_len = u32::from_le_bytes(plain[1..5].try_into().unwrap()) as usize;
    let raw = Decompressor::new().unwrap().decompress(plain[0], plain[5..].to_vec(), raw_len).unwrap();
    assert_eq!(raw, [1, 9, 1, 5, 3, 1, 2, 3, 2, 4, 5]);
    assert_eq!(bytes.len() as u64, padded(113 + sealed_len as u64));
}

#[test]
fn a_header_has_the_offsets_of_the_page() {
    let bytes = header(vec![0xee; 144], key_id(&[0; 32])).encode();
    assert_eq!(&bytes[..12], [PACK_MAGIC.as_slice(), &[1, 0, 1, 1]].concat());
    assert_eq!(u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize, bytes.len());
    assert_eq!((&bytes[16..32], bytes[32]), (&family().family.0[..], 1));
    assert_eq!((&bytes[33..49], bytes[49], bytes[50]), (&SESSION.0[..], 1, KEM_X25519));
    assert_eq!((&bytes[51..67], &bytes[67..69]), (&key_id(&[0; 32]).0[..], &[144, 0][..]));
    assert_eq!((&bytes[69..213], bytes[213], bytes[214]), (&[0xee; 144][..], 1, 0));
    assert_eq!((&bytes[215..219], bytes[219], &bytes[220..236]), (&[5, 0, 0, 0][..], 1, &SALT[..]));
    assert_eq!(bytes[268..], blake3::hash(&bytes[..268]).as_bytes()[..8]);
    assert_eq!(bytes.len(), 276);
}

#[test]
fn a_label_opens_by_the_layout_of_the_page() {
    let key = family();
    let list = key.naming().list;
    let sealed = &vectors()["label sealed"];
    let plain = open_once(&derive("dr v1 label", &[&list.0, &key.family.0, &SNAPSHOT.0]), b"DRL1", sealed).unwrap();
    assert_eq!(plain.len() % 256, 0);
    let len = u32::from_le_bytes(plain[..4].try_into().unwrap()) as usize;
    assert!(plain[4 + len..].iter().all(|b| *b == 0));
    assert_eq!(seal_once(&derive("dr v1 label", &[&list.0, &key.family.0, &SNAPSHOT.0]), b"DRL1", &plain), *sealed);
}

#[test]
fn the_worked_numbers_of_the_page_hold() {
    for (value, bytes) in [(0u64, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (16_384, "808001")] {
        let mut out = Vec::new();
        put_varint(&mut out, value);
        assert_eq!(hex(&out), bytes);
        assert_eq!(Cursor::new(&unhex(bytes)).varint(), Ok(value));
        assert!(page_text().contains(&format!("| {value} | `{bytes}` |")), "{value}");
    }
    assert_eq!([0, -1, 1, -2, 2].map(zigzag), [0, 1, 2, 3, 4]);
    for (len, whole) in
        [(1000u64, 1024u64), (5_000, 5_120), (100_000, 100_352), (1 << 20, 1 << 20), (1_100_000, 1_114_112)]
    {
        assert_eq!(padded(len), whole);
        assert!(page_text().contains(&format!("| {len} | {whole} |")), "{len}");
    }
    let leaf = [Extent::Hole { len: 1 << 20 }];
    let bytes = unhex("445245580100000001000000010400000081808001");
    assert_eq!(extents::decode(&bytes).unwrap(), ExtentPage::Leaf(leaf.to_vec()));
    assert!(page_text().contains(&hex(&bytes)));
}
