//! Room that is kept back, so that whoever is to make room on a full file system has some to begin with.
//!
//! A handful of small files in `.tmp/reserve`: bytes for log entries and names for them, since a file system may run out of
//! either. They are filled with noise, so that no file system keeps them in less. Nothing rests on them: where they are
//! missing, somebody else must make the first room.

use std::fs::File;
use std::io::{self, Write as _};

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;

use super::names;

const FOLDER: &str = "reserve";
const FILES: u64 = 12;
const EACH: usize = 48 << 10;
/// Nothing is kept back where less than so much is free: there somebody needs it sooner.
const FREE_LEAST: u64 = 16 << 20;

/// Keeps room back, unless it is kept already or there is little.
pub(super) fn keep(temp_dir: &File) {
    // Half a reserve is worth little, and would stay: the next who writes tries again.
    if fill(temp_dir).is_err() {
        give(temp_dir);
    }
}

fn fill(temp_dir: &File) -> io::Result<()> {
    let name = |number: u64| format!("{number:02}");
    let there = names::open_dir(temp_dir, FOLDER);
    if let Ok(folder) = &there {
        let is_full = |number| {
            rustix::fs::statat(folder, name(number), AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| u64::try_from(stat.st_size).is_ok_and(|size| size == EACH as u64))
        };
        if (0..FILES).all(is_full) {
            return Ok(());
        }
    }
    let about = rustix::fs::fstatvfs(temp_dir)?;
    // A file system without a number of files that it can hold says 0 of all of them.
    let is_short_of_files = about.f_files > 0 && about.f_favail < FILES * 3;
    if about.f_bavail.saturating_mul(about.f_frsize) < FREE_LEAST || is_short_of_files {
        return Ok(());
    }
    match rustix::fs::mkdirat(temp_dir, FOLDER, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(e) => return Err(e.into()),
    }
    let folder = names::open_dir(temp_dir, FOLDER)?;
    let mut noise = vec![0; EACH];
    for number in 0..FILES {
        let mut seed = getrandom::u64().map_err(io::Error::from)? | 1;
        for piece in noise.chunks_exact_mut(8) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            piece.copy_from_slice(&seed.to_le_bytes());
        }
        // Made again: what lies there may be a pipe, at which an open waits for ever.
        match rustix::fs::unlinkat(&folder, name(number), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(e) => return Err(e.into()),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        File::from(rustix::fs::openat(&folder, name(number), flags, Mode::RUSR | Mode::WUSR)?).write_all(&noise)?;
    }
    Ok(())
}

/// Gives up what is kept back; whether there was anything.
pub(super) fn give(temp_dir: &File) -> bool {
    let Ok(folder) = names::open_dir(temp_dir, FOLDER) else { return false };
    let Ok(listed) = Dir::read_from(&folder) else { return false };
    let mut any = false;
    for entry in listed.flatten() {
        any |= rustix::fs::unlinkat(&folder, entry.file_name(), AtFlags::empty()).is_ok();
    }
    // Some file systems give a file's blocks back only once its end is durable.
    any && names::flush_dir(&folder).is_ok()
}
