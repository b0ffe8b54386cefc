//! What was captured is what is put back, whatever the tree holds and whoever interferes.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its tree should stop there")]

mod changing;
mod in_place;
mod memory;
mod oddities;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use dr_entry::{Destination, EntryPath, Kind, Meta, Time};
use dr_source::SourceError;
use dr_source::files::{self, Conflict, FsRestorer, Options, Owners, RestoreMode, Roots, Spare};
use memory::Capture;
use tempfile::TempDir;

const FRESH: RestoreMode = RestoreMode { in_place: None, owners: Owners::ByName };
const LATER: Time = Time { seconds: 10_000_000_000, nanos: 0 };

fn scratch() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Metadata of a file that whoever runs the test may own.
fn ours(mode: u32) -> Meta {
    let mut meta = Meta::plain(Kind::File, mode);
    meta.user.id = rustix::process::geteuid().as_raw();
    meta.group.id = rustix::process::getegid().as_raw();
    meta
}

/// Nothing is spared.
fn nothing() -> Spare {
    Spare::new(Path::new("/"), (&[], &[]), Vec::new()).unwrap()
}

fn path(text: &str) -> EntryPath {
    EntryPath::new(text.as_bytes()).unwrap()
}

fn capture(root: &Path) -> Capture {
    Capture::read(files::capture(&Roots::Directory(root.into()), &Options::default(), LATER).unwrap().entries)
}

fn same(left: &Capture, right: &Capture) {
    assert_eq!(left.unread, right.unread);
    assert_eq!(left.names(), right.names());
    for (left, right) in left.kept.iter().zip(&right.kept) {
        assert_eq!(left.meta, right.meta, "{}", left.path);
        // No assert_eq: some are megabytes.
        assert!(left.parts == right.parts, "contents of {}", left.path);
    }
}

#[test]
fn a_tree_of_oddities_comes_back_the_same() {
    let place = scratch();
    let (from, to) = (place.path().join("from"), place.path().join("to"));
    oddities::make(&from);
    let before = capture(&from);
    assert_eq!(before.unread, []);
    assert!(before.kept.len() > 3 * oddities::DEEP);
    assert_eq!(before.get("small").meta.link, before.get("z small").meta.link);
    assert_eq!(before.get("dangling").meta.link, before.get("a/dangling too").meta.link);
    assert!(before.get("sparse").parts.len() >= 5 && before.get("all hole").parts.len() == 1);
    assert_eq!(before.get("a/b/c").meta.xattrs.len(), 2);
    let failed = before.put_back(&FsRestorer::new(&to, FRESH).unwrap());
    assert_eq!(failed, []);
    let after = capture(&to);
    same(&before, &after);
    let blocks = |root: &Path, name: &str| fs::metadata(root.join(name)).unwrap().blocks();
    for name in ["sparse", "all hole"] {
        assert!(blocks(&to, name) <= blocks(&from, name) + 16, "{name} takes more room than before");
    }
    // And over itself, in place, with things in the way.
    fs::remove_file(to.join("large")).unwrap();
    fs::write(to.join("a/file"), "changed").unwrap();
    fs::write(to.join("not there before"), "").unwrap();
    fs::create_dir_all(to.join("a/extra/deep/er")).unwrap();
    let in_place =
        FsRestorer::new(&to, RestoreMode { in_place: Some(Conflict::Keep), owners: Owners::ByName }).unwrap();
    assert_eq!(before.put_back(&in_place), []);
    let removal =
        in_place.remove_others(&EntryPath::root(), before.kept.iter().map(|kept| kept.path.clone()), &nothing());
    assert_eq!((removal.removed, removal.failed), (2, vec![]));
    same(&before, &capture(&to));
}

#[test]
fn several_paths_carry_their_place_and_the_directories_above() {
    let place = scratch();
    let root = place.path().canonicalize().unwrap();
    for name in ["x/one/in", "x/two", "x/not asked for"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    fs::write(root.join("x/one/in/file"), "1").unwrap();
    fs::write(root.join("x/single"), "2").unwrap();
    symlink("x", root.join("link")).unwrap();
    let paths: Vec<PathBuf> =
        ["link/single", "x/one", "x/one/in", "x/gone"].iter().map(|name| root.join(name)).collect();
    let Roots::Paths(_) = Roots::of(&paths) else { panic!() };
    let captured = files::capture(&Roots::of(&paths), &Options::default(), LATER).unwrap();
    let capture = Capture::read(captured.entries);
    let base = root.to_str().unwrap().trim_start_matches('/').to_owned();
    let mut expected: Vec<String> = Vec::new();
    for (at, _) in base.match_indices('/') {
        expected.push(base[..at].to_owned());
    }
    expected.push(base.clone());
    for name in ["x", "x/one", "x/one/in", "x/one/in/file", "x/single"] {
        expected.push(format!("{base}/{name}"));
    }
    assert_eq!(capture.names(), expected);
    assert_eq!(capture.unread.len(), 1);
    assert_eq!(capture.unread[0].path, path(&format!("{base}/x/gone")));
}

#[test]
fn what_the_plan_excludes_is_left_out_and_counted() {
    let place = scratch();
    for name in ["a/cache/x", "b/cache"] {
        fs::create_dir_all(place.path().join(name)).unwrap();
    }
    for name in ["a/1.tmp", "a/cache/2.tmp", "b/3", "b/cache/4"] {
        fs::write(place.path().join(name), "").unwrap();
    }
    let options =
        Options { exclude: vec!["*.tmp".into(), "a/cache/".into()], one_file_system: true, ..Options::default() };
    let captured = files::capture(&Roots::Directory(place.path().into()), &options, LATER).unwrap();
    let capture = Capture::read(captured.entries);
    assert_eq!(capture.names(), ["", "a", "b", "b/3", "b/cache", "b/cache/4"]);
    assert_eq!(captured.tally.excluded(), 2);
}

/// What other threads look at ahead of the walk: many directories, and some of many names.
fn wide(top: &Path) -> Vec<(String, u64)> {
    let mut expected = Vec::new();
    for number in 0..40 {
        let many = if number % 8 == 3 { 700 } else { 9 };
        for file in 0..many {
            let name = format!("d-{number:02}/inner-{}/f-{file:03}", file % 3);
            let (whole, size) = (top.join(&name), number * 1_000 + file);
            fs::create_dir_all(whole.parent().unwrap()).unwrap();
            fs::write(whole, vec![7; size as usize]).unwrap();
            expected.push((name, size));
        }
    }
    expected.sort();
    expected
}

#[test]
fn what_is_looked_at_ahead_comes_in_order_and_as_what_it_is() {
    let place = scratch();
    let expected = wide(place.path());
    let options =
        Options { exclude: vec!["d-07/".into(), "/**/inner-2/".into()], one_file_system: true, ..Options::default() };
    let captured = files::capture(&Roots::Directory(place.path().into()), &options, LATER).unwrap();
    let files = captured.entries.map(Result::unwrap).filter(|entry| entry.meta.kind == Kind::File);
    let found: Vec<(String, u64)> = files.map(|entry| (entry.path.to_string(), entry.meta.size)).collect();
    let kept = |name: &str| !name.starts_with("d-07/") && !name.contains("/inner-2/");
    let expected: Vec<_> = expected.into_iter().filter(|(name, _)| kept(name)).collect();
    assert!(found == expected, "{} found, {} expected", found.len(), expected.len());
}

#[test]
fn a_directory_that_was_replaced_before_the_walk_came_to_it_is_captured_as_it_is_now() {
    let place = scratch();
    wide(place.path());
    let mut entries =
        files::capture(&Roots::Directory(place.path().into()), &Options::default(), LATER).unwrap().entries;
    // The walk is in the first directory, and others have been to the next ones.
    while entries.next().unwrap().unwrap().path != path("d-00/inner-2/f-002") {}
    for number in 1..40 {
        let directory = place.path().join(format!("d-{number:02}"));
        fs::remove_dir_all(&directory).unwrap();
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("new"), "").unwrap();
    }
    let found: Vec<String> = entries.map(Result::unwrap).map(|entry| entry.path.to_string()).collect();
    let inside = ["f-005", "f-008"].map(|name| format!("d-00/inner-2/{name}"));
    let new = (1..40).flat_map(|number| [format!("d-{number:02}"), format!("d-{number:02}/new")]);
    assert_eq!(found, inside.into_iter().chain(new).collect::<Vec<_>>());
}

#[test]
fn a_file_written_while_it_is_read_is_not_settled() {
    let place = scratch();
    fs::write(place.path().join("f"), "before").unwrap();
    let entries = files::capture(&Roots::of(&[place.path().into()]), &Options::default(), LATER).unwrap().entries;
    let body = entries.map(Result::unwrap).find_map(|entry| entry.body).unwrap();
    let mut content = body.open().unwrap();
    fs::write(place.path().join("f"), "before and after").unwrap();
    let mut buffer = [0; 100];
    while content.read(&mut buffer).unwrap() != dr_entry::Piece::End {}
    assert_eq!(content.settle().unwrap(), dr_entry::Settled::Changed);
}

#[test]
fn files_touched_since_the_start_have_no_stamp() {
    let place = scratch();
    fs::write(place.path().join("f"), "x").unwrap();
    let at = fs::metadata(place.path().join("f")).unwrap();
    let stamp_when = |started| {
        let captured = files::capture(&Roots::of(&[place.path().into()]), &Options::default(), started).unwrap();
        Capture::read(captured.entries).get("f").stamp
    };
    assert_eq!(stamp_when(Time { seconds: at.mtime() + 1, nanos: 0 }), None);
    assert_eq!(stamp_when(Time { seconds: at.mtime() + 4, nanos: 0 }).unwrap().inode, at.ino());
}

#[test]
fn a_walk_far_ahead_of_its_reader_does_not_use_up_descriptors() {
    let place = scratch();
    for number in 0..2000 {
        fs::create_dir(place.path().join(number.to_string())).unwrap();
        fs::write(place.path().join(format!("{number}/file")), number.to_string()).unwrap();
    }
    let entries = files::capture(&Roots::of(&[place.path().into()]), &Options::default(), LATER).unwrap().entries;
    let entries: Vec<_> = entries.map(Result::unwrap).collect();
    assert!(fs::read_dir("/proc/self/fd").unwrap().count() < 400);
    let bodies: Vec<_> = entries.into_iter().filter_map(|entry| entry.body).collect();
    assert_eq!(bodies.len(), 2000);
    for body in bodies {
        let read = body.open().unwrap().read(&mut [0; 10]).unwrap();
        assert!(matches!(read, dr_entry::Piece::Data(1..=4)));
    }
}

#[test]
fn only_an_empty_place_is_taken_unless_in_place() {
    let place = scratch();
    fs::write(place.path().join("f"), "").unwrap();
    assert!(matches!(FsRestorer::new(place.path(), FRESH), Err(SourceError::NotEmpty { .. })));
    assert!(FsRestorer::new(&place.path().join("new/and/below"), FRESH).is_ok());
    assert!(FsRestorer::new(&place.path().join("f"), FRESH).is_err());
}

#[test]
fn nothing_is_written_through_a_link_inside_the_root() {
    let place = scratch();
    let (root, outside) = (place.path().join("root"), place.path().join("outside"));
    fs::create_dir_all(&root).unwrap();
    fs::create_dir_all(outside.join("sub")).unwrap();
    symlink(&outside, root.join("d")).unwrap();
    let to = FsRestorer::new(&root, RestoreMode { in_place: Some(Conflict::Remove), owners: Owners::ByName }).unwrap();
    assert!(to.file(&path("d/f"), 0).is_err());
    assert!(to.directory(&path("d/sub/x")).is_err());
    assert!(to.special(&path("d/s"), &Meta::plain(Kind::Symlink(b"x".to_vec()), 0o777)).is_err());
    // Asked for as a directory, the link makes room; what it led to stays.
    to.directory(&path("d")).unwrap();
    to.file(&path("d/f"), 0).unwrap().finish(&ours(0o600)).unwrap();
    assert!(root.join("d").symlink_metadata().unwrap().is_dir());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn an_unfinished_file_leaves_nothing_and_in_place_keeps_the_old_one() {
    let place = scratch();
    let root = place.path().join("root");
    let to = FsRestorer::new(&root, FRESH).unwrap();
    let mut writing = to.file(&path("f"), 100).unwrap();
    writing.write_at(0, b"half").unwrap();
    drop(writing);
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    fs::write(root.join("f"), "old").unwrap();
    let to = FsRestorer::new(&root, RestoreMode { in_place: Some(Conflict::Keep), owners: Owners::ByName }).unwrap();
    let mut writing = to.file(&path("f"), 100).unwrap();
    writing.write_at(0, b"half").unwrap();
    drop(writing);
    assert_eq!(fs::read(root.join("f")).unwrap(), b"old");
    assert_eq!(fs::read_dir(&root).unwrap().count(), 1);
}

#[test]
fn a_directory_where_a_file_belongs_goes_only_when_told() {
    let place = scratch();
    fs::create_dir_all(place.path().join("f/deep/er")).unwrap();
    let meta = ours(0o600);
    let in_place =
        |extra| FsRestorer::new(place.path(), RestoreMode { in_place: Some(extra), owners: Owners::ByName }).unwrap();
    assert!(in_place(Conflict::Keep).file(&path("f"), 0).unwrap().finish(&meta).is_err());
    assert!(place.path().join("f/deep/er").exists());
    in_place(Conflict::Remove).file(&path("f"), 0).unwrap().finish(&meta).unwrap();
    assert!(place.path().join("f").is_file());
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn a_very_deep_tree_is_removed_whole() {
    let place = scratch();
    oddities::make(&place.path().join("from"));
    fs::write(place.path().join("kept"), "").unwrap();
    let to = FsRestorer::new(place.path(), RestoreMode { in_place: Some(Conflict::Remove), owners: Owners::ByName })
        .unwrap();
    let removal = to.remove_others(&EntryPath::root(), [EntryPath::root(), path("kept")].into_iter(), &nothing());
    assert_eq!((removal.removed, removal.failed), (1, vec![]));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn set_id_bits_are_not_lent_to_who_restores_without_owners() {
    let place = scratch();
    let to = FsRestorer::new(&place.path().join("to"), RestoreMode { in_place: None, owners: Owners::NotSet }).unwrap();
    let mut meta = Meta::plain(Kind::File, 0o6755);
    meta.user.id = 1000;
    let said = to.file(&path("f"), 0).unwrap().finish(&meta).unwrap_err();
    assert!(said.to_string().contains("set-id"), "{said}");
    assert_eq!(fs::metadata(place.path().join("to/f")).unwrap().mode() & 0o7777, 0o755);
}

#[test]
fn an_acl_that_the_root_would_hand_down_does_not_stick() {
    let place = scratch();
    let (from, to) = (place.path().join("from"), place.path().join("to"));
    fs::create_dir_all(from.join("d")).unwrap();
    fs::write(from.join("d/f"), "x").unwrap();
    fs::create_dir(&to).unwrap();
    oddities::attribute(&to, "system.posix_acl_default", &oddities::some_acl());
    let before = capture(&from);
    assert_eq!(before.put_back(&FsRestorer::new(&to, FRESH).unwrap()), []);
    same(&before, &capture(&to));
}

#[test]
fn a_directory_that_may_not_be_read_is_named_and_the_rest_is_captured() {
    // Root may read everything, so this says nothing when run as root.
    if oddities::is_root() {
        return;
    }
    let place = scratch();
    for name in ["a", "closed", "z"] {
        fs::create_dir(place.path().join(name)).unwrap();
    }
    fs::write(place.path().join("secret"), "").unwrap();
    oddities::set_mode(&place.path().join("closed"), 0);
    oddities::set_mode(&place.path().join("secret"), 0);
    let capture = capture(place.path());
    // It is there, and what is in it is not for us to know.
    assert_eq!(capture.names(), ["", "a", "closed", "z"]);
    assert_eq!(capture.unread.iter().map(|unread| unread.path.to_string()).collect::<Vec<_>>(), ["closed", "secret"]);
    assert!(capture.unread[0].why.starts_with("what is in it: "), "{}", capture.unread[0].why);
}

#[test]
fn what_is_mounted_below_is_left_out_when_told_to_stay() {
    // /proc is mounted below another file system on every Linux; what else is at the top need not be walked.
    let options = Options { exclude: vec!["/[!p]*".into()], one_file_system: true, ..Options::default() };
    let captured = files::capture(&Roots::Directory("/proc/..".into()), &options, LATER).unwrap();
    let mut entries = captured.entries.skip_while(|item| item.as_ref().map_or(true, |entry| entry.path < path("proc")));
    let proc = entries.next().unwrap().unwrap();
    assert_eq!((proc.path, proc.meta.kind), (path("proc"), Kind::Directory));
    // Whatever follows, if anything does: a new system may have nothing else at the top that begins with p.
    if let Some(next) = entries.next() {
        let next = next.map_or_else(|unread| unread.path, |entry| entry.path);
        assert!(!next.is_within(&path("proc")), "{next}");
    }
    assert!(captured.tally.other_file_systems() >= 1);
}
