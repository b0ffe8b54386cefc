//! The directories below the root of a restore: opened safely, and the last ones kept open.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dr_entry::EntryPath;
use rustix::fs::{Mode, OFlags, ResolveFlags, fgetxattr, openat, openat2};
use rustix::io::{Errno, Result};

/// Directories kept open.
const KEPT: usize = 128;
/// Bytes of path given to the kernel at once; its limit is 4,096 with the NUL.
const STRETCH: usize = 4000;

/// An open directory to put things into.
pub(super) struct Place {
    pub(super) fd: OwnedFd,
    /// It gives new things an ACL of its own, which must be taken off again.
    pub(super) inherits: bool,
}

pub(super) struct Tree {
    root: Arc<Place>,
    /// Whether directories may have default ACLs: in place, or because the root has.
    look_for_acls: bool,
    kept: Mutex<Kept>,
    /// openat2 is there (Linux 5.6, and not forbidden by a container).
    openat2: AtomicBool,
    next: AtomicU64,
}

#[derive(Default)]
struct Kept {
    places: HashMap<EntryPath, (Arc<Place>, u64)>,
    clock: u64,
}

impl Tree {
    pub(super) fn new(root: OwnedFd, in_place: bool) -> Self {
        let inherits = has_default_acl(root.as_fd());
        Self {
            root: Arc::new(Place { fd: root, inherits }),
            look_for_acls: in_place || inherits,
            kept: Mutex::default(),
            openat2: AtomicBool::new(true),
            next: AtomicU64::new(0),
        }
    }

    /// The directory that `path` is in and its name there; `None` for the root.
    pub(super) fn parent(&self, path: &EntryPath) -> Result<Option<(Arc<Place>, CString)>> {
        let Some(parent) = path.parent() else {
            return Ok(None);
        };
        let name = CString::new(path.name()).map_err(|_| Errno::INVAL)?;
        Ok(Some((self.directory(&parent)?, name)))
    }

    /// The directory at `path`, open.
    pub(super) fn directory(&self, path: &EntryPath) -> Result<Arc<Place>> {
        if let Some(place) = self.find(path) {
            return Ok(place);
        }
        // Usually the parent is at hand.
        let mut above = path.parent();
        let (base, skip) = loop {
            match above {
                Some(at) => match self.find(&at) {
                    Some(place) => break (place, at.as_bytes().len()),
                    None => above = at.parent(),
                },
                None => break (Arc::clone(&self.root), 0),
            }
        };
        let rest = path.as_bytes()[skip..].strip_prefix(b"/").unwrap_or(&path.as_bytes()[skip..]);
        let fd = self.open_below(base.fd.as_fd(), rest)?;
        let inherits = self.look_for_acls && has_default_acl(fd.as_fd());
        let place = Arc::new(Place { fd, inherits });
        self.keep(path, &place);
        Ok(place)
    }

    pub(super) fn forget(&self, path: &EntryPath) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).places.remove(path);
    }

    fn find(&self, path: &EntryPath) -> Option<Arc<Place>> {
        if path.is_root() {
            return Some(Arc::clone(&self.root));
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let now = kept.clock;
        let (place, used) = kept.places.get_mut(path)?;
        *used = now;
        Some(Arc::clone(place))
    }

    fn keep(&self, path: &EntryPath, place: &Arc<Place>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.places.len() >= KEPT
            && let Some(oldest) = kept.places.iter().min_by_key(|(_, (_, used))| *used).map(|(path, _)| path.clone())
        {
            kept.places.remove(&oldest);
        }
        kept.clock += 1;
        let now = kept.clock;
        kept.places.insert(path.clone(), (Arc::clone(place), now));
    }

    fn open_below(&self, base: BorrowedFd<'_>, mut rest: &[u8]) -> Result<OwnedFd> {
        let mut here: Option<OwnedFd> = None;
        loop {
            let cut = stretch(rest, if self.openat2.load(Ordering::Relaxed) { STRETCH } else { 0 });
            let name = CString::new(&rest[..cut]).map_err(|_| Errno::INVAL)?;
            let from = here.as_ref().map_or(base, |fd| fd.as_fd());
            match self.open_step(from, &name) {
                Ok(fd) => here = Some(fd),
                // Once more, one name at a time.
                Err(Errno::NOSYS | Errno::PERM) if self.openat2.swap(false, Ordering::Relaxed) => {
                    continue;
                }
                Err(why) => return Err(why),
            }
            rest = rest[cut..].strip_prefix(b"/").unwrap_or(b"");
            if rest.is_empty() {
                return here.ok_or(Errno::INVAL);
            }
        }
    }

    fn open_step(&self, from: BorrowedFd<'_>, names: &CStr) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if self.openat2.load(Ordering::Relaxed) {
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            openat2(from, names, flags, Mode::empty(), resolve)
        } else {
            openat(from, names, flags, Mode::empty())
        }
    }

    /// Makes something under a name that is not in use, with `make`, and gives the name.
    pub(super) fn unused_name(&self, mut make: impl FnMut(&CStr) -> Result<()>) -> Result<CString> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let text = format!(".dr-restoring-{}-{number}", std::process::id());
            let name = CString::new(text).map_err(|_| Errno::INVAL)?;
            match make(&name) {
                Err(Errno::EXIST) => {}
                other => return other.map(|()| name),
            }
        }
    }
}

/// How much of `path` to open at once: whole components, at least one, up to `most` bytes.
fn stretch(path: &[u8], most: usize) -> usize {
    if path.len() <= most {
        return path.len();
    }
    let within = path.get(..=most).and_then(|front| front.iter().rposition(|b| *b == b'/'));
    within.or_else(|| path.iter().position(|b| *b == b'/')).unwrap_or(path.len())
}

fn has_default_acl(directory: BorrowedFd<'_>) -> bool {
    // An empty buffer would ask for the size only; whatever is there is more than four bytes.
    match fgetxattr(directory, c"system.posix_acl_default", &mut [0_u8; 4][..]) {
        Ok(_) | Err(Errno::RANGE) => true,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::stretch;

    #[test]
    fn paths_are_cut_between_components() {
        assert_eq!(stretch(b"ab/cd/ef", 100), 8);
        assert_eq!(stretch(b"ab/cd/ef", 6), 5);
        assert_eq!(stretch(b"ab/cd/ef", 5), 5);
        assert_eq!(stretch(b"ab/cd/ef", 4), 2);
        assert_eq!(stretch(b"abcdef/g", 3), 6);
        assert_eq!(stretch(b"ab/cd", 0), 2);
        assert_eq!(stretch(b"abcd", 0), 4);
    }
}
