//! A tree with every kind of file, name, time and attribute that this file system takes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags, chownat, makedev, mkdirat,
    mknodat, openat, setxattr, utimensat,
};

pub const DEEP: usize = 500;

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub fn set_mode(path: &Path, mode: u32) {
    rustix::fs::chmod(path, Mode::from_raw_mode(mode)).unwrap();
}

pub fn set_time(path: &Path, seconds: i64, nanos: i64) {
    let at = Timespec { tv_sec: seconds, tv_nsec: nanos };
    let times = Timestamps { last_access: at, last_modification: at };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// A POSIX ACL as the kernel keeps it: version 2, then (tag, permissions, id) each.
pub fn acl(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

/// owner rwx, user 1000 r-x, group r-x, mask r-x, other none.
pub fn some_acl() -> Vec<u8> {
    acl(&[(1, 7, !0), (2, 5, 1000), (4, 5, !0), (16, 5, !0), (32, 0, !0)])
}

pub fn attribute(path: &Path, name: &str, value: &[u8]) {
    setxattr(path, name, value, XattrFlags::empty()).unwrap();
}

pub fn make(root: &Path) {
    fs::create_dir(root).unwrap();
    let at = |name: &str| root.join(name);
    let bytes = |name: &[u8]| root.join(OsStr::from_bytes(name));
    fs::write(bytes(b"not-\xff\xfe-utf8"), "x").unwrap();
    fs::write(bytes(&[b'n'; 255]), "long").unwrap();
    fs::write(at("new\nline\t\x1b[31m"), "").unwrap();
    fs::write(at("\u{202e}gpj.exe"), "rtl").unwrap();
    fs::write(at(" -rf *"), "blank").unwrap();
    fs::write(at("..."), "dots").unwrap();
    for (name, size) in [("small", 1), ("middle", 65_537), ("large", 5_000_000)] {
        fs::write(at(name), (0..size).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 7) as u8).collect::<Vec<_>>())
            .unwrap();
    }
    for name in ["empty", "a", "a-b", "a0", "a/b", "a/b/c"] {
        fs::create_dir(at(name)).unwrap();
    }
    fs::write(at("a/b/c/file"), "in c").unwrap();
    fs::write(at("a/file"), "in a").unwrap();
    let sparse = File::create(at("sparse")).unwrap();
    sparse.write_all_at(b"middle", 1 << 20).unwrap();
    sparse.write_all_at(b"second", 3 << 20).unwrap();
    sparse.set_len(8 << 20).unwrap();
    File::create(at("all hole")).unwrap().set_len(1 << 30).unwrap();
    for (text, name) in
        [("nowhere", "dangling"), ("self", "self"), ("../../..", "up"), ("/etc/passwd", "absolute"), ("a", "to a")]
    {
        symlink(text, at(name)).unwrap();
    }
    symlink("x".repeat(4000), at("long link")).unwrap();
    fs::hard_link(at("small"), at("a/b/small again")).unwrap();
    fs::hard_link(at("small"), at("z small")).unwrap();
    rustix::fs::linkat(CWD, at("dangling"), CWD, at("a/dangling too"), AtFlags::empty()).unwrap();
    mknodat(CWD, at("fifo"), FileType::Fifo, Mode::from_raw_mode(0o640), 0).unwrap();
    mknodat(CWD, at("socket"), FileType::Socket, Mode::from_raw_mode(0o755), 0).unwrap();
    if is_root() {
        mknodat(CWD, at("null"), FileType::CharacterDevice, Mode::from_raw_mode(0o666), makedev(1, 3)).unwrap();
        mknodat(CWD, at("disk"), FileType::BlockDevice, Mode::from_raw_mode(0o660), makedev(259, 70_000)).unwrap();
        for (name, user, group) in
            [("middle", 1000, 1001), ("fifo", 4_000_000_000, 7), ("dangling", 12, 34), ("a/b", 1, 2)]
        {
            chownat(CWD, at(name), Some(Uid::from_raw(user)), Some(Gid::from_raw(group)), AtFlags::SYMLINK_NOFOLLOW)
                .unwrap();
        }
        // cap_net_bind_service, permitted and effective.
        let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        attribute(&at("large"), "security.capability", &capability);
        rustix::fs::lsetxattr(at("self"), "trusted.of-a-link", b"yes", XattrFlags::empty()).unwrap();
        attribute(&at("fifo"), "trusted.of-a-fifo", b"yes");
    }
    attribute(&at("middle"), "user.zebra", b"");
    attribute(&at("middle"), "user.apple", &[0, 1, 255]);
    attribute(&at("a/b"), "user.of-a-directory", &[b'v'; 2000]);
    attribute(&at("a/file"), "system.posix_acl_access", &some_acl());
    attribute(&at("a/b/c"), "system.posix_acl_access", &some_acl());
    attribute(&at("a/b/c"), "system.posix_acl_default", &some_acl());
    attribute(&at("fifo"), "system.posix_acl_access", &some_acl());
    for (name, mode) in [
        ("a0", 0o7777),
        ("empty", 0o1777),
        ("a-b", 0o2750),
        ("...", 0o4755),
        ("middle", 0o6711),
        (" -rf *", if is_root() { 0 } else { 0o400 }),
    ] {
        set_mode(&at(name), mode);
    }
    deep(root);
    for (name, seconds, nanos) in [
        ("a/b/c/file", -631_152_000, 1),
        ("large", 4_102_444_800, 999_999_999),
        ("dangling", 1_000_000_000, 123_456_789),
        ("fifo", 86_400, 5),
        ("a/b/c", 1_500_000_000, 7),
        ("a/b", 1_400_000_000, 8),
        ("a", -1, 999_999_999),
        ("", 1_600_000_000, 42),
    ] {
        set_time(&at(name), seconds, nanos);
    }
    if is_root() {
        set_mode(&at("a/b/c"), 0);
    }
}

/// Directories in directories, to a path of several times the kernel's 4,096 bytes.
fn deep(root: &Path) {
    let mut here = openat(CWD, root, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    for level in 0..DEEP {
        let name = format!("deep directory {level:04}");
        mkdirat(&here, &name, Mode::from_raw_mode(0o755)).unwrap();
        for (kind, beside) in [(FileType::RegularFile, "a file"), (FileType::RegularFile, "file after")] {
            mknodat(&here, beside, kind, Mode::from_raw_mode(0o600), 0).unwrap();
        }
        here = openat(&here, &name, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    }
}
