//! How a thing that was made gets its owner, attributes, mode and times, in the one order that keeps them all.
//!
//! Owner first, because a change of owner clears set-user-id bits and capabilities; attributes before the mode,
//! because a read-only file of one's own takes none; times last. Whatever fails is named and the rest is done, and at the
//! end it is looked at once more: some file systems say yes to what they do not keep.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use dr_entry::{Kind, Meta, NotSet, Owner, Part};
use rustix::fs::{
    AtFlags, CWD, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags, chmodat, chownat, fchmod, fchown,
    fgetxattr, flistxattr, fremovexattr, fsetxattr, futimens, getxattr, listxattr, removexattr, setxattr, utimensat,
};
use rustix::io::{Errno, Result};

use crate::files::directory::look_at;

/// The attribute with which SELinux labels a file: the machine's, not the file's.
const LABEL: &[u8] = b"security.selinux";

/// What is to be changed: never a name, always something held open.
pub(super) enum Thing<'a> {
    /// Open for reading or writing.
    Open(BorrowedFd<'a>),
    /// Held as a place (`O_PATH`): links, FIFOs, sockets, devices.
    Held(BorrowedFd<'a>),
}

/// Who is to own it: `None` for whoever restores.
pub(super) type Owned = Option<(Uid, Gid)>;

/// `foreign`: it may carry attributes that are not ours, which go.
///
/// # Errors
/// One that holds a [`NotSet`].
pub(super) fn apply(thing: &Thing<'_>, meta: &Meta, owned: Owned, foreign: bool) -> io::Result<()> {
    let path = match thing {
        Thing::Open(_) => CString::default(),
        Thing::Held(fd) => CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd()))?,
    };
    let mut missing = NotSet::default();
    let mut mode = meta.mode & 0o7777;
    let owned = owned.map(|wanted| (wanted, owner(thing, wanted)));
    match owned {
        Some((_, Ok(()))) => {}
        Some((wanted, Err(why))) => {
            missing.push(Part::Owner, not_owner(thing, meta, wanted, why));
            mode = without_borrowed_rights(meta, &mut missing);
        }
        None => mode = without_borrowed_rights(meta, &mut missing),
    }
    let mut note = |part, done: Result<()>, what: &dyn Fn() -> String| {
        if let Err(why) = done {
            missing.push(part, format!("{}: {}", what(), io::Error::from(why)));
        }
        done.is_ok()
    };
    if foreign {
        let removed = remove_foreign(thing, &path, meta);
        note(Part::Attribute, removed, &|| "attributes that were there before".to_owned());
    }
    let mut set_attributes = Vec::new();
    for (name, value) in &meta.xattrs {
        let set = CString::new(&name[..]).map_err(|_| Errno::INVAL).and_then(|name| match thing {
            Thing::Open(fd) => fsetxattr(fd, &name, value, XattrFlags::empty()),
            Thing::Held(_) => setxattr(&path, &name, value, XattrFlags::empty()),
        });
        if note(Part::Attribute, set, &|| format!("attribute {}", dr_entry::shown(name))) {
            set_attributes.push((name, value));
        }
    }
    let has_mode = !matches!(meta.kind, Kind::Symlink(_));
    let mut mode_set = false;
    if has_mode {
        let set = match thing {
            Thing::Open(fd) => fchmod(fd, Mode::from_raw_mode(mode)),
            Thing::Held(_) => chmodat(CWD, &path, Mode::from_raw_mode(mode), AtFlags::empty()),
        };
        mode_set = note(Part::Mode, set, &|| format!("mode {mode:o}"));
    }
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ },
        last_modification: Timespec { tv_sec: meta.mtime.seconds, tv_nsec: i64::from(meta.mtime.nanos) as _ },
    };
    let set = match thing {
        Thing::Open(fd) => futimens(fd, &times),
        Thing::Held(_) => utimensat(CWD, &path, &times, AtFlags::empty()),
    };
    let time_set = note(Part::Time, set, &|| "time".to_owned());
    let (Thing::Open(fd) | Thing::Held(fd)) = thing;
    let now = look_at(fd.as_fd())?;
    if let Some(((user, group), Ok(()))) = owned
        && (now.stx_uid, now.stx_gid) != (user.as_raw(), group.as_raw())
    {
        let told = "not kept by this file system";
        missing.push(Part::Owner, format!("owner {}:{}: {told}", named(&meta.user), named(&meta.group)));
    }
    let listed = if set_attributes.is_empty() { None } else { list(thing, &path).ok() };
    // The machine may write its label in another way.
    for (name, value) in set_attributes.into_iter().filter(|(name, _)| *name != LABEL) {
        let kept = if is_lost(thing, &path, name, value) {
            "not kept by this file system"
        } else if listed.as_deref().is_some_and(|all| is_unlisted(all, name)) {
            "this file system does not list it, so nothing that reads this will find it"
        } else {
            continue;
        };
        missing.push(Part::Attribute, format!("attribute {}: {kept}", dr_entry::shown(name)));
    }
    let is = u32::from(now.stx_mode) & 0o7777;
    if mode_set && is != mode {
        missing.push(Part::Mode, format!("mode {mode:o}: this file system made {is:o} of it"));
    }
    let at = (now.stx_mtime.tv_sec, now.stx_mtime.tv_nsec);
    if time_set && at != (meta.mtime.seconds, meta.mtime.nanos) {
        missing.push(Part::Time, "time: this file system does not keep it exactly");
    }
    missing.into_result()
}

/// Whether an attribute that was set is not there, or is another. What cannot be looked at is taken for kept.
fn is_lost(thing: &Thing<'_>, path: &CString, name: &[u8], value: &[u8]) -> bool {
    let Ok(name) = CString::new(name) else { return false };
    // An empty buffer would ask for the size only.
    let mut buffer = vec![0; value.len() + 1];
    let read = match thing {
        Thing::Open(fd) => fgetxattr(fd, &name, &mut buffer[..]),
        Thing::Held(_) => getxattr(path, &name, &mut buffer[..]),
    };
    match read {
        Ok(length) => buffer[..length] != *value,
        Err(Errno::NODATA | Errno::NOTSUP | Errno::RANGE) => true,
        Err(_) => false,
    }
}

/// The names of its attributes, each ended by a zero.
fn list(thing: &Thing<'_>, path: &CString) -> Result<Vec<u8>> {
    // As long as the kernel lets a list be (`XATTR_LIST_MAX`).
    let mut list = vec![0; 64 * 1024];
    let length = match thing {
        Thing::Open(fd) => flistxattr(fd, &mut list[..]),
        Thing::Held(_) => listxattr(path, &mut list[..]),
    }?;
    list.truncate(length);
    Ok(list)
}

/// Whether an attribute that can be asked for by name is not among those that are listed: NTFS by FUSE does so with all
/// but `user.`. A backup would pass it over.
fn is_unlisted(all: &[u8], name: &[u8]) -> bool {
    !all.split(|b| *b == 0).any(|listed| listed == name)
}

fn chown(thing: &Thing<'_>, user: Option<Uid>, group: Option<Gid>) -> Result<()> {
    match thing {
        Thing::Open(fd) => fchown(fd, user, group),
        Thing::Held(fd) => chownat(fd, c"", user, group, AtFlags::EMPTY_PATH),
    }
}

/// Both, or at least the group: whoever is in it may give it that.
fn owner(thing: &Thing<'_>, (user, group): (Uid, Gid)) -> Result<()> {
    let both = chown(thing, Some(user), Some(group));
    if both.is_err() {
        let _ = chown(thing, None, Some(group));
    }
    both
}

/// What of the owner is another now.
fn not_owner(thing: &Thing<'_>, meta: &Meta, (user, group): (Uid, Gid), why: Errno) -> String {
    let (Thing::Open(fd) | Thing::Held(fd)) = thing;
    let now = look_at(fd.as_fd()).map(|now| (now.stx_uid == user.as_raw(), now.stx_gid == group.as_raw()));
    let why = io::Error::from(why);
    match now {
        Ok((true, false)) => format!("group {}: {why}", named(&meta.group)),
        Ok((false, true)) => format!("user {}: {why}", named(&meta.user)),
        _ => format!("owner {}:{}: {why}", named(&meta.user), named(&meta.group)),
    }
}

fn named(owner: &Owner) -> String {
    owner.name.as_ref().map_or_else(|| owner.id.to_string(), |name| dr_entry::shown(name))
}

/// A file that runs with its owner's rights must not run with the restorer's.
fn without_borrowed_rights(meta: &Meta, missing: &mut NotSet) -> u32 {
    if meta.kind == Kind::File && meta.mode & 0o6000 != 0 {
        missing.push(Part::SetId, "set-id bits: left out, because the owner is not the one they were given for");
        return meta.mode & 0o1777;
    }
    meta.mode & 0o7777
}

fn remove_foreign(thing: &Thing<'_>, path: &CString, meta: &Meta) -> Result<()> {
    let list = match list(thing, path) {
        Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(()),
        other => other?,
    };
    for name in list.split(|b| *b == 0).filter(|name| !name.is_empty()) {
        // The label is the machine's, not the file's: one that was not captured stays as the machine set it.
        if name == LABEL || meta.xattrs.iter().any(|(kept, _)| kept == name) {
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
