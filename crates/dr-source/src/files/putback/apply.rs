//! How a thing that was made gets its owner, attributes, mode and times, in the one order that keeps them all.
//!
//! Owner first, because a change of owner clears set-user-id bits and capabilities; attributes before the mode,
//! because a read-only file of one's own takes none; times last. Whatever fails is named and the rest is done.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use dr_entry::{Kind, Meta};
use rustix::fs::{
    AtFlags, CWD, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags, chmodat, chownat, fchmod, fchown,
    flistxattr, fremovexattr, fsetxattr, futimens, listxattr, removexattr, setxattr, utimensat,
};
use rustix::io::{Errno, Result};

/// What is to be changed: never a name, always something held open.
pub(super) enum Thing<'a> {
    /// Open for reading or writing.
    Open(BorrowedFd<'a>),
    /// Held as a place (`O_PATH`): links, FIFOs, sockets, devices.
    Held(BorrowedFd<'a>),
}

/// `foreign`: it may carry attributes that are not ours, which go.
pub(super) fn apply(thing: &Thing<'_>, meta: &Meta, owners: bool, foreign: bool) -> io::Result<()> {
    let path = match thing {
        Thing::Open(_) => CString::default(),
        Thing::Held(fd) => CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd()))?,
    };
    let mut failed = Failed::default();
    let mut mode = meta.mode & 0o7777;
    if owners {
        let (user, group) = (Some(Uid::from_raw(meta.user.id)), Some(Gid::from_raw(meta.group.id)));
        let done = match thing {
            Thing::Open(fd) => fchown(fd, user, group),
            Thing::Held(fd) => chownat(fd, c"", user, group, AtFlags::EMPTY_PATH),
        };
        failed.note(done, || format!("owner {}:{}", meta.user.id, meta.group.id));
        if done.is_err() {
            mode = without_borrowed_rights(meta, &mut failed);
        }
    } else {
        mode = without_borrowed_rights(meta, &mut failed);
    }
    if foreign {
        failed.note(remove_foreign(thing, &path, meta), || "attributes that were there before".to_owned());
    }
    for (name, value) in &meta.xattrs {
        let set = CString::new(&name[..]).map_err(|_| Errno::INVAL).and_then(|name| match thing {
            Thing::Open(fd) => fsetxattr(fd, &name, value, XattrFlags::empty()),
            Thing::Held(_) => setxattr(&path, &name, value, XattrFlags::empty()),
        });
        failed.note(set, || format!("attribute {}", String::from_utf8_lossy(name)));
    }
    if !matches!(meta.kind, Kind::Symlink(_)) {
        let set = match thing {
            Thing::Open(fd) => fchmod(fd, Mode::from_raw_mode(mode)),
            Thing::Held(_) => chmodat(CWD, &path, Mode::from_raw_mode(mode), AtFlags::empty()),
        };
        failed.note(set, || format!("mode {mode:o}"));
    }
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ },
        last_modification: Timespec { tv_sec: meta.mtime.seconds, tv_nsec: i64::from(meta.mtime.nanos) as _ },
    };
    let set = match thing {
        Thing::Open(fd) => futimens(fd, &times),
        Thing::Held(_) => utimensat(CWD, &path, &times, AtFlags::empty()),
    };
    failed.note(set, || "time".to_owned());
    failed.result()
}

/// A file that runs with its owner's rights must not run with the restorer's.
fn without_borrowed_rights(meta: &Meta, failed: &mut Failed) -> u32 {
    if meta.kind == Kind::File && meta.mode & 0o6000 != 0 {
        failed.list.push("set-id bits: left out, because the owner is not the one they were given for".to_owned());
        return meta.mode & 0o1777;
    }
    meta.mode & 0o7777
}

fn remove_foreign(thing: &Thing<'_>, path: &CString, meta: &Meta) -> Result<()> {
    let mut list = vec![0; 64 * 1024];
    let listed = match thing {
        Thing::Open(fd) => flistxattr(fd, &mut list[..]),
        Thing::Held(_) => listxattr(path, &mut list[..]),
    };
    let length = match listed {
        Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(()),
        other => other?,
    };
    for name in list[..length].split(|b| *b == 0).filter(|name| !name.is_empty()) {
        // The label is the machine's, not the file's: one that was not captured stays as the machine set it.
        if name == b"security.selinux" || meta.xattrs.iter().any(|(kept, _)| kept == name) {
            continue;
        }
        let name = CString::new(name).map_err(|_| Errno::INVAL)?;
        match thing {
            Thing::Open(fd) => fremovexattr(fd, &name)?,
            Thing::Held(_) => removexattr(path, &name)?,
        }
    }
    Ok(())
}

#[derive(Default)]
struct Failed {
    kind: Option<io::ErrorKind>,
    list: Vec<String>,
}

impl Failed {
    fn note(&mut self, done: Result<()>, what: impl FnOnce() -> String) {
        if let Err(why) = done {
            let why = io::Error::from(why);
            self.kind.get_or_insert(why.kind());
            self.list.push(format!("{}: {why}", what()));
        }
    }

    fn result(self) -> io::Result<()> {
        if self.list.is_empty() {
            return Ok(());
        }
        let kind = self.kind.unwrap_or(io::ErrorKind::Other);
        Err(io::Error::new(kind, format!("it is there, but not set: {}", self.list.join("; "))))
    }
}
