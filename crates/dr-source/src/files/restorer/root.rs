//! How is the root of a restore in place opened? Step by step, and through no link that somebody else may have laid.
//!
//! A folder that is restored to as root may lie where others can write. A link that they put in its way would lead
//! wherever they like, with owners and modes of the backup. Links above it count only where this account and root alone
//! can write.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, mkdirat, openat, readlinkat};
use rustix::io::Errno;

use crate::SourceError;
use crate::files::directory::look_at;

/// What is allowed on the way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// What is missing is made.
    pub(super) make: bool,
    /// The folder itself may be a link, where nobody else can write.
    pub(super) last_may_be_link: bool,
}

/// As many as the kernel follows.
const LINKS_MAX: u32 = 40;

/// Opens `path`; no descriptor on the way was opened by more than one name.
pub(super) fn open(path: &Path, way: Way) -> Result<OwnedFd, SourceError> {
    let failed = |why: Errno| SourceError::open(path, why);
    let absolute = std::path::absolute(path).map_err(|why| SourceError::open(path, why))?;
    let mut here = top().map_err(failed)?;
    // Innermost first.
    let mut rest = names(&absolute);
    let mut links = 0;
    while let Some(name) = rest.pop() {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let next = match openat(&here, &name, flags, Mode::empty()) {
            Err(Errno::NOENT) if way.make => {
                let mode = if rest.is_empty() { 0o700 } else { 0o755 };
                match mkdirat(&here, &name, Mode::from_raw_mode(mode)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(why) => return Err(failed(why)),
                }
                openat(&here, &name, flags, Mode::empty()).map_err(failed)?
            }
            other => other.map_err(failed)?,
        };
        let about = look_at(next.as_fd()).map_err(failed)?;
        match FileType::from_raw_mode(u32::from(about.stx_mode)) {
            FileType::Directory => here = next,
            FileType::Symlink => {
                let to = readlinkat(&next, c"", Vec::new()).map_err(failed)?;
                let to = Path::new(OsStr::from_bytes(to.as_bytes())).to_owned();
                let is_last = rest.is_empty() && links == 0;
                links += 1;
                if (is_last && !way.last_may_be_link) || !is_ours_alone(&here).map_err(failed)? {
                    return Err(SourceError::Link { path: path.to_owned(), to });
                }
                if links > LINKS_MAX {
                    return Err(failed(Errno::LOOP));
                }
                if to.is_absolute() {
                    here = top().map_err(failed)?;
                }
                rest.extend(names(&to));
            }
            _ => return Err(failed(Errno::NOTDIR)),
        }
    }
    openat(&here, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(failed)
}

/// The file that a plan names, where a link leads to it that nobody else can have laid: the link stays, and what it stands
/// for is put back. The folder that it is in is made if it is absent.
///
/// # Errors
/// [`SourceError::Link`]; [`SourceError::Open`].
pub fn file_of_plan(path: &Path) -> Result<PathBuf, SourceError> {
    let mut here = std::path::absolute(path).map_err(|why| SourceError::open(path, why))?;
    for _ in 0..LINKS_MAX {
        let (Some(above), Some(name)) = (here.parent(), here.file_name()) else { break };
        let folder = open(above, Way { make: true, last_may_be_link: true })?;
        let name = CString::new(name.as_bytes()).map_err(|_| SourceError::open(path, Errno::INVAL))?;
        match readlinkat(&folder, &name, Vec::new()) {
            Ok(to) => {
                let to = Path::new(OsStr::from_bytes(to.as_bytes())).to_owned();
                if !is_ours_alone(&folder).map_err(|why| SourceError::open(path, why))? {
                    return Err(SourceError::Link { path: path.to_owned(), to });
                }
                here = above.join(to);
            }
            // No link, or nothing there.
            Err(Errno::INVAL | Errno::NOENT) => return Ok(here),
            Err(why) => return Err(SourceError::open(path, why)),
        }
    }
    Err(SourceError::open(path, Errno::LOOP))
}

fn top() -> rustix::io::Result<OwnedFd> {
    openat(CWD, c"/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// The names of a path, the last one first.
fn names(path: &Path) -> Vec<CString> {
    let mut names: Vec<_> = path
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => CString::new(name.as_bytes()).ok(),
            Component::ParentDir => Some(c"..".to_owned()),
            _ => None,
        })
        .collect();
    names.reverse();
    names
}

/// Whether nobody but this account and root can put names into a directory.
fn is_ours_alone(directory: &OwnedFd) -> rustix::io::Result<bool> {
    let about = look_at(directory.as_fd())?;
    let ours = about.stx_uid == 0 || about.stx_uid == rustix::process::geteuid().as_raw();
    Ok(ours && u32::from(about.stx_mode) & 0o022 == 0)
}
