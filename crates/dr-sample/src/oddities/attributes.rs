//! Which attributes are awkward: modes, owners, times before 1970 and to the nanosecond, extended attributes, ACLs.

use super::LeftOut;
use crate::{Result, at, put};
use rustix::fs::{AtFlags, CWD, Gid, Timespec, Timestamps, Uid, XattrFlags, chownat, setxattr, utimensat};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const MODES: [(&str, u32); 10] = [
    ("mode 0", 0),
    ("mode 777", 0o777),
    ("write only", 0o200),
    ("execute only", 0o111),
    ("others only", 0o007),
    ("setuid", 0o4755),
    ("setgid", 0o2755),
    ("sticky", 0o1644),
    ("setuid without execute", 0o4644),
    ("all of it", 0o7777),
];

pub(super) fn make(dir: &Path, left_out: &mut LeftOut) -> Result<()> {
    put::directory(dir)?;
    owners(dir, left_out)?;
    for (name, mode) in MODES {
        let path = dir.join(name);
        put::file(&path, name.as_bytes(), 1_000_000_000)?;
        fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(at(&path))?;
    }
    for (name, mode) in [("sticky directory", 0o1777), ("setgid directory", 0o2775), ("read-only directory", 0o555)] {
        let path = dir.join(name);
        put::directory(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(at(&path))?;
    }
    extended(dir, left_out)
}

fn owners(dir: &Path, left_out: &mut LeftOut) -> Result<()> {
    for (name, uid, gid) in [("foreign owner", 12_345, 23_456), ("large owner", 4_000_000_000, 3_000_000_000)] {
        let path = dir.join(name);
        put::file(&path, name.as_bytes(), 1_000_000_000)?;
        let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
        if !left_out.unless(name, chownat(CWD, &path, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)) {
            fs::remove_file(&path).map_err(at(&path))?;
            continue;
        }
        let link = dir.join(format!("{name} of a link"));
        std::os::unix::fs::symlink(name, &link).map_err(at(&link))?;
        left_out.unless("owner of a link", chownat(CWD, &link, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW));
    }
    Ok(())
}

fn extended(dir: &Path, left_out: &mut LeftOut) -> Result<()> {
    let with = |name: &str, attributes: &[(String, Vec<u8>)], left_out: &mut LeftOut| -> Result<bool> {
        let path = dir.join(name);
        if name.ends_with("directory") {
            put::directory(&path)?;
        } else {
            put::file(&path, name.as_bytes(), 1_000_000_000)?;
        }
        let mut all = true;
        for (key, value) in attributes {
            all &= left_out.unless(&format!("{key} of {name}"), setxattr(&path, &**key, value, XattrFlags::empty()));
        }
        Ok(all)
    };
    let one = |key: &str, value: &[u8]| vec![(key.to_owned(), value.to_vec())];
    with("small attribute", &one("user.comment", b"who reads this?"), left_out)?;
    with("empty attribute", &one("user.empty", b""), left_out)?;
    with("attribute of bytes", &one("user.bytes \u{e9}\n", b"\0\xff\n\0"), left_out)?;
    with("attribute on a directory", &one("user.comment", b"kept on directories too"), left_out)?;
    let value: Vec<u8> = (0..4_096_u32).map(|position| (position * 7 + position / 256) as u8).collect();
    if !with("large attribute", &one("user.large", &value), left_out)? {
        // ext4 keeps all attributes of a file in one block; this is about what fits.
        with("large attribute", &one("user.large", &value[..3_900]), left_out)?;
    }
    let many: Vec<_> = (0..40).map(|n| (format!("user.many.{n:02}"), format!("value {n}").into_bytes())).collect();
    with("many attributes", &many, left_out)?;
    let (access, default) = ("system.posix_acl_access", "system.posix_acl_default");
    with("access list", &one(access, &acl(0o6)), left_out)?;
    let both = [one(access, &acl(0o7)), one(default, &acl(0o7))].concat();
    with("access list of a directory", &both, left_out)?;
    // Version 2 of the kernel's structure, effective: net_bind_service permitted, nothing inheritable.
    let capability: Vec<u8> = [0x0200_0001_u32, 1 << 10, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
    with("capability", &one("security.capability", &capability), left_out)?;
    Ok(())
}

/// An access list as the kernel takes it: version 2, then tag, permissions and id of each entry in the order of tags.
fn acl(owner: u16) -> Vec<u8> {
    const NOBODY: u32 = u32::MAX;
    let entries: [(u16, u16, u32); 7] = [
        (0x01, owner, NOBODY),
        (0x02, 0o4, 12_345),
        (0x02, 0o6, 12_346),
        (0x04, 0o5, NOBODY),
        (0x08, 0o4, 23_456),
        (0x10, 0o6, NOBODY),
        (0x20, 0o0, NOBODY),
    ];
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

/// Files, a directory and a link whose times a careless program rounds, clips or follows.
pub(super) fn make_times(dir: &Path) -> Result<()> {
    put::directory(&dir.join("directory"))?;
    let link = dir.join("link");
    std::os::unix::fs::symlink("1950", &link).map_err(at(&link))?;
    let times = [
        ("1950", -631_152_000, 0),
        ("just before 1970", -1, 999_999_999),
        ("1970", 0, 0),
        ("one nanosecond", 1_000_000_000, 1),
        ("last nanosecond", 1_700_000_000, 999_999_999),
        ("2038", 2_147_483_648, 5),
        ("2100", 4_102_444_800, 123_456_789),
        ("link", 1_234_567_890, 123_456_789),
        ("directory", 1_111_111_111, 111_111_111),
    ];
    for (name, seconds, nanoseconds) in times {
        let path = dir.join(name);
        if !matches!(name, "link" | "directory") {
            put::file(&path, name.as_bytes(), 0)?;
        }
        let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
        let both = Timestamps { last_access: time, last_modification: time };
        utimensat(CWD, &path, &both, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| at(&path)(error.into()))?;
    }
    Ok(())
}
