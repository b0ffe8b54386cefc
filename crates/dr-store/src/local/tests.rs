//! Objects as files: what is on the disk after success, after failure and after a crash.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use tempfile::TempDir;

use super::*;
use crate::{Key, conformance};

fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

fn body(bytes: impl Into<Bytes>) -> ObjectBody {
    ObjectBody::Bytes(bytes.into())
}

fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn assert_no_temp(store: &LocalStore) {
    let mut left = names_in(store.staging().unwrap());
    left.retain(|name| name != temp::MARK);
    assert_eq!(left, [""; 0], "temporary files were left");
}

/// A small file system of its own, gone with the value.
struct Small(TempDir);

impl Small {
    fn new(options: &std::ffi::CStr) -> Self {
        let small = Self(TempDir::new().unwrap());
        small.mount(options);
        small
    }

    fn mount(&self, options: &std::ffi::CStr) {
        if let Err(e) = mount("none", self.path(), "tmpfs", MountFlags::empty(), options) {
            panic!(
                "this test needs a file system of its own and could not mount one: {e}. Run the tests as root, \
                 or as anybody in a namespace of their own: unshare --user --map-root-user --mount cargo xtask test"
            );
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn open(&self) -> LocalStore {
        LocalStore::open(self.path().to_owned()).unwrap()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        while unmount(self.path(), UnmountFlags::DETACH).is_ok() {}
    }
}

/// Says of a folder that one process alone may write there, as one would that knows no other way.
fn mark(root: &Path) {
    std::fs::create_dir_all(root.join(TEMP_DIR)).unwrap();
    std::fs::write(root.join(TEMP_DIR).join(temp::MARK), "").unwrap();
}

#[test]
fn a_directory_keeps_every_promise_of_a_store_in_each_way_of_naming() {
    for way in [None, Some(Way::Link), Some(Way::Rename)] {
        let home = TempDir::new().unwrap();
        let count = AtomicUsize::new(0);
        conformance::check(&|| {
            let root = home.path().join(count.fetch_add(1, Ordering::Relaxed).to_string());
            if way.is_none() {
                mark(&root);
            }
            let mut store = LocalStore::create(root).unwrap();
            let writer = store.writer.as_mut().unwrap();
            match &way {
                None => assert!(matches!(writer.way.get(), Some(Way::LockedRename(_)))),
                Some(Way::Link) => assert!(matches!(writer.way.get(), Some(Way::Link)), "not what is preferred"),
                Some(_) => writer.way = OnceLock::from(Way::Rename),
            }
            assert_eq!(store.single_writer(), way.is_none());
            Arc::new(store)
        });
    }
}

#[tokio::test]
async fn an_object_is_a_read_only_file_of_its_name() {
    let home = TempDir::new().unwrap();
    let root = home.path().join("store");
    let store = LocalStore::create(root.clone()).unwrap();
    store.put_new(&key("data/0a/pack"), body("bytes")).await.unwrap();
    let metadata = std::fs::metadata(root.join("data/0a/pack")).unwrap();
    assert_eq!((metadata.permissions().mode() & 0o7777, metadata.nlink(), metadata.len()), (0o400, 1, 5));
    let mode = |path: &str| std::fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(""), mode("data"), mode(".tmp")), (0o700, 0o700, 0o700));
    assert_no_temp(&store);
}

#[tokio::test]
async fn a_staged_file_becomes_the_object_without_copying() {
    let home = TempDir::new().unwrap();
    let store = LocalStore::open(home.path().to_owned()).unwrap();
    let (path, mut file) = stage(store.staging().unwrap()).unwrap();
    file.write_all(b"a pack").unwrap();
    let inode = file.metadata().unwrap().ino();
    assert_eq!(store.put_new(&key("data/0"), ObjectBody::File(path)).await.unwrap(), PutOutcome::Created);
    assert_eq!(std::fs::metadata(home.path().join("data/0")).unwrap().ino(), inode);
    assert_no_temp(&store);
}

#[tokio::test]
async fn a_file_that_cannot_be_put_is_consumed_too() {
    let home = TempDir::new().unwrap();
    let store = LocalStore::open(home.path().to_owned()).unwrap();
    std::fs::write(home.path().join("data"), "in the way of a directory").unwrap();
    let elsewhere = TempDir::new().unwrap();
    for path in [elsewhere.path().join("file"), store.staging().unwrap().join("file")] {
        std::fs::write(&path, "x").unwrap();
        assert!(store.put_new(&key("data/0"), ObjectBody::File(path.clone())).await.is_err());
        assert!(!path.exists());
    }
    assert_no_temp(&store);
}

#[tokio::test]
async fn what_is_not_ours_is_not_read_listed_or_deleted() {
    let (home, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    std::fs::write(other.path().join("secret"), "x").unwrap();
    let root = home.path();
    let store = LocalStore::open(root.to_owned()).unwrap();
    symlink(other.path(), root.join("dirlink")).unwrap();
    symlink(other.path().join("secret"), root.join("filelink")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, root.join("pipe"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
    for foreign in ["README.TXT", ".hidden", "data~"] {
        std::fs::write(root.join(foreign), "x").unwrap();
    }
    assert_eq!(store.list("").await.unwrap(), []);
    for name in ["dirlink/secret", "filelink", "pipe"] {
        assert_eq!(store.list(name).await.unwrap(), []);
        assert!(matches!(store.get(&key(name), 9).await, Err(StoreError::NotFound { .. })), "{name}");
        assert!(matches!(store.size(&key(name)).await, Err(StoreError::NotFound { .. })), "{name}");
        store.delete(&key(name)).await.unwrap();
    }
    assert!(store.put_new(&key("dirlink/new"), body("x")).await.is_err(), "wrote through a link");
    assert_eq!(names_in(other.path()), ["secret"]);
    assert_eq!(names_in(root), [".hidden", ".tmp", "README.TXT", "data~", "dirlink", "filelink", "pipe"]);
}

#[test]
fn a_sweep_takes_what_the_dead_left_and_nothing_of_the_living() {
    let home = TempDir::new().unwrap();
    let store = LocalStore::open(home.path().to_owned()).unwrap();
    let staging = store.staging().unwrap();
    let (dead, file) = stage(staging).unwrap();
    file.set_permissions(std::fs::Permissions::from_mode(0o400)).unwrap();
    drop(file);
    let (living, file) = stage(staging).unwrap();
    std::fs::create_dir(staging.join("directory")).unwrap();
    drop(LocalStore::open_read_only(home.path().to_owned()).unwrap());
    assert!(dead.exists(), "opening for reading changed something");
    drop(LocalStore::open(home.path().to_owned()).unwrap());
    assert!(!dead.exists() && living.exists() && staging.join("directory").exists());
    drop(file);
    assert_eq!(store.sweep_stale().unwrap(), 1);
}

#[tokio::test]
async fn a_full_disk_leaves_no_object_and_takes_the_next_small_one() {
    let small = Small::new(c"size=1m,mode=0700");
    let store = small.open();
    store.put_new(&key("data/first"), body(vec![1; 300_000])).await.unwrap();
    let elsewhere = TempDir::new().unwrap();
    let file = elsewhere.path().join("pack");
    std::fs::write(&file, vec![2; 2_000_000]).unwrap();
    for too_much in [body(vec![2; 2_000_000]), ObjectBody::File(file)] {
        let put = store.put_new(&key("data/second"), too_much).await;
        assert!(matches!(put, Err(StoreError::Full { .. })), "{put:?}");
        assert_no_temp(&store);
        assert_eq!(store.list("").await.unwrap().len(), 1);
    }
    assert_eq!(store.put_new(&key("data/second"), body(vec![3; 300_000])).await.unwrap(), PutOutcome::Created);
    assert_eq!(store.get(&key("data/first"), 300_000).await.unwrap(), vec![1; 300_000]);
}

#[tokio::test]
async fn a_disk_without_inodes_is_full_too() {
    let small = Small::new(c"nr_inodes=8,mode=0700");
    let store = small.open();
    let mut put = Ok(PutOutcome::Created);
    let mut count = 0;
    while put.is_ok() {
        put = store.put_new(&key(&format!("log/{count}")), body("x")).await;
        count += 1;
        assert!(count < 8);
    }
    assert!(matches!(put, Err(StoreError::Full { .. })), "{put:?}");
    assert_eq!(store.list("").await.unwrap().len(), count - 1);
    assert_no_temp(&store);
    let store = small.open();
    store.delete(&key("log/0")).await.unwrap();
    assert_eq!(store.put_new(&key("log/last"), body("x")).await.unwrap(), PutOutcome::Created);
}

#[tokio::test]
async fn nothing_is_written_into_the_place_where_a_medium_was() {
    let small = Small::new(c"mode=0700");
    let store = small.open();
    store.put_new(&key("data/0"), body("x")).await.unwrap();
    unmount(small.path(), UnmountFlags::DETACH).unwrap();
    let gone = |what: &str, result: Result<(), StoreError>| match result {
        Err(StoreError::Io { what: said, .. }) => assert_eq!(said, what),
        other => panic!("{other:?}"),
    };
    for another in [false, true] {
        if another {
            small.mount(c"mode=0700");
        }
        gone("cannot write to", store.put_new(&key("data/1"), body("x")).await.map(drop));
        gone("cannot write to", store.delete(&key("data/0")).await);
        gone("cannot read from", store.list("").await.map(drop));
        gone("cannot read from", store.get(&key("data/1"), 9).await.map(drop));
        assert_eq!(names_in(small.path()), [""; 0]);
    }
}

#[tokio::test]
async fn a_write_protected_medium_can_be_read() {
    let small = Small::new(c"mode=0700");
    small.open().put_new(&key("data/0"), body("x")).await.unwrap();
    mount_remount(small.path(), MountFlags::RDONLY, c"").unwrap();
    assert!(LocalStore::open(small.path().to_owned()).is_err());
    let store = LocalStore::open_read_only(small.path().to_owned()).unwrap();
    assert_eq!(store.get(&key("data/0"), 9).await.unwrap(), "x");
    assert!(store.staging().is_none());
    assert!(matches!(store.put_new(&key("data/1"), body("x")).await, Err(StoreError::Io { .. })));
}

#[test]
fn a_store_is_not_made_by_opening_it() {
    let home = TempDir::new().unwrap();
    let missing = home.path().join("missing");
    assert!(LocalStore::open(missing.clone()).is_err());
    assert!(LocalStore::create(missing.join("deeper")).is_err());
    assert_eq!(names_in(home.path()), [""; 0]);
}

/// What the object of this number holds.
fn content(number: usize) -> Vec<u8> {
    format!("{number};").repeat(20_000).into_bytes()
}

/// Not a test of its own: the process that [`a_killed_writer_leaves_whole_objects_only`] kills.
#[tokio::test]
#[ignore = "runs until it is killed; the test after it starts it"]
#[expect(clippy::disallowed_methods, reason = "its parent tells it where")]
async fn writer_that_is_killed() {
    let Some(root) = std::env::var_os("DR_STORE_TEST_ROOT") else {
        return;
    };
    let store = LocalStore::open(PathBuf::from(root)).unwrap();
    for number in 0.. {
        store.put_new(&key(&format!("data/{}/{number}", number % 7)), body(content(number))).await.unwrap();
        writeln!(std::io::stderr(), "put {number}").unwrap();
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a crash needs a process that is not this one")]
async fn a_killed_writer_leaves_whole_objects_only_and_a_lock_to_nobody() {
    for alone in [false, true] {
        let home = TempDir::new().unwrap();
        if alone {
            mark(home.path());
        }
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "local::tests::writer_that_is_killed", "--ignored", "--nocapture"])
            .env("DR_STORE_TEST_ROOT", home.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let announced = lines.by_ref().filter(|l| l.as_ref().unwrap().starts_with("put ")).take(25).count();
        match LocalStore::open(home.path().to_owned()) {
            Ok(_) => assert!(!alone, "two write at once"),
            Err(StoreError::Busy { who, .. }) => {
                assert!(alone && who.starts_with(&format!("process {} on ", child.id())), "{who}");
            }
            Err(other) => panic!("{other}"),
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let announced = announced + lines.filter(|l| l.as_ref().is_ok_and(|l| l.starts_with("put "))).count();

        let store = LocalStore::open(home.path().to_owned()).unwrap();
        assert_eq!(store.single_writer(), alone);
        assert_eq!(names_in(store.staging().unwrap()), if alone { vec![temp::MARK] } else { vec![] });
        let listed = store.list("").await.unwrap();
        assert!(
            announced >= 25 && (announced..=announced + 1).contains(&listed.len()),
            "{announced}, {}",
            listed.len()
        );
        for object in listed {
            let number = object.key.as_str().rsplit('/').next().unwrap().parse().unwrap();
            assert!(store.get(&object.key, 1 << 20).await.unwrap() == content(number), "{} is torn", object.key);
        }
    }
}

#[tokio::test]
async fn where_one_process_may_write_the_second_is_refused_and_reading_needs_nothing() {
    let home = TempDir::new().unwrap();
    let root = || home.path().to_owned();
    mark(home.path());
    let first = LocalStore::open(root()).unwrap();
    assert_eq!(first.put_new(&key("log/1"), body("first")).await.unwrap(), PutOutcome::Created);
    let Err(StoreError::Busy { place, who }) = LocalStore::open(root()) else { panic!("two write at once") };
    assert_eq!(place, home.path().display().to_string());
    assert!(who.starts_with(&format!("process {} on ", std::process::id())), "{who}");
    let reader = LocalStore::open_read_only(root()).unwrap();
    assert!(reader.single_writer());
    assert_eq!(reader.get(&key("log/1"), 9).await.unwrap(), "first");
    assert_eq!(first.put_new(&key("log/1"), body("second")).await.unwrap(), PutOutcome::Exists);
    first.delete(&key("log/1")).await.unwrap();
    drop(first);
    let second = LocalStore::open(root()).unwrap();
    assert_eq!(second.put_new(&key("log/1"), body("second")).await.unwrap(), PutOutcome::Created);
    // Whoever removes the lock under a writer ends its writing, before another one may begin.
    std::fs::remove_file(home.path().join(TEMP_DIR).join(temp::MARK)).unwrap();
    assert!(matches!(second.put_new(&key("log/2"), body("x")).await, Err(StoreError::Io { .. })));
    assert_eq!(second.list("log").await.unwrap().len(), 1);
}

#[test]
fn who_holds_the_lock_is_said_without_what_a_terminal_would_obey() {
    let home = TempDir::new().unwrap();
    mark(home.path());
    let path = home.path().join(TEMP_DIR).join(temp::MARK);
    let lock = File::options().read(true).write(true).open(&path).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    for (written, said) in
        [("", "another one of this host"), ("a\u{1b}[2J", "a"), ("process 7 on b\nc", "process 7 on b")]
    {
        std::fs::write(&path, written).unwrap();
        let Err(StoreError::Busy { who, .. }) = LocalStore::open(home.path().to_owned()) else { panic!() };
        assert_eq!(who, said);
    }
}

#[test]
fn a_way_of_naming_is_believed_when_it_was_tried() {
    let home = TempDir::new().unwrap();
    let dir = File::open(home.path()).unwrap();
    let replaces =
        |temp: &Temp<'_>, dir: &File, name: &str| rustix::fs::renameat(temp.dir, temp.name.as_slice(), dir, name);
    assert!(!publish::refuses(&dir, &replaces, &[]).unwrap(), "it replaces what is there");
    for (said, taken_for) in [(Errno::NOSYS, Some(false)), (Errno::IO, None)] {
        let no = move |_: &Temp<'_>, _: &File, _: &str| Err(said);
        assert_eq!(publish::refuses(&dir, &no, &[Errno::NOSYS]).ok(), taken_for);
    }
    assert!(
        publish::refuses(&dir, &publish::link, &[]).unwrap() && publish::refuses(&dir, &publish::rename, &[]).unwrap()
    );
    assert_eq!(names_in(home.path()), [""; 0]);
    assert!(matches!(Way::find(&dir).unwrap(), Way::Link));
    mark(home.path());
    let marked = File::open(home.path().join(TEMP_DIR)).unwrap();
    assert!(matches!(Way::find(&marked).unwrap(), Way::LockedRename(_)), "somebody found out that it is not so");
}

/// Runs a program of the system, as nothing but a test of durability does.
#[expect(clippy::disallowed_methods, reason = "mkfs and loop devices have no other door")]
fn system(program: &str, arguments: &[&str]) {
    let output = std::process::Command::new(program).args(arguments).output();
    let said = match &output {
        Ok(output) if output.status.success() => return,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(e) => e.to_string(),
    };
    panic!(
        "`{program} {}`: {said}. This test makes and mounts an ext4 image: it needs root, e2fsprogs and a free loop \
         device",
        arguments.join(" ")
    );
}

/// An ext4 image, mounted.
struct Ext4(TempDir);

impl Ext4 {
    fn mount(image: &Path) -> Self {
        let mounted = Self(TempDir::new().unwrap());
        system("mount", &["-o", "loop", image.to_str().unwrap(), mounted.0.path().to_str().unwrap()]);
        mounted
    }
}

impl Drop for Ext4 {
    fn drop(&mut self) {
        let _ = unmount(self.0.path(), UnmountFlags::DETACH);
    }
}

#[tokio::test]
async fn what_was_done_before_a_power_cut_is_done_after_it() {
    let home = TempDir::new().unwrap();
    let (image, cut) = (home.path().join("disk.img"), home.path().join("cut.img"));
    File::create(&image).unwrap().set_len(48 << 20).unwrap();
    system("mkfs.ext4", &["-q", image.to_str().unwrap()]);
    let disk = Ext4::mount(&image);
    let store = LocalStore::open(disk.0.path().to_owned()).unwrap();
    let name = |number: usize| key(&format!("data/{}/{}/{number}", number % 3, number % 5));
    for number in 0..20 {
        store.put_new(&name(number), body(content(number))).await.unwrap();
    }
    // Each round ends with another request, whose own flush is the last: none that follows can do its work for it.
    for left in [0..20, 0..19] {
        if left.end == 19 {
            store.delete(&name(19)).await.unwrap();
        }
        // Nothing flushes this one: what is lost with it shows that the copy is of the disk, not of the cache.
        std::fs::write(disk.0.path().join(format!("unflushed-{}", left.end)), content(0)).unwrap();
        system("cp", &["--sparse=always", image.to_str().unwrap(), cut.to_str().unwrap()]);
        let after = Ext4::mount(&cut);
        let store = LocalStore::open(after.0.path().to_owned()).unwrap();
        assert_no_temp(&store);
        assert_eq!(store.list("data").await.unwrap().len(), left.len());
        for number in left.clone() {
            assert!(store.get(&name(number), 1 << 20).await.unwrap() == content(number), "{number} is not whole");
        }
        let unflushed = std::fs::read(after.0.path().join(format!("unflushed-{}", left.end)));
        assert!(unflushed.unwrap_or_default().is_empty(), "the copy shows what was never flushed");
    }
}
