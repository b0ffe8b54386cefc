//! What is known already, for the benches: chunks that are looked up, files that are remembered.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_entry::{Body, Content, Entry, EntryPath, Kind, Meta, Piece, Profile, Settled, Stamp, Time};
use dr_format::id::{ChunkId, ChunkKind, HostId};
use dr_format::key::{FamilyKey, Key};
use dr_format::page::{Contents, Extent, Row};
use dr_format::snapshot::{Label, Shape};
use dr_store::BlockingStore;
use dr_store::local::LocalStore;

use crate::error::RepoError;
use crate::progress::Tally;
use crate::read::repository::{Repository, Unlock, create};
use crate::write::backup::{BackupOptions, backup, new_snapshot_id};
use crate::write::cache::{CacheReader, CacheWriter};

/// Looking chunks up in a repository.
pub struct Looking {
    repository: Repository,
    /// Calls of the store block on it.
    _runtime: tokio::runtime::Runtime,
}

/// Long enough to be a chunk of its own, and no longer: entries hold what is smaller themselves.
const CHUNK: usize = 1_024;

/// The contents of one made file: bytes that no other has.
struct Made(u64);

impl Made {
    fn bytes(&self) -> [u8; CHUNK] {
        let mut bytes = [0; CHUNK];
        bytes[..8].copy_from_slice(&self.0.to_le_bytes());
        bytes
    }
}

impl Body for Made {
    fn open(self: Box<Self>) -> io::Result<Box<dyn Content>> {
        Ok(Box::new(Reading(Some(*self))))
    }
}

struct Reading(Option<Made>);

impl Content for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        let Some(made) = self.0.take() else { return Ok(Piece::End) };
        buffer[..CHUNK].copy_from_slice(&made.bytes());
        Ok(Piece::Data(CHUNK))
    }

    fn settle(&mut self) -> io::Result<Settled> {
        Ok(Settled::Unchanged)
    }
}

fn entry(number: u64) -> Option<Entry> {
    let mut meta = Meta::plain(Kind::File, 0o644);
    meta.size = CHUNK as u64;
    let path = EntryPath::new(format!("{number:08}").into_bytes()).ok()?;
    Some(Entry { path, meta, stamp: None, profile: Profile::Std, body: Some(Box::new(Made(number))) })
}

impl Looking {
    /// In a new repository of as many chunks below `folder`, opened as the next run finds it.
    pub fn among(chunks: u64, folder: &Path) -> Result<Self, RepoError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(RepoError::local("no runtime"))?;
        let family = FamilyKey::generate();
        let store =
            BlockingStore::new(Arc::new(LocalStore::create(folder.join("repository"))?), runtime.handle().clone());
        create(&store, &family, None, "2026-01-01T00:00:00Z", 0)?;
        let open = || Repository::open(store.clone(), Unlock::Key(Key::Family(family.clone())), HostId([1; 4]));
        let capture = BackupOptions {
            snapshot: new_snapshot_id(),
            label: Label::default(),
            shape: Shape::Directory,
            cache: None,
            journal: None,
            scratch: folder,
            level: Some(1),
            workers: 1,
            clock: &|| 0,
            stop: &AtomicBool::new(false),
            tally: &Tally::default(),
            prove: false,
        };
        let root = Entry {
            path: EntryPath::root(),
            meta: Meta::plain(Kind::Directory, 0o755),
            stamp: None,
            profile: Profile::Auto,
            body: None,
        };
        let entries = std::iter::once(root).chain((0..chunks).filter_map(entry)).map(Ok);
        backup(&mut open()?, Box::new(entries), &capture)?;
        let repository = open()?;
        repository.ready()?;
        Ok(Self { repository, _runtime: runtime })
    }

    /// The ids of made contents, from this number on; those beyond the repository's are not in it.
    #[must_use]
    pub fn ids(&self, from: u64, count: u64) -> Vec<ChunkId> {
        (from..from + count).map(|number| self.repository.namer.id(ChunkKind::Data, &Made(number).bytes())).collect()
    }

    /// How many of them are there.
    pub fn found(&self, ids: &[ChunkId]) -> Result<usize, RepoError> {
        let index = self.repository.index()?;
        Ok(ids.iter().filter(|id| index.duplicate(ChunkKind::Data, **id).is_some()).count())
    }
}

/// The file cache of as many files.
pub struct Remembering {
    known: Vec<(Row, Stamp)>,
    file: PathBuf,
}

impl Remembering {
    /// Kept below `folder`. One in eight files has two chunks, the others have one.
    #[must_use]
    pub fn of_files(count: u32, folder: &Path) -> Self {
        let known = |number: u32| {
            let mut id = [0; 24];
            id.copy_from_slice(&blake3::hash(&number.to_le_bytes()).as_bytes()[..24]);
            let chunk = Extent::Chunk { id: ChunkId(id), len: 5_000 + number % 977 };
            let chunks = if number.is_multiple_of(8) { vec![chunk, chunk] } else { vec![chunk] };
            let at = |nanos| Time { seconds: 1_760_000_000 + i64::from(number % 86_400), nanos };
            let stamp = Stamp { size: 5_000, mtime: at(number), ctime: at(7), inode: u64::from(number) + 99 };
            let path = EntryPath::new(format!("src/part-{:03}/file-{number:06}.c", number / 40).into_bytes()).ok()?;
            let (meta, contents) = (Meta::plain(Kind::File, 0o644), Contents::Extents(chunks));
            Some((Row { path, meta, profile: Profile::Std, contents }, stamp))
        };
        Self { known: (0..count).filter_map(known).collect(), file: folder.join("files") }
    }

    /// Writes the table.
    pub fn write(&self) -> Result<(), RepoError> {
        let mut writer = CacheWriter::create(&self.file)?;
        for (row, stamp) in &self.known {
            writer.push(row, stamp)?;
        }
        writer.publish()
    }

    /// Reads it beside a walk that meets every file; how many are found unchanged.
    #[must_use]
    pub fn join(&self) -> usize {
        let mut reader = CacheReader::open(Some(&self.file));
        let unchanged =
            |(row, stamp): &&(Row, Stamp)| reader.find(&row.path).is_some_and(|found| found.stamp == *stamp);
        self.known.iter().filter(unchanged).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_that_are_there_are_found_and_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let looking = Looking::among(300, folder.path()).unwrap();
        assert_eq!(looking.found(&looking.ids(0, 300)).unwrap(), 300);
        assert_eq!(looking.found(&looking.ids(300, 300)).unwrap(), 0);
    }

    #[test]
    fn every_remembered_file_is_met_again() {
        let folder = tempfile::tempdir().unwrap();
        let files = Remembering::of_files(500, folder.path());
        files.write().unwrap();
        assert_eq!(files.join(), 500);
    }
}
