//! Whether the awkward tree has what it says, or says what it has not.

// Tests may unwrap; the lint only knows that of functions marked as tests, not of those they call.
#![allow(clippy::unwrap_used)]

use dr_sample::oddities;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

#[test]
fn what_is_not_named_as_left_out_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let left_out = oddities::make(dir.path()).unwrap();
    let has = |what: &str| !left_out.iter().any(|line| line.contains(what));
    let look = |path: &str| fs::symlink_metadata(dir.path().join(path)).unwrap();

    assert!(look("kinds/pipe").file_type().is_fifo() && look("kinds/socket").file_type().is_socket());
    if has("block device") {
        assert!(look("kinds/block device").file_type().is_block_device());
    }
    if has("foreign owner") {
        assert_eq!((look("attributes/foreign owner").uid(), look("attributes/foreign owner").gid()), (12_345, 23_456));
    }
    let names: Vec<_> = fs::read_dir(dir.path().join("names")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.iter().any(|name| name.as_bytes() == b"not \xff\xfe text") || !has("not "));
    assert!(names.iter().any(|name| name.len() == 255));
    assert_eq!(fs::read_dir(dir.path().join("crowd")).unwrap().count(), 5_000);

    assert_eq!(look("times/1950").mtime(), -631_152_000);
    assert_eq!((look("times/2100").mtime(), look("times/2100").mtime_nsec()), (4_102_444_800, 123_456_789));
    assert_eq!(look("times/directory").mtime_nsec(), 111_111_111);
    assert_eq!(look("attributes/all of it").mode() & 0o7777, 0o7777);
    assert_eq!(look("attributes/mode 0").mode() & 0o7777, 0);
    assert_eq!(look("links/one/first name").nlink(), 4);
    assert_eq!(look("links/one/first name").ino(), look("links/zz fourth name").ino());
    let giant = look("sparse/gigabyte of three islands");
    assert_eq!(giant.len(), 1 << 30);
    assert!(giant.blocks() * 512 < 2 << 20);
    assert_eq!(look("sizes/4m+1").len(), (4 << 20) + 1);
    assert!(look("names").is_dir() && look("sizes/empty directory").is_dir());

    let mut value = [0; 64];
    if has("small attribute") {
        let path = dir.path().join("attributes/small attribute");
        assert_eq!(rustix::fs::getxattr(&path, "user.comment", &mut value).unwrap(), 15);
    }
    if has("posix_acl_access of access list") {
        let path = dir.path().join("attributes/access list");
        assert_eq!(rustix::fs::getxattr(&path, "system.posix_acl_access", &mut value).unwrap(), 60);
    }
}

#[test]
fn a_path_can_be_longer_than_any_call_takes() {
    let dir = tempfile::tempdir().unwrap();
    assert!(oddities::past_path_max(dir.path(), 25).unwrap() > 4_096);
}
