//! How is a folder mounted, how does it end, and what is said where it cannot be?

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};
use fuser::{BackgroundSession, Config, MountOption, Session, SessionACL};
use rustix::mount::UnmountFlags;

use crate::layout::{MountLayout, Numbered};
use crate::readers::ReadingThreads;
use crate::serve::{Serving, ShownFolder};

/// Threads that answer the kernel, and as many that read.
const THREADS: usize = 4;
/// Sentences that wait for somebody to read them.
const SAID_MAX: usize = 256;
const DEVICE: &str = "/dev/fuse";

/// Why a folder cannot be mounted.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// Nothing is there.
    #[error("there is no folder {}: make it first (mkdir)", .0.display())]
    Missing(PathBuf),
    /// Something else is there.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// It would hide something.
    #[error("{} is not empty: what is in it would be hidden; name an empty folder", .0.display())]
    NotEmpty(PathBuf),
    /// A mount whose program ended.
    #[error("{} is a mount whose program has ended: unmount it first (umount, or fusermount3 -u)", .0.display())]
    Stale(PathBuf),
    /// The kernel gives no FUSE.
    #[error(
        "this machine has no /dev/fuse: `modprobe fuse` brings it; a container must be given it (--device /dev/fuse --cap-add SYS_ADMIN)"
    )]
    NoDevice,
    /// Only root mounts by itself.
    #[error(
        "to mount, an account other than root needs the program fusermount3: install the package fuse3 (apt install fuse3)"
    )]
    NoHelper,
    /// The kernel's FUSE is root's alone.
    #[error(
        "this account may not open /dev/fuse: `chmod 0666 /dev/fuse` lets every account mount folders of its own, as is usual"
    )]
    DeviceClosed,
    /// The kernel refuses it even to root.
    #[error(
        "the kernel lets nobody mount here: a container must be allowed to (--device /dev/fuse --cap-add SYS_ADMIN)"
    )]
    NotAllowed,
    /// Something else.
    #[error("{} cannot be mounted: {source}", dir.display())]
    Io {
        /// Which folder.
        dir: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// A folder that shows something, until it is ended or dropped.
pub struct Mounted {
    session: Option<BackgroundSession>,
    dir: PathBuf,
    ending: Arc<AtomicBool>,
    said: Receiver<String>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountEnding {
    /// Nobody was in it.
    Unmounted,
    /// Somebody has something open in it, which is over with this process.
    InUse,
}

/// Whether something can be mounted there.
///
/// # Errors
/// [`MountError`] says why not, for a person to read.
pub fn suits(dir: &Path) -> Result<(), MountError> {
    let refused = |why: io::Error| match why.raw_os_error() {
        // What it was may be remembered for an hour, what is in it is not.
        Some(code) if code == rustix::io::Errno::NOTCONN.raw_os_error() => MountError::Stale(dir.to_owned()),
        _ if why.kind() == io::ErrorKind::NotFound => MountError::Missing(dir.to_owned()),
        _ if why.kind() == io::ErrorKind::NotADirectory => MountError::NotAFolder(dir.to_owned()),
        _ => MountError::Io { dir: dir.to_owned(), source: why },
    };
    if fs::read_dir(dir).map_err(refused)?.next().is_some() {
        return Err(MountError::NotEmpty(dir.to_owned()));
    }
    if !Path::new(DEVICE).exists() {
        return Err(MountError::NoDevice);
    }
    Ok(())
}

/// Shows `layout` in `dir`. Whoever reads something there waits for it up to `limit`.
///
/// # Errors
/// [`MountError`], for a person to read.
pub fn mount(layout: MountLayout, name: &str, dir: &Path, limit: Duration) -> Result<Mounted, MountError> {
    suits(dir)?;
    let failed = |source: io::Error| match source.kind() {
        // Where the kernel refuses, the helper is looked for, and nothing else is.
        io::ErrorKind::NotFound if rustix::process::geteuid().is_root() => MountError::NotAllowed,
        io::ErrorKind::NotFound => MountError::NoHelper,
        io::ErrorKind::PermissionDenied if fs::OpenOptions::new().read(true).write(true).open(DEVICE).is_err() => {
            MountError::DeviceClosed
        }
        _ => MountError::Io { dir: dir.to_owned(), source },
    };
    let dir_whole = dir.canonicalize().map_err(failed)?;
    let (says, said) = bounded(SAID_MAX);
    let ending = Arc::new(AtomicBool::new(false));
    let shown = ShownFolder { numbered: Numbered::new(layout), says, warned: Default::default() };
    let readers = ReadingThreads::new(THREADS, limit, Arc::clone(&ending)).map_err(failed)?;
    let mut config = Config::default();
    config.mount_options = vec![
        MountOption::RO,
        MountOption::NoSuid,
        MountOption::NoDev,
        MountOption::NoExec,
        MountOption::NoAtime,
        MountOption::FSName(name.to_owned()),
        MountOption::Subtype("dr".to_owned()),
    ];
    config.acl = SessionACL::Owner;
    config.n_threads = Some(THREADS);
    let session = Session::new(Serving { shown: Arc::new(shown), readers }, &dir_whole, &config);
    let session = session.and_then(Session::spawn).map_err(failed)?;
    Ok(Mounted { session: Some(session), dir: dir_whole, ending, said })
}

impl Mounted {
    /// The next sentence for a person, if there is one within that time.
    #[must_use]
    pub fn said(&self, within: Duration) -> Option<String> {
        self.said.recv_timeout(within).ok()
    }

    /// Whether somebody unmounted it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.session.as_ref().is_none_or(|session| session.guard.is_finished())
    }

    /// Unmounts it. Whoever waits for something in it is told at once.
    ///
    /// # Errors
    /// If it stays mounted.
    pub fn end(mut self) -> Result<MountEnding, MountError> {
        self.unmount()
    }

    fn unmount(&mut self) -> Result<MountEnding, MountError> {
        self.ending.store(true, Ordering::SeqCst);
        let Some(session) = self.session.take() else { return Ok(MountEnding::Unmounted) };
        if session.guard.is_finished() {
            // Somebody did it; what is mounted there now is somebody else's.
            std::mem::forget(session);
            return Ok(MountEnding::Unmounted);
        }
        let Err(why) = session.umount_and_join() else { return Ok(MountEnding::Unmounted) };
        if why.raw_os_error() != Some(rustix::io::Errno::BUSY.raw_os_error()) {
            return Err(MountError::Io { dir: self.dir.clone(), source: why });
        }
        // Off the tree now, and gone with the last who is in it.
        rustix::mount::unmount(&self.dir, UnmountFlags::DETACH)
            .map(|()| MountEnding::InUse)
            .map_err(|why| MountError::Io { dir: self.dir.clone(), source: why.into() })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = self.unmount();
    }
}
