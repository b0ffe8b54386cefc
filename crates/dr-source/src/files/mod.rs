//! How files and directories are captured with everything they carry, and put back the same.
//!
//! [`capture`] walks lazily, in entry order, through open directories only; [`PutBack`] writes below one root
//! and never outside it. A whole tree never stands in memory: one directory's names do.
//!
//! Limits: a name that is gone or closed to us is an [`dr_entry::Unread`] in its place and the walk goes on; a
//! directory that cannot be read is one `Unread` instead of its entry.

mod ahead;
pub(crate) mod attributes;
pub(crate) mod body;
pub(crate) mod directory;
pub(crate) mod exclude;
mod links;
pub(crate) mod metadata;
pub(crate) mod names;
mod putback;
mod roots;
pub(crate) mod walk;

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dr_entry::{Entries, Time};
use rustix::fs::{CWD, Mode, OFlags, openat};

pub use exclude::{glob, glob_of_any_case};
pub use putback::{Extra, Manner, PutBack, Removal};
pub use roots::Roots;

use crate::SourceError;
use exclude::Exclude;
use roots::Wanted;
use walk::{Start, Walker};

/// What a capture leaves out.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Patterns as the plan has them; what they mean stands in `exclude.rs` and the plan's documentation: no
    /// slash, a name; a leading slash, a whole path; else the last components of a path.
    pub exclude: Vec<String>,
    /// Whether directories on other file systems are kept as empty directories.
    pub one_file_system: bool,
}

/// What was left out on purpose, counted while the capture goes on.
#[derive(Debug, Default)]
pub struct Tally {
    excluded: AtomicU64,
    other_file_systems: AtomicU64,
}

impl Tally {
    /// Names that matched an exclude pattern; what is in an excluded directory is not counted.
    #[must_use]
    pub fn excluded(&self) -> u64 {
        self.excluded.load(Ordering::Relaxed)
    }

    /// Directories kept without their contents because another file system is mounted there.
    #[must_use]
    pub fn other_file_systems(&self) -> u64 {
        self.other_file_systems.load(Ordering::Relaxed)
    }
}

/// A capture that has begun.
pub struct Captured {
    /// The entries, read as they are asked for.
    pub entries: Entries<'static>,
    /// What was left out so far.
    pub tally: Arc<Tally>,
}

/// Begins to capture `roots`. `started` is when the run began: files changed since, or less than two seconds
/// before, get no stamp and are read again next time.
///
/// # Errors
/// A wrong pattern, no paths, or a root directory that cannot be opened.
pub fn capture(roots: &Roots, options: &Options, started: Time) -> Result<Captured, SourceError> {
    let exclude = Exclude::new(&options.exclude)?;
    let tally = Arc::new(Tally::default());
    let (root, start, prefix) = match roots {
        Roots::Directory(path) => {
            let whole = path.canonicalize().map_err(|why| SourceError::open(path, why))?;
            (open_root(&whole)?, Start::Whole, whole.as_os_str().as_bytes().to_vec())
        }
        Roots::Paths(paths) if paths.is_empty() => return Err(SourceError::NoPaths),
        Roots::Paths(paths) => {
            let wanted = Wanted::new(paths);
            let start = if wanted.whole { Start::Whole } else { Start::Parts(wanted) };
            (open_root(Path::new("/"))?, start, Vec::new())
        }
    };
    let walk = Walker::new(
        root,
        start,
        walk::Rules {
            exclude,
            prefix: if prefix == b"/" { Vec::new() } else { prefix },
            one_file_system: options.one_file_system,
            started,
            tally: Arc::clone(&tally),
            special: Box::new(walk::Plain),
        },
    );
    Ok(Captured { entries: Box::new(walk.looking_ahead()), tally })
}

fn open_root(path: &Path) -> Result<OwnedFd, SourceError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty()).map_err(|why| SourceError::open(path, why))
}
