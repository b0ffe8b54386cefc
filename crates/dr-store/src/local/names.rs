//! From the names of objects to files below a root, one component at a time and never through a link.

use std::fs::File;
use std::io;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::{Key, Listed};

/// Opens the directory `name` in `dir`. A link to a directory is not a directory.
pub(super) fn open_dir(dir: &File, name: &str) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::empty()).map(File::from)
}

/// Makes durable which names `dir` holds. Some network and FUSE file systems know no such request; they answer
/// that it is invalid, and then there is nothing to wait for.
pub(super) fn flush_dir(dir: &File) -> io::Result<()> {
    match rustix::io::retry_on_intr(|| rustix::fs::fsync(dir)) {
        Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) | Ok(()) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// The directory that holds `path` and the last component. [`Errno::NOENT`] if a directory on the way is
/// missing or is something else.
fn parent<'p>(top: &File, path: &'p str) -> Result<(File, &'p str), Errno> {
    let mut dir = top.try_clone().map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
    let mut rest = path;
    while let Some((name, below)) = rest.split_once('/') {
        dir = open_dir(&dir, name).map_err(absent_if_not_ours)?;
        rest = below;
    }
    Ok((dir, rest))
}

/// Where the object is: its directory, its name there and its size. [`Errno::NOENT`] unless it is a plain file.
pub(super) fn find<'k>(top: &File, key: &'k Key) -> Result<(File, &'k str, u64), Errno> {
    let (dir, name) = parent(top, key.as_str())?;
    match rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if kind(&stat) == FileType::RegularFile => Ok((dir, name, size(&stat))),
        Ok(_) => Err(Errno::NOENT),
        Err(e) => Err(e),
    }
}

/// Opens the object for reading. [`Errno::NOENT`] unless it is a plain file.
pub(super) fn open_object(top: &File, key: &Key) -> Result<File, Errno> {
    let (dir, name) = parent(top, key.as_str())?;
    // A pipe under an object's name must not make us wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&dir, name, flags, Mode::empty()).map_err(absent_if_not_ours)?;
    if kind(&rustix::fs::fstat(&file)?) == FileType::RegularFile { Ok(file.into()) } else { Err(Errno::NOENT) }
}

/// Every object at or below `prefix`, sorted. What cannot be read is an error: a listing that leaves out what it
/// could not see would make the unseen look deletable.
pub(super) fn list(top: &File, prefix: &str) -> Result<Vec<Listed>, Errno> {
    let prefix = prefix.trim_end_matches('/');
    let mut found = Vec::new();
    if prefix.is_empty() {
        visit(top, "", &mut found)?;
    } else if let Ok(key) = Key::new(prefix) {
        let here = parent(top, key.as_str())
            .and_then(|(dir, name)| Ok((rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)?, dir, name)));
        match here {
            Ok((stat, dir, name)) if kind(&stat) == FileType::Directory => {
                visit(&open_dir(&dir, name)?, prefix, &mut found)?;
            }
            Ok((stat, ..)) if kind(&stat) == FileType::RegularFile => found.push(listed(key, &stat)),
            Ok(_) | Err(Errno::NOENT) => {}
            Err(e) => return Err(e),
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn visit(dir: &File, prefix: &str, found: &mut Vec<Listed>) -> Result<(), Errno> {
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else {
            continue;
        };
        let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        // This also passes over `.`, `..` and `.tmp`; below a name that is no key there are no keys.
        let Ok(key) = Key::new(path) else { continue };
        let stat = match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => continue,
            Err(e) => return Err(e),
        };
        match kind(&stat) {
            FileType::RegularFile => found.push(listed(key, &stat)),
            FileType::Directory => visit(&open_dir(dir, name)?, key.as_str(), found)?,
            _ => {}
        }
    }
    Ok(())
}

/// `NOTDIR` and `LOOP` are what opening says of links and of files where directories should be: not ours, so absent.
fn absent_if_not_ours(errno: Errno) -> Errno {
    if matches!(errno, Errno::NOTDIR | Errno::LOOP) { Errno::NOENT } else { errno }
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

fn listed(key: Key, stat: &Stat) -> Listed {
    Listed { key, size: size(stat), since_ms: stat.st_mtime.checked_mul(1_000) }
}

fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}
