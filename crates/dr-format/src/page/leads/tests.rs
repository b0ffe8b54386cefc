//! What is found is what reading the whole page finds.

use dr_entry::{EntryPath, Kind, Meta, Owner, Profile};

use super::super::{Child, Contents, Page, Row, decode, encode_inner, encode_leaf};
use super::*;

fn id(seed: u64) -> ChunkId {
    let mut out = [0; 24];
    out.copy_from_slice(&blake3::hash(&seed.to_le_bytes()).as_bytes()[..24]);
    ChunkId(out)
}

fn path(n: u64) -> EntryPath {
    EntryPath::new(format!("school/{n:04}").into_bytes()).unwrap()
}

/// A leaf in which everything occurs.
fn leaf(seed: u64) -> Vec<u8> {
    let row = |n: u64| {
        let kind = match n % 9 {
            1 => Kind::Directory,
            2 => Kind::Symlink(b"elsewhere".to_vec()),
            3 => Kind::BlockDevice { major: 8, minor: n as u32 },
            4 => Kind::Fifo,
            _ => Kind::File,
        };
        let contents = match (&kind, n % 4) {
            (Kind::File, 0) => Contents::Extents(vec![
                Extent::Chunk { id: id(seed << 8 | n), len: 70_000 },
                Extent::Hole { len: 1 << 40 },
                Extent::Chunk { id: id(seed << 8 | n | 1 << 60), len: 9 },
            ]),
            (Kind::File, 1) => Contents::Inline(vec![7; n as usize]),
            (Kind::File, 2) => Contents::Tree { root: id(n | 1 << 61), level: 2, extents: 4_000 },
            _ => Contents::Empty,
        };
        let mut meta = Meta::plain(kind, 0o640);
        meta.user = Owner { id: n as u32 % 3, name: Some(b"kim".as_slice().into()) };
        meta.xattrs = if n.is_multiple_of(5) { vec![(b"user.a".to_vec(), b"b".to_vec())] } else { Vec::new() };
        meta.link = n.is_multiple_of(7).then_some(n);
        meta.size = match &contents {
            Contents::Empty => 0,
            Contents::Inline(bytes) => bytes.len() as u64,
            Contents::Extents(extents) => extents.iter().map(Extent::len).sum(),
            Contents::Tree { .. } => 5 << 30,
        };
        Row { path: path(n), meta, profile: Profile::Fine, contents }
    };
    encode_leaf(&(0..40).map(row).collect::<Vec<_>>())
}

fn inner() -> Vec<u8> {
    let child = |n: u64| Child { last: path(n), id: id(n), entries: 50, bytes: n };
    encode_inner(3, &(0..40).map(child).collect::<Vec<_>>())
}

type Found = (u8, Vec<ChunkId>, Vec<(Run, u8)>);

fn by_leads(bytes: &[u8], leads: &mut Leads) -> Option<Found> {
    leads.read(bytes).ok().map(|()| (leads.level, leads.ids.clone(), leads.trees.clone()))
}

fn by_whole(bytes: &[u8]) -> Option<Found> {
    let (mut ids, mut trees) = (Vec::new(), Vec::new());
    let level = match decode(bytes).ok()? {
        Page::Inner { level, children } => {
            ids.extend(children.iter().map(|child| child.id));
            level
        }
        Page::Leaf(rows) => {
            for row in rows {
                match row.contents {
                    Contents::Empty | Contents::Inline(_) => {}
                    Contents::Extents(extents) => ids.extend(extents.iter().filter_map(|extent| match extent {
                        Extent::Chunk { id, .. } => Some(*id),
                        Extent::Hole { .. } => None,
                    })),
                    Contents::Tree { root, level, extents } => {
                        trees.push((Run { id: root, len: row.meta.size, extents }, level));
                    }
                }
            }
            0
        }
    };
    Some((level, ids, trees))
}

#[test]
fn every_id_that_the_whole_page_has_is_found_whatever_becomes_of_its_bytes() {
    let mut leads = Leads::default();
    for page in [leaf(1), inner()] {
        let whole = by_whole(&page).unwrap();
        assert!(whole.1.len() >= 10);
        assert_eq!(by_leads(&page, &mut leads).as_ref(), Some(&whole));
        let (mut taken, mut refused, mut more) = (0, 0, 0);
        for at in 0..page.len() {
            for change in [1, 0x10, 0x80] {
                let mut bytes = page.clone();
                bytes[at] ^= change;
                match (by_whole(&bytes), by_leads(&bytes, &mut leads)) {
                    (None, None) => refused += 1,
                    // What is taken although the whole page is refused leads to all that it should.
                    (None, found) => {
                        more += 1;
                        assert_eq!(found.as_ref(), Some(&whole), "byte {at}");
                    }
                    (some, found) => {
                        taken += 1;
                        assert_eq!(found, some, "byte {at}");
                    }
                }
            }
            // An inner page's ids stand before what is not looked at.
            assert!(by_leads(&page[..at], &mut leads).is_none_or(|found| found == whole && found.0 > 0), "cut at {at}");
        }
        assert!(taken > 100 && refused > 10 && more > 10, "{taken} {refused} {more}");
    }
}

/// Where the bytes of a column lie.
fn column(page: &[u8], wanted: u8) -> std::ops::Range<usize> {
    let mut at = 12;
    loop {
        let len = u32::from_le_bytes(page[at + 1..at + 5].try_into().unwrap()) as usize;
        if page[at] == wanted {
            return at + 5..at + 5 + len;
        }
        at += 5 + len;
    }
}

#[test]
fn a_page_of_which_sizes_contents_and_ids_do_not_fit_together_is_refused() {
    let (page, mut leads, mut refused) = (leaf(2), Leads::default(), 0);
    for number in [COL_SIZE, COL_CONTENT, COL_IDS] {
        let here = column(&page, number);
        for at in here.clone() {
            for change in [1, 2, 3, 0x10, 0x40, 0x7f, 0x80, 0xff] {
                let mut bytes = page.clone();
                bytes[at] ^= change;
                let whole = by_whole(&bytes);
                refused += u32::from(whole.is_none());
                assert_eq!(by_leads(&bytes, &mut leads), whole, "column {number}, byte {at}");
            }
        }
        // One more byte, and one less.
        for longer in [true, false] {
            let mut bytes = page.clone();
            let put: &[u8] = if longer { &[page[here.end - 1], 0] } else { &[] };
            bytes.splice(here.end - 1..here.end, put.iter().copied());
            let len = here.len() - 1 + put.len();
            bytes[here.start - 4..here.start].copy_from_slice(&(len as u32).to_le_bytes());
            assert_eq!(by_leads(&bytes, &mut leads), None, "column {number}");
        }
    }
    assert!(refused > 100, "{refused}");
    let mut modes = page.clone();
    let first = column(&page, COL_MODE).start;
    for kind in [0, 8, 15] {
        modes[first + 1] = modes[first + 1] & 15 | kind << 4;
        assert_eq!(by_leads(&modes, &mut leads), None, "a kind that nobody knows");
    }
}
