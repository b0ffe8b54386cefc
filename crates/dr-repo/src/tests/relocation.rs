//! A repository that a later version has maintained: frames moved without a reading key into another pack, the old pack swept and
//! deleted. Today's reader must follow them, and never write where it does not understand.

#![expect(clippy::disallowed_methods, reason = "a test breaks a repository on purpose")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use bytes::Bytes;
use dr_entry::{Body, Content, Entry, EntryPath, Kind, Meta, Piece, Profile, Settled, Unread};
use dr_format::format::FOOTER;
use dr_format::header::{Header, Origin, trailer_key};
use dr_format::id::{Digest, HostId, PackId, PackKind, SessionId, SnapshotId, random};
use dr_format::index_object::{self, PackLine, Record};
use dr_format::key::{FamilyKey, Key};
use dr_format::log_entry::{Body as LogBody, ObjectRef, Registered, decode, encode};
use dr_format::pack::open_whole;
use dr_format::seal::seal_once;
use dr_format::snapshot::{Label, Shape};
use dr_format::trailer;
use dr_log::fold::runs_of;
use dr_log::object::key;
use dr_store::memory::MemoryStore;
use dr_store::{BlockingStore, ObjectBody};

use crate::error::RepoError;
use crate::progress::Tally;
use crate::read::repository::{Repository, Unlock, create};
use crate::write::backup::{BackupOptions, BackupReport, backup, new_snapshot_id};

const HOST: HostId = HostId([9; 4]);

pub(crate) struct Bytes_(pub(crate) Vec<u8>, pub(crate) usize);

impl Body for Bytes_ {
    fn open(self: Box<Self>) -> std::io::Result<Box<dyn Content>> {
        Ok(self)
    }
}

impl Content for Bytes_ {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<Piece> {
        let n = buffer.len().min(self.0.len() - self.1);
        buffer[..n].copy_from_slice(&self.0[self.1..self.1 + n]);
        self.1 += n;
        Ok(if n == 0 { Piece::End } else { Piece::Data(n) })
    }

    fn settle(&mut self) -> std::io::Result<Settled> {
        Ok(Settled::Unchanged)
    }
}

pub(crate) struct Scene {
    runtime: tokio::runtime::Runtime,
    pub(crate) store: BlockingStore,
    pub(crate) family: FamilyKey,
    pub(crate) folder: tempfile::TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let blocking = BlockingStore::new(Arc::new(MemoryStore::new()), runtime.handle().clone());
        let family = FamilyKey::generate();
        create(&blocking, &family, None, "2026-01-01T00:00:00Z", 0).unwrap();
        Self { runtime, store: blocking, family, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn open(&self) -> Repository {
        Repository::open(self.store.clone(), Unlock::Key(Key::Family(self.family.clone())), HOST).unwrap()
    }

    fn backup(&self, repository: &mut Repository, seed: u8) -> Result<BackupReport, RepoError> {
        self.keep(repository, (0..40u8).map(|n| (format!("{n:02}"), contents(seed, n))))
    }

    /// Backs files up, which come in the order of their names.
    pub(crate) fn keep(
        &self,
        repository: &mut Repository,
        files: impl Iterator<Item = (String, Vec<u8>)> + Send,
    ) -> Result<BackupReport, RepoError> {
        let clock = AtomicI64::new(0);
        let capture = BackupOptions {
            snapshot: new_snapshot_id(),
            label: Label::default(),
            shape: Shape::Directory,
            cache: None,
            journal: None,
            scratch: self.folder.path(),
            level: Some(1),
            workers: 1,
            clock: &|| clock.fetch_add(1, Ordering::Relaxed),
            stop: &AtomicBool::new(false),
            tally: &Tally::default(),
            prove: false,
        };
        let entries = files.map(|(name, bytes)| {
            let mut meta = Meta::plain(Kind::File, 0o600);
            meta.size = bytes.len() as u64;
            let path = EntryPath::new(name.into_bytes()).unwrap();
            let body: Box<dyn Body> = Box::new(Bytes_(bytes, 0));
            Ok::<_, Unread>(Entry { path, meta, stamp: None, profile: Profile::Auto, body: Some(body) })
        });
        backup(repository, Box::new(entries), &capture)
    }

    fn read(&self, repository: &Repository, id: SnapshotId, seed: u8) {
        let mut fetcher = repository.fetcher().unwrap();
        let mut seen = 0;
        let document = repository.document(id).unwrap();
        let mut walk = dr_format::tree::Walk::new(&document.root.unwrap(), vec![]);
        let mut pages = repository.fetcher().unwrap();
        while let dr_format::tree::Step::Row(row) =
            walk.next(&mut |id| pages.chunk(dr_format::id::ChunkKind::Tree, id).map(<[u8]>::to_vec))
        {
            let dr_format::page::Contents::Extents(extents) = &row.contents else { panic!("extents") };
            let mut bytes = Vec::new();
            for extent in extents {
                if let dr_format::page::Extent::Chunk { id, .. } = extent {
                    bytes.extend_from_slice(fetcher.chunk(dr_format::id::ChunkKind::Data, *id).unwrap());
                }
            }
            assert!(bytes == contents(seed, seen));
            seen += 1;
        }
        assert_eq!(seen, 40);
    }
}

fn contents(seed: u8, n: u8) -> Vec<u8> {
    let mut out = vec![0; 60_000 + usize::from(n)];
    blake3::Hasher::new_keyed(&[seed; 32]).update(&[n]).finalize_xof().fill(&mut out);
    out
}

/// Moves every frame of `from` into a new pack of a maintenance session, as a keyless pruner will, and registers it.
fn repack(scene: &Scene, repository: &mut Repository, from: PackId) {
    let old_name = from.object_name(HOST);
    let bytes = scene.store.get(&key(&old_name).unwrap(), 1 << 30).unwrap();
    let index_key = repository.writer.naming.index.clone();
    let opened = open_whole(&bytes, &index_key).unwrap();
    let mut rows = trailer::decode(&opened.rows).unwrap();

    let session = SessionId(random());
    let id = PackId { session, kind: PackKind::Data, no: 0 };
    let own = Origin { pack: id, salt: random(), commit: [0; 32] };
    let mut sessions = opened.header.sessions.clone();
    sessions.push(dr_format::header::Sealed { session, envelopes: Vec::new() });
    let header = Header { family: opened.header.family, sessions, origins: vec![own, opened.header.origins[0]] };
    let header_bytes = header.encode();
    let mut pack = header_bytes.clone();
    let frames: usize = rows.iter().map(|row| row.sealed_len as usize).sum();
    let at = opened.header_bytes.len();
    pack.extend_from_slice(&bytes[at..at + frames]);
    rows.iter_mut().for_each(|row| row.origin = 1);
    let row_bytes = trailer::encode(&rows);
    let sealed = seal_once(
        &trailer_key(&index_key, header.family, id, &own.salt),
        &header_bytes,
        &trailer::pad(0, row_bytes.len(), &row_bytes),
    );
    let trailer_at = pack.len() as u64;
    pack.extend_from_slice(&sealed);
    pack.extend_from_slice(&trailer_at.to_le_bytes());
    pack.extend_from_slice(&(sealed.len() as u32).to_le_bytes());
    pack.extend_from_slice(&[0; 4]);
    let prefix = Digest::of(&pack);
    pack.extend_from_slice(&prefix.0);
    pack.extend_from_slice(&[0; 8]);
    pack.extend_from_slice(dr_format::format::PACK_END);
    assert!(pack.len() > FOOTER && open_whole(&pack, &index_key).is_ok());

    let line = PackLine { id, len: pack.len() as u64, digest: Digest::of(&pack) };
    let record = Record::Location { kind: PackKind::Data, no: 0, header: header_bytes, rows: row_bytes };
    let index = index_object::encode(header.family, session, &index_key, &[line], &[record]).unwrap();
    let name = dr_format::id::index_name(HOST, session, 0);
    scene.store.put_new(&key(&id.object_name(HOST)).unwrap(), ObjectBody::Bytes(pack.into())).unwrap();
    let object = ObjectRef { name: name.clone(), len: index.len() as u64, digest: Digest::of(&index) };
    scene.store.put_new(&key(&name).unwrap(), ObjectBody::Bytes(Bytes::from(index))).unwrap();
    let sources = runs_of([(from, HOST)]);
    let registered = Registered {
        session,
        host: HOST,
        sequence: 1,
        last: true,
        snapshots: vec![],
        needs: vec![],
        own: vec![(PackKind::Data, 0, 0)],
        indexes: vec![object],
        used: vec![],
        sources: sources.clone(),
        superseded: vec![],
        at: 0,
    };
    append(scene, repository, LogBody::Repack(registered));
    append(scene, repository, LogBody::Condemn(sources.clone()));
    append(scene, repository, LogBody::Sweep { packs: sources, view: u64::MAX, undoable: vec![], keyless: true });
    scene.store.delete(&key(&old_name).unwrap()).unwrap();
}

fn append(scene: &Scene, repository: &mut Repository, body: LogBody) {
    let writer = repository.writer.clone();
    repository.log.append(&scene.store, &writer, 0, &mut |_| Ok(body.clone())).unwrap();
}

#[test]
fn moved_frames_are_found_and_relied_on_and_their_old_pack_is_not_missed() {
    let scene = Scene::new();
    let first = scene.backup(&mut scene.open(), 1).unwrap();
    let mut repository = scene.open();
    let index = repository.index().unwrap();
    let from = (0..index.packs()).map(|n| index.brief(n).id).find(|id| id.kind == PackKind::Data).unwrap();
    repack(&scene, &mut repository, from);

    let mut repository = scene.open();
    repository.ready().unwrap();
    assert_eq!(repository.faults(), []);
    scene.read(&repository, first.snapshot, 1);
    // A new backup finds its duplicates in the new place and may rely on them.
    let second = scene.backup(&mut repository, 1).unwrap();
    assert!(second.bytes_stored < 64 << 10, "{second:?}");
    scene.read(&scene.open(), second.snapshot, 1);
    let (stop, tally) = (AtomicBool::new(false), Tally::default());
    let options = crate::maintain::check::CheckOptions {
        read_data: crate::maintain::check::ReadData::All,
        now_ms: 0,
        enough: None,
        stop: &stop,
        tally: &tally,
    };
    assert_eq!(crate::maintain::check::check(&scene.open(), &options).unwrap().findings, []);
}

/// A number for each type of entry. Whoever adds one adds it here, and to the log of [`everything`].
fn number(body: &LogBody) -> u8 {
    match body {
        LogBody::Commit(_) => 1,
        LogBody::Packs(_) => 2,
        LogBody::Forget(_) => 3,
        LogBody::Unforget(_) => 4,
        LogBody::Condemn(_) => 5,
        LogBody::Sweep { .. } => 6,
        LogBody::Fence(_) => 7,
        LogBody::Repack(_) => 8,
        LogBody::Reframe(_) => 9,
        LogBody::IndexMerge(_) => 10,
        LogBody::Verify { .. } => 11,
        LogBody::Heal { .. } => 12,
        LogBody::Hold { .. } => 13,
        LogBody::SlotAdded { .. } => 14,
        LogBody::SlotRemoved { .. } => 15,
        LogBody::Revoked(_) => 16,
        LogBody::Note(_) => 17,
        LogBody::Features(_) => 18,
        LogBody::Unknown { .. } => 19,
    }
}

/// A repository that uses every type of entry but an unknown one, and its snapshots that are on the list.
fn everything() -> (Scene, Vec<(SnapshotId, u8)>) {
    let scene = Scene::new();
    let first = scene.backup(&mut scene.open(), 1).unwrap().snapshot;
    let second = scene.backup(&mut scene.open(), 2).unwrap().snapshot;
    let third = scene.backup(&mut scene.open(), 3).unwrap().snapshot;
    let mut repository = scene.open();
    let index = std::sync::Arc::clone(repository.index().unwrap());
    let data: Vec<PackId> =
        (0..index.packs()).map(|n| index.brief(n).id).filter(|id| id.kind == PackKind::Data).collect();
    repack(&scene, &mut repository, data[0]);
    // What repair does: the same pack under another name.
    let healed = PackId { session: SessionId(random()), kind: PackKind::Data, no: 0 };
    let (old, name) = (key(&data[1].object_name(HOST)).unwrap(), healed.object_name(HOST));
    let bytes = scene.store.get(&old, 1 << 30).unwrap();
    let object = ObjectRef { name: name.clone(), len: bytes.len() as u64, digest: Digest::of(&bytes) };
    scene.store.put_new(&key(&name).unwrap(), ObjectBody::Bytes(bytes)).unwrap();
    scene.store.delete(&old).unwrap();
    let says = |sources| Registered {
        session: SessionId(random()),
        host: HOST,
        sequence: 1,
        last: true,
        snapshots: vec![],
        needs: vec![],
        own: vec![],
        indexes: vec![],
        used: vec![],
        sources,
        superseded: vec![],
        at: 0,
    };
    for body in [
        LogBody::Features(vec![dr_log::fold::SWEEPS.to_owned()]),
        LogBody::Forget(vec![first]),
        LogBody::Unforget(vec![first]),
        LogBody::Hold { snapshots: vec![first], until_ms: 7 },
        LogBody::Verify { packs: runs_of([(data[1], HOST)]), level: 2 },
        LogBody::Heal { pack: data[1], host: HOST, object },
        LogBody::Fence(vec![SessionId([3; 16])]),
        LogBody::Packs(says(vec![])),
        LogBody::Reframe(says(runs_of([(data[2], HOST)]))),
        LogBody::IndexMerge(says(vec![])),
        LogBody::SlotAdded { name: "keys/00".into(), digest: Digest([1; 32]) },
        LogBody::SlotRemoved { name: "keys/00".into() },
        LogBody::Revoked(dr_format::id::KeyId([5; 16])),
        LogBody::Forget(vec![third]),
        LogBody::Note("later".into()),
    ] {
        append(&scene, &mut repository, body);
    }
    (scene, vec![(first, 1), (second, 2)])
}

fn bytes_of(scene: &Scene) -> Vec<(String, Vec<u8>)> {
    let listed = scene.store.list("").unwrap();
    listed.iter().map(|at| (at.key.as_str().to_owned(), scene.store.get(&at.key, 1 << 30).unwrap().to_vec())).collect()
}

/// As another host opens it, where one alone may write.
fn taking_over(scene: &Scene) -> Repository {
    let mut repository = scene.open();
    let (family, list) = (repository.writer.family, repository.writer.naming.list.clone());
    let alone = dr_log::log::SingleWriterGuard::new(
        "the memory".to_owned(),
        [dr_format::id::HostId([0xee; 4]); 2],
        family,
        list,
    );
    repository.log.alone = Some(alone);
    assert!(repository.other_writer().is_some());
    repository
}

/// Everything that writes, on a repository that was opened for it.
fn writers(scene: &Scene, known: SnapshotId) -> Vec<(&'static str, Result<(), RepoError>)> {
    let (stop, tally) = (AtomicBool::new(false), Tally::default());
    let usual = crate::maintain::prune::PruneOptions::usual(0, true, scene.folder.path(), &|| 0, &stop, &tally);
    // Another repository of the family, with a snapshot that this one does not have.
    let other = BlockingStore::new(Arc::new(MemoryStore::new()), scene.runtime.handle().clone());
    create(&other, &scene.family, None, "2026-01-01T00:00:00Z", 0).unwrap();
    let unlock = || Unlock::Key(Key::Family(scene.family.clone()));
    let mut from = Repository::open(other.clone(), unlock(), HOST).unwrap();
    let strange = scene.backup(&mut from, 9).unwrap().snapshot;
    let from = Repository::open(other, unlock(), HOST).unwrap();
    let copying = crate::write::copy::CopyOptions {
        snapshots: &[strange],
        scratch: scene.folder.path(),
        journal: None,
        clock: &|| 0,
        stop: &stop,
        tally: &tally,
    };
    vec![
        ("backup", scene.backup(&mut scene.open(), 4).map(|_| ())),
        ("copy", crate::write::copy::copy(&from, &mut scene.open(), &copying, &mut |_, _| {}).map(|_| ())),
        ("forget", crate::maintain::forget::ForgetPlan::named(&[known]).execute(&mut scene.open(), 9).map(drop)),
        ("unforget", scene.open().unforget(&[known], 9)),
        ("hold", scene.open().hold(&[known], 9, 9)),
        ("prune", super::prune(&mut scene.open(), &usual).map(|_| ())),
        ("note", scene.open().note("a word", 9)),
        ("accept a rollback", scene.open().accept_rollback(900, 9)),
        ("take over", taking_over(scene).take_over(9).map(|_| ())),
    ]
}

#[test]
fn every_later_entry_type_is_read_and_an_unknown_one_stops_writing_only() {
    let unknown = LogBody::Unknown { number: 77 };
    let feature = LogBody::Features(vec!["tomorrow-1".to_owned()]);
    for (last, reason) in [(unknown, "type 77"), (feature, "`tomorrow-1`")] {
        let (scene, kept) = everything();
        let repository = scene.open();
        let entries = bytes_of(&scene).into_iter().filter(|(name, _)| name.starts_with("log/"));
        let maintenance = repository.writer.maintenance;
        let read = |bytes: &[u8]| decode(bytes, repository.writer.family, &maintenance).unwrap();
        let numbers: std::collections::BTreeSet<u8> = entries.map(|(_, bytes)| number(&read(&bytes).body)).collect();
        assert_eq!(numbers, (1..19).collect(), "an entry of every type is there");
        assert_eq!(repository.log.state.void, [], "and in force");
        append(&scene, &mut scene.open(), last);

        let repository = scene.open();
        let listed: Vec<_> = repository.snapshots().iter().map(|s| (s.id, s.held_until_ms)).collect();
        assert_eq!(listed, [(kept[0].0, Some(7)), (kept[1].0, None)]);
        kept.iter().for_each(|(id, seed)| scene.read(&repository, *id, *seed));
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let options = crate::maintain::check::CheckOptions {
            read_data: crate::maintain::check::ReadData::All,
            now_ms: 0,
            enough: None,
            stop: &stop,
            tally: &tally,
        };
        assert_eq!(crate::maintain::check::check(&repository, &options).unwrap().findings, []);

        let before = bytes_of(&scene);
        for (what, outcome) in writers(&scene, kept[0].0) {
            let Err(RepoError::Newer { what: why, .. }) = outcome else { panic!("{what}: {outcome:?}") };
            assert!(why.contains(reason), "{what}: {why}");
            assert!(bytes_of(&scene) == before, "{what} wrote something");
        }
    }
}

/// Makes the fixture `tomorrow`: an entry with which today's fixture might go on, and another.
#[test]
#[ignore = "writes beside the repository that DR_FIXTURE names, once, and proves nothing"]
fn entries_are_made_as_tomorrows_program_writes_them() {
    #[expect(clippy::disallowed_methods, reason = "a fixture is made by hand")]
    let place = std::path::PathBuf::from(std::env::var_os("DR_FIXTURE").unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = dr_store::local::LocalStore::open_read_only(place.clone()).unwrap();
    let blocking = BlockingStore::new(Arc::new(store), runtime.handle().clone());
    let password = Unlock::Password("seven green bottles".to_owned().into());
    let Repository { log, writer, .. } = Repository::open(blocking, password, HOST).unwrap();
    let (n, digest) = log.head;
    let feature = LogBody::Features(vec!["tomorrow-1".to_owned()]);
    for (name, body) in [("feature", feature), ("entry", LogBody::Unknown { number: 77 })] {
        let bytes = encode(n + 1, n, digest, 1_800_000_000_000, &body, &writer);
        std::fs::write(place.with_file_name(name), bytes).unwrap();
    }
}
