//! Who writes, where a name cannot be created so that exactly one of several writers wins.
//!
//! One process: it holds a lock on the file `.tmp/single-writer`, which the kernel lets go when the process ends, however
//! it ends, so that nobody ever has to unlock anything. The file stays, and says to everybody who opens the folder how it
//! is written. Of another host the lock may know nothing; who may write there is decided from what was written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::temp::{MARK, Temp};
use crate::PutOutcome;

/// More than what this writes there; a stranger may have written anything.
const WHO_MAX: usize = 120;

/// Why this process may not write, inside an [`io::Error`].
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("locked by {0}")]
    Busy(String),
    #[error("it supports neither exclusive create nor file locks")]
    NoLocks,
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        Self::other(refused)
    }
}

/// This process may write, and no other of this host, until this is dropped.
#[derive(Debug)]
pub(super) struct WriterLock {
    temp_dir: File,
    _lock: File,
    /// Between looking and renaming no other thread does either.
    naming: Mutex<()>,
}

impl WriterLock {
    /// Whether somebody found out that only one process may write here.
    pub(super) fn is_marked(temp_dir: &File) -> io::Result<bool> {
        match rustix::fs::statat(temp_dir, MARK, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Takes the lock, without waiting for anybody.
    ///
    /// # Errors
    /// [`Refused`], or what the file system says.
    pub(super) fn take(temp_dir: &File) -> io::Result<Self> {
        loop {
            let lock = open(temp_dir, OFlags::CREATE)?;
            match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::INTR) => continue,
                Err(Errno::WOULDBLOCK) => return Err(Refused::Busy(who(&lock)).into()),
                Err(Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {
                    return Err(Refused::NoLocks.into());
                }
                Err(e) => return Err(e.into()),
            }
            // Somebody may have removed the file before it was locked: then the next one locks another.
            if !Self::is_marked(temp_dir)? {
                continue;
            }
            // A lock that two get at once is none.
            if rustix::fs::flock(&open(temp_dir, OFlags::empty())?, FlockOperation::NonBlockingLockExclusive).is_ok() {
                return Err(Refused::NoLocks.into());
            }
            let host = rustix::system::uname();
            let own = format!("process {} on {}\n", std::process::id(), host.nodename().to_string_lossy());
            // Only for a message to whoever comes second; a full disk is no reason to fail.
            let _ = lock.set_len(0).and_then(|()| lock.write_all_at(own.as_bytes(), 0));
            return Ok(Self { temp_dir: temp_dir.try_clone()?, _lock: lock, naming: Mutex::default() });
        }
    }

    /// Gives `temp` the name `name` in `dir` unless something is seen there.
    pub(super) fn publish(&self, temp: &Temp<'_>, dir: &File, name: &str) -> io::Result<PutOutcome> {
        let _naming = self.naming.lock().unwrap_or_else(PoisonError::into_inner);
        if !Self::is_marked(&self.temp_dir)? {
            return Err(io::Error::other("the lock by which this process alone writes there was removed"));
        }
        match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(PutOutcome::Exists),
            Err(Errno::NOENT) => {
                rustix::fs::renameat(temp.dir, temp.name.as_slice(), dir, name)?;
                Ok(PutOutcome::Created)
            }
            Err(e) => Err(e.into()),
        }
    }
}

fn open(temp_dir: &File, more: OFlags) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | more;
    Ok(File::from(rustix::fs::openat(temp_dir, MARK, flags, Mode::RUSR | Mode::WUSR)?))
}

/// What the one who holds the lock wrote of itself.
fn who(lock: &File) -> String {
    let mut bytes = [0; WHO_MAX];
    let length = lock.read_at(&mut bytes, 0).unwrap_or(0);
    let plain = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    let line: String = bytes[..length].iter().take_while(|byte| plain(byte)).map(|byte| char::from(*byte)).collect();
    if line.is_empty() { "another one of this host".to_owned() } else { line }
}
