//! Trees in memory, as a source and as a destination, and repositories on memory stores.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use dr_entry::{
    Attributes, Body, Content, Destination, Entries, Entry, EntryPath, Kind, Meta, Owner, Piece, Profile, Settled,
    Stamp, Time, Unread, Writing,
};
use dr_repo::{
    BackupOptions, BackupReport, CheckOptions, EraseOptions, EraseReport, FamilyKey, Finding, ForgetPlan, ForgetReport,
    HostId, Key, Label, PruneOptions, PruneReport, ReadData, RepairOptions, RepairReport, RepoError, Repository,
    RestoreOptions, RestoreReport, Shape, SnapshotId, Tally, Unlock, WriterKey,
};
use dr_store::{BlockingStore, Store};

/// What an entry is, and its contents where it is a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub meta: Meta,
    pub bytes: Vec<u8>,
}

pub type Tree = BTreeMap<EntryPath, Node>;

pub fn path(text: &str) -> EntryPath {
    EntryPath::new(text.as_bytes()).unwrap()
}

/// Bytes that do not compress, from a seed.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut out = vec![0; len];
    blake3::Hasher::new_derive_key("dr tests noise").update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

/// Bytes that compress about as text does.
pub fn words(len: usize, seed: u64) -> Vec<u8> {
    let source = noise(len / 4 + 1, seed);
    let mut out: Vec<u8> = source
        .iter()
        .flat_map(|b| [b"word", b"text", b"page", b"line"][usize::from(b & 3)].iter().map(move |c| c ^ (b >> 6)))
        .collect();
    out.truncate(len);
    out
}

pub fn file(tree: &mut Tree, name: &str, bytes: Vec<u8>) {
    let mut meta = Meta::plain(Kind::File, 0o644);
    meta.size = bytes.len() as u64;
    meta.mtime = Time { seconds: 1_600_000_000 + bytes.len() as i64, nanos: 123_456_789 };
    meta.user = Owner { id: 1000, name: Some((*b"oak").into()) };
    tree.insert(path(name), Node { meta, bytes });
}

/// Takes these off the list.
pub fn forget(repository: &mut Repository, ids: &[SnapshotId], now_ms: i64) -> Result<ForgetReport, RepoError> {
    ForgetPlan::named(ids).execute(repository, now_ms)
}

/// Plans and executes.
pub fn erase(repository: &mut Repository, options: &EraseOptions<'_>) -> Result<EraseReport, RepoError> {
    dr_repo::plan_erase(repository, options)?.execute(repository)
}

/// Plans and executes.
pub fn repair(repository: &mut Repository, options: &RepairOptions<'_>) -> Result<RepairReport, RepoError> {
    dr_repo::plan_repair(repository, options)?.execute(repository, &mut |_| {})
}

/// Plans and executes.
pub fn prune(repository: &mut Repository, options: &PruneOptions<'_>) -> Result<PruneReport, RepoError> {
    dr_repo::plan_prune(repository, options)?.execute(repository)
}

pub fn other(tree: &mut Tree, name: &str, kind: Kind) {
    tree.insert(path(name), Node { meta: Meta::plain(kind, 0o755), bytes: Vec::new() });
}

/// A little of everything.
pub fn small_tree() -> Tree {
    let mut tree = Tree::new();
    other(&mut tree, "", Kind::Directory);
    other(&mut tree, "a", Kind::Directory);
    file(&mut tree, "a/empty", vec![]);
    file(&mut tree, "a/tiny", b"inline".to_vec());
    file(&mut tree, "a/text", words(30_000, 1));
    file(&mut tree, "a/noise", noise(200_000, 2));
    other(&mut tree, "a/link", Kind::Symlink(b"../nowhere".to_vec()));
    other(&mut tree, "a-b", Kind::Fifo);
    other(&mut tree, "b", Kind::Directory);
    file(&mut tree, "b/copy", words(30_000, 1));
    other(&mut tree, "device", Kind::CharDevice { major: 1, minor: 3 });
    let node = tree.get_mut(&path("b/copy")).unwrap();
    node.meta.xattrs = vec![(b"user.a".to_vec(), vec![1; 40]), (b"user.b".to_vec(), vec![])];
    tree
}

struct MemoryBody(Vec<u8>, Attributes);

struct MemoryContent {
    bytes: Vec<u8>,
    attributes: Attributes,
    at: usize,
}

impl Body for MemoryBody {
    fn open(self: Box<Self>) -> io::Result<Box<dyn Content>> {
        Ok(Box::new(MemoryContent { bytes: self.0, attributes: self.1, at: 0 }))
    }
}

/// Runs of zeros from this length are holes, as a sparse file would have them.
const HOLE: usize = 4096;

impl Content for MemoryContent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        let rest = &self.bytes[self.at..];
        if rest.is_empty() {
            return Ok(Piece::End);
        }
        let zeros = rest.iter().take_while(|b| **b == 0).count();
        if zeros >= HOLE {
            self.at += zeros;
            return Ok(Piece::Hole(zeros as u64));
        }
        let hole =
            rest.windows(HOLE).step_by(64).position(|w| w.iter().all(|b| *b == 0)).map_or(rest.len(), |at| at * 64);
        let n = hole.max(1).min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(Piece::Data(n))
    }

    fn attributes(&mut self) -> io::Result<Option<Attributes>> {
        Ok(Some(self.attributes.clone()))
    }

    fn settle(&mut self) -> io::Result<Settled> {
        Ok(Settled::Unchanged)
    }
}

pub fn entries(tree: &Tree) -> Entries<'static> {
    let all: Vec<Result<Entry, Unread>> = tree
        .iter()
        .map(|(path, node)| {
            let is_file = node.meta.kind == Kind::File;
            let stamp = Stamp { size: node.meta.size, mtime: node.meta.mtime, ctime: node.meta.mtime, inode: 7 };
            // As of files: their attributes come from whoever opens them.
            let mut meta = node.meta.clone();
            let attributes = if is_file { std::mem::take(&mut meta.xattrs) } else { Attributes::new() };
            Ok(Entry {
                path: path.clone(),
                meta,
                stamp: is_file.then_some(stamp),
                profile: Profile::Auto,
                body: is_file.then(|| Box::new(MemoryBody(node.bytes.clone(), attributes)) as Box<dyn Body>),
            })
        })
        .collect();
    Box::new(all.into_iter())
}

/// A destination in memory.
#[derive(Default)]
pub struct Memory(Arc<Mutex<Tree>>);

struct MemoryWriting {
    tree: Arc<Mutex<Tree>>,
    path: EntryPath,
    bytes: Vec<u8>,
}

impl Memory {
    pub fn tree(&self) -> Tree {
        self.0.lock().unwrap().clone()
    }
}

impl Destination for Memory {
    fn directory(&self, path: &EntryPath) -> io::Result<()> {
        let node = Node { meta: Meta::plain(Kind::Directory, 0o700), bytes: Vec::new() };
        self.0.lock().unwrap().insert(path.clone(), node);
        Ok(())
    }

    fn file(&self, path: &EntryPath, _size: u64) -> io::Result<Box<dyn Writing>> {
        Ok(Box::new(MemoryWriting { tree: Arc::clone(&self.0), path: path.clone(), bytes: Vec::new() }))
    }

    fn special(&self, path: &EntryPath, meta: &Meta) -> io::Result<()> {
        self.0.lock().unwrap().insert(path.clone(), Node { meta: meta.clone(), bytes: Vec::new() });
        Ok(())
    }

    fn hard_link(&self, path: &EntryPath, first: &EntryPath) -> io::Result<()> {
        let mut tree = self.0.lock().unwrap();
        let node = tree.get(first).cloned().ok_or(io::ErrorKind::NotFound)?;
        tree.insert(path.clone(), node);
        Ok(())
    }

    fn finish_directory(&self, path: &EntryPath, meta: &Meta) -> io::Result<()> {
        self.0.lock().unwrap().insert(path.clone(), Node { meta: meta.clone(), bytes: Vec::new() });
        Ok(())
    }
}

impl Writing for MemoryWriting {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.bytes.resize(offset.max(self.bytes.len()), 0);
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(mut self: Box<Self>, meta: &Meta) -> io::Result<()> {
        self.bytes.resize(meta.size as usize, 0);
        let node = Node { meta: meta.clone(), bytes: std::mem::take(&mut self.bytes) };
        self.tree.lock().unwrap().insert(self.path.clone(), node);
        Ok(())
    }
}

/// One school's keys, a runtime, and a folder for caches.
pub struct School {
    pub runtime: tokio::runtime::Runtime,
    pub family: FamilyKey,
    pub writer: WriterKey,
    pub folder: tempfile::TempDir,
    /// Threads of a backup. With one, what is stored together lies in one pack.
    pub workers: usize,
    clock: AtomicI64,
}

/// When and where a backup is made, and what it has of earlier ones.
pub struct Day<'a> {
    pub now_ms: i64,
    /// So much later it is each time that somebody looks.
    pub step_ms: i64,
    /// The host's notes about the repository.
    pub journal: Option<&'a std::path::Path>,
    pub stop: &'a AtomicBool,
    pub workers: usize,
}

pub const HOST: HostId = HostId([0xaa, 0xbb, 0xcc, 0xdd]);

impl School {
    pub fn new() -> Self {
        let family = FamilyKey::generate();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let writer = family.writer().unwrap();
        Self {
            runtime,
            writer,
            family,
            folder: tempfile::tempdir().unwrap(),
            workers: 2,
            clock: AtomicI64::new(1_700_000_000_000),
        }
    }

    /// The same keys in another folder.
    pub fn with_keys_of(self, other: &Self) -> Self {
        Self { family: other.family.clone(), writer: other.writer.clone(), ..self }
    }

    pub fn blocking(&self, store: Arc<dyn Store>) -> BlockingStore {
        BlockingStore::new(store, self.runtime.handle().clone())
    }

    pub fn create(&self, blocking: &BlockingStore) {
        dr_repo::create(blocking, &self.family, None, "2026-01-01T00:00:00Z", 0).unwrap();
    }

    pub fn open(&self, blocking: &BlockingStore) -> Result<Repository, dr_repo::RepoError> {
        Repository::open(blocking.clone(), Unlock::Key(Key::Family(self.family.clone())), HOST)
    }

    pub fn open_keyless(&self, blocking: &BlockingStore) -> Result<Repository, dr_repo::RepoError> {
        Repository::open(blocking.clone(), Unlock::Key(Key::Writer(Box::new(self.writer.clone()))), HOST)
    }

    /// Backs up with a file cache of the given name, or none.
    pub fn backup(
        &self,
        repository: &mut Repository,
        tree: &Tree,
        cache: Option<&str>,
    ) -> Result<BackupReport, dr_repo::RepoError> {
        self.backup_entries(repository, entries(tree), cache, false)
    }

    pub fn backup_entries(
        &self,
        repository: &mut Repository,
        entries: Entries<'_>,
        cache: Option<&str>,
        prove: bool,
    ) -> Result<BackupReport, dr_repo::RepoError> {
        let cache = cache.map(|name| self.folder.path().join(name));
        let capture = BackupOptions {
            snapshot: dr_repo::new_snapshot_id(),
            label: Label { hostname: "server".into(), ..Label::default() },
            shape: Shape::Directory,
            cache: cache.as_deref(),
            journal: None,
            scratch: self.folder.path(),
            level: Some(1),
            workers: self.workers,
            clock: &|| self.clock.fetch_add(1, Ordering::Relaxed),
            stop: &AtomicBool::new(false),
            tally: &Tally::default(),
            prove,
        };
        dr_repo::backup(repository, entries, &capture)
    }

    /// Backs up on a day.
    pub fn backup_on(
        &self,
        repository: &mut Repository,
        entries: Entries<'_>,
        day: &Day<'_>,
    ) -> Result<BackupReport, dr_repo::RepoError> {
        let looks = AtomicI64::new(0);
        let capture = BackupOptions {
            snapshot: dr_repo::new_snapshot_id(),
            label: Label { hostname: "server".into(), ..Label::default() },
            shape: Shape::Directory,
            cache: None,
            journal: day.journal,
            scratch: self.folder.path(),
            level: Some(1),
            workers: day.workers,
            clock: &|| day.now_ms + day.step_ms * looks.fetch_add(1, Ordering::Relaxed),
            stop: day.stop,
            tally: &Tally::default(),
            prove: false,
        };
        dr_repo::backup(repository, entries, &capture)
    }

    /// Prunes without waiting for anything.
    pub fn prune_at_once(
        &self,
        repository: &mut Repository,
        now_ms: i64,
        waste: f64,
    ) -> Result<PruneReport, RepoError> {
        let options = PruneOptions {
            now_ms,
            undo_ms: 0,
            settle_ms: 0,
            waste,
            unfinished: false,
            scratch: self.folder.path(),
            journal: None,
            clock: &|| now_ms,
            stop: &AtomicBool::new(false),
            tally: &Tally::default(),
        };
        prune(repository, &options)
    }

    /// Repairs with nothing but what lies there.
    pub fn mend(&self, repository: &mut Repository, now_ms: i64) -> Result<RepairReport, RepoError> {
        let options = RepairOptions {
            now_ms,
            others: &[],
            scratch: self.folder.path(),
            journal: None,
            clock: &|| now_ms,
            stop: &AtomicBool::new(false),
            tally: &Tally::default(),
        };
        repair(repository, &options)
    }

    /// What a check of every byte finds.
    pub fn findings(&self, repository: &Repository) -> Vec<Finding> {
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let options = CheckOptions { read_data: ReadData::All, now_ms: 0, enough: None, stop: &stop, tally: &tally };
        dr_repo::check(repository, &options).unwrap().findings
    }

    pub fn restore(
        &self,
        repository: &Repository,
        id: SnapshotId,
    ) -> Result<(Tree, RestoreReport), dr_repo::RepoError> {
        let destination = Memory::default();
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let options = RestoreOptions { paths: &[], workers: 2, stop: &stop, tally: &tally };
        let restored = dr_repo::plan_restore(repository, id, &options)?.execute(&destination)?;
        Ok((destination.tree(), restored))
    }
}
