//! Tree pages: runs of entries in path order, column by column.
//!
//! A leaf page holds entries, an inner page holds its children's last paths and ids. Columns that a reader does
//! not know are skipped. Equal runs of entries make equal bytes, so unchanged parts of a tree are stored once.

mod leads;

use std::collections::HashMap;

use dr_entry::{EntryPath, Kind, Meta, Owner, Profile, Time};

use crate::format::{EXTENTS_INLINE_MAX, INLINE_MAX, OWNER_NAME_MAX, PAGE_DECODED_MAX, PAGE_MAGIC, XATTRS_MAX};
use crate::id::ChunkId;
use crate::wire::{Bad, Columns, Cursor, put_bytes, put_column, put_page, put_varint, unzigzag, zigzag};
pub use leads::Leads;

/// A run of contents: a chunk, or zeros that are not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Chunk { id: ChunkId, len: u32 },
    Hole { len: u64 },
}

impl Extent {
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "an extent of nothing is none")]
    pub fn len(&self) -> u64 {
        match self {
            Self::Chunk { len, .. } => u64::from(*len),
            Self::Hole { len } => *len,
        }
    }
}

/// Where the contents of a file are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Contents {
    #[default]
    Empty,
    Inline(Vec<u8>),
    Extents(Vec<Extent>),
    /// The root of a tree of extent pages.
    Tree {
        root: ChunkId,
        level: u8,
        extents: u64,
    },
}

/// One entry as it stands in a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub path: EntryPath,
    pub meta: Meta,
    pub profile: Profile,
    pub contents: Contents,
}

/// A child as it stands in an inner page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    pub last: EntryPath,
    pub id: ChunkId,
    pub entries: u64,
    pub bytes: u64,
}

/// A page, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    Leaf(Vec<Row>),
    Inner { level: u8, children: Vec<Child> },
}

const COL_PATH: u8 = 1;
const COL_MODE: u8 = 2;
const COL_USER: u8 = 3;
const COL_GROUP: u8 = 4;
const COL_SIZE: u8 = 5;
const COL_SECONDS: u8 = 6;
const COL_NANOS: u8 = 7;
const COL_LINK: u8 = 8;
const COL_TEXT: u8 = 9;
const COL_DEVICE: u8 = 10;
const COL_XATTR: u8 = 11;
const COL_CONTENT: u8 = 12;
const COL_IDS: u8 = 13;
const COL_CHILD: u8 = 20;
const COL_ENTRIES: u8 = 21;
const COL_BYTES: u8 = 22;

const KIND_FILE: u16 = 1;
/// There are no kinds beyond this one.
const KIND_LAST: u16 = 7;

fn kind_number(kind: &Kind) -> u16 {
    match kind {
        Kind::File => KIND_FILE,
        Kind::Directory => 2,
        Kind::Symlink(_) => 3,
        Kind::Fifo => 4,
        Kind::Socket => 5,
        Kind::CharDevice { .. } => 6,
        Kind::BlockDevice { .. } => KIND_LAST,
    }
}

fn profile_number(profile: Profile) -> u8 {
    match profile {
        Profile::Auto => 0,
        Profile::Std => 1,
        Profile::Fine => 2,
        Profile::Coarse => 3,
    }
}

fn profile_of(number: u8) -> Result<Profile, Bad> {
    Ok(match number {
        0 => Profile::Auto,
        1 => Profile::Std,
        2 => Profile::Fine,
        3 => Profile::Coarse,
        _ => return Err(Bad("a cutting profile is unknown")),
    })
}

fn put_path(out: &mut Vec<u8>, previous: &[u8], path: &[u8]) {
    let shared = previous.iter().zip(path).take_while(|(a, b)| a == b).count();
    put_varint(out, shared as u64);
    put_bytes(out, &path[shared..]);
}

/// Distinct values in order of first use, then each row's index.
fn put_dictionary<'a, T: Eq + std::hash::Hash + 'a>(
    out: &mut Vec<u8>,
    values: impl Iterator<Item = &'a T>,
    mut put: impl FnMut(&mut Vec<u8>, &T),
) {
    let mut numbers: HashMap<&T, u64> = HashMap::new();
    let (mut words, mut rows) = (Vec::new(), Vec::new());
    for value in values {
        let next = numbers.len() as u64;
        let number = *numbers.entry(value).or_insert_with(|| {
            put(&mut words, value);
            next
        });
        put_varint(&mut rows, number);
    }
    put_varint(out, numbers.len() as u64);
    out.extend_from_slice(&words);
    out.extend_from_slice(&rows);
}

fn put_owner(out: &mut Vec<u8>, owner: &Owner) {
    put_varint(out, u64::from(owner.id));
    match &owner.name {
        None => put_varint(out, 0),
        Some(name) => {
            put_varint(out, name.len() as u64 + 1);
            out.extend_from_slice(name);
        }
    }
}

impl Page {
    /// Whether a page is what its parent says: of the level below `level`, with `last` as its last path, and
    /// nothing in it at or before `behind`.
    pub fn stands(&self, level: u8, behind: Option<&EntryPath>, last: Option<&EntryPath>) -> bool {
        let (own, first_path, last_path) = match self {
            Self::Leaf(rows) => (0, rows.first().map(|row| &row.path), rows.last().map(|row| &row.path)),
            Self::Inner { level, children } => {
                (*level, children.first().map(|child| &child.last), children.last().map(|child| &child.last))
            }
        };
        own.checked_add(1) == Some(level)
            && first_path.is_some_and(|first| behind.is_none_or(|behind| behind < first))
            && last.is_none_or(|last| last_path == Some(last))
    }
}

/// How much a page may still take once it is decoded: a small page must not become a large memory.
struct Allowance(usize);

impl Allowance {
    fn take(&mut self, bytes: usize) -> Result<(), Bad> {
        self.0 = self.0.checked_sub(bytes).ok_or(Bad("it takes too much memory once it is decoded"))?;
        Ok(())
    }
}

/// The bytes of a leaf page.
pub fn encode_leaf(rows: &[Row]) -> Vec<u8> {
    let mut out = put_page(PAGE_MAGIC, 0, rows.len());
    let mut cols: [Vec<u8>; 14] = Default::default();
    let (mut before, mut seconds): (&[u8], i64) = (b"", 0);
    let (mut link_row, mut xattr_row) = (0, 0);
    let mut xattr_sets: Vec<&[(Vec<u8>, Vec<u8>)]> = Vec::new();
    let mut xattr_rows = Vec::new();
    let mut links = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let meta = &row.meta;
        put_path(&mut cols[1], before, row.path.as_bytes());
        before = row.path.as_bytes();
        cols[2].extend_from_slice(&(kind_number(&meta.kind) << 12 | (meta.mode & 0o7777) as u16).to_le_bytes());
        put_varint(&mut cols[6], zigzag(meta.mtime.seconds.wrapping_sub(seconds)));
        seconds = meta.mtime.seconds;
        put_varint(&mut cols[7], u64::from(meta.mtime.nanos));
        if let Some(link) = meta.link {
            links.push((number - link_row, link));
            link_row = number;
        }
        match &meta.kind {
            Kind::Symlink(text) => put_bytes(&mut cols[9], text),
            Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
                put_varint(&mut cols[10], u64::from(*major));
                put_varint(&mut cols[10], u64::from(*minor));
            }
            _ => {}
        }
        if !meta.xattrs.is_empty() {
            let set = xattr_sets.iter().position(|s| *s == meta.xattrs.as_slice()).unwrap_or_else(|| {
                xattr_sets.push(&meta.xattrs);
                xattr_sets.len() - 1
            });
            xattr_rows.push((number - xattr_row, set));
            xattr_row = number;
        }
        if meta.kind == Kind::File {
            put_varint(&mut cols[5], meta.size);
            let tag = |n: u8| n | profile_number(row.profile) << 4;
            match &row.contents {
                Contents::Empty => cols[12].push(tag(0)),
                Contents::Inline(bytes) => {
                    cols[12].push(tag(1));
                    put_bytes(&mut cols[12], bytes);
                }
                Contents::Extents(extents) => {
                    cols[12].push(tag(2));
                    put_varint(&mut cols[12], extents.len() as u64);
                    for extent in extents {
                        match extent {
                            Extent::Chunk { id, len } => {
                                put_varint(&mut cols[12], u64::from(*len) << 1);
                                cols[13].extend_from_slice(&id.0);
                            }
                            Extent::Hole { len } => put_varint(&mut cols[12], len << 1 | 1),
                        }
                    }
                }
                Contents::Tree { root, level, extents } => {
                    cols[12].push(tag(3));
                    cols[12].push(*level);
                    put_varint(&mut cols[12], *extents);
                    cols[13].extend_from_slice(&root.0);
                }
            }
        }
    }
    put_dictionary(&mut cols[3], rows.iter().map(|r| &r.meta.user), put_owner);
    put_dictionary(&mut cols[4], rows.iter().map(|r| &r.meta.group), put_owner);
    if !links.is_empty() {
        put_varint(&mut cols[8], links.len() as u64);
        for (delta, link) in links {
            put_varint(&mut cols[8], delta as u64);
            cols[8].extend_from_slice(&link.to_le_bytes());
        }
    }
    if !xattr_rows.is_empty() {
        put_varint(&mut cols[11], xattr_sets.len() as u64);
        for set in xattr_sets {
            put_varint(&mut cols[11], set.len() as u64);
            for (name, value) in set {
                put_bytes(&mut cols[11], name);
                put_bytes(&mut cols[11], value);
            }
        }
        put_varint(&mut cols[11], xattr_rows.len() as u64);
        for (delta, set) in xattr_rows {
            put_varint(&mut cols[11], delta as u64);
            put_varint(&mut cols[11], set as u64);
        }
    }
    for (number, bytes) in cols.iter().enumerate() {
        put_column(&mut out, number as u8, bytes);
    }
    out
}

/// The bytes of an inner page.
pub fn encode_inner(level: u8, children: &[Child]) -> Vec<u8> {
    let mut out = put_page(PAGE_MAGIC, level, children.len());
    let (mut paths, mut ids, mut entries, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut before: &[u8] = b"";
    for child in children {
        put_path(&mut paths, before, child.last.as_bytes());
        before = child.last.as_bytes();
        ids.extend_from_slice(&child.id.0);
        put_varint(&mut entries, child.entries);
        put_varint(&mut bytes, child.bytes);
    }
    put_column(&mut out, COL_PATH, &paths);
    put_column(&mut out, COL_CHILD, &ids);
    put_column(&mut out, COL_ENTRIES, &entries);
    put_column(&mut out, COL_BYTES, &bytes);
    out
}

/// Reads a page: level, rows and everything in it checked.
pub fn decode(bytes: &[u8]) -> Result<Page, Bad> {
    let columns = Columns::read(bytes, PAGE_MAGIC)?;
    if columns.level == 0 { Ok(Page::Leaf(decode_leaf(columns.rows, &columns)?)) } else { decode_inner(&columns) }
}

/// Columns have numbers below this.
const COLUMNS: usize = 32;

fn take_path(cursor: &mut Cursor<'_>, before: &mut Vec<u8>, left: &mut Allowance) -> Result<EntryPath, Bad> {
    let shared = cursor.count(before.len())?;
    let rest = cursor.bytes(1 << 20)?;
    before.truncate(shared);
    before.extend_from_slice(rest);
    left.take(before.len())?;
    EntryPath::new(before.clone()).map_err(|_| Bad("a path is not allowed"))
}

fn take_owner(cursor: &mut Cursor<'_>) -> Result<Owner, Bad> {
    let id = u32::try_from(cursor.varint()?).map_err(|_| Bad("an owner's number is too large"))?;
    let name = match cursor.count(OWNER_NAME_MAX + 1)? {
        0 => None,
        n => Some(cursor.take(n - 1)?.into()),
    };
    Ok(Owner { id, name })
}

fn take_owners(mut cursor: Cursor<'_>, rows: usize) -> Result<Vec<Owner>, Bad> {
    let n = cursor.count(rows)?;
    let words = (0..n).map(|_| take_owner(&mut cursor)).collect::<Result<Vec<_>, _>>()?;
    let out = (0..rows)
        .map(|_| words.get(cursor.count(rows)?).cloned().ok_or(Bad("an owner is not in its page")))
        .collect::<Result<Vec<_>, _>>()?;
    cursor.end()?;
    Ok(out)
}

type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

fn take_xattrs(mut cursor: Cursor<'_>, rows: usize, left: &mut Allowance) -> Result<HashMap<usize, Xattrs>, Bad> {
    let mut out = HashMap::new();
    if cursor.left() == 0 {
        return Ok(out);
    }
    let n = cursor.count(rows)?;
    let mut sets = Vec::with_capacity(n.min(cursor.left()));
    for _ in 0..n {
        let len = cursor.count(1 << 12)?;
        let mut set: Xattrs = Vec::with_capacity(len.min(64));
        for _ in 0..len {
            let name = cursor.bytes(256)?.to_vec();
            if set.last().is_some_and(|(before, _)| *before >= name) {
                return Err(Bad("extended attributes are out of order"));
            }
            set.push((name, cursor.bytes(XATTRS_MAX)?.to_vec()));
        }
        sets.push(set);
    }
    let n = cursor.count(rows)?;
    let mut row = 0;
    for _ in 0..n {
        row += cursor.count(rows)?;
        let set = sets.get(cursor.count(rows)?).ok_or(Bad("extended attributes are not in their page"))?;
        if row >= rows {
            return Err(Bad("extended attributes of a row that is not there"));
        }
        let size: usize = set.iter().map(|(name, value)| name.len() + value.len()).sum();
        if size > XATTRS_MAX {
            return Err(Bad("extended attributes are too large"));
        }
        left.take(size + 64)?;
        out.insert(row, set.clone());
    }
    cursor.end()?;
    Ok(out)
}

fn take_links(mut cursor: Cursor<'_>, rows: usize) -> Result<HashMap<usize, u64>, Bad> {
    let mut out = HashMap::new();
    if cursor.left() == 0 {
        return Ok(out);
    }
    let mut row = 0;
    for _ in 0..cursor.count(rows)? {
        row += cursor.count(rows)?;
        if row >= rows {
            return Err(Bad("a link of a row that is not there"));
        }
        out.insert(row, cursor.u64()?);
    }
    cursor.end()?;
    Ok(out)
}

fn decode_leaf(n: usize, columns: &Columns<'_, COLUMNS>) -> Result<Vec<Row>, Bad> {
    let (mut paths, mut modes) = (columns.get(COL_PATH), columns.get(COL_MODE));
    let (mut sizes, mut seconds, mut nanos) = (columns.get(COL_SIZE), columns.get(COL_SECONDS), columns.get(COL_NANOS));
    let (mut texts, mut devices) = (columns.get(COL_TEXT), columns.get(COL_DEVICE));
    let (mut contents, mut ids) = (columns.get(COL_CONTENT), columns.get(COL_IDS));
    let mut left = Allowance(PAGE_DECODED_MAX);
    let users = take_owners(columns.get(COL_USER), n)?;
    let groups = take_owners(columns.get(COL_GROUP), n)?;
    let mut xattrs = take_xattrs(columns.get(COL_XATTR), n, &mut left)?;
    let links = take_links(columns.get(COL_LINK), n)?;
    let (mut before, mut clock) = (Vec::new(), 0i64);
    let mut rows: Vec<Row> = Vec::with_capacity(n);
    for (number, (user, group)) in users.into_iter().zip(groups).enumerate() {
        let path = take_path(&mut paths, &mut before, &mut left)?;
        if rows.last().is_some_and(|row| row.path >= path) {
            return Err(Bad("entries are out of order"));
        }
        let word = modes.u16()?;
        let mut device = || -> Result<(u32, u32), Bad> {
            Ok((devices.count(u32::MAX as usize)? as u32, devices.count(u32::MAX as usize)? as u32))
        };
        let kind = match word >> 12 {
            KIND_FILE => Kind::File,
            2 => Kind::Directory,
            3 => Kind::Symlink(texts.bytes(1 << 16)?.to_vec()),
            4 => Kind::Fifo,
            5 => Kind::Socket,
            6 => device().map(|(major, minor)| Kind::CharDevice { major, minor })?,
            KIND_LAST => device().map(|(major, minor)| Kind::BlockDevice { major, minor })?,
            _ => return Err(Bad("an entry is of an unknown kind")),
        };
        clock = clock.wrapping_add(unzigzag(seconds.varint()?));
        let mtime = Time { seconds: clock, nanos: nanos.count(999_999_999)? as u32 };
        let mut size = 0;
        let (mut profile, mut file) = (Profile::Auto, Contents::Empty);
        if kind == Kind::File {
            size = sizes.varint()?;
            let tag = contents.u8()?;
            profile = profile_of(tag >> 4)?;
            file = take_contents(tag & 15, &mut contents, &mut ids)?;
            let stated = match &file {
                Contents::Empty => Some(0),
                Contents::Inline(bytes) => Some(bytes.len() as u64),
                Contents::Extents(extents) => extents.iter().try_fold(0u64, |sum, e| sum.checked_add(e.len())),
                Contents::Tree { .. } => Some(size),
            };
            if stated != Some(size) {
                return Err(Bad("a file's extents do not add up to its size"));
            }
        }
        let meta = Meta {
            kind,
            mode: u32::from(word & 0o7777),
            user,
            group,
            mtime,
            size,
            link: links.get(&number).copied(),
            xattrs: xattrs.remove(&number).unwrap_or_default(),
        };
        rows.push(Row { path, meta, profile, contents: file });
    }
    for rest in [paths, modes, sizes, seconds, nanos, texts, devices, contents, ids] {
        rest.end()?;
    }
    Ok(rows)
}

fn take_contents(tag: u8, cursor: &mut Cursor<'_>, ids: &mut Cursor<'_>) -> Result<Contents, Bad> {
    Ok(match tag {
        0 => Contents::Empty,
        1 => Contents::Inline(cursor.bytes(INLINE_MAX)?.to_vec()),
        2 => {
            let n = cursor.count(EXTENTS_INLINE_MAX)?;
            let mut extents = Vec::with_capacity(n);
            for _ in 0..n {
                extents.push(take_extent(cursor, ids)?);
            }
            Contents::Extents(extents)
        }
        3 => {
            let level = cursor.u8()?;
            let extents = cursor.varint()?;
            Contents::Tree { root: ChunkId(ids.array()?), level, extents }
        }
        _ => return Err(Bad("a file's contents are of an unknown form")),
    })
}

/// One extent: twice its length, plus one for a hole; a chunk's id stands in the other column.
#[inline]
pub fn take_extent(lengths: &mut Cursor<'_>, ids: &mut Cursor<'_>) -> Result<Extent, Bad> {
    let word = lengths.varint()?;
    let len = word >> 1;
    if len == 0 || len > i64::MAX as u64 {
        return Err(Bad("an extent has no length, or too much"));
    }
    if word & 1 == 1 {
        return Ok(Extent::Hole { len });
    }
    if len > crate::format::CHUNK_MAX as u64 {
        return Err(Bad("an extent is larger than a chunk"));
    }
    Ok(Extent::Chunk { id: ChunkId(ids.array()?), len: len as u32 })
}

fn decode_inner(columns: &Columns<'_, COLUMNS>) -> Result<Page, Bad> {
    let (level, n) = (columns.level, columns.rows);
    let (mut paths, mut ids) = (columns.get(COL_PATH), columns.get(COL_CHILD));
    let (mut entries, mut bytes) = (columns.get(COL_ENTRIES), columns.get(COL_BYTES));
    let (mut before, mut left) = (Vec::new(), Allowance(PAGE_DECODED_MAX));
    let mut children: Vec<Child> = Vec::with_capacity(n.min(ids.left() / 24 + 1));
    for _ in 0..n {
        let last = take_path(&mut paths, &mut before, &mut left)?;
        if children.last().is_some_and(|child| child.last >= last) {
            return Err(Bad("pages are out of order"));
        }
        children.push(Child { last, id: ChunkId(ids.array()?), entries: entries.varint()?, bytes: bytes.varint()? });
    }
    for rest in [paths, ids, entries, bytes] {
        rest.end()?;
    }
    Ok(Page::Inner { level, children })
}
