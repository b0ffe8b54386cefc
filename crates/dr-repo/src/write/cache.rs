//! The file cache: what each file looked like when it was last captured, and where its contents are.
//!
//! A table in path order, read beside the walk in step, so its size costs no memory. It is never trusted for more
//! than skipping a read: every chunk it names is looked up again. Lost or damaged, it costs a re-read. A table
//! becomes the current one only after the snapshot that it describes was committed.
//!
//! Layout: `DRFCACH2`, then blocks of `len u32 | 8 bytes of BLAKE3 | payload`. Private to this version.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use dr_entry::{Attributes, EntryPath, Profile, Stamp, Time};
use dr_format::format::{INLINE_MAX, XATTRS_MAX};
use dr_format::page::{Contents, Extent, Row, take_extent};
use dr_format::wire::{Bad, Cursor, put_bytes, put_varint, unzigzag, zigzag};

use crate::error::RepoError;

const MAGIC: &[u8; 8] = b"DRFCACH2";
const BLOCK: usize = 64 << 10;
const BLOCK_MAX: usize = 1 << 30;

/// What is remembered of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) path: EntryPath,
    pub(crate) stamp: Stamp,
    pub(crate) profile: Profile,
    /// Never [`Contents::Tree`]: all extents are listed, so that each can be looked up.
    pub(crate) contents: Contents,
    pub(crate) xattrs: Attributes,
}

/// Reads a table in path order. Ends early at the first thing that is wrong with it.
pub(crate) struct CacheReader {
    file: Option<BufReader<File>>,
    block: Vec<u8>,
    at: usize,
    before: Vec<u8>,
    next: Option<Known>,
}

impl CacheReader {
    pub(crate) fn open(path: Option<&Path>) -> Self {
        let file = path.and_then(|path| dr_open::plain(path).ok()).and_then(|file| {
            let mut file = BufReader::with_capacity(BLOCK * 2, file);
            let mut magic = [0; 8];
            file.read_exact(&mut magic).ok()?;
            (&magic == MAGIC).then_some(file)
        });
        let mut reader = Self { file, block: Vec::new(), at: 0, before: Vec::new(), next: None };
        reader.advance();
        reader
    }

    /// What is remembered of `path`. Must be asked in ascending order.
    pub(crate) fn find(&mut self, path: &EntryPath) -> Option<Known> {
        while self.next.as_ref().is_some_and(|known| known.path < *path) {
            self.advance();
        }
        if self.next.as_ref().is_some_and(|known| known.path == *path) {
            let found = self.next.take();
            self.advance();
            return found;
        }
        None
    }

    fn advance(&mut self) {
        self.next = None;
        while self.at >= self.block.len() {
            if self.read_block().is_none() {
                self.file = None;
                return;
            }
        }
        let mut cursor = Cursor::new(&self.block[self.at..]);
        let before = cursor.left();
        match take(&mut cursor, &mut self.before) {
            Ok(known) => {
                self.at += before - cursor.left();
                self.next = Some(known);
            }
            Err(_) => {
                self.file = None;
                self.at = self.block.len();
            }
        }
    }

    fn read_block(&mut self) -> Option<()> {
        let file = self.file.as_mut()?;
        let mut front = [0; 12];
        file.read_exact(&mut front).ok()?;
        let len = u32::from_le_bytes([front[0], front[1], front[2], front[3]]) as usize;
        if len == 0 || len > BLOCK_MAX {
            return None;
        }
        self.block.clear();
        file.take(len as u64).read_to_end(&mut self.block).ok()?;
        let whole = self.block.len() == len && blake3::hash(&self.block).as_bytes()[..8] == front[4..];
        self.at = 0;
        self.before.clear();
        whole.then_some(())
    }
}

fn put_time(out: &mut Vec<u8>, time: Time) {
    put_varint(out, zigzag(time.seconds));
    put_varint(out, u64::from(time.nanos));
}

fn take_time(cursor: &mut Cursor<'_>) -> Result<Time, Bad> {
    Ok(Time { seconds: unzigzag(cursor.varint()?), nanos: cursor.count(999_999_999)? as u32 })
}

fn take(cursor: &mut Cursor<'_>, before: &mut Vec<u8>) -> Result<Known, Bad> {
    let shared = cursor.count(before.len())?;
    let rest = cursor.bytes(1 << 20)?;
    before.truncate(shared);
    before.extend_from_slice(rest);
    let path = EntryPath::new(before.clone()).map_err(|_| Bad("a path is not allowed"))?;
    let size = cursor.varint()?;
    let stamp = Stamp { size, mtime: take_time(cursor)?, ctime: take_time(cursor)?, inode: cursor.varint()? };
    let profile = match cursor.u8()? {
        1 => Profile::Std,
        2 => Profile::Fine,
        3 => Profile::Coarse,
        _ => Profile::Auto,
    };
    let contents = match cursor.u8()? {
        0 => Contents::Empty,
        1 => Contents::Inline(cursor.bytes(INLINE_MAX)?.to_vec()),
        _ => {
            let n = cursor.count(BLOCK_MAX)?;
            let ids_len = cursor.count(BLOCK_MAX)?;
            let mut ids = Cursor::new(cursor.take(ids_len)?);
            let mut extents = Vec::with_capacity(n.min(cursor.left()));
            for _ in 0..n {
                extents.push(take_extent(cursor, &mut ids)?);
            }
            Contents::Extents(extents)
        }
    };
    let mut xattrs = Vec::new();
    for _ in 0..cursor.count(XATTRS_MAX)? {
        xattrs.push((cursor.bytes(XATTRS_MAX)?.to_vec(), cursor.bytes(XATTRS_MAX)?.to_vec()));
    }
    Ok(Known { path, stamp, profile, contents, xattrs })
}

/// Writes a table beside the current one.
pub(crate) struct CacheWriter {
    file: BufWriter<File>,
    temp: tempfile::TempPath,
    to: PathBuf,
    block: Vec<u8>,
    before: Vec<u8>,
}

impl CacheWriter {
    pub(crate) fn create(to: &Path) -> Result<Self, RepoError> {
        let fault = |e| RepoError::local(format!("cannot write the file cache {}", to.display()))(e);
        let folder = to.parent().unwrap_or(Path::new("."));
        let temp = tempfile::Builder::new().prefix("files-").tempfile_in(folder).map_err(fault)?;
        let (file, temp) = temp.into_parts();
        let mut file = BufWriter::with_capacity(BLOCK * 2, file);
        file.write_all(MAGIC).map_err(fault)?;
        Ok(Self { file, temp, to: to.to_owned(), block: Vec::with_capacity(BLOCK * 2), before: Vec::new() })
    }

    /// Remembers a file by its row and its stamp.
    pub(crate) fn push(&mut self, row: &Row, stamp: &Stamp) -> Result<(), RepoError> {
        let path = row.path.as_bytes();
        let shared = self.before.iter().zip(path).take_while(|(a, b)| a == b).count();
        put_varint(&mut self.block, shared as u64);
        put_bytes(&mut self.block, &path[shared..]);
        self.before.clear();
        self.before.extend_from_slice(path);
        put_varint(&mut self.block, stamp.size);
        put_time(&mut self.block, stamp.mtime);
        put_time(&mut self.block, stamp.ctime);
        put_varint(&mut self.block, stamp.inode);
        self.block.push(match row.profile {
            Profile::Auto => 0,
            Profile::Std => 1,
            Profile::Fine => 2,
            Profile::Coarse => 3,
        });
        match &row.contents {
            Contents::Empty | Contents::Tree { .. } => self.block.push(0),
            Contents::Inline(bytes) => {
                self.block.push(1);
                put_bytes(&mut self.block, bytes);
            }
            Contents::Extents(extents) => {
                self.block.push(2);
                put_varint(&mut self.block, extents.len() as u64);
                let chunks = extents.iter().filter(|e| matches!(e, Extent::Chunk { .. })).count();
                put_varint(&mut self.block, chunks as u64 * 24);
                for extent in extents {
                    if let Extent::Chunk { id, .. } = extent {
                        self.block.extend_from_slice(&id.0);
                    }
                }
                for extent in extents {
                    let (len, hole) = match extent {
                        Extent::Chunk { len, .. } => (u64::from(*len), 0),
                        Extent::Hole { len } => (*len, 1),
                    };
                    put_varint(&mut self.block, len << 1 | hole);
                }
            }
        }
        put_varint(&mut self.block, row.meta.xattrs.len() as u64);
        for (name, value) in &row.meta.xattrs {
            put_bytes(&mut self.block, name);
            put_bytes(&mut self.block, value);
        }
        if self.block.len() >= BLOCK { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> Result<(), RepoError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let check = blake3::hash(&self.block);
        let mut write = || -> std::io::Result<()> {
            self.file.write_all(&(self.block.len() as u32).to_le_bytes())?;
            self.file.write_all(&check.as_bytes()[..8])?;
            self.file.write_all(&self.block)
        };
        write().map_err(RepoError::local("cannot write the file cache"))?;
        self.block.clear();
        self.before.clear();
        Ok(())
    }

    /// Makes this table the current one.
    pub(crate) fn publish(mut self) -> Result<(), RepoError> {
        self.end_block()?;
        self.file.flush().map_err(RepoError::local("cannot write the file cache"))?;
        self.temp.persist(&self.to).map_err(|e| RepoError::local("cannot replace the file cache")(e.error))
    }
}

#[cfg(test)]
mod tests {
    use dr_entry::{Kind, Meta};
    use dr_format::id::ChunkId;

    use super::*;

    fn known(n: u64) -> Known {
        let stamp = Stamp {
            size: n * 1000,
            mtime: Time { seconds: n as i64 - 500, nanos: n as u32 },
            ctime: Time { seconds: n as i64, nanos: 7 },
            inode: n + 1,
        };
        let contents = match n % 3 {
            0 => Contents::Empty,
            1 => Contents::Inline(vec![1, 2, 3]),
            _ => Contents::Extents(vec![
                Extent::Chunk { id: ChunkId([n as u8; 24]), len: 9 },
                Extent::Hole { len: 1 << 40 },
            ]),
        };
        let path = EntryPath::new(format!("some/folder/file-{n:06}").into_bytes()).unwrap();
        let xattrs = (0..n % 2).map(|_| (b"user.a".to_vec(), vec![n as u8; 3])).collect();
        Known { path, stamp, profile: Profile::Fine, contents, xattrs }
    }

    fn push(writer: &mut CacheWriter, known: Known) {
        let Known { path, stamp, profile, contents, xattrs } = known;
        let meta = Meta { xattrs, ..Meta::plain(Kind::File, 0o644) };
        writer.push(&Row { path, meta, profile, contents }, &stamp).unwrap();
    }

    #[test]
    fn what_was_remembered_is_found_in_order_and_damage_only_forgets() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("files");
        let mut writer = CacheWriter::create(&file).unwrap();
        for n in 0..5_000 {
            push(&mut writer, known(n));
        }
        assert!(!file.exists(), "a table is current only once it is published");
        writer.publish().unwrap();
        let mut reader = CacheReader::open(Some(&file));
        for n in (0..5_000).step_by(7) {
            assert_eq!(reader.find(&known(n).path), Some(known(n)));
            assert_eq!(reader.find(&EntryPath::new(format!("some/folder/file-{n:06}x").into_bytes()).unwrap()), None);
        }
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let mut reader = CacheReader::open(Some(&file));
        assert_eq!(reader.find(&known(0).path), Some(known(0)));
        assert_eq!(reader.find(&known(4_999).path), None);
    }
}
