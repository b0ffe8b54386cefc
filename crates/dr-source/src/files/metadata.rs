//! What the operating system says about a file, as entry metadata.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use dr_entry::{Kind, Meta, Owner, Stamp, Time};
use rustix::fs::{FileType, Statx, StatxTimestamp};

/// Names of owners, asked for once each: the system's answer may come over the network.
#[derive(Default)]
pub(crate) struct OwnerNames {
    users: Asked,
    groups: Asked,
}

#[derive(Default)]
struct Asked {
    known: HashMap<u32, Owner>,
    /// Most files have the owner of the one before.
    last: Owner,
}

impl Asked {
    fn owner(&mut self, id: u32, ask: impl FnOnce(u32) -> Option<Arc<[u8]>>) -> Owner {
        if self.last.id != id || self.last.name.is_none() {
            self.last = self.known.entry(id).or_insert_with(|| Owner { id, name: ask(id) }).clone();
        }
        self.last.clone()
    }
}

impl OwnerNames {
    fn user(&mut self, id: u32) -> Owner {
        self.users.owner(id, |id| uzers::get_user_by_uid(id).map(|user| user.name().as_bytes().into()))
    }

    fn group(&mut self, id: u32) -> Owner {
        self.groups.owner(id, |id| uzers::get_group_by_gid(id).map(|group| group.name().as_bytes().into()))
    }
}

/// The kind of a file, except that a link's text is not read yet; `None` for what Linux has no name for.
pub(crate) fn kind(stat: &Statx) -> Option<Kind> {
    let (major, minor) = (stat.stx_rdev_major, stat.stx_rdev_minor);
    Some(match FileType::from_raw_mode(u32::from(stat.stx_mode)) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink(Vec::new()),
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharDevice { major, minor },
        FileType::BlockDevice => Kind::BlockDevice { major, minor },
        _ => return None,
    })
}

/// Everything but links and extended attributes, which take further questions.
pub(crate) fn meta(stat: &Statx, kind: Kind, names: &mut OwnerNames) -> Meta {
    let size = if kind == Kind::File { stat.stx_size } else { 0 };
    Meta {
        kind,
        mode: u32::from(stat.stx_mode) & 0o7777,
        user: names.user(stat.stx_uid),
        group: names.group(stat.stx_gid),
        mtime: time(stat.stx_mtime),
        size,
        link: None,
        xattrs: Vec::new(),
    }
}

fn time(at: StatxTimestamp) -> Time {
    Time { seconds: at.tv_sec, nanos: at.tv_nsec }
}

/// The stamp as the file stands, trustworthy or not.
pub(crate) fn stamp(stat: &Statx) -> Stamp {
    Stamp { size: stat.stx_size, mtime: time(stat.stx_mtime), ctime: time(stat.stx_ctime), inode: stat.stx_ino }
}

/// The stamp, if it may stand for the contents next time.
///
/// A file can change after we read it and still carry the same times, because file systems count in ticks (two
/// seconds on some). So a file changed in the last two seconds before the start, or later, gets none: whatever
/// happens to a file with a stamp afterwards gives it a later time. A time in the future is never trusted.
pub(crate) fn trusted(stamp: Stamp, started: Time) -> Option<Stamp> {
    let limit = Time { seconds: started.seconds.saturating_sub(2), nanos: started.nanos };
    (stamp.mtime < limit && stamp.ctime < limit).then_some(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_quiet_for_two_seconds_before_the_start_are_trusted() {
        let at = |seconds, nanos| Time { seconds, nanos };
        let started = at(1000, 500);
        let check = |mtime, ctime, expected: bool| {
            let stamp = Stamp { size: 1, mtime, ctime, inode: 1 };
            assert_eq!(trusted(stamp, started).is_some(), expected, "{mtime:?} {ctime:?}");
        };
        check(at(998, 499), at(998, 499), true);
        check(at(998, 500), at(10, 0), false);
        check(at(10, 0), at(998, 500), false);
        check(at(10, 0), at(2000, 0), false);
        check(at(4_102_444_800, 0), at(10, 0), false);
        check(at(-631_152_000, 0), at(10, 0), true);
    }
}
