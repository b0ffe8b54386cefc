//! How does an entry look to the kernel? As it was captured; what is ours belongs to who mounted it.

use std::time::{Duration, SystemTime};

use dr_entry::{Kind, Meta, Time};
use fuser::{FileAttr, FileType, INodeNo};

/// As the kernel keeps it.
fn system_time(time: Time) -> SystemTime {
    let seconds = Duration::from_secs(time.seconds.unsigned_abs());
    let whole = if time.seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(seconds)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(seconds)
    };
    let exact = whole.and_then(|whole| whole.checked_add(Duration::from_nanos(u64::from(time.nanos))));
    exact.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The kind that a directory lists.
pub(crate) fn kind(kind: &Kind) -> FileType {
    match kind {
        Kind::File => FileType::RegularFile,
        Kind::Directory => FileType::Directory,
        Kind::Symlink(_) => FileType::Symlink,
        Kind::Fifo => FileType::NamedPipe,
        Kind::Socket => FileType::Socket,
        Kind::CharDevice { .. } => FileType::CharDevice,
        Kind::BlockDevice { .. } => FileType::BlockDevice,
    }
}

/// What was captured of an entry.
pub(crate) fn of_entry(inode: u64, meta: &Meta) -> FileAttr {
    let rdev = match meta.kind {
        // As the kernel packs them into 32 bits.
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
            (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xf_ff00) << 12
        }
        _ => 0,
    };
    let size = match &meta.kind {
        Kind::File => meta.size,
        Kind::Symlink(text) => text.len() as u64,
        _ => 0,
    };
    let mtime = system_time(meta.mtime);
    FileAttr {
        ino: INodeNo(inode),
        size,
        blocks: size.div_ceil(512),
        atime: mtime,
        mtime,
        ctime: mtime,
        crtime: mtime,
        kind: kind(&meta.kind),
        perm: (meta.mode & 0o7777) as u16,
        nlink: if meta.kind == Kind::Directory { 2 } else { 1 },
        uid: meta.user.id,
        gid: meta.group.id,
        rdev,
        blksize: 4096,
        flags: 0,
    }
}

/// A folder or link of ours.
pub(crate) fn of_ours(inode: u64, is: Kind, started: i64) -> FileAttr {
    let mode = if is == Kind::Directory { 0o555 } else { 0o777 };
    let mut meta = Meta::plain(is, mode);
    meta.mtime.seconds = started;
    meta.user.id = rustix::process::getuid().as_raw();
    meta.group.id = rustix::process::getgid().as_raw();
    of_entry(inode, &meta)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_captured_is_shown_whatever_it_says() {
        let mut meta = Meta::plain(Kind::CharDevice { major: 5, minor: 0x1_02 }, 0o4755);
        meta.user.id = 1234;
        meta.mtime = Time { seconds: -2, nanos: 500_000_000 };
        let shown = of_entry(9, &meta);
        assert_eq!((shown.ino.0, shown.perm, shown.uid, shown.size), (9, 0o4755, 1234, 0));
        assert_eq!(shown.rdev, 0x10_0502);
        assert_eq!(shown.mtime, SystemTime::UNIX_EPOCH - Duration::from_millis(1_500));
        for seconds in [i64::MIN, i64::MAX] {
            meta.mtime = Time { seconds, nanos: 999_999_999 };
            let _ = of_entry(9, &meta);
        }
    }
}
