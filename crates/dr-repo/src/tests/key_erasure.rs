//! What a write-only host holds after a run opens nothing of what it stored.
//!
//! The test looks at everything the host is left with: its own whole memory, its state (the writer's key) and
//! its caches. Every 32 bytes there are tried as a session's key, as a pack's key and as the family's secret. The
//! family's secret is made by another process, so that this one never held it. A planted key is found: the search
//! works.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use dr_entry::{Body, Content, Entry, EntryPath, Kind, Meta, Piece, Profile, Settled, Unread};
use dr_format::header::{Header, pack_key};
use dr_format::id::{HostId, PackId, Secret};
use dr_format::key::{FamilyKey, Key};
use dr_format::seal::{commitment, derive};
use dr_format::snapshot::{Label, Shape};
use dr_store::BlockingStore;
use dr_store::local::LocalStore;

use crate::progress::Tally;
use crate::read::repository::{Repository, Unlock, create};
use crate::write::backup::{BackupOptions, backup, new_snapshot_id};

const FOLDER: &str = "DR_TEST_WIPED_FOLDER";

fn store(folder: &Path, runtime: &tokio::runtime::Runtime) -> BlockingStore {
    BlockingStore::new(Arc::new(LocalStore::open(folder.join("store")).unwrap()), runtime.handle().clone())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
}

#[test]
#[ignore = "the other half of the test below, run by it in a process of its own"]
#[expect(clippy::disallowed_methods, reason = "how the two halves meet")]
fn another_process_makes_the_family() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    std::fs::create_dir(folder.join("store")).unwrap();
    let runtime = runtime();
    let family = FamilyKey::generate();
    create(&store(&folder, &runtime), &family, None, "2026-01-01T00:00:00Z", 0).unwrap();
    let writer = Key::Writer(Box::new(family.writer().unwrap()));
    std::fs::write(folder.join("writer.key"), crate::keyfile::to_text(&writer).as_bytes()).unwrap();
    std::fs::write(folder.join("family.key"), crate::keyfile::to_text(&Key::Family(family)).as_bytes()).unwrap();
}

struct Text(u64, u64);

impl Body for Text {
    fn open(self: Box<Self>) -> std::io::Result<Box<dyn Content>> {
        Ok(self)
    }
}

impl Content for Text {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<Piece> {
        if self.1 == 0 {
            return Ok(Piece::End);
        }
        let n = buffer.len().min(self.1 as usize);
        blake3::Hasher::new_keyed(&[self.0 as u8; 32])
            .update(&self.1.to_le_bytes())
            .finalize_xof()
            .fill(&mut buffer[..n]);
        self.1 -= n as u64;
        Ok(Piece::Data(n))
    }

    fn settle(&mut self) -> std::io::Result<Settled> {
        Ok(Settled::Unchanged)
    }
}

/// What the search compares with: all of it is public, lying in the store.
struct Target {
    header: Header,
    id_root: [u8; 32],
}

impl Target {
    /// Whether these 32 bytes are a key that opens something.
    fn opens(&self, bytes: &[u8; 32]) -> Option<&'static str> {
        let candidate = Secret(*bytes);
        let origin = &self.header.origins[0];
        if commitment(&candidate) == origin.commit {
            return Some("a pack's key");
        }
        if commitment(&pack_key(&candidate, self.header.family, origin.pack, &origin.salt)) == origin.commit {
            return Some("a session's key");
        }
        (derive("dr v1 id root", &[bytes]).0 == self.id_root).then_some("the family's secret")
    }

    fn search(&self, bytes: &[u8], step: usize) -> Option<&'static str> {
        // Memory that is all zeros, or nearly, holds no key.
        bytes
            .windows(32)
            .step_by(step)
            .filter(|w| w.iter().filter(|b| **b != 0).count() > 16)
            .find_map(|w| w.first_chunk::<32>().and_then(|w| self.opens(w)))
    }
}

fn own_memory(mut each: impl FnMut(&[u8])) {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = std::fs::File::open("/proc/self/mem").unwrap();
    let mut buffer = vec![0u8; 1 << 20];
    let own = buffer.as_ptr() as u64..buffer.as_ptr() as u64 + (1 << 20);
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let (mut at, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        while at < to {
            let len = (to - at).min(1 << 20) as usize;
            let is_buffer = own.contains(&at) || own.contains(&(at + len as u64 - 1));
            let read = memory.seek(SeekFrom::Start(at)).and_then(|_| memory.read_exact(&mut buffer[..len]));
            if read.is_ok() && !is_buffer {
                each(&buffer[..len]);
            }
            // The last bytes of one part and the first of the next may be one key.
            at += if len == 1 << 20 { len as u64 - 32 } else { len as u64 };
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the family must be made by another process")]
fn a_write_only_hosts_memory_state_and_caches_open_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let made = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::key_erasure::another_process_makes_the_family", "--ignored"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    let family_file = std::fs::read_to_string(folder.path().join("family.key")).unwrap();
    let family_file: String = family_file.chars().rev().collect();
    std::fs::remove_file(folder.path().join("family.key")).unwrap();

    let runtime = runtime();
    let store = store(folder.path(), &runtime);
    let text = std::fs::read_to_string(folder.path().join("writer.key")).unwrap();
    let writer = crate::keyfile::from_text(&text).unwrap();
    let mut repository = Repository::open(store.clone(), Unlock::Key(writer), HostId([0; 4])).unwrap();
    let clock = AtomicI64::new(0);
    let cache = folder.path().join("files");
    let capture = BackupOptions {
        snapshot: new_snapshot_id(),
        label: Label::default(),
        shape: Shape::Directory,
        cache: Some(&cache),
        journal: Some(folder.path()),
        scratch: folder.path(),
        level: Some(1),
        workers: 2,
        clock: &|| clock.fetch_add(1, Ordering::Relaxed),
        stop: &AtomicBool::new(false),
        tally: &Tally::default(),
        prove: true,
    };
    let entries = (0..200u64).map(|n| {
        let mut meta = Meta::plain(Kind::File, 0o600);
        meta.size = n * 1000;
        let path = EntryPath::new(format!("{n:04}").into_bytes()).unwrap();
        let body: Box<dyn Body> = Box::new(Text(n, meta.size));
        Ok::<_, Unread>(Entry { path, meta, stamp: None, profile: Profile::Auto, body: Some(body) })
    });
    let summary = backup(&mut repository, Box::new(entries), &capture).unwrap();
    assert!(summary.proved.unwrap() > 100);

    let pack = store.list("data").unwrap().into_iter().next().unwrap();
    let bytes = store.get(&pack.key, 1 << 30).unwrap();
    let header = Header::parse(&bytes[..Header::length(&bytes).unwrap()]).unwrap();
    assert!(PackId::from_object_name(pack.key.as_str()).is_some());
    let target = Target { header, id_root: repository.writer.naming.id_root.0 };

    let mut found = Vec::new();
    let mut searched = 0;
    own_memory(|bytes| {
        searched += bytes.len();
        found.extend(target.search(bytes, 8));
    });
    assert!(searched > 1 << 20);
    assert_eq!(found, Vec::<&str>::new(), "the host's memory still opens what it stored");
    for file in ["writer.key", "files"] {
        let bytes = std::fs::read(folder.path().join(file)).unwrap();
        assert_eq!(target.search(&bytes, 1), None, "{file}");
    }

    // The search finds what is there: the family's secret, once this process holds it.
    let family_file: String = family_file.chars().rev().collect();
    let family = crate::keyfile::from_text(&family_file).unwrap();
    let planted = match &family {
        Key::Family(family) => Box::new(family.secret.0),
        Key::Writer(_) | Key::Pruner(_) => panic!("a family key"),
    };
    let keys = match &family {
        Key::Family(family) => crate::read::fetch::SessionKeys::new(Some(family)).unwrap(),
        Key::Writer(_) | Key::Pruner(_) => panic!("a family key"),
    };
    let session = keys.get(target.header.family, &target.header.sessions[0]).unwrap();
    assert_eq!(target.opens(&session.0), Some("a session's key"));
    let mut found = std::collections::BTreeSet::new();
    own_memory(|bytes| found.extend(target.search(bytes, 8)));
    assert!(found.contains("a session's key") || found.contains("the family's secret"), "{found:?}");
    drop((planted, session));
}
